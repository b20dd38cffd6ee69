use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use super::ports::Ports;
use crate::report::elapsed::Thousands;
use crate::report::wire::concerns_sockets;
use crate::run::event::{CaseFinished, PacketReport, Packets, StepReport};
use crate::scenario::{Action, Amount, DropFilter, LinkFault, Step, WireStep};
use crate::wire::{Content, Flags, Frame, Packet};

/// A packet on its way, or several alike.
#[derive(Clone, Debug)]
pub(super) struct Arrow {
    pub(super) at: Duration,
    /// Its number in the pcapng file, from 1.
    pub(super) number: usize,
    /// Who put it on its link, as far as it is known.
    pub(super) from: Option<usize>,
    /// At whom it was seen to arrive.
    pub(super) to: Vec<Arrival>,
    /// Whether it was for more than one.
    pub(super) is_for_all: bool,
    pub(super) kind: Kind,
    /// What it carries, in words.
    pub(super) label: String,
    /// How many bytes of payload.
    pub(super) bytes: u64,
    /// How many packets it stands for, from `at` to `until`.
    pub(super) count: usize,
    pub(super) until: Duration,
}

/// A packet at one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) actor: usize,
    /// Whether the scenario has it dropped there.
    pub(super) is_dropped: bool,
}

/// What kind of packet an arrow is drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Data,
    Acknowledgement,
    Datagram,
    /// SYN or FIN.
    Control,
    Reset,
    Error,
    Other,
}

impl Kind {
    fn of(packet: &Packet) -> Self {
        match &packet.content {
            Content::Tcp(segment) if segment.flags.contains(Flags::RST) => Self::Reset,
            Content::Tcp(segment) if segment.flags.intersects(Flags::SYN | Flags::FIN) => {
                Self::Control
            }
            Content::Tcp(segment) if segment.payload > 0 => Self::Data,
            Content::Tcp(_) => Self::Acknowledgement,
            Content::Udp(_) => Self::Datagram,
            Content::IcmpError(_) => Self::Error,
            Content::Other { .. } => Self::Other,
        }
    }

    /// The class of its arrow and its words.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Data | Self::Datagram => "d-data",
            Self::Acknowledgement | Self::Other => "d-ack",
            Self::Control => "d-ctl",
            Self::Reset | Self::Error => "d-rst",
        }
    }

    /// Whether many of it in a row say no more than how many there were.
    const fn is_plain(self) -> bool {
        matches!(self, Self::Data | Self::Acknowledgement | Self::Datagram | Self::Other)
    }

    /// What many of it are called.
    const fn many(self) -> &'static str {
        match self {
            Self::Data => "data segments",
            Self::Acknowledgement => "acknowledgements",
            Self::Datagram => "datagrams",
            _ => "packets",
        }
    }
}

/// The most plain packets in a row that are all shown.
const LIKE: usize = 6;
/// How many of a longer row are shown before the others are joined.
const FIRST: usize = 2;
/// How far back a packet is looked for that arrives.
const BACK: usize = 64;

impl Arrow {
    /// Where it goes in words, as far as it is known.
    pub(super) fn route(&self, names: &[String]) -> String {
        let name = |actor: usize| names.get(actor).map_or("?", |name| &**name);
        let to: Vec<_> = self.to.iter().map(|arrival| name(arrival.actor)).collect();
        let to = match (self.is_for_all, &to[..]) {
            (true, _) => "all".to_owned(),
            (false, []) => "nobody".to_owned(),
            (false, to) => to.join(", "),
        };
        format!("{} to {to}", self.from.map_or("?", name))
    }

    /// Whether it was not seen to arrive, or is dropped wherever it does.
    pub(super) fn is_lost(&self) -> bool {
        self.to.iter().all(|arrival| arrival.is_dropped)
    }

    fn is_like(&self, other: &Self) -> bool {
        (self.from, &self.to, self.kind) == (other.from, &other.to, other.kind)
    }
}

