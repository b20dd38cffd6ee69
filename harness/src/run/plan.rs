use std::sync::Arc;
use std::time::Duration;

use super::selection::{Pattern, Selection, Shard};
use crate::scenario::{Case, Document, GrowError, Scenario};
use crate::vocabulary::{ScenarioId, split_mix};

/// What is going to run: batches of cases, in order. A clone shares the cases.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub(super) batches: Vec<Arc<Batch>>,
}

/// Cases that one thread runs one after the other: one case, or several that must agree.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) cases: Vec<Case>,
}

/// From this much on a case counts as one that mostly waits.
const WAITING: Duration = Duration::from_millis(2);

impl Batch {
    /// Whether it mostly waits, so that many can do so at once. What happens to a link is waited for
    /// in the end, whether the scenario says how long that takes or not.
    pub(super) fn waits(&self) -> bool {
        self.least() >= WAITING || self.cases.iter().any(Case::has_link_faults)
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

    /// Chooses from a suite's scenarios with groups grown to so many hosts, as
    /// [`Document::cases_with`] says.
    ///
    /// # Errors
    /// When one of the scenarios cannot have so many.
    pub fn grown<'d>(
        documents: impl IntoIterator<Item = &'d Document>,
        selection: &Selection,
        hosts: usize,
    ) -> Result<Self, GrowError> {
        let mut failed = None;
        let cases = documents
            .into_iter()
            .filter(|document| selection.may_admit(document.scenario()))
            .map_while(|document| match document.cases_with(hosts) {
                Ok(cases) => Some(cases),
                Err(error) => {
                    failed = Some(error);
                    None
                }
            })
            .flatten();
        let plan = Self::new(cases, selection);
        match failed {
            None => Ok(plan),
            Some(error) => Err(error),
        }
    }

    /// Chooses from cases. Of those that must agree with each other, all take part or none.
    pub fn new(cases: impl IntoIterator<Item = Case>, selection: &Selection) -> Self {
        let mut plan = Self::default();
        for batch in batches(cases) {
            if batch.cases.iter().any(|case| selection.admits(case)) {
                plan.batches.push(Arc::new(batch));
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

    /// Keeps what is asked for; of cases that must agree with each other all, if it is one of them.
    pub fn retain(&mut self, wanted: impl Fn(&Case) -> bool) {
        self.batches.retain(|batch| batch.cases.iter().any(&wanted));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::scripted::cases;

    /// Two scenarios: one of six cases in three batches, one of twenty.
    fn plan() -> Plan {
        let agreeing = r#""t"
over tcp4 tcp6 unix
pair client.c server.s

vary order
  case one: client shutdown c read => ok
  case two: client shutdown c write => ok
client send c "abc" => 3 or EPIPE
same across order
"#;
        let values: Vec<String> = (0..20).map(|value| format!("{value}ms")).collect();
        let alone = format!("\"t\"\nvary for {}\n\nwait $for\n", values.join(" "));
        let cases = cases("a/agreeing", agreeing).into_iter().chain(cases("b/alone", &alone));
        Plan::new(cases, &Selection::default())
    }

    fn ids(plan: &Plan) -> Vec<String> {
        plan.cases().map(|case| case.id.to_string()).collect()
    }

    fn shard(text: &str) -> Shard {
        text.parse().expect("it is one")
    }

    #[test]
    fn cases_that_must_agree_are_one_batch() {
        let plan = plan();
        let sizes: Vec<usize> = plan.batches.iter().map(|batch| batch.cases.len()).collect();
        assert_eq!(sizes[..4], [2, 2, 2, 1]);
        assert_eq!((plan.len(), plan.batches.len()), (26, 23));
        let transports = |batch: &Batch| {
            batch.cases.iter().map(|case| case.variant.transport).collect::<Vec<_>>()
        };
        assert!(plan.batches[..3].iter().all(|batch| {
            let transports = transports(batch);
            transports[0] == transports[1]
        }));
    }

    #[test]
    fn of_cases_that_must_agree_all_take_part_or_none() {
        let pattern = "a/agreeing[tcp6,order=two]".parse().expect("it is a pattern");
        let selection = Selection { patterns: vec![pattern], ..Selection::default() };
        let plan = Plan::new(plan().cases().cloned(), &selection);
        let found = ids(&plan);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|id| id.contains("tcp6")), "{found:?}");
    }

    #[test]
    fn what_waits_is_told_from_what_computes() {
        let waiting: Vec<bool> = plan().batches.iter().skip(3).map(|batch| batch.waits()).collect();
        assert_eq!(waiting[..3], [false, false, true]);
        assert!(waiting[3..].iter().all(|waits| *waits));
    }

    #[test]
    fn a_seed_gives_one_order_and_loses_nothing() {
        let shuffled = |seed| {
            let mut plan = plan();
            plan.shuffle(seed);
            ids(&plan)
        };
        assert_eq!(shuffled(7), shuffled(7));
        assert_ne!(shuffled(7), shuffled(8));
        assert_ne!(shuffled(7), ids(&plan()));
        let (mut one, mut other) = (shuffled(7), ids(&plan()));
        one.sort();
        other.sort();
        assert_eq!(one, other);
    }

    #[test]
    fn shards_have_every_case_once_and_keep_together_what_must_agree() {
        let mut found: Vec<String> = Vec::new();
        for text in ["1/4", "2/4", "3/4", "4/4"] {
            let mut plan = plan();
            plan.keep(shard(text));
            assert!(plan.batches.len() >= 5, "{text} is too small");
            found.extend(ids(&plan));
        }
        found.sort();
        let mut all = ids(&plan());
        all.sort();
        assert_eq!(found, all);
        let mut plan = plan();
        plan.keep(shard("1/23"));
        assert_eq!(plan.len(), 2);
    }

    #[test]
    fn groups_grow_where_there_are_any() {
        let document = |id: &str, text: &str| {
            Document::parse(text, ScenarioId::new(id), "plan.scn").expect("it has no mistakes")
        };
        let step = "open s udp4 => ok\n";
        let documents = [
            document("a/alone", &format!("\"t\"\non lan a b\n\na {step}")),
            document("b/group", &format!("\"t\"\non lan a x*2\n\nx {step}")),
        ];
        let steps = |hosts| -> Result<Vec<usize>, GrowError> {
            let plan = Plan::grown(&documents, &Selection::default(), hosts)?;
            Ok(plan.cases().map(|case| case.steps.len()).collect())
        };
        assert_eq!(steps(10).expect("there is room"), [1, 9]);
        assert!(matches!(steps(1_001), Err(GrowError::Hosts { hosts: 1_001 })));
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_told() {
        let patterns: Vec<Pattern> =
            ["a/*", "b/mistyped", "[order=three]"].map(|text| text.parse().expect("it is")).into();
        let plan = plan();
        let unmatched: Vec<String> =
            plan.unmatched(&patterns).iter().map(ToString::to_string).collect();
        assert_eq!(unmatched, ["b/mistyped", "[order=three]"]);
        assert!(plan.unmatched(&[]).is_empty());
    }

    #[test]
    fn every_scenario_that_takes_part_stands_once() {
        let found: Vec<String> =
            plan().scenarios().iter().map(|scenario| scenario.id.to_string()).collect();
        assert_eq!(found, ["a/agreeing", "b/alone"]);
    }
}
