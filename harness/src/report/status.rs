use std::cmp::Ordering;
use std::fmt;

use anstyle::Style;

use super::elapsed::{Elapsed, Thousands};
use super::failure::Failure;
use super::natural::natural;
use super::palette::{Painted, Palette};
use super::printable::Printable;
use super::standing::Standing;
use super::tally::{CaseTally, Tally};
use crate::run::Verdict;
use crate::run::event::CaseFinished;
use crate::vocabulary::CaseId;

/// What is said of each case, in a line of its own. Each level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusLevel {
    /// Nothing.
    #[default]
    None,
    /// What failed otherwise than was known, or was broken.
    Fail,
    /// What was good once and bad another time.
    Flaky,
    /// What was slow.
    Slow,
    /// What the expectations speak of: known and mended.
    Known,
    /// What was not run: skipped and unsupported.
    Skip,
    /// What passed.
    Pass,
    /// Everything; while the run goes on, that a case begins too.
    All,
}

impl StatusLevel {
    /// Every level.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Fail,
        Self::Flaky,
        Self::Slow,
        Self::Known,
        Self::Skip,
        Self::Pass,
        Self::All,
    ];

    /// The level that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word() == word)
    }

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Fail => "fail",
            Self::Flaky => "flaky",
            Self::Slow => "slow",
            Self::Known => "known",
            Self::Skip => "skip",
            Self::Pass => "pass",
            Self::All => "all",
        }
    }

    /// The level from which on it is told that a case came to this and stands so.
    fn of(verdict: Verdict, standing: Option<Standing>, is_surprise: bool) -> Self {
        match (verdict, standing) {
            (Verdict::Broken, _) => Self::Fail,
            (verdict, _) if verdict.is_bad() && is_surprise => Self::Fail,
            (Verdict::Skipped | Verdict::Unsupported, _) => Self::Skip,
            (_, Some(Standing::Flaky)) => Self::Flaky,
            (_, Some(Standing::Known | Standing::Mended)) => Self::Known,
            (Verdict::Slow, _) => Self::Slow,
            (_, Some(Standing::Regression)) => Self::Fail,
            (_, Some(Standing::Expected) | None) => Self::Pass,
        }
    }
}

/// The line that says what became of a case: `PASS [  0.3 ms] id`, and why.
pub(crate) struct StatusLine<'a> {
    level: StatusLevel,
    word: String,
    time: Option<Elapsed>,
    case: &'a CaseId,
    iteration: Option<String>,
    why: Option<String>,
    palette: Palette,
}

impl<'a> StatusLine<'a> {
    /// The line of a case that begins.
    pub(crate) fn begun(tally: &Tally, case: &'a CaseId, iteration: u32, palette: Palette) -> Self {
        Self {
            level: StatusLevel::All,
            word: "START".to_owned(),
            time: None,
            case,
            iteration: repeat(tally, iteration),
            why: None,
            palette,
        }
    }

    /// The line of a case, or of one repetition of it, that has ended and is part of the tally.
    pub(crate) fn ended(tally: &Tally, finished: &'a CaseFinished, palette: Palette) -> Self {
        let verdict = finished.verdict;
        let expects = tally.entry(&finished.case).is_some_and(|entry| entry.bears_out(finished));
        let standing = tally.case(&finished.case).and_then(CaseTally::standing);
        let why = if verdict.is_bad() || verdict == Verdict::Broken {
            Failure::of(finished).in_short()
        } else {
            finished.reason.clone()
        };
        let mut line = Self::of(tally, &finished.case, verdict, standing, !expects, palette);
        line.time = has_time(verdict).then_some(Elapsed(finished.took));
        line.iteration = repeat(tally, finished.iteration);
        line.why = line.why.or(why);
        line
    }

