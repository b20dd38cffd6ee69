use std::time::{Duration, Instant};

use super::Verdict;
use super::event::{CaseFinished, Judgement, StepReport};
use super::judge::{Circumstances, is_expected, judge};
use super::ledger::Ledger;
use super::limits::Limits;
use super::stall::Witness;
use crate::scenario::{Action, Case, Expectation, Expected, Step};
use crate::subject::{AddressBook, Awaited, Observation, Session, Subject, SubjectError, WaitKind};
use crate::vocabulary::{ActorId, Errno, Level, Op, Outcome, Port, SocketId, TagId};

/// What a trial runs on.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// The subject.
    pub subject: &'a dyn Subject,
    /// The bounds in force.
    pub limits: &'a Limits,
    /// Who saw the machine stall.
    pub witness: &'a Witness,
    /// Steps that bind less than this excuse what they miss.
    pub floor: Level,
}

/// One case on its way: its session, its addresses, and what has come of it so far.
pub struct Trial<'a> {
    bench: Bench<'a>,
    case: &'a Case,
    book: AddressBook,
    ledger: Ledger,
    /// Which sockets an earlier step has made.
    made: Vec<bool>,
    /// Which symbolic ports a socket has been bound to.
    bound: Vec<bool>,
    /// What each started step performs, once it has been started.
    started: Vec<Option<&'a Op>>,
    reports: Vec<StepReport>,
    verdict: Verdict,
    level: Level,
    reason: Option<String>,
    began: Instant,
}

/// How often another port is tried where the one picked is taken.
const RENEWALS: usize = 64;
/// The first pause before poll is asked again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(5));

impl<'a> Trial<'a> {
    /// Runs a case from beginning to end.
    pub fn run(bench: Bench<'a>, case: &'a Case, iteration: u32) -> CaseFinished {
        let mut trial = Self {
            bench,
            case,
            book: AddressBook::on_loopback(case.ports.len()),
            ledger: Ledger::new(case.sockets.len()),
            made: vec![false; case.sockets.len()],
            bound: vec![false; case.ports.len()],
            started: vec![None; case.tags.len()],
            reports: Vec::with_capacity(case.steps.len()),
            verdict: Verdict::Pass,
            level: case.scenario.level,
            reason: None,
            began: Instant::now(),
        };
        match bench.subject.open(case) {
            Ok(mut session) => {
                trial.steps(&mut *session);
                let leaks = session.close();
                if !leaks.is_empty() {
                    trial.broken(format!("the session left behind: {}", leaks.join("; ")));
                }
            }
            Err(error) => trial.broken(error.to_string()),
        }
        trial.finished(iteration)
    }

    fn finished(self, iteration: u32) -> CaseFinished {
        CaseFinished {
            case: self.case.id.clone(),
            scenario: self.case.scenario.id.clone(),
            variant: self.case.variant.clone(),
            iteration,
            level: self.level,
            verdict: self.verdict,
            reason: self.reason,
            steps: self.reports,
            took: self.began.elapsed(),
            stall: self.bench.witness.worst_since(self.began),
        }
    }

    fn steps(&mut self, session: &mut dyn Session) {
        for step in &self.case.steps {
            let result = match &step.action {
                Action::Perform { actor, op } => self.perform(session, step, *actor, op),
                Action::Start { actor, op, tag } => self.start(session, step, *actor, op, *tag),
                Action::Await { tag, .. } => self.finish(session, step, *tag),
                Action::Interrupt { tag, .. } => self.interrupt(session, step, *tag),
                Action::Wait(time) => {
                    let began = session.now();
                    session.wait(*time);
                    self.note(step, None, began, since(session, began), Judgement::Met);
                    Ok(())
                }
                Action::Wire(_) => Err("a wire step reached a subject without a capture".into()),
            };
            if let Err(Broken(reason)) = result {
                self.broken(reason);
            }
            if !self.verdict.is_good() {
                return;
            }
        }
    }

