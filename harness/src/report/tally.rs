use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::run::Verdict;
use crate::run::event::{CaseFinished, Event, Judgement, RunFinished, RunStarted};
use crate::vocabulary::{CaseId, ScenarioId};

/// What the events of a run add up to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    started: Option<RunStarted>,
    finished: Option<RunFinished>,
    cases: BTreeMap<CaseId, CaseTally>,
    runs: u64,
    repetitions: u64,
}

impl Tally {
    /// Takes note of one event.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::RunStarted(started) => self.started = Some(started.clone()),
            Event::RunFinished(finished) => self.finished = Some(finished.clone()),
            Event::CaseFinished(case) => {
                self.runs += 1;
                self.repetitions += u64::from(case.attempts.saturating_sub(1));
                if let Some(tally) = self.cases.get_mut(&case.case) {
                    tally.count(case);
                } else {
                    let mut tally = CaseTally::new(case.scenario.clone());
                    tally.count(case);
                    self.cases.insert(case.case.clone(), tally);
                }
            }
            Event::ScenarioLoaded(_) | Event::CaseStarted { .. } => {}
        }
    }

    /// How many further attempts cases took, because the machine had stalled when they failed.
    pub fn repetitions(&self) -> u64 {
        self.repetitions
    }

    /// What was known before the first case, once the run has begun.
    pub fn started(&self) -> Option<&RunStarted> {
        self.started.as_ref()
    }

    /// What was known after the last case, once the run has ended.
    pub fn finished(&self) -> Option<&RunFinished> {
        self.finished.as_ref()
    }

    /// Each case that ended or was skipped, sorted by id.
    pub fn cases(&self) -> impl Iterator<Item = (&CaseId, &CaseTally)> {
        self.cases.iter()
    }

    /// One case.
    pub fn case(&self, id: &CaseId) -> Option<&CaseTally> {
        self.cases.get(id)
    }

    /// How many cases came to a verdict, repetitions included.
    pub const fn runs(&self) -> u64 {
        self.runs
    }

    /// All cases, each counted once.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.cases.values().for_each(|case| counts.add(case.verdict()));
        counts
    }

    /// The cases of each area, sorted by its name.
    pub fn areas(&self) -> BTreeMap<&str, Counts> {
        let mut areas: BTreeMap<&str, Counts> = BTreeMap::new();
        for case in self.cases.values() {
            areas.entry(case.scenario.area()).or_default().add(case.verdict());
        }
        areas
    }

    /// How many cases came to each verdict; those to which none came are left out.
    pub fn verdicts(&self) -> BTreeMap<Verdict, usize> {
        let mut verdicts = BTreeMap::new();
        for case in self.cases.values() {
            *verdicts.entry(case.verdict()).or_default() += 1;
        }
        verdicts
    }

    /// The cases that were good once and bad another time, sorted by id.
    pub fn flaky(&self) -> impl Iterator<Item = (&CaseId, &CaseTally)> {
        self.cases().filter(|(_, case)| case.is_flaky())
    }

    /// Whether the run has not run all it announced: it was cut short, or its end is missing.
    pub fn is_incomplete(&self) -> bool {
        self.started.is_some() && self.finished.as_ref().is_none_or(|end| end.cut_short)
    }

    /// What the process should exit with, as long as nothing is said about what was expected to
    /// fail: 1 when the subject failed; else 3 when the harness did, left something behind or did
    /// not run everything; else 4 when no case was selected; else 0.
    pub fn exit_code(&self) -> u8 {
        let any = |wanted: fn(Verdict) -> bool| self.cases.values().any(|c| wanted(c.verdict()));
        let leaked = self.finished.as_ref().is_some_and(|end| !end.leaks.is_empty());
        if any(Verdict::is_bad) {
            1
        } else if leaked || any(|verdict| verdict == Verdict::Broken) {
            3
        } else if self.cases.is_empty() && self.started.as_ref().is_none_or(|run| run.cases == 0) {
            4
        } else if self.is_incomplete() {
            3
        } else {
            0
        }
    }
}

/// How many cases went which way. `Display` gives the line that every summary ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pass and slow.
    pub passed: usize,
    /// Fail, hang, crash and broken.
    pub failed: usize,
    /// Skipped and unsupported.
    pub skipped: usize,
}

impl Counts {
    fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Pass | Verdict::Slow => self.passed += 1,
            Verdict::Fail | Verdict::Hang | Verdict::Crash | Verdict::Broken => self.failed += 1,
            Verdict::Unsupported | Verdict::Skipped => self.skipped += 1,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// What all repetitions of one case add up to.
#[derive(Clone, Debug)]
pub struct CaseTally {
    scenario: ScenarioId,
    /// How often it came to each verdict, in the order of [`Verdict`].
    times: [u32; 8],
    /// Why it was not run, where it was not.
    reason: Option<String>,
    excused: bool,
    longest: Duration,
}

impl CaseTally {
    const fn new(scenario: ScenarioId) -> Self {
        Self { scenario, times: [0; 8], reason: None, excused: false, longest: Duration::ZERO }
    }

    fn count(&mut self, case: &CaseFinished) {
        self.times[case.verdict as usize] += 1;
        self.longest = self.longest.max(case.took);
        self.excused |=
            case.steps.iter().any(|step| matches!(step.judgement, Judgement::Excused { .. }));
        if self.reason.is_none() && !case.verdict.is_bad() {
            self.reason.clone_from(&case.reason);
        }
    }

    /// The scenario it belongs to.
    pub const fn scenario(&self) -> &ScenarioId {
        &self.scenario
    }

