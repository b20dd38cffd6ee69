use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;

use super::excerpt::between;
use super::matrix::{products, variant};
use super::printable::Printable;
use super::standing::Standing;
use super::tally::{CaseTally, Tally};
use super::transcript::{CaseTranscript, Transcript};
use crate::run::Verdict;
use crate::run::event::{CaseFinished, Event, Judgement, StepReport};
use crate::vocabulary::{Level, Outcome, ScenarioId};

/// The report of a run as text that stays the same as long as the subject behaves the same: no
/// times, addresses or process ids, sorted, made to be reviewed as a diff.
///
/// The variants of a scenario that came to the same stand together, as the products they make up.
/// `slow` is written as `pass`, so that a loaded machine changes nothing. What a failing step gave
/// stands under the variants in which it did so. Before the verdict stands how that stands against
/// the subject's expectations, where it is not simply good, and below it the reason that is known. Where
/// that says that it is one thing at a time and another at another, all of them are written, whichever it
/// was, and not what it gave.
pub fn accepted_report<'a>(events: impl Iterator<Item = &'a Event>) -> String {
    let transcript = Transcript::of(events);
    let mut groups: BTreeMap<Group<'_>, Vec<&str>> = BTreeMap::new();
    for case in transcript.cases().into_iter().map(CaseTranscript::shown) {
        let source = transcript.scenario(&case.scenario).map_or("", |scenario| &scenario.source);
        let variant = variant(&case.case, &case.scenario);
        groups.entry(Group::of(case, source, transcript.tally())).or_default().push(variant);
    }
    let mut text = String::new();
    for (group, variants) in groups {
        group.write(&mut text, &variants);
    }
    text
}

/// What variants of a scenario have in common that came to the same.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group<'a> {
    scenario: &'a ScenarioId,
    /// What they came to, or may come to at a time.
    verdicts: Vec<Verdict>,
    /// How it stands against the expectations, where it is not simply as expected.
    standing: Option<Standing>,
    level: Level,
    /// What was not as expected.
    steps: Vec<String>,
    /// What the expectations say of it.
    reason: Option<&'a str>,
}

impl<'a> Group<'a> {
    fn of(case: &'a CaseFinished, source: &str, tally: &'a Tally) -> Self {
        let verdict = if case.verdict == Verdict::Slow { Verdict::Pass } else { case.verdict };
        let standing = tally.case(&case.case).and_then(CaseTally::standing);
        let entry = tally.entry(&case.case);
        let is_as_said = matches!(standing, Some(Standing::Known | Standing::Expected));
        if let Some(entry) = entry.filter(|entry| is_as_said && entry.verdicts.len() > 1) {
            let mut verdicts = entry.verdicts.clone();
            verdicts.sort_unstable();
            return Self {
                scenario: &case.scenario,
                verdicts,
                standing: Some(Standing::Known),
                level: case.level,
                steps: Vec::new(),
                reason: Some(&entry.reason),
            };
        }
        let mut steps = unexpected_steps(case, source);
        if let (Verdict::Unsupported, Some(reason)) = (verdict, &case.reason) {
            steps.push(Printable(reason).to_string());
        }
        let is_known = matches!(standing, Some(Standing::Known | Standing::Mended));
        Self {
            scenario: &case.scenario,
            verdicts: vec![verdict],
            standing: standing.filter(|standing| *standing != Standing::Expected),
            level: case.level,
            steps,
            reason: entry.filter(|_| is_known).map(|entry| entry.reason.as_str()),
        }
    }

    fn write(&self, text: &mut String, variants: &[&str]) {
        let standing = self.standing.map_or_else(String::new, |standing| format!("{standing} "));
        let verdicts: Vec<&str> = self.verdicts.iter().map(|verdict| verdict.word()).collect();
        let verdicts = verdicts.join(" or ");
        let head = format!("{}  {}  {standing}{verdicts}:", self.scenario, self.level);
        text.push_str(&head);
        match &products(variants)[..] {
            [product] if head.chars().count() + 1 + product.chars().count() <= WIDTH => {
                text.push(' ');
                text.push_str(product);
                text.push('\n');
            }
            products => {
                text.push('\n');
                for product in products {
                    wrap(text, product);
                }
            }
        }
        for step in &self.steps {
            text.push_str("    ");
            text.push_str(step);
            text.push('\n');
        }
        if let Some(reason) = self.reason {
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(text, "    known: {}", Printable(reason));
        }
    }
}

/// How long a line of variants may be.
const WIDTH: usize = 100;

