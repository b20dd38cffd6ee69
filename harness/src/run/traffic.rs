use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use crate::scenario::{Receiver, Via, WireFact};
use crate::subject::AddressBook;
use crate::vocabulary::{ActorId, Endpoint, Place};
use crate::wire::{Capture, Content, Flags, Frame, Packet};

/// What was captured of a case so far, and whose each packet is.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    packets: Vec<Packet>,
    /// How many packets came before the last mark.
    marked: usize,
    /// The last frames, for the report.
    frames: VecDeque<Frame>,
    lost: u64,
    /// The sequence number of the last SYN from one socket to another.
    beginnings: HashMap<(SocketAddr, SocketAddr), u32>,
    /// Where all actors share one host: whose socket has which port.
    owners: HashMap<u16, ActorId>,
}

/// How many frames are kept for the report.
const KEPT: usize = 4_096;
/// The link-layer broadcast address.
const EVERYBODY: [u8; 6] = [0xff; 6];

impl Traffic {
    /// Takes in what was captured since the last time.
    pub(super) fn take(&mut self, capture: Capture) {
        self.lost += capture.lost;
        for frame in capture.frames {
            if let Some(packet) = Packet::decode(&frame) {
                if let (Content::Tcp(segment), Some(ends)) = (&packet.content, ends(&packet))
                    && segment.flags.contains(Flags::SYN)
                {
                    self.beginnings.insert(ends, segment.sequence);
                }
                self.packets.push(packet);
            }
            if self.frames.len() == KEPT {
                self.frames.pop_front();
            }
            self.frames.push_back(frame);
        }
    }

    /// Lets nothing that was seen so far count any more.
    pub(super) fn mark(&mut self) {
        self.marked = self.packets.len();
    }

    /// How many frames were lost.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// The last frames.
    pub(super) fn into_frames(self) -> Vec<Frame> {
        self.frames.into()
    }

    /// Notes that a socket of an actor has this name.
    pub(super) fn own(&mut self, endpoint: &Endpoint, actor: ActorId) {
        if let Endpoint::Inet(address) = endpoint {
            self.owners.insert(address.port(), actor);
        }
    }

    /// How many packets were seen that fit.
    pub(super) fn count(&self, fact: &WireFact, book: &AddressBook) -> u64 {
        self.since_mark().filter(|packet| self.fits(packet, fact, book)).count() as u64
    }

    /// Which packet was the first that fits, counted from the mark.
    pub(super) fn first(&self, fact: &WireFact, book: &AddressBook) -> Option<usize> {
        self.since_mark().position(|packet| self.fits(packet, fact, book))
    }

    fn since_mark(&self) -> impl Iterator<Item = &Packet> {
        self.packets.iter().skip(self.marked)
    }

    fn fits(&self, packet: &Packet, fact: &WireFact, book: &AddressBook) -> bool {
        packet.is(fact.kind)
            && fact.ttl.is_none_or(|ttl| ttl == packet.ttl)
            && (!fact.port_unreachable || is_port_unreachable(packet))
            && self.has_numbers(packet, fact)
            && if book.is_loopback() {
                self.fits_by_port(packet, fact, book)
            } else {
                fits_by_host(packet, fact, book)
            }
    }

    /// Whether a segment has the numbers that are asked for. Where its connection's SYNs were not
    /// seen, nobody can tell.
    fn has_numbers(&self, packet: &Packet, fact: &WireFact) -> bool {
        if fact.seq.is_none() && fact.ack.is_none() {
            return true;
        }
        let (Content::Tcp(segment), Some((source, destination))) = (&packet.content, ends(packet))
        else {
            return false;
        };
        let is = |wanted: Option<u32>, found: u32, from, to| {
            let beginning = self.beginnings.get(&(from, to));
            wanted.is_none_or(|wanted| {
                beginning.is_some_and(|beginning| found.wrapping_sub(*beginning) == wanted)
            })
        };
        let acknowledges = fact.ack.is_none() || segment.flags.contains(Flags::ACK);
        is(fact.seq, segment.sequence, source, destination)
            && acknowledges
            && is(fact.ack, segment.acknowledgement, destination, source)
    }

