use std::collections::{BTreeMap, BTreeSet};

use super::needs::{Need, needs};
use crate::scenario::Case;
use crate::vocabulary::{ActorId, SocketOption};

/// What an agent says that it can do, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    words: BTreeSet<String>,
    lacks: BTreeMap<String, String>,
}

/// The word for every option.
const OPTIONS: &str = "options";
/// That a pending call can be ended.
pub(super) const CANCEL: &str = "cancel";

impl Offers {
    /// Every word that an agent can offer, but for those of single options.
    pub const WORDS: [&'static str; 33] = [
        "tcp4",
        "tcp6",
        "udp4",
        "udp6",
        "unix",
        "unix-dgram",
        "blocking-calls",
        "concurrent",
        CANCEL,
        "shutdown-read",
        "shutdown-write",
        "shutdown-both",
        "shutdown-number",
        "dup",
        "peek",
        "wait-all",
        "dont-wait",
        "truncation",
        "more",
        "error-queue",
        "raise",
        "read-write",
        "nonblocking",
        OPTIONS,
        "short-options",
        "poll",
        "epoll",
        "select",
        "names",
        "fill",
        "signals",
        "tcp-info",
        "cut-datagrams",
    ];

    /// These words, and the reasons for not having others.
    pub fn new(words: impl IntoIterator<Item = String>, lacks: BTreeMap<String, String>) -> Self {
        Self { words: words.into_iter().collect(), lacks }
    }

    /// Whether a word is offered.
    pub fn has(&self, word: &str) -> bool {
        self.words.contains(word)
            || (self.words.contains(OPTIONS) && SocketOption::from_name(word).is_some())
    }

    /// The words that mean nothing.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        let known =
            |word: &str| Self::WORDS.contains(&word) || SocketOption::from_name(word).is_some();
        self.words.iter().map(String::as_str).filter(move |word| !known(word))
    }

    /// Why a case cannot be run, if it needs something that is not offered.
    pub fn lacking(&self, case: &Case, plays: impl Fn(ActorId) -> bool) -> Option<String> {
        let needs = needs(case, plays);
        // The verbs that have no word every agent can do, if not on every socket.
        let is_lacking = |need: &&Need| !Need::VERBS.contains(&need.word) && !self.has(need.word);
        if let Some(need) = needs.iter().find(is_lacking) {
            return Some(match self.lacks.get(need.word) {
                Some(reason) => format!("no {}: {reason}", need.word),
                None => format!("no {}", need.word),
            });
        }
        let of = |need: &Need| Some(format!("{} on {}", need.word, need.on?));
        let lack = needs.iter().filter_map(of).find(|lack| self.lacks.contains_key(lack))?;
        self.lacks.get(&lack).map(|reason| format!("no {lack}: {reason}"))
    }

    /// Whether a word that is offered is said not to go with this kind of socket.
    pub fn lacks_on(&self, word: &str, on: &str) -> bool {
        self.lacks.contains_key(&format!("{word} on {on}"))
    }

    /// The lacks that say nothing: the word is offered, or what is said to be lacking on some socket is no word
    /// that is offered, or that is no kind of socket.
    pub fn idle_lacks(&self) -> impl Iterator<Item = &str> {
        let says = |lack: &str| match lack.split_once(" on ") {
            Some((word, on)) => {
                (self.has(word) || Need::VERBS.contains(&word)) && Need::ON.contains(&on)
            }
            None => !self.has(lack),
        };
        self.lacks.keys().map(String::as_str).filter(move |lack| !says(lack))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::scenario::Document;
    use crate::vocabulary::ScenarioId;

    const TEXT: &str = "\"a title\"\nneeds shutdown-read\nover tcp4 udp4\n\n\
                        client  open s           => ok\n\
                        client  shutdown s read  => ENOTCONN\n";

    #[test]
    fn a_word_can_be_lacking_on_some_sockets_only() {
        let lacks = [("shutdown-read on udp4", "it has no halves"), ("dup on tcp4", "never")];
        let lacks = lacks.map(|(word, why)| (word.to_owned(), why.to_owned()));
        let words = ["tcp4", "udp4", "shutdown-read"].map(str::to_owned);
        let offers = Offers::new(words, lacks.into());
        let document = Document::parse(TEXT, ScenarioId::new("a/b"), "b.scn");
        let cases = document.unwrap_or_else(|mistakes| panic!("{mistakes:?}")).cases();
        let lacking: Vec<_> = cases.iter().map(|case| offers.lacking(case, |_| true)).collect();
        assert_eq!(lacking, [None, Some("no shutdown-read on udp4: it has no halves".to_owned())]);
        assert_eq!(offers.idle_lacks().collect::<Vec<_>>(), ["dup on tcp4"]);
    }

    /// Why an agent with these words does not run a scenario with this step.
    fn lacking(step: &str, words: &[&str]) -> Option<String> {
        let text = format!("\"t\"\nover tcp4\npair client.c server.s\n\n{step}\n");
        let document = Document::parse(&text, ScenarioId::new("a/b"), "b.scn");
        let cases = document.expect("it has no mistake").cases();
        let words = ["tcp4"].iter().chain(words).map(|&word| word.to_owned());
        Offers::new(words, BTreeMap::new()).lacking(&cases[0], |_| true)
    }

    #[rstest]
    #[case::sent("client send c \"x\" => EPIPE SIGPIPE", &[], Some("no raise"))]
    #[case::written("client write c \"x\" => EPIPE SIGPIPE", &["read-write"], Some("no raise"))]
    #[case::offered("client write c \"x\" => EPIPE SIGPIPE", &["read-write", "raise"], None)]
    #[case::silent("client send c \"x\" => EPIPE", &[], None)]
    fn a_signal_is_expected_only_of_who_offers_signals(
        #[case] step: &str,
        #[case] words: &[&str],
        #[case] why: Option<&str>,
    ) {
        assert_eq!(lacking(step, words).as_deref(), why);
    }
}
