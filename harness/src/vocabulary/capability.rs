use std::fmt;

use serde::{Deserialize, Serialize};

/// Something a subject may lack, named in a scenario's `needs` line.
///
/// A case whose subject does not declare a needed capability is *unsupported*, never failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// A call waits in the kernel until it has an answer.
    BlockingCalls,
    /// A second descriptor for a socket can be made.
    Dup,
    /// The read half can be shut down by itself.
    ShutdownRead,
    /// The write half can be shut down by itself.
    ShutdownWrite,
    /// Received bytes can be looked at without taking them.
    Peek,
    /// A receive can wait for the whole amount.
    WaitAll,
    /// Socket options are reachable.
    Options,
    /// Readiness can be asked for.
    Poll,
    /// Readiness can be asked for by epoll.
    Epoll,
    /// Readiness can be asked for by select.
    Select,
    /// A blocked call can be interrupted by a signal.
    Signals,
    /// The state of a TCP connection can be read.
    TcpInfo,
    /// Something stands between the actors and passes their connections on.
    Proxy,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 13] = [
        Self::BlockingCalls,
        Self::Dup,
        Self::ShutdownRead,
        Self::ShutdownWrite,
        Self::Peek,
        Self::WaitAll,
        Self::Options,
        Self::Poll,
        Self::Epoll,
        Self::Select,
        Self::Signals,
        Self::TcpInfo,
        Self::Proxy,
    ];

    /// What sockets may offer by themselves: all but that something stands between them.
    pub const OF_SOCKETS: &'static [Self] = match Self::ALL.split_last() {
        Some((Self::Proxy, others)) => others,
        _ => panic!("the proxy is the last one"),
    };

    /// The word that stands in a scenario.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BlockingCalls => "blocking-calls",
            Self::Dup => "dup",
            Self::ShutdownRead => "shutdown-read",
            Self::ShutdownWrite => "shutdown-write",
            Self::Peek => "peek",
            Self::WaitAll => "wait-all",
            Self::Options => "options",
            Self::Poll => "poll",
            Self::Epoll => "epoll",
            Self::Select => "select",
            Self::Signals => "signals",
            Self::TcpInfo => "tcp-info",
            Self::Proxy => "proxy",
        }
    }

    /// What `sockspec explain` says of it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::BlockingCalls => "a call waits until it has an answer",
            Self::Dup => "a second descriptor for a socket can be made (dup)",
            Self::ShutdownRead => "the read half can be shut down by itself",
            Self::ShutdownWrite => "the write half can be shut down by itself",
            Self::Peek => "received bytes can be looked at without taking them (MSG_PEEK)",
            Self::WaitAll => "a receive can wait for the whole amount (MSG_WAITALL)",
            Self::Options => "socket options can be set and read",
            Self::Poll => "readiness can be asked for (poll)",
            Self::Epoll => "readiness can be asked for by epoll",
            Self::Select => "readiness can be asked for by select",
            Self::Signals => "a blocked call can be interrupted by a signal",
            Self::TcpInfo => "the state of a TCP connection can be read (TCP_INFO)",
            Self::Proxy => {
                "something stands between the actors and passes their connections on (`--via`)"
            }
        }
    }

    /// Finds the capability a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.word() == word)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