    /// On one host the addresses are the same for all: it is the ports that tell.
    fn fits_by_port(&self, packet: &Packet, fact: &WireFact, book: &AddressBook) -> bool {
        let Some((source, destination)) = ends(packet) else { return false };
        let owner = |end: SocketAddr| self.owners.get(&end.port()).copied();
        // A port that nobody has bound belongs to whoever does not own the other end.
        let is = |actor: ActorId, end: SocketAddr, other: SocketAddr| match owner(end) {
            Some(owner) => owner == actor,
            None => owner(other).is_some_and(|owner| owner != actor),
        };
        let received = match fact.to {
            Receiver::Actor(actor) => is(actor, destination, source),
            _ => goes_to(packet, fact, book),
        };
        received && is(fact.from, source, destination)
    }
}

fn fits_by_host(packet: &Packet, fact: &WireFact, book: &AddressBook) -> bool {
    let seen = match fact.at {
        Some(host) => packet.receiver == Some(book.host_of(host)),
        None => packet.sender == Some(book.host_of(fact.from)),
    };
    let addressed = match fact.via {
        None => true,
        Some(Via::All) => packet.link_destination == EVERYBODY,
        Some(Via::Actor(host)) => {
            book.links_of(host).iter().any(|link| link.mac == packet.link_destination)
        }
    };
    seen && addressed && goes_to(packet, fact, book) && book.is_of(packet.source, fact.from)
}

/// Whether a packet has the destination that is asked for, which means what it means in the address
/// of a step of the sender's.
fn goes_to(packet: &Packet, fact: &WireFact, book: &AddressBook) -> bool {
    let place = match fact.to {
        Receiver::Anyone => return true,
        Receiver::Actor(host) => Place::Actor(host),
        Receiver::Broadcast => Place::Broadcast,
        Receiver::SubnetBroadcast => Place::SubnetBroadcast,
        Receiver::AllNodes => Place::AllNodes,
    };
    book.is_at(fact.from, packet.destination, place)
}

fn is_port_unreachable(packet: &Packet) -> bool {
    matches!(&packet.content, Content::IcmpError(error) if error.is_port_unreachable())
}

