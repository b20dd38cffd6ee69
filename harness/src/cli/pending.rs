use std::fmt::Write as _;

use crate::report::{Elapsed, Many, Printable};
use crate::run::PendingStep;

/// The pending steps for a person: since when, in which case, who does what, and where that stands.
pub(super) fn shown(steps: &[PendingStep]) -> String {
    if steps.is_empty() {
        return "no step is pending\n".to_owned();
    }
    let mut text = format!("pending: {}\n", Many(steps.len() as u64, "step"));
    let cases: Vec<String> = steps.iter().map(case).collect();
    let width = cases.iter().map(|case| case.chars().count()).max().unwrap_or(0).min(WIDEST);
    for (step, case) in steps.iter().zip(&cases) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:>10}  {case:width$}  {}", Elapsed(step.age), what(step));
    }
    text
}

/// How wide the column of cases may grow for the sake of one long name.
const WIDEST: usize = 120;

fn case(step: &PendingStep) -> String {
    let case = Printable(step.case.as_str());
    match step.iteration {
        0 | 1 => case.to_string(),
        again => format!("{case} (run {again})"),
    }
}

fn what(step: &PendingStep) -> String {
    let path = Printable(&step.scenario.path);
    let (Some(place), Some(words)) = (step.place, step.words()) else {
        return format!("gets ready  {path}");
    };
    let words = Printable(&words).to_string();
    let actor = match &step.actor {
        // A pair has two.
        Some(actor) if !words.starts_with(actor.as_str()) => format!("{}: ", Printable(actor)),
        _ => String::new(),
    };
    format!("{actor}{words}  {path}:{}", place.line)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::scenario::Document;
    use crate::vocabulary::ScenarioId;

    const TEXT: &str = "\"t\"\nover tcp4\npair client.c server.s\n\nclient  recv c 4 => \"x\"\n";

    #[test]
    fn each_step_stands_with_its_age_and_its_place() {
        let document = Document::parse(TEXT, ScenarioId::new("a/b"), "scenarios/a/b.scn");
        let case = document.expect("it has no mistakes").cases().remove(0);
        let step = |at: Option<usize>, actor: Option<&str>, iteration, millis| PendingStep {
            case: case.id.clone(),
            iteration,
            scenario: Arc::clone(&case.scenario),
            place: at.map(|at| case.steps[at].place),
            actor: actor.map(str::to_owned),
            age: Duration::from_millis(millis),
        };
        let last = case.steps.len() - 1;
        let steps = [
            step(Some(last), Some("client"), 1, 61_500),
            step(Some(0), Some("server"), 12, 1_200),
            step(None, None, 1, 3),
        ];
        insta::assert_snapshot!(shown(&steps), @"
        pending: 3 steps
        1 min 01 s  a/b[tcp4,loopback]           client recv c 4  scenarios/a/b.scn:5
            1.20 s  a/b[tcp4,loopback] (run 12)  server: pair client.c server.s  scenarios/a/b.scn:3
            3.0 ms  a/b[tcp4,loopback]           gets ready  scenarios/a/b.scn
        ");
        assert_eq!(shown(&[]), "no step is pending\n");
    }
}
