use std::collections::BTreeMap;

use super::event::{CaseFinished, Event, Judgement};
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
    let wrong = case.steps.iter().find(|step| {
        matches!(
            step.judgement,
            Judgement::Missed { .. } | Judgement::Early { .. } | Judgement::Hung
        )
    });
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
