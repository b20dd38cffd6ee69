use std::fmt;
use std::net::IpAddr;
use std::ops::BitOr;
use std::time::Duration;

use super::decode::{Ip, ethernet};
use super::frame::Frame;
use super::icmp::IcmpError;
use crate::vocabulary::PacketKind;

/// One IP packet as it was seen at one place.
///
/// With segmentation offload a sender's stack hands many segments to its link as one packet, and
/// this is what is seen there: its payload can be longer than any link carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it was seen, from the moment the capture counts from.
    pub at: Duration,
    /// The host, by its position, that put it on its link, if that is what was seen.
    pub sender: Option<usize>,
    /// The host, by its position, to which its link carried it, if that is what was seen.
    pub receiver: Option<usize>,
    /// The link-layer address it is for.
    pub link_destination: [u8; 6],
    /// The IP address it comes from.
    pub source: IpAddr,
    /// The IP address it goes to.
    pub destination: IpAddr,
    /// Its time to live (the hop limit in IPv6).
    pub ttl: u8,
    /// What it carries.
    pub content: Content,
}

/// What an IP packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A TCP segment.
    Tcp(Segment),
    /// A UDP datagram, or its first fragment.
    Udp(Datagram),
    /// An ICMP or ICMPv6 error message.
    IcmpError(IcmpError),
    /// Anything else: neighbour discovery, an echo, a fragment after the first.
    Other {
        /// Its IP protocol number (the last next header in IPv6).
        protocol: u8,
    },
}

/// The header of a TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The port it comes from.
    pub source_port: u16,
    /// The port it goes to.
    pub destination_port: u16,
    /// Its flags.
    pub flags: Flags,
    /// Its sequence number.
    pub sequence: u32,
    /// Its acknowledgement number.
    pub acknowledgement: u32,
    /// Its window, not scaled.
    pub window: u16,
    /// How many bytes of payload it has, whether they were kept or not.
    pub payload: u32,
}

/// The header of a UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The port it comes from.
    pub source_port: u16,
    /// The port it goes to.
    pub destination_port: u16,
    /// How many bytes of payload the whole datagram has, whether they were kept or not.
    pub payload: u32,
}

/// A set of TCP flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Sequence numbers are made known.
    pub const SYN: Self = Self(0x02);
    /// The connection is gone.
    pub const RST: Self = Self(0x04);
    /// The data is to be handed over now.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x20);

    const NAMES: [(Self, &'static str); 6] = [
        (Self::FIN, "FIN"),
        (Self::SYN, "SYN"),
        (Self::RST, "RST"),
        (Self::PSH, "PSH"),
        (Self::ACK, "ACK"),
        (Self::URG, "URG"),
    ];

    /// Takes them from byte 13 of a TCP header; those of congestion control are left out.
    pub(super) const fn from_header(byte: u8) -> Self {
        Self(byte & 0x3f)
    }

    /// Whether all flags of another set are in this one.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of another set is in this one.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = Self::NAMES.iter().filter(|(flag, _)| self.contains(*flag));
        let names: Vec<_> = set.map(|(_, name)| *name).collect();
        f.write_str(if names.is_empty() { "no flags" } else { "" })?;
        f.write_str(&names.join(" "))
    }
}

impl Packet {
    /// Decodes a frame. Checksums are not looked at: where a network card or nobody at all is to
    /// compute them, what a capture sees is not yet right.
    ///
    /// `None` where it holds no IP packet, or one that is malformed or of which too little was
    /// kept.
    pub fn decode(frame: &Frame) -> Option<Self> {
        let (link_destination, ip, length) = ethernet(frame)?;
        let ip = Ip::of_frame(ip, length)?;
        Some(Self {
            at: frame.at,
            sender: frame.sender,
            receiver: frame.receiver,
            link_destination,
            source: ip.source,
            destination: ip.destination,
            ttl: ip.ttl,
            content: ip.content()?,
        })
    }

    /// Whether it is of a kind that a `wire` step names.
    pub const fn is(&self, kind: PacketKind) -> bool {
        match (kind, &self.content) {
            (PacketKind::Any, content) => !matches!(content, Content::Other { .. }),
            (PacketKind::Udp, Content::Udp(_)) | (PacketKind::Icmp, Content::IcmpError(_)) => true,
            (PacketKind::Syn, Content::Tcp(segment)) => segment.flags.contains(Flags::SYN),
            (PacketKind::Fin, Content::Tcp(segment)) => segment.flags.contains(Flags::FIN),
            (PacketKind::Rst, Content::Tcp(segment)) => segment.flags.contains(Flags::RST),
            (PacketKind::Ack, Content::Tcp(segment)) => segment.is_only_an_acknowledgement(),
            (PacketKind::Data, Content::Tcp(segment)) => segment.payload > 0,
            _ => false,
        }
    }
}

impl Segment {
    const fn is_only_an_acknowledgement(&self) -> bool {
        let others = Flags(Flags::SYN.0 | Flags::FIN.0 | Flags::RST.0);
        self.payload == 0 && self.flags.contains(Flags::ACK) && !self.flags.intersects(others)
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.content)
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(segment) => write!(f, "{segment}"),
            Self::Udp(datagram) => write!(f, "{datagram}"),
            Self::IcmpError(error) => write!(f, "{error}"),
            Self::Other { protocol: 1 } => f.write_str("ICMP, no error"),
            Self::Other { protocol: 2 } => f.write_str("IGMP"),
            Self::Other { protocol: 6 } => f.write_str("tcp, a later fragment"),
            Self::Other { protocol: 17 } => f.write_str("udp, a later fragment"),
            Self::Other { protocol: 58 } => f.write_str("ICMPv6, no error"),
            Self::Other { protocol } => write!(f, "IP protocol {protocol}"),
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.payload > 0 {
            write!(f, "data {} ", Bytes(self.payload))?;
        }
        write!(f, "{}", self.flags)?;
        // In a segment with RST the window means nothing.
        let is_closed = self.window == 0 && !self.flags.contains(Flags::RST);
        f.write_str(if is_closed { " window 0" } else { "" })
    }
}

impl fmt::Display for Datagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "udp {}", Bytes(self.payload))
    }
}

/// A number of bytes as a person writes it.
struct Bytes(u32);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}
