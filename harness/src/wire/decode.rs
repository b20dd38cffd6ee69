use std::net::{IpAddr, SocketAddr};

use etherparse::{
    EtherType, Ethernet2HeaderSlice, IpAuthHeaderSlice, IpNumber, Ipv4HeaderSlice,
    Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice, TcpHeaderSlice,
    UdpHeaderSlice,
};

use super::frame::Frame;
use super::icmp::{IcmpError, IcmpVersion, Quoted};
use super::packet::{Content, Datagram, Flags, Segment};

/// Splits a frame into its link-layer destination and what is in it. `None` where that is no IP packet.
pub(super) fn ethernet(frame: &Frame) -> Option<([u8; 6], Carried<'_>)> {
    let header = Ethernet2HeaderSlice::from_slice(&frame.bytes).ok()?;
    let version = match header.ether_type() {
        EtherType::IPV4 => Version::V4,
        EtherType::IPV6 => Version::V6,
        _ => return None,
    };
    let bytes = &frame.bytes[header.slice().len()..];
    let length = frame.length.checked_sub(length_of(header.slice()))?;
    Some((header.destination(), Carried { version, bytes, length }))
}

/// What a frame carries.
pub(super) struct Carried<'a> {
    version: Version,
    /// What was kept of it.
    bytes: &'a [u8],
    /// How many bytes it had.
    length: u32,
}

/// The version of IP that a packet has because of where it is; its first bits must say the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V4,
    V6,
}

/// An IP packet, or the start of one.
pub(super) struct Ip<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) ttl: u8,
    /// What follows the IP header and its extensions.
    protocol: IpNumber,
    /// What was kept of the payload.
    payload: &'a [u8],
    /// How many bytes of payload the header announces, `None` where it leaves that to the link.
    announced: Option<u32>,
    fragment: Fragment,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fragment {
    Whole,
    First,
    /// One that starts within the payload.
    Later,
}

impl Fragment {
    const fn new(offset: u16, more: bool) -> Self {
        match (offset, more) {
            (0, false) => Self::Whole,
            (0, true) => Self::First,
            _ => Self::Later,
        }
    }
}

impl<'a> Ip<'a> {
    /// Reads the packet that a frame carries.
    pub(super) fn of_frame(Carried { version, bytes, length }: Carried<'a>) -> Option<Self> {
        let mut ip = Self::of(version, bytes)?;
        let headers = length_of(bytes) - length_of(ip.payload);
        let room = length.checked_sub(headers)?;
        let payload = ip.announced.unwrap_or(room);
        if payload > room {
            return None;
        }
        ip.announced = Some(payload);
        // What is behind it pads the frame.
        ip.payload = &ip.payload[..ip.payload.len().min(payload as usize)];
        Some(ip)
    }

    /// Reads the start of a packet.
    fn of(version: Version, bytes: &'a [u8]) -> Option<Self> {
        match (version, bytes.first()? >> 4) {
            (Version::V4, 4) => Self::of_version_4(bytes),
            (Version::V6, 6) => Self::of_version_6(bytes),
            _ => None,
        }
    }

    fn of_version_4(bytes: &'a [u8]) -> Option<Self> {
        let header = Ipv4HeaderSlice::from_slice(bytes).ok()?;
        let announced = match u32::from(header.total_len()) {
            // Packets above 64 KiB, which only segmentation offload knows.
            0 => None,
            total => Some(total.checked_sub(length_of(header.slice()))?),
        };
        Some(Self {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            ttl: header.ttl(),
            protocol: header.protocol(),
            payload: &bytes[header.slice().len()..],
            announced,
            fragment: Fragment::new(header.fragments_offset().value(), header.more_fragments()),
        })
    }

    fn of_version_6(bytes: &'a [u8]) -> Option<Self> {
        let header = Ipv6HeaderSlice::from_slice(bytes).ok()?;
        let mut ip = Self {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            ttl: header.hop_limit(),
            protocol: header.next_header(),
            payload: &bytes[header.slice().len()..],
            // Zero as in version 4; a hop-by-hop option may then say the length.
            announced: Some(u32::from(header.payload_length())).filter(|length| *length > 0),
            fragment: Fragment::Whole,
        };
        while ip.fragment != Fragment::Later && ip.skip_extension()? {}
        Some(ip)
    }

