use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Verdict;
use super::accounts::Accounts;
use super::attempt::{ATTEMPTS, give_up, is_undecided};
use super::bench::Bench;
use super::event::{CaseFinished, Event, HostsMade, RunFinished, RunStarted};
use super::known::Known;
use super::limits::Limits;
use super::pending::Pending;
use super::plan::{Batch, Plan};
use super::same;
use super::selection::Shard;
use super::stall::Witness;
use super::stop::Stop;
use super::trial::Trial;
use crate::net::Made;
use crate::scenario::Case;
use crate::subject::{Admission, Subject};
use crate::vocabulary::Level;

/// How a plan is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where the scenarios come from, for a person to read.
    pub suite: String,
    /// The files and folders they come from, where some were given.
    pub paths: Vec<String>,
    /// The command that was given, where the subject's agent, or the proxy, has no name of its own.
    pub command: Vec<String>,
    /// To how many hosts the groups of a lan were grown.
    pub hosts: Option<usize>,
    /// Which part of the suite the plan is; that is only told.
    pub shard: Option<Shard>,
    /// How often each case runs.
    pub repeat: u32,
    /// How many cases run side by side; without it, one a core of those that compute, and of those
    /// that wait as many as the subject can hold.
    pub jobs: Option<usize>,
    /// The seed of the order.
    pub seed: Option<u64>,
    /// The bounds in force.
    pub limits: Limits,
    /// Whether the first failure ends the run.
    pub fail_fast: bool,
    /// Steps that bind less than this excuse what they miss.
    pub floor: Level,
    /// Whether packets are captured wherever that is possible, and kept of every case; without
    /// that they are kept of those that did not pass, where they were captured anyway.
    pub keep_packets: bool,
    /// Whether nothing else goes on in this process: only then can be told what is left behind.
    pub alone: bool,
    /// How many threads of a [`Load`] compute meanwhile; that is only told.
    ///
    /// [`Load`]: super::load::Load
    pub stress: Option<u32>,
    /// What the subject is known to do otherwise. It is told, and no failure for `fail_fast`.
    pub known: Option<Known>,
    /// Where each case tells at which step it is.
    pub pending: Option<Arc<Pending>>,
    /// Who may ask to end the run before its time.
    pub stop: Option<Arc<Stop>>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            suite: String::new(),
            paths: Vec::new(),
            command: Vec::new(),
            hosts: None,
            shard: None,
            repeat: 1,
            jobs: None,
            seed: None,
            limits: Limits::default(),
            fail_fast: false,
            floor: Level::May,
            keep_packets: false,
            alone: true,
            stress: None,
            known: None,
            pending: None,
            stop: None,
        }
    }
}

/// How many threads wait at once at most.
const WAITERS: usize = 256;
/// How many cases go at once for each core where other programs perform the operations.
const ELSEWHERE: usize = 4;
/// The stack of a thread that runs cases.
const STACK: usize = 512 << 10;

