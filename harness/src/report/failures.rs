use std::collections::BTreeMap;

use super::failure::{Failure, Key};
use super::natural::natural;
use crate::run::Verdict;
use crate::run::event::CaseFinished;
use crate::vocabulary::CaseId;

/// The failures of a run, one for each case however often it was repeated.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    by_case: BTreeMap<CaseId, Failure>,
    /// How many cases failed otherwise than was known.
    unexpected: usize,
}

impl Failures {
    /// Keeps a case that failed or was broken, and whether that was known. Of several repetitions
    /// the first is kept, one that was not known rather than one that was, and one that shows a
    /// fault of the subject rather than one of the harness.
    pub(crate) fn note(&mut self, case: &CaseFinished, is_known: bool) {
        if !case.verdict.is_bad() && case.verdict != Verdict::Broken {
            return;
        }
        let rank = |is_known: bool, verdict: Verdict, iteration: u32| {
            (is_known, !verdict.is_bad(), iteration)
        };
        let kept = self.by_case.get(&case.case);
        let was_unexpected = kept.is_some_and(|kept| !kept.is_known);
        if kept.is_none_or(|kept| {
            rank(is_known, case.verdict, case.iteration)
                < rank(kept.is_known, kept.verdict, kept.iteration)
        }) {
            let mut failure = Failure::of(case);
            failure.is_known = is_known;
            self.by_case.insert(case.case.clone(), failure);
            self.unexpected += usize::from(!is_known && !was_unexpected);
        }
    }

    /// The failure of a case.
    pub(crate) fn of_case(&self, case: &CaseId) -> Option<&Failure> {
        self.by_case.get(case)
    }

    /// How many cases failed otherwise than was known.
    pub(crate) const fn unexpected(&self) -> usize {
        self.unexpected
    }

    /// What is kept of a case.
    pub(crate) fn of(&self, case: &CaseId) -> Option<&Failure> {
        self.by_case.get(case)
    }

    /// The failures that are to be shown, sorted by case, each with the other cases that failed in
    /// the same way.
    pub(crate) fn groups(
        &self,
        is_shown: impl Fn(&CaseId) -> bool,
    ) -> Vec<(&Failure, Vec<&CaseId>)> {
        let mut sorted: Vec<_> = self.by_case.iter().filter(|(case, _)| is_shown(case)).collect();
        sorted.sort_by(|(a, _), (b, _)| natural(a.as_str(), b.as_str()));
        let mut positions: BTreeMap<Key, usize> = BTreeMap::new();
        let mut groups: Vec<(&Failure, Vec<&CaseId>)> = Vec::new();
        for (case, failure) in sorted {
            let next = groups.len();
            let position = *positions.entry(failure.key()).or_insert(next);
            match groups.get_mut(position) {
                Some((_, same)) => same.push(case),
                None => groups.push((failure, Vec::new())),
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::failure::Shown;
    use crate::report::fixture;
    use crate::report::palette::Palette;
    use crate::run::event::Event;

    fn finished(events: &[Event]) -> impl DoubleEndedIterator<Item = &CaseFinished> {
        events.iter().filter_map(|event| match event {
            Event::CaseFinished(case) => Some(&**case),
            _ => None,
        })
    }

    #[test]
    fn the_order_in_which_cases_end_does_not_matter() {
        let events = fixture::run();
        let (mut there, mut back) = (Failures::default(), Failures::default());
        finished(&events).for_each(|case| there.note(case, false));
        finished(&events).rev().for_each(|case| back.note(case, false));
        assert_eq!(format!("{:?}", there.groups(|_| true)), format!("{:?}", back.groups(|_| true)));
        assert!(there.groups(|_| true).iter().any(|(_, same)| !same.is_empty()));
    }

    #[test]
    fn variants_that_fail_alike_are_one_group() {
        let Event::CaseFinished(mut case) = fixture::failed_event() else {
            panic!("a case that failed")
        };
        let mut failures = Failures::default();
        for cut in 1..=300 {
            case.case = CaseId::new(&case.scenario, &["tcp4".to_owned(), format!("cut={cut}")]);
            // A time differs in every run and is no difference.
            case.steps[0].took += Duration::from_micros(7);
            failures.note(&case, false);
        }
        let groups = failures.groups(|_| true);
        assert_eq!(groups.iter().map(|(_, same)| same.len()).collect::<Vec<_>>(), [299]);
        let (failure, same) = &groups[0];
        let shown = Shown {
            failure,
            same,
            entry: None,
            times: (1, 1),
            scenario: None,
            run: None,
            palette: Palette::plain(),
        };
        insta::assert_snapshot!(shown, @r"
        FAIL  halfclose/reverse-direction-stays-usable[tcp4,cut=1]  must         1.0 ms
          the same [tcp4,cut=2] [tcp4,cut=3] [tcp4,cut=4] [tcp4,cut=5] [tcp4,cut=6] [tcp4,cut=7]
                   [tcp4,cut=8] [tcp4,cut=9] [tcp4,cut=10] [tcp4,cut=11] [tcp4,cut=12] [tcp4,cut=13]
                   [tcp4,cut=14] [tcp4,cut=15] [tcp4,cut=16] [tcp4,cut=17] [tcp4,cut=18] [tcp4,cut=19]
                   [tcp4,cut=20] [tcp4,cut=21] and 279 more
          again    sockspec run 'halfclose/reverse-direction-stays-usable[tcp4,cut=1]'
        ");
    }

    #[test]
    fn the_first_failing_repetition_is_kept() {
        let events = fixture::repeated_run();
        let mut failures = Failures::default();
        finished(&events).rev().for_each(|case| failures.note(case, false));
        let iterations: Vec<_> =
            failures.groups(|_| true).iter().map(|(first, _)| first.iteration).collect();
        assert_eq!(iterations, [17]);
    }
}
