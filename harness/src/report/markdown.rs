use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::concern::Concern;
use super::distribution::Distribution;
use super::elapsed::Elapsed;
use super::failure::Failure;
use super::findings::{Findings, names};
use super::printable::{Cut, Many};
use super::prose::{Code, Prose};
use super::standing::Standing;
use super::tally::Counts;
use super::timers::Timer;
use super::transcript::Transcript;
use crate::run::Verdict;
use crate::vocabulary::CaseId;

/// How many bytes a summary has at most; GitHub takes 1 MiB a step.
const MOST: usize = 1_000_000;
/// How many runs are told of.
const RUNS: usize = 8;
/// How many rows a table or a list has, and after how many bytes it takes no further one. A run has six
/// of them, and a character has at most 18 bytes where it is escaped, so that with its heading a run has
/// less than [`BESIDE`] bytes beside its failures, and all runs have room.
const ROWS: usize = 50;
const ROOM: usize = 8_000;
const BESIDE: usize = 124_000;
/// How long a name is in characters, a sentence, and what is to be done about an expectation.
const NAME: usize = 120;
const SENTENCE: usize = 300;
const CONCERN: usize = 1_000;
/// How long a failure is that is shown in full, in characters; one has at most four bytes.
const FAILURE: usize = 16_000;

/// Runs as the Markdown of a GitHub job summary: what they came to, a table of areas, each failure with
/// the text that the terminal shows, folded, and what has to be looked at.
///
/// It has less than 1 MiB, whatever the runs hold: what does not fit is counted. Text from elsewhere
/// stands within code spans or fences that it cannot leave, or with every character escaped that
/// Markdown, HTML or GitHub would read.
pub fn markdown(runs: &[Transcript]) -> String {
    let all: Vec<Findings<'_>> = runs.iter().take(RUNS).map(Findings::of).collect();
    let names = names(runs);
    let mut text = String::new();
    if runs.len() > 1 {
        let runs: Vec<_> = all.iter().zip(&names).collect();
        subjects(&mut text, &runs);
    }
    let timers = timers(runs, &names);
    let most = MOST - timers.len();
    // Each run gets an equal part of the room, and what those before it left over.
    let parts = all.len();
    for (index, findings) in all.iter().enumerate() {
        let room = (most - text.len().min(most)) / (parts - index);
        Section { findings }.write(&mut text, room);
    }
    text += &timers;
    more(&mut text, runs.len(), RUNS, "run");
    text
}

/// What each run came to, a line for each.
fn subjects(text: &mut String, runs: &[(&Findings<'_>, &String)]) {
    *text += "| subject | passed | failed | skipped | known |\n|:--|--:|--:|--:|--:|\n";
    for (findings, name) in runs {
        let Counts { passed, failed, skipped, known } = findings.tally().counts();
        let name = Code { text: name, length: NAME };
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "| {name} | {passed} | {failed} | {skipped} | {known} |");
    }
    text.push('\n');
}

/// How precise the timers were, those of one scenario and one time below each other.
fn timers(runs: &[Transcript], names: &[String]) -> String {
    let of_run = |(run, name)| Timer::all(run).into_iter().map(move |timer| (timer, name));
    let mut timers: Vec<_> = runs.iter().take(RUNS).zip(names).flat_map(of_run).collect();
    timers.sort_by_key(|(timer, _)| (timer.scenario, timer.asked));
    let mut text = String::new();
    if timers.is_empty() {
        return text;
    }
    text += "### Timers\n\nHow much longer than asked calls took.\n\n";
    text += "| subject | scenario | asked | samples | earliest | median | 99 % | latest |\n";
    text += "|:--|:--|--:|--:|--:|--:|--:|--:|\n";
    rows(&mut text, &timers, "timer", |(timer, name)| {
        let Timer { scenario, asked, distribution } = timer;
        let Distribution { count, earliest, median, most, latest } = distribution;
        let name = Code { text: name, length: NAME };
        let scenario = Code { text: scenario.as_str(), length: NAME };
        format!(
            "| {name} | {scenario} | {asked:?} | {count} | {earliest} | {median} | {most} | {latest} |"
        )
    });
    text
}

/// What is told of one run.
struct Section<'a> {
    findings: &'a Findings<'a>,
}