/// Runs a plan on a subject and hands every event to `sink`, on the calling thread.
///
/// What the subject does, however bad, is an event; nothing here fails.
pub fn run(
    mut plan: Plan,
    subject: &dyn Subject,
    options: &RunOptions,
    sink: &mut dyn FnMut(Event),
) {
    let scenarios = plan.scenarios();
    if let Some(seed) = options.seed {
        plan.shuffle(seed);
    }
    let began = Instant::now();
    let accounts = options.alone.then(Accounts::take).flatten();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    sink(Event::RunStarted(RunStarted {
        subject: subject.name().to_owned(),
        subject_version: subject.version().to_owned(),
        peer: subject.peer(),
        command: options.command.clone(),
        suite: options.suite.clone(),
        paths: options.paths.clone(),
        hosts: options.hosts.and_then(|hosts| u32::try_from(hosts).ok()),
        shard: options.shard,
        repeat: options.repeat,
        jobs: u32::try_from(options.jobs.unwrap_or(cores)).unwrap_or(u32::MAX),
        seed: options.seed,
        stress: options.stress,
        known: options.known.clone(),
        ..RunStarted::of(&plan)
    }));
    for scenario in scenarios {
        sink(Event::ScenarioLoaded(scenario));
    }
    let witness = if options.stress.is_some() || plan.cases().any(Case::is_timed) {
        Witness::start().unwrap_or_else(|_| Witness::absent())
    } else {
        Witness::absent()
    };
    let bench = Bench {
        floor: options.floor,
        keep_packets: options.keep_packets,
        pending: options.pending.as_deref(),
        stop: options.stop.as_deref(),
        ..Bench::new(subject, &options.limits, &witness)
    };
    if let Some(stop) = &options.stop {
        stop.concerns(subject.aborter());
    }
    let mut stall = Duration::ZERO;
    let cut_short = run_batches(bench, &plan, options, cores, &mut |event| {
        if let Event::CaseFinished(case) = &event {
            stall = stall.max(case.stall);
        }
        sink(event);
    });
    if let Some(stop) = &options.stop {
        stop.concerns(None);
    }
    let stall = stall.max(witness.worst());
    drop(witness);
    let made = subject.made();
    subject.settle();
    let leaks = accounts.map(Accounts::surplus).unwrap_or_default();
    let made = made.map(|Made { hosts, took, leased }| HostsMade { hosts, took, leased });
    let took = began.elapsed();
    sink(Event::RunFinished(RunFinished {
        took,
        stall,
        cut_short,
        missing: Vec::new(),
        leaks,
        made,
    }));
}

/// Lets threads take batches from two queues: of those that wait, the longest first, and of those
/// that compute. Gives whether any are left, or were given up.
fn run_batches(
    bench: Bench<'_>,
    plan: &Plan,
    options: &RunOptions,
    cores: usize,
    sink: &mut dyn FnMut(Event),
) -> bool {
    let mut waiting: Vec<&Batch> =
        plan.batches.iter().map(AsRef::as_ref).filter(|batch: &&Batch| batch.waits()).collect();
    if options.seed.is_none() {
        waiting.sort_by_key(|batch| std::cmp::Reverse(batch.least()));
    }
    let computing: Vec<&Batch> =
        plan.batches.iter().map(AsRef::as_ref).filter(|batch: &&Batch| !batch.waits()).collect();
    let capacity = bench.subject.capacity();
    let turns = |batches: usize| batches.saturating_mul(options.repeat as usize);
    let waiters = match options.jobs {
        Some(_) => 0,
        None => turns(waiting.len()).min(WAITERS).min(capacity.saturating_sub(cores)),
    };
    // A number of jobs that somebody chose holds for everything together; and where the subject
    // leaves no room for threads that only wait, the others do that too.
    let shares = waiters == 0;
    let left = if shares { plan.batches.len() } else { computing.len() };
    let usual = if bench.subject.is_elsewhere() { ELSEWHERE * cores } else { cores };
    let workers = turns(left).min(options.jobs.unwrap_or(usual).max(1)).min(capacity.max(1));
    let queues = [Queue::new(waiting, options.repeat), Queue::new(computing, options.repeat)];
    let workers_queues = if shares { &queues[..] } else { &queues[1..] };
    let (enough, gave_up) = (AtomicBool::new(false), AtomicBool::new(false));
    let work = |queues: &[Queue<'_>], sender: &Sender<Event>| {
        for queue in queues {
            while !enough.load(Ordering::Relaxed)
                && !bench.is_stopped()
                && let Some((batch, iteration)) = queue.take()
            {
                match run_batch(bench, batch, iteration, options.known.as_ref(), sender) {
                    None => gave_up.store(true, Ordering::Relaxed),
                    Some(false) if options.fail_fast => enough.store(true, Ordering::Relaxed),
                    Some(_) => {}
                }
            }
        }
    };
    let (sender, receiver) = channel();
    thread::scope(|scope| {
        let threads =
            (0..waiters).map(|_| &queues[..1]).chain((0..workers).map(|_| workers_queues));
        // One batch alone is not worth a thread.
        let single = turns(plan.batches.len()) == 1;
        let mut left = Vec::new();
        let work = &work;
        for queues in threads {
            let sender = sender.clone();
            let builder = thread::Builder::new().name("cases".to_owned()).stack_size(STACK);
            if single || builder.spawn_scoped(scope, move || work(queues, &sender)).is_err() {
                left.push(queues);
            }
        }
        // What no thread was had for is done here: late, but done.
        for queues in left {
            work(queues, &sender);
        }
        drop(sender);
        for event in receiver {
            sink(event);
        }
    });
    gave_up.into_inner() || queues.iter().any(|queue| !queue.is_empty())
}

