use std::fmt;

use super::matrix::{products, variant};
use super::printable::{Many, Printable};
use super::standing::Standing;
use super::tally::Tally;
use crate::run::{Entry, EntryPattern};
use crate::vocabulary::{CaseId, Date, ScenarioId};

/// What is to be done in the expectations file about one entry of which cases are mended, with the
/// lines at which it is to be done.
#[derive(Debug)]
pub(crate) struct Mended<'a> {
    pub(crate) entry: &'a Entry,
    /// The cases that are mended.
    pub(crate) cases: Vec<&'a CaseId>,
    pub(crate) remedies: Vec<Remedy<'a>>,
}

/// One thing that is to be done. `Display` says it with its place, `FILE` in front of it left out.
#[derive(Debug)]
pub(crate) enum Remedy<'a> {
    /// All that the entry speaks of is mended.
    RemoveEntry {
        /// The line at which it begins, and at which it ends.
        lines: (u32, u32),
        /// Whether it may speak of cases that were not run, too.
        is_partial: bool,
    },
    /// All that a pattern stands for is mended.
    RemovePattern {
        pattern: &'a EntryPattern,
        /// Whether it may stand for cases that were not run, too.
        is_partial: bool,
    },
    /// Some of what a pattern stands for is mended.
    Narrow {
        pattern: &'a EntryPattern,
        /// What was not good, or not run for a reason of the machine.
        still: Vec<&'a CaseId>,
    },
    /// The recording does not tell the patterns.
    Look {
        /// The line at which the entry begins.
        line: u32,
    },
}

/// The entries of which cases are mended, in the order of their file.
pub(crate) fn mended(tally: &Tally) -> Vec<Mended<'_>> {
    let entries = tally.started().map_or(&[][..], |run| run.entries());
    entries.iter().filter_map(|entry| of_entry(entry, tally)).collect()
}

fn of_entry<'a>(entry: &'a Entry, tally: &'a Tally) -> Option<Mended<'a>> {
    let is_mended =
        |id: &CaseId| tally.case(id).is_some_and(|case| case.standing() == Some(Standing::Mended));
    let cases: Vec<&CaseId> = entry.cases.iter().filter(|id| is_mended(id)).collect();
    if cases.is_empty() {
        return None;
    }
    let of = |pattern: &'a EntryPattern| {
        let cases = pattern.cases.iter();
        cases.filter_map(|position| entry.cases.get(usize::try_from(*position).ok()?))
    };
    let is_partial =
        |pattern: &EntryPattern| pattern.of.is_none_or(|all| all as usize > pattern.cases.len());
    let remedies = if entry.patterns.is_empty() {
        vec![Remedy::Look { line: entry.line }]
    } else if cases.len() == entry.cases.len()
        && entry.patterns.iter().all(|pattern| !pattern.cases.is_empty())
    {
        let lines = (entry.line, entry.last_line.unwrap_or(entry.line));
        vec![Remedy::RemoveEntry { lines, is_partial: entry.patterns.iter().any(is_partial) }]
    } else {
        let concerned = entry.patterns.iter().filter(|pattern| of(pattern).any(is_mended));
        concerned
            .map(|pattern| {
                let still: Vec<_> = of(pattern).filter(|id| !is_mended(id)).collect();
                if still.is_empty() {
                    Remedy::RemovePattern { pattern, is_partial: is_partial(pattern) }
                } else {
                    Remedy::Narrow { pattern, still }
                }
            })
            .collect()
    };
    Some(Mended { entry, cases, remedies })
}

impl Remedy<'_> {
    /// The line of the file.
    pub(crate) const fn line(&self) -> u32 {
        match self {
            Self::RemoveEntry { lines, .. } => lines.0,
            Self::RemovePattern { pattern, .. } | Self::Narrow { pattern, .. } => pattern.line,
            Self::Look { line } => *line,
        }
    }
}

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unless = |is_partial: bool| {
            if is_partial { ", unless it holds of what was not run" } else { "" }
        };
        write!(f, "{}: ", self.line())?;
        match self {
            Self::RemoveEntry { lines: (first, last), is_partial } => {
                let unless = unless(*is_partial);
                if last > first {
                    write!(f, "remove the entry, lines {first} to {last}{unless}")
                } else {
                    write!(f, "remove the entry{unless}")
                }
            }
            Self::RemovePattern { pattern, is_partial } => {
                write!(f, "remove \"{}\"{}", Printable(&pattern.text), unless(*is_partial))
            }
            Self::Narrow { pattern, still } => {
                let text = Printable(&pattern.text);
                write!(f, "narrow \"{text}\" to what is left: {}", Still(still))
            }
            Self::Look { .. } => f.write_str("remove the entry, or narrow it to what still holds"),
        }
    }
}

