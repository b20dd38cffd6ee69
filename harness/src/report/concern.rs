use std::fmt;

use super::elapsed::Thousands;
use super::matrix::{products, variant};
use super::printable::{Many, Printable};
use super::standing::Standing;
use super::summary::announced;
use super::tally::{CaseTally, Tally};
use crate::run::Entry;
use crate::run::event::RunStarted;
use crate::vocabulary::{CaseId, ScenarioId};

/// What is wrong with a run beside the cases that failed: each is why it does not exit with 0.
#[derive(Clone, Debug)]
pub(crate) enum Concern<'a> {
    /// Cases were good that an entry of the expectations says to be bad.
    Mended {
        /// The file of the expectations.
        file: &'a str,
        /// The entry.
        entry: &'a Entry,
        /// The cases, each with its scenario.
        cases: Vec<(&'a ScenarioId, &'a CaseId)>,
    },
    /// An entry of the expectations is past its date.
    Stale {
        /// The file of the expectations.
        file: &'a str,
        /// The entry.
        entry: &'a Entry,
    },
    /// Not everything was run.
    Incomplete {
        /// How many cases ended, repetitions included.
        ended: u64,
        /// How many were to.
        announced: u64,
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
            concerns.push(Self::Incomplete { ended: tally.runs(), announced });
        } else if tally.runs() == 0 && announced == 0 {
            concerns.push(Self::Nothing);
        }
        let leaks = tally.finished().map_or(&[][..], |end| &end.leaks);
        concerns.extend(leaks.iter().map(|leak| Self::LeftBehind(leak)));
        let file = run.and_then(|run| run.known.as_ref()).map_or("", |known| &known.file);
        let entries = run.map_or(&[][..], RunStarted::entries);
        for entry in entries {
            let is_mended = |case: &CaseId| {
                let stands = tally.case(case).and_then(CaseTally::standing);
                stands == Some(Standing::Mended)
            };
            let mut cases: Vec<_> = entry
                .cases
                .iter()
                .filter(|case| is_mended(case))
                .filter_map(|case| Some((tally.case(case)?.scenario(), case)))
                .collect();
            cases.sort_unstable();
            if !cases.is_empty() {
                concerns.push(Self::Mended { file, entry, cases });
            }
            if tally.past().any(|past| past.line == entry.line) {
                concerns.push(Self::Stale { file, entry });
            }
        }
        concerns
    }

    /// What it is about, on one line.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Mended { file, entry, .. } => {
                format!("{}:{} mended", Printable(file), entry.line)
            }
            Self::Stale { file, entry } => format!("{}:{} stale", Printable(file), entry.line),
            Self::Incomplete { .. } => "incomplete".to_owned(),
            Self::Nothing => "nothing selected".to_owned(),
            Self::LeftBehind(_) => "left behind".to_owned(),
        }
    }

    /// The file and line that have to be looked at.
    pub(crate) const fn place(&self) -> Option<(&'a str, u32)> {
        match self {
            Self::Mended { file, entry, .. } | Self::Stale { file, entry } => {
                Some((file, entry.line))
            }
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
            Self::Mended { file, entry, cases } => {
                let mut between = "";
                for (count, case) in mended(cases).enumerate() {
                    if count == NAMED {
                        write!(f, " and others")?;
                        break;
                    }
                    write!(f, "{between}{}", Printable(&case))?;
                    between = ", ";
                }
                let (file, line, words) = (Printable(file), entry.line, entry.words());
                write!(
                    f,
                    " passed, and {file}:{line} expects {words}; remove the entry, or narrow it to \
                     what still holds"
                )
            }
            Self::Stale { file, entry } => {
                let until = entry.until.map_or_else(String::new, |until| format!(" {until}"));
                let (file, line) = (Printable(file), entry.line);
                write!(
                    f,
                    "{file}:{line} is past its date{until}; see whether it still holds, then remove \
                     it or set a later date"
                )
            }
            Self::Incomplete { ended, announced } => {
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

/// The cases as the products they make up, scenario by scenario.
fn mended<'a>(cases: &'a [(&'a ScenarioId, &'a CaseId)]) -> impl Iterator<Item = String> + use<'a> {
    cases.chunk_by(|one, other| one.0 == other.0).flat_map(|of_scenario| {
        let scenario = of_scenario[0].0;
        let variants: Vec<&str> =
            of_scenario.iter().map(|(scenario, case)| variant(case, scenario)).collect();
        let named = move |product: String| format!("{scenario}[{product}]");
        products(&variants).into_iter().map(named)
    })
}