    fn perform(
        &mut self,
        session: &mut dyn Session,
        step: &'a Step,
        actor: ActorId,
        op: &'a Op,
    ) -> Result<(), Broken> {
        if self.is_moot(op) {
            self.note(step, None, session.now(), Duration::ZERO, Judgement::Moot);
            return Ok(());
        }
        let limit = self.bench.limits.of(Some(op), step.expectation.as_ref());
        let observation = match (op, &step.expectation) {
            (Op::Poll { timeout: None, .. }, Some(expectation)) => {
                self.ask_again(session, actor, op, expectation, limit)?
            }
            (Op::Bind { .. }, _) => self.bind(session, actor, op, limit)?,
            _ => session.perform(actor, op, &self.book, limit)?,
        };
        self.conclude(step, op, observation);
        Ok(())
    }

    /// Binds, to another port where the one the harness had picked is taken by somebody else.
    fn bind(
        &mut self,
        session: &mut dyn Session,
        actor: ActorId,
        op: &Op,
        limit: Duration,
    ) -> Result<Observation, Broken> {
        let fresh = match op {
            Op::Bind { address, .. } => match address.port {
                Port::Symbol(port) if !self.bound[port.index()] => Some(port),
                _ => None,
            },
            _ => None,
        };
        let mut observation = session.perform(actor, op, &self.book, limit)?;
        if let Some(port) = fresh {
            for _ in 0..RENEWALS {
                if observation.outcome != Outcome::failed(Errno::EADDRINUSE) {
                    break;
                }
                self.book.renew(port);
                observation = session.perform(actor, op, &self.book, limit)?;
            }
            self.bound[port.index()] = observation.outcome == Outcome::Ok;
        }
        Ok(observation)
    }

    /// Asks what is so now until it is what is expected, since packets take time; and where it has
    /// to stay so, watches that it does.
    fn ask_again(
        &self,
        session: &mut dyn Session,
        actor: ActorId,
        op: &Op,
        expectation: &Expectation,
        limit: Duration,
    ) -> Result<Observation, Broken> {
        let began = session.now();
        let mut pause = PAUSES.0;
        let mut observation = session.perform(actor, op, &self.book, limit)?;
        while !is_expected(expectation, &observation, &self.circumstances(op, Duration::ZERO))
            && since(session, began) < limit
        {
            session.wait(pause);
            pause = (pause * 2).min(PAUSES.1);
            observation = session.perform(actor, op, &self.book, limit)?;
        }
        observation.took = (observation.began + observation.took).saturating_sub(began);
        observation.began = began;
        let lasting = expectation.alternatives.iter().filter_map(|one| one.lasting).max();
        if let Some(lasting) = lasting {
            let matched = session.now();
            while since(session, matched) < lasting {
                session.wait(PAUSES.1.min(lasting));
                let later = session.perform(actor, op, &self.book, limit)?;
                if later.outcome != observation.outcome {
                    return Ok(Observation { took: since(session, began), began, ..later });
                }
            }
        }
        Ok(observation)
    }

    fn start(
        &mut self,
        session: &mut dyn Session,
        step: &'a Step,
        actor: ActorId,
        op: &'a Op,
        tag: TagId,
    ) -> Result<(), Broken> {
        let began = session.now();
        if self.is_moot(op) {
            self.note(step, None, began, Duration::ZERO, Judgement::Moot);
            return Ok(());
        }
        let limit = self.bench.limits.of(None, None);
        session.start(actor, tag, op, &self.book, limit)?;
        self.started[tag.index()] = Some(op);
        self.note(step, None, began, since(session, began), Judgement::Met);
        Ok(())
    }

    fn finish(
        &mut self,
        session: &mut dyn Session,
        step: &'a Step,
        tag: TagId,
    ) -> Result<(), Broken> {
        let Some(op) = self.started[tag.index()] else {
            self.note(step, None, session.now(), Duration::ZERO, Judgement::Moot);
            return Ok(());
        };
        let limit = self.bench.limits.of(Some(op), step.expectation.as_ref());
        let may_stay = step.expectation.as_ref().is_some_and(|expectation| {
            expectation.alternatives.iter().any(|one| one.expected == Expected::Blocked)
        });
        match session.finish(tag, limit, !may_stay)? {
            Awaited::Returned(observation) => {
                self.started[tag.index()] = None;
                self.conclude(step, op, observation);
            }
            Awaited::Pending { began, took } => {
                let observation = Observation { outcome: Outcome::Blocked, began, took };
                self.conclude(step, op, observation);
            }
        }
        Ok(())
    }

