use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::departures::{Area, Cell, Departures, Reason, Row, Subject, Total};
use super::printable::Many;
use super::prose::{Code, Prose};
use super::transcript::Transcript;

/// How many runs are told of, and of an area how many scenarios and how many reasons.
const RUNS: usize = 64;
const ROWS: usize = 400;
const REASONS: usize = 400;
/// After how many bytes no further area is told.
const MOST: usize = 1_000_000;
/// How long a name is in characters, and a sentence.
const NAME: usize = 60;
const SENTENCE: usize = 300;
/// How many reasons a cell refers to.
const NOTES: usize = 6;

const LEGEND: &str = "\
# Where subjects depart

What each subject came to, and where it departs from what the scenarios say. `sockspec run --all-subjects \
--matrix FILE` writes this page, and so does `sockspec report` from recordings. It has no times, so that it stays the \
same as long as the subjects behave the same.
";

const CELLS: &str = "\
| in a cell | means |
|:--|:--|
| `2/6` | of 6 cases that were run 2 depart, as it is known; the number behind it is the reason, below the table |
| **`2/6`** | not all of these are known: a regression, or what has not been reviewed yet |
| · | all that were run are as the scenario says |
| – | none was run: unsupported or skipped |

Only scenarios in which a subject departs have a row, and only subjects that depart in the area a column; \
those that do the same everywhere in it share one.
";

/// Runs as a page of Markdown: what each came to, and by area in which scenarios which of them depart, with
/// the reason that is known of it.
///
/// The same behaviour gives the same page. Text from elsewhere stands in code spans that it cannot leave,
/// or with every character escaped that Markdown, HTML or GitHub would read, and is cut.
pub fn matrix(runs: &[Transcript]) -> String {
    let shown = &runs[..runs.len().min(RUNS)];
    let departures = Departures::of(shown);
    let mut text = LEGEND.to_owned();
    totals(&mut text, &departures.subjects);
    // Writing to a string cannot fail, here and below.
    if runs.len() > shown.len() {
        let _ = writeln!(text, "\nand {} more", Many((runs.len() - shown.len()) as u64, "subject"));
    }
    if departures.areas.is_empty() {
        text.push_str("\nNo subject departs anywhere.\n");
        return text;
    }
    by_area(&mut text, &departures.subjects);
    text.push('\n');
    text.push_str(CELLS);
    for (told, area) in departures.areas.iter().enumerate() {
        if text.len() > MOST {
            let left = (departures.areas.len() - told) as u64;
            let _ = writeln!(text, "\nand {} more", Many(left, "area"));
            break;
        }
        Section { area, subjects: &departures.subjects }.write(&mut text);
    }
    text
}

/// What each subject came to.
fn totals(text: &mut String, subjects: &[Subject<'_>]) {
    text.push_str(
        "\n| subject | version | run | as expected | known | regressions | broken | unsupported | \
         skipped |\n|:--|:--|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for subject in subjects {
        let Total { good, known, regressions, broken, unsupported, skipped } = subject.total;
        let incomplete = if subject.is_incomplete { " (incomplete)" } else { "" };
        let _ = writeln!(
            text,
            "| {}{incomplete} | {} | {} | {good} | {known} | {} | {} | {unsupported} | {skipped} |",
            name(subject),
            Prose(subject.version, NAME),
            subject.total.run(),
            strong(regressions),
            strong(broken),
        );
    }
}

/// How many cases of each subject depart in each area.
fn by_area(text: &mut String, subjects: &[Subject<'_>]) {
    let areas: BTreeSet<&str> =
        subjects.iter().flat_map(|subject| subject.areas.keys().copied()).collect();
    text.push_str(
        "\n## By area\n\nHow many cases depart, of how many that were run.\n\n| subject |",
    );
    for area in &areas {
        let _ = write!(text, " {} |", Prose(area, NAME));
    }
    let _ = writeln!(text, "\n|:--|{}", "--:|".repeat(areas.len()));
    for subject in subjects {
        let _ = write!(text, "| {} |", name(subject));
        for area in &areas {
            let total = subject.areas.get(area).copied().unwrap_or_default();
            let _ = match (total.run(), total.departing()) {
                (0, _) => write!(text, " – |"),
                (_, 0) => write!(text, " · |"),
                (run, departing) if total.known < departing => {
                    write!(text, " **{departing}/{run}** |")
                }
                (run, departing) => write!(text, " {departing}/{run} |"),
            };
        }
        text.push('\n');
    }
}

/// What is told of an area.
struct Section<'a> {
    area: &'a Area<'a>,
    subjects: &'a [Subject<'a>],
}

