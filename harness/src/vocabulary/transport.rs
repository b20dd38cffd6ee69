use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What carries the bytes between two sockets: an address family with a socket type.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// `AF_UNIX`, `SOCK_STREAM`.
    Unix,
    /// `AF_UNIX`, `SOCK_DGRAM`.
    UnixDgram,
    /// UDP over IPv4.
    Udp4,
    /// UDP over IPv6.
    Udp6,
}

impl Transport {
    /// Every transport, in the order in which variants are listed.
    pub const ALL: [Self; 6] =
        [Self::Tcp4, Self::Tcp6, Self::Unix, Self::UnixDgram, Self::Udp4, Self::Udp6];

    /// The word that stands in a scenario.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp4 => "tcp4",
            Self::Tcp6 => "tcp6",
            Self::Unix => "unix",
            Self::UnixDgram => "unix-dgram",
            Self::Udp4 => "udp4",
            Self::Udp6 => "udp6",
        }
    }

    /// What `sockspec explain` says of it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Tcp4 => "TCP over IPv4 (AF_INET, SOCK_STREAM)",
            Self::Tcp6 => "TCP over IPv6 (AF_INET6, SOCK_STREAM)",
            Self::Unix => "local stream socket (AF_UNIX, SOCK_STREAM)",
            Self::UnixDgram => "local datagram socket (AF_UNIX, SOCK_DGRAM)",
            Self::Udp4 => "UDP over IPv4 (AF_INET, SOCK_DGRAM)",
            Self::Udp6 => "UDP over IPv6 (AF_INET6, SOCK_DGRAM)",
        }
    }

    /// Finds the transport a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.word() == word)
    }

    /// Whether it carries a stream of bytes (as opposed to datagrams).
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Tcp4 | Self::Tcp6 | Self::Unix)
    }

    /// Whether it stays on one host and so has no packets.
    pub const fn is_local(self) -> bool {
        matches!(self, Self::Unix | Self::UnixDgram)
    }

    /// Whether it needs IPv6.
    pub const fn is_ipv6(self) -> bool {
        matches!(self, Self::Tcp6 | Self::Udp6)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
