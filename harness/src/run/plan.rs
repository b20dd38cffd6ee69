use std::sync::Arc;
use std::time::Duration;

use super::selection::{Pattern, Selection, Shard};
use crate::scenario::{Case, Document, Scenario};
use crate::vocabulary::{ScenarioId, split_mix};

/// What is going to run: batches of cases, in order.
#[derive(Debug, Default)]
pub struct Plan {
    pub(super) batches: Vec<Batch>,
}

/// Cases that one thread runs one after the other: one case, or several that must agree.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) cases: Vec<Case>,
}

/// From this much on a case counts as one that mostly waits.
const WAITING: Duration = Duration::from_millis(2);

impl Batch {
    /// Whether it mostly waits, so that many can do so at once.
    pub(super) fn waits(&self) -> bool {
        self.least() >= WAITING
    }

    /// How long it takes at the very least.
    pub(super) fn least(&self) -> Duration {
        self.cases.iter().map(|case| case.least).sum()
    }
}

impl Plan {
    /// Chooses from a suite's scenarios, as [`Plan::new`] does from their cases.
    pub fn of<'d>(
        documents: impl IntoIterator<Item = &'d Document>,
        selection: &Selection,
    ) -> Self {
        let cases = documents
            .into_iter()
            .filter(|document| selection.may_admit(document.scenario()))
            .flat_map(Document::cases);
        Self::new(cases, selection)
    }

    /// Chooses from cases. Of those that must agree with each other, all take part or none.
    pub fn new(cases: impl IntoIterator<Item = Case>, selection: &Selection) -> Self {
        let mut plan = Self::default();
        for batch in batches(cases) {
            if batch.cases.iter().any(|case| selection.admits(case)) {
                plan.batches.push(batch);
            }
        }
        plan
    }

    /// How many cases take part.
    pub fn len(&self) -> usize {
        self.batches.iter().map(|batch| batch.cases.len()).sum()
    }

    /// Whether nothing was selected.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// The cases that take part.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.batches.iter().flat_map(|batch| &batch.cases)
    }

    /// The scenarios that take part, each once. Before a shuffle they stand in the suite's order.
    pub fn scenarios(&self) -> Vec<Arc<Scenario>> {
        let mut scenarios: Vec<Arc<Scenario>> = Vec::new();
        for case in self.cases() {
            // The cases of a scenario stand together.
            if scenarios.last().is_none_or(|last| last.id != case.scenario.id) {
                scenarios.push(Arc::clone(&case.scenario));
            }
        }
        scenarios
    }

    /// Keeps one of several equal parts. Which case belongs to which part depends on the suite and
    /// the selection alone.
    pub fn keep(&mut self, shard: Shard) {
        let mut position = 0;
        self.batches.retain(|_| {
            position += 1;
            shard.holds(position - 1)
        });
    }

    /// The patterns that no case of the plan matches: most likely mistyped.
    pub fn unmatched<'a>(&self, patterns: &'a [Pattern]) -> Vec<&'a Pattern> {
        patterns.iter().filter(|pattern| !self.cases().any(|case| pattern.matches(case))).collect()
    }

    /// Changes the order by a seed, so that a dependence of one case on another comes to light.
    pub fn shuffle(&mut self, seed: u64) {
        for last in (1..self.batches.len()).rev() {
            let z = split_mix(seed, last as u64);
            let chosen = usize::try_from(z % (last as u64 + 1)).unwrap_or(last);
            self.batches.swap(last, chosen);
        }
    }
}

fn batches(cases: impl IntoIterator<Item = Case>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for case in cases {
        let same = case.same.as_ref().map(|key| (case.scenario.id.clone(), key.clone()));
        let fellow = same.and_then(|(scenario, key)| {
            // The cases of a scenario stand together, so the search is short.
            batches.iter_mut().rev().take_while(|batch| belongs(batch, &scenario)).find(|batch| {
                batch.cases.first().and_then(|first| first.same.as_ref()) == Some(&key)
            })
        });
        match fellow {
            Some(batch) => batch.cases.push(case),
            None => batches.push(Batch { cases: vec![case] }),
        }
    }
    batches
}

fn belongs(batch: &Batch, scenario: &ScenarioId) -> bool {
    batch.cases.first().is_some_and(|first| first.scenario.id == *scenario)
}