impl Section<'_> {
    fn write(&self, text: &mut String) {
        let columns = self.area.columns();
        let _ = write!(text, "\n## {}\n\n| scenario |", Prose(self.area.name, NAME));
        for column in &columns {
            let names: Vec<_> = column.iter().map(|run| name(&self.subjects[*run])).collect();
            let _ = write!(text, " {} |", names.join("<br>"));
        }
        let _ = writeln!(text, "\n|:--|{}", ":--|".repeat(columns.len()));
        for row in self.area.rows.iter().take(ROWS) {
            self.row(text, row, &columns);
        }
        more(text, self.area.rows.len(), ROWS, "scenario");
        text.push('\n');
        for (position, reason) in self.area.reasons.iter().take(REASONS).enumerate() {
            let _ = writeln!(text, "{}. {}", position + 1, sentence(reason));
        }
        more(text, self.area.reasons.len(), REASONS, "reason");
    }

    fn row(&self, text: &mut String, row: &Row<'_>, columns: &[Vec<usize>]) {
        let id = row.id.as_str();
        let own = id.strip_prefix(self.area.name).and_then(|rest| rest.strip_prefix('/'));
        let _ = write!(
            text,
            "| {}: {} |",
            Code { text: own.unwrap_or(id), length: NAME },
            Prose(row.title, SENTENCE)
        );
        for column in columns {
            let _ = write!(text, " {} |", cell(&row.cells[column[0]]));
        }
        text.push('\n');
    }
}

fn cell(cell: &Cell) -> String {
    let Cell { run, departing, is_unexpected, ref reasons } = *cell;
    match (run, departing) {
        (0, _) => return "–".to_owned(),
        (_, 0) => return "·".to_owned(),
        _ => {}
    }
    let mut notes: Vec<_> = reasons.iter().map(|reason| reason + 1).collect();
    notes.sort_unstable();
    let more = if notes.len() > NOTES { " …" } else { "" };
    let notes: Vec<_> = notes.iter().take(NOTES).map(usize::to_string).collect();
    let mark = if is_unexpected { "**" } else { "" };
    format!("{mark}{departing}/{run}{mark} <sup>{}{more}</sup>", notes.join(" "))
}

fn sentence(reason: &Reason<'_>) -> String {
    match reason {
        Reason::Known { reason, source } => {
            format!("{} *{}*", Prose(reason, SENTENCE), Prose(source, SENTENCE))
        }
        Reason::Unknown(came) => {
            format!("**not known**: {}", Code { text: came, length: SENTENCE })
        }
        Reason::Broken => "**broken**: the harness or the environment failed".to_owned(),
    }
}

fn name(subject: &Subject<'_>) -> String {
    Prose(&subject.label, NAME).to_string()
}

fn strong(number: usize) -> String {
    if number > 0 { format!("**{number}**") } else { number.to_string() }
}

/// Says how many are left out.
fn more(text: &mut String, all: usize, named: usize, noun: &'static str) {
    if let Some(left @ 1..) = all.checked_sub(named) {
        let _ = writeln!(text, "\nand {} more", Many(left as u64, noun));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::hostile::hostile_run;
    use crate::run::Verdict;
    use crate::run::event::Event;
    use crate::vocabulary::Peer;

    fn with_peer(mut events: Vec<Event>) -> Vec<Event> {
        if let Some(Event::RunStarted(run)) = events.first_mut() {
            run.peer = Some(Peer::Kernel);
        }
        events
    }

    fn of(runs: &[Vec<Event>]) -> String {
        matrix(&runs.iter().map(Transcript::of).collect::<Vec<_>>())
    }

    #[test]
    fn it_says_where_each_subject_departs_and_why() {
        let runs = [
            fixture::every_standing(),
            fixture::other_subject(),
            with_peer(fixture::other_subject()),
            fixture::run_of(&[Verdict::Pass; 3]),
        ];
        insta::assert_snapshot!(of(&runs));
    }

    #[test]
    fn what_changes_from_run_to_run_changes_nothing() {
        let mut events = fixture::every_standing();
        let before = of(&[events.clone()]);
        for event in &mut events {
            match event {
                Event::RunStarted(run) => run.at += 3_600,
                Event::CaseFinished(case) => {
                    case.took *= 3;
                    if case.verdict == Verdict::Pass {
                        case.verdict = Verdict::Slow;
                    }
                }
                Event::RunFinished(end) => end.took *= 2,
                _ => {}
            }
        }
        assert_eq!(of(&[events]), before);
    }

    #[test]
    fn a_good_run_has_no_departures() {
        let text = of(&[fixture::run_of(&[Verdict::Pass; 3])]);
        assert!(text.ends_with("\n\nNo subject departs anywhere.\n"), "{text}");
    }

    #[test]
    fn a_run_that_was_cut_short_is_marked() {
        let events = fixture::run_of(&[Verdict::Pass; 3]);
        let text = of(&[events[..events.len() - 2].to_vec()]);
        assert!(text.contains("| kernel (incomplete) | Linux 6.18 | 2 | 2 |"), "{text}");
    }

    #[test]
    fn nothing_of_a_subject_is_read_as_markdown() {
        let text = matrix(&[hostile_run()]);
        assert!(text.lines().all(|line| !line.starts_with("# Heading")), "{text}");
        for hostile in ["<script", "<!--", "](https", "@team", "```", "\u{1b}", "**bold**"] {
            assert!(!text.contains(hostile), "{hostile:?} in {text}");
        }
        let rows = |text: &str| text.lines().filter(|line| line.starts_with('|')).count();
        assert_eq!(rows(&text), rows(&of(&[fixture::every_standing()])), "no row is broken");
    }

    #[test]
    fn it_is_bounded() {
        let runs = vec![Transcript::of(&fixture::other_subject()); RUNS + 2];
        let text = matrix(&runs);
        assert!(text.contains("\nand 2 subjects more\n"), "{text}");
    }
}
