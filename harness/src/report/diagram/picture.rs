use std::fmt;

use super::arrow::{arrows, has_hosts};
use super::call::calls;
use super::drawing::Drawing;
use super::lanes::Lanes;
use super::moment::Moments;
use super::ports::Ports;
use crate::report::elaborated::Elaborated;
use crate::report::excerpt::{between, line};
use crate::run::event::{CaseFinished, Packets};
use crate::scenario::Scenario;
use crate::vocabulary::Topology;

/// The rules of style that every diagram needs, once on a page: its colours as custom properties, for
/// light and dark.
pub const DIAGRAM_STYLE: &str = include_str!("diagram.css");

/// What happened in a case, as an `<svg>` element. Nothing is written where nothing ran.
///
/// Its height and its size in bytes are bounded however many steps and packets there are: rows of like
/// packets are joined, and of too many rows those in the middle are left out. Rows stand in the order of
/// time, and time that passes between them is told where it is long.
#[derive(Clone, Copy, Debug)]
pub struct Diagram<'a> {
    /// The case.
    pub case: &'a CaseFinished,
    /// Its scenario.
    pub scenario: &'a Scenario,
    /// The cases of that scenario.
    pub elaborated: &'a Elaborated,
}

impl Diagram<'_> {
    /// Whether there is nothing to be drawn.
    pub fn is_empty(&self) -> bool {
        self.case.steps.is_empty()
            && self.case.packets.as_ref().is_none_or(|packets| packets.frames.is_empty())
    }

    /// Who acts.
    fn names(&self) -> Vec<String> {
        match self.elaborated.case(self.case) {
            Some(case) => case.actors.to_vec(),
            None => spoken(self.case, &self.scenario.source),
        }
    }
}

impl fmt::Display for Diagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return Ok(());
        }
        let mut names = self.names();
        let steps = self.elaborated.steps(self.case);
        let elaborated = self.elaborated.case(self.case);
        let calls = calls(self.case, self.scenario, elaborated, &steps, &names);
        let ports = Ports::new(&names, &calls, &self.case.steps, &steps);
        let packets = self.case.packets.as_ref();
        let hosts = packets.map(|packets| hosts(packets, &mut names)).unwrap_or_default();
        let arrows = packets
            .map_or_else(Vec::new, |packets| arrows(self.case, packets, &steps, &hosts, ports));
        let point = calls.iter().find(|call| call.is_point).and_then(|call| call.actor);
        let ends = arrows.iter().flat_map(|arrow| {
            arrow.from.into_iter().chain(arrow.to.iter().map(|arrival| arrival.actor))
        });
        let mut used: Vec<usize> = calls.iter().filter_map(|call| call.actor).collect();
        used.extend(ends);
        let mut order: Vec<usize> = (0..names.len()).collect();
        if self.case.variant.topology == Topology::Routed && names.len() == 3 {
            order.swap(1, 2);
        }
        let lanes = Lanes::new(&names, &order, &used, point);
        let moments = Moments::new(&calls, arrows);
        let lost = packets.map_or(0, |packets| packets.lost);
        let drawing = Drawing {
            case: self.case,
            names: &names,
            lanes: &lanes,
            calls: &calls,
            moments: &moments,
            lost,
        };
        write!(f, "{drawing}")
    }
}

/// The actor of each host; hosts that are nobody's get a place behind the actors.
fn hosts(packets: &Packets, names: &mut Vec<String>) -> Vec<usize> {
    if !has_hosts(packets) {
        return Vec::new();
    }
    let place = |host: &String| {
        names.iter().position(|name| name == host).unwrap_or_else(|| {
            names.push(host.clone());
            names.len() - 1
        })
    };
    packets.hosts.iter().map(place).collect()
}

/// The actors that the words of the steps begin with.
fn spoken(case: &CaseFinished, source: &str) -> Vec<String> {
    let packets = case.packets.iter().filter(|packets| has_hosts(packets));
    let mut names: Vec<String> = packets.flat_map(|packets| packets.hosts.clone()).collect();
    let mut add = |name: &str| {
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    };
    for step in &case.steps {
        let whole = line(source, step.place.line);
        let words = between(source, step.place, step.place);
        let mut pair = whole.split_whitespace();
        if pair.next() == Some("pair") {
            pair.for_each(|end| add(end.split('.').next().unwrap_or_default()));
            continue;
        }
        let first = words.split(' ').next().unwrap_or_default();
        if !["wait", "wire"].contains(&first) {
            add(first);
        }
    }
    names
}

#[cfg(test)]
mod tests;
