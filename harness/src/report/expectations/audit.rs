use std::fmt;

use super::conditions::Conditions;
use super::file::Expectations;
use super::origin::is_draft;
use crate::report::printable::Printable;
use crate::report::remedy::Past;
use crate::scenario::{Case, Diagnostic, Scenario};
use crate::vocabulary::Date;

/// Something in an expectations file that has to be looked at, though a run takes it. `Display` says
/// what, with the line and what is to be done, the file left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An entry is past its date.
    Past {
        /// The lines of the entry.
        lines: (u32, u32),
        /// The date.
        until: Date,
        /// The line of that.
        at: u32,
    },
    /// An entry was drafted, and nobody looked up where what it says is laid down.
    Draft {
        /// The line of the entry.
        line: u32,
    },
    /// A pattern adds nothing to the others of its entry.
    Duplicate {
        /// The line of the pattern.
        line: u32,
        /// The pattern.
        pattern: String,
    },
}

impl Finding {
    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Past { .. } => "stale",
            Self::Draft { .. } => "draft",
            Self::Duplicate { .. } => "duplicate",
        }
    }

    const fn line(&self) -> u32 {
        match self {
            Self::Past { lines: (line, _), .. }
            | Self::Draft { line }
            | Self::Duplicate { line, .. } => *line,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Past { lines: (first, last), until, at } => {
                let past = Past { lines: (*first, Some(*last)), until: *until, at: Some(*at) };
                write!(f, "{past}")
            }
            Self::Draft { line } => {
                write!(f, "{line} was not looked up; say in `source` where that is laid down")
            }
            Self::Duplicate { line, pattern } => {
                let pattern = Printable(pattern);
                write!(f, "{line}: remove \"{pattern}\": the entry speaks of its cases without it")
            }
        }
    }
}

impl Expectations {
    /// Holds the entries against a suite as [`Self::check`] does, but wherever a run may take place: no
    /// case may belong to two entries that can both apply. Of a suite that is not whole, patterns may
    /// stand for nothing.
    pub fn check_everywhere<'a>(
        &self,
        scenarios: impl IntoIterator<Item = &'a Scenario>,
        cases: &[Case],
        is_whole: bool,
    ) -> Vec<Diagnostic> {
        let meet = |one: &Conditions, other: &Conditions| one.meet(other);
        let mut mistakes =
            self.shared(cases, |one, other| meet(&one.conditions, &other.conditions));
        if is_whole {
            mistakes.extend(self.unmatched(scenarios, cases));
        }
        mistakes
    }

    /// What has to be looked at on that day, in the order of the file.
    pub fn findings(&self, cases: &[Case], today: Date) -> Vec<Finding> {
        let mut findings = Vec::new();
        for entry in self.entries() {
            let past = entry.until.filter(|(until, _)| *until <= today);
            findings.extend(past.map(|(until, at)| Finding::Past {
                lines: entry.lines,
                until,
                at,
            }));
            if is_draft(&entry.source) {
                findings.push(Finding::Draft { line: entry.lines.0 });
            }
            let mut needed: Vec<_> = entry.cases.iter().collect();
            for (position, placed) in entry.cases.iter().enumerate().rev() {
                let mut own = cases.iter().filter(|case| entry.speaks_by(placed, case)).peekable();
                let without = [&needed[..position], &needed[position + 1..]].concat();
                let is_had = |case: &Case| without.iter().any(|one| entry.speaks_by(one, case));
                if own.peek().is_some() && own.all(is_had) {
                    let pattern = placed.pattern.to_string();
                    findings.push(Finding::Duplicate { line: placed.line, pattern });
                    needed = without;
                }
            }
        }
        findings.sort_by_key(Finding::line);
        findings
    }
}
