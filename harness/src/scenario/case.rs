//! A scenario after elaboration: one case for each variant, every name resolved, nothing left to
//! check.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::vocabulary::{
    ActorId, Address, Capability, CaseId, Errno, FrameFault, Level, Op, OptionValue, PacketKind,
    Payload, Readiness, ScenarioId, Signal, SocketId, TagId, Topology, Transport,
};

/// What the cases of one scenario have in common, and what a report shows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scenario {
    /// Its identity.
    pub id: ScenarioId,
    /// The file, as it is shown to a person.
    pub path: String,
    /// The sentence it starts with.
    pub title: String,
    /// Where the behaviour is laid down.
    pub cite: Vec<String>,
    /// How binding the behaviour is.
    pub level: Level,
    /// The text of the file.
    pub source: Arc<str>,
}

/// One point of a scenario's `over` / `on` / `vary` matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Variant {
    /// The transport, where the scenario has an `over` line.
    pub transport: Option<Transport>,
    /// The topology.
    pub topology: Topology,
    /// Each `vary` line's name and chosen value, in the order of the file.
    pub values: Vec<(String, String)>,
}

/// Something to run: a scenario in one variant.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its identity.
    pub id: CaseId,
    /// The scenario it comes from.
    pub scenario: Arc<Scenario>,
    /// Which variant.
    pub variant: Variant,
    /// What the subject must be able to do.
    pub needs: Arc<[Capability]>,
    /// The names of the actors; [`ActorId`] is a position here.
    pub actors: Arc<[String]>,
    /// The sockets; [`SocketId`] is a position here.
    pub sockets: Arc<[SocketName]>,
    /// The names of the symbolic ports; a `PortId` is a position here. Those that the harness
    /// makes up (for `pair`) have names that cannot be written.
    pub ports: Arc<[String]>,
    /// The names of started steps; [`TagId`] is a position here.
    pub tags: Arc<[String]>,
    /// The steps, in order, those that make the pairs first.
    pub steps: Vec<Step>,
    /// For a scenario with `same across`: the cases with an equal key must leave the same trace.
    pub same: Option<SameKey>,
    /// How long its waits take at the very least.
    pub least: Duration,
}

impl Case {
    /// Whether it matters for any step what the machine stalls: something waits, or is bounded from
    /// above.
    pub fn is_timed(&self) -> bool {
        !self.least.is_zero() || self.has_soft_bounds()
    }

    /// Whether it needs more than this host's own loopback interface: hosts apart from each other,
    /// or packets to look at.
    pub fn needs_network(&self) -> bool {
        self.variant.topology != Topology::Loopback
            || self.steps.iter().any(|step| matches!(step.action, Action::Wire(_)))
    }

    /// Whether something is done to a link.
    pub fn has_link_faults(&self) -> bool {
        let is_fault = |step: &Step| matches!(step.action, Action::Wire(WireStep::Fault(_)));
        self.steps.iter().any(is_fault)
    }

    fn has_soft_bounds(&self) -> bool {
        let bounds = self.steps.iter().filter_map(|step| step.expectation.as_ref());
        bounds.flat_map(|one| &one.alternatives).any(|one| one.before.is_some())
    }
}

/// What the cases that must agree have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SameKey {
    /// The `vary` line along which they must agree.
    pub across: String,
    /// The place of that `same across` line.
    pub place: Place,
    /// Every other coordinate, as text.
    pub others: String,
}

/// A socket of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketName {
    /// Whose it is.
    pub actor: ActorId,
    /// Its name within the actor; for a `pair`'s helper listener one that cannot be written.
    pub name: String,
}

/// Where something stands in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The line, from 1.
    #[schemars(range(min = 1))]
    pub line: u32,
    /// The column of its first character, from 1, in characters.
    #[schemars(range(min = 1))]
    pub column: u32,
    /// Its length in characters.
    pub length: u32,
}

/// One step of a case.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// What must come of it. `None` only for what has no outcome: `wait`, and a step with `&`.
    pub expectation: Option<Expectation>,
    /// How binding it is: its own `level` clause, else the scenario's level.
    pub level: Level,
    /// How often it is performed, one time after the other; 1 unless it says `times N`.
    pub times: u32,
    /// Where the step stands (its first to its last token before `=>`).
    pub place: Place,
    /// Whether it takes part in `same across`: false within a `vary` block and for `pair`.
    pub compared: bool,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// An actor performs an operation, and the next step runs when it has returned.
    Perform {
        /// Who.
        actor: ActorId,
        /// What.
        op: Op,
    },
    /// An actor starts an operation, and the next step runs when it is seen to block.
    Start {
        /// Who.
        actor: ActorId,
        /// What.
        op: Op,
        /// The name to wait for it by.
        tag: TagId,
    },
    /// Waits for a started operation.
    Await {
        /// Who.
        actor: ActorId,
        /// Which.
        tag: TagId,
    },
    /// Interrupts a started operation by a signal.
    Interrupt {
        /// Who.
        actor: ActorId,
        /// Which.
        tag: TagId,
    },
    /// Lets time pass.
    Wait(Duration),
    /// Looks at the packets.
    Wire(WireStep),
}

/// What a `wire` step asks of the packets, or does to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireStep {
    /// How many packets of a kind were seen since the case began, or since the last mark; the
    /// step's expectation is a count.
    Count(WireFact),
    /// That the first packet of one kind came before the first of another.
    Order {
        /// What came first.
        first: WireFact,
        /// What came then.
        then: WireFact,
    },
    /// Packets before this are not counted by what follows.
    Mark,
    /// Does something to the link.
    Fault(LinkFault),
}

