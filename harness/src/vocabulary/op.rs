use std::ops::BitOr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Address, Framing, OptionValue, Payload, Readiness, SocketId, SocketOption, Transport};

/// One operation that an actor is asked to perform on a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum Op {
    /// Makes a socket.
    Open {
        /// The name it gets.
        socket: SocketId,
        /// Its family and type.
        transport: Transport,
    },
    /// Gives a socket a local address.
    Bind {
        /// The socket.
        socket: SocketId,
        /// The transport to open it with first, where it does not exist yet.
        open: Option<Transport>,
        /// The address.
        address: Address,
    },
    /// Makes a socket wait for connections.
    Listen {
        /// The socket.
        socket: SocketId,
        /// How many connections may wait to be accepted.
        backlog: i32,
    },
    /// Connects a socket, or sets a datagram socket's peer.
    Connect {
        /// The socket.
        socket: SocketId,
        /// The peer's address.
        address: Address,
    },
    /// Takes a waiting connection.
    Accept {
        /// The listening socket.
        listener: SocketId,
        /// The name the connection gets.
        socket: SocketId,
    },
    /// Sends bytes: send(2), or sendto(2) with an address. Carries `MSG_NOSIGNAL` unless
    /// [`MessageFlags::RAISE`] is given.
    Send {
        /// The socket.
        socket: SocketId,
        /// What to send.
        data: Payload,
        /// How.
        flags: MessageFlags,
        /// Where to, if not to the peer.
        to: Option<Address>,
    },
    /// Sends bytes by write(2), which takes no flags.
    Write {
        /// The socket.
        socket: SocketId,
        /// What to send.
        data: Payload,
    },
    /// Receives at most `limit` bytes: recv(2) or recvfrom(2).
    Receive {
        /// The socket.
        socket: SocketId,
        /// The size of the buffer.
        limit: usize,
        /// How.
        flags: MessageFlags,
        /// Whether the sender's address is asked for.
        source: bool,
    },
    /// Receives at most `limit` bytes by read(2), which takes no flags.
    Read {
        /// The socket.
        socket: SocketId,
        /// The size of the buffer.
        limit: usize,
    },
    /// Shuts down one direction or both.
    Shutdown {
        /// The socket.
        socket: SocketId,
        /// Which.
        how: How,
    },
    /// Closes a descriptor.
    Close {
        /// The socket.
        socket: SocketId,
    },
    /// Makes a second descriptor for a socket.
    Dup {
        /// The socket.
        socket: SocketId,
        /// The name the second descriptor gets.
        duplicate: SocketId,
    },
    /// Sets an option.
    SetOption {
        /// The socket.
        socket: SocketId,
        /// Which.
        option: SocketOption,
        /// To what.
        value: OptionValue,
        /// How many bytes of the value are passed, to see it refused; all of them unless given.
        length: Option<u8>,
    },
    /// Reads an option.
    GetOption {
        /// The socket.
        socket: SocketId,
        /// Which.
        option: SocketOption,
    },
    /// Asks what a socket is ready for.
    Poll {
        /// The socket.
        socket: SocketId,
        /// What is asked for; of nothing, only what is told unasked can come.
        interest: Readiness,
        /// By which of the subject's mechanisms.
        by: Poller,
        /// How long to wait until something of it is so; `None` asks for what is so now.
        timeout: Option<Duration>,
    },
    /// Switches `O_NONBLOCK`.
    Nonblocking {
        /// The socket.
        socket: SocketId,
        /// On or off.
        on: bool,
    },
    /// Reads the local address.
    Name {
        /// The socket.
        socket: SocketId,
    },
    /// Reads the peer's address.
    PeerName {
        /// The socket.
        socket: SocketId,
    },
    /// Sends a generated stream until a send would block.
    Fill {
        /// The socket.
        socket: SocketId,
        /// Which stream.
        seed: u64,
    },
    /// Receives until the end of the stream and gives all of it.
    Drain {
        /// The socket.
        socket: SocketId,
    },
    /// Sends a message as a frame, in as many calls as it takes. Carries `MSG_NOSIGNAL`.
    SendFrame {
        /// The socket.
        socket: SocketId,
        /// The message.
        data: Payload,
        /// How its end is made known.
        framing: Framing,
        /// How many bytes a message may have.
        limit: usize,
        /// Which bytes of the frame go into which call.
        pieces: Pieces,
        /// How.
        flags: MessageFlags,
    },
    /// Sends each of several pieces whole, in as many calls as it takes. Carries `MSG_NOSIGNAL`. No
    /// scenario says this: it is what a frame comes to once it is cut up.
    SendAll {
        /// The socket.
        socket: SocketId,
        /// The pieces, each of which has a call of its own.
        pieces: Vec<Payload>,
        /// How.
        flags: MessageFlags,
    },
    /// Receives until a whole frame is there and gives its message. What comes behind it is kept
    /// for the next one.
    ReceiveFrame {
        /// The socket.
        socket: SocketId,
        /// How the end of a message is known.
        framing: Framing,
        /// How many bytes a message may have.
        limit: usize,
    },
}

