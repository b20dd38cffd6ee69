use std::fmt::{self, Write as _};

use super::account::Class;
use super::findings::{Findings, names};
use super::printable::{Cut, Many, Printable};
use super::transcript::Transcript;
use crate::run::Verdict;

/// How many annotations of each kind there are at most: GitHub shows ten a step, and drops the rest
/// without a word.
const MOST: usize = 9;
/// How long the message of one is, in characters.
const LONGEST: usize = 2_000;

/// Runs as annotations of a GitHub workflow (workflow commands, one a line): regressions and flaky
/// cases as errors, those that failed alike as one; broken cases, those that could not be decided, and
/// expectations that have to be looked at, as warnings.
///
/// There are nine of each at most, and the last one counts the rest. No text from elsewhere can begin a
/// command: it stands behind one on the same line, with line breaks and `%` escaped.
pub fn annotations(runs: &[Transcript]) -> String {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let names = names(runs);
    for (run, name) in runs.iter().zip(&names) {
        let findings = Findings::of(run);
        let on = if runs.len() > 1 { format!(" on {name}") } else { String::new() };
        for concern in findings.concerns() {
            let place = concern.place().map(|(file, line)| (file.to_owned(), line, 1));
            let title = format!("{}{on}", concern.title());
            let to = if concern.is_of_the_harness() { &mut errors } else { &mut warnings };
            to.push(Annotation { place, title, message: concern.to_string() });
        }
        let cases = Annotated { findings: &findings, on: &on };
        cases.failures(&mut errors, &mut warnings);
        cases.undecided(&mut warnings);
    }
    let mut text = String::new();
    for (kind, annotations) in [("error", errors), ("warning", warnings)] {
        let all = annotations.len();
        let shown = if all > MOST { MOST - 1 } else { all };
        for annotation in &annotations[..shown] {
            annotation.write(&mut text, kind);
        }
        if shown < all {
            let rest = Many((all - shown) as u64, kind);
            let message = "they stand in the report of the run, which is not cut".to_owned();
            let title = format!("and {rest} more");
            Annotation { place: None, title, message }.write(&mut text, kind);
        }
    }
    text
}

/// The cases of a run of which something is annotated.
struct Annotated<'a> {
    findings: &'a Findings<'a>,
    /// The name of the run, where there are several.
    on: &'a str,
}

impl Annotated<'_> {
    fn failures(&self, errors: &mut Vec<Annotation>, warnings: &mut Vec<Annotation>) {
        for (failure, same) in self.findings.groups() {
            let is_broken = failure.verdict == Verdict::Broken;
            let place = self.findings.path(failure).map(|path| {
                let (line, column) = failure.place().map_or((1, 1), |at| (at.line, at.column));
                (path.to_owned(), line, column)
            });
            let word = failure.verdict.word().to_uppercase();
            let title = format!("{word} {}{}", Printable(failure.case.as_str()), self.on);
            let shown = self.findings.shown(failure, &same);
            let mut message = failure.headline(self.findings.source(failure));
            if shown.times.1 > 1 {
                let (failed, runs) = shown.times;
                // Writing to a string cannot fail, here and below.
                let _ = write!(message, "\nfailed {failed} of {runs}");
            }
            if !same.is_empty() {
                let _ = write!(message, "\nand {} alike", Many(same.len() as u64, "case"));
            }
            let _ = write!(message, "\nagain: {}", shown.again());
            let to = if is_broken { &mut *warnings } else { &mut *errors };
            to.push(Annotation { place, title, message });
        }
    }

    /// What could not be decided, so that nothing is known of it.
    fn undecided(&self, warnings: &mut Vec<Annotation>) {
        for account in self.findings.accounts() {
            if account.tally.undecided() == 0 || !matches!(account.class, Class::Good) {
                continue;
            }
            let place = account.scenario.map(|scenario| (scenario.path.clone(), 1, 1));
            let title = format!("SLOW {}{}", Printable(account.case.case.as_str()), self.on);
            let message = Printable(account.reason()).to_string();
            warnings.push(Annotation { place, title, message });
        }
    }
}

/// One annotation.
struct Annotation {
    /// The file, the line and the column.
    place: Option<(String, u32, u32)>,
    title: String,
    message: String,
}

