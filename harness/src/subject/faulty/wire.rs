use std::net::IpAddr;

use super::fault::Fault;
use super::kind::nothing;
use crate::subject::AddressBook;
use crate::vocabulary::ActorId;
use crate::wire::{Capture, Content, Flags, Frame, Packet};

const AREA: &str = "wire";

/// Where the link-layer header ends.
const ETHERNET: usize = 14;
/// The length of an IPv4 header without options.
const IPV4: usize = 20;
/// The length of an IPv6 header.
const IPV6: usize = 40;
/// Where the flags are in a TCP header.
const FLAGS: usize = 13;
/// The protocol number of ICMP.
const ICMP: u8 = 1;

/// What is seen is something else: each frame becomes none, itself, or several.
fn each(capture: &mut Capture, change: impl Fn(Frame, &Packet) -> Vec<Frame>) {
    let frames = std::mem::take(&mut capture.frames);
    capture.frames = frames
        .into_iter()
        .flat_map(|frame| match Packet::decode(&frame) {
            Some(packet) => change(frame, &packet),
            None => vec![frame],
        })
        .collect();
}

fn has(packet: &Packet, flags: Flags) -> bool {
    matches!(packet.content, Content::Tcp(segment) if segment.flags.contains(flags))
}

/// Whether it is an acknowledgement and nothing else.
fn is_bare(packet: &Packet) -> bool {
    matches!(packet.content, Content::Tcp(segment)
        if segment.payload == 0 && segment.flags == Flags::ACK)
}

/// A TCP segment with some flags fewer and some more.
fn with_flags(mut frame: Frame, fewer: u8, more: u8) -> Frame {
    let header = if frame.bytes.get(12) == Some(&0x08) { IPV4 } else { IPV6 };
    if let Some(flags) = frame.bytes.get_mut(ETHERNET + header + FLAGS) {
        *flags = *flags & !fewer | more;
    }
    frame
}

const FIN: u8 = 0x01;
const RST: u8 = 0x04;

/// Whether an IPv4 packet went to the whole link.
fn goes_to_all(packet: &Packet) -> bool {
    packet.link_destination == [0xff; 6] && packet.source.is_ipv4()
}

/// The port unreachable with which a host answers a datagram, though nobody may answer this one.
fn unreachable(frame: &Frame, packet: &Packet, book: &AddressBook) -> Option<Frame> {
    let host = frame.receiver?;
    let IpAddr::V4(to) = packet.source else { return None };
    let [link, ..] = book.links_of(ActorId::new(host)) else { return None };
    let quoted = frame.bytes.get(ETHERNET..ETHERNET + IPV4 + 8)?;
    let mut bytes = Vec::with_capacity(ETHERNET + IPV4 + 8 + quoted.len());
    bytes.extend_from_slice(&frame.bytes[6..12]);
    bytes.extend_from_slice(&[2, 0, 0, 0, 0, 1, 0x08, 0x00]);
    let length = u16::try_from(IPV4 + 8 + quoted.len()).ok()?;
    bytes.extend_from_slice(&[0x45, 0]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, 0, 64, ICMP, 0, 0]);
    bytes.extend_from_slice(&link.ipv4.octets());
    bytes.extend_from_slice(&to.octets());
    bytes.extend_from_slice(&[3, 3, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(quoted);
    Some(Frame {
        at: frame.at,
        sender: Some(host),
        receiver: None,
        length: u32::try_from(bytes.len()).ok()?,
        bytes: bytes.into(),
    })
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(AREA, "fin-is-sent-twice", "every FIN is sent a second time at once", nothing)
        .capture(|capture, _| {
            each(capture, |frame, packet| {
                if has(packet, Flags::FIN) { vec![frame.clone(), frame] } else { vec![frame] }
            });
        }),
    Fault::new(AREA, "fin-is-sent-as-reset", "a RST is sent in the place of each FIN", nothing)
        .capture(|capture, _| {
            each(capture, |frame, packet| {
                vec![if has(packet, Flags::FIN) { with_flags(frame, FIN, RST) } else { frame }]
            });
        }),
    Fault::new(AREA, "reset-is-sent-as-fin", "a FIN is sent in the place of each RST", nothing)
        .capture(|capture, _| {
            each(capture, |frame, packet| {
                vec![if has(packet, Flags::RST) { with_flags(frame, RST, FIN) } else { frame }]
            });
        }),
    Fault::new(AREA, "fin-overtakes-data", "the first data that is sent carries a FIN", nothing)
        .capture(|capture, _| {
            each(capture, |frame, packet| {
                let carries =
                    matches!(packet.content, Content::Tcp(segment) if segment.payload > 0);
                vec![if carries { with_flags(frame, 0, FIN) } else { frame }]
            });
        }),
    Fault::new(AREA, "acknowledgements-reset", "a bare acknowledgement is sent as a RST", nothing)
        .capture(|capture, _| {
            each(capture, |frame, packet| {
                vec![if is_bare(packet) { with_flags(frame, 0, RST) } else { frame }]
            });
        }),
    Fault::new(AREA, "nothing-is-acknowledged", "no bare acknowledgement is sent", nothing)
        .capture(|capture, _| {
            each(capture, |frame, packet| if is_bare(packet) { Vec::new() } else { vec![frame] });
        }),
    Fault::new(
        AREA,
        "broadcast-draws-unreachable",
        "a broadcast draws port unreachable from every host that hears it",
        nothing,
    )
    .capture(|capture, book| {
        each(capture, |frame, packet| {
            let answer = match packet.content {
                Content::Udp(_) if goes_to_all(packet) => unreachable(&frame, packet, book),
                _ => None,
            };
            [frame].into_iter().chain(answer).collect()
        });
    }),
    Fault::new(
        AREA,
        "unreachable-is-not-sent",
        "a datagram to a port that nobody uses draws nothing",
        nothing,
    )
    .capture(|capture, _| {
        each(capture, |frame, packet| match packet.content {
            Content::IcmpError(_) => Vec::new(),
            _ => vec![frame],
        });
    }),
    Fault::new(
        AREA,
        "broadcast-is-one-frame-a-host",
        "a broadcast is sent as a frame to one host",
        nothing,
    )
    .capture(|capture, _| {
        each(capture, |mut frame, packet| {
            if goes_to_all(packet) {
                frame.bytes[..6].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
            }
            vec![frame]
        });
    }),
    Fault::new(
        AREA,
        "broadcast-is-forwarded",
        "a broadcast leaves by every link of a router",
        nothing,
    )
    .capture(|capture, _| {
        each(capture, |frame, packet| {
            let hosts = 0..if goes_to_all(packet) { 3 } else { 0 };
            let copies: Vec<Frame> = hosts
                .flat_map(|host| {
                    [(Some(host), None), (None, Some(host))].map(|(sender, receiver)| Frame {
                        sender,
                        receiver,
                        ..frame.clone()
                    })
                })
                .collect();
            [frame].into_iter().chain(copies).collect()
        });
    }),
    Fault::new(
        AREA,
        "broadcast-is-sent-by-every-link",
        "a limited broadcast is sent twice",
        nothing,
    )
    .capture(|capture, _| {
        each(
            capture,
            |frame, packet| {
                if goes_to_all(packet) { vec![frame.clone(), frame] } else { vec![frame] }
            },
        );
    }),
];
