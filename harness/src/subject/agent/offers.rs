use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::{Action, Alternative, Case, Expected};
use crate::vocabulary::{ActorId, Capability, How, MessageFlags, Op, Poller, SocketOption};

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

    /// Why a case cannot be run, if it needs a word that is not offered.
    pub fn lacking(&self, case: &Case, plays: impl Fn(ActorId) -> bool) -> Option<String> {
        let word = needs(case, plays).into_iter().find(|word| !self.has(word))?;
        Some(match self.lacks.get(word) {
            Some(reason) => format!("no {word}: {reason}"),
            None => format!("no {word}"),
        })
    }
}

/// The words that a case needs of whom `plays` some of its actors.
fn needs(case: &Case, plays: impl Fn(ActorId) -> bool) -> BTreeSet<&'static str> {
    let mut words: BTreeSet<&'static str> = BTreeSet::new();
    // Which options are needed say the steps.
    let named = case.needs.iter().filter(|need| **need != Capability::Options);
    words.extend(named.map(|need| need.word()));
    for step in &case.steps {
        let is_cut =
            |one: &Alternative| matches!(one.expected, Expected::Data { truncated: true, .. });
        let cuts = step.expectation.as_ref().is_some_and(|one| one.alternatives.iter().any(is_cut));
        let with_signal =
            |one: &Alternative| matches!(one.expected, Expected::Failed { signal: Some(_), .. });
        let raises =
            step.expectation.as_ref().is_some_and(|one| one.alternatives.iter().any(with_signal));
        let may_block = step.expectation.as_ref().is_some_and(|one| one.allows(&Expected::Blocked));
        match &step.action {
            Action::Perform { actor, op } if plays(*actor) => {
                of(op, &mut words);
                words.extend(may_block.then_some(CANCEL));
                words.extend(cuts.then_some("cut-datagrams"));
                words.extend(raises.then_some("raise"));
            }
            Action::Start { actor, op, .. } if plays(*actor) => {
                of(op, &mut words);
                words.extend(["blocking-calls", "concurrent"]);
            }
            Action::Await { actor, .. } if plays(*actor) => {
                words.extend(may_block.then_some(CANCEL));
                words.extend(raises.then_some("raise"));
            }
            Action::Interrupt { actor, .. } if plays(*actor) => {
                words.insert("signals");
            }
            _ => {}
        }
    }
    words
}

/// The words that an operation needs.
fn of(op: &Op, words: &mut BTreeSet<&'static str>) {
    let mut flagged = |flags: MessageFlags| {
        let known = [
            (MessageFlags::DONTWAIT, "dont-wait"),
            (MessageFlags::PEEK, "peek"),
            (MessageFlags::WAITALL, "wait-all"),
            (MessageFlags::TRUNC, "truncation"),
            (MessageFlags::MORE, "more"),
            (MessageFlags::ERRQUEUE, "error-queue"),
            (MessageFlags::RAISE, "raise"),
        ];
        words.extend(known.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|one| one.1));
    };
    match op {
        Op::Send { flags, .. }
        | Op::SendFrame { flags, .. }
        | Op::SendAll { flags, .. }
        | Op::Receive { flags, .. } => {
            flagged(*flags);
        }
        Op::Open { transport, .. } | Op::Bind { open: Some(transport), .. } => {
            words.insert(transport.word());
        }
        Op::Write { .. } | Op::Read { .. } => {
            words.insert("read-write");
        }
        Op::Shutdown { how, .. } => {
            words.insert(match how {
                How::Read => "shutdown-read",
                How::Write => "shutdown-write",
                How::Both => "shutdown-both",
                How::Number(_) => "shutdown-number",
            });
        }
        Op::Dup { .. } => {
            words.insert("dup");
        }
        Op::SetOption { option, length, .. } => {
            words.insert(option.name());
            words.extend(length.map(|_| "short-options"));
        }
        Op::GetOption { option: SocketOption::TcpInfo, .. } => {
            words.insert("tcp-info");
        }
        Op::GetOption { option, .. } => {
            words.insert(option.name());
        }
        Op::Poll { by, .. } => {
            words.insert(match by {
                Poller::Poll => "poll",
                Poller::Epoll => "epoll",
                Poller::Select => "select",
            });
        }
        Op::Nonblocking { .. } => {
            words.insert("nonblocking");
        }
        Op::Name { .. } | Op::PeerName { .. } => {
            words.insert("names");
        }
        Op::Fill { .. } => {
            words.insert("fill");
        }
        Op::Drain { .. }
        | Op::ReceiveFrame { .. }
        | Op::Bind { open: None, .. }
        | Op::Listen { .. }
        | Op::Connect { .. }
        | Op::Accept { .. }
        | Op::Close { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::scenario::Document;
    use crate::vocabulary::ScenarioId;

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
