use crate::report::excerpt::between;
use crate::report::failure::{message, point_of};
use crate::run::Verdict;
use crate::run::event::{CaseFinished, Judgement, StepReport};
use crate::scenario::Place;
use crate::vocabulary::Outcome;

/// Where a case failed and how, as the page says it everywhere: without times, so that what is alike reads
/// alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failing {
    pub(super) place: Place,
    /// What came instead of what: `ECONNRESET instead of "pong"`.
    pub(super) words: String,
    /// What else is to be said, line by line.
    pub(super) details: Vec<String>,
}

/// How many characters of an outcome, or of an expectation, are shown in a sentence.
const WIDTH: usize = 60;

impl Failing {
    /// The point at which a case failed; `None` where it did not, or not within a step.
    pub(super) fn of(case: &CaseFinished, source: &str) -> Option<Self> {
        let step = &case.steps[point_of(case)?];
        let mut message = message(case.verdict, step, source).into_iter();
        let first = message.next().unwrap_or_default();
        let instead = step.expected.map(|place| between(source, place, place));
        let (words, details) = match (&step.judgement, &step.outcome) {
            (Judgement::Missed { .. }, Some(outcome)) => {
                let outcome = cut(&in_full(outcome), WIDTH);
                let words = match instead.filter(|text| !text.is_empty()) {
                    Some(expected) => format!("{outcome} instead of {}", cut(&expected, WIDTH)),
                    None => outcome,
                };
                (words, message.collect())
            }
            (Judgement::Early { detail }, Some(outcome)) => {
                (format!("{} too early: {detail}", cut(&in_full(outcome), WIDTH)), Vec::new())
            }
            (Judgement::Missed { .. } | Judgement::Early { .. } | Judgement::Hung, _) => {
                (first, message.collect())
            }
            _ if case.verdict == Verdict::Broken => {
                ("the harness failed here".to_owned(), Vec::new())
            }
            _ => ("the subject died here".to_owned(), Vec::new()),
        };
        Some(Self { place: step.expected.unwrap_or(step.place), words, details })
    }

    /// It with its line: `line 11: ECONNRESET instead of "pong"`.
    pub(super) fn sentence(&self) -> String {
        format!("line {}: {}", self.place.line, self.words)
    }
}

/// An outcome with who sent what was received.
pub(super) fn in_full(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Data { source: Some(sender), .. } => format!("{outcome} from {sender}"),
        _ => outcome.to_string(),
    }
}

/// A text of at most so many characters, with a sign where something is left out.
pub(super) fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The step within which the subject died.
pub(super) fn died_at(case: &CaseFinished) -> Option<&StepReport> {
    let last = || case.steps.last().filter(|step| step.outcome.is_none());
    (case.verdict == Verdict::Crash).then(last).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::transcript::Transcript;

    #[test]
    fn each_failure_is_a_sentence() {
        let transcript = Transcript::of(&fixture::run());
        let sentences: Vec<_> = transcript
            .cases()
            .iter()
            .map(|case| case.shown())
            .filter_map(|case| {
                let source = &transcript.scenario(&case.scenario)?.source;
                Some(Failing::of(case, source)?.sentence())
            })
            .collect();
        insta::assert_snapshot!(sentences.join("\n"));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("§§§", 3), "§§§");
        assert_eq!(cut("§§§§", 3), "§§§…");
        assert_eq!(cut("", 3), "");
    }
}
