use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of packet that a `wire` step can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PacketKind {
    /// A TCP segment with SYN.
    Syn,
    /// A TCP segment with FIN.
    Fin,
    /// A TCP segment with RST.
    Rst,
    /// A TCP segment with ACK, no other flag that has a meaning of its own, and no payload.
    Ack,
    /// A TCP segment with payload.
    Data,
    /// A UDP datagram.
    Udp,
    /// An ICMP or ICMPv6 error message.
    Icmp,
    /// Any packet of the case's sockets.
    Any,
}

impl PacketKind {
    /// Every kind.
    pub const ALL: [Self; 8] =
        [Self::Syn, Self::Fin, Self::Rst, Self::Ack, Self::Data, Self::Udp, Self::Icmp, Self::Any];

    /// The word that stands in a scenario.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Syn => "SYN",
            Self::Fin => "FIN",
            Self::Rst => "RST",
            Self::Ack => "ACK",
            Self::Data => "data",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Any => "any",
        }
    }

    /// What `sockspec explain` says of it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Syn => "a TCP segment with SYN",
            Self::Fin => "a TCP segment with FIN",
            Self::Rst => "a TCP segment with RST",
            Self::Ack => "a TCP segment with nothing but ACK",
            Self::Data => "a TCP segment with payload",
            Self::Udp => "a UDP datagram",
            Self::Icmp => "an ICMP or ICMPv6 error message",
            Self::Any => "any packet of the case's sockets",
        }
    }

    /// Finds the kind a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl fmt::Display for PacketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