impl Annotation {
    fn write(&self, text: &mut String, kind: &str) {
        let _ = write!(text, "::{kind} ");
        if let Some((file, line, column)) = &self.place {
            let _ = write!(text, "file={},", Property(&Printable(file).to_string()));
            let _ = write!(text, "line={line},col={column},");
        }
        let message = Cut { text: &self.message, length: LONGEST }.to_string();
        let _ = writeln!(text, "title={}::{}", Property(&self.title), Data(&message));
    }
}

/// Text behind the second `::` of a command.
struct Data<'a>(&'a str);

impl fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(f, self.0, false)
    }
}

/// The value of a property of a command.
struct Property<'a>(&'a str);

impl fmt::Display for Property<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(f, self.0, true)
    }
}

/// Escapes what GitHub's runner unescapes.
fn escape(f: &mut fmt::Formatter<'_>, text: &str, is_property: bool) -> fmt::Result {
    text.chars().try_for_each(|character| match character {
        '%' => f.write_str("%25"),
        '\r' => f.write_str("%0D"),
        '\n' => f.write_str("%0A"),
        ':' if is_property => f.write_str("%3A"),
        ',' if is_property => f.write_str("%2C"),
        other => f.write_char(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::hostile::hostile_run;
    use crate::run::event::Event;

    /// The commands, each as its kind and whether it has a place.
    fn commands(text: &str) -> Vec<(&str, bool)> {
        let command = |line: &'static str| -> (&str, bool) {
            let (kind, rest) = line
                .strip_prefix("::")
                .and_then(|line| line.split_once(' '))
                .expect("each line is a command");
            (kind, rest.starts_with("file="))
        };
        text.to_owned().leak().lines().map(command).collect()
    }

    #[test]
    fn every_standing_is_annotated() {
        let run = Transcript::of(&fixture::every_standing());
        insta::assert_snapshot!(annotations(&[run]));
    }

    #[test]
    fn of_several_runs_each_is_named() {
        let runs = [fixture::every_standing(), fixture::other_subject()];
        let text = annotations(&runs.map(|run| Transcript::of(&run)));
        assert!(text.contains(" on kernel::") && text.contains(" on stack-a::"), "{text}");
    }

    #[test]
    fn of_a_good_run_nothing_is_said() {
        let run = Transcript::of(&fixture::run_of(&[Verdict::Pass, Verdict::Slow]));
        assert_eq!(annotations(&[run]), "");
    }

    #[test]
    fn what_could_not_be_decided_is_a_warning() {
        let mut events = fixture::one_case(&[Verdict::Slow], &[]);
        for event in &mut events {
            if let Event::CaseFinished(case) = event {
                case.reason = Some("not decided: the machine stalled".to_owned());
            }
        }
        let text = annotations(&[Transcript::of(&events)]);
        assert!(text.starts_with("::warning file=") && text.contains("not decided"), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn the_last_of_nine_counts_the_rest() {
        let all = |count: usize| {
            // Each fails at a place of its own.
            let mut events = fixture::run_of(&vec![Verdict::Fail; count]);
            for (event, number) in events.iter_mut().zip(1..) {
                if let Event::CaseFinished(case) = event {
                    case.reason = Some(format!("reason {number}"));
                }
            }
            annotations(&[Transcript::of(&events)])
        };
        assert_eq!(commands(&all(9)), [("error", true); 9]);
        let ten = all(10);
        assert_eq!(commands(&ten)[8], ("error", false), "{ten}");
        assert_eq!(ten.lines().count(), 9);
        assert!(ten.contains("title=and 2 errors more::"), "{ten}");
        assert!(all(300).contains("title=and 292 errors more::"));
    }

    #[test]
    fn no_text_begins_a_command_of_its_own() {
        let text = annotations(&[hostile_run()]);
        assert!(commands(&text).iter().all(|(kind, _)| ["error", "warning"].contains(kind)));
        for line in text.lines() {
            let properties = line[2..].split("::").next().expect("there is a first part");
            let names: Vec<_> = properties
                .split_once(' ')
                .expect("there are properties")
                .1
                .split(',')
                .map(|property| property.split('=').next().unwrap_or_default())
                .collect();
            assert!(["file", "title"].contains(&names[0]) && names.len() <= 4, "{names:?}");
            assert!(!line.contains(['\u{1b}', '\u{202e}', '\r']), "{line}");
            // What a runner unescapes is what was written, not what stood in a text.
            let bare = line.replace("%25", "").replace("%0A", "").replace("%3A", "");
            assert!(!bare.replace("%2C", "").contains('%'), "{line}");
        }
    }
}
