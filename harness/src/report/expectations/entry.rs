use crate::run::{self, Pattern, Verdict};
use crate::scenario::{Case, Span};
use crate::vocabulary::{CaseId, Date};

/// An entry of an expectations file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its heading.
    pub(super) span: Span,
    /// The line of its heading, from 1.
    pub(super) line: u32,
    /// The patterns for its cases, each with its place.
    pub(super) cases: Vec<(Pattern, Span)>,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) reason: String,
    pub(super) source: String,
    pub(super) until: Option<Date>,
}

impl Entry {
    /// Whether it speaks of a case.
    pub(super) fn speaks_of(&self, case: &Case) -> bool {
        self.cases.iter().any(|(pattern, _)| pattern.matches(case))
    }

    /// What it says of these cases.
    pub(super) fn of(&self, cases: Vec<CaseId>) -> run::Entry {
        run::Entry {
            line: self.line,
            cases,
            verdicts: self.verdicts.clone(),
            reason: self.reason.clone(),
            source: self.source.clone(),
            until: self.until,
        }
    }
}