/// A set of packets, by who sent them to whom and what they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WireFact {
    /// Whose address they come from.
    pub from: ActorId,
    /// The address they go to.
    pub to: Receiver,
    /// Their kind.
    pub kind: PacketKind,
    /// The host at which they arrived; without it they count where `from` sent them.
    pub at: Option<ActorId>,
    /// To whom the link-layer frame is addressed.
    pub via: Option<Via>,
    /// Their time to live (the hop limit in IPv6).
    pub ttl: Option<u8>,
    /// Their sequence number, counted from that of the sender's SYN.
    pub seq: Option<u32>,
    /// Their acknowledgement number, counted from the sequence number of the receiver's SYN.
    pub ack: Option<u32>,
    /// Whether only those count that say that a port is unreachable.
    pub port_unreachable: bool,
}

impl WireFact {
    /// All packets of a kind that one actor sends somewhere.
    pub const fn new(from: ActorId, to: Receiver, kind: PacketKind) -> Self {
        Self {
            from,
            to,
            kind,
            at: None,
            via: None,
            ttl: None,
            seq: None,
            ack: None,
            port_unreachable: false,
        }
    }
}

/// To which address packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Receiver {
    /// Whichever.
    Anyone,
    /// One of a host's.
    Actor(ActorId),
    /// 255.255.255.255.
    Broadcast,
    /// The directed broadcast address of the sender's subnet.
    SubnetBroadcast,
    /// ff02::1.
    AllNodes,
}

/// To whom a link-layer frame is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// One host.
    Actor(ActorId),
    /// The link-layer broadcast address.
    All,
}

/// What is done to a link. It lasts until it is undone, or the case ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkFault {
    /// Packets arrive at nobody.
    Drop {
        /// Which.
        filter: DropFilter,
        /// Which of those.
        amount: Amount,
    },
    /// Ends every drop of the same packets.
    Pass(DropFilter),
    /// A host's links go down.
    Down(ActorId),
    /// A host's links come up again.
    Up(ActorId),
    /// A host's links carry packets of this many bytes at most.
    Mtu {
        /// Whose.
        actor: ActorId,
        /// The size in bytes.
        bytes: u32,
    },
    /// A host sends what has no better way through a neighbour.
    Route {
        /// Which host.
        actor: ActorId,
        /// Through which other one, on the link that they share.
        neighbour: ActorId,
    },
}

/// A set of packets that can be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DropFilter {
    /// Whose address they come from.
    pub from: ActorId,
    /// The host at which they would arrive; `None` for every host.
    pub to: Option<ActorId>,
    /// Their kind.
    pub kind: PacketKind,
}

/// Which packets of a set are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Amount {
    /// All of them.
    All,
    /// The first so many.
    First(u32),
    /// One, counted from 1.
    Nth(u32),
}

/// What must come of a step: any one of the alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The alternatives, at least one.
    pub alternatives: Vec<Alternative>,
    /// Where they stand, from the first to the last.
    pub place: Place,
}

impl Expectation {
    /// Whether an outcome is among the alternatives, whatever its conditions.
    pub fn allows(&self, expected: &Expected) -> bool {
        self.alternatives.iter().any(|one| one.expected == *expected)
    }

    /// The time that its outcome may not come before, where it says one.
    pub fn least(&self) -> Option<Duration> {
        self.alternatives.iter().find_map(|one| one.after)
    }

    /// The same without the upper bounds after which an outcome is only slow.
    #[must_use]
    pub fn without_soft_bounds(&self) -> Self {
        let mut strict = self.clone();
        for alternative in &mut strict.alternatives {
            alternative.before = alternative.before.filter(|before| before.must);
        }
        strict
    }
}

/// One allowed outcome with its conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// The outcome.
    pub expected: Expected,
    /// `after T`: the call may not return earlier.
    pub after: Option<Duration>,
    /// `before T`: a later return is slow.
    pub before: Option<Before>,
    /// `for T`: it must stay so for that long.
    pub lasting: Option<Duration>,
    /// `from HOST`: who the bytes must come from.
    pub from: Option<ActorId>,
    /// Where it stands, with its conditions.
    pub place: Place,
}

/// An upper bound on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// The bound.
    pub limit: Duration,
    /// Whether a later return fails the step (`before T must`) instead of making it slow.
    pub must: bool,
}

/// An outcome as a scenario expects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// `ok`: it succeeded, whatever else it says.
    Ok,
    /// A count, or a range of counts (both ends included; `None` for no upper end).
    Count {
        /// The least.
        least: u64,
        /// The most.
        most: Option<u64>,
    },
    /// Bytes, cut or not.
    Data {
        /// The bytes.
        payload: Payload,
        /// Whether the datagram must have been cut (`MSG_TRUNC`).
        truncated: bool,
    },
    /// `all of ACTOR.SOCKET`: every byte that was accepted from that socket and not yet received.
    AllOf(SocketId),
    /// `eof`.
    EndOfStream,
    /// `truncated`, `too-long`, `malformed` or `unencodable`.
    BadFrame(FrameFault),
    /// An errno, and the signal that must come with it.
    Failed {
        /// The error.
        errno: Errno,
        /// The signal.
        signal: Option<Signal>,
    },
    /// `timeout`.
    Timeout,
    /// `blocked`.
    Blocked,
    /// Poll flags, all of them and no other; `none` for the empty set.
    Ready(Readiness),
    /// An option's value.
    Value(OptionValue),
    /// An option's value between two times, both included.
    TimeRange {
        /// The least.
        least: Duration,
        /// The most.
        most: Duration,
    },
    /// An address.
    Name(Address),
}
