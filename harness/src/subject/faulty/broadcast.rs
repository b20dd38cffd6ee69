use super::call::{Call, told_as};
use super::fault::{Fault, Instead};
use super::kind::{binds, connects, gets, reads_error, receives, sends, sets};
use crate::vocabulary::{
    Address, Endpoint, Errno, Op, OptionValue, Outcome, Place, SocketOption, Transport,
};

/// A fault of datagram sockets that broadcast.
const fn fault(name: &'static str, summary: &'static str, concerns: fn(&Op) -> bool) -> Fault {
    Fault::new("broadcast", name, summary, concerns).over(|transport| !transport.is_stream())
}
const BROADCAST: SocketOption = SocketOption::Broadcast;

/// Whether an address is one of those that reach every host of a subnet.
const fn is_broadcast(address: &Address) -> bool {
    matches!(address.place, Place::Broadcast | Place::SubnetBroadcast | Place::SubnetBroadcastOf(_))
}

/// Where a send or connect goes to.
fn target(call: &Call<'_>) -> Option<Address> {
    match call.op {
        Op::Send { to: Some(address), .. } | Op::Connect { address, .. } => Some(*address),
        Op::Send { to: None, .. } => call.known().peer,
        _ => None,
    }
}

fn goes_to_all(call: &Call<'_>) -> bool {
    target(call).is_some_and(|address| is_broadcast(&address))
}

fn speaks(op: &Op) -> bool {
    sends(op) || connects(op)
}

/// The same send to another place.
fn redirected(op: &Op, place: Place) -> Instead {
    match op {
        Op::Send { socket, data, flags, to: Some(to) } => Instead::Do(Op::Send {
            socket: *socket,
            data: data.clone(),
            flags: *flags,
            to: Some(Address { place, port: to.port }),
        }),
        _ => Instead::AsAsked,
    }
}

/// The same bind to another place.
fn bound_to(op: &Op, place: Place) -> Instead {
    match op {
        Op::Bind { socket, open, address } => Instead::Do(Op::Bind {
            socket: *socket,
            open: *open,
            address: Address { place, port: address.port },
        }),
        _ => Instead::AsAsked,
    }
}

fn flag(on: bool) -> OptionValue {
    OptionValue::Number(i64::from(on))
}

/// A fault of sockets that cannot broadcast.
const fn stream_fault(
    name: &'static str,
    summary: &'static str,
    concerns: fn(&Op) -> bool,
) -> Fault {
    Fault::new("broadcast", name, summary, concerns)
}

