use std::net::{IpAddr, Ipv6Addr};

use crate::vocabulary::PacketKind;
use crate::wire::{Content, Frame, IcmpVersion, Packet};

/// Whether every law of [`Packet::decode`] holds for a frame, whatever is in it.
///
/// # Errors
/// The law that does not hold, for a person to read.
pub fn decoding(frame: &Frame) -> Result<(), String> {
    hold(frame, &Packet::decode)
}

type Decode<'a> = dyn Fn(&Frame) -> Option<Packet> + 'a;

fn hold(frame: &Frame, decode: &Decode<'_>) -> Result<(), String> {
    let packet = decode(frame);
    if decode(frame) != packet {
        return Err(format!("decoding again gives something else than {packet:?}"));
    }
    cut(frame, packet.as_ref(), decode)?;
    let Some(packet) = packet else { return Ok(()) };
    places(frame, &packet)?;
    room(frame, &packet)?;
    kinds(&packet)?;
    unread(frame, &packet, decode)
}

/// Of a cut frame the same is read, or nothing; of what an error quotes, too.
fn cut(frame: &Frame, whole: Option<&Packet>, decode: &Decode<'_>) -> Result<(), String> {
    for kept in 0..frame.bytes.len() {
        let shorter = Frame { bytes: frame.bytes[..kept].into(), ..frame.clone() };
        let Some(mut found) = decode(&shorter) else { continue };
        if let (Content::IcmpError(found), Some(Content::IcmpError(error))) =
            (&mut found.content, whole.map(|packet| &packet.content))
        {
            found.quoted = found.quoted.or(error.quoted);
        }
        if Some(&found) != whole {
            return Err(format!("cut to {kept} bytes it is {found:?}, whole {whole:?}"));
        }
    }
    Ok(())
}

/// What stands at a fixed place of the frame, or at one that a single byte tells, is what the
/// packet says.
fn places(frame: &Frame, packet: &Packet) -> Result<(), String> {
    let bytes = &frame.bytes;
    let told = (packet.at, packet.sender, packet.receiver, packet.link_destination);
    if told != (frame.at, frame.sender, frame.receiver, field(bytes, 0)) {
        return Err(format!("{packet:?} says something else than its frame"));
    }
    let (source, destination, ttl, transport): (IpAddr, IpAddr, u8, _) = match bytes[12..14] {
        [0x08, 0x00] => {
            let (source, destination): ([u8; 4], [u8; 4]) = (field(bytes, 26), field(bytes, 30));
            // A fragment after the first has no transport header.
            let offset = u16::from_be_bytes(field(bytes, 20)) & 0x1fff;
            let at = ETHERNET + usize::from(bytes[14] & 0x0f) * 4;
            (source.into(), destination.into(), bytes[22], (offset == 0).then_some((bytes[23], at)))
        }
        [0x86, 0xdd] => {
            let [source, destination] = [22, 38].map(|at| Ipv6Addr::from(field::<16>(bytes, at)));
            // Where it is an extension, the walk along them is not done a second time here.
            (source.into(), destination.into(), bytes[21], Some((bytes[20], ETHERNET + 40)))
        }
        _ => return Err(format!("{packet:?} was read from what is not IP")),
    };
    if (packet.source, packet.destination, packet.ttl) != (source, destination, ttl) {
        return Err(format!("{packet:?} has other addresses, or another life, than its frame"));
    }
    let ports = match &packet.content {
        Content::Tcp(segment) => Some((TCP, segment.source_port, segment.destination_port)),
        Content::Udp(datagram) => Some((UDP, datagram.source_port, datagram.destination_port)),
        Content::IcmpError(_) | Content::Other { .. } => None,
    };
    let expected = transport.filter(|(protocol, _)| [TCP, UDP].contains(protocol));
    let expected = expected.map(|(protocol, at)| {
        let [source, destination] = [at, at + 2].map(|at| u16::from_be_bytes(field(bytes, at)));
        (protocol, source, destination)
    });
    // Behind extensions ports are found that do not stand at the first place.
    if expected.is_some() && ports != expected {
        return Err(format!("{packet:?} has other ports than its frame: {expected:?}"));
    }
    Ok(())
}

