use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use super::inside::{Addresses, LONG};
use super::{ACK, FIN, ICMP, ICMPV6, IGMP, RST, SYN, TCP, UDP};
use crate::vocabulary::PacketKind;

/// A packet made by hand.
pub(super) struct Packet {
    /// For whoever reads that a test has failed.
    pub(super) name: String,
    protocol: u8,
    body: Vec<u8>,
    /// Whether something stands between the IP header and the body.
    options: bool,
    /// Those of which it is one.
    pub(super) kinds: Vec<PacketKind>,
}

/// Those of IPv4.
pub(super) fn packets4() -> Vec<Packet> {
    let icmp = [0, 3, 4, 5, 8, 11, 12, 13].map(|kind| {
        let error = matches!(kind, 3 | 4 | 5 | 11 | 12);
        let kinds = error.then_some(PacketKind::Icmp).into_iter().chain([PacketKind::Any]);
        Packet {
            name: format!("ICMP type {kind}"),
            protocol: ICMP,
            body: vec![kind, 0, 0, 0, 0, 0, 0, 0],
            options: false,
            kinds: kinds.collect(),
        }
    });
    let membership = Packet {
        name: "IGMP".to_owned(),
        protocol: IGMP,
        body: vec![0x16, 0, 0, 0, 224, 0, 0, 9],
        options: false,
        kinds: Vec::new(),
    };
    segments().into_iter().chain(icmp).chain([membership]).collect()
}

/// Those of IPv6.
pub(super) fn packets6() -> Vec<Packet> {
    let icmp = [1, 2, 3, 4, 5, 128, 129, 131, 135, 136, 143, 144].map(|kind| Packet {
        name: format!("ICMPv6 type {kind}"),
        protocol: ICMPV6,
        body: vec![kind, 0, 0, 0, 0, 0, 0, 0],
        options: false,
        kinds: match kind {
            1..=4 => vec![PacketKind::Icmp, PacketKind::Any],
            131..=143 => Vec::new(),
            _ => vec![PacketKind::Any],
        },
    });
    // ICMP for IPv4 means nothing here.
    let stray = Packet {
        name: "ICMP within IPv6".to_owned(),
        protocol: ICMP,
        body: vec![3, 0, 0, 0, 0, 0, 0, 0],
        options: false,
        kinds: vec![PacketKind::Any],
    };
    segments().into_iter().chain(icmp).chain([stray]).collect()
}

/// TCP segments of every length of header, UDP datagrams, and what is neither.
fn segments() -> Vec<Packet> {
    use PacketKind::{Ack, Any, Data, Fin, Rst, Syn, Udp};
    let mut packets = Vec::new();
    for options in [false, true] {
        for words in 5..=15 {
            for (flags, kinds) in [
                (SYN, &[Syn][..]),
                (SYN | ACK, &[Syn]),
                (FIN | ACK, &[Fin]),
                (RST | ACK, &[Rst]),
                (RST, &[Rst]),
                (ACK, &[Ack]),
                // With PSH, URG, ECE and CWR, none of which has to do with this.
                (ACK | 0xe8, &[Ack]),
                (0, &[]),
            ] {
                for payload in [0, 1, 4] {
                    let of_payload = if payload == 0 { None } else { Some(Data) };
                    let kinds = kinds.iter().copied().filter(|kind| payload == 0 || *kind != Ack);
                    packets.push(Packet {
                        name: format!(
                            "TCP, flags {flags:#x}, header of {words}, payload of {payload}, \
                             options {options}"
                        ),
                        protocol: TCP,
                        body: segment(words, flags, payload),
                        options,
                        kinds: kinds.chain(of_payload).chain([Any]).collect(),
                    });
                }
            }
        }
        for (name, protocol, kinds) in
            [("UDP", UDP, &[Udp, Any][..]), ("an experiment (RFC 3692)", 253, &[Any])]
        {
            packets.push(Packet {
                name: format!("{name}, options {options}"),
                protocol,
                body: vec![0x12, 0x34, 0x43, 0x21, 0, 9, 0, 0, 0x10],
                options,
                kinds: kinds.to_vec(),
            });
        }
    }
    packets
}

