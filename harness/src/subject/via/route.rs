use crate::scenario::{Action, Case};
use crate::vocabulary::{ActorId, Address, Op, Place, Topology, Transport};

/// Between whom the connections of a case go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The actor that connects.
    pub(super) from: ActorId,
    /// The actor that it connects to.
    pub(super) to: ActorId,
    /// The address that it connects to first.
    pub(super) address: Address,
    /// What its connections are over.
    pub(super) transport: Transport,
}

impl Route {
    /// The route of a case, or why it has none that a proxy can stand on.
    pub(super) fn of(case: &Case) -> Result<Self, &'static str> {
        if case.variant.topology != Topology::Loopback {
            return Err("a proxy stands between actors that share a host");
        }
        let named = operations(case).filter_map(|(_, op)| match op {
            Op::Open { transport, .. } | Op::Bind { open: Some(transport), .. } => Some(*transport),
            _ => None,
        });
        let mut all = case.variant.transport.into_iter().chain(named);
        let Some(transport) = all.next() else { return Err("no connection is made") };
        let is_tcp = |one: Transport| matches!(one, Transport::Tcp4 | Transport::Tcp6);
        if !is_tcp(transport) || !all.all(|other| other == transport) {
            return Err("a proxy carries TCP connections, of one address family");
        }
        if case.needs_network() {
            return Err("the packets that are seen are those of the proxy");
        }
        let mut connects = operations(case).filter_map(|(from, op)| {
            let (to, address) = destination(from, op)?;
            Some(Self { from, to, address, transport })
        });
        connects.next().ok_or("no actor connects to another one")
    }

    /// Whether all connections of a case go the same way.
    pub(super) fn is_only_one(self, case: &Case) -> bool {
        operations(case)
            .filter_map(|(from, op)| Some((from, destination(from, op)?.0)))
            .all(|(from, to)| from == self.from && to == self.to)
    }
}

/// The other actor that an operation connects to, and its address.
pub(super) fn destination(from: ActorId, op: &Op) -> Option<(ActorId, Address)> {
    let Op::Connect { address, .. } = op else { return None };
    match address.place {
        Place::Actor(to) | Place::Beside { actor: to, .. } if to != from => Some((to, *address)),
        _ => None,
    }
}

fn operations(case: &Case) -> impl Iterator<Item = (ActorId, &Op)> {
    case.steps.iter().filter_map(|step| match &step.action {
        Action::Perform { actor, op } | Action::Start { actor, op, .. } => Some((*actor, op)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Document;
    use crate::vocabulary::ScenarioId;

    fn case(text: &str) -> Case {
        let document = Document::parse(text, ScenarioId::new("a/b"), "test.scn");
        document.map(|document| document.cases().remove(0)).expect("it has no mistakes")
    }

    #[test]
    fn a_connected_pair_has_a_route() {
        let case = case("\"t\"\nover tcp6\npair client.c server.s\n\nclient close c => ok\n");
        let route = Route::of(&case).expect("there is one");
        assert_eq!((route.from.index(), route.to.index()), (0, 1));
        assert_eq!(route.transport, Transport::Tcp6);
        assert!(route.is_only_one(&case));
    }

    #[test]
    fn what_no_proxy_can_carry_has_none() {
        for (text, why) in [
            ("\"t\"\nover unix\npair client.c server.s\n\nclient close c => ok\n", "TCP"),
            ("\"t\"\n\nclient open s udp4 => ok\nclient open t tcp4 => ok\n", "TCP"),
            ("\"t\"\n\nclient open s tcp4 => ok\nclient open t tcp6 => ok\n", "one address family"),
            (
                "\"t\"\nover tcp4\non netns\npair client.c server.s\n\nclient close c => ok\n",
                "share",
            ),
            (
                "\"t\"\nover tcp4\npair client.c server.s\n\nclient close c => ok\n\
                 wire client -> server FIN => 1\n",
                "packets",
            ),
            ("\"t\"\nover tcp4\n\nclient open s => ok\n", "no actor connects"),
        ] {
            let found = Route::of(&case(text)).expect_err("there is none");
            assert!(found.contains(why), "{text}: {found}");
        }
    }

    #[test]
    fn connections_both_ways_are_not_one_route() {
        let both = case(
            "\"t\"\nover tcp4\npair client.c server.s\npair server.a client.b\n\nclient close c => ok\n",
        );
        let route = Route::of(&both).expect("there is one");
        assert!(!route.is_only_one(&both));
    }
}