impl Section<'_> {
    /// Writes at most so many bytes.
    fn write(&self, text: &mut String, room: usize) {
        let end = text.len() + room;
        self.heading(text);
        let concerns = self.findings.concerns();
        let (harness, entries): (Vec<_>, Vec<_>) =
            concerns.iter().partition(|concern| concern.is_of_the_harness());
        let row =
            |concern: &&Concern<'_>| format!("> ⚠️ **{}**\n", Prose(&concern.to_string(), CONCERN));
        rows(text, &harness, "problem", row);
        self.areas(text);
        let heading = text.len() - (end - room);
        let mut rest = String::new();
        review(&mut rest, &entries);
        self.flaky(&mut rest);
        self.known(&mut rest);
        self.not_run(&mut rest);
        debug_assert!(heading + rest.len() < BESIDE, "what is bounded leaves room");
        self.failures(text, end.saturating_sub(rest.len()));
        *text += &rest;
    }

    fn heading(&self, text: &mut String) {
        let tally = self.findings.tally();
        let glyph = match tally.exit_code() {
            0 => "✅",
            5 => "⚠️",
            _ => "❌",
        };
        let Some(run) = self.findings.run() else { return };
        let _ = writeln!(text, "## {glyph} sockspec · {}\n", Prose(&run.title(), SENTENCE));
        let _ = write!(text, "**{}**", tally.counts());
        if let Some(end) = tally.finished() {
            let _ = write!(text, " in {}", Elapsed(end.took));
        }
        let (scenarios, cases) =
            (Many(run.scenarios.into(), "scenario"), Many(run.cases.into(), "case"));
        let _ = write!(text, " · {scenarios}, {cases}");
        if run.repeat > 1 {
            let _ = write!(text, ", {} each", Many(run.repeat.into(), "time"));
        }
        if let Some(seed) = run.seed {
            let _ = write!(text, " · seed {seed}");
        }
        let suite = Code { text: &run.suite, length: NAME };
        let _ = writeln!(text, " · suite {suite} · sockspec {}\n", Prose(&run.sockspec, SENTENCE));
    }

    /// The areas, those first in which something failed.
    fn areas(&self, text: &mut String) {
        let mut areas: Vec<_> = self.findings.tally().areas().into_iter().collect();
        areas.sort_by_key(|(_, counts)| Reverse(counts.failed));
        if areas.is_empty() {
            return;
        }
        *text += "| area | passed | failed | skipped | known |\n|:--|--:|--:|--:|--:|\n";
        let row = |area: &dyn fmt::Display, counts: &Counts| {
            let Counts { passed, failed, skipped, known } = counts;
            let strong = if *failed > 0 { "**" } else { "" };
            let failed = format!("{strong}{failed}{strong}");
            format!("| {area} | {passed} | {failed} | {skipped} | {known} |")
        };
        if areas.len() > 1 {
            let _ = writeln!(text, "{}", row(&"all", &self.findings.tally().counts()));
        }
        rows(text, &areas, "area", |(area, counts)| {
            row(&Code { text: area, length: NAME }, counts)
        });
    }

    /// Each failure that nobody expected, folded, up to an end; those that do not fit are counted.
    fn failures(&self, text: &mut String, end: usize) {
        let mut groups = self.findings.groups();
        // What the subject did is more than what befell the harness.
        groups.sort_by_key(|(failure, _)| failure.verdict == Verdict::Broken);
        if groups.is_empty() {
            return;
        }
        *text += "### Failures\n\n";
        let end = end.saturating_sub(MORE);
        for (index, (failure, same)) in groups.iter().enumerate() {
            let shown = self.failure(failure, same);
            if text.len() + shown.len() > end {
                more(text, groups.len(), index, "failure");
                return;
            }
            *text += &shown;
        }
    }

    fn failure(&self, failure: &Failure, same: &[&CaseId]) -> String {
        let word = failure.verdict.word().to_uppercase();
        let case = Code { text: failure.case.as_str(), length: SENTENCE };
        let headline = failure.headline(self.findings.source(failure));
        let headline = Code { text: &headline, length: SENTENCE };
        let shown = self.findings.shown(failure, same).to_string();
        let mut text = format!("<details><summary><b>{word}</b> {case}<br>{headline}");
        if !same.is_empty() {
            let _ = write!(text, " and {} alike", Many(same.len() as u64, "case"));
        }
        let shown = Cut { text: shown.trim_end(), length: FAILURE }.to_string();
        let _ = write!(text, "</summary>\n\n{}\n</details>\n\n", Fenced(&shown));
        text
    }

    fn flaky(&self, text: &mut String) {
        let flaky: Vec<_> = self.findings.tally().standing(Standing::Flaky).collect();
        if flaky.is_empty() {
            return;
        }
        *text += "### Flaky\n\n| case | failed | of |\n|:--|--:|--:|\n";
        rows(text, &flaky, "flaky case", |(id, case)| {
            let id = Code { text: id.as_str(), length: SENTENCE };
            format!("| {id} | {} | {} |", case.failed(), case.runs())
        });
    }

    fn known(&self, text: &mut String) {
        let tally = self.findings.tally();
        let mut entries: BTreeMap<u32, (usize, &str)> = BTreeMap::new();
        for (id, _) in tally.known() {
            if let Some(entry) = tally.entry(id) {
                entries.entry(entry.line).or_insert((0, &entry.reason)).0 += 1;
            }
        }
        if entries.is_empty() {
            return;
        }
        let cases: usize = entries.values().map(|(cases, _)| cases).sum();
        let file = Code { text: self.findings.expectations(), length: NAME };
        let cases = Many(cases as u64, "case");
        let _ = write!(text, "<details><summary>{cases} known, as {file} expects</summary>\n\n");
        *text += "| line | cases | reason |\n|--:|--:|:--|\n";
        let entries: Vec<_> = entries.into_iter().collect();
        rows(text, &entries, "line", |(line, (cases, reason))| {
            format!("| {line} | {cases} | {} |", Prose(reason, SENTENCE))
        });
        *text += "</details>\n\n";
    }

    /// Why cases were not run, the most frequent reason first.
    fn not_run(&self, text: &mut String) {
        let mut reasons: BTreeMap<(Verdict, &str), usize> = BTreeMap::new();
        for (_, case) in self.findings.tally().cases() {
            let (verdict, reason) = (case.verdict(), case.reason().unwrap_or("no reason given"));
            if matches!(verdict, Verdict::Skipped | Verdict::Unsupported) {
                *reasons.entry((verdict, reason)).or_default() += 1;
            }
        }
        if reasons.is_empty() {
            return;
        }
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by_key(|(_, count)| Reverse(*count));
        let count: usize = reasons.iter().map(|(_, count)| count).sum();
        let cases = Many(count as u64, "case");
        let _ = write!(text, "<details><summary>{cases} not run</summary>\n\n");
        *text += "| cases | verdict | reason |\n|--:|:--|:--|\n";
        rows(text, &reasons, "reason", |((verdict, reason), count)| {
            format!("| {count} | {verdict} | {} |", Prose(reason, SENTENCE))
        });
        *text += "</details>\n\n";
    }
}

