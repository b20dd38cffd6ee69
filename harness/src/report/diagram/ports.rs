use std::collections::HashMap;
use std::time::Duration;

use super::call::{Call, Role};
use crate::report::wire::ports;
use crate::run::event::StepReport;
use crate::scenario::{Action, Step};
use crate::vocabulary::{ActorId, Op, Place, SocketId};
use crate::wire::{Content, Flags, Packet};

/// Whose ports are whose where all actors share one host: there is no telling by addresses who sent a
/// packet. A recording does not say it, so it is concluded from who had just connected or sent.
#[derive(Debug, Default)]
pub(super) struct Ports {
    owners: HashMap<u16, usize>,
    connects: Vec<Beginning>,
    sends: Vec<Beginning>,
    actors: usize,
}

/// A call that may put the first packet from a port on its way.
#[derive(Clone, Copy, Debug)]
struct Beginning {
    at: Duration,
    actor: usize,
    peer: Option<usize>,
}

impl Ports {
    /// Takes note of the calls of a case with these actors.
    pub(super) fn new(
        names: &[String],
        calls: &[Call],
        reports: &[StepReport],
        steps: &[Option<&Step>],
    ) -> Self {
        let mut ports = Self { actors: names.len(), ..Self::default() };
        for call in calls.iter().filter(|call| call.role == Role::Pair) {
            ports.connects.extend(connects(&call.words, call.began, names));
        }
        let mut peers: HashMap<SocketId, usize> = HashMap::new();
        for (report, step) in reports.iter().zip(steps) {
            let Some(Action::Perform { actor, op } | Action::Start { actor, op, .. }) =
                step.map(|step| &step.action)
            else {
                continue;
            };
            let beginning = |peer| Beginning { at: report.began, actor: actor.index(), peer };
            match op {
                Op::Connect { socket, address } => {
                    let peer = actor_at(address.place).map(ActorId::index);
                    peer.map(|peer| peers.insert(*socket, peer));
                    ports.connects.push(beginning(peer));
                }
                Op::Send { socket, to, .. } => {
                    let to = to.and_then(|to| actor_at(to.place)).map(ActorId::index);
                    ports.sends.push(beginning(to.or_else(|| peers.get(socket).copied())));
                }
                Op::Write { socket, .. }
                | Op::SendFrame { socket, .. }
                | Op::Fill { socket, .. } => {
                    ports.sends.push(beginning(peers.get(socket).copied()));
                }
                _ => {}
            }
        }
        for calls in [&mut ports.connects, &mut ports.sends] {
            calls.sort_by_key(|call| call.at);
        }
        ports
    }

    /// Who sent a packet to whom, as far as can be concluded from it and from those before it.
    pub(super) fn ends(&mut self, packet: &Packet) -> (Option<usize>, Option<usize>) {
        let Some((from, to)) = ports(&packet.content) else { return (None, None) };
        if let Some(call) = self.beginning(packet) {
            if !self.owners.contains_key(&from) && self.owners.get(&to) != Some(&call.actor) {
                self.owners.insert(from, call.actor);
            }
            if let Some(peer) = call.peer {
                self.owners.entry(to).or_insert(peer);
            }
        }
        (self.owner(from, to), self.owner(to, from))
    }

    /// The call that a first packet comes from.
    fn beginning(&self, packet: &Packet) -> Option<Beginning> {
        let calls = match &packet.content {
            Content::Tcp(segment)
                if segment.flags.contains(Flags::SYN) && !segment.flags.contains(Flags::ACK) =>
            {
                &self.connects
            }
            Content::Udp(_) => &self.sends,
            _ => return None,
        };
        let later = calls.partition_point(|call| call.at <= packet.at);
        later.checked_sub(1).map(|last| calls[last])
    }

    /// The owner of a port; one that nobody is known to own belongs to whoever does not own the other
    /// end.
    fn owner(&self, port: u16, other: u16) -> Option<usize> {
        let known = |port| self.owners.get(&port).copied();
        known(port).or_else(|| match self.actors {
            1 => Some(0),
            2 => known(other).map(|other| 1 - other.min(1)),
            _ => None,
        })
    }
}

/// What `pair client.c server.s` says of who connects to whom.
fn connects(words: &str, at: Duration, names: &[String]) -> Option<Beginning> {
    let mut ends = words.split(' ').skip(1).map(|end| {
        let actor = end.split('.').next().unwrap_or_default();
        names.iter().position(|name| name == actor)
    });
    let (actor, peer) = (ends.next()??, ends.next()?);
    Some(Beginning { at, actor, peer })
}

/// The actor that an address names.
const fn actor_at(place: Place) -> Option<ActorId> {
    match place {
        Place::Actor(actor) | Place::Beside { actor, .. } => Some(actor),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::captured;
    use crate::wire::Frame;

    fn connecting(ports: Ports, at: u64, actor: usize, peer: Option<usize>) -> Ports {
        let at = Duration::from_micros(at);
        Ports { connects: vec![Beginning { at, actor, peer }], ..ports }
    }

    /// The ends of each packet of a connection.
    fn ends(mut ports: Ports) -> Vec<(Option<usize>, Option<usize>)> {
        let packets = captured::reset_connection().frames.into_iter();
        let packets = packets.filter_map(|frame| Packet::decode(&Frame::from(frame)));
        packets.map(|packet| ports.ends(&packet)).collect()
    }

    #[test]
    fn who_has_just_connected_owns_the_port_that_the_first_packet_comes_from() {
        let three = || Ports { actors: 3, ..Ports::default() };
        let found = ends(connecting(three(), 69, 2, Some(1)));
        assert_eq!(found[..2], [(Some(2), Some(1)), (Some(1), Some(2))]);
        let found = ends(connecting(three(), 71, 2, Some(1)));
        assert_eq!(found[0], (None, None), "the call came later");
        let found = ends(connecting(three(), 69, 2, None));
        assert_eq!(found[0], (Some(2), None), "nobody says to whom");
    }

    #[test]
    fn of_two_actors_the_other_one_owns_the_other_port() {
        let two = Ports { actors: 2, ..Ports::default() };
        let found = ends(connecting(two, 69, 1, None));
        assert_eq!(found[..2], [(Some(1), Some(0)), (Some(0), Some(1))]);
        let one = Ports { actors: 1, ..Ports::default() };
        assert_eq!(ends(one)[0], (Some(0), Some(0)));
    }

    #[test]
    fn a_pair_line_says_who_connects() {
        let names = ["server".to_owned(), "client".to_owned()];
        let ends = |words| {
            let call = connects(words, Duration::ZERO, &names)?;
            Some((call.actor, call.peer))
        };
        assert_eq!(ends("pair client.c server.s"), Some((1, Some(0))));
        assert_eq!(ends("pair client.c other.s"), Some((1, None)));
        assert_eq!(ends("pair"), None);
    }
}
