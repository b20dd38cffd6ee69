use std::fmt::{self, Write as _};
use std::time::Duration;

use super::account::{Account, Class};
use super::concern::Concern;
use super::excerpt::between;
use super::failure::Failure;
use super::findings::{Findings, names};
use super::printable::{Cut, Printable};
use super::transcript::Transcript;
use crate::run::Verdict;

/// Runs in the Test Anything Protocol, version 14 (testanything.org): a test point for each case, all on
/// one level, since most readers of it know no subtests.
///
/// What is not ok has a YAML block that says what was expected and what came. A failure that the
/// expectations know is a `TODO`, so that it fails nothing; so is a case that is mended, which readers
/// tell as a TODO that passed. Entries that have to be looked at, and what the harness left behind, are
/// test points of their own behind the cases, so that the stream fails whenever the program's exit code is
/// not 0. A run that was cut short bails out at the end.
pub fn tap(runs: &[Transcript]) -> String {
    let mut points = Vec::new();
    let mut bails = Vec::new();
    let mut missing = 0;
    let mut comments = Vec::new();
    for (run, name) in runs.iter().zip(names(runs)) {
        let findings = Findings::of(run);
        let prefix = if runs.len() > 1 { format!("{name}: ") } else { String::new() };
        let accounts = findings.accounts();
        points.extend(accounts.iter().map(|account| point(&findings, account, &prefix)));
        let announced = findings.run().map_or(0, |run| run.cases as usize);
        for concern in findings.concerns() {
            match concern {
                Concern::Incomplete { .. } => {
                    missing += announced.saturating_sub(accounts.len());
                    bails.push(format!("{prefix}{concern}"));
                }
                concern => points.push(of_concern(&concern, &prefix)),
            }
        }
        comments.push(comment(&findings));
    }
    let mut text = format!("TAP version 14\n1..{}\n", points.len() + missing);
    text += &comments.concat();
    for (point, number) in points.iter().zip(1..) {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "{}", Numbered { point, number });
    }
    if !bails.is_empty() {
        let _ = writeln!(text, "Bail out! {}", Escaped(&bails.join("; ")));
    }
    text
}

/// What was run, for a person to read.
fn comment(findings: &Findings<'_>) -> String {
    let Some(run) = findings.run() else { return String::new() };
    let subject = run.title();
    let (version, subject) = (Printable(&run.sockspec), Printable(&subject));
    format!("# sockspec {version} · {subject} · {}\n", findings.tally().counts())
}

/// A test point, but for its number.
struct Point {
    is_ok: bool,
    description: String,
    /// `SKIP` or `TODO`, with the reason.
    directive: Option<(&'static str, String)>,
    /// The keys and values of its YAML block.
    block: Vec<(&'static str, Value)>,
}

enum Value {
    Text(String),
    Number(u128),
}

fn point(findings: &Findings<'_>, account: &Account<'_>, prefix: &str) -> Point {
    let id = format!("{prefix}{}", Printable(account.case.case.as_str()));
    let (is_ok, directive, failure) = match account.class {
        Class::Good => (true, None, None),
        Class::NotRun => (true, Some(("SKIP", Printable(account.reason()).to_string())), None),
        Class::Known(failure, entry) => {
            (false, Some(("TODO", format!("known: {}", findings.known(entry)))), Some(failure))
        }
        Class::Mended(entry) => {
            (true, Some(("TODO", format!("passed, and known: {}", findings.known(entry)))), None)
        }
        Class::Regression(failure) | Class::Flaky(failure) | Class::Broken(failure) => {
            (false, None, Some(failure))
        }
    };
    let block = failure.map_or_else(Vec::new, |failure| block(findings, account, failure));
    Point { is_ok, description: id, directive, block }
}

fn block(
    findings: &Findings<'_>,
    account: &Account<'_>,
    failure: &Failure,
) -> Vec<(&'static str, Value)> {
    let source = account.source();
    let text = |text: &str| Value::Text(Cut { text, length: LONGEST }.to_string());
    let shown = findings.shown(failure, &[]);
    let mut block = vec![
        ("message", text(&failure.headline(source))),
        ("verdict", text(failure.verdict.word())),
        ("level", text(failure.level.word())),
    ];
    if let Some(standing) = account.tally.standing() {
        block.push(("standing", text(standing.word())));
    }
    if let Some(path) = findings.path(failure) {
        let (line, column) = account.place();
        block.push(("at", text(&format!("{path}:{line}:{column}"))));
    }
    if let Some(place) = failure.point().and_then(|step| step.expected) {
        block.push(("expected", text(&between(source, place, place))));
    }
    if failure.point().is_some() && failure.verdict != Verdict::Broken {
        let outcome = failure.outcome();
        block.push(("gave", text(outcome.strip_prefix("gave ").unwrap_or(&outcome))));
    }
    block.push(("took_ms", Value::Number(milliseconds(failure.took))));
    if let Some(scenario) = account.scenario.filter(|scenario| !scenario.cite.is_empty()) {
        block.push(("clause", text(&scenario.cite.join(", "))));
    }
    let (failed, runs) = shown.times;
    if runs > 1 {
        block.push(("repeats", text(&format!("failed {failed} of {runs}"))));
    }
    block.push(("again", text(&shown.again())));
    block
}

fn of_concern(concern: &Concern<'_>, prefix: &str) -> Point {
    let mut block = vec![("message", Value::Text(concern.to_string()))];
    if let Some((file, line)) = concern.place() {
        block.push(("at", Value::Text(format!("{file}:{line}"))));
    }
    let description = format!("{prefix}{}", concern.title());
    Point { is_ok: false, description, directive: None, block }
}

const fn milliseconds(time: Duration) -> u128 {
    time.as_millis()
}

/// How long a text in a block is, in characters.
const LONGEST: usize = 2_000;

struct Numbered<'a> {
    point: &'a Point,
    number: usize,
}

impl fmt::Display for Numbered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Point { is_ok, description, directive, block } = self.point;
        let not = if *is_ok { "" } else { "not " };
        write!(f, "{not}ok {} - {}", self.number, Escaped(description))?;
        if let Some((word, reason)) = directive {
            write!(f, " # {word} {}", Escaped(reason))?;
        }
        if block.is_empty() {
            return Ok(());
        }
        write!(f, "\n  ---")?;
        for (key, value) in block {
            match value {
                Value::Text(text) => write!(f, "\n  {key}: {}", Quoted(text))?,
                Value::Number(number) => write!(f, "\n  {key}: {number}")?,
            }
        }
        write!(f, "\n  ...")
    }
}