/// What of the expectations has to be looked at.
fn review(text: &mut String, entries: &[&Concern<'_>]) {
    if entries.is_empty() {
        return;
    }
    *text += "### Expectations to look at\n\n";
    rows(text, entries, "expectation", |concern| {
        format!("- **{}**: {}", concern.word(), Prose(&concern.to_string(), CONCERN))
    });
}

/// The longest line that [`more`] writes.
const MORE: usize = 80;

/// Writes a line for each, as long as there is room for it, then an empty one, and how many are left out.
fn rows<T>(text: &mut String, all: &[T], noun: &'static str, row: impl Fn(&T) -> String) {
    let end = text.len() + ROOM;
    let mut named = 0;
    for one in all.iter().take(ROWS) {
        if text.len() >= end {
            break;
        }
        *text += &row(one);
        text.push('\n');
        named += 1;
    }
    if named > 0 {
        text.push('\n');
    }
    more(text, all.len(), named, noun);
}

/// Says how many are left out.
fn more(text: &mut String, all: usize, named: usize, noun: &'static str) {
    if let Some(left @ 1..) = all.checked_sub(named) {
        let _ = write!(text, "and {} more\n\n", Many(left as u64, noun));
    }
}

/// Text of several lines in a fence longer than any row of backticks in it.
struct Fenced<'a>(&'a str);

