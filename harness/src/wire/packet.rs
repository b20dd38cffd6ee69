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
        let (link_destination, carried) = ethernet(frame)?;
        let ip = Ip::of_frame(carried)?;
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, SocketAddr};

    use etherparse::{
        IpAuthHeader, IpFragOffset, IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header,
        Ipv6Extensions, Ipv6FragmentHeader, Ipv6Header, Ipv6RawExtHeader, PacketBuilder,
        PacketBuilderStep,
    };
    use rstest::rstest;

    use super::*;
    use crate::wire::{IcmpVersion, Quoted};

    const A: [u8; 4] = [10, 1, 16, 7];
    const B: [u8; 4] = [10, 1, 16, 8];
    const A6: [u8; 16] = Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 7).octets();
    const B6: [u8; 16] = Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 8).octets();
    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 8];
    /// A datagram from port 7 to port 9 that carries "hi".
    const UDP: [u8; 10] = [0, 7, 0, 9, 0, 10, 0, 0, b'h', b'i'];
    const ETHERNET: usize = 14;

    fn v4() -> PacketBuilderStep<IpHeaders> {
        PacketBuilder::ethernet2([2, 0, 0, 0, 0, 7], MAC).ipv4(A, B, 63)
    }

    fn v6() -> PacketBuilderStep<IpHeaders> {
        PacketBuilder::ethernet2([2, 0, 0, 0, 0, 7], MAC).ipv6(A6, B6, 62)
    }

    /// The bytes that a builder writes.
    macro_rules! bytes {
        ($builder:expr, $($content:expr),+) => {{
            let mut bytes = Vec::new();
            $builder.write(&mut bytes, $($content),+).expect("memory can be written to");
            bytes
        }};
    }

    fn frame(bytes: &[u8]) -> Frame {
        Frame {
            at: Duration::from_millis(3),
            sender: Some(1),
            receiver: None,
            length: u32::try_from(bytes.len()).expect("it is short"),
            bytes: bytes[..bytes.len().min(Frame::KEPT)].into(),
        }
    }

    fn decoded(bytes: &[u8]) -> Packet {
        Packet::decode(&frame(bytes)).expect("it is a packet")
    }

    fn header4() -> Ipv4Header {
        Ipv4Header::new(0, 63, IpNumber::UDP, A, B).expect("it is short")
    }

    fn with_header4(header: Ipv4Header, content: &[u8]) -> Vec<u8> {
        let ip = IpHeaders::Ipv4(header, Ipv4Extensions::default());
        bytes!(PacketBuilder::ethernet2([2; 6], MAC).ip(ip), IpNumber::UDP, content)
    }

    fn with_extensions(extensions: Ipv6Extensions, content: &[u8]) -> Vec<u8> {
        let header =
            Ipv6Header { source: A6, destination: B6, hop_limit: 62, ..Default::default() };
        let ip = IpHeaders::Ipv6(header, extensions);
        bytes!(PacketBuilder::ethernet2([2; 6], MAC).ip(ip), IpNumber::UDP, content)
    }

    fn raw_extension() -> Ipv6RawExtHeader {
        Ipv6RawExtHeader::new_raw(IpNumber::UDP, &[1, 4, 0, 0, 0, 0]).expect("it has eight bytes")
    }

    fn fragment6(offset: u16, more: bool) -> Ipv6Extensions {
        let offset = IpFragOffset::try_new(offset).expect("it is small");
        Ipv6Extensions {
            fragment: Some(Ipv6FragmentHeader::new(IpNumber::UDP, offset, more, 5)),
            ..Default::default()
        }
    }

    /// An ICMP error that quotes a packet without its Ethernet header.
    fn unreachable4(quoted: &[u8]) -> Vec<u8> {
        bytes!(v4().icmpv4_raw(3, 3, [0; 4]), quoted)
    }

    /// Packets of every content, made in every way.
    fn all() -> Vec<Vec<u8>> {
        let mut options = header4();
        options.options = [1; 40].into();
        let mut first = header4();
        first.more_fragments = true;
        let mut later = header4();
        later.fragment_offset = IpFragOffset::try_new(185).expect("it is small");
        let extensions = Ipv6Extensions {
            hop_by_hop_options: Some(raw_extension()),
            destination_options: Some(raw_extension()),
            auth: Some(IpAuthHeader::new(IpNumber::UDP, 1, 2, &[7; 12]).expect("it is short")),
            ..fragment6(0, true)
        };
        let timestamps = [2, 4, 5, 180, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
        let tcp = |step: PacketBuilderStep<IpHeaders>, payload: &[u8]| {
            let step = step.tcp(4_000, 80, 17, 512).ack(9).psh().fin();
            bytes!(step.options_raw(&timestamps).expect("they fit"), payload)
        };
        vec![
            tcp(v4(), b"hello"),
            tcp(v6(), &[7; 1_400]),
            bytes!(v4().udp(7, 9), b"hi"),
            bytes!(v6().udp(7, 9), &[7; 1_400]),
            with_header4(options, &UDP),
            with_header4(first, &UDP),
            with_header4(later, &UDP),
            with_extensions(extensions, &UDP),
            with_extensions(fragment6(185, false), &UDP),
            unreachable4(&bytes!(v4().udp(7, 9), b"hi")[ETHERNET..]),
            bytes!(v6().icmpv6_raw(1, 4, [0; 4]), &tcp(v6(), b"hello")[ETHERNET..]),
            bytes!(v4().icmpv4_echo_request(1, 2), b"ping"),
            bytes!(v6().icmpv6_raw(135, 0, [0; 4]), &B6),
        ]
    }

    #[test]
    fn every_content_is_told_in_a_line() {
        let lines: Vec<_> = all().iter().map(|bytes| decoded(bytes).to_string()).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn what_frame_and_header_say_is_kept() {
        let packet = decoded(&bytes!(v4().udp(7, 9), b"hi"));
        assert_eq!(
            packet,
            Packet {
                at: Duration::from_millis(3),
                sender: Some(1),
                receiver: None,
                link_destination: MAC,
                source: A.into(),
                destination: B.into(),
                ttl: 63,
                content: Content::Udp(Datagram { source_port: 7, destination_port: 9, payload: 2 }),
            }
        );
        let packet = decoded(&bytes!(v6().tcp(7, 9, 5, 100).ack(6).rst(), &[]));
        assert_eq!((packet.source, packet.destination, packet.ttl), (A6.into(), B6.into(), 62));
        assert_eq!(
            packet.content,
            Content::Tcp(Segment {
                source_port: 7,
                destination_port: 9,
                flags: Flags::RST | Flags::ACK,
                sequence: 5,
                acknowledgement: 6,
                window: 100,
                payload: 0,
            })
        );
    }

    #[test]
    fn a_kind_is_what_its_meaning_says() {
        let kinds = |bytes: &[u8]| {
            let packet = decoded(bytes);
            let kinds = PacketKind::ALL.into_iter().filter(|kind| packet.is(*kind));
            kinds.map(PacketKind::word).collect::<Vec<_>>().join(" ")
        };
        let tcp = || v4().tcp(1, 2, 3, 4);
        assert_eq!(kinds(&bytes!(tcp().syn(), &[])), "SYN any");
        assert_eq!(kinds(&bytes!(tcp().syn().ack(1), &[])), "SYN any");
        assert_eq!(kinds(&bytes!(tcp().fin().ack(1), b"bye")), "FIN data any");
        assert_eq!(kinds(&bytes!(tcp().rst().ack(1), &[])), "RST any");
        assert_eq!(kinds(&bytes!(tcp().ack(1), &[])), "ACK any");
        assert_eq!(kinds(&bytes!(tcp().ack(1).psh().urg(1), &[])), "ACK any");
        assert_eq!(kinds(&bytes!(tcp().ack(1), b"x")), "data any");
        assert_eq!(kinds(&bytes!(tcp(), &[])), "any");
        assert_eq!(kinds(&bytes!(v4().udp(1, 2), &[])), "udp any");
        assert_eq!(kinds(&unreachable4(&[])), "icmp any");
        assert_eq!(kinds(&bytes!(v4().icmpv4_echo_request(1, 2), &[])), "");
    }

    #[test]
    fn padding_is_no_payload() {
        let mut bytes = bytes!(v4().tcp(1, 2, 3, 4).ack(1), &[]);
        bytes.resize(60, 0);
        assert!(decoded(&bytes).is(PacketKind::Ack));
        let mut bytes = bytes!(v4().icmpv4_raw(3, 3, [0; 4]), &[]);
        bytes.extend_from_slice(&bytes!(v4().udp(7, 9), b"hi")[ETHERNET..]);
        assert_eq!(quoted(&bytes), None);
    }

    #[test]
    fn a_packet_that_is_longer_than_its_header_can_say_has_the_length_of_its_frame() {
        let length = 150_000;
        let mut bytes = bytes!(v4().tcp(1, 2, 3, 4).ack(1), &[0; 300]);
        bytes[ETHERNET + 2..ETHERNET + 4].fill(0);
        let packet = Packet::decode(&Frame { length, ..frame(&bytes) }).expect("it is a packet");
        assert_eq!(packet.to_string(), "data 149946 bytes ACK");

        let jumbo = Ipv6Extensions {
            hop_by_hop_options: Some(
                Ipv6RawExtHeader::new_raw(IpNumber::UDP, &[0xc2, 4, 0, 2, 0, 0]).expect("8 bytes"),
            ),
            ..Default::default()
        };
        let mut bytes = with_extensions(jumbo, &UDP);
        bytes[ETHERNET + 4..ETHERNET + 6].fill(0);
        let whole = ETHERNET + 40 + 8;
        bytes[whole + 4..whole + 6].fill(0);
        let packet = Packet::decode(&Frame { length, ..frame(&bytes) }).expect("it is a packet");
        assert_eq!(packet.to_string(), "udp 149930 bytes");
    }

    #[test]
    fn of_a_fragmented_datagram_the_first_fragment_says_the_length() {
        let mut udp = UDP;
        udp[4..6].copy_from_slice(&4_008_u16.to_be_bytes());
        let mut header = header4();
        header.more_fragments = true;
        assert_eq!(decoded(&with_header4(header, &udp)).to_string(), "udp 4000 bytes");
        assert_eq!(
            decoded(&with_extensions(fragment6(0, true), &udp)).to_string(),
            "udp 4000 bytes"
        );
        assert_eq!(decoded(&with_extensions(fragment6(0, false), &UDP)).to_string(), "udp 2 bytes");
    }

    #[test]
    fn a_later_fragment_is_not_read_as_headers() {
        let mut bytes = with_extensions(fragment6(185, false), &[0xff; 10]);
        bytes[ETHERNET + 40] = IpNumber::IPV6_DESTINATION_OPTIONS.0;
        assert_eq!(decoded(&bytes).content, Content::Other { protocol: 60 });
    }

    fn quoted(bytes: &[u8]) -> Option<Quoted> {
        match decoded(bytes).content {
            Content::IcmpError(error) => error.quoted,
            other => panic!("no error: {other}"),
        }
    }

    #[test]
    fn an_error_quotes_the_packet_that_it_answers() {
        let datagram = bytes!(v4().udp(7, 9), &[1; 100]);
        // A router quotes no more than eight bytes behind the IP header.
        assert_eq!(
            quoted(&unreachable4(&datagram[ETHERNET..ETHERNET + 28])),
            Some(Quoted {
                source: SocketAddr::from((A, 7)),
                destination: SocketAddr::from((B, 9)),
                protocol: 17,
            })
        );
        let segment = bytes!(v6().tcp(4_000, 80, 1, 2).syn(), &[]);
        let bytes = bytes!(v6().icmpv6_raw(2, 0, [0; 4]), &segment[ETHERNET..]);
        assert_eq!(
            decoded(&bytes).content,
            Content::IcmpError(IcmpError {
                version: IcmpVersion::V6,
                kind: 2,
                code: 0,
                quoted: Some(Quoted {
                    source: SocketAddr::from((A6, 4_000)),
                    destination: SocketAddr::from((B6, 80)),
                    protocol: 6,
                }),
            })
        );
        let echo = bytes!(v4().icmpv4_echo_request(1, 2), b"ping");
        let quote = quoted(&unreachable4(&echo[ETHERNET..])).expect("it is quoted");
        assert_eq!((quote.source, quote.protocol), (SocketAddr::from((A, 0)), 1));
        assert_eq!(quoted(&unreachable4(&datagram[ETHERNET..ETHERNET + 22])), None);
        assert_eq!(quoted(&unreachable4(&segment[ETHERNET..])), None, "of another version of IP");
    }

    #[rstest]
    #[case::arp(|bytes: &mut Vec<u8>| bytes[13] = 6)]
    #[case::version(|bytes: &mut Vec<u8>| bytes[ETHERNET] = 0x55)]
    #[case::version_of_another_type(|bytes: &mut Vec<u8>| bytes[12..14].copy_from_slice(&[0x86, 0xdd]))]
    #[case::version_6(|bytes: &mut Vec<u8>| bytes[ETHERNET] = 0x65)]
    #[case::header_too_short(|bytes: &mut Vec<u8>| bytes[ETHERNET] = 0x44)]
    #[case::shorter_than_its_header(|bytes: &mut Vec<u8>| bytes[ETHERNET + 3] = 19)]
    #[case::longer_than_the_frame(|bytes: &mut Vec<u8>| bytes[ETHERNET + 3] += 1)]
    #[case::no_room_for_options(|bytes: &mut Vec<u8>| bytes[ETHERNET + 20 + 12] = 0x60)]
    #[case::no_room_for_tcp(|bytes: &mut Vec<u8>| bytes[ETHERNET + 20 + 12] = 0x40)]
    fn what_is_malformed_is_no_packet(#[case] spoil: fn(&mut Vec<u8>)) {
        let mut bytes = bytes!(v4().tcp(1, 2, 3, 4).ack(1), &[]);
        assert!(Packet::decode(&frame(&bytes)).is_some());
        spoil(&mut bytes);
        assert_eq!(Packet::decode(&frame(&bytes)), None);
    }

    #[test]
    fn a_cut_frame_is_read_as_the_whole_one_or_not_at_all() {
        for bytes in all() {
            let whole = frame(&bytes);
            let packet = Packet::decode(&whole).expect("it is a packet");
            for cut in 0..whole.bytes.len() {
                let kept = Frame { bytes: whole.bytes[..cut].into(), ..whole.clone() };
                let Some(mut found) = Packet::decode(&kept) else { continue };
                if let (Content::IcmpError(found), Content::IcmpError(error)) =
                    (&mut found.content, &packet.content)
                {
                    found.quoted = found.quoted.or(error.quoted);
                }
                assert_eq!(found, packet, "cut at {cut}");
            }
        }
    }

    #[test]
    fn no_bytes_are_any_harm() {
        // Marsaglia's xorshift: enough to spoil bytes with.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % u64::try_from(below).expect("it is small")).expect("it fits")
        };
        for bytes in all() {
            for _ in 0..2_000 {
                let mut frame = frame(&bytes);
                for _ in 0..=random(8) {
                    let at = ETHERNET - 2 + random(frame.bytes.len() - ETHERNET + 2);
                    frame.bytes[at] = u8::try_from(random(256)).expect("it fits");
                }
                frame.bytes = frame.bytes[..random(frame.bytes.len() + 1)].into();
                frame.length = u32::try_from(random(70_000)).expect("it fits");
                if let Some(packet) = Packet::decode(&frame) {
                    assert!(!packet.to_string().is_empty());
                }
            }
        }
    }
}
