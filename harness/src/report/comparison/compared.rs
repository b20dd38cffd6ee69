use std::collections::{BTreeMap, BTreeSet};

use super::change::{Came, CaseChange, Change};
use crate::report::matrix::{products, variant};
use crate::report::natural::natural;
use crate::report::transcript::Transcript;
use crate::run::event::RunStarted;
use crate::vocabulary::{CaseId, Date, ScenarioId};

/// What differs between two runs, case by case.
///
/// A case is held against the case with the same id, by the worst of its repetitions: its verdict, and
/// where that is bad the steps that gave something else and what they gave. Times, addresses and the
/// numbers of lines are no difference, nor is slow that becomes pass.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The earlier run and the later one in a line each: subject, version and day.
    pub runs: [String; 2],
    /// What is not the same about the runs themselves. A difference of the cases may come from it.
    pub differences: Vec<RunDifference>,
    /// The scenarios that both runs had, each with another text.
    pub texts: Vec<ScenarioId>,
    /// The cases that differ, sorted by id with the numbers in it by their value.
    pub changes: Vec<CaseChange>,
    /// How many cases came to the same in both.
    pub same: usize,
}

/// Something that is not the same about two runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDifference {
    /// What: `subject`, `version`, `kernel`, ...
    pub what: &'static str,
    /// In the earlier run; `none` where it had none.
    pub old: String,
    /// In the later one.
    pub new: String,
}

/// Variants of one scenario that changed in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeGroup<'a> {
    /// The first of them.
    pub first: &'a CaseChange,
    /// How many they are.
    pub count: usize,
    /// The variants as the products they make up, as in `{tcp4,tcp6},loopback`.
    pub variants: Vec<String>,
}

impl Comparison {
    /// Holds a later run against an earlier one.
    pub fn of(old: &Transcript, new: &Transcript) -> Self {
        let cases: BTreeMap<&CaseId, &ScenarioId> = [old, new]
            .into_iter()
            .flat_map(|run| run.tally().cases())
            .map(|(id, case)| (id, case.scenario()))
            .collect();
        let mut comparison = Self {
            runs: [old, new].map(|run| run.tally().started().map_or_else(String::new, line)),
            differences: differences(old, new),
            texts: texts(old, new),
            ..Self::default()
        };
        for (case, scenario) in cases {
            let (before, after) = (Came::of(case, old), Came::of(case, new));
            match Change::between(before.as_ref(), after.as_ref()) {
                None => comparison.same += 1,
                Some(change) => comparison.changes.push(CaseChange {
                    case: case.clone(),
                    scenario: scenario.clone(),
                    change,
                    old: before,
                    new: after,
                }),
            }
        }
        comparison.changes.sort_by(|a, b| natural(a.case.as_str(), b.case.as_str()));
        comparison
    }

    /// Whether any case does worse; see [`CaseChange::is_worse`].
    pub fn is_worse(&self) -> bool {
        self.changes.iter().any(CaseChange::is_worse)
    }

    /// Whether nothing differs, neither a case nor anything about the runs.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.texts.is_empty() && self.differences.is_empty()
    }

    /// The cases that changed in this way.
    pub fn changed(&self, change: Change) -> impl Iterator<Item = &CaseChange> {
        self.changes.iter().filter(move |one| one.change == change)
    }

    /// The same, those of one scenario together that came to the same before and to the same after.
    pub fn groups(&self, change: Change) -> Vec<ChangeGroup<'_>> {
        type Key<'a> = (&'a ScenarioId, Option<&'a Came>, Option<&'a Came>);
        let mut groups: BTreeMap<Key<'_>, Vec<&CaseChange>> = BTreeMap::new();
        for one in self.changed(change) {
            groups
                .entry((&one.scenario, one.old.as_ref(), one.new.as_ref()))
                .or_default()
                .push(one);
        }
        groups
            .into_iter()
            .map(|((scenario, ..), cases)| {
                let variants: Vec<_> =
                    cases.iter().map(|one| variant(&one.case, scenario)).collect();
                let variants = products(&variants);
                ChangeGroup { first: cases[0], count: cases.len(), variants }
            })
            .collect()
    }

    /// How many cases changed in which way, in the order of [`Change`]; those in which none did are left
    /// out.
    pub fn counts(&self) -> BTreeMap<Change, usize> {
        let mut counts = BTreeMap::new();
        for one in &self.changes {
            *counts.entry(one.change).or_default() += 1;
        }
        counts
    }
}

fn line(run: &RunStarted) -> String {
    format!("{}, {}", run.title(), Date::at(run.at))
}

/// What is not the same about two runs.
fn differences(old: &Transcript, new: &Transcript) -> Vec<RunDifference> {
    let (Some(one), Some(other)) = (old.tally().started(), new.tally().started()) else {
        return Vec::new();
    };
    let is_whole = |run: &Transcript| {
        if run.tally().is_incomplete() { "no: it was cut short" } else { "yes" }.to_owned()
    };
    let of = |run: &RunStarted, whole: String| {
        [
            ("subject", run.subject.clone()),
            ("version", run.subject_version.clone()),
            ("peer", run.peer.unwrap_or_default().to_string()),
            ("kernel", said(run.kernel.as_ref())),
            ("sockspec", run.sockspec.clone()),
            ("suite", run.suite.clone()),
            ("part", said(run.shard)),
            ("hosts", said(run.hosts)),
            ("repetitions", run.repeat.to_string()),
            ("busy threads", said(run.stress)),
            ("whole", whole),
        ]
    };
    of(one, is_whole(old))
        .into_iter()
        .zip(of(other, is_whole(new)))
        .filter(|((_, old), (_, new))| old != new)
        .map(|((what, old), (_, new))| RunDifference { what, old, new })
        .collect()
}

fn said(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// The scenarios that have another text.
fn texts(old: &Transcript, new: &Transcript) -> Vec<ScenarioId> {
    let changed: BTreeSet<_> = new
        .scenarios()
        .filter(|scenario| {
            old.scenario(&scenario.id).is_some_and(|before| before.source != scenario.source)
        })
        .map(|scenario| scenario.id.clone())
        .collect();
    changed.into_iter().collect()
}