    /// The worst that it came to: one bad repetition makes it bad, one slow one slow.
    pub fn verdict(&self) -> Verdict {
        [
            Verdict::Crash,
            Verdict::Hang,
            Verdict::Fail,
            Verdict::Broken,
            Verdict::Slow,
            Verdict::Pass,
            Verdict::Unsupported,
        ]
        .into_iter()
        .find(|verdict| self.times[*verdict as usize] > 0)
        .unwrap_or(Verdict::Skipped)
    }

    /// How often it ran.
    pub fn runs(&self) -> u32 {
        self.times.iter().sum()
    }

    /// How often it failed: fail, hang, crash or broken.
    pub const fn failed(&self) -> u32 {
        self.bad() + self.times[Verdict::Broken as usize]
    }

    const fn bad(&self) -> u32 {
        self.times[Verdict::Fail as usize]
            + self.times[Verdict::Hang as usize]
            + self.times[Verdict::Crash as usize]
    }

    /// Whether it was good once and bad another time.
    pub const fn is_flaky(&self) -> bool {
        let good = self.times[Verdict::Pass as usize] + self.times[Verdict::Slow as usize];
        good > 0 && self.bad() > 0
    }

    /// Why it was skipped, unsupported, broken or not decided, where it was and a reason was given.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Whether a step gave something else and was excused for its level.
    pub const fn is_excused(&self) -> bool {
        self.excused
    }

    /// The time of the longest repetition.
    pub const fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::report::fixture;

    fn tally(events: &[Event]) -> Tally {
        let mut tally = Tally::default();
        for event in events {
            tally.event(event);
        }
        tally
    }

    #[test]
    fn every_verdict_is_counted_once() {
        let tally = tally(&fixture::run());
        let verdicts = tally.verdicts();
        assert_eq!(verdicts.len(), 8, "the run holds every verdict: {verdicts:?}");
        let counts = tally.counts();
        assert_eq!(counts.passed, verdicts[&Verdict::Pass] + verdicts[&Verdict::Slow]);
        assert_eq!(counts.skipped, verdicts[&Verdict::Skipped] + verdicts[&Verdict::Unsupported]);
        assert_eq!(
            counts.passed + counts.failed + counts.skipped,
            usize::try_from(tally.runs()).expect("few")
        );
        assert_eq!(tally.areas().values().map(|area| area.failed).sum::<usize>(), counts.failed);
    }

    #[test]
    fn further_attempts_are_told() {
        let mut events = fixture::run();
        assert_eq!(tally(&events).repetitions(), 0);
        for event in &mut events {
            if let Event::CaseFinished(case) = event {
                case.attempts = 3;
            }
        }
        let tally = tally(&events);
        assert_eq!(tally.repetitions(), 2 * tally.runs());
        let palette = crate::report::Palette::plain();
        let shown = crate::report::summary::Summary { tally: &tally, palette }.to_string();
        assert!(shown.contains("run again, having failed while the machine stalled"), "{shown}");
    }

    #[test]
    fn what_was_not_decided_is_told_before_what_was_only_slow() {
        let mut events = fixture::run_of(&[Verdict::Slow; 9]);
        let slow = events.iter_mut().rev().find_map(|event| match event {
            Event::CaseFinished(case) => Some(case),
            _ => None,
        });
        slow.expect("the run has cases").reason = Some("not decided: the machine".to_owned());
        let tally = tally(&events);
        let palette = crate::report::Palette::plain();
        let shown = crate::report::summary::Summary { tally: &tally, palette }.to_string();
        let first = shown.lines().find(|line| line.starts_with("slow: "));
        assert!(first.is_some_and(|line| line.ends_with(", not decided: the machine")), "{shown}");
    }

    #[test]
    fn a_repeated_case_counts_once() {
        let tally = tally(&fixture::repeated_run());
        assert_eq!(tally.runs(), 600);
        assert_eq!(tally.counts(), Counts { passed: 2, failed: 1, skipped: 0 });
        assert_eq!(tally.verdicts()[&Verdict::Slow], 1);
        let flaky: Vec<_> = tally.flaky().map(|(_, case)| (case.failed(), case.runs())).collect();
        assert_eq!(flaky, [(3, 200)]);
    }

    #[rstest]
    #[case::all_good(&[Verdict::Pass, Verdict::Slow], 0)]
    #[case::nothing_ran_but_for_a_reason(&[Verdict::Skipped, Verdict::Unsupported], 0)]
    #[case::failed(&[Verdict::Pass, Verdict::Fail], 1)]
    #[case::hung(&[Verdict::Hang], 1)]
    #[case::crashed(&[Verdict::Crash], 1)]
    #[case::broken(&[Verdict::Pass, Verdict::Broken], 3)]
    #[case::failure_wins(&[Verdict::Broken, Verdict::Fail], 1)]
    #[case::nothing_selected(&[], 4)]
    fn the_exit_code_tells_whose_fault_it_is(#[case] verdicts: &[Verdict], #[case] code: u8) {
        assert_eq!(tally(&fixture::run_of(verdicts)).exit_code(), code);
    }

    #[test]
    fn what_was_left_behind_or_left_out_is_the_harness_fault() {
        let mut events = fixture::run_of(&[Verdict::Pass]);
        assert_eq!(tally(&events[..events.len() - 1]).exit_code(), 3, "no end");
        let Some(Event::RunFinished(end)) = events.last_mut() else {
            panic!("a run ends with its end")
        };
        end.leaks.push("socket 7".to_owned());
        assert_eq!(tally(&events).exit_code(), 3, "a leak");
        let Some(Event::RunFinished(end)) = events.last_mut() else {
            panic!("a run ends with its end")
        };
        (end.leaks, end.cut_short) = (Vec::new(), true);
        assert_eq!(tally(&events).exit_code(), 3, "cut short");
    }
}
