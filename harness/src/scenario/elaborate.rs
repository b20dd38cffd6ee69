use std::sync::Arc;
use std::time::Duration;

use super::case::{
    Action, Alternative, Case, Expectation, Expected, Place, SameKey, Scenario, SocketName, Step,
    Variant, WireStep,
};
use super::document::{Body, Item, PairEnds, networks};
use super::groups::Groups;
use crate::vocabulary::{
    ActorId, Address, CaseId, Op, Place as Host, Port, PortId, SocketId, Topology, Transport,
};

/// How long `blocked` is watched for unless `for` says otherwise.
const WATCH: Duration = Duration::from_millis(100);

/// How long nothing more has been taken when `fill` is done.
const FULL: Duration = Duration::from_millis(100);

/// Makes a case of each variant.
pub(super) fn elaborate(scenario: &Arc<Scenario>, body: &Body, groups: &Groups) -> Vec<Case> {
    let tables = Tables::new(body, groups);
    let mut cases = Vec::new();
    for (transport, topology) in networks(body.over.as_deref(), &body.topologies) {
        let mut choice = vec![0; body.axes.len()];
        loop {
            cases.push(case(scenario, body, &tables, transport, topology, &choice));
            let next = choice.iter_mut().zip(&body.axes).rev().find_map(|(value, axis)| {
                *value += 1;
                if *value < axis.values.len() {
                    return Some(());
                }
                *value = 0;
                None
            });
            if next.is_none() {
                break;
            }
        }
    }
    cases
}

/// The tables that all cases share.
struct Tables<'g> {
    needs: Arc<[crate::vocabulary::Capability]>,
    actors: Arc<[String]>,
    sockets: Arc<[SocketName]>,
    ports: Arc<[String]>,
    tags: Arc<[String]>,
    /// The hidden names of each pair: its listener and its two ports.
    hidden: Vec<Hidden>,
    groups: &'g Groups,
    /// Of each socket of a group, where those of its second member and the further ones stand; the
    /// first member has the socket itself.
    further: Vec<usize>,
}

#[derive(Clone, Copy)]
struct Hidden {
    ends: [SocketId; 2],
    listener: SocketId,
    ports: [PortId; 2],
}

impl<'g> Tables<'g> {
    fn new(body: &Body, groups: &'g Groups) -> Self {
        let name = |(actor, name): &(ActorId, String)| SocketName {
            actor: groups.member(*actor, 0),
            name: name.clone(),
        };
        let mut sockets: Vec<SocketName> = body.sockets.iter().map(name).collect();
        let mut ports = body.ports.clone();
        let mut hidden = Vec::with_capacity(body.pairs.len());
        for pair in &body.pairs {
            let at = |end: &(ActorId, String)| {
                let found = sockets.iter().position(|known| *known == name(end));
                SocketId::new(found.unwrap_or_default())
            };
            let ends = [at(&pair.ends[0]), at(&pair.ends[1])];
            let [(from_actor, from), (to_actor, to)] = &pair.ends;
            let from_name = &body.actors[from_actor.index()];
            let to_name = &body.actors[to_actor.index()];
            // A space cannot be written within a name.
            sockets.push(SocketName { actor: *to_actor, name: format!("listener of {to}") });
            ports.push(format!("of {from_name}.{from}"));
            ports.push(format!("of {to_name}.{to}"));
            hidden.push(Hidden {
                ends,
                listener: SocketId::new(sockets.len() - 1),
                ports: [PortId::new(ports.len() - 2), PortId::new(ports.len() - 1)],
            });
        }
        let mut further = Vec::with_capacity(body.sockets.len());
        for (actor, name) in &body.sockets {
            further.push(sockets.len());
            sockets.extend((1..groups.size(*actor).unwrap_or(1)).map(|number| SocketName {
                actor: groups.member(*actor, number),
                name: name.clone(),
            }));
        }
        Self {
            needs: body.needs.as_slice().into(),
            actors: groups.names(&body.actors).into(),
            sockets: sockets.into(),
            ports: ports.into(),
            tags: body.tags.as_slice().into(),
            hidden,
            groups,
            further,
        }
    }

    /// A step as it stands in a case: one for each host of its actor.
    fn each(&self, step: Step, steps: &mut Vec<Step>) {
        let Action::Perform { actor, op } = &step.action else { return steps.push(step) };
        let Some(size) = self.groups.size(*actor) else { return steps.push(step) };
        steps.extend((0..size).map(|number| {
            let own = |socket: SocketId| match number.checked_sub(1) {
                None => socket,
                Some(further) => SocketId::new(self.further[socket.index()] + further),
            };
            let actor = self.groups.member(*actor, number);
            let action = Action::Perform { actor, op: op.clone().with_sockets(own) };
            Step { action, ..step.clone() }
        }));
    }
}