    /// The line of a case with all its repetitions; `failure` is the one that is shown in full.
    pub(crate) fn whole(
        tally: &Tally,
        (id, case): (&'a CaseId, &CaseTally),
        failure: Option<&Failure>,
        palette: Palette,
    ) -> Self {
        let (verdict, standing) = (case.verdict(), case.standing());
        let is_surprise = standing == Some(Standing::Regression);
        let mut line = Self::of(tally, id, verdict, standing, is_surprise, palette);
        line.time = has_time(verdict).then_some(Elapsed(case.longest()));
        if case.runs() > 1 && line.level <= StatusLevel::Flaky {
            let (failed, runs) = (case.failed(), case.runs());
            line.iteration =
                Some(format!("failed {} of {}", Thousands(failed.into()), Thousands(runs.into())));
        }
        let reason = || case.reason().map(str::to_owned);
        line.why = line.why.or_else(|| failure.map_or_else(reason, Failure::in_short));
        line
    }

    fn of(
        tally: &Tally,
        case: &'a CaseId,
        verdict: Verdict,
        standing: Option<Standing>,
        is_surprise: bool,
        palette: Palette,
    ) -> Self {
        let level = StatusLevel::of(verdict, standing, is_surprise);
        let word = match (level, standing) {
            (StatusLevel::Flaky | StatusLevel::Known, Some(standing)) => standing.word(),
            _ => verdict.word(),
        };
        let said = || {
            let file = &tally.started()?.known.as_ref()?.file;
            let entry = tally.entry(case)?;
            Some(if entry.expects(verdict) {
                format!("{verdict}, as {file}:{} expects", entry.line)
            } else {
                format!("{verdict}, but {file}:{} expects {}", entry.line, entry.words())
            })
        };
        let why = (level == StatusLevel::Known).then(said).flatten();
        let word = word.to_uppercase();
        Self { level, word, time: None, case, iteration: None, why, palette }
    }

    /// From which level on it is shown.
    pub(crate) const fn level(&self) -> StatusLevel {
        self.level
    }

    /// Sorts what matters least first, and what matters alike by case.
    pub(crate) fn by_weight(one: &Self, other: &Self) -> Ordering {
        let by_case = || natural(one.case.as_str(), other.case.as_str());
        other.level.cmp(&one.level).then_with(by_case)
    }

    fn style(&self) -> Style {
        match self.level {
            StatusLevel::Fail => self.palette.bad,
            StatusLevel::Pass => self.palette.good,
            StatusLevel::Flaky | StatusLevel::Slow | StatusLevel::Known => self.palette.odd,
            StatusLevel::None | StatusLevel::Skip | StatusLevel::All => self.palette.faint,
        }
    }
}

impl fmt::Display for StatusLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.map_or_else(String::new, |time| time.to_string());
        let word = Painted(self.style(), format!("{:>WORD$}", self.word));
        write!(f, "{word} [{time:>TIME$}] {}", Printable(self.case.as_str()))?;
        if let Some(iteration) = &self.iteration {
            write!(f, " {}", Painted(self.palette.faint, format!("({iteration})")))?;
        }
        if let Some(why) = &self.why {
            write!(f, "  {}", Printable(why))?;
        }
        Ok(())
    }
}

/// The longest word, that of the verdict `unsupported`.
const WORD: usize = 11;
/// The longest time below a minute, and one that is seldom longer.
const TIME: usize = 8;

/// Which repetition it is, where there are several.
fn repeat(tally: &Tally, iteration: u32) -> Option<String> {
    let repeat = tally.started().map_or(1, |run| run.repeat);
    (repeat > 1).then(|| format!("run {iteration} of {repeat}"))
}

/// Whether a case that came to this has run.
const fn has_time(verdict: Verdict) -> bool {
    !matches!(verdict, Verdict::Skipped | Verdict::Unsupported)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::report::fixture;
    use crate::report::{Progress, Reporter as _, Terminal};

    /// The lines of a run at these levels, each behind the other, without the rest of the report.
    fn shown(status: StatusLevel, last: StatusLevel) -> String {
        let mut text = Vec::new();
        let mut terminal =
            Terminal::new(&mut text, Palette::plain(), Progress::Nothing).with_status(status, last);
        for event in &fixture::every_standing() {
            terminal.event(event).expect("memory can be written to");
        }
        terminal.close().expect("memory can be written to");
        drop(terminal);
        let text = String::from_utf8(text).expect("it is text");
        let is_status = |line: &&str| line.chars().nth(WORD + 1) == Some('[');
        text.lines().filter(is_status).flat_map(|line| [line, "\n"]).collect()
    }

    #[test]
    fn everything_that_is_said_while_it_runs() {
        insta::assert_snapshot!(shown(StatusLevel::Pass, StatusLevel::None));
    }

    #[test]
    fn everything_that_is_said_at_the_end() {
        insta::assert_snapshot!(shown(StatusLevel::None, StatusLevel::Pass));
    }

    #[rstest]
    #[case::while_it_runs(|level| shown(level, StatusLevel::None))]
    #[case::at_the_end(|level| shown(StatusLevel::None, level))]
    fn each_level_says_more_than_the_one_before(#[case] shown: fn(StatusLevel) -> String) {
        assert_eq!(shown(StatusLevel::None), "");
        for levels in StatusLevel::ALL.windows(2) {
            let (less, more) = (shown(levels[0]), shown(levels[1]));
            assert!(less.lines().all(|line| more.contains(line)), "{levels:?}");
        }
        let most = shown(StatusLevel::All);
        let begun = most.lines().filter(|line| line.trim_start().starts_with("START ")).count();
        assert_eq!(most.lines().count() - begun, shown(StatusLevel::Pass).lines().count());
    }

    #[test]
    fn a_word_names_its_level_and_no_other() {
        for level in StatusLevel::ALL {
            assert_eq!(StatusLevel::from_word(level.word()), Some(level));
        }
        assert_eq!(StatusLevel::from_word("loud"), None);
    }
}
