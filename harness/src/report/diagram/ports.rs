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
            ports.connects.extend(connects(call, names));
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
fn connects(call: &Call, names: &[String]) -> Option<Beginning> {
    let mut ends = call.words.split(' ').skip(1).map(|end| {
        let actor = end.split('.').next().unwrap_or_default();
        names.iter().position(|name| name == actor)
    });
    let (actor, peer) = (ends.next()??, ends.next()?);
    Some(Beginning { at: call.began, actor, peer })
}

/// The actor that an address names.
const fn actor_at(place: Place) -> Option<ActorId> {
    match place {
        Place::Actor(actor) | Place::Beside { actor, .. } => Some(actor),
        _ => None,
    }
}