/// Writes a product, on further lines where it is long; it is parted at commas.
fn wrap(text: &mut String, product: &str) {
    let mut width = 0;
    for piece in product.split_inclusive(',') {
        let length = piece.chars().count();
        if width == 0 || width + length > WIDTH {
            text.push_str(if width == 0 { "  " } else { "\n      " });
            width = if width == 0 { 2 } else { 6 };
        }
        text.push_str(piece);
        width += length;
    }
    text.push('\n');
}

/// The steps of a case that gave something else, or within which the subject died, each with what it
/// gave and without what changes from run to run. The source is that of the scenario.
pub(super) fn unexpected_steps(case: &CaseFinished, source: &str) -> Vec<String> {
    let mut steps: Vec<_> = case.steps.iter().filter_map(|step| unexpected(step, source)).collect();
    if let (Verdict::Crash, [.., last]) = (case.verdict, &case.steps[..])
        && last.outcome.is_none()
    {
        steps.push(format!("{}  died here", Printable(&words(last, source))));
    }
    steps
}

/// A step that gave something else, without what changes from run to run.
fn unexpected(step: &StepReport, source: &str) -> Option<String> {
    let word = match step.judgement {
        Judgement::Missed { .. } | Judgement::Hung => "gave",
        Judgement::Early { .. } => "gave too early",
        Judgement::Excused { .. } => "excused, gave",
        Judgement::Met | Judgement::Slow { .. } | Judgement::Moot => return None,
    };
    let mut text = words(step, source);
    let outcome = match (&step.judgement, &step.outcome) {
        (Judgement::Hung, _) => "nothing: it hung".to_owned(),
        (_, Some(Outcome::Name(_))) => "another address".to_owned(),
        (_, Some(Outcome::Count(count))) if *count > ROOM => "what there was room for".to_owned(),
        (_, Some(Outcome::Threw { text })) => format!("threw {}", without_addresses(text)),
        (_, Some(outcome)) => outcome.to_string(),
        (_, None) => "no outcome".to_owned(),
    };
    let _ = write!(text, "  {word} {outcome}");
    Some(Printable(&text).to_string())
}

/// What a runtime says, without where in memory or on the network that was.
fn without_addresses(text: &str) -> String {
    let is_address = |word: &str| word.starts_with("0x") || word.parse::<SocketAddr>().is_ok();
    let words = text.split(' ').map(|word| if is_address(word) { "an address" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Up to which count of bytes a step gave what a person wrote down; more is what buffers had room for,
/// which changes from run to run.
const ROOM: u64 = 4_096;

/// A step and its expectation as they are written.
fn words(step: &StepReport, source: &str) -> String {
    between(source, step.place, step.expected.unwrap_or(step.place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn it_holds_every_case() {
        insta::assert_snapshot!(accepted_report(fixture::run().iter()));
    }

    #[test]
    fn it_says_what_is_known() {
        insta::assert_snapshot!(accepted_report(fixture::known_run().iter()));
    }

    #[test]
    fn the_order_of_events_and_slowness_do_not_matter() {
        let mut events = fixture::run();
        let before = accepted_report(events.iter());
        for event in &mut events {
            if let Event::CaseFinished(case) = event {
                case.took *= 3;
                if case.verdict == Verdict::Slow {
                    case.verdict = Verdict::Pass;
                }
            }
        }
        assert_eq!(accepted_report(events.iter().rev()), before);
    }

    #[test]
    fn what_changes_from_run_to_run_is_left_out() {
        let step = |outcome: Outcome| {
            let mut events = fixture::run();
            let cases = events.iter_mut().filter_map(|event| match event {
                Event::CaseFinished(case) => Some(case),
                _ => None,
            });
            let mut steps = cases.flat_map(|case| &mut case.steps);
            let missed = |step: &&mut StepReport| {
                matches!(step.judgement, Judgement::Missed { .. }) && step.outcome.is_some()
            };
            let step = steps.find(missed).expect("something failed");
            step.outcome = Some(outcome);
            accepted_report(events.iter())
        };
        let threw = |text: &str| step(Outcome::Threw { text: text.to_owned() });
        let said =
            threw("RuntimeError: <Transport fd=7 0x563dc6b96d30> at 127.0.0.2:30451 is closed");
        assert!(
            said.contains(
                "threw RuntimeError: <Transport fd=7 an address at an address is closed\n"
            )
        );
        assert_eq!(step(Outcome::Count(46_336)), step(Outcome::Count(45_696)));
        assert_ne!(step(Outcome::Count(4_096)), step(Outcome::Count(4_095)));
    }

    #[test]
    fn of_repetitions_the_worst_is_accepted() {
        insta::assert_snapshot!(accepted_report(fixture::repeated_run().iter()));
    }
}
