use super::failure::Failure;
use super::matrix::variant;
use super::tally::CaseTally;
use crate::run::Entry;
use crate::run::event::CaseFinished;
use crate::scenario::Scenario;

/// What a report says of one case, all its repetitions taken together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account<'a> {
    /// The repetition that is shown.
    pub(crate) case: &'a CaseFinished,
    /// The first repetition with each other verdict.
    pub(crate) others: &'a [CaseFinished],
    /// All repetitions.
    pub(crate) tally: &'a CaseTally,
    /// What it comes to.
    pub(crate) class: Class<'a>,
    /// The scenario, unless the recording lacks it.
    pub(crate) scenario: Option<&'a Scenario>,
}

/// What a case comes to for who has to act on it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Class<'a> {
    /// It was good, or no worse than its level asks for.
    Good,
    /// It was bad, in a way that no entry of the expectations says.
    Regression(&'a Failure),
    /// It was good once and bad another time.
    Flaky(&'a Failure),
    /// The harness or the environment failed.
    Broken(&'a Failure),
    /// It was bad as an entry says.
    Known(&'a Failure, &'a Entry),
    /// It was good, and an entry says that it is bad.
    Mended(&'a Entry),
    /// It was not run, or is not supported.
    NotRun,
}

impl<'a> Account<'a> {
    /// What distinguishes it from the other cases of its scenario.
    pub(crate) fn variant(&self) -> &'a str {
        variant(&self.case.case, &self.case.scenario)
    }

    /// The text of its scenario.
    pub(crate) fn source(&self) -> &'a str {
        self.scenario.map_or("", |scenario| &scenario.source)
    }

    /// The line and column of what has to be looked at: where it failed, else the title.
    pub(crate) fn place(&self) -> (u32, u32) {
        let failure = match self.class {
            Class::Regression(failure)
            | Class::Flaky(failure)
            | Class::Broken(failure)
            | Class::Known(failure, _) => Some(failure),
            Class::Good | Class::Mended(_) | Class::NotRun => None,
        };
        failure.and_then(Failure::place).map_or((1, 1), |place| (place.line, place.column))
    }

    /// Why it was not run, or could not be decided.
    pub(crate) fn reason(&self) -> &'a str {
        self.tally.reason().or(self.case.reason.as_deref()).unwrap_or("no reason given")
    }
}