impl Op {
    /// The socket that the operation is performed on (for accept, the listener).
    pub const fn socket(&self) -> SocketId {
        match self {
            Self::Accept { listener: socket, .. }
            | Self::Open { socket, .. }
            | Self::Bind { socket, .. }
            | Self::Listen { socket, .. }
            | Self::Connect { socket, .. }
            | Self::Send { socket, .. }
            | Self::Write { socket, .. }
            | Self::Receive { socket, .. }
            | Self::Read { socket, .. }
            | Self::Shutdown { socket, .. }
            | Self::Close { socket }
            | Self::Dup { socket, .. }
            | Self::SetOption { socket, .. }
            | Self::GetOption { socket, .. }
            | Self::Poll { socket, .. }
            | Self::Nonblocking { socket, .. }
            | Self::Name { socket }
            | Self::PeerName { socket }
            | Self::Fill { socket, .. }
            | Self::SendFrame { socket, .. }
            | Self::SendAll { socket, .. }
            | Self::ReceiveFrame { socket, .. }
            | Self::Drain { socket } => *socket,
        }
    }

    /// The same operation on other sockets: each that it names is replaced by what `map` gives.
    #[must_use]
    pub fn with_sockets(mut self, map: impl Fn(SocketId) -> SocketId) -> Self {
        match &mut self {
            Self::Accept { listener: socket, socket: other }
            | Self::Dup { socket, duplicate: other } => {
                *socket = map(*socket);
                *other = map(*other);
            }
            Self::Open { socket, .. }
            | Self::Bind { socket, .. }
            | Self::Listen { socket, .. }
            | Self::Connect { socket, .. }
            | Self::Send { socket, .. }
            | Self::Write { socket, .. }
            | Self::Receive { socket, .. }
            | Self::Read { socket, .. }
            | Self::Shutdown { socket, .. }
            | Self::Close { socket }
            | Self::SetOption { socket, .. }
            | Self::GetOption { socket, .. }
            | Self::Poll { socket, .. }
            | Self::Nonblocking { socket, .. }
            | Self::Name { socket }
            | Self::PeerName { socket }
            | Self::Fill { socket, .. }
            | Self::SendFrame { socket, .. }
            | Self::SendAll { socket, .. }
            | Self::ReceiveFrame { socket, .. }
            | Self::Drain { socket } => *socket = map(*socket),
        }
        self
    }

    /// The socket that the operation makes, if it makes one.
    pub const fn makes(&self) -> Option<SocketId> {
        match self {
            Self::Open { socket, .. }
            | Self::Bind { socket, open: Some(_), .. }
            | Self::Accept { socket, .. }
            | Self::Dup { duplicate: socket, .. } => Some(*socket),
            _ => None,
        }
    }
}

/// A mechanism that tells what a socket is ready for. All answer the same question in the same words,
/// as far as they know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Poller {
    /// poll(2): the socket is named in each call.
    Poll,
    /// epoll(7), level-triggered: the socket is registered once, and asked about after that.
    Epoll,
    /// select(2): a set of descriptors for each of three questions.
    Select,
}

impl Poller {
    /// Whether it can tell a flag.
    pub const fn knows(self, flag: Readiness) -> bool {
        match self {
            Self::Poll => true,
            Self::Epoll => !flag.contains(Readiness::NVAL),
            Self::Select => Readiness::SELECTABLE.contains(flag),
        }
    }
}

/// Which bytes of a frame are sent, and in which calls. A number that is not smaller than the frame
/// stands for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pieces {
    /// All of them in one call.
    Whole,
    /// The first so many, at least 1, and then the others.
    Cut(usize),
    /// So many a call, at least 1.
    By(usize),
    /// Only the first so many, at least 1.
    First(usize),
    /// Only those behind the first so many, at least 1.
    Rest(usize),
}

