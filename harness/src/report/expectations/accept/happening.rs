use crate::report::excerpt::between;
use crate::report::failure::Failure;
use crate::report::printable::Printable;
use crate::run::Verdict;
use crate::run::event::{CaseFinished, Judgement, StepReport};
use crate::vocabulary::Outcome;

/// What happened in a case that was bad, without what changes from run to run: what a reason is drafted
/// from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Happening {
    /// The line of the step, from 1; none where nothing is known of a step.
    line: Option<u32>,
    /// The step as it is written, with its expectation.
    step: String,
    /// What came of it: `gave ECONNRESET instead of eof`.
    said: String,
}

/// How many things that happened a reason tells.
const TOLD: usize = 3;

impl Happening {
    /// What happened in a case. The source is that of its scenario.
    pub(super) fn of(case: &CaseFinished, source: &str) -> Self {
        let failure = Failure::of(case);
        let Some(point) = failure.point() else {
            let said = match case.verdict {
                Verdict::Crash => "the subject died",
                Verdict::Hang => "it hung",
                _ => "it failed",
            };
            return Self { line: None, step: String::new(), said: said.to_owned() };
        };
        Self {
            line: Some(point.place.line),
            step: between(source, point.place, point.expected.unwrap_or(point.place)),
            said: said(point, case.verdict, source),
        }
    }

    /// The same wherever it happened: the step and what came of it, without the line.
    pub(super) fn anywhere(&self) -> Self {
        Self { line: None, ..self.clone() }
    }

    /// A reason that tells these, sorted: by the lines of a scenario, or by the steps where they happened
    /// in several scenarios.
    pub(super) fn reason(happenings: impl IntoIterator<Item = Self>, at_times: bool) -> String {
        let happenings: Vec<Self> = happenings.into_iter().collect();
        let mut told: Vec<String> = happenings.iter().take(TOLD).map(Self::told).collect();
        if let Some(more) = happenings.len().checked_sub(TOLD).filter(|more| *more > 0) {
            told.push(format!("and {more} more"));
        }
        let told = Printable(&told.join("; ")).to_string();
        if at_times { format!("at times, {told}") } else { told }
    }

    fn told(&self) -> String {
        match (self.line, self.step.as_str()) {
            (Some(line), _) => format!("line {line}: {}", self.said),
            (None, "") => self.said.clone(),
            (None, step) => format!("`{step}` {}", self.said),
        }
    }
}

fn said(point: &StepReport, verdict: Verdict, source: &str) -> String {
    let wanted = point.expected.map(|place| between(source, place, place));
    let instead = wanted.map_or_else(String::new, |wanted| format!(" instead of {wanted}"));
    let outcome = point.outcome.as_ref().map(|outcome| match outcome {
        // A port or an address is another one in every run.
        Outcome::Name(_) => "another address".to_owned(),
        outcome => outcome.to_string(),
    });
    match (&point.judgement, outcome) {
        (Judgement::Hung, _) => format!("hung{instead}"),
        (Judgement::Early { .. }, Some(outcome)) => format!("gave {outcome} too early"),
        (Judgement::Missed { detail: Some(detail) }, Some(outcome))
            if detail.starts_with(NOT_THE_SAME) =>
        {
            format!("gave {outcome}, {detail}")
        }
        (_, Some(outcome)) => format!("gave {outcome}{instead}"),
        (_, None) if verdict == Verdict::Crash => format!("the subject died{instead}"),
        (Judgement::Missed { detail: Some(detail) }, None) => detail.clone(),
        (_, None) => format!("gave nothing{instead}"),
    }
}

/// How the detail begins of an outcome that was allowed, and not what another case gave.
const NOT_THE_SAME: &str = "not the same as ";
