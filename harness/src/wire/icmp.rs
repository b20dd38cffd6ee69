use std::fmt;
use std::net::SocketAddr;

/// An ICMP or ICMPv6 error message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// Which of the two protocols.
    pub version: IcmpVersion,
    /// Its type.
    pub kind: u8,
    /// Its code, whose meaning depends on the type.
    pub code: u8,
    /// The packet that it answers, where enough of it was quoted and kept.
    pub quoted: Option<Quoted>,
}

/// ICMP or ICMPv6, which number their messages in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpVersion {
    /// ICMP (RFC 792).
    V4,
    /// ICMPv6 (RFC 4443).
    V6,
}

/// The packet that an error message answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Where it came from. The port is 0 for protocols without ports, and for a fragment after the
    /// first.
    pub source: SocketAddr,
    /// Where it went; the port as above.
    pub destination: SocketAddr,
    /// Its IP protocol number: 6 for TCP, 17 for UDP.
    pub protocol: u8,
}

impl IcmpVersion {
    /// Whether messages of this type are errors: in ICMP unreachable, source quench, redirect, time
    /// exceeded and parameter problem; in ICMPv6 unreachable, packet too big, time exceeded and
    /// parameter problem.
    pub(super) const fn is_error(self, kind: u8) -> bool {
        match self {
            Self::V4 => matches!(kind, 3 | 4 | 5 | 11 | 12),
            Self::V6 => matches!(kind, 1..=4),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::V4 => "ICMP",
            Self::V6 => "ICMPv6",
        }
    }
}

impl IcmpError {
    /// Whether it says that nobody listens on a port.
    pub const fn is_port_unreachable(&self) -> bool {
        matches!(
            (self.version, self.kind, self.code),
            (IcmpVersion::V4, 3, 3) | (IcmpVersion::V6, 1, 4)
        )
    }

    /// What it says, where its code says something that is worth a phrase.
    const fn phrase(&self) -> Option<&'static str> {
        Some(match (self.version, self.kind, self.code) {
            (IcmpVersion::V4, 3, 0) => "network unreachable",
            (IcmpVersion::V4, 3, 1) => "host unreachable",
            (IcmpVersion::V4, 3, 2) => "protocol unreachable",
            (IcmpVersion::V4, 3, 3) | (IcmpVersion::V6, 1, 4) => "port unreachable",
            (IcmpVersion::V4, 3, 4) => "fragmentation needed",
            (IcmpVersion::V4, 3, 9 | 10 | 13) | (IcmpVersion::V6, 1, 1) => {
                "administratively prohibited"
            }
            (IcmpVersion::V4, 5, 0 | 2) => "redirect for the network",
            (IcmpVersion::V4, 5, 1 | 3) => "redirect for the host",
            (IcmpVersion::V4, 11, 0) => "time to live exceeded",
            (IcmpVersion::V6, 3, 0) => "hop limit exceeded",
            (IcmpVersion::V4, 11, 1) | (IcmpVersion::V6, 3, 1) => "reassembly time exceeded",
            (IcmpVersion::V6, 1, 0) => "no route",
            (IcmpVersion::V6, 1, 3) => "address unreachable",
            (IcmpVersion::V6, 1, 6) => "route rejected",
            (IcmpVersion::V4, 4, _) => "source quench",
            (IcmpVersion::V4, 12, _) | (IcmpVersion::V6, 4, _) => "parameter problem",
            (IcmpVersion::V6, 2, _) => "packet too big",
            _ => return None,
        })
    }
}

impl fmt::Display for IcmpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.version.name();
        match (self.phrase(), self.version, self.kind) {
            (Some(phrase), ..) => write!(f, "{name} {phrase}"),
            (None, IcmpVersion::V4, 3) | (None, IcmpVersion::V6, 1) => {
                write!(f, "{name} unreachable, code {}", self.code)
            }
            (None, _, kind) => write!(f, "{name} type {kind}, code {}", self.code),
        }
    }
}