/// Batches that are still to be taken, all of them once, then all of them again, as often as they
/// are repeated.
struct Queue<'a> {
    batches: Vec<&'a Batch>,
    repeat: u32,
    /// How many turns were taken. A turn is a number, since of a million repetitions a list would
    /// not fit into memory.
    taken: AtomicU64,
}

impl<'a> Queue<'a> {
    const fn new(batches: Vec<&'a Batch>, repeat: u32) -> Self {
        Self { batches, repeat, taken: AtomicU64::new(0) }
    }

    fn take(&self) -> Option<(&'a Batch, u32)> {
        let turn = self.taken.fetch_add(1, Ordering::Relaxed);
        let round = turn.checked_div(self.batches.len() as u64)?;
        let iteration = u32::try_from(round).ok().filter(|round| *round < self.repeat)? + 1;
        let position = usize::try_from(turn % self.batches.len() as u64).ok()?;
        Some((self.batches[position], iteration))
    }

    fn is_empty(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= self.batches.len() as u64 * u64::from(self.repeat)
    }
}

/// Gives whether no case of it was broken, or bad in a way that was not known; `None` where it was
/// given up because the run is to end.
fn run_batch(
    bench: Bench<'_>,
    batch: &Batch,
    iteration: u32,
    known: Option<&Known>,
    sender: &Sender<Event>,
) -> Option<bool> {
    let mut finished = Vec::with_capacity(batch.cases.len());
    for case in &batch.cases {
        // The receiver lives until every sender is gone.
        let _ = sender.send(Event::CaseStarted { case: case.id.clone(), iteration });
        let case = run_case(bench, case, iteration);
        if bench.is_stopped() {
            break;
        }
        finished.push(case);
    }
    let is_whole = finished.len() == batch.cases.len();
    if !is_whole {
        // What passed has not been compared with the others.
        finished.retain(|case| case.verdict.is_bad());
    } else if finished.len() > 1 {
        same::compare(&batch.cases.iter().collect::<Vec<_>>(), &mut finished);
    }
    let is_known = |case: &CaseFinished| {
        known.and_then(|known| known.of(&case.case)).is_some_and(|entry| entry.bears_out(case))
    };
    let is_fine = |case: &CaseFinished| match case.verdict {
        Verdict::Broken => false,
        verdict => !verdict.is_bad() || is_known(case),
    };
    let all_fine = finished.iter().all(is_fine);
    for finished in finished {
        let _ = sender.send(Event::CaseFinished(Box::new(finished)));
    }
    is_whole.then_some(all_fine)
}

fn run_case(bench: Bench<'_>, case: &Case, iteration: u32) -> CaseFinished {
    let trial = AssertUnwindSafe(|| match bench.subject.admit(case) {
        Admission::Skip(reason) => not_run(case, iteration, Verdict::Skipped, reason),
        Admission::Unsupported(reason) => not_run(case, iteration, Verdict::Unsupported, reason),
        Admission::Run => decide(bench, case, iteration),
    });
    catch_unwind(trial).unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("without a message");
        not_run(case, iteration, Verdict::Broken, format!("the harness panicked: {said}"))
    })
}

/// Runs a case, and runs it again where it failed while the machine stalled.
fn decide(bench: Bench<'_>, case: &Case, iteration: u32) -> CaseFinished {
    let mut attempts = 1;
    loop {
        let mut finished = Trial::run(bench, case, iteration);
        finished.attempts = attempts;
        if bench.is_stopped() || !is_undecided(case, &finished, bench.limits) {
            return finished;
        }
        if attempts == ATTEMPTS {
            give_up(&mut finished);
            return finished;
        }
        attempts += 1;
    }
}

