use super::conditions::Conditions;
use crate::run::{self, EntryPattern, Pattern, Verdict};
use crate::scenario::{Case, Span};
use crate::vocabulary::{Date, Ending};

/// An entry of an expectations file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its heading.
    pub(super) span: Span,
    /// The lines of its heading and of its last key, from 1.
    pub(super) lines: (u32, u32),
    /// The patterns for its cases.
    pub(super) cases: Vec<Placed>,
    pub(super) verdicts: Vec<Verdict>,
    /// How the step at which a case fails ends its stream.
    pub(super) ending: Option<Ending>,
    pub(super) conditions: Conditions,
    /// Whether its conditions hold where the run takes place.
    pub(super) applies: bool,
    pub(super) reason: String,
    pub(super) source: String,
    /// The day from which on it has to be looked at again, and the line of that.
    pub(super) until: Option<(Date, u32)>,
}

/// A pattern of an entry.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) pattern: Pattern,
    /// Where it stands.
    pub(super) span: Span,
    /// The line of that, from 1.
    pub(super) line: u32,
    /// How many cases of the whole suite it stands for, where that was counted.
    pub(super) of: Option<u32>,
}

impl Entry {
    /// Whether it speaks of a case, where it applies.
    pub(super) fn speaks_of(&self, case: &Case) -> bool {
        self.cases.iter().any(|one| self.speaks_by(one, case))
    }

    /// Whether it speaks of a case by this one of its patterns.
    pub(super) fn speaks_by(&self, placed: &Placed, case: &Case) -> bool {
        placed.pattern.matches(case) && self.conditions.admit(case.variant.topology)
    }

    /// What it says of these cases, of each of which it speaks.
    pub(super) fn of(&self, cases: &[&Case]) -> run::Entry {
        let patterns = self.cases.iter().map(|one| {
            let positions = (0..).zip(cases);
            let positions = positions.filter(|(_, case)| self.speaks_by(one, case));
            EntryPattern {
                text: one.pattern.to_string(),
                line: one.line,
                cases: positions.map(|(position, _)| position).collect(),
                of: one.of,
            }
        });
        run::Entry {
            line: self.lines.0,
            last_line: Some(self.lines.1),
            cases: cases.iter().map(|case| case.id.clone()).collect(),
            patterns: patterns.collect(),
            verdicts: self.verdicts.clone(),
            ending: self.ending,
            reason: self.reason.clone(),
            source: self.source.clone(),
            until: self.until.map(|(until, _)| until),
            until_line: self.until.map(|(_, line)| line),
        }
    }
}