/// Joins long rows of plain packets; what it gives for them stands at the places of the first of each
/// kind and direction.
pub(super) fn joined(row: Vec<Arrow>) -> Vec<Arrow> {
    if row.len() <= LIKE {
        return row;
    }
    let last = row.len() - 1;
    let mut shown: Vec<Arrow> = Vec::new();
    for (at, arrow) in row.into_iter().enumerate() {
        let joined = shown.iter_mut().skip(FIRST).find(|other| other.is_like(&arrow));
        match joined.filter(|_| at != last) {
            Some(other) => {
                other.count += 1;
                other.bytes += arrow.bytes;
                other.until = arrow.at;
            }
            None => shown.push(arrow),
        }
    }
    for arrow in shown.iter_mut().filter(|arrow| arrow.count > 1) {
        let count = Thousands(arrow.count as u64);
        arrow.label = match arrow.bytes {
            0 => format!("{count} more {}", arrow.kind.many()),
            bytes => format!("{count} more {}, {} bytes", arrow.kind.many(), Thousands(bytes)),
        };
    }
    shown
}

/// Whether a packet may be joined with others.
pub(super) fn is_plain(arrow: &Arrow) -> bool {
    // That a receiver takes no more is worth seeing.
    let closes = arrow.kind == Kind::Acknowledgement && arrow.label.ends_with("window 0");
    arrow.kind.is_plain() && !closes
}

/// The packets of a case's sockets. `hosts` has the actor of each host.
pub(super) fn arrows(
    case: &CaseFinished,
    packets: &Packets,
    steps: &[Option<&Step>],
    hosts: &[usize],
    mut ports: Ports,
) -> Vec<Arrow> {
    let mut drops = Drops::new(&case.steps, steps);
    let mut arrows: Vec<Arrow> = Vec::new();
    // The packet that each arrow stands for.
    let mut seen: Vec<&PacketReport> = Vec::new();
    let mut owners: HashMap<IpAddr, usize> = HashMap::new();
    for (frame, number) in packets.frames.iter().zip(1..) {
        let Some(packet) = Packet::decode(&Frame::from(frame.clone())) else { continue };
        if !concerns_sockets(&packet) {
            continue;
        }
        let host = |at: Option<usize>| hosts.get(at?).copied();
        let is_one_host = frame.sender.is_some() && frame.sender == frame.receiver;
        let (from, to) = if is_one_host {
            ports.ends(&packet)
        } else {
            (host(frame.sender), host(frame.receiver))
        };
        if let Some(from) = from {
            owners.entry(packet.source).or_insert(from);
        }
        let source = if is_one_host { from } else { owners.get(&packet.source).copied() };
        let arrival = to.map(|actor| {
            let is_dropped = drops.takes(&packet, source, actor);
            Arrival { actor, is_dropped }
        });
        // A switch shows a packet where it enters and again wherever it leaves.
        if let (None, Some(arrival)) = (frame.sender, arrival) {
            let least = seen.len().saturating_sub(BACK);
            let sent = seen[least..].iter().rposition(|sent| {
                sent.receiver.is_none() && sent.length == frame.length && sent.bytes == frame.bytes
            });
            if let Some(sent) = sent.map(|at| &mut arrows[least + at])
                && sent.to.iter().all(|other| other.actor != arrival.actor)
            {
                sent.to.push(arrival);
                continue;
            }
        }
        seen.push(frame);
        arrows.push(Arrow {
            at: packet.at,
            number,
            from,
            to: arrival.into_iter().collect(),
            is_for_all: packet.link_destination[0] & 1 == 1,
            kind: Kind::of(&packet),
            label: packet.to_string(),
            bytes: match &packet.content {
                Content::Tcp(segment) => segment.payload.into(),
                Content::Udp(datagram) => datagram.payload.into(),
                _ => 0,
            },
            count: 1,
            until: packet.at,
        });
    }
    arrows
}

