use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use crate::vocabulary::{
    Address, Errno, How, Op, OptionValue, Outcome, SocketId, SocketOption, Transport,
};

/// What the calls of a case came to, by socket: what a fault can depend on.
#[derive(Debug, Default)]
pub(super) struct Facts {
    sockets: BTreeMap<SocketId, SocketFacts>,
    /// Of a duplicate, the socket that it is another descriptor of.
    originals: BTreeMap<SocketId, SocketId>,
}

/// What is known of one socket, whichever descriptor of it was used.
#[derive(Clone, Debug, Default)]
pub(super) struct SocketFacts {
    /// Its family and type, where the case says so.
    pub(super) transport: Option<Transport>,
    /// Whether it listens.
    pub(super) listens: bool,
    /// Whether it was accepted from a listener.
    pub(super) accepted: bool,
    /// Where it is bound, if it was asked to be.
    pub(super) bound: Option<Address>,
    /// Where it was last connected to, whatever came of it.
    pub(super) peer: Option<Address>,
    /// How often it was connected.
    pub(super) connects: u32,
    /// Which halves are shut.
    pub(super) shut: Halves,
    /// How often it was shut down.
    pub(super) shutdowns: u32,
    /// When it was first shut down.
    pub(super) shut_at: Option<Duration>,
    /// Whether it does not wait.
    pub(super) nonblocking: bool,
    /// How many descriptors it has.
    pub(super) descriptors: u32,
    /// How many descriptors of it were closed.
    pub(super) closes: u32,
    /// How many calls of it are going on.
    pub(super) pending: u32,
    /// The options that were set, to what.
    pub(super) options: BTreeMap<SocketOption, OptionValue>,
    /// How many receives gave data.
    pub(super) receives: u32,
    /// How many receives gave the end of the stream.
    pub(super) ends: u32,
    /// How many sends succeeded.
    pub(super) sends: u32,
    /// The last error that a call gave.
    pub(super) last_error: Option<Errno>,
    /// The last pending error that was read.
    pub(super) pending_error: Option<Errno>,
    /// How many calls its limit has ended.
    pub(super) timeouts: u32,
    /// When its receive limit was set.
    pub(super) limit_at: Option<Duration>,
    /// How often its data was peeked at.
    pub(super) peeks: u32,
    /// How many bad frames it gave.
    pub(super) bad_frames: u32,
    /// Which halves a fault has opened again.
    pub(super) reopened: Halves,
}

/// Some of a socket's two halves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Halves {
    pub(super) read: bool,
    pub(super) write: bool,
}

impl Halves {
    /// Those that a shutdown names.
    pub(super) const fn of(how: How) -> Self {
        Self {
            read: matches!(how, How::Read | How::Both),
            write: matches!(how, How::Write | How::Both),
        }
    }

    /// Whether all of others are among them.
    pub(super) const fn contain(self, others: Self) -> bool {
        (self.read || !others.read) && (self.write || !others.write)
    }
}

/// What is known of a socket of which nothing is.
static UNKNOWN: LazyLock<SocketFacts> = LazyLock::new(SocketFacts::default);

impl SocketFacts {
    /// Whether it is a stream; what is not known is one.
    pub(super) fn is_stream(&self) -> bool {
        self.transport.is_none_or(Transport::is_stream)
    }

    /// Whether it is a TCP socket; what is not known is one.
    pub(super) fn is_tcp(&self) -> bool {
        self.is_stream() && self.transport != Some(Transport::Unix)
    }

    /// What an option was set to.
    pub(super) fn option(&self, option: SocketOption) -> Option<OptionValue> {
        self.options.get(&option).copied()
    }

    /// Whether a flag was switched on.
    pub(super) fn has(&self, option: SocketOption) -> bool {
        !matches!(self.option(option), None | Some(OptionValue::Number(0)))
    }

    /// A limit that was set, unless it is zero: then there is none.
    pub(super) fn limit(&self, option: SocketOption) -> Option<Duration> {
        match self.option(option) {
            Some(OptionValue::Time(time)) if !time.is_zero() => Some(time),
            _ => None,
        }
    }
}

impl Facts {
    fn original(&self, socket: SocketId) -> SocketId {
        self.originals.get(&socket).copied().unwrap_or(socket)
    }

    /// What is known of a socket.
    pub(super) fn of(&self, socket: SocketId) -> &SocketFacts {
        self.sockets.get(&self.original(socket)).unwrap_or(&UNKNOWN)
    }

    /// What is known of a socket, to be added to.
    pub(super) fn of_mut(&mut self, socket: SocketId) -> &mut SocketFacts {
        let original = self.original(socket);
        self.sockets.entry(original).or_default()
    }

    /// Takes note of what was asked for and what came of it.
    pub(super) fn add(&mut self, op: &Op, outcome: &Outcome, now: Duration) {
        let good = !matches!(outcome, Outcome::Failed { .. } | Outcome::Blocked | Outcome::Timeout);
        match op {
            Op::Accept { listener, socket } if good => {
                let transport = self.of(*listener).transport;
                *self.of_mut(*socket) = SocketFacts {
                    transport,
                    accepted: true,
                    descriptors: 1,
                    ..SocketFacts::default()
                };
            }
            Op::Dup { socket, duplicate } if good => {
                let original = self.original(*socket);
                self.originals.insert(*duplicate, original);
            }
            _ => {}
        }
        let facts = self.of_mut(op.socket());
        match outcome {
            Outcome::Failed { errno, .. } => facts.last_error = Some(*errno),
            Outcome::Timeout => facts.timeouts += 1,
            Outcome::EndOfStream => facts.ends += 1,
            Outcome::Data { .. } => facts.receives += 1,
            Outcome::Value(OptionValue::Error(error)) => facts.pending_error = *error,
            _ => {}
        }
        match op {
            Op::Connect { address, .. } => {
                facts.peer = Some(*address);
                facts.connects += 1;
            }
            Op::SetOption { option, value, .. } if good => {
                facts.options.insert(*option, *value);
            }
            Op::Open { transport, .. } if good => {
                (facts.transport, facts.descriptors) = (Some(*transport), 1);
            }
            Op::Bind { open, address, .. } if good => {
                if open.is_some() {
                    (facts.transport, facts.descriptors) = (*open, 1);
                }
                facts.bound = Some(*address);
            }
            Op::Listen { .. } if good => facts.listens = true,
            Op::Shutdown { how, .. } if good => {
                let named = Halves::of(*how);
                facts.shut.read |= named.read;
                facts.shut.write |= named.write;
                facts.shutdowns += 1;
                facts.shut_at.get_or_insert(now);
            }
            Op::Nonblocking { on, .. } if good => facts.nonblocking = *on,
            Op::Dup { .. } if good => facts.descriptors += 1,
            Op::Close { .. } => {
                facts.descriptors = facts.descriptors.saturating_sub(1);
                facts.closes += 1;
            }
            Op::Send { .. } | Op::Write { .. } if good => facts.sends += 1,
            _ => {}
        }
    }
}