fn segment(words: u8, flags: u8, payload: usize) -> Vec<u8> {
    let mut body = vec![0x12, 0x34, 0x43, 0x21, 0, 0, 0, 1, 0, 0, 0, 1];
    body.extend([words << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    body.resize(usize::from(words) * 4 + payload, 0);
    body
}

/// Raw sockets for packets made by hand.
pub(super) struct Wire<'addresses> {
    addresses: &'addresses Addresses,
    sender: Socket,
    receivers: Vec<(u8, Socket)>,
}

impl<'addresses> Wire<'addresses> {
    pub(super) fn open(addresses: &'addresses Addresses) -> Self {
        let domain = Domain::for_address((addresses.host, 0).into());
        let open = |protocol: u8| {
            let protocol = Protocol::from(i32::from(protocol));
            Socket::new(domain, Type::RAW, Some(protocol)).expect("root may")
        };
        let raw = u8::try_from(libc::IPPROTO_RAW).expect("255");
        let sender = open(raw);
        if addresses.host.is_ipv6() {
            sender.set_header_included_v6(true).expect("an option");
        }
        let receivers = [ICMP, IGMP, TCP, UDP, ICMPV6, 253].map(|protocol| {
            let receiver = open(protocol);
            receiver.bind(&SocketAddr::from((addresses.host, 0)).into()).expect("it is local");
            receiver.set_read_timeout(Some(LONG)).expect("a timeout");
            (protocol, receiver)
        });
        Self { addresses, sender, receivers: receivers.into() }
    }

    /// Whether a packet is there when the same from another, sent after it, has arrived.
    pub(super) fn arrives(&self, packet: &Packet) -> bool {
        for from in [self.addresses.dropped, self.addresses.other] {
            let to = SocketAddr::from((self.addresses.host, 0));
            let bytes = packet.encode(from, self.addresses.host);
            self.sender.send_to(&bytes, &to.into()).expect("loopback takes it");
        }
        let (_, receiver) = self
            .receivers
            .iter()
            .find(|(protocol, _)| *protocol == packet.protocol)
            .expect("every protocol has one");
        let mut arrived = false;
        loop {
            let (_, from) = receiver
                .recv_from(&mut [MaybeUninit::uninit(); 256])
                .unwrap_or_else(|error| panic!("{} did not arrive: {error}", packet.name));
            let from = from.as_socket().expect("an IP address").ip();
            if from == self.addresses.other {
                return arrived;
            }
            arrived |= from == self.addresses.dropped;
        }
    }
}

impl Packet {
    fn encode(&self, from: IpAddr, to: IpAddr) -> Vec<u8> {
        let (IpAddr::V4(from), IpAddr::V4(to)) = (from, to) else {
            return self.encode6(from, to);
        };
        // The kernel fills in the length and the checksum.
        let words = if self.options { 6 } else { 5 };
        let mut bytes = vec![0x40 | words, 0, 0, 0, 0, 0, 0, 0, 64, self.protocol, 0, 0];
        bytes.extend(from.octets());
        bytes.extend(to.octets());
        if self.options {
            bytes.extend([1, 1, 1, 0]);
        }
        bytes.extend(&self.body);
        bytes
    }

    fn encode6(&self, from: IpAddr, to: IpAddr) -> Vec<u8> {
        const DESTINATION_OPTIONS: u8 = 60;
        let (IpAddr::V6(from), IpAddr::V6(to)) = (from, to) else {
            panic!("{from} and {to} are of two families");
        };
        let options = [self.protocol, 0, 1, 4, 0, 0, 0, 0];
        let options = if self.options { &options[..] } else { &[] };
        let next = if self.options { DESTINATION_OPTIONS } else { self.protocol };
        let length = u8::try_from(options.len() + self.body.len()).expect("it is short");
        let mut bytes = vec![0x60, 0, 0, 0, 0, length, next, 64];
        bytes.extend(from.octets());
        bytes.extend(to.octets());
        let mut body = self.body.clone();
        if self.protocol == ICMPV6 {
            let pseudo = [0, u8::try_from(body.len()).expect("it is short"), 0, ICMPV6];
            let sum = checksum(&[&bytes[8..], &pseudo, &body].concat());
            body[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        bytes.extend(options);
        bytes.extend(body);
        bytes
    }
}

fn checksum(bytes: &[u8]) -> u16 {
    let sum = bytes.chunks(2).fold(0_u16, |sum, pair| {
        let (sum, carry) = sum.overflowing_add(u16::from_be_bytes([pair[0], pair[1]]));
        sum + u16::from(carry)
    });
    !sum
}