/// An entry that is past its date, with what is to be done about it. `Display` says it with its place,
/// `FILE` in front of it left out.
#[derive(Debug)]
pub(crate) struct Past {
    /// The line at which it begins, and where that is known the one at which it ends.
    pub(crate) lines: (u32, Option<u32>),
    /// The date.
    pub(crate) until: Date,
    /// The line of that, where it is known.
    pub(crate) at: Option<u32>,
}

impl Past {
    /// What is to be done about an entry that has a date.
    pub(crate) fn of(entry: &Entry) -> Option<Self> {
        let lines = (entry.line, entry.last_line);
        Some(Self { lines, until: entry.until?, at: entry.until_line })
    }
}

impl fmt::Display for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lines: (first, last), until, at } = self;
        write!(f, "{first} is past its date {until}; see whether it still holds, then ")?;
        match (last, at) {
            (Some(last), Some(at)) => {
                write!(f, "set a later date in line {at} or remove lines {first} to {last}")
            }
            _ => f.write_str("set a later date or remove it"),
        }
    }
}

/// Cases in short.
struct Still<'a>(&'a [&'a CaseId]);

/// How many products of cases are named.
const NAMED: usize = 3;

impl fmt::Display for Still<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scenario =
            |case: &CaseId| ScenarioId::new(case.as_str().split('[').next().unwrap_or_default());
        let mut texts = Vec::new();
        for cases in self.0.chunk_by(|one, other| scenario(one) == scenario(other)) {
            let Some(id) = cases.first().map(|case| scenario(case)) else { continue };
            let variants: Vec<_> = cases.iter().map(|case| variant(case, &id)).collect();
            let products = products(&variants).into_iter();
            texts
                .extend(products.map(|product| Printable(&format!("{id}[{product}]")).to_string()));
        }
        if texts.len() > NAMED {
            return write!(f, "{}", Many(self.0.len() as u64, "case"));
        }
        f.write_str(&texts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::run::Verdict;
    use crate::run::event::Event;

    /// What is to be done about the only entry, of which the pattern stands for so many cases of the
    /// suite.
    fn told(verdicts: &[Verdict], change: impl Fn(&mut Entry)) -> Vec<String> {
        let mut events = fixture::one_case(verdicts, &[Verdict::Fail]);
        let Some(Event::RunStarted(run)) = events.first_mut() else { panic!("a run starts") };
        run.known.iter_mut().flat_map(|known| &mut known.entries).for_each(change);
        let mut tally = Tally::default();
        for event in &events {
            tally.event(event);
        }
        mended(&tally).iter().flat_map(|one| &one.remedies).map(ToString::to_string).collect()
    }

    const GOOD: [Verdict; 1] = [Verdict::Pass];

    #[test]
    fn an_entry_goes_where_nothing_of_it_is_left() {
        assert_eq!(told(&GOOD, |_| {}), ["2: remove the entry, lines 2 to 7"]);
        assert_eq!(told(&[Verdict::Fail], |_| {}), [""; 0]);
    }

    #[test]
    fn what_was_not_run_may_still_hold() {
        let unless = ["2: remove the entry, lines 2 to 7, unless it holds of what was not run"];
        assert_eq!(told(&GOOD, |entry| entry.patterns[0].of = Some(2)), unless);
        assert_eq!(told(&GOOD, |entry| entry.patterns[0].of = None), unless);
    }

    #[test]
    fn a_pattern_goes_where_another_one_is_left() {
        let another = |entry: &mut Entry| {
            let mut other = entry.patterns[0].clone();
            (other.text, other.cases) = ("other[tcp4]".to_owned(), Vec::new());
            entry.patterns.push(other);
        };
        let removed = ["3: remove \"halfclose/reverse-direction-stays-usable\""];
        assert_eq!(told(&GOOD, another), removed);
    }

    #[test]
    fn a_pattern_is_narrowed_where_some_of_its_cases_are_left() {
        let others = |count: u32| {
            move |entry: &mut Entry| {
                for number in 1..=count {
                    entry.cases.push(CaseId::new(
                        &ScenarioId::new(format!("area/x{}", number / 2)),
                        &["tcp4".to_owned(), format!("cut={number}")],
                    ));
                    entry.patterns[0].cases.push(number);
                }
            }
        };
        let narrow = "3: narrow \"halfclose/reverse-direction-stays-usable\" to what is left: ";
        let left = "area/x0[tcp4,cut=1], area/x1[tcp4,cut={2,3}]";
        assert_eq!(told(&GOOD, others(3)), [format!("{narrow}{left}")]);
        assert_eq!(told(&GOOD, others(9)), [format!("{narrow}9 cases")]);
    }

    #[test]
    fn a_recording_that_does_not_tell_patterns_is_shown_all_the_same() {
        let told = told(&GOOD, |entry| entry.patterns.clear());
        assert_eq!(told, ["2: remove the entry, or narrow it to what still holds"]);
    }
}
