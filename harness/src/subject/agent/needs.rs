use std::collections::{BTreeMap, BTreeSet};

use super::offers::CANCEL;
use crate::scenario::{Action, Alternative, Case, Expected};
use crate::vocabulary::{
    ActorId, Capability, How, MessageFlags, Op, Poller, SocketId, SocketOption, Transport,
};

/// A word that a case needs an agent to offer, and on what kind of socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    pub(super) word: &'static str,
    /// A transport, or what was done with the socket so far; `None` where that is all the same.
    pub(super) on: Option<&'static str>,
}

/// That a socket waits for connections.
const LISTENER: &str = "listener";
/// That a socket was bound, but is neither connected nor waits for connections.
const UNCONNECTED: &str = "unconnected";
/// That nothing was done with a socket so far.
const UNBOUND: &str = "unbound";

impl Need {
    /// On what a word can be lacking that is offered otherwise.
    pub(super) const ON: [&'static str; 9] = [
        Transport::Tcp4.word(),
        Transport::Tcp6.word(),
        Transport::Unix.word(),
        Transport::UnixDgram.word(),
        Transport::Udp4.word(),
        Transport::Udp6.word(),
        LISTENER,
        UNCONNECTED,
        UNBOUND,
    ];
    /// The verbs that need no word, but can be lacking on some sockets.
    pub(super) const VERBS: [&'static str; 6] =
        ["bind", "connect", "send", "recv", "setopt", "getopt"];
}

/// What was done with the sockets of a case up to some step.
#[derive(Default)]
struct Sockets(BTreeMap<SocketId, (Transport, Option<&'static str>)>);

impl Sockets {
    /// On what an operation acts.
    fn on(&self, op: &Op) -> [Option<&'static str>; 2] {
        match self.0.get(&op.socket()) {
            Some((transport, state)) => [Some(transport.word()), *state],
            None => [None, None],
        }
    }

    /// Notes what an operation does, where it succeeds.
    fn note(&mut self, op: &Op) {
        let state = |socket: &SocketId| self.0.get(socket).copied();
        match op {
            Op::Open { socket, transport } => {
                self.0.insert(*socket, (*transport, Some(UNBOUND)));
            }
            Op::Bind { socket, open, .. } => {
                if let Some(transport) = open.or(state(socket).map(|one| one.0)) {
                    self.0.insert(*socket, (transport, Some(UNCONNECTED)));
                }
            }
            Op::Listen { socket, .. } => {
                if let Some((transport, _)) = state(socket) {
                    self.0.insert(*socket, (transport, Some(LISTENER)));
                }
            }
            Op::Connect { socket, .. } => {
                if let Some((transport, _)) = state(socket) {
                    self.0.insert(*socket, (transport, None));
                }
            }
            Op::Accept { listener, socket } => {
                if let Some((transport, _)) = state(listener) {
                    self.0.insert(*socket, (transport, None));
                }
            }
            Op::Dup { socket, duplicate } => {
                if let Some(known) = state(socket) {
                    self.0.insert(*duplicate, known);
                }
            }
            _ => {}
        }
    }
}

/// What a case needs of whom `plays` some of its actors.
pub(super) fn needs(case: &Case, plays: impl Fn(ActorId) -> bool) -> BTreeSet<Need> {
    let mut needs = BTreeSet::new();
    let mut sockets = Sockets::default();
    let mut need = |words: &[&'static str], on: &[Option<&'static str>]| {
        let on = on.iter().flatten().copied().map(Some).chain([None]);
        needs.extend(on.flat_map(|on| words.iter().map(move |word| Need { word, on })));
    };
    // Which options are needed say the steps.
    let named = case.needs.iter().filter(|need| **need != Capability::Options);
    need(&named.map(|need| need.word()).collect::<Vec<_>>(), &[]);
    for step in &case.steps {
        let is_cut =
            |one: &Alternative| matches!(one.expected, Expected::Data { truncated: true, .. });
        let cuts = step.expectation.as_ref().is_some_and(|one| one.alternatives.iter().any(is_cut));
        let with_signal =
            |one: &Alternative| matches!(one.expected, Expected::Failed { signal: Some(_), .. });
        let raises =
            step.expectation.as_ref().is_some_and(|one| one.alternatives.iter().any(with_signal));
        let may_block = step.expectation.as_ref().is_some_and(|one| one.allows(&Expected::Blocked));
        let ends = [may_block.then_some(CANCEL), raises.then_some("raise")];
        let ends: Vec<_> = ends.into_iter().flatten().collect();
        match &step.action {
            Action::Perform { actor, op } if plays(*actor) => {
                need(&words(op), &sockets.on(op));
                need(&ends, &sockets.on(op));
                need(cuts.then_some("cut-datagrams").as_slice(), &sockets.on(op));
            }
            Action::Start { actor, op, .. } if plays(*actor) => {
                need(&words(op), &sockets.on(op));
                need(&["blocking-calls", "concurrent"], &sockets.on(op));
            }
            Action::Await { actor, .. } if plays(*actor) => need(&ends, &[]),
            Action::Interrupt { actor, .. } if plays(*actor) => need(&["signals"], &[]),
            _ => {}
        }
        if let Action::Perform { op, .. } | Action::Start { op, .. } = &step.action {
            sockets.note(op);
        }
    }
    needs
}

/// The words that an operation needs.
fn words(op: &Op) -> Vec<&'static str> {
    let mut words = Vec::new();
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
        Op::Send { flags, .. } | Op::SendFrame { flags, .. } | Op::SendAll { flags, .. } => {
            flagged(*flags);
            words.push("send");
        }
        Op::Receive { flags, .. } => {
            flagged(*flags);
            words.push("recv");
        }
        Op::Open { transport, .. } | Op::Bind { open: Some(transport), .. } => {
            words.push(transport.word());
        }
        Op::Write { .. } | Op::Read { .. } => {
            words.push("read-write");
        }
        Op::Shutdown { how, .. } => {
            words.push(match how {
                How::Read => "shutdown-read",
                How::Write => "shutdown-write",
                How::Both => "shutdown-both",
                How::Number(_) => "shutdown-number",
            });
        }
        Op::Dup { .. } => {
            words.push("dup");
        }
        Op::SetOption { option, length, .. } => {
            words.extend([option.name(), "setopt"]);
            words.extend(length.map(|_| "short-options"));
        }
        Op::GetOption { option: SocketOption::TcpInfo, .. } => {
            words.extend(["tcp-info", "getopt"]);
        }
        Op::GetOption { option, .. } => {
            words.extend([option.name(), "getopt"]);
        }
        Op::Poll { by, .. } => {
            words.push(match by {
                Poller::Poll => "poll",
                Poller::Epoll => "epoll",
                Poller::Select => "select",
            });
        }
        Op::Nonblocking { .. } => {
            words.push("nonblocking");
        }
        Op::Name { .. } | Op::PeerName { .. } => {
            words.push("names");
        }
        Op::Fill { .. } => {
            words.push("fill");
        }
        Op::Drain { .. } | Op::ReceiveFrame { .. } => words.push("recv"),
        Op::Bind { open: None, .. } => words.push("bind"),
        Op::Connect { .. } => words.push("connect"),
        Op::Listen { .. } | Op::Accept { .. } | Op::Close { .. } => {}
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Document;
    use crate::vocabulary::ScenarioId;

    /// What the first case of these steps needs of whoever plays all of its actors.
    fn of(head: &str, steps: &str) -> Vec<String> {
        let text = format!("\"a title\"\nlevel must\n{head}\n\n{steps}");
        let document = Document::parse(&text, ScenarioId::new("a/b"), "b.scn");
        let document = document.unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let case = document.cases().into_iter().next().expect("it has a case");
        let needs = needs(&case, |_| true).into_iter();
        needs.map(|need| format!("{} on {}", need.word, need.on.unwrap_or("any"))).collect()
    }

    #[test]
    fn what_was_done_with_a_socket_is_known() {
        let found = of(
            "needs shutdown-read options\nover udp4",
            "client  open s              => ok\n\
             client  getopt s SO_ERROR   => 0\n\
             client  bind s any:p        => ok\n\
             client  shutdown s read     => ENOTCONN\n\
             client  connect s client:p  => ok\n\
             client  send s \"x\"        => 1\n",
        );
        for needed in [
            "getopt on unbound",
            "getopt on udp4",
            "SO_ERROR on any",
            "SO_ERROR on unbound",
            "shutdown-read on unconnected",
            "connect on unconnected",
            "send on udp4",
            "udp4 on any",
        ] {
            assert!(found.iter().any(|need| need == needed), "{needed}: {found:?}");
        }
        for idle in ["send on unconnected", "shutdown-read on unbound"] {
            assert!(found.iter().all(|need| need != idle), "{idle}: {found:?}");
        }
    }

    #[test]
    fn a_listener_and_what_it_accepts_differ() {
        let found = of(
            "needs shutdown-read\nover tcp4",
            "server  open l              => ok\n\
             server  bind l any:p        => ok\n\
             server  listen l            => ok\n\
             client  open c              => ok\n\
             client  connect c server:p  => ok\n\
             server  accept l k          => ok\n\
             server  shutdown k read     => ok\n",
        );
        assert!(found.iter().all(|need| need != "shutdown-read on listener"), "{found:?}");
        assert!(found.iter().any(|need| need == "shutdown-read on tcp4"), "{found:?}");
    }
}
