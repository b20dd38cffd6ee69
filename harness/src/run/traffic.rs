use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use crate::scenario::{Receiver, Via, WireFact};
use crate::subject::AddressBook;
use crate::vocabulary::{ActorId, Endpoint, Place};
use crate::wire::{Capture, Content, Frame, Packet};

/// What was captured of a case so far, and whose each packet is.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    packets: Vec<Packet>,
    /// How many packets came before the last mark.
    marked: usize,
    /// The last frames, for the report.
    frames: VecDeque<Frame>,
    lost: u64,
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
            self.packets.extend(Packet::decode(&frame));
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
            && if book.is_loopback() {
                self.fits_by_port(packet, fact, book)
            } else {
                fits_by_host(packet, fact, book)
            }
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
        WireFact { from: actor(from), to, kind, at: None, via: None, ttl: None }
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
