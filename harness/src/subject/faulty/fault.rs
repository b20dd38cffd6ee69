use std::fmt;

use super::call::Call;
use super::{
    broadcast, cumulative, datagram, error, framing, half_close, readiness, stream, timeout, wire,
};
use crate::scenario::{Action, Case};
use crate::subject::{AddressBook, Observation};
use crate::vocabulary::{Op, Outcome, Transport};
use crate::wire::Capture;

/// A planted fault: one thing that a subject does otherwise than it must.
#[derive(Clone, Copy)]
pub struct Fault {
    name: &'static str,
    area: &'static str,
    summary: &'static str,
    over: fn(Transport) -> bool,
    concerns: fn(&Op) -> bool,
    before: fn(&mut Call<'_>) -> Instead,
    after: fn(&mut Call<'_>, &mut Observation),
    interrupted: fn(&Op) -> Option<Outcome>,
    capture: Option<fn(&mut Capture, &AddressBook)>,
}

/// What a faulty subject does instead of what it was asked for.
pub(super) enum Instead {
    /// What it was asked for.
    AsAsked,
    /// Something else.
    Do(Op),
    /// Nothing, but it says that this came of it.
    Pretend(Outcome),
}

impl Fault {
    /// Every fault, those of one area together.
    pub fn all() -> impl Iterator<Item = Self> {
        [
            half_close::FAULTS,
            cumulative::FAULTS,
            timeout::FAULTS,
            broadcast::FAULTS,
            datagram::FAULTS,
            stream::FAULTS,
            readiness::FAULTS,
            error::FAULTS,
            wire::FAULTS,
            framing::FAULTS,
        ]
        .into_iter()
        .flatten()
        .copied()
    }

    /// A fault that does nothing yet.
    pub(super) const fn new(
        area: &'static str,
        name: &'static str,
        summary: &'static str,
        concerns: fn(&Op) -> bool,
    ) -> Self {
        Self {
            name,
            area,
            summary,
            over: |_| true,
            concerns,
            before: |_| Instead::AsAsked,
            after: |_, _| {},
            interrupted: |_| None,
            capture: None,
        }
    }

    /// Over which transports it shows. A case that names its transports in its steps is over any.
    pub(super) const fn over(mut self, over: fn(Transport) -> bool) -> Self {
        self.over = over;
        self
    }

    /// What is done instead of the calls that it concerns.
    pub(super) const fn before(mut self, before: fn(&mut Call<'_>) -> Instead) -> Self {
        self.before = before;
        self
    }

    /// What becomes of their outcomes.
    pub(super) const fn after(mut self, after: fn(&mut Call<'_>, &mut Observation)) -> Self {
        self.after = after;
        self
    }

    /// What a call that it concerns gives when a signal meets it, if not what it would have given.
    pub(super) const fn interrupted(mut self, with: fn(&Op) -> Option<Outcome>) -> Self {
        self.interrupted = with;
        self
    }

    /// What becomes of the packets.
    pub(super) const fn capture(mut self, capture: fn(&mut Capture, &AddressBook)) -> Self {
        self.capture = Some(capture);
        self
    }

    /// What it is called, unique among all.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The field it belongs to.
    pub const fn area(&self) -> &'static str {
        self.area
    }

    /// What the subject does wrong, as a sentence without its end.
    pub const fn summary(&self) -> &'static str {
        self.summary
    }

    /// Whether anything of a case goes through the fault: what nothing does is as without it.
    pub fn concerns(&self, case: &Case) -> bool {
        case.variant.transport.is_none_or(self.over)
            && case.steps.iter().any(|step| match &step.action {
                Action::Perform { op, .. } | Action::Start { op, .. } => (self.concerns)(op),
                Action::Wire(_) => self.capture.is_some(),
                _ => false,
            })
    }

    pub(super) fn instead(&self, call: &mut Call<'_>) -> Instead {
        if (self.concerns)(call.op) { (self.before)(call) } else { Instead::AsAsked }
    }

    pub(super) fn spoil(&self, call: &mut Call<'_>, observation: &mut Observation) {
        if (self.concerns)(call.op) {
            (self.after)(call, observation);
        }
    }

    pub(super) fn on_signal(&self, op: &Op) -> Option<Outcome> {
        if (self.concerns)(op) { (self.interrupted)(op) } else { None }
    }

    pub(super) fn rewrite(&self, capture: &mut Capture, book: &AddressBook) {
        if let Some(rewrite) = self.capture {
            rewrite(capture, book);
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fault").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own_and_says_what_is_wrong() {
        let names: BTreeSet<&str> = Fault::all().map(|fault| fault.name).collect();
        assert_eq!(names.len(), Fault::all().count());
        for fault in Fault::all() {
            let is_word =
                |text: &str| text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'));
            assert!(is_word(fault.name), "{}", fault.name);
            assert!(!names.contains(fault.area), "{} is a name and an area", fault.area);
            assert!(!fault.summary.is_empty() && !fault.summary.ends_with('.'), "{}", fault.name);
        }
    }

    #[test]
    fn the_faults_of_an_area_stand_together() {
        let mut areas: Vec<&str> = Fault::all().map(|fault| fault.area).collect();
        areas.dedup();
        let different: BTreeSet<&str> = areas.iter().copied().collect();
        assert_eq!(areas.len(), different.len(), "{areas:?}");
    }
}
