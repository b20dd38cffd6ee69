use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::standing::Standing;
use crate::run::event::{CaseFinished, Event, Judgement, RunFinished, RunStarted};
use crate::run::{Entry, Verdict};
use crate::vocabulary::{CaseId, Date, Ending, ScenarioId};

/// What the events of a run add up to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    started: Option<RunStarted>,
    finished: Option<RunFinished>,
    cases: BTreeMap<CaseId, CaseTally>,
    /// The position of the entry that speaks of a case.
    known: BTreeMap<CaseId, usize>,
    runs: u64,
    repetitions: u64,
}

impl Tally {
    /// Takes note of one event.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::RunStarted(started) => {
                for (position, entry) in started.entries().iter().enumerate() {
                    self.known.extend(entry.cases.iter().map(|case| (case.clone(), position)));
                }
                self.started = Some(started.clone());
            }
            Event::RunFinished(finished) => self.finished = Some(finished.clone()),
            Event::CaseFinished(case) => {
                self.runs += 1;
                self.repetitions += u64::from(case.attempts.saturating_sub(1));
                if let Some(tally) = self.cases.get_mut(&case.case) {
                    tally.count(case);
                } else {
                    let entry = self.known.get(&case.case).copied();
                    let entries = self.started.as_ref().map(RunStarted::entries);
                    let entry =
                        entry.and_then(|position| Some((position, entries?.get(position)?)));
                    let mut tally = CaseTally::new(case.scenario.clone(), entry);
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
        self.cases.values().for_each(|case| counts.add(case));
        counts
    }

    /// The cases of each area, sorted by its name.
    pub fn areas(&self) -> BTreeMap<&str, Counts> {
        let mut areas: BTreeMap<&str, Counts> = BTreeMap::new();
        for case in self.cases.values() {
            areas.entry(case.scenario.area()).or_default().add(case);
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

    /// The cases that stand so, sorted by id.
    pub fn standing(&self, standing: Standing) -> impl Iterator<Item = (&CaseId, &CaseTally)> {
        self.cases().filter(move |(_, case)| case.standing() == Some(standing))
    }

    /// The cases that are bad as their entry says, sorted by id: as many as [`Counts::known`] counts.
    pub fn known(&self) -> impl Iterator<Item = (&CaseId, &CaseTally)> {
        self.cases().filter(|(_, case)| case.is_known())
    }

    /// The entry of the expectations that speaks of a case.
    pub fn entry(&self, case: &CaseId) -> Option<&Entry> {
        self.started.as_ref()?.entries().get(*self.known.get(case)?)
    }

    /// The entries that had to be looked at again by the day of the run, in the order of their file.
    pub fn past(&self) -> impl Iterator<Item = &Entry> {
        let day = Date::at(self.started.as_ref().map_or(0, |run| run.at));
        let entries = self.started.as_ref().map_or(&[][..], RunStarted::entries);
        entries.iter().filter(move |entry| entry.is_past(day))
    }

    /// Whether the run has not run all it announced: it was cut short, or its end is missing.
    pub fn is_incomplete(&self) -> bool {
        self.started.is_some() && self.finished.as_ref().is_none_or(|end| end.cut_short)
    }

    /// What the process should exit with. The first of these that is so:
    ///
    /// - 1: a case is a regression, or flaky;
    /// - 3: the harness failed or left something behind;
    /// - 4: no case was selected;
    /// - 3: not everything was run;
    /// - 5: an entry of the expectations is stale: a case it says to be bad was good, or it is past
    ///   its date;
    /// - 0.
    pub fn exit_code(&self) -> u8 {
        let any = |wanted: fn(Standing) -> bool| {
            self.cases.values().any(|case| case.standing().is_some_and(wanted))
        };
        let is_broken = self.cases.values().any(|case| case.times(Verdict::Broken) > 0);
        let has_leaks = self.finished.as_ref().is_some_and(|end| !end.leaks.is_empty());
        if any(Standing::is_failure) {
            1
        } else if has_leaks || is_broken {
            3
        } else if self.cases.is_empty() && self.started.as_ref().is_none_or(|run| run.cases == 0) {
            4
        } else if self.is_incomplete() {
            3
        } else if any(|standing| standing == Standing::Mended) || self.past().next().is_some() {
            5
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
    /// Fail, hang, crash and broken, less what is known.
    pub failed: usize,
    /// Skipped and unsupported.
    pub skipped: usize,
    /// Fail, hang and crash as the subject's expectations say.
    pub known: usize,
}

impl Counts {
    fn add(&mut self, case: &CaseTally) {
        match case.verdict() {
            Verdict::Pass | Verdict::Slow => self.passed += 1,
            _ if case.is_known() => self.known += 1,
            Verdict::Fail | Verdict::Hang | Verdict::Crash | Verdict::Broken => self.failed += 1,
            Verdict::Unsupported | Verdict::Skipped => self.skipped += 1,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped, known } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")?;
        if *known > 0 { write!(f, ", {known} known") } else { Ok(()) }
    }
}

/// What all repetitions of one case add up to.
#[derive(Clone, Debug)]
pub struct CaseTally {
    scenario: ScenarioId,
    /// How often it came to each verdict, in the order of [`Verdict`].
    times: [u32; 8],
    /// In how many repetitions it was good only because it could not be decided, or because a step
    /// was excused.
    uncertain: u32,
    /// In how many it could not be decided.
    undecided: u32,
    /// The position of the entry that speaks of it, and the verdicts that it says.
    entry: Option<usize>,
    expects: [bool; 8],
    /// How the entry says that a failing step ends its stream, and in how many repetitions one ended it
    /// otherwise.
    ending: Option<Ending>,
    ends_otherwise: u32,
    /// Why it was not run, where it was not.
    reason: Option<String>,
    excused: bool,
    longest: Duration,
    stall: Duration,
}

impl CaseTally {
    fn new(scenario: ScenarioId, entry: Option<(usize, &Entry)>) -> Self {
        Self {
            scenario,
            times: [0; 8],
            uncertain: 0,
            undecided: 0,
            entry: entry.map(|(position, _)| position),
            expects: Verdict::ALL
                .map(|verdict| entry.is_some_and(|(_, entry)| entry.expects(verdict))),
            ending: entry.and_then(|(_, entry)| entry.ending),
            ends_otherwise: 0,
            reason: None,
            excused: false,
            longest: Duration::ZERO,
            stall: Duration::ZERO,
        }
    }

    fn count(&mut self, case: &CaseFinished) {
        self.times[case.verdict as usize] += 1;
        self.ends_otherwise += u32::from(case.fails_but_for(self.ending));
        self.longest = self.longest.max(case.took);
        self.stall = self.stall.max(case.stall);
        let is_excused =
            case.steps.iter().any(|step| matches!(step.judgement, Judgement::Excused { .. }));
        self.excused |= is_excused;
        let is_undecided = case.is_undecided();
        self.undecided += u32::from(is_undecided);
        if case.verdict.is_good() && (is_excused || is_undecided) {
            self.uncertain += 1;
        }
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
        self.bad() + self.times(Verdict::Broken)
    }

    const fn bad(&self) -> u32 {
        self.times(Verdict::Fail) + self.times(Verdict::Hang) + self.times(Verdict::Crash)
    }

    /// How often it came to this verdict.
    pub const fn times(&self, verdict: Verdict) -> u32 {
        self.times[verdict as usize]
    }

    /// How it stands against the expectations, once it has come to a verdict on the subject.
    pub fn standing(&self) -> Option<Standing> {
        Standing::of(self)
    }

    /// Whether it is bad as an entry says. It may also stand as its entry says by being good: where that
    /// says both, or where it could not be decided.
    pub(super) fn is_known(&self) -> bool {
        self.verdict().is_bad() && self.standing() == Some(Standing::Known)
    }

    /// The position of the entry that speaks of it.
    pub(super) const fn entry(&self) -> Option<usize> {
        self.entry
    }

    /// Whether the entry that speaks of it says so.
    pub(super) const fn expects(&self, verdict: Verdict) -> bool {
        self.expects[verdict as usize]
    }

    /// Whether it failed as the entry says, but with another ending.
    pub(super) const fn ends_otherwise(&self) -> bool {
        self.ends_otherwise > 0
    }

    /// Whether it was good at least once.
    pub(super) const fn is_good(&self) -> bool {
        self.times(Verdict::Pass) + self.times(Verdict::Slow) > 0
    }

    /// Whether it was good at least once without anything having been overlooked.
    pub(super) const fn is_good_for_certain(&self) -> bool {
        self.times(Verdict::Pass) + self.times(Verdict::Slow) > self.uncertain
    }

    /// Why it was skipped, unsupported, broken or not decided, where it was and a reason was given.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Whether a step gave something else and was excused for its level.
    pub const fn is_excused(&self) -> bool {
        self.excused
    }

    /// In how many repetitions it could not be decided, because the machine stalled.
    pub const fn undecided(&self) -> u32 {
        self.undecided
    }

    /// Whether every repetition came to the same verdict, and was decided.
    pub fn is_steady(&self) -> bool {
        self.undecided == 0 && self.times.iter().filter(|times| **times > 0).count() <= 1
    }

    /// The longest stall that was seen in any repetition.
    pub const fn stall(&self) -> Duration {
        self.stall
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
        assert_eq!(tally.counts(), Counts { passed: 2, failed: 1, skipped: 0, known: 0 });
        assert_eq!(tally.verdicts()[&Verdict::Slow], 1);
        let flaky: Vec<_> =
            tally.standing(Standing::Flaky).map(|(_, case)| (case.failed(), case.runs())).collect();
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

    #[rstest]
    #[case::as_known(&[Verdict::Fail], None, 0)]
    #[case::mended(&[Verdict::Pass], None, 5)]
    #[case::past_its_date(&[Verdict::Fail], Some("2023-11-14"), 5)]
    #[case::before_its_date(&[Verdict::Fail], Some("2023-11-15"), 0)]
    #[case::bad_otherwise(&[Verdict::Hang], Some("2023-11-14"), 1)]
    #[case::flaky(&[Verdict::Fail, Verdict::Pass], None, 1)]
    #[case::not_run(&[Verdict::Skipped], None, 0)]
    #[case::past_its_date_and_not_run(&[Verdict::Skipped], Some("2023-11-14"), 5)]
    #[case::broken(&[Verdict::Broken], Some("2023-11-14"), 3)]
    #[case::known_and_broken(&[Verdict::Fail, Verdict::Broken], None, 3)]
    fn the_exit_code_tells_what_was_not_known(
        #[case] verdicts: &[Verdict],
        #[case] until: Option<&str>,
        #[case] code: u8,
    ) {
        let mut events = fixture::one_case(verdicts, &[Verdict::Fail]);
        let Event::RunStarted(run) = &mut events[0] else { panic!("a run starts") };
        let known = run.known.as_mut().expect("an entry speaks of it");
        known.entries[0].until = until.map(|until| until.parse().expect("a date"));
        assert_eq!(tally(&events).exit_code(), code);
    }

    #[test]
    fn what_is_stale_matters_least() {
        let stale = fixture::one_case(&[Verdict::Pass], &[Verdict::Fail]);
        assert_eq!(tally(&stale).exit_code(), 5);
        assert_eq!(tally(&stale[..stale.len() - 1]).exit_code(), 3, "no end");
        let mut leaking = stale;
        let Some(Event::RunFinished(end)) = leaking.last_mut() else { panic!("a run ends") };
        end.leaks.push("socket 7".to_owned());
        assert_eq!(tally(&leaking).exit_code(), 3, "a leak");
    }

    #[test]
    fn what_is_known_is_counted_by_itself() {
        let tally = tally(&fixture::known_run());
        assert_eq!(tally.counts().to_string(), "3 passed, 4 failed, 2 skipped, 6 known");
        assert_eq!(tally.known().count(), 6);
        assert_eq!(tally.standing(Standing::Mended).count(), 1);
        assert_eq!(tally.exit_code(), 1);
    }

    #[test]
    fn what_passes_as_an_entry_says_is_not_counted_as_known() {
        let tally = tally(&fixture::one_case(&[Verdict::Pass], &[Verdict::Fail, Verdict::Pass]));
        assert_eq!(tally.standing(Standing::Known).count(), 1);
        assert_eq!(tally.known().count(), 0);
        assert_eq!(tally.counts(), Counts { passed: 1, failed: 0, skipped: 0, known: 0 });
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