/// Between which sockets a packet goes; of an error message, the two that it is about.
fn ends(packet: &Packet) -> Option<(SocketAddr, SocketAddr)> {
    let (source, destination) = match &packet.content {
        Content::Tcp(segment) => (segment.source_port, segment.destination_port),
        Content::Udp(datagram) => (datagram.source_port, datagram.destination_port),
        Content::IcmpError(error) => {
            return error.quoted.as_ref().map(|quoted| (quoted.destination, quoted.source));
        }
        Content::Other { .. } => return None,
    };
    Some((SocketAddr::new(packet.source, source), SocketAddr::new(packet.destination, destination)))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    use etherparse::PacketBuilder;

    use super::*;
    use crate::net::{HostAddresses, LinkAddress};
    use crate::vocabulary::PacketKind;

    fn actor(position: usize) -> ActorId {
        ActorId::new(position)
    }

    fn fact(from: usize, to: Receiver, kind: PacketKind) -> WireFact {
        WireFact::new(actor(from), to, kind)
    }

    /// A datagram on the link between two hosts, from 10.0.0.1 to some address.
    fn datagram(destination: [u8; 4], mac: [u8; 6], seen: (Option<usize>, Option<usize>)) -> Frame {
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], mac)
            .ipv4([10, 0, 0, 1], destination, 64)
            .udp(4_000, 9);
        let mut bytes = Vec::new();
        builder.write(&mut bytes, b"hi").expect("memory can be written to");
        let length = u32::try_from(bytes.len()).expect("it is short");
        let (sender, receiver) = seen;
        Frame { at: Duration::ZERO, sender, receiver, length, bytes: bytes.into() }
    }

    fn segment(ports: (u16, u16)) -> Frame {
        let builder = PacketBuilder::ethernet2([0; 6], [0; 6])
            .ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64)
            .tcp(ports.0, ports.1, 1, 100)
            .fin();
        let mut bytes = Vec::new();
        builder.write(&mut bytes, &[]).expect("memory can be written to");
        let length = u32::try_from(bytes.len()).expect("it is short");
        let host = Some(0);
        Frame { at: Duration::ZERO, sender: host, receiver: host, length, bytes: bytes.into() }
    }

    fn of(frames: Vec<Frame>) -> Traffic {
        let mut traffic = Traffic::default();
        traffic.take(Capture { frames, lost: 0 });
        traffic
    }

    /// Three hosts on one link.
    fn book() -> AddressBook {
        let host = |host: u8| HostAddresses {
            links: vec![LinkAddress {
                link: 0,
                ipv4: Ipv4Addr::new(10, 0, 0, host),
                prefix: 20,
                ipv6: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host.into()),
                mac: [2, 0, 0, 0, 0, host],
            }],
        };
        AddressBook::on_hosts(&[host(1), host(2), host(3)], 0)
    }

    #[test]
    fn a_packet_counts_where_it_was_sent_or_where_it_arrived() {
        let mac = [2, 0, 0, 0, 0, 2];
        let traffic = of(vec![
            datagram([10, 0, 0, 2], mac, (Some(0), None)),
            datagram([10, 0, 0, 2], mac, (None, Some(1))),
            datagram([10, 0, 0, 2], mac, (None, Some(1))),
        ]);
        let sent = fact(0, Receiver::Actor(actor(1)), PacketKind::Udp);
        let arrived = |host| WireFact { at: Some(actor(host)), ..sent.clone() };
        assert_eq!(traffic.count(&sent, &book()), 1);
        assert_eq!(traffic.count(&arrived(1), &book()), 2);
        assert_eq!(traffic.count(&arrived(2), &book()), 0);
        let others = [
            fact(1, Receiver::Actor(actor(0)), PacketKind::Udp),
            fact(0, Receiver::Actor(actor(2)), PacketKind::Udp),
            fact(0, Receiver::Actor(actor(1)), PacketKind::Icmp),
            fact(0, Receiver::Broadcast, PacketKind::Udp),
        ];
        for other in others {
            assert_eq!(traffic.count(&other, &book()), 0, "{other:?}");
        }
        assert_eq!(traffic.count(&fact(0, Receiver::Anyone, PacketKind::Any), &book()), 1);
    }

    #[test]
    fn broadcasts_are_told_by_their_address_their_frame_and_their_time_to_live() {
        let traffic = of(vec![
            datagram([255; 4], EVERYBODY, (Some(0), None)),
            datagram([10, 0, 15, 255], EVERYBODY, (Some(0), None)),
            datagram([10, 0, 15, 255], [2, 0, 0, 0, 0, 2], (Some(0), None)),
            datagram([10, 0, 0, 255], EVERYBODY, (Some(0), None)),
        ]);
        let count = |fact: WireFact| traffic.count(&fact, &book());
        let to = |receiver| fact(0, receiver, PacketKind::Udp);
        assert_eq!(count(to(Receiver::Broadcast)), 1);
        assert_eq!(count(to(Receiver::SubnetBroadcast)), 2);
        let via = |via| WireFact { via: Some(via), ..to(Receiver::SubnetBroadcast) };
        assert_eq!(count(via(Via::All)), 1);
        assert_eq!(count(via(Via::Actor(actor(1)))), 1);
        assert_eq!(count(via(Via::Actor(actor(2)))), 0);
        let ttl = |ttl| WireFact { ttl: Some(ttl), ..to(Receiver::Broadcast) };
        assert_eq!((count(ttl(64)), count(ttl(1))), (1, 0));
    }

    #[test]
    fn on_one_host_the_ports_tell_whose_a_packet_is() {
        let book = AddressBook::on_loopback(0);
        let mut traffic = of(vec![segment((50_000, 20_000)), segment((20_000, 50_000))]);
        let from = |host| fact(host, Receiver::Actor(actor(1 - host)), PacketKind::Fin);
        assert_eq!(traffic.count(&from(0), &book), 0, "nobody is known to own a port");
        let end = |port| Endpoint::Inet(SocketAddr::from(([127, 0, 0, 1], port)));
        traffic.own(&end(20_000), actor(1));
        assert_eq!((traffic.count(&from(0), &book), traffic.count(&from(1), &book)), (1, 1));
        traffic.own(&end(50_000), actor(1));
        let own = fact(1, Receiver::Actor(actor(1)), PacketKind::Fin);
        assert_eq!((traffic.count(&from(0), &book), traffic.count(&own, &book)), (0, 2));
    }

    #[test]
    fn sequence_numbers_are_counted_from_the_syn() {
        let segment = |ports: (u16, u16), sequence: u32, acknowledgement: Option<u32>, syn| {
            let mut builder = PacketBuilder::ethernet2([0; 6], [0; 6])
                .ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64)
                .tcp(ports.0, ports.1, sequence, 100);
            if syn {
                builder = builder.syn();
            }
            if let Some(number) = acknowledgement {
                builder = builder.ack(number);
            }
            let mut bytes = Vec::new();
            builder.write(&mut bytes, &[]).expect("memory can be written to");
            let length = u32::try_from(bytes.len()).expect("it is short");
            let host = Some(0);
            Frame { at: Duration::ZERO, sender: host, receiver: host, length, bytes: bytes.into() }
        };
        let (near, far) = ((50_000, 20_000), (20_000, 50_000));
        let before = u32::MAX - 1;
        let mut traffic = of(vec![
            segment(near, before, None, true),
            segment(far, 700, Some(before.wrapping_add(1)), true),
            segment(near, before.wrapping_add(1), Some(701), false),
            segment(near, before.wrapping_add(5), Some(701), false),
        ]);
        traffic.own(&Endpoint::Inet(SocketAddr::from(([127, 0, 0, 1], 20_000))), actor(1));
        let book = AddressBook::on_loopback(0);
        let ack = || fact(0, Receiver::Actor(actor(1)), PacketKind::Ack);
        let count = |fact: &WireFact| traffic.count(fact, &book);
        let with = |seq: Option<u32>, ack_of: Option<u32>| WireFact { seq, ack: ack_of, ..ack() };
        assert_eq!(count(&with(Some(1), None)), 1);
        assert_eq!(count(&with(Some(5), Some(1))), 1);
        assert_eq!(count(&with(Some(5), Some(2))), 0);
        assert_eq!(count(&with(Some(0), None)), 0);
        assert_eq!(count(&with(None, Some(1))), 2);
        traffic.mark();
        traffic.take(Capture { frames: vec![segment(near, before, Some(701), false)], lost: 0 });
        assert_eq!(traffic.count(&with(Some(0), None), &book), 1, "a mark leaves the beginning");
        let strange = segment((50_001, 20_000), 1, Some(1), false);
        traffic.take(Capture { frames: vec![strange], lost: 0 });
        assert_eq!(traffic.count(&with(Some(1), None), &book), 0, "its SYN was not seen");
    }

    #[test]
    fn what_came_before_a_mark_does_not_count() {
        let frame = || datagram([255; 4], EVERYBODY, (Some(0), None));
        let mut traffic = of(vec![frame(), frame()]);
        let any = fact(0, Receiver::Anyone, PacketKind::Any);
        traffic.mark();
        assert_eq!((traffic.count(&any, &book()), traffic.first(&any, &book())), (0, None));
        traffic.take(Capture { frames: vec![frame()], lost: 0 });
        assert_eq!((traffic.count(&any, &book()), traffic.first(&any, &book())), (1, Some(0)));
    }

    #[test]
    fn the_last_frames_are_kept_and_all_of_them_counted() {
        let frame = datagram([255; 4], EVERYBODY, (Some(0), None));
        let traffic = of(vec![frame; KEPT + 7]);
        let any = fact(0, Receiver::Anyone, PacketKind::Any);
        assert_eq!(traffic.count(&any, &book()), KEPT as u64 + 7);
        assert_eq!(traffic.into_frames().len(), KEPT);
    }
}
