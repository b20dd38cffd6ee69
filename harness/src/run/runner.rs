use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Verdict;
use super::accounts::Accounts;
use super::event::{CaseFinished, Event, FORMAT, RunFinished, RunStarted};
use super::limits::Limits;
use super::plan::{Batch, Plan};
use super::same;
use super::stall::Witness;
use super::trial::{Bench, Trial};
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
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            suite: String::new(),
            paths: Vec::new(),
            repeat: 1,
            jobs: None,
            seed: None,
            limits: Limits::default(),
            fail_fast: false,
            floor: Level::May,
        }
    }
}

/// How many threads wait at once at most.
const WAITERS: usize = 256;
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
    let accounts = Accounts::take();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    sink(Event::RunStarted(RunStarted {
        format: FORMAT,
        sockspec: env!("CARGO_PKG_VERSION").to_owned(),
        subject: subject.name().to_owned(),
        subject_version: subject.version().to_owned(),
        suite: options.suite.clone(),
        paths: options.paths.clone(),
        scenarios: u32::try_from(scenarios.len()).unwrap_or(u32::MAX),
        cases: u32::try_from(plan.len()).unwrap_or(u32::MAX),
        repeat: options.repeat,
        jobs: u32::try_from(options.jobs.unwrap_or(cores)).unwrap_or(u32::MAX),
        seed: options.seed,
        at: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
    }));
    for scenario in scenarios {
        sink(Event::ScenarioLoaded(scenario));
    }
    let witness = if plan.cases().any(Case::has_soft_bounds) {
        Witness::start().unwrap_or_else(|_| Witness::absent())
    } else {
        Witness::absent()
    };
    let floor = options.floor;
    let bench = Bench { subject, limits: &options.limits, witness: &witness, floor };
    let cut_short = run_batches(bench, &plan, options, cores, sink);
    let stall = witness.worst();
    drop(witness);
    let leaks = accounts.map(Accounts::left_behind).unwrap_or_default();
    sink(Event::RunFinished(RunFinished { took: began.elapsed(), stall, cut_short, leaks }));
}

/// Lets threads take batches from two queues: of those that wait, the longest first, and of those
/// that compute. Gives whether any are left.
fn run_batches(
    bench: Bench<'_>,
    plan: &Plan,
    options: &RunOptions,
    cores: usize,
    sink: &mut dyn FnMut(Event),
) -> bool {
    let mut waiting: Vec<&Batch> = plan.batches.iter().filter(|batch| batch.waits()).collect();
    if options.seed.is_none() {
        waiting.sort_by_key(|batch| std::cmp::Reverse(batch.least()));
    }
    let computing: Vec<&Batch> = plan.batches.iter().filter(|batch| !batch.waits()).collect();
    let capacity = bench.subject.capacity();
    let turns = |batches: usize| batches.saturating_mul(options.repeat as usize);
    let (waiters, workers) = match options.jobs {
        Some(jobs) => (0, jobs.min(turns(plan.batches.len())).min(capacity)),
        None => (
            turns(waiting.len()).min(WAITERS).min(capacity.saturating_sub(cores)),
            turns(computing.len()).min(cores),
        ),
    };
    let queues = [Queue::new(&waiting, options.repeat), Queue::new(&computing, options.repeat)];
    // A number of jobs that somebody chose holds for everything together.
    let workers_queues = if options.jobs.is_some() { &queues[..] } else { &queues[1..] };
    let stop = AtomicBool::new(false);
    let work = |queues: &[Queue<'_>], sender: &Sender<Event>| {
        for queue in queues {
            while !stop.load(Ordering::Relaxed)
                && let Some((batch, iteration)) = queue.take()
            {
                let all_good = run_batch(bench, batch, iteration, sender);
                if options.fail_fast && !all_good {
                    stop.store(true, Ordering::Relaxed);
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
    queues.iter().any(|queue| !queue.is_empty())
}

/// Batches that are still to be taken, every one as often as it is repeated.
struct Queue<'a> {
    turns: Mutex<VecDeque<(&'a Batch, u32)>>,
}

impl<'a> Queue<'a> {
    fn new(batches: &[&'a Batch], repeat: u32) -> Self {
        let turns = (1..=repeat)
            .flat_map(|iteration| batches.iter().map(move |batch| (*batch, iteration)))
            .collect();
        Self { turns: Mutex::new(turns) }
    }

    fn take(&self) -> Option<(&'a Batch, u32)> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn is_empty(&self) -> bool {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Gives whether no case of it was bad or broken.
fn run_batch(bench: Bench<'_>, batch: &Batch, iteration: u32, sender: &Sender<Event>) -> bool {
    let mut finished = Vec::with_capacity(batch.cases.len());
    for case in &batch.cases {
        // The receiver lives until every sender is gone.
        let _ = sender.send(Event::CaseStarted { case: case.id.clone(), iteration });
        finished.push(run_case(bench, case, iteration));
    }
    if batch.cases.len() > 1 {
        same::compare(&batch.cases.iter().collect::<Vec<_>>(), &mut finished);
    }
    let all_good =
        finished.iter().all(|case| !case.verdict.is_bad() && case.verdict != Verdict::Broken);
    for finished in finished {
        let _ = sender.send(Event::CaseFinished(Box::new(finished)));
    }
    all_good
}

fn run_case(bench: Bench<'_>, case: &Case, iteration: u32) -> CaseFinished {
    match bench.subject.admit(case) {
        Admission::Skip(reason) => not_run(case, iteration, Verdict::Skipped, reason),
        Admission::Unsupported(reason) => not_run(case, iteration, Verdict::Unsupported, reason),
        Admission::Run => {
            let trial = AssertUnwindSafe(|| Trial::run(bench, case, iteration));
            catch_unwind(trial).unwrap_or_else(|panic| {
                let said = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("without a message");
                not_run(case, iteration, Verdict::Broken, format!("the harness panicked: {said}"))
            })
        }
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
    }
}
