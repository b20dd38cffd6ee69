use std::collections::BTreeMap;
use std::fmt;

use super::elapsed::Thousands;
use super::matrix::{products, variant};
use super::printable::{Many, Printable};
use super::remedy::{Mended, Past, Remedy, mended};
use super::summary::announced;
use super::tally::{CaseTally, Tally};
use crate::run::Shard;
use crate::vocabulary::{CaseId, ScenarioId};

/// What is wrong with a run beside the cases that failed: each is why it does not exit with 0.
#[derive(Debug)]
pub(crate) enum Concern<'a> {
    /// Cases were good that an entry of the expectations says to be bad.
    Mended {
        /// The file of the expectations.
        file: &'a str,
        /// The entry and what is to be done about it.
        mended: Mended<'a>,
        /// The cases, as the products of variants that they make up.
        cases: Vec<String>,
    },
    /// An entry of the expectations is past its date.
    Stale {
        /// The file of the expectations.
        file: &'a str,
        /// What is to be done about it.
        past: Past,
    },
    /// Not everything was run.
    Incomplete {
        /// How many cases ended, repetitions included.
        ended: u64,
        /// How many were to.
        announced: u64,
        /// The parts of the suite that are not in the recording.
        missing: &'a [Shard],
    },
    /// No case was selected.
    Nothing,
    /// The process held something that it did not hold before.
    LeftBehind(&'a str),
}

impl<'a> Concern<'a> {
    /// Those of a run: what concerns the harness first, then entries in the order of their file.
    pub(crate) fn of(tally: &'a Tally) -> Vec<Self> {
        let run = tally.started();
        let mut concerns = Vec::new();
        let announced = run.map_or(0, announced);
        if tally.is_incomplete() {
            let missing = tally.finished().map_or(&[][..], |end| &end.missing);
            concerns.push(Self::Incomplete { ended: tally.runs(), announced, missing });
        } else if tally.runs() == 0 && announced == 0 {
            concerns.push(Self::Nothing);
        }
        let leaks = tally.finished().map_or(&[][..], |end| &end.leaks);
        concerns.extend(leaks.iter().map(|leak| Self::LeftBehind(leak)));
        let file = run.and_then(|run| run.known.as_ref()).map_or("", |known| &known.file);
        let of_mended = mended(tally).into_iter().map(|mended| {
            let cases = products_of(tally, &mended.cases);
            Self::Mended { file, mended, cases }
        });
        let stale = tally.past().filter_map(Past::of).map(|past| Self::Stale { file, past });
        concerns.extend(of_mended.chain(stale));
        concerns
    }

    /// What it is about, on one line.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Mended { file, .. } | Self::Stale { file, .. } => {
                format!("{}:{} {}", Printable(file), self.line().unwrap_or(1), self.word())
            }
            Self::Incomplete { .. } => "incomplete".to_owned(),
            Self::Nothing => "nothing selected".to_owned(),
            Self::LeftBehind(_) => "left behind".to_owned(),
        }
    }

    /// The file and line that have to be looked at.
    pub(crate) fn place(&self) -> Option<(&'a str, u32)> {
        match self {
            Self::Mended { file, .. } | Self::Stale { file, .. } => Some((file, self.line()?)),
            Self::Incomplete { .. } | Self::Nothing | Self::LeftBehind(_) => None,
        }
    }

    fn line(&self) -> Option<u32> {
        match self {
            Self::Mended { mended, .. } => {
                Some(mended.remedies.first().map_or(mended.entry.line, Remedy::line))
            }
            Self::Stale { past, .. } => Some(past.at.unwrap_or(past.lines.0)),
            Self::Incomplete { .. } | Self::Nothing | Self::LeftBehind(_) => None,
        }
    }

    /// Whether it is the harness or the environment that failed, rather than the expectations that
    /// have to be looked at.
    pub(crate) const fn is_of_the_harness(&self) -> bool {
        matches!(self, Self::Incomplete { .. } | Self::Nothing | Self::LeftBehind(_))
    }

    /// The word for its kind.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Mended { .. } => "mended",
            Self::Stale { .. } => "stale",
            Self::Incomplete { .. } => "incomplete",
            Self::Nothing => "nothing-selected",
            Self::LeftBehind(_) => "left-behind",
        }
    }
}

/// What is wrong and what to do about it, on one line.
impl fmt::Display for Concern<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mended { file, mended, cases } => {
                let named: Vec<_> =
                    cases.iter().take(NAMED).map(|case| Printable(case).to_string()).collect();
                let others = if cases.len() > NAMED { " and others" } else { "" };
                let (file, entry) = (Printable(file), mended.entry);
                let (line, words) = (entry.line, entry.words());
                write!(
                    f,
                    "{}{others} passed, and {file}:{line} expects {words}",
                    named.join(", ")
                )?;
                mended.remedies.iter().try_for_each(|remedy| write!(f, "; {file}:{remedy}"))
            }
            Self::Stale { file, past } => write!(f, "{}:{past}", Printable(file)),
            Self::Incomplete { missing: missing @ [_, ..], .. } => {
                let parts: Vec<_> = missing.iter().map(Shard::to_string).collect();
                let noun = if parts.len() == 1 { "part" } else { "parts" };
                write!(f, "cut short: {noun} {} of the suite missing", parts.join(", "))
            }
            Self::Incomplete { ended, announced, .. } => {
                let ended = Thousands(*ended);
                write!(f, "cut short: {ended} of {} ended", Many(*announced, "case"))
            }
            Self::Nothing => f.write_str("no case was selected"),
            Self::LeftBehind(what) => write!(f, "left behind: {}", Printable(what)),
        }
    }
}

/// How many products of variants are named.
const NAMED: usize = 5;

/// Cases as the products they make up, scenario by scenario.
fn products_of(tally: &Tally, cases: &[&CaseId]) -> Vec<String> {
    let mut variants: BTreeMap<&ScenarioId, Vec<&str>> = BTreeMap::new();
    for case in cases {
        if let Some(scenario) = tally.case(case).map(CaseTally::scenario) {
            variants.entry(scenario).or_default().push(variant(case, scenario));
        }
    }
    let of_scenario = |(scenario, variants): (&ScenarioId, Vec<&str>)| {
        let products = products(&variants).into_iter();
        products.map(|product| format!("{scenario}[{product}]")).collect::<Vec<_>>()
    };
    variants.into_iter().flat_map(of_scenario).collect()
}
