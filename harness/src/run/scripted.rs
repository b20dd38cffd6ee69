//! A subject that does what a test has written down, on a clock that moves only when the test says
//! so: what the engine decides can be seen without sockets and without luck.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::bench::Bench;
use super::event::{CaseFinished, Judgement};
use super::limits::Limits;
use super::stall::Witness;
use super::trial::Trial;
use crate::scenario::{Case, Document, LinkFault};
use crate::subject::{
    AddressBook, Admission, Awaited, Granularity, Observation, Opened, Session, Subject,
    SubjectError,
};
use crate::vocabulary::{
    ActorId, Address, Capability, Endpoint, ErrorNames, Level, Op, Outcome, Readiness, ScenarioId,
    TagId, Transport,
};
use crate::wire::Capture;

/// What the subject does when it is asked for something.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// It gives this after so long.
    Give(Outcome, Duration),
    /// It does not return by itself.
    Block,
    /// The environment fails.
    Refuse,
    /// The harness has a bug.
    Panic,
}

/// What is asked of the subject.
pub(super) struct Asked<'a> {
    pub(super) case: &'a str,
    pub(super) op: &'a Op,
    /// How many operations this session was asked for before.
    pub(super) before: usize,
    /// The time on the session's clock.
    pub(super) now: Duration,
    /// What the operation's address stands for, if it has one.
    pub(super) endpoint: Option<Endpoint>,
}