fn not_run(case: &Case, iteration: u32, verdict: Verdict, reason: String) -> CaseFinished {
    CaseFinished {
        case: case.id.clone(),
        scenario: case.scenario.id.clone(),
        variant: case.variant.clone(),
        iteration,
        level: case.scenario.level,
        verdict,
        reason: Some(reason),
        steps: Vec::new(),
        took: Duration::ZERO,
        stall: Duration::ZERO,
        attempts: 1,
        packets: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::run::known::Entry;
    use crate::run::scripted::{Act, Asked, Scripted, at_once, cases, millis};
    use crate::vocabulary::{Op, Outcome};

    /// A scenario of so many cases, each of which computes.
    fn computing(cases: usize) -> String {
        let numbers: Vec<String> = (0..cases).map(|number| number.to_string()).collect();
        format!(
            "\"t\"\nover tcp4\nvary backlog {}\n\nclient bind l tcp4 client:p => ok\n\
             client listen l $backlog => ok\n",
            numbers.join(" ")
        )
    }

    /// The same, but each waits.
    fn waiting(cases: usize) -> String {
        format!("{}\nwait 1s\n", computing(cases))
    }

    fn plan(texts: &[&str]) -> Plan {
        let cases = texts.iter().enumerate().flat_map(|(at, text)| cases(&format!("a/{at}"), text));
        Plan::new(cases, &crate::run::Selection::default())
    }

    struct Run {
        finished: Vec<CaseFinished>,
        end: RunFinished,
    }

    impl Run {
        fn of(plan: Plan, subject: &Scripted, options: &RunOptions) -> Self {
            let mut finished = Vec::new();
            let mut end = None;
            run(plan, subject, options, &mut |event| match event {
                Event::CaseFinished(case) => finished.push(*case),
                Event::RunFinished(run) => end = Some(run),
                _ => {}
            });
            Self { finished, end: end.expect("every run ends") }
        }

        fn verdicts(&self) -> BTreeMap<Verdict, usize> {
            let mut verdicts = BTreeMap::new();
            for case in &self.finished {
                *verdicts.entry(case.verdict).or_default() += 1;
            }
            verdicts
        }
    }

    fn obedient() -> Scripted {
        Scripted::new(|_| None)
    }

    #[test]
    fn cases_that_wait_do_so_all_at_once() {
        let subject = Scripted { company: 40, ..obedient() };
        let run = Run::of(plan(&[&waiting(40)]), &subject, &RunOptions::default());
        assert_eq!(run.verdicts(), [(Verdict::Pass, 40)].into());
        assert_eq!(subject.most_open(), 40);
    }

    #[test]
    fn cases_that_compute_go_one_a_core() {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let subject = Scripted { company: cores, ..obedient() };
        let run = Run::of(plan(&[&computing(40)]), &subject, &RunOptions::default());
        assert_eq!(run.verdicts(), [(Verdict::Pass, 40)].into());
        assert_eq!(subject.most_open(), cores);
    }

    #[test]
    fn more_of_them_go_where_other_programs_compute() {
        let several = ELSEWHERE * thread::available_parallelism().map_or(1, usize::from);
        let subject = Scripted { elsewhere: true, company: several, ..obedient() };
        let run = Run::of(plan(&[&computing(40)]), &subject, &RunOptions::default());
        assert_eq!(run.verdicts(), [(Verdict::Pass, 40)].into());
        assert_eq!(subject.most_open(), several.min(40));
    }

    #[test]
    fn a_number_of_jobs_holds_for_everything_together() {
        let subject = Scripted { company: 3, ..obedient() };
        let options = RunOptions { jobs: Some(3), ..RunOptions::default() };
        let run = Run::of(plan(&[&waiting(10), &computing(10)]), &subject, &options);
        assert_eq!(run.verdicts(), [(Verdict::Pass, 20)].into());
        assert_eq!(subject.most_open(), 3);
    }

    #[test]
    fn a_subject_of_little_room_still_gets_every_case() {
        for capacity in [0, 1, 2] {
            let subject = Scripted { capacity, ..obedient() };
            let everything = || plan(&[&waiting(5), &computing(5)]);
            let run = Run::of(everything(), &subject, &RunOptions::default());
            assert_eq!(run.verdicts(), [(Verdict::Pass, 10)].into(), "capacity {capacity}");
            assert!(subject.most_open() <= capacity.max(1), "capacity {capacity}");
        }
    }

    #[test]
    fn no_jobs_at_all_is_one() {
        let options = RunOptions { jobs: Some(0), ..RunOptions::default() };
        let run = Run::of(plan(&[&waiting(2)]), &obedient(), &options);
        assert_eq!(run.finished.len(), 2);
    }

    #[test]
    fn every_case_runs_as_often_as_asked() {
        let options = RunOptions { repeat: 3, ..RunOptions::default() };
        let run = Run::of(plan(&[&waiting(4), &computing(4)]), &obedient(), &options);
        let mut iterations: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for case in &run.finished {
            iterations.entry(case.case.to_string()).or_default().push(case.iteration);
        }
        assert_eq!(iterations.len(), 8);
        for (case, mut found) in iterations {
            found.sort_unstable();
            assert_eq!(found, [1, 2, 3], "{case}");
        }
        assert!(!run.end.cut_short);
    }

    #[test]
    fn many_repetitions_take_no_memory() {
        let plan = plan(&[&computing(100)]);
        let queue = Queue::new(plan.batches.iter().map(AsRef::as_ref).collect(), u32::MAX);
        assert_eq!(queue.take().map(|(_, iteration)| iteration), Some(1));
        queue.taken.store(100 * u64::from(u32::MAX) - 1, Ordering::Relaxed);
        assert!(!queue.is_empty());
        assert_eq!(queue.take().map(|(_, iteration)| iteration), Some(u32::MAX));
        assert!(queue.is_empty());
        assert!(queue.take().is_none());
        assert!(Queue::new(Vec::new(), 3).is_empty());
        assert!(Queue::new(Vec::new(), 3).take().is_none());
    }

    /// Whether it is the second operation of the case with this backlog.
    fn listens(asked: &Asked<'_>, backlog: i32) -> bool {
        matches!(asked.op, Op::Listen { backlog: found, .. } if *found == backlog)
    }

    #[test]
    fn once_it_is_to_end_no_case_begins_and_nothing_is_told_of_those_on_their_way() {
        let stop = Arc::<Stop>::default();
        let asked = Arc::clone(&stop);
        let subject = Scripted::new(move |call| {
            if listens(call, 3) {
                asked.ask();
            }
            None
        });
        let options = RunOptions { jobs: Some(1), stop: Some(stop), ..RunOptions::default() };
        let run = Run::of(plan(&[&computing(9)]), &subject, &options);
        assert_eq!((run.verdicts(), run.end.cut_short), ([(Verdict::Pass, 3)].into(), true));
    }

    #[test]
    fn a_run_that_is_to_end_when_it_has_is_whole() {
        let stop = Arc::<Stop>::default();
        let options = RunOptions { stop: Some(Arc::clone(&stop)), ..RunOptions::default() };
        let mut end = None;
        run(plan(&[&computing(1)]), &obedient(), &options, &mut |event| match event {
            Event::CaseFinished(_) => stop.ask(),
            Event::RunFinished(run) => end = Some(run),
            _ => {}
        });
        assert!(end.is_some_and(|end| !end.cut_short));
    }

    #[test]
    fn a_panic_breaks_its_case_and_no_other() {
        let subject = Scripted::new(|asked| listens(asked, 3).then_some(Act::Panic));
        let run = Run::of(plan(&[&computing(9)]), &subject, &RunOptions::default());
        assert_eq!(run.verdicts(), [(Verdict::Pass, 8), (Verdict::Broken, 1)].into());
        let broken = run.finished.iter().find(|case| case.verdict == Verdict::Broken);
        let reason = broken.and_then(|case| case.reason.clone());
        assert_eq!(reason.as_deref(), Some("the harness panicked: as the test wants it"));
    }

    #[test]
    fn the_first_failure_ends_the_run_where_that_is_asked_for() {
        for bad in [Act::Give(Outcome::EndOfStream, Duration::ZERO), Act::Block, Act::Refuse] {
            let subject = Scripted::new(move |asked| listens(asked, 0).then(|| bad.clone()));
            let options = RunOptions {
                fail_fast: true,
                jobs: Some(1),
                repeat: 100_000,
                ..RunOptions::default()
            };
            let run = Run::of(plan(&[&computing(2)]), &subject, &options);
            assert!(run.end.cut_short);
            assert!(run.finished.len() < 200_000);
        }
    }

    #[test]
    fn a_failure_that_was_known_does_not_end_the_run() {
        let subject = Scripted::new(|asked| listens(asked, 0).then_some(Act::Block));
        let entry = |verdict| Entry {
            line: 1,
            last_line: None,
            patterns: Vec::new(),
            until_line: None,
            cases: plan(&[&computing(2)]).cases().map(|case| case.id.clone()).collect(),
            verdicts: vec![verdict],
            ending: None,
            reason: "r".to_owned(),
            source: "s".to_owned(),
            until: None,
        };
        for (verdict, cut_short) in [(Verdict::Hang, false), (Verdict::Fail, true)] {
            let known = Known { file: "k.toml".to_owned(), entries: vec![entry(verdict)] };
            let options = RunOptions {
                fail_fast: true,
                jobs: Some(1),
                known: Some(known),
                ..RunOptions::default()
            };
            let run = Run::of(plan(&[&computing(2)]), &subject, &options);
            assert_eq!(run.end.cut_short, cut_short, "{verdict}");
        }
    }

    #[test]
    fn a_failure_at_the_very_end_cuts_nothing_short() {
        let subject = Scripted::new(|asked| listens(asked, 1).then_some(Act::Block));
        let options = RunOptions { fail_fast: true, jobs: Some(1), ..RunOptions::default() };
        let run = Run::of(plan(&[&computing(2)]), &subject, &options);
        assert_eq!(run.verdicts(), [(Verdict::Pass, 1), (Verdict::Hang, 1)].into());
        assert!(!run.end.cut_short);
    }

    #[test]
    fn what_the_subject_does_not_admit_does_not_run() {
        for (admission, verdict) in [
            (Admission::Skip("because".to_owned()), Verdict::Skipped),
            (Admission::Unsupported("because".to_owned()), Verdict::Unsupported),
        ] {
            let subject = Scripted { admission, ..obedient() };
            let run = Run::of(plan(&[&computing(2)]), &subject, &RunOptions::default());
            assert_eq!(run.verdicts(), [(verdict, 2)].into());
            assert_eq!(run.finished[0].reason.as_deref(), Some("because"));
            assert_eq!(subject.most_open(), 0);
        }
    }

    const ORDERS: &str = r#""t"
over tcp4
pair client.c server.s

vary order
  case one: client shutdown c read => ok or ENOTCONN
  case two: client shutdown c write => ok or ENOTCONN
  case three: client shutdown c both => ok or ENOTCONN
client send c "abc" => 1..3
same across order
"#;

    #[test]
    fn cases_that_must_agree_are_held_against_the_first() {
        let subject = Scripted::new(|asked| match asked.op {
            Op::Send { .. } if asked.case.contains("order=two") => at_once(Outcome::Count(1)),
            _ => None,
        });
        let run = Run::of(plan(&[ORDERS]), &subject, &RunOptions::default());
        assert_eq!(run.verdicts(), [(Verdict::Pass, 2), (Verdict::Fail, 1)].into());
        let other = &run.finished[1];
        let last = other.steps.last().map(|step| (step.place.line, step.judgement.clone()));
        let detail = Some("not the same as order=one, which gave 3".to_owned());
        let missed = crate::run::event::Judgement::Missed { detail };
        assert_eq!((other.verdict, last), (Verdict::Fail, Some((9, missed))));
    }

    #[test]
    fn a_case_that_failed_by_itself_is_compared_with_none() {
        let subject = Scripted::new(|asked| match asked.op {
            Op::Send { .. } if asked.case.contains("order=two") => at_once(Outcome::Count(9)),
            _ => None,
        });
        let run = Run::of(plan(&[ORDERS]), &subject, &RunOptions::default());
        let last = run.finished[1].steps.last().map(|step| step.judgement.clone());
        assert_eq!(run.verdicts(), [(Verdict::Pass, 2), (Verdict::Fail, 1)].into());
        assert_eq!(last, Some(crate::run::event::Judgement::Missed { detail: None }));
    }

    #[test]
    fn where_the_first_failed_the_next_good_one_stands_for_it() {
        let subject = Scripted::new(|asked| match asked.op {
            Op::Send { .. } if asked.case.contains("order=one") => at_once(Outcome::Count(9)),
            Op::Send { .. } if asked.case.contains("order=two") => at_once(Outcome::Count(2)),
            _ => None,
        });
        let run = Run::of(plan(&[ORDERS]), &subject, &RunOptions::default());
        assert_eq!(run.verdicts(), [(Verdict::Pass, 1), (Verdict::Fail, 2)].into());
    }

    #[test]
    fn the_seed_changes_the_order_and_nothing_else() {
        let order = |seed| {
            let options = RunOptions { seed, jobs: Some(1), ..RunOptions::default() };
            let run = Run::of(plan(&[&computing(20)]), &obedient(), &options);
            run.finished.into_iter().map(|case| case.case).collect::<Vec<_>>()
        };
        let (plain, one, other) = (order(None), order(Some(1)), order(Some(2)));
        assert_eq!(order(Some(1)), one);
        assert!(plain != one && one != other);
        let sorted = |mut cases: Vec<_>| {
            cases.sort();
            cases
        };
        assert_eq!(sorted(plain), sorted(one));
    }

    #[test]
    fn the_longest_waits_begin_first() {
        let text = "\"t\"\nover tcp4\nvary for 3s 1s 9s\n\nwait $for\n";
        let options = RunOptions { jobs: Some(1), ..RunOptions::default() };
        let run = Run::of(plan(&[text]), &obedient(), &options);
        let waited: Vec<Duration> = run.finished.iter().map(|case| case.steps[0].took).collect();
        assert_eq!(waited, [millis(9_000), millis(3_000), millis(1_000)]);
    }

    /// A scenario that waits, and then receives something else than it must.
    const WAITS_AND_FAILS: &str =
        "\"t\"\nover tcp4\npair client.c server.s\n\nwait 100ms\nclient recv c 4 => \"x\"\n";

    fn decided(text: &str, subject: &Scripted) -> CaseFinished {
        let run = Run::of(plan(&[text]), subject, &RunOptions::default());
        run.finished.into_iter().next().expect("the case was run")
    }

    #[test]
    fn what_fails_while_the_machine_stalls_is_run_again_and_then_slow() {
        let stalled = Scripted { oversleep: millis(60), ..obedient() };
        let finished = decided(WAITS_AND_FAILS, &stalled);
        assert_eq!((finished.verdict, finished.attempts), (Verdict::Slow, ATTEMPTS));
        assert!(finished.reason.is_some_and(|reason| reason.starts_with("not decided")));
        let awake = Scripted { oversleep: millis(20), ..obedient() };
        let finished = decided(WAITS_AND_FAILS, &awake);
        assert_eq!((finished.verdict, finished.attempts), (Verdict::Fail, 1));
    }

    #[test]
    fn what_goes_well_the_second_time_passes() {
        let receives = Arc::new(AtomicUsize::new(0));
        let subject = Scripted::new({
            let receives = Arc::clone(&receives);
            move |asked| match asked.op {
                Op::Receive { .. } => match receives.fetch_add(1, Ordering::Relaxed) {
                    0 => at_once(Outcome::EndOfStream),
                    _ => at_once(Outcome::data(b"x")),
                },
                _ => None,
            }
        });
        let finished = decided(WAITS_AND_FAILS, &Scripted { oversleep: millis(60), ..subject });
        assert_eq!((finished.verdict, finished.attempts), (Verdict::Pass, 2));
    }

    #[test]
    fn no_stall_excuses_a_call_that_returns_too_early() {
        let early = Scripted::new(|asked| match asked.op {
            Op::Receive { .. } => Some(Act::Give(Outcome::Timeout, millis(225))),
            _ => None,
        });
        let text = "\"t\"\nover tcp4\npair client.c server.s\n\nwait 100ms\n\
                    client recv c 4 => timeout after 300ms\n";
        let finished = decided(text, &Scripted { oversleep: millis(500), ..early });
        assert_eq!((finished.verdict, finished.attempts), (Verdict::Fail, 1));
    }
}