pub(super) const FAULTS: &[Fault] = &[
    fault("permission-is-not-asked-for", "a broadcast is sent without SO_BROADCAST", speaks)
        .before(|call| {
            if goes_to_all(call) {
                call.set(BROADCAST, flag(true));
            }
            Instead::AsAsked
        }),
    fault(
        "permission-is-never-given",
        "SO_BROADCAST is kept, and broadcasts are refused all the same",
        |op| sets(op, BROADCAST),
    )
    .before(|_| Instead::Pretend(Outcome::Ok)),
    fault("permission-cannot-be-taken-back", "SO_BROADCAST cannot be switched off again", |op| {
        sets(op, BROADCAST)
    })
    .before(|call| match call.op {
        Op::SetOption { value: OptionValue::Number(0), .. } => Instead::Pretend(Outcome::Ok),
        _ => Instead::AsAsked,
    }),
    fault(
        "permission-reads-back-as-set",
        "SO_BROADCAST reads back as the number that was set",
        |op| gets(op, BROADCAST),
    )
    .after(|call, observation| {
        if let Some(value) = call.known().option(BROADCAST) {
            observation.outcome = Outcome::Value(value);
        }
    }),
    fault("permission-is-there-from-the-start", "SO_BROADCAST is on for a new socket", |op| {
        gets(op, BROADCAST)
    })
    .after(|call, observation| {
        if call.known().option(BROADCAST).is_none() {
            observation.outcome = Outcome::Value(flag(true));
        }
    }),
    stream_fault(
        "streams-have-no-permission",
        "SO_BROADCAST is refused on a socket that cannot broadcast",
        |op| sets(op, BROADCAST),
    )
    .before(|call| match call.known().transport {
        None | Some(Transport::Udp4 | Transport::Udp6) => Instead::AsAsked,
        Some(_) => Instead::Pretend(Outcome::failed(Errno::ENOPROTOOPT)),
    }),
    fault("refusal-is-eperm", "a broadcast without permission is refused with EPERM", speaks)
        .after(|_, observation| {
            told_as(observation, &Outcome::failed(Errno::EACCES), Outcome::failed(Errno::EPERM));
        }),
    fault("sent-twice", "a broadcast is sent twice", sends).before(|call| {
        if goes_to_all(call) {
            call.also(call.op);
        }
        Instead::AsAsked
    }),
    fault("counted-and-dropped", "a broadcast is counted as sent and dropped", sends).before(
        |call| match call.op {
            Op::Send { data, .. } if goes_to_all(call) => {
                Instead::Pretend(Outcome::Count(data.length()))
            }
            _ => Instead::AsAsked,
        },
    ),
    fault("limited-becomes-directed", "a limited broadcast is sent to the subnet's address", sends)
        .before(|call| match target(call) {
            Some(Address { place: Place::Broadcast, .. }) => {
                redirected(call.op, Place::SubnetBroadcast)
            }
            _ => Instead::AsAsked,
        }),
    fault(
        "directed-becomes-limited",
        "a broadcast to the subnet is sent to 255.255.255.255",
        sends,
    )
    .before(|call| match target(call) {
        Some(Address { place: Place::SubnetBroadcast, .. })
            if call.known().transport != Some(Transport::Udp6) =>
        {
            redirected(call.op, Place::Broadcast)
        }
        _ => Instead::AsAsked,
    }),
    fault("own-host-is-left-out", "the sending host does not hear its own broadcast", receives)
        .after(|call, observation| {
            if let Outcome::Data { source: Some(source), .. } = &observation.outcome
                && call.book.lies_at(source, call.actor)
                && !call.book.is_loopback()
            {
                observation.outcome = Outcome::failed(Errno::EAGAIN);
            }
        }),
    fault(
        "unicast-binding-hears-all",
        "a socket bound to its host's own address hears broadcasts",
        binds,
    )
    .before(|call| match call.op {
        Op::Bind { address: Address { place: Place::Actor(_), .. }, open, .. }
            if matches!(open.or(call.known().transport), Some(Transport::Udp4)) =>
        {
            bound_to(call.op, Place::Any)
        }
        _ => Instead::AsAsked,
    }),
    fault(
        "broadcast-binding-is-refused",
        "bind to a broadcast address fails with EADDRNOTAVAIL",
        binds,
    )
    .before(|call| match call.op {
        Op::Bind { address, .. } if is_broadcast(address) => {
            Instead::Pretend(Outcome::failed(Errno::EADDRNOTAVAIL))
        }
        _ => Instead::AsAsked,
    }),
    fault(
        "broadcast-binding-is-a-wildcard",
        "a socket bound to a broadcast address hears everything",
        binds,
    )
    .before(|call| match call.op {
        Op::Bind { address, .. } if is_broadcast(address) => bound_to(call.op, Place::Any),
        _ => Instead::AsAsked,
    }),
    fault("one-listener-a-port", "SO_REUSEADDR and SO_REUSEPORT are kept and not heeded", |op| {
        sets(op, SocketOption::ReuseAddress) || sets(op, SocketOption::ReusePort)
    })
    .before(|_| Instead::Pretend(Outcome::Ok)),
    fault(
        "silence-is-an-error",
        "a broadcast that nobody answers leaves ECONNREFUSED behind",
        reads_error,
    )
    .after(|call, observation| {
        let known = call.known();
        if known.has(BROADCAST) && known.sends > 0 {
            observation.outcome = Outcome::Value(OptionValue::Error(Some(Errno::ECONNREFUSED)));
        }
    }),
    fault(
        "broadcast-binds-its-sender",
        "sending a broadcast leaves the socket bound to its link's address",
        |op| matches!(op, Op::Name { .. }),
    )
    .after(|call, observation| {
        if call.known().sends > 0
            && let Outcome::Name(Endpoint::Inet(name)) = &mut observation.outcome
            && let [link, ..] = call.book.links_of(call.actor)
            && name.is_ipv4()
        {
            name.set_ip(link.ipv4.into());
        }
    }),
    fault("broadcast-is-link-local", "a broadcast is sent with a time to live of 1", sends).before(
        |call| {
            if goes_to_all(call) {
                call.set(SocketOption::IpTimeToLive, OptionValue::Number(1));
            }
            Instead::AsAsked
        },
    ),
    fault(
        "last-octet-decides",
        "an address that ends in 255 counts as a broadcast address",
        speaks,
    )
    .before(|call| match target(call) {
        Some(Address { place: Place::Nobody, .. }) if !call.known().has(BROADCAST) => {
            Instead::Pretend(Outcome::failed(Errno::EACCES))
        }
        _ => Instead::AsAsked,
    }),
    fault(
        "every-broadcast-is-ours",
        "the broadcast address of another subnet needs permission",
        speaks,
    )
    .before(|call| match target(call) {
        Some(Address { place: Place::SubnetBroadcastOf(_), .. })
            if !call.known().has(BROADCAST) =>
        {
            Instead::Pretend(Outcome::failed(Errno::EACCES))
        }
        _ => Instead::AsAsked,
    }),
    stream_fault(
        "streams-are-refused",
        "a stream's connect to a broadcast address fails with ECONNREFUSED",
        connects,
    )
    .before(|call| {
        if call.known().is_tcp() && goes_to_all(call) {
            Instead::Pretend(Outcome::failed(Errno::ECONNREFUSED))
        } else {
            Instead::AsAsked
        }
    }),
    fault(
        "failed-connect-keeps-the-peer",
        "a connect that was refused for lack of permission leaves its peer behind",
        |op| matches!(op, Op::PeerName { .. }),
    )
    .before(|call| {
        let known = call.known();
        match known.peer.filter(is_broadcast) {
            Some(peer) if !known.has(BROADCAST) => {
                let transport = known.transport.unwrap_or(Transport::Udp4);
                let name = call.book.endpoint(call.actor, &peer, transport);
                name.map_or(Instead::AsAsked, |name| Instead::Pretend(Outcome::Name(name)))
            }
            _ => Instead::AsAsked,
        }
    }),
    fault(
        "connected-listener-hears-all",
        "a listener that is connected goes on hearing everybody",
        connects,
    )
    .before(|call| {
        if !call.known().is_stream() && call.known().bound.is_some() {
            Instead::Pretend(Outcome::Ok)
        } else {
            Instead::AsAsked
        }
    }),
    fault(
        "connected-broadcast-hears-answers",
        "a socket that is connected to a broadcast address hears every answer",
        |op| connects(op) || sends(op),
    )
    .before(|call| {
        if call.known().is_stream() {
            return Instead::AsAsked;
        }
        match call.op {
            Op::Connect { address, .. } if is_broadcast(address) && call.known().has(BROADCAST) => {
                Instead::Pretend(Outcome::Ok)
            }
            Op::Send { socket, data, flags, to: None }
                if call.known().peer.is_some_and(|peer| is_broadcast(&peer)) =>
            {
                Instead::Do(Op::Send {
                    socket: *socket,
                    data: data.clone(),
                    flags: *flags,
                    to: call.known().peer,
                })
            }
            _ => Instead::AsAsked,
        }
    }),
    fault("ipv6-only-is-ignored", "IPV6_V6ONLY is kept and not heeded", |op| {
        sets(op, SocketOption::Ipv6Only)
    })
    .before(|_| Instead::Pretend(Outcome::Ok)),
    fault("ipv6-is-alone", "an IPv6 wildcard socket never carries IPv4", binds).before(|call| {
        if matches!(call.op, Op::Bind { open: None, .. })
            && matches!(call.known().transport, Some(Transport::Udp6))
        {
            call.set(SocketOption::Ipv6Only, flag(true));
        }
        Instead::AsAsked
    }),
];