impl Pieces {
    /// The words that stand in a scenario before a number.
    pub const WORDS: [&'static str; 4] = ["cut", "by", "first", "rest"];

    /// What one of the words chooses with a number behind it.
    pub fn from_word(word: &str, count: usize) -> Option<Self> {
        match word {
            "cut" => Some(Self::Cut(count)),
            "by" => Some(Self::By(count)),
            "first" => Some(Self::First(count)),
            "rest" => Some(Self::Rest(count)),
            _ => None,
        }
    }

    /// The pieces of a frame, in order.
    pub fn of(self, frame: &[u8]) -> impl Iterator<Item = &[u8]> {
        let (cut, each) = match self {
            Self::Whole => (0, frame.len()),
            Self::By(count) => (0, count),
            Self::Cut(count) | Self::First(count) | Self::Rest(count) => (count, frame.len()),
        };
        let (first, rest) = frame.split_at(cut.min(frame.len()));
        let first = if matches!(self, Self::Rest(_)) { &[] } else { first };
        let rest = if matches!(self, Self::First(_)) { &[] } else { rest };
        first.chunks(each.max(1)).chain(rest.chunks(each.max(1)))
    }
}

/// Which direction a shutdown names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// `SHUT_RD`.
    Read,
    /// `SHUT_WR`.
    Write,
    /// `SHUT_RDWR`.
    Both,
    /// A number passed as it is, to see it refused.
    Number(i32),
}

impl How {
    /// The three directions with the word that stands in a scenario.
    pub const WORDS: [(Self, &'static str); 3] =
        [(Self::Read, "read"), (Self::Write, "write"), (Self::Both, "both")];

    /// Finds the direction a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(_, name)| *name == word).map(|(how, _)| how)
    }
}

/// Flags of a send or a receive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageFlags(u8);

impl MessageFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// `MSG_DONTWAIT`: fail rather than wait.
    pub const DONTWAIT: Self = Self(1);
    /// `MSG_PEEK`: leave the bytes in place.
    pub const PEEK: Self = Self(2);
    /// `MSG_WAITALL`: wait for the whole amount.
    pub const WAITALL: Self = Self(4);
    /// `MSG_TRUNC`: give a datagram's real length.
    pub const TRUNC: Self = Self(8);
    /// `MSG_MORE`: more is coming, hold partial segments back.
    pub const MORE: Self = Self(16);
    /// `MSG_ERRQUEUE`: take from the queue of errors.
    pub const ERRQUEUE: Self = Self(64);
    /// Not a flag of the call but the absence of one: the send goes without `MSG_NOSIGNAL`.
    pub const RAISE: Self = Self(32);

    /// The flags a send takes, with their words.
    pub const SEND_WORDS: [(Self, &'static str); 3] =
        [(Self::DONTWAIT, "MSG_DONTWAIT"), (Self::MORE, "MSG_MORE"), (Self::RAISE, "raise")];

    /// The flags a receive takes, with their words.
    pub const RECEIVE_WORDS: [(Self, &'static str); 5] = [
        (Self::DONTWAIT, "MSG_DONTWAIT"),
        (Self::PEEK, "MSG_PEEK"),
        (Self::WAITALL, "MSG_WAITALL"),
        (Self::TRUNC, "MSG_TRUNC"),
        (Self::ERRQUEUE, "MSG_ERRQUEUE"),
    ];

    /// Whether every flag of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// This set with the flags of `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without the flags of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for MessageFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_socket_of_an_operation_is_replaced() {
        let [one, two] = [1, 2].map(SocketId::new);
        let map = |socket: SocketId| SocketId::new(socket.index() + 10);
        let [other_one, other_two] = [one, two].map(map);
        let accept = Op::Accept { listener: one, socket: two }.with_sockets(map);
        assert_eq!(accept, Op::Accept { listener: other_one, socket: other_two });
        let dup = Op::Dup { socket: one, duplicate: two }.with_sockets(map);
        assert_eq!(dup, Op::Dup { socket: other_one, duplicate: other_two });
        let open = Op::Open { socket: two, transport: Transport::Udp4 }.with_sockets(map);
        assert_eq!((open.socket(), open.makes()), (other_two, Some(other_two)));
    }

    #[test]
    fn a_frame_is_sent_in_the_pieces_asked_for() {
        let pieces = |pieces: Pieces| -> Vec<&str> {
            pieces.of(b"abcde").filter_map(|piece| std::str::from_utf8(piece).ok()).collect()
        };
        assert_eq!(pieces(Pieces::Whole), ["abcde"]);
        assert_eq!(pieces(Pieces::Cut(2)), ["ab", "cde"]);
        assert_eq!(pieces(Pieces::By(2)), ["ab", "cd", "e"]);
        assert_eq!(pieces(Pieces::First(2)), ["ab"]);
        assert_eq!(pieces(Pieces::Rest(2)), ["cde"]);
        for whole in [Pieces::Cut(5), Pieces::By(9), Pieces::First(6)] {
            assert_eq!(pieces(whole), ["abcde"], "{whole:?}");
        }
        assert_eq!(pieces(Pieces::Rest(5)), [""; 0]);
    }
}