/// Which packets a scenario has dropped: the capture sees them all the same, since they are dropped
/// where they arrive.
#[derive(Debug, Default)]
struct Drops {
    /// Each beginning and end, with its time.
    changes: Vec<(Duration, Change)>,
    /// How many packets of a drop arrived at a host so far.
    counts: BTreeMap<(usize, usize), u32>,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Drop(DropFilter, Amount),
    Pass(DropFilter),
}

impl Drops {
    fn new(reports: &[StepReport], steps: &[Option<&Step>]) -> Self {
        let change = |(report, step): (&StepReport, Option<&Step>)| {
            let Action::Wire(WireStep::Fault(fault)) = &step?.action else { return None };
            let change = match fault {
                LinkFault::Drop { filter, amount } => Change::Drop(*filter, *amount),
                LinkFault::Pass(filter) => Change::Pass(*filter),
                _ => return None,
            };
            Some((report.began.saturating_add(report.took), change))
        };
        let changes = reports.iter().zip(steps.iter().copied()).filter_map(change).collect();
        Self { changes, counts: BTreeMap::new() }
    }

    /// Whether a packet that somebody sent is dropped at a host; it is counted where it could be.
    fn takes(&mut self, packet: &Packet, source: Option<usize>, receiver: usize) -> bool {
        let is_past = |at: Duration| at <= packet.at;
        let mut is_dropped = false;
        for (index, (at, change)) in self.changes.iter().enumerate() {
            let Change::Drop(filter, amount) = change else { continue };
            let later = &self.changes[index + 1..];
            let has_ended = later.iter().any(|(at, change)| {
                is_past(*at) && matches!(change, Change::Pass(other) if other == filter)
            });
            let fits = is_past(*at)
                && !has_ended
                && packet.is(filter.kind)
                && source == Some(filter.from.index())
                && filter.to.is_none_or(|to| to.index() == receiver);
            if !fits {
                continue;
            }
            let count = self.counts.entry((index, receiver)).or_default();
            *count += 1;
            is_dropped |= match amount {
                Amount::All => true,
                Amount::First(most) => *count <= *most,
                Amount::Nth(which) => count == which,
            };
        }
        is_dropped
    }
}

