use std::collections::{BTreeMap, BTreeSet};

use super::happening::Happening;
use crate::report::transcript::Transcript;
use crate::run::Verdict;
use crate::vocabulary::CaseId;

/// What recordings say together of one case.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Whether it was good at least once without anything having been overlooked.
    pub(super) is_good: bool,
    /// The ways in which it was bad: fail, hang, crash.
    pub(super) bad: BTreeSet<Verdict>,
    /// Whether the harness failed.
    pub(super) is_broken: bool,
    /// What happened where it was bad.
    pub(super) happenings: BTreeSet<Happening>,
}

/// The ways in which a case can be bad.
const BAD: [Verdict; 3] = [Verdict::Fail, Verdict::Hang, Verdict::Crash];

impl Seen {
    /// What recordings say of each case that they have.
    pub(super) fn of<'a>(
        recordings: impl IntoIterator<Item = &'a Transcript>,
    ) -> BTreeMap<CaseId, Self> {
        let mut seen: BTreeMap<CaseId, Self> = BTreeMap::new();
        for recording in recordings {
            for (id, tally) in recording.tally().cases() {
                let one = seen.entry(id.clone()).or_default();
                one.is_good |= tally.is_good_for_certain();
                one.bad.extend(BAD.into_iter().filter(|bad| tally.times(*bad) > 0));
                one.is_broken |= tally.times(Verdict::Broken) > 0;
            }
            for case in recording.cases() {
                for finished in [case.shown()].into_iter().chain(case.others()) {
                    if !finished.verdict.is_bad() {
                        continue;
                    }
                    let scenario = recording.scenario(&finished.scenario);
                    let source = scenario.map_or("", |scenario| &scenario.source);
                    let one = seen.entry(finished.case.clone()).or_default();
                    one.happenings.insert(Happening::of(finished, source));
                }
            }
        }
        seen
    }

    /// The verdicts to expect of a case that was bad, in the order in which they are written; `pass` is
    /// the last, where it was good at times.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let good = self.is_good.then_some(Verdict::Pass);
        self.bad.iter().copied().chain(good).collect()
    }
}
