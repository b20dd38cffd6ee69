use super::Verdict;
use super::event::{CaseFinished, Judgement};
use crate::scenario::Case;
use crate::vocabulary::Outcome;

/// Holds the traces of cases that must agree against the first good one of them, and fails those that
/// differ at the step where they do.
pub(super) fn compare(cases: &[&Case], finished: &mut [CaseFinished]) {
    let Some(first) = finished.iter().position(|case| case.verdict.is_good()) else { return };
    let reference = trace(cases[first], &finished[first]);
    let name = differing_value(cases[first]);
    for (case, other) in cases.iter().zip(finished).skip(first + 1) {
        if !other.verdict.is_good() {
            continue;
        }
        let found = trace(case, other);
        let Some(((_, expected), (step, _))) =
            reference.iter().zip(&found).find(|((_, one), (_, other))| one != other)
        else {
            continue;
        };
        let shown = expected.as_ref().map_or_else(|| "nothing".to_owned(), Outcome::to_string);
        let detail = format!("not the same as {name}, which gave {shown}");
        let step = *step;
        other.steps[step].judgement = Judgement::Missed { detail: Some(detail) };
        other.steps.truncate(step + 1);
        other.verdict = Verdict::Fail;
    }
}

/// The outcomes of the steps that take part, less what is different in every run.
fn trace(case: &Case, finished: &CaseFinished) -> Vec<(usize, Option<Outcome>)> {
    case.steps
        .iter()
        .zip(&finished.steps)
        .enumerate()
        .filter(|(_, (step, _))| step.compared)
        .map(|(position, (_, report))| (position, report.outcome.clone().map(comparable)))
        .collect()
}

fn comparable(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Data { bytes, truncated, .. } => Outcome::Data { bytes, source: None, truncated },
        Outcome::Name(_) => Outcome::Ok,
        // An error that has no name has its own words.
        Outcome::FailedAs { class, signal, .. } => {
            Outcome::FailedAs { class, text: String::new(), signal }
        }
        // Where in the stream it is depends on the framing.
        Outcome::BadFrame { fault, .. } => Outcome::BadFrame { fault, text: String::new() },
        other => other,
    }
}

fn differing_value(case: &Case) -> String {
    case.same
        .as_ref()
        .and_then(|key| case.variant.values.iter().find(|(name, _)| *name == key.across))
        .map_or_else(|| case.id.to_string(), |(name, value)| format!("{name}={value}"))
}