    /// Skips an extension header of IPv6; false where there is none.
    ///
    /// The iterator of `etherparse` reads beyond its slice where the last header was cut, so each
    /// is taken by itself.
    fn skip_extension(&mut self) -> Option<bool> {
        let bytes = self.payload;
        let (next, length) = match self.protocol {
            IpNumber::IPV6_HEADER_HOP_BY_HOP
            | IpNumber::IPV6_ROUTE_HEADER
            | IpNumber::IPV6_DESTINATION_OPTIONS => {
                let header = Ipv6RawExtHeaderSlice::from_slice(bytes).ok()?;
                (header.next_header(), header.slice().len())
            }
            IpNumber::IPV6_FRAGMENTATION_HEADER => {
                let header = Ipv6FragmentHeaderSlice::from_slice(bytes).ok()?;
                self.fragment =
                    Fragment::new(header.fragment_offset().value(), header.more_fragments());
                (header.next_header(), header.slice().len())
            }
            IpNumber::AUTHENTICATION_HEADER => {
                let header = IpAuthHeaderSlice::from_slice(bytes).ok()?;
                (header.next_header(), header.slice().len())
            }
            _ => return Some(false),
        };
        let (skipped, rest) = bytes.split_at_checked(length)?;
        if let Some(announced) = &mut self.announced {
            *announced = announced.checked_sub(length_of(skipped))?;
        }
        self.protocol = next;
        self.payload = rest;
        Some(true)
    }

    /// Reads what a packet of a frame carries.
    pub(super) fn content(&self) -> Option<Content> {
        if self.fragment == Fragment::Later {
            return Some(Content::Other { protocol: self.protocol.0 });
        }
        match (self.protocol, self.source) {
            (IpNumber::TCP, _) => self.segment().map(Content::Tcp),
            (IpNumber::UDP, _) => self.datagram().map(Content::Udp),
            (IpNumber::ICMP, IpAddr::V4(_)) => self.icmp(IcmpVersion::V4),
            (IpNumber::IPV6_ICMP, IpAddr::V6(_)) => self.icmp(IcmpVersion::V6),
            _ => Some(Content::Other { protocol: self.protocol.0 }),
        }
    }

    fn segment(&self) -> Option<Segment> {
        let header = TcpHeaderSlice::from_slice(self.payload).ok()?;
        Some(Segment {
            source_port: header.source_port(),
            destination_port: header.destination_port(),
            flags: Flags::from_header(header.slice()[13]),
            sequence: header.sequence_number(),
            acknowledgement: header.acknowledgment_number(),
            window: header.window_size(),
            payload: self.announced?.checked_sub(length_of(header.slice()))?,
        })
    }

    fn datagram(&self) -> Option<Datagram> {
        let header = UdpHeaderSlice::from_slice(self.payload).ok()?;
        let of_header = length_of(header.slice());
        let (said, announced) = (u32::from(header.length()), self.announced?);
        let whole = match self.fragment {
            // Of a fragmented datagram, only its own header knows the length.
            Fragment::First => said,
            _ if (of_header..=announced).contains(&said) => said,
            // A jumbogram, or a length that no receiver would believe.
            _ => announced,
        };
        Some(Datagram {
            source_port: header.source_port(),
            destination_port: header.destination_port(),
            payload: whole.checked_sub(of_header)?,
        })
    }

    fn icmp(&self, version: IcmpVersion) -> Option<Content> {
        let (header, quoted) = self.payload.split_at_checked(ICMP_HEADER)?;
        let (kind, code) = (header[0], header[1]);
        let own = match version {
            IcmpVersion::V4 => Version::V4,
            IcmpVersion::V6 => Version::V6,
        };
        Some(if version.is_error(kind) {
            let quoted = Self::of(own, quoted).and_then(|ip| ip.quoted());
            Content::IcmpError(IcmpError { version, kind, code, quoted })
        } else {
            Content::Other { protocol: self.protocol.0 }
        })
    }

    /// The packet as an error message quotes it: of its transport header, eight bytes are sure.
    fn quoted(&self) -> Option<Quoted> {
        let has_ports = matches!(self.protocol, IpNumber::TCP | IpNumber::UDP)
            && self.fragment != Fragment::Later;
        let (source, destination) = if has_ports {
            let &[a, b, c, d, ..] = self.payload else { return None };
            (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
        } else {
            (0, 0)
        };
        Some(Quoted {
            source: SocketAddr::new(self.source, source),
            destination: SocketAddr::new(self.destination, destination),
            protocol: self.protocol.0,
        })
    }
}

/// The bytes before what an ICMP or ICMPv6 error quotes.
const ICMP_HEADER: usize = 8;

/// The length of what was kept of a frame, which [`Frame::KEPT`] bounds.
fn length_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
