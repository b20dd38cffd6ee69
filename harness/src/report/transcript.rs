use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::natural::natural;
use super::reporter::Reporter;
use super::tally::Tally;
use crate::run::Verdict;
use crate::run::event::{CaseFinished, Event};
use crate::scenario::Scenario;
use crate::vocabulary::{CaseId, ScenarioId};

/// A run as its events told it, kept for the reports that are made when no event follows.
///
/// Of the repetitions of a case it keeps the first that came to each verdict; how many there were says
/// the tally.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    tally: Tally,
    scenarios: BTreeMap<ScenarioId, Arc<Scenario>>,
    cases: BTreeMap<CaseId, CaseTranscript>,
}

impl Transcript {
    /// Keeps what these events tell.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut transcript = Self::default();
        events.into_iter().for_each(|event| transcript.note(event));
        transcript
    }

    /// Takes note of one event.
    pub fn note(&mut self, event: &Event) {
        self.tally.event(event);
        match event {
            Event::ScenarioLoaded(scenario) => {
                self.scenarios.insert(scenario.id.clone(), Arc::clone(scenario));
            }
            Event::CaseFinished(case) => {
                self.cases.entry(case.case.clone()).or_default().note(case);
            }
            Event::RunStarted(_) | Event::CaseStarted { .. } | Event::RunFinished(_) => {}
        }
    }

    /// What it adds up to.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// A scenario that took part.
    pub fn scenario(&self, id: &ScenarioId) -> Option<&Scenario> {
        self.scenarios.get(id).map(|scenario| &**scenario)
    }

    /// The scenarios that took part, sorted by id.
    pub fn scenarios(&self) -> impl Iterator<Item = &Scenario> {
        self.scenarios.values().map(|scenario| &**scenario)
    }

    /// What came of a case.
    pub fn case(&self, id: &CaseId) -> Option<&CaseTranscript> {
        self.cases.get(id)
    }

    /// What came of each case, sorted by id with the numbers in it by their value.
    pub fn cases(&self) -> Vec<&CaseTranscript> {
        let mut cases: Vec<_> = self.cases.iter().collect();
        cases.sort_by(|(one, _), (other, _)| natural(one.as_str(), other.as_str()));
        cases.into_iter().map(|(_, case)| case).collect()
    }
}

impl Reporter for Transcript {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.note(event);
        Ok(())
    }
}

/// What came of one case: the first repetition that came to each verdict, the worst verdict first.
#[derive(Clone, Debug, Default)]
pub struct CaseTranscript {
    /// Never empty once it is part of a transcript.
    kept: Vec<CaseFinished>,
}

impl CaseTranscript {
    fn note(&mut self, case: &CaseFinished) {
        match self.kept.iter_mut().find(|kept| kept.verdict == case.verdict) {
            Some(kept) if kept.iteration <= case.iteration => {}
            Some(kept) => *kept = case.clone(),
            None => {
                self.kept.push(case.clone());
                self.kept.sort_by_key(|kept| rank(kept.verdict));
            }
        }
    }

    /// The repetition that a report shows: the first with the worst verdict.
    pub fn shown(&self) -> &CaseFinished {
        &self.kept[0]
    }

    /// The first repetition with each other verdict.
    pub fn others(&self) -> &[CaseFinished] {
        &self.kept[1..]
    }
}

/// The worst verdict has the least. One on the subject goes before one on the harness, and any of
/// these before not having run at all.
const fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Crash => 0,
        Verdict::Hang => 1,
        Verdict::Fail => 2,
        Verdict::Broken => 3,
        Verdict::Slow => 4,
        Verdict::Pass => 5,
        Verdict::Unsupported => 6,
        Verdict::Skipped => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn of_repetitions_the_first_with_each_verdict_is_kept() {
        for events in [fixture::repeated_run(), fixture::repeated_run().into_iter().rev().collect()]
        {
            let transcript = Transcript::of(&events);
            let kept: Vec<Vec<_>> = transcript
                .cases()
                .into_iter()
                .map(|case| case.kept.iter().map(|one| (one.verdict, one.iteration)).collect())
                .collect();
            assert_eq!(
                kept,
                [
                    vec![(Verdict::Fail, 17), (Verdict::Pass, 1)],
                    vec![(Verdict::Pass, 1)],
                    vec![(Verdict::Slow, 5), (Verdict::Pass, 1)],
                ]
            );
            assert_eq!(transcript.tally().runs(), 600);
        }
    }

    #[test]
    fn cases_stand_in_the_order_of_their_numbers() {
        let verdicts = [Verdict::Pass; 12];
        let transcript = Transcript::of(&fixture::run_of(&verdicts));
        let ids: Vec<_> = transcript.cases().iter().map(|case| case.shown().case.clone()).collect();
        assert!(ids[9].as_str().ends_with("[n=9]") && ids[11].as_str().ends_with("[n=11]"));
        assert!(ids.iter().all(|id| transcript.case(id).is_some()));
        assert_eq!(transcript.scenarios().count(), 1);
        assert!(
            transcript
                .scenario(&transcript.case(&ids[0]).expect("it ran").shown().scenario)
                .is_some()
        );
    }
}
