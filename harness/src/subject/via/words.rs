use std::net::SocketAddr;

/// What stands in a command or a file instead of what differs from instance to instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words(Vec<(String, String)>);

impl Words {
    /// Adds a word; it is written in braces.
    pub(super) fn set(&mut self, word: &str, value: &dyn ToString) {
        self.0.push((format!("{{{word}}}"), value.to_string()));
    }

    /// Adds the words for an address.
    pub(super) fn set_address(&mut self, word: &str, address: SocketAddr) {
        let ip = address.ip();
        self.set(word, &address);
        let host = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
        self.set(&format!("{word}-host"), &host);
        self.set(&format!("{word}-ip"), &ip);
        self.set(&format!("{word}-port"), &address.port());
    }

    /// The text with every word replaced.
    pub(super) fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
    }
}

/// What a command lacks without which it can be no proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// It does not say where to listen.
    #[error("`{{listen}}`, or `{{listen-port}}`, stands nowhere in the command of the proxy")]
    Listen,
    /// It does not say what to connect to.
    #[error("`{{target}}`, or `{{target-port}}`, stands nowhere in the command of the proxy")]
    Target,
}

/// What the command of a proxy on the loopback interface lacks, if anything.
pub fn lacking(command: &[String]) -> Option<Lack> {
    let has = |words: [&str; 2]| {
        command.iter().any(|argument| words.iter().any(|word| argument.contains(word)))
    };
    if !has(["{listen}", "{listen-port}"]) {
        return Some(Lack::Listen);
    }
    (!has(["{target}", "{target-port}"])).then_some(Lack::Target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_an_address_is_replaced() {
        let mut words = Words::default();
        words.set_address("listen", "[::1]:80".parse().expect("an address"));
        words.set_address("target", "127.0.0.1:81".parse().expect("an address"));
        words.set("work", &"/w");
        assert_eq!(
            words.fill("{listen} {listen-host} {listen-ip} {listen-port} {work} {other}"),
            "[::1]:80 [::1] ::1 80 /w {other}"
        );
        assert_eq!(words.fill("{target-host}:{target-port}={target}"), "127.0.0.1:81=127.0.0.1:81");
    }

    #[test]
    fn a_command_says_where_to_listen_and_what_to_connect_to() {
        let lack = |text: &str| lacking(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(lack("x {listen} {target}"), None);
        assert_eq!(lack("x TCP-LISTEN:{listen-port} TCP:{target-host}:{target-port}"), None);
        assert_eq!(lack("x {listen-host} {target}"), Some(Lack::Listen));
        assert_eq!(lack("x {listen} {target-host}"), Some(Lack::Target));
    }
}
