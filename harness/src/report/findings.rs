use std::collections::BTreeMap;

use super::account::{Account, Class};
use super::concern::Concern;
use super::failure::{Failure, Shown};
use super::failures::Failures;
use super::palette::Palette;
use super::printable::Printable;
use super::standing::Standing;
use super::tally::{CaseTally, Tally};
use super::transcript::{CaseTranscript, Transcript};
use crate::run::event::RunStarted;
use crate::run::{Entry, Verdict};
use crate::vocabulary::CaseId;

/// A whole run as the formats tell it that are made when it is over: each says the same of a case.
#[derive(Debug)]
pub(crate) struct Findings<'a> {
    transcript: &'a Transcript,
    failures: Failures,
}

impl<'a> Findings<'a> {
    /// Looks through a run.
    pub(crate) fn of(transcript: &'a Transcript) -> Self {
        let mut failures = Failures::default();
        for case in transcript.cases() {
            let entry = transcript.tally().entry(&case.shown().case);
            for one in std::iter::once(case.shown()).chain(case.others()) {
                failures.note(one, entry.is_some_and(|entry| entry.bears_out(one)));
            }
        }
        Self { transcript, failures }
    }

    /// What the run adds up to.
    pub(crate) const fn tally(&self) -> &'a Tally {
        self.transcript.tally()
    }

    /// What was known before the first case.
    pub(crate) fn run(&self) -> Option<&'a RunStarted> {
        self.transcript.tally().started()
    }

    /// What is wrong beside the cases that failed.
    pub(crate) fn concerns(&self) -> Vec<Concern<'a>> {
        Concern::of(self.tally())
    }

    /// What is to be said of each case, in the order of their ids with the numbers by their value.
    pub(crate) fn accounts(&self) -> Vec<Account<'_>> {
        let tally = self.tally();
        let cases = self.transcript.cases().into_iter();
        cases.filter_map(|case| Some(self.account(case, tally.case(&case.shown().case)?))).collect()
    }

    fn account(&self, case: &'a CaseTranscript, tally: &'a CaseTally) -> Account<'_> {
        let shown = case.shown();
        let failure = self.failures.of_case(&shown.case);
        let entry = self.tally().entry(&shown.case);
        let class = match (tally.standing(), failure, entry) {
            (Some(Standing::Regression), Some(failure), _) => Class::Regression(failure),
            (Some(Standing::Flaky), Some(failure), _) => Class::Flaky(failure),
            (_, Some(failure), _) if tally.times(Verdict::Broken) > 0 => Class::Broken(failure),
            (Some(Standing::Known), Some(failure), Some(entry)) => Class::Known(failure, entry),
            (Some(Standing::Mended), _, Some(entry)) => Class::Mended(entry),
            (None, _, _) => Class::NotRun,
            (Some(_), _, _) => Class::Good,
        };
        let scenario = self.transcript.scenario(&shown.scenario);
        Account { case: shown, others: case.others(), tally, class, scenario }
    }

    /// The regressions, what is flaky and what is broken, each with the other cases that failed in
    /// the same way.
    pub(crate) fn groups(&self) -> Vec<(&Failure, Vec<&CaseId>)> {
        self.failures.groups(|case| {
            self.tally().case(case).is_none_or(|case| {
                case.standing() != Some(Standing::Known) || case.times(Verdict::Broken) > 0
            })
        })
    }

    /// A failure as the terminal shows it, for text without styles.
    pub(crate) fn shown<'f>(&'f self, failure: &'f Failure, same: &'f [&'f CaseId]) -> Shown<'f> {
        let case = self.tally().case(&failure.case);
        let entry = self.tally().entry(&failure.case);
        Shown {
            failure,
            same,
            entry: entry.filter(|_| failure.verdict.is_bad() && !failure.is_known),
            times: case.map_or((1, 1), |case| (case.failed(), case.runs())),
            scenario: self.transcript.scenario(&failure.scenario),
            run: self.run(),
            palette: Palette::plain(),
        }
    }

    /// The file of the expectations.
    pub(crate) fn expectations(&self) -> &'a str {
        self.run().and_then(|run| run.known.as_ref()).map_or("", |known| &known.file)
    }

    /// What an entry says of a case, with where it stands: `the reason (reports/kernel.toml:4)`.
    pub(crate) fn known(&self, entry: &Entry) -> String {
        let reason = entry.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{} ({}:{})", Printable(&reason), Printable(self.expectations()), entry.line)
    }

    /// The scenario's text, as far as it was recorded.
    pub(crate) fn source(&self, failure: &Failure) -> &'a str {
        self.transcript.scenario(&failure.scenario).map_or("", |scenario| &scenario.source)
    }

    /// The file of a failure's scenario.
    pub(crate) fn path(&self, failure: &Failure) -> Option<&'a str> {
        self.transcript.scenario(&failure.scenario).map(|scenario| scenario.path.as_str())
    }
}

/// A name for each run that no other of them has: the subject, with its version or else a number
/// where several have the same.
pub(crate) fn names(runs: &[Transcript]) -> Vec<String> {
    let started = |run: &Transcript| run.tally().started().cloned();
    let subject = |run: &Transcript| {
        started(run).map_or_else(|| "unknown".to_owned(), |run| Printable(&run.label()).to_string())
    };
    let longer = |run: &Transcript| {
        let version = started(run).map(|run| run.subject_version).unwrap_or_default();
        format!("{} {}", subject(run), Printable(&version)).trim_end().to_owned()
    };
    let subjects: Vec<String> = runs.iter().map(subject).collect();
    let is_alone = |name: &String| subjects.iter().filter(|other| *other == name).count() == 1;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let with_version = subjects
        .iter()
        .zip(runs)
        .map(|(name, run)| if is_alone(name) { name.clone() } else { longer(run) });
    with_version
        .map(|name| {
            let times = seen.entry(name.clone()).or_default();
            *times += 1;
            if *times == 1 { name } else { format!("{name} ({times})") }
        })
        .collect()
}