/// A payload is no longer than the frame has room for, or than a datagram's own header can say;
/// an error quotes packets of its own version of IP.
fn room(frame: &Frame, packet: &Packet) -> Result<(), String> {
    let headers = ETHERNET + if packet.source.is_ipv4() { 20 } else { 40 };
    let room = frame.length as usize;
    let fits = match &packet.content {
        Content::Tcp(segment) => headers + 20 + segment.payload as usize <= room,
        Content::Udp(datagram) => {
            datagram.payload <= 65_527 || headers + 8 + datagram.payload as usize <= room
        }
        Content::IcmpError(error) => {
            let is_v4 = error.version == IcmpVersion::V4;
            let same = error.quoted.is_none_or(|quoted| {
                quoted.source.is_ipv4() == is_v4 && quoted.destination.is_ipv4() == is_v4
            });
            if !same || packet.source.is_ipv4() != is_v4 {
                return Err(format!("{packet:?} mixes two versions of IP"));
            }
            headers + 8 <= room
        }
        Content::Other { .. } => headers <= room,
    };
    if fits { Ok(()) } else { Err(format!("{packet:?} has no room in {room} bytes")) }
}

/// The kinds of a packet agree with each other and with its content, and it is told in one line.
fn kinds(packet: &Packet) -> Result<(), String> {
    let is = |kind| packet.is(kind);
    let (is_tcp, closes) = match &packet.content {
        Content::Tcp(_) => (true, is(PacketKind::Fin) || is(PacketKind::Rst)),
        _ => (false, false),
    };
    let of_tcp =
        [PacketKind::Syn, PacketKind::Fin, PacketKind::Rst, PacketKind::Ack, PacketKind::Data];
    let agree = is(PacketKind::Any) != matches!(packet.content, Content::Other { .. })
        && is(PacketKind::Udp) == matches!(packet.content, Content::Udp(_))
        && is(PacketKind::Icmp) == matches!(packet.content, Content::IcmpError(_))
        && (is_tcp || !of_tcp.into_iter().any(is))
        && !(is(PacketKind::Ack) && (closes || is(PacketKind::Syn) || is(PacketKind::Data)));
    let line = packet.to_string();
    if agree && !line.is_empty() && !line.contains('\n') {
        Ok(())
    } else {
        Err(format!("{packet:?} is of kinds that disagree, or told as {line:?}"))
    }
}

/// Neither the sender's link address, nor a checksum, nor what pads the frame changes the packet.
fn unread(frame: &Frame, packet: &Packet, decode: &Decode<'_>) -> Result<(), String> {
    let mut other = frame.clone();
    for at in 6..12 {
        other.bytes[at] ^= 0xff;
    }
    let mut says_its_length = u16::from_be_bytes(field(&frame.bytes, 18)) > 0;
    if packet.source.is_ipv4() {
        other.bytes[24] ^= 0xff;
        other.bytes[25] ^= 0xff;
        says_its_length = u16::from_be_bytes(field(&frame.bytes, 16)) > 0;
    }
    if says_its_length && frame.length as usize == frame.bytes.len() {
        other.bytes = [&other.bytes[..], &[0xa5; 6]].concat().into();
        other.length += 6;
    }
    match decode(&other) {
        Some(found) if found == *packet => Ok(()),
        found => Err(format!("what is not to be read makes {found:?} of {packet:?}")),
    }
}

