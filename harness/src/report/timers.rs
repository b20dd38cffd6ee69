use std::collections::BTreeMap;
use std::time::Duration;

use super::distribution::Distribution;
use super::transcript::Transcript;
use crate::vocabulary::ScenarioId;

/// How precise the timers of a run were: of each scenario that takes samples, and of each time that it
/// asked for, how much longer the calls took.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Timer<'a> {
    pub(super) scenario: &'a ScenarioId,
    pub(super) asked: Duration,
    pub(super) distribution: Distribution,
}

impl<'a> Timer<'a> {
    /// Every timer of a run, sorted by scenario and by time.
    pub(super) fn all(run: &'a Transcript) -> Vec<Self> {
        let mut timers: BTreeMap<(&ScenarioId, Duration), Vec<i64>> = BTreeMap::new();
        for case in run.cases() {
            for kept in std::iter::once(case.shown()).chain(case.others()) {
                for samples in kept.steps.iter().filter_map(|step| step.samples.as_ref()) {
                    let timer = timers.entry((&kept.scenario, samples.asked)).or_default();
                    timer.extend_from_slice(&samples.over);
                }
            }
        }
        let timer = |((scenario, asked), over)| {
            Some(Self { scenario, asked, distribution: Distribution::of(over)? })
        };
        timers.into_iter().filter_map(timer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_samples_of_all_cases_with_one_time_are_one_timer() {
        let run = Transcript::of(&fixture::sampled_run());
        let timers: Vec<_> = Timer::all(&run)
            .iter()
            .map(|timer| format!("{} {:?} {}", timer.scenario, timer.asked, timer.distribution))
            .collect();
        insta::assert_snapshot!(timers.join("\n"));
        assert_eq!(Timer::all(&Transcript::of(&fixture::run())), []);
    }
}