pub(super) type Script = dyn Fn(&Asked<'_>) -> Option<Act> + Send + Sync;

/// The subject: what the script leaves open it does right and at once.
pub(super) struct Scripted {
    pub(super) script: Arc<Script>,
    pub(super) seen: Arc<Seen>,
    /// How many sessions it can hold.
    pub(super) capacity: usize,
    /// What it says of every case.
    pub(super) admission: Admission,
    /// What every session leaves behind.
    pub(super) leaks: Vec<String>,
    /// Whether it says that other programs perform its operations.
    pub(super) elsewhere: bool,
    /// How many sessions must be open at once before one of them closes.
    pub(super) company: usize,
    /// How coarse its clock is said to be.
    pub(super) granularity: Granularity,
    /// What its errors are said to be told by.
    pub(super) names: ErrorNames,
    /// By how much the machine lets every `wait` last too long.
    pub(super) oversleep: Duration,
    /// What every session captures, each frame at its time.
    pub(super) traffic: Capture,
}

#[derive(Default)]
pub(super) struct Seen {
    sessions: Mutex<Sessions>,
    opened: Condvar,
    limits: Mutex<Vec<Duration>>,
}

#[derive(Default)]
struct Sessions {
    open: usize,
    most: usize,
}

/// Longer than a machine stalls: only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

impl Scripted {
    pub(super) fn new(script: impl Fn(&Asked<'_>) -> Option<Act> + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(script),
            seen: Arc::default(),
            capacity: 1_000,
            admission: Admission::Run,
            leaks: Vec::new(),
            elsewhere: false,
            company: 0,
            granularity: Granularity::default(),
            names: ErrorNames::default(),
            oversleep: Duration::ZERO,
            traffic: Capture::default(),
        }
    }

    /// How many sessions were open at once at most.
    pub(super) fn most_open(&self) -> usize {
        self.seen.sessions.lock().unwrap_or_else(PoisonError::into_inner).most
    }

    /// The limit of each call so far.
    pub(super) fn limits(&self) -> Vec<Duration> {
        self.seen.limits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs the first case of a scenario.
    pub(super) fn trial(&self, text: &str) -> CaseFinished {
        self.trial_from(text, Level::May)
    }

    /// Runs the first case of a scenario; steps that bind less than `floor` are excused.
    pub(super) fn trial_from(&self, text: &str, floor: Level) -> CaseFinished {
        let witness = Witness::absent();
        let limits = Limits::default();
        let bench = Bench { floor, ..Bench::new(self, &limits, &witness) };
        Trial::run(bench, &cases("a/b", text)[0], 1)
    }
}

/// The cases of a scenario.
pub(super) fn cases(id: &str, text: &str) -> Vec<Case> {
    match Document::parse(text, ScenarioId::new(id), "test.scn") {
        Ok(document) => document.cases(),
        Err(mistakes) => panic!("{mistakes:?}"),
    }
}

/// The judgement of the step on a line of the scenario.
pub(super) fn judgement(finished: &CaseFinished, line: u32) -> Option<&Judgement> {
    let report = finished.steps.iter().find(|report| report.place.line == line);
    report.map(|report| &report.judgement)
}

pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Received bytes.
pub(super) fn data(text: &str) -> Outcome {
    Outcome::Data { bytes: text.as_bytes().into(), source: None, truncated: false }
}

/// An outcome that comes at once.
#[expect(clippy::unnecessary_wraps, reason = "what a script returns")]
pub(super) fn at_once(outcome: Outcome) -> Option<Act> {
    Some(Act::Give(outcome, Duration::ZERO))
}

impl Subject for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn capabilities(&self) -> &[Capability] {
        Capability::OF_SOCKETS
    }

    fn granularity(&self) -> Granularity {
        self.granularity
    }

    fn error_names(&self) -> ErrorNames {
        self.names
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    fn admit(&self, _: &Case) -> Admission {
        self.admission.clone()
    }

    fn open(&self, case: &Case, _: bool) -> Result<Opened, SubjectError> {
        let mut sessions = self.seen.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.open += 1;
        sessions.most = sessions.most.max(sessions.open);
        self.seen.opened.notify_all();
        let session = Box::new(ScriptedSession {
            script: Arc::clone(&self.script),
            seen: Arc::clone(&self.seen),
            leaks: self.leaks.clone(),
            company: self.company,
            case: case.id.to_string(),
            transport: case.variant.transport.unwrap_or(Transport::Tcp4),
            now: Duration::ZERO,
            before: 0,
            oversleep: self.oversleep,
            started: Vec::new(),
            traffic: self.traffic.clone(),
        });
        Ok(Opened { session, book: AddressBook::on_loopback(case.ports.len()) })
    }
}

struct ScriptedSession {
    script: Arc<Script>,
    seen: Arc<Seen>,
    leaks: Vec<String>,
    company: usize,
    case: String,
    transport: Transport,
    now: Duration,
    before: usize,
    oversleep: Duration,
    /// The started calls: when each began and what it does.
    started: Vec<(TagId, Duration, Act)>,
    /// What is still to be captured.
    traffic: Capture,
}

impl ScriptedSession {
    fn ask(&mut self, actor: ActorId, op: &Op, book: &AddressBook) -> Result<Act, SubjectError> {
        let address: Option<&Address> = match op {
            Op::Bind { address, .. }
            | Op::Connect { address, .. }
            | Op::Send { to: Some(address), .. } => Some(address),
            _ => None,
        };
        let asked = Asked {
            case: &self.case,
            op,
            before: self.before,
            now: self.now,
            endpoint: address
                .and_then(|address| book.endpoint(actor, address, self.transport).ok()),
        };
        self.before += 1;
        match (self.script)(&asked).unwrap_or_else(|| usual(op)) {
            Act::Refuse => Err(SubjectError::NoSuchSocket),
            Act::Panic => panic!("as the test wants it"),
            act => Ok(act),
        }
    }
}

/// What a call of a subject that does everything right gives.
fn usual(op: &Op) -> Act {
    let outcome = match op {
        Op::Send { data, .. } | Op::Write { data, .. } => Outcome::Count(data.bytes().len() as u64),
        Op::Receive { .. } | Op::Read { .. } | Op::Drain { .. } | Op::ReceiveFrame { .. } => {
            Outcome::EndOfStream
        }
        Op::Poll { .. } => Outcome::Ready(Readiness::NONE),
        Op::Fill { .. } => Outcome::Count(1),
        _ => Outcome::Ok,
    };
    Act::Give(outcome, Duration::ZERO)
}

impl Session for ScriptedSession {
    fn perform(
        &mut self,
        actor: ActorId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<Observation, SubjectError> {
        self.seen.limits.lock().unwrap_or_else(PoisonError::into_inner).push(limit);
        let began = self.now;
        let (outcome, took) = match self.ask(actor, op, book)? {
            Act::Give(outcome, took) if took <= limit => (outcome, took),
            _ => (Outcome::Blocked, limit),
        };
        self.now += took;
        Ok(Observation { outcome, began, took })
    }

    fn start(
        &mut self,
        actor: ActorId,
        tag: TagId,
        op: &Op,
        book: &AddressBook,
        _: Duration,
    ) -> Result<(), SubjectError> {
        let act = self.ask(actor, op, book)?;
        self.started.push((tag, self.now, act));
        Ok(())
    }

    fn finish(
        &mut self,
        tag: TagId,
        limit: Duration,
        give_up: bool,
    ) -> Result<Awaited, SubjectError> {
        let at = self.started.iter().position(|started| started.0 == tag);
        let at = at.ok_or(SubjectError::NoSuchSocket)?;
        let (_, began, act) = self.started[at].clone();
        let end = self.now + limit;
        match act {
            Act::Give(outcome, took) if began + took <= end => {
                self.now = self.now.max(began + took);
                self.started.remove(at);
                Ok(Awaited::Returned(Observation { outcome, began, took }))
            }
            _ => {
                self.now = end;
                let took = end.saturating_sub(began);
                if !give_up {
                    return Ok(Awaited::Pending { began, took });
                }
                self.started.remove(at);
                Ok(Awaited::Returned(Observation { outcome: Outcome::Blocked, began, took }))
            }
        }
    }

    fn interrupt(&mut self, tag: TagId) -> Result<Observation, SubjectError> {
        let pending = self.started.iter().any(|started| started.0 == tag);
        let observation =
            Observation { outcome: Outcome::Ok, began: self.now, took: Duration::ZERO };
        if pending { Ok(observation) } else { Err(SubjectError::NoSuchSocket) }
    }

    fn captured(&mut self) -> Result<Capture, SubjectError> {
        let now = self.now;
        let frames = self.traffic.frames.extract_if(.., |frame| frame.at <= now).collect();
        Ok(Capture { frames, lost: std::mem::take(&mut self.traffic.lost) })
    }

    fn inflict(&mut self, _: &LinkFault, _: &AddressBook) -> Result<(), SubjectError> {
        Ok(())
    }

    fn wait(&mut self, time: Duration) {
        self.now += time + self.oversleep;
    }

    fn now(&self) -> Duration {
        self.now
    }

    fn close(self: Box<Self>) -> Vec<String> {
        let sessions = self.seen.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let lonely = |sessions: &mut Sessions| sessions.most < self.company;
        let waited = self.seen.opened.wait_timeout_while(sessions, PATIENCE, lonely);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        self.leaks.clone()
    }
}

impl Drop for ScriptedSession {
    fn drop(&mut self) {
        self.seen.sessions.lock().unwrap_or_else(PoisonError::into_inner).open -= 1;
    }
}