const ETHERNET: usize = 14;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// The bytes at a place, zeros where the frame does not reach: no packet is decoded then.
fn field<const SIZE: usize>(bytes: &[u8], at: usize) -> [u8; SIZE] {
    bytes.get(at..at + SIZE).and_then(|found| found.try_into().ok()).unwrap_or([0; SIZE])
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::mem::swap;
    use std::time::Duration;

    use etherparse::PacketBuilder;
    use rstest::rstest;

    use super::*;
    use crate::wire::Segment;

    fn frame(bytes: Vec<u8>) -> Frame {
        Frame {
            at: Duration::from_millis(3),
            sender: Some(1),
            receiver: None,
            length: u32::try_from(bytes.len()).expect("it is short"),
            bytes: bytes.into(),
        }
    }

    fn segment() -> Frame {
        let mut bytes = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .tcp(4_000, 80, 17, 512)
            .ack(9)
            .write(&mut bytes, b"hello")
            .expect("memory can be written to");
        frame(bytes)
    }

    fn datagram() -> Frame {
        let mut bytes = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv6([1; 16], [2; 16], 64)
            .udp(7, 9)
            .write(&mut bytes, b"hi")
            .expect("memory can be written to");
        frame(bytes)
    }

    #[test]
    fn the_laws_hold_for_packets_and_for_what_is_none() {
        for good in [segment(), datagram(), frame(vec![]), frame(vec![0; 100])] {
            assert_eq!(decoding(&good), Ok(()));
        }
    }

    /// A decoder that makes something else of some packets.
    fn broken_by(good: &Frame, change: fn(&Frame, &mut Packet)) -> String {
        let decode = |frame: &Frame| {
            let mut packet = Packet::decode(frame)?;
            change(frame, &mut packet);
            Some(packet)
        };
        hold(good, &decode).expect_err("a law notices")
    }

    #[rstest]
    #[case::cut(
        |frame: &Frame, packet: &mut Packet| packet.ttl = frame.bytes.len().to_le_bytes()[0],
        "cut to"
    )]
    #[case::host(|_: &Frame, packet: &mut Packet| packet.sender = None, "than its frame")]
    #[case::link(
        |_: &Frame, packet: &mut Packet| packet.link_destination[5] += 1,
        "something else than its frame"
    )]
    #[case::source(
        |_: &Frame, packet: &mut Packet| packet.source = packet.destination,
        "other addresses"
    )]
    #[case::life(|_: &Frame, packet: &mut Packet| packet.ttl -= 1, "another life")]
    #[case::protocol(
        |_: &Frame, packet: &mut Packet| packet.content = Content::Other { protocol: 6 },
        "other ports"
    )]
    fn a_decoder_that_is_wrong_breaks_a_law(
        #[case] change: fn(&Frame, &mut Packet),
        #[case] expected: &str,
    ) {
        for good in [segment(), datagram()] {
            let broken = broken_by(&good, change);
            assert!(broken.contains(expected), "{broken}");
        }
    }

    #[rstest]
    #[case::ports(
        |_: &Frame, tcp: &mut Segment| swap(&mut tcp.source_port, &mut tcp.destination_port),
        "other ports"
    )]
    #[case::room(|_: &Frame, tcp: &mut Segment| tcp.payload += 1, "no room")]
    #[case::padding(
        |frame: &Frame, tcp: &mut Segment| tcp.payload = frame.length - 54,
        "what is not to be read"
    )]
    #[case::checksum(
        |frame: &Frame, tcp: &mut Segment| {
            tcp.sequence += u32::from(frame.bytes.get(24).is_some_and(|byte| *byte & 1 == 1));
        },
        "what is not to be read"
    )]
    fn a_decoder_of_segments_that_is_wrong_breaks_a_law(
        #[case] change: fn(&Frame, &mut Segment),
        #[case] expected: &str,
    ) {
        let decode = |frame: &Frame| {
            let mut packet = Packet::decode(frame)?;
            if let Content::Tcp(segment) = &mut packet.content {
                change(frame, segment);
            }
            Some(packet)
        };
        let broken = hold(&segment(), &decode).expect_err("a law notices");
        assert!(broken.contains(expected), "{broken}");
    }

    #[test]
    fn a_decoder_that_remembers_breaks_a_law() {
        let calls = Cell::new(0);
        let decode = |frame: &Frame| {
            calls.set(calls.get() + 1);
            Packet::decode(frame).filter(|_| calls.get() % 2 == 0)
        };
        let broken = hold(&segment(), &decode).expect_err("a law notices");
        assert!(broken.starts_with("decoding again"), "{broken}");
    }
}