/// Whether packets went between hosts, and not only within one.
pub(super) fn has_hosts(packets: &Packets) -> bool {
    packets.frames.iter().any(|frame| frame.sender != frame.receiver)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::captured;
    use crate::report::elaborated::Elaborated;
    use crate::report::fixture;
    use crate::run::event::{Event, Judgement};
    use crate::scenario::Document;
    use crate::vocabulary::ScenarioId;

    fn arrow(at: u64, from: usize, kind: Kind) -> Arrow {
        let to = vec![Arrival { actor: 1 - from, is_dropped: false }];
        let at = Duration::from_millis(at);
        let bytes = if kind == Kind::Data { 1_000 } else { 0 };
        let label = "one".to_owned();
        let (number, count) = (1, 1);
        let (from, is_for_all) = (Some(from), false);
        Arrow { at, number, from, to, is_for_all, kind, label, bytes, count, until: at }
    }

    #[test]
    fn long_rows_of_like_packets_are_joined() {
        let row = |length: u64| {
            let one = |at| {
                let is_data = at % 2 == 0;
                let kind = if is_data { Kind::Data } else { Kind::Acknowledgement };
                arrow(at, usize::from(!is_data), kind)
            };
            (0..length).map(one).collect::<Vec<_>>()
        };
        assert_eq!(joined(row(6)).len(), 6);
        let shown = joined(row(2_001));
        let labels: Vec<_> = shown.iter().map(|arrow| &*arrow.label).collect();
        let more = ["999 more data segments, 999,000 bytes", "999 more acknowledgements"];
        assert_eq!(labels, ["one", "one", more[0], more[1], "one"]);
        assert_eq!(shown.iter().map(|arrow| arrow.count).sum::<usize>(), 2_001);
        assert_eq!(shown[2].until, Duration::from_millis(1_998));
    }

    #[test]
    fn a_closed_window_is_not_joined() {
        let mut closed = arrow(0, 0, Kind::Acknowledgement);
        assert!(is_plain(&closed));
        closed.label = "ACK window 0".to_owned();
        assert!(!is_plain(&closed));
        assert!(is_plain(&Arrow { kind: Kind::Data, ..closed }));
        assert!(!is_plain(&arrow(0, 0, Kind::Control)));
    }

    /// The packets of a broadcast on a link of `a`, `b` and `d`, with what a scenario has dropped.
    fn broadcast(steps: &str) -> Vec<Arrow> {
        let text = format!("\"t\"\non lan a b d\n\na open s udp4 => ok\n{steps}\n");
        let document =
            Document::parse(&text, ScenarioId::new("t"), "t.scn").expect("it has no mistake");
        let made = document.cases().remove(0);
        let case = fixture::every_standing().into_iter().find_map(|event| match event {
            Event::CaseFinished(case) => Some(*case),
            _ => None,
        });
        let mut case = case.expect("the fixture has cases");
        case.case = made.id.clone();
        let report = |step: &Step| StepReport {
            place: step.place,
            expected: None,
            outcome: None,
            began: Duration::ZERO,
            took: Duration::ZERO,
            judgement: Judgement::Met,
            ending: None,
            note: None,
            samples: None,
        };
        case.steps = made.steps.iter().map(report).collect();
        let elaborated = Elaborated::of(document.scenario(), None);
        let steps = elaborated.steps(&case);
        let packets = captured::answered_broadcast();
        arrows(&case, &packets, &steps, &[0, 1, 2], Ports::default())
    }

    fn arrivals(arrow: &Arrow) -> Vec<(usize, bool)> {
        arrow.to.iter().map(|arrival| (arrival.actor, arrival.is_dropped)).collect()
    }

    #[test]
    fn a_packet_is_one_arrow_to_wherever_it_arrives() {
        let arrows = broadcast("");
        assert_eq!(arrows.len(), 2);
        assert_eq!((arrows[0].from, arrivals(&arrows[0])), (Some(0), vec![(1, false), (2, false)]));
        assert_eq!((arrows[1].from, arrivals(&arrows[1])), (Some(2), vec![(0, false)]));
        assert!(arrows[0].is_for_all && !arrows[1].is_for_all);
    }

    #[test]
    fn what_a_scenario_has_dropped_is_known() {
        let dropped = |steps: &str| arrivals(&broadcast(steps)[0]);
        assert_eq!(dropped("wire drop a -> b udp"), [(1, true), (2, false)]);
        assert_eq!(dropped("wire drop a -> b udp first 1"), [(1, true), (2, false)]);
        assert_eq!(dropped("wire drop a -> b udp nth 2"), [(1, false), (2, false)]);
        assert_eq!(dropped("wire drop a -> any udp"), [(1, true), (2, true)]);
        assert_eq!(dropped("wire drop d -> b udp"), [(1, false), (2, false)]);
        let passed = "wire drop a -> b udp\nwire pass a -> b udp";
        assert_eq!(dropped(passed), [(1, false), (2, false)]);
        let all = broadcast("wire drop a -> any udp");
        assert!(all[0].is_lost() && !all[1].is_lost());
    }

    #[test]
    fn a_packet_that_arrives_nowhere_is_lost() {
        let mut packets = captured::answered_broadcast();
        packets.frames.truncate(2);
        let case = fixture::every_standing().into_iter().find_map(|event| match event {
            Event::CaseFinished(case) => Some(*case),
            _ => None,
        });
        let case = case.expect("the fixture has cases");
        let arrows = arrows(&case, &packets, &[], &[0, 1, 2], Ports::default());
        assert!(arrows[0].is_lost());
        assert_eq!(arrows[0].route(&["a".to_owned()]), "a to all");
    }
}
