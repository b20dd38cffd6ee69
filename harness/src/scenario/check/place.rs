use super::checker::Checker;
use super::cursor::Atom;
use super::value::is_name;
use crate::scenario::diagnostic::{Diagnostic, code, quoted};
use crate::scenario::syntax::PLACES;
use crate::vocabulary::{ActorId, Place, Topology};

impl Checker<'_, '_> {
    /// The place of the address that `atom` is or ends with.
    pub(super) fn place_in(&mut self, atom: &Atom<'_>, place: &str) -> Option<Place> {
        if let Some((place, neighbour)) = place.split_once('@') {
            return self.place_beside(atom, place, neighbour);
        }
        Some(match place {
            "any" => Place::Any,
            "broadcast" => {
                let message = "`broadcast` is an address of IPv4";
                let label = "no socket of IPv4 is there in every case";
                let diagnostic = Diagnostic::new(code::NO_IPV4, atom.span, message, label)
                    .help("write `over udp4`, or open the socket as one");
                self.families.limited.push((self.guard, diagnostic));
                Place::Broadcast
            }
            "subnet-broadcast" => Place::SubnetBroadcast,
            "all-nodes" => {
                self.needs_link(atom, place)?;
                let message = "`all-nodes` is an address of IPv6";
                let label = "no socket of IPv6 is there in every case";
                let diagnostic = Diagnostic::new(code::NO_IPV6, atom.span, message, label)
                    .help("write `over udp6`, or open the socket as one");
                self.families.nodes.push((self.guard, diagnostic));
                Place::AllNodes
            }
            "nobody" => {
                self.needs_link(atom, place)?;
                Place::Nobody
            }
            _ => Place::Actor(self.host_in(atom, place, &PLACES)?),
        })
    }

    /// `PLACE@NEIGHBOUR`
    fn place_beside(&mut self, atom: &Atom<'_>, place: &str, neighbour: &str) -> Option<Place> {
        const SUBNET: &str = "subnet-broadcast";
        if place == SUBNET {
            let host = self.host_in(atom, neighbour, &[])?;
            self.needs_link(atom, "@")?;
            return Some(Place::SubnetBroadcastOf(host));
        }
        if PLACES.contains(&place) {
            self.bad_address(atom, "expected a host or `subnet-broadcast` before `@`");
            return None;
        }
        let actor = self.host_in(atom, place, &[SUBNET])?;
        let other = self.host_in(atom, neighbour, &[])?;
        self.needs_link(atom, "@")?;
        self.must_share_link(atom, (actor, place), (other, neighbour))?;
        Some(Place::Beside { actor, neighbour: other })
    }

    /// Reports two hosts that share no link in one of the topologies.
    pub(super) fn must_share_link(
        &mut self,
        atom: &Atom<'_>,
        (actor, name): (ActorId, &str),
        (other, neighbour): (ActorId, &str),
    ) -> Option<()> {
        let is_router = name == "router" || neighbour == "router";
        if actor != other && (is_router || !self.header.topologies.contains(&Topology::Routed)) {
            return Some(());
        }
        let message = format!("{} and {} share no link", quoted(name), quoted(neighbour));
        let label = "expected a host and its neighbour on a link";
        let diagnostic = Diagnostic::new(code::NO_LINK, atom.span, message, label)
            .help("`HOST@NEIGHBOUR` is what the host has on the link to it");
        self.report_at(atom, diagnostic);
        None
    }

    /// A host within an address, where `places` could stand too.
    fn host_in(&mut self, atom: &Atom<'_>, host: &str, places: &[&str]) -> Option<ActorId> {
        if !is_name(host) {
            self.bad_address(atom, "expected `PLACE` or `PLACE:PORT`");
            return None;
        }
        if self.header.any_actor || self.header.actors.contains(&host) {
            return self.host(&Atom { text: host, ..*atom });
        }
        let diagnostic = self.unknown_host(atom, host, places);
        self.report_at(atom, diagnostic);
        None
    }

    pub(super) fn bad_address(&mut self, atom: &Atom<'_>, label: &str) {
        let message = format!("{} is not an address", quoted(atom.text));
        let diagnostic = Diagnostic::new(code::BAD_ADDRESS, atom.span, message, label).help(
            "a place is an actor, `any`, `broadcast`, `subnet-broadcast`, `all-nodes`, `nobody`, \
             `HOST@NEIGHBOUR` or `subnet-broadcast@HOST`; a port is a name, or a number where the \
             number is the point: `server:echo`, `any:9999`",
        );
        self.report_at(atom, diagnostic);
    }
}
