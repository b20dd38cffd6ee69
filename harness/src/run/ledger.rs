use crate::vocabulary::{MessageFlags, Op, Outcome, Payload, Received, SocketId};

/// What each socket of a case has accepted for sending and given out by receiving, so that *every
/// byte that was accepted* can be expected without saying how many.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    accounts: Vec<Account>,
}

#[derive(Clone, Debug, Default)]
struct Account {
    accepted: Vec<(Payload, u64)>,
    received: u64,
    /// The socket whose second descriptor this is.
    same_as: Option<SocketId>,
}

impl Ledger {
    /// Opens the books for this many sockets.
    pub(crate) fn new(sockets: usize) -> Self {
        Self { accounts: vec![Account::default(); sockets] }
    }

    /// Writes down what an operation moved.
    pub(crate) fn note(&mut self, op: &Op, outcome: &Outcome) {
        match (op, outcome) {
            (Op::Dup { socket, duplicate }, Outcome::Ok) => {
                let original = self.original(*socket);
                self.accounts[duplicate.index()].same_as = Some(original);
            }
            (Op::Send { socket, data, .. } | Op::Write { socket, data }, Outcome::Count(count)) => {
                self.account(*socket).accepted.push((data.clone(), *count));
            }
            (Op::Fill { socket, seed }, Outcome::Count(count)) => {
                let data = Payload::Generated { length: *count, seed: *seed };
                self.account(*socket).accepted.push((data, *count));
            }
            (Op::Receive { flags, .. }, _) if flags.contains(MessageFlags::PEEK) => {}
            (
                Op::Receive { socket, .. } | Op::Read { socket, .. } | Op::Drain { socket },
                Outcome::Data { bytes, .. },
            ) => self.account(*socket).received += bytes.length(),
            // With MSG_TRUNC a receive says how many bytes it took, and throws them away.
            (Op::Receive { socket, .. }, Outcome::Count(count)) => {
                self.account(*socket).received += count;
            }
            _ => {}
        }
    }

    /// Every byte accepted from `sender`, less what `receiver` had received before a receive that
    /// gave `just_received` bytes and has been noted already.
    pub(crate) fn outstanding(
        &self,
        sender: SocketId,
        receiver: SocketId,
        just_received: u64,
    ) -> Received {
        let taken = self.accounts[self.original(receiver).index()].received;
        let mut before = taken.saturating_sub(just_received);
        let mut bytes = Received::default();
        for (payload, count) in &self.accounts[self.original(sender).index()].accepted {
            let from = before.min(*count);
            before -= from;
            bytes.push_payload(payload, from, *count);
        }
        bytes
    }

    fn original(&self, socket: SocketId) -> SocketId {
        self.accounts[socket.index()].same_as.unwrap_or(socket)
    }

    fn account(&mut self, socket: SocketId) -> &mut Account {
        let original = self.original(socket);
        &mut self.accounts[original.index()]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn literal(text: &str) -> Payload {
        Payload::Literal(Arc::from(text.as_bytes()))
    }

    fn send(socket: usize, text: &str) -> Op {
        let socket = SocketId::new(socket);
        Op::Send { socket, data: literal(text), flags: MessageFlags::NONE, to: None }
    }

    fn data(text: &str) -> Outcome {
        Outcome::data(text.as_bytes())
    }

    #[test]
    fn only_accepted_and_not_yet_received_bytes_are_outstanding() {
        let (sender, receiver) = (SocketId::new(0), SocketId::new(1));
        let mut ledger = Ledger::new(2);
        ledger.note(&send(0, "abcdef"), &Outcome::Count(4));
        ledger.note(&send(0, "xyz"), &Outcome::Count(3));
        let read = Op::Read { socket: receiver, limit: 9 };
        ledger.note(&read, &data("ab"));
        assert_eq!(ledger.outstanding(sender, receiver, 0), Received::from(&b"cdxyz"[..]));
        ledger.note(&read, &data("cdxyz"));
        assert_eq!(ledger.outstanding(sender, receiver, 5), Received::from(&b"cdxyz"[..]));
    }

    #[test]
    fn a_peek_takes_nothing_and_a_duplicate_is_the_same_socket() {
        let (sender, receiver) = (SocketId::new(0), SocketId::new(1));
        let mut ledger = Ledger::new(3);
        let duplicate = SocketId::new(2);
        ledger.note(&Op::Dup { socket: sender, duplicate }, &Outcome::Ok);
        ledger.note(&send(2, "abc"), &Outcome::Count(3));
        let flags = MessageFlags::PEEK;
        let peek = Op::Receive { socket: receiver, limit: 9, flags, source: false };
        ledger.note(&peek, &data("abc"));
        assert_eq!(ledger.outstanding(sender, receiver, 0), Received::from(&b"abc"[..]));
    }

    #[test]
    fn bytes_that_were_thrown_away_are_taken_too() {
        let (sender, receiver) = (SocketId::new(0), SocketId::new(1));
        let mut ledger = Ledger::new(2);
        ledger.note(&send(0, "abcdef"), &Outcome::Count(6));
        let receive = |flags| Op::Receive { socket: receiver, limit: 4, flags, source: false };
        let looked = receive(MessageFlags::TRUNC | MessageFlags::PEEK);
        ledger.note(&looked, &Outcome::Count(4));
        ledger.note(&receive(MessageFlags::TRUNC), &Outcome::Count(4));
        assert_eq!(ledger.outstanding(sender, receiver, 0), Received::from(&b"ef"[..]));
    }
}