/// Text on the line of a test point: `#` begins a directive there, and `\` an escape. Readers that know
/// nothing of escapes, as before version 14, would still find a directive in `\# SKIP`; there the `#` is
/// written by its number, as a control character is.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.char_indices().try_for_each(|(index, character)| match character {
            '#' if begins_directive(&self.0[index + 1..]) => f.write_str(r"\\u{23}"),
            '#' | '\\' => write!(f, "\\{character}"),
            other => f.write_char(other),
        })
    }
}

fn begins_directive(text: &str) -> bool {
    let word = text.trim_start().get(..4).unwrap_or_default();
    ["skip", "todo"].iter().any(|directive| word.eq_ignore_ascii_case(directive))
}

/// Text as a double-quoted scalar of YAML, of which the strings of JSON are a part.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Printable(self.0).to_string();
        f.write_str(&serde_json::to_string(&text).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::hostile::hostile_run;
    use crate::run::event::Event;

    fn of(events: &[Event]) -> String {
        tap(&[Transcript::of(events)])
    }

    /// How many test points there are, and how many of them fail the stream.
    fn counts(text: &str) -> (usize, usize) {
        let points =
            text.lines().filter(|line| line.starts_with("ok ") || line.starts_with("not ok "));
        let fails = |line: &&str| line.starts_with("not ok ") && !line.contains(" # TODO ");
        (points.clone().count(), points.filter(fails).count())
    }

    #[test]
    fn every_standing_is_a_point() {
        insta::assert_snapshot!(of(&fixture::every_standing()));
    }

    #[test]
    fn several_runs_are_one_stream() {
        let runs = [fixture::every_standing(), fixture::other_subject()];
        let text = tap(&runs.map(|run| Transcript::of(&run)));
        assert!(text.starts_with("TAP version 14\n1..27\n"), "{text}");
        assert_eq!(counts(&text).0, 27);
        assert!(text.contains("ok 20 - stack-a: "), "{text}");
    }

    #[test]
    fn a_run_that_was_cut_short_bails_out() {
        let mut events = fixture::run_of(&[Verdict::Pass; 5]);
        events.truncate(events.len() - 4);
        let text = of(&events);
        assert!(text.starts_with("TAP version 14\n1..5\n"), "{text}");
        assert!(text.ends_with("\nBail out! cut short: 3 of 5 cases ended\n"), "{text}");
        events.push(fixture::end(true, &["socket 7"]));
        let text = of(&events);
        assert!(text.contains("\nnot ok 4 - left behind\n") && text.contains("1..6\n"), "{text}");
    }

    #[test]
    fn it_fails_whenever_the_exit_code_does() {
        for (verdicts, expects) in [
            (&[Verdict::Pass][..], &[][..]),
            (&[Verdict::Fail], &[]),
            (&[Verdict::Fail], &[Verdict::Fail]),
            (&[Verdict::Pass], &[Verdict::Fail]),
            (&[Verdict::Pass, Verdict::Hang], &[]),
            (&[Verdict::Broken], &[]),
            (&[Verdict::Skipped], &[]),
        ] {
            let run = Transcript::of(&fixture::one_case(verdicts, expects));
            let code = run.tally().exit_code();
            let text = tap(&[run]);
            assert_eq!(counts(&text).1 == 0, code == 0, "{verdicts:?} {expects:?}: {text}");
        }
    }

    #[test]
    fn a_directive_in_a_text_is_none_for_any_reader() {
        let escaped = |text| Escaped(text).to_string();
        assert_eq!(escaped(r"a #1 \ b"), r"a \#1 \\ b");
        for text in ["a # SKIP b", "a #todo", "a #  Skipped"] {
            assert!(!escaped(text).contains('#'), "{}", escaped(text));
        }
    }

    #[test]
    fn no_text_is_a_line_or_a_directive_of_its_own() {
        let (plain, hostile) = (of(&fixture::every_standing()), tap(&[hostile_run()]));
        // One more: what was left behind.
        assert_eq!(counts(&hostile).0, counts(&plain).0 + 1);
        for line in hostile.lines() {
            assert!(!line.contains(['\u{1b}', '\u{202e}', '\u{85}', '\u{2028}', '\0']), "{line}");
            let is_ours = ["TAP version", "1..", "# sockspec", "ok ", "not ok ", "  "]
                .iter()
                .any(|start| line.starts_with(start));
            assert!(is_ours, "{line}");
            if line.starts_with("ok ") || line.starts_with("not ok ") {
                let directives = line.replace(r"\#", "").matches('#').count();
                assert!(directives <= 1, "{line}");
            }
        }
        assert_eq!(counts(&hostile).1, counts(&plain).1 + 1);
    }
}