    fn interrupt(
        &mut self,
        session: &mut dyn Session,
        step: &'a Step,
        tag: TagId,
    ) -> Result<(), Broken> {
        let Some(op) = self.started[tag.index()] else {
            self.note(step, None, session.now(), Duration::ZERO, Judgement::Moot);
            return Ok(());
        };
        let observation = session.interrupt(tag)?;
        let judgement = match &step.expectation {
            Some(expectation) => {
                judge(expectation, &observation, &self.circumstances(op, Duration::ZERO))
            }
            None => Judgement::Met,
        };
        let Observation { outcome, began, took } = observation;
        self.note(step, Some(outcome), began, took, judgement);
        Ok(())
    }

    /// Writes down what an operation came to and judges it.
    fn conclude(&mut self, step: &Step, op: &Op, observation: Observation) {
        if let Some(socket) = op.makes() {
            // A bind that opened its socket and then failed has made it all the same.
            self.made[socket.index()] |=
                observation.outcome == Outcome::Ok || matches!(op, Op::Bind { .. });
        }
        self.ledger.note(op, &observation.outcome);
        let judgement = match &step.expectation {
            None => Judgement::Met,
            Some(expectation) => {
                let stall = if has_upper_bound(expectation) {
                    self.bench.witness.worst_since(self.began + observation.began)
                } else {
                    Duration::ZERO
                };
                judge(expectation, &observation, &self.circumstances(op, stall))
            }
        };
        let Observation { outcome, began, took } = observation;
        self.note(step, Some(outcome), began, took, judgement);
    }

    fn note(
        &mut self,
        step: &Step,
        outcome: Option<Outcome>,
        began: Duration,
        took: Duration,
        judgement: Judgement,
    ) {
        let judgement = match judgement {
            Judgement::Missed { detail } if step.level < self.bench.floor => {
                Judgement::Excused { detail }
            }
            other => other,
        };
        match judgement {
            Judgement::Missed { .. } => self.verdict = Verdict::Fail,
            Judgement::Hung => self.verdict = Verdict::Hang,
            Judgement::Slow { .. } => self.verdict = Verdict::Slow,
            Judgement::Met | Judgement::Excused { .. } | Judgement::Moot => {}
        }
        if self.verdict.is_bad() {
            self.level = step.level;
        }
        let expected = step.expectation.as_ref().map(|expectation| expectation.place);
        let place = step.place;
        self.reports.push(StepReport { place, expected, outcome, began, took, judgement });
    }

    fn broken(&mut self, reason: String) {
        self.verdict = Verdict::Broken;
        self.reason.get_or_insert(reason);
    }

    /// Whether an operation has nothing to act on, because an allowed outcome of an earlier step
    /// was that its socket was not made.
    fn is_moot(&self, op: &Op) -> bool {
        op.makes() != Some(op.socket()) && !self.made[op.socket().index()]
    }

    fn circumstances(&self, op: &Op, stall: Duration) -> Circumstances<'_> {
        let socket: SocketId = op.socket();
        Circumstances {
            book: &self.book,
            ledger: &self.ledger,
            limits: self.bench.limits,
            granularity: self.bench.subject.granularity().of(WaitKind::of(op)),
            stall,
            socket: Some(socket),
        }
    }
}

fn since(session: &dyn Session, moment: Duration) -> Duration {
    session.now().saturating_sub(moment)
}

fn has_upper_bound(expectation: &Expectation) -> bool {
    expectation.alternatives.iter().any(|alternative| alternative.before.is_some())
}

/// Why the harness could not go on with a case.
struct Broken(String);

impl From<SubjectError> for Broken {
    fn from(error: SubjectError) -> Self {
        Self(error.to_string())
    }
}

impl From<&str> for Broken {
    fn from(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}