fn case(
    scenario: &Arc<Scenario>,
    body: &Body,
    tables: &Tables<'_>,
    transport: Option<Transport>,
    topology: Topology,
    choice: &[usize],
) -> Case {
    let value = |axis: usize| body.axes[axis].values[choice[axis]].as_str();
    let mut coordinates = Vec::with_capacity(2 + choice.len());
    coordinates.extend(transport.map(|transport| transport.word().to_owned()));
    coordinates.push(topology.word().to_owned());
    let fixed = coordinates.len();
    coordinates.extend((0..choice.len()).map(|at| format!("{}={}", body.axes[at].name, value(at))));
    let same = body.across.map(|across| {
        let others = coordinates.iter().enumerate().filter(|(at, _)| *at != fixed + across.axis);
        let others: Vec<&str> = others.map(|(_, text)| text.as_str()).collect();
        SameKey {
            across: body.axes[across.axis].name.clone(),
            place: across.place,
            others: others.join(","),
        }
    });
    let mut steps = Vec::with_capacity(body.items.len() + 6 * body.pairs.len());
    for (pair, hidden) in body.pairs.iter().zip(&tables.hidden) {
        pair_steps(pair, *hidden, transport.unwrap_or(Transport::Tcp4), scenario, &mut steps);
    }
    for step in body.items.iter().filter_map(|item| step(item, body, transport, choice)) {
        tables.each(step, &mut steps);
    }
    // Most of what the blocks of a `vary` hold stands in other cases.
    steps.shrink_to_fit();
    Case {
        id: CaseId::new(&scenario.id, &coordinates),
        scenario: Arc::clone(scenario),
        variant: Variant {
            transport,
            topology,
            values: (0..choice.len())
                .map(|at| (body.axes[at].name.clone(), value(at).to_owned()))
                .collect(),
        },
        needs: Arc::clone(&tables.needs),
        actors: Arc::clone(&tables.actors),
        sockets: Arc::clone(&tables.sockets),
        ports: Arc::clone(&tables.ports),
        tags: Arc::clone(&tables.tags),
        least: least(&steps, body.tags.len()),
        steps,
        same,
    }
}

/// The form that a step has in a case, if it has one.
fn step(item: &Item, body: &Body, transport: Option<Transport>, choice: &[usize]) -> Option<Step> {
    if item.guard.is_some_and(|(axis, value)| choice[axis] != value) {
        return None;
    }
    let combine = |at: usize, axis: &usize| at * body.axes[*axis].values.len() + choice[*axis];
    let form = item.forms.get(item.axes.iter().fold(0, combine))?;
    if matches!(form.action, Action::Wire(_)) && transport.is_some_and(Transport::is_local) {
        return None;
    }
    let mut step = form.clone();
    if let (true, Some(chosen)) = (item.implied, transport)
        && let Action::Perform { op: Op::Open { transport, .. }, .. }
        | Action::Start { op: Op::Open { transport, .. }, .. } = &mut step.action
    {
        *transport = chosen;
    }
    Some(step)
}

/// The steps that make a connected pair.
fn pair_steps(
    pair: &PairEnds,
    hidden: Hidden,
    transport: Transport,
    scenario: &Scenario,
    steps: &mut Vec<Step>,
) {
    let [(from, _), (to, _)] = pair.ends;
    let [near, far] = hidden.ends;
    let address = |actor: ActorId, port: PortId| Address {
        place: Host::Actor(actor),
        port: Port::Symbol(port),
    };
    let (here, there) = (address(from, hidden.ports[0]), address(to, hidden.ports[1]));
    let listener = hidden.listener;
    let open = Some(transport);
    let mut push = |actor: ActorId, op: Op| {
        steps.push(Step {
            action: Action::Perform { actor, op },
            expectation: Some(success(pair.place)),
            level: scenario.level,
            times: 1,
            place: pair.place,
            compared: false,
        });
    };
    if transport.is_stream() {
        push(to, Op::Bind { socket: listener, open, address: there });
        push(to, Op::Listen { socket: listener, backlog: 1 });
        push(from, Op::Open { socket: near, transport });
        push(from, Op::Connect { socket: near, address: there });
        push(to, Op::Accept { listener, socket: far });
        push(to, Op::Close { socket: listener });
    } else {
        push(from, Op::Bind { socket: near, open, address: here });
        push(to, Op::Bind { socket: far, open, address: there });
        push(from, Op::Connect { socket: near, address: there });
        push(to, Op::Connect { socket: far, address: here });
    }
}

fn success(place: Place) -> Expectation {
    let alternative = Alternative {
        expected: Expected::Ok,
        after: None,
        before: None,
        lasting: None,
        from: None,
        place,
    };
    Expectation { alternatives: vec![alternative], place }
}

/// How long the steps take at the very least, when each is as quick as it may be.
fn least(steps: &[Step], tags: usize) -> Duration {
    let mut now = Duration::ZERO;
    let mut started = vec![Duration::ZERO; tags];
    let mut limits = vec![None; tags];
    for step in steps {
        match &step.action {
            Action::Wait(time) => now += *time,
            Action::Start { tag, op, .. } => {
                started[tag.index()] = now;
                limits[tag.index()] = limit(op);
            }
            Action::Await { tag, .. } => {
                let since = started[tag.index()];
                now = now.max(shortest(step, since, now, limits[tag.index()]));
            }
            Action::Perform { op, .. } => {
                let one = shortest(step, now, now, limit(op)).saturating_sub(now);
                now += one * step.times;
            }
            Action::Wire(WireStep::Count(_)) => now = now.max(shortest(step, now, now, None)),
            Action::Interrupt { .. } | Action::Wire(_) => {}
        }
    }
    now
}

/// The time that an operation waits by itself, until its own limit or until it is sure.
fn limit(op: &Op) -> Option<Duration> {
    match op {
        Op::Poll { timeout, .. } => *timeout,
        Op::Fill { .. } => Some(FULL),
        _ => None,
    }
}

/// When a step is over at the earliest: a call that began at `since` and is looked at from `now`.
fn shortest(step: &Step, since: Duration, now: Duration, limit: Option<Duration>) -> Duration {
    let Some(expectation) = &step.expectation else { return now };
    let end = |alternative: &Alternative| {
        let lasting = match (&alternative.expected, alternative.lasting) {
            (_, Some(lasting)) => lasting,
            (Expected::Blocked, None) => WATCH,
            _ => Duration::ZERO,
        };
        let own = match alternative.expected {
            Expected::Timeout | Expected::Count { .. } => limit,
            _ => None,
        };
        let after = alternative.after.max(own).unwrap_or_default();
        (now + lasting).max(since + after)
    };
    expectation.alternatives.iter().map(end).min().unwrap_or(now)
}