impl fmt::Display for Fenced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.0.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        writeln!(f, "{fence}text\n{}\n{fence}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::hostile::{HOSTILE, hostile_run};
    use crate::run::event::Event;
    use crate::run::{Entry, Known};
    use crate::vocabulary::ScenarioId;

    fn of(events: &[Event]) -> String {
        markdown(&[Transcript::of(events)])
    }

    #[test]
    fn every_standing_is_told() {
        insta::assert_snapshot!(of(&fixture::every_standing()));
    }

    #[test]
    fn several_runs_are_one_summary() {
        let runs = [fixture::every_standing(), fixture::other_subject()];
        insta::assert_snapshot!(markdown(&runs.map(|run| Transcript::of(&run))));
    }

    #[test]
    fn a_good_run_is_short() {
        insta::assert_snapshot!(of(&fixture::run_of(&[Verdict::Pass; 3])), @r"
        ## ✅ sockspec · kernel Linux 6.18

        **3 passed, 0 failed, 0 skipped** in 4.02 s · 1 scenario, 3 cases · suite <code>scenarios/</code> · sockspec 0.1.0

        | area | passed | failed | skipped | known |
        |:--|--:|--:|--:|--:|
        | <code>halfclose</code> | 3 | 0 | 0 | 0 |
        ");
    }

    #[test]
    fn how_precise_timers_were_is_a_table_over_all_runs() {
        let runs = [fixture::sampled_run(), fixture::sampled_run(), fixture::run()];
        let text = markdown(&runs.map(|run| Transcript::of(&run)));
        let (_, timers) = text.split_once("### Timers\n").expect("there is the table");
        insta::assert_snapshot!(timers);
        assert!(!of(&fixture::run()).contains("Timers"));
    }

    #[test]
    fn a_run_that_was_cut_short_is_marked() {
        let events = fixture::run_of(&[Verdict::Pass; 3]);
        let text = of(&events[..events.len() - 2]);
        assert!(text.contains("> ⚠️ **cut short&#58; 2 of 3 cases ended**"), "{text}");
        assert!(text.starts_with("## ❌ "), "{text}");
    }

    /// A run of so many failures with long texts of one character, each for a reason of its own.
    fn failing(count: usize, character: char) -> Transcript {
        let long: String = std::iter::repeat_n(character, 20_000).collect();
        let mut events = fixture::run_of(&vec![Verdict::Fail; count]);
        for (event, number) in events.iter_mut().zip(1..) {
            match event {
                Event::RunStarted(run) => {
                    (run.subject, run.suite) = (long.clone(), long.clone());
                    run.sockspec.clone_from(&long);
                    let entry = |line| Entry {
                        line,
                        last_line: None,
                        cases: Vec::new(),
                        patterns: Vec::new(),
                        verdicts: vec![Verdict::Fail],
                        ending: None,
                        reason: long.clone(),
                        source: String::new(),
                        until: "2001-01-01".parse().ok(),
                        until_line: None,
                    };
                    let entries = (1..=100).map(entry).collect();
                    run.known = Some(Known { file: long.clone(), entries });
                }
                Event::RunFinished(end) => end.leaks = vec![long.clone(); 100],
                Event::CaseFinished(case) => {
                    let is_some = number < 90;
                    let text = if is_some { long.as_str() } else { "" };
                    case.reason = Some(format!("{number}{text}"));
                    if is_some {
                        case.scenario = ScenarioId::new(format!("{number}{long}"));
                    }
                }
                _ => {}
            }
        }
        Transcript::of(&events)
    }

    #[test]
    fn it_has_less_than_a_mebibyte_whatever_the_run_holds() {
        let most = 1 << 20;
        for character in ['@', '`'] {
            let text = markdown(&[failing(100, character)]);
            assert!((900_000..most).contains(&text.len()), "{character:?}: {}", text.len());
            assert!(text.contains(" failures more"), "{character:?}");
        }
        let many = markdown(&[failing(50_000, '@')]);
        assert!(many.len() < most && many.contains(" failures more"));
        let runs: Vec<_> = std::iter::repeat_n(failing(4, '@'), 12).collect();
        let text = markdown(&runs);
        assert!(text.len() < most && text.ends_with("and 4 runs more\n\n"), "{}", text.len());
    }

    #[test]
    fn a_fence_is_longer_than_any_in_the_text() {
        let fenced = Fenced("a ``` b\n`````\nc").to_string();
        assert_eq!(fenced, "``````text\na ``` b\n`````\nc\n``````\n");
        assert!(Fenced("plain").to_string().starts_with("```text\n"));
    }

    /// The text outside of fences, of which every character counts.
    fn outside_fences(text: &str) -> String {
        let mut fence: Option<String> = None;
        let mut outside = String::new();
        for line in text.lines() {
            let ticks: String = line.chars().take_while(|c| *c == '`').collect();
            match &fence {
                Some(open) if *open == line => fence = None,
                Some(_) => {}
                None if ticks.len() >= 3 => fence = Some(ticks),
                None => outside = outside + line + "\n",
            }
        }
        assert_eq!(fence, None, "every fence ends");
        outside
    }

    #[test]
    fn text_stays_text() {
        let text = outside_fences(&markdown(&[hostile_run()]));
        let own =
            ["<b>", "<br>", "<code>", "<details>", "<details><summary>", "<span>", "<summary>"];
        for (at, _) in text.match_indices('<') {
            let tag = &text[at..=at + text[at..].find('>').expect("a tag ends")];
            let tag = tag.replace("</", "<");
            assert!(own.contains(&tag.as_str()), "{tag}");
        }
        for wrong in ["://", "@", "[a]", "`", "www.", "\u{202e}", "\u{1b}", "~~x", "$x", "| a |"] {
            assert!(!text.contains(wrong), "{wrong} in {text}");
        }
        for (open, close) in [("<details>", "</details>"), ("<code>", "</code>")] {
            assert_eq!(text.matches(open).count(), text.matches(close).count());
        }
        assert!(!text.contains(HOSTILE));
    }
}
