use std::collections::BTreeMap;

use super::event::{CaseFinished, Event};
use crate::scenario::Place;
use crate::vocabulary::{CaseId, Outcome};

/// What goes wrong in a run, for later runs to be held against.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    wrong: BTreeMap<CaseId, Option<Wrong>>,
}

/// A step that went wrong: where it stands, and what kind of outcome it had.
type Wrong = (Place, String);

impl Baseline {
    /// Takes note of an event of the run.
    pub fn event(&mut self, event: &Event) {
        if let Event::CaseFinished(case) = event
            && case.verdict.is_bad()
        {
            self.wrong.insert(case.case.clone(), wrong_step(case));
        }
    }

    /// Whether a case of another run goes wrong, and not in the same step with the same kind of
    /// outcome as here.
    pub fn is_worse(&self, case: &CaseFinished) -> bool {
        case.verdict.is_bad()
            && self.wrong.get(&case.case).is_none_or(|wrong| *wrong != wrong_step(case))
    }
}

fn wrong_step(case: &CaseFinished) -> Option<Wrong> {
    let wrong = case.steps.iter().find(|step| step.judgement.is_bad());
    wrong.map(|step| (step.place, step.outcome.as_ref().map_or_else(String::new, kind)))
}

/// An outcome without what differs from run to run.
fn kind(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Count(_) => "count".to_owned(),
        Outcome::Data { .. } => "data".to_owned(),
        Outcome::Name(_) => "name".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::scripted::{Scripted, at_once};
    use crate::vocabulary::{Errno, Op};

    /// A case whose receive gives this.
    fn case(outcome: &Outcome) -> CaseFinished {
        let outcome = outcome.clone();
        let subject = Scripted::new(move |asked| match asked.op {
            Op::Receive { .. } => at_once(outcome.clone()),
            _ => None,
        });
        subject.trial("\"t\"\nover tcp4\npair client.c server.s\n\nclient recv c 4 => \"x\"\n")
    }

    #[test]
    fn what_goes_wrong_in_the_same_way_is_not_worse() {
        let mut baseline = Baseline::default();
        let reset = case(&Outcome::failed(Errno::ECONNRESET));
        assert!(baseline.is_worse(&reset), "nothing went wrong before");
        baseline.event(&Event::CaseFinished(Box::new(reset.clone())));
        assert!(!baseline.is_worse(&reset));
        assert!(baseline.is_worse(&case(&Outcome::EndOfStream)), "another outcome");
        assert!(!baseline.is_worse(&case(&Outcome::data(b"x"))), "it went well");
    }

    #[test]
    fn other_bytes_are_no_other_kind_of_outcome() {
        let mut baseline = Baseline::default();
        baseline.event(&Event::CaseFinished(Box::new(case(&Outcome::data(b"ab")))));
        assert!(!baseline.is_worse(&case(&Outcome::data(b"cd"))));
    }
}
