use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Verdict;
use super::bench::Bench;
use super::broken::Broken;
use super::delay::Delay;
use super::event::{CaseFinished, Judgement, PacketReport, Packets, StepReport};
use super::judge::{Circumstances, Judged, judge};
use super::ledger::Ledger;
use super::lookout::{Lookout, since};
use super::pending::Seat;
use super::samples::Samples;
use super::tap::Tap;
use crate::scenario::{Action, Case, Expectation, Expected, Step, WireStep};
use crate::subject::{AddressBook, Awaited, Observation, Opened, Session, WaitKind};
use crate::vocabulary::{
    ActorId, ErrorClass, Level, Op, OptionValue, Outcome, Port, SocketOption, TagId, Topology,
};

/// One case on its way: its session, its addresses, and what has come of it so far.
pub struct Trial<'a> {
    bench: Bench<'a>,
    case: &'a Case,
    book: AddressBook,
    ledger: Ledger,
    tap: Tap,
    /// Where it tells at which step it is.
    seat: Option<Seat<'a>>,
    /// Which sockets an earlier step has made.
    made: Vec<bool>,
    /// Which symbolic ports a socket has been bound to.
    bound: Vec<bool>,
    /// What each started step performs, once it has been started.
    started: Vec<Option<(ActorId, &'a Op)>>,
    reports: Vec<StepReport>,
    /// By how much the worst `wait` was too long.
    overslept: Duration,
    /// How long the thread had to wait for a core.
    delay: Delay,
    /// The longest limit that was set on a socket.
    longest_limit: Duration,
    verdict: Verdict,
    level: Level,
    reason: Option<String>,
    began: Instant,
    /// The same by the wall clock, as a file of packets counts time.
    began_at: SystemTime,
}

/// How often another port is tried where the one picked is taken.
const RENEWALS: usize = 64;

impl<'a> Trial<'a> {
    /// Runs a case from beginning to end.
    pub fn run(bench: Bench<'a>, case: &'a Case, iteration: u32) -> CaseFinished {
        let mut trial = Self {
            bench,
            case,
            book: AddressBook::on_loopback(0),
            tap: Tap::new(case.needs_network() || bench.keep_packets),
            seat: bench.pending.map(|pending| pending.join(case, iteration)),
            began_at: SystemTime::now(),
            ledger: Ledger::new(case.sockets.len()),
            made: vec![false; case.sockets.len()],
            bound: vec![false; case.ports.len()],
            started: vec![None; case.tags.len()],
            reports: Vec::with_capacity(case.steps.len()),
            overslept: Duration::ZERO,
            delay: Delay::of_this_thread(case.is_timed()),
            longest_limit: Duration::ZERO,
            verdict: Verdict::Pass,
            level: case.scenario.level,
            reason: None,
            began: Instant::now(),
        };
        match bench.subject.open(case, bench.keep_packets) {
            Ok(Opened { mut session, book }) => {
                trial.book = book;
                trial.began_at = SystemTime::now();
                trial.steps(&mut *session);
                let leaks = session.close();
                // A subject that failed has done so, whatever else there is to say.
                if !leaks.is_empty() && trial.verdict.is_good() {
                    trial.broken(format!("the session left behind: {}", leaks.join("; ")));
                }
            }
            Err(error) => {
                trial.tap = Tap::new(false);
                trial.broken(error.to_string());
            }
        }
        trial.finished(iteration)
    }

    fn finished(self, iteration: u32) -> CaseFinished {
        let is_kept = self.bench.keep_packets || self.verdict != Verdict::Pass;
        let packets = is_kept.then(|| self.tap.into_frames()).flatten().map(|(frames, lost)| {
            let since = self.began_at.duration_since(UNIX_EPOCH).unwrap_or_default();
            Packets {
                hosts: hosts_of(self.case),
                began: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX),
                frames: frames.into_iter().map(PacketReport::from).collect(),
                lost,
            }
        });
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
            stall: self
                .bench
                .witness
                .worst_since(self.began)
                .max(self.overslept)
                .max(self.delay.starved()),
            attempts: 1,
            packets,
        }
    }

    fn steps(&mut self, session: &mut dyn Session) {
        let mut before = None;
        for step in &self.case.steps {
            if let Some(seat) = &self.seat {
                seat.enter(before.replace(step), step);
            }
            let result = match &step.action {
                Action::Perform { actor, op } => self.perform(session, step, *actor, op),
                Action::Start { actor, op, tag } => self.start(session, step, *actor, op, *tag),
                Action::Await { tag, .. } => self.finish(session, step, *tag),
                Action::Interrupt { tag, .. } => self.interrupt(session, step, *tag),
                Action::Wait(time) => {
                    let began = session.now();
                    session.wait(*time);
                    let took = since(session, began);
                    self.overslept = self.overslept.max(took.saturating_sub(*time));
                    self.note(step, None, began, took, Judgement::Met);
                    Ok(())
                }
                Action::Wire(wire) => self.wire(session, step, wire),
            };
            let result = result.and_then(|()| self.tap.listen(session));
            self.delay.look();
            if let Err(broken) = result {
                self.break_at(session, step, broken);
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
            self.moot(session, step);
            return Ok(());
        }
        if step.times > 1 {
            return self.sample(session, step, actor, op);
        }
        let observation = self.call(session, step, actor, op)?;
        self.conclude(step, actor, op, observation);
        self.tap.learn(session, &self.book, actor, op)
    }

    /// Performs a step several times, until it is not as expected. The lower bound holds for each
    /// call, the soft upper bound for the median: one of many may be late for a reason of its own.
    fn sample(
        &mut self,
        session: &mut dyn Session,
        step: &'a Step,
        actor: ActorId,
        op: &'a Op,
    ) -> Result<(), Broken> {
        let Some(expectation) = &step.expectation else {
            return Err("a repeated step without an expectation".into());
        };
        let strict = expectation.without_soft_bounds();
        let mut samples = Samples::new(step.times, expectation.least().unwrap_or_default());
        let mut began = None;
        let mut last = None;
        for _ in 0..step.times {
            let observation = self.call(session, step, actor, op)?;
            self.heed(op, &observation.outcome);
            self.tap.learn(session, &self.book, actor, op)?;
            self.tap.listen(session)?;
            self.delay.look();
            samples.add(observation.took);
            began.get_or_insert(observation.began);
            let judged = self.judged(&strict, actor, op, &observation);
            if judged.judgement != Judgement::Met {
                let Observation { outcome, began, took } = observation;
                self.note(step, Some(outcome), began, took, judged);
                self.keep(samples);
                return Ok(());
            }
            last = Some(observation);
        }
        let (Some(began), Some(last)) = (began, last) else {
            return Err("a step that is performed at no time".into());
        };
        let typical = Observation { took: samples.median(), ..last };
        let judged = self.judged(expectation, actor, op, &typical);
        self.note(step, Some(typical.outcome), began, since(session, began), judged);
        self.keep(samples);
        Ok(())
    }

    /// Adds to what was noted of a step how long each of its calls took.
    fn keep(&mut self, samples: Samples) {
        if let Some(report) = self.reports.last_mut() {
            report.samples = Some(samples);
        }
    }

    /// Performs an operation once, and knows what to do by itself for it to be what the step means.
    fn call(
        &mut self,
        session: &mut dyn Session,
        step: &Step,
        actor: ActorId,
        op: &Op,
    ) -> Result<Observation, Broken> {
        let limit = self.limit(op, step.expectation.as_ref());
        Ok(match (op, &step.expectation) {
            (Op::Poll { .. }, Some(expectation)) => {
                self.poll(session, actor, op, expectation, limit)?
            }
            (Op::Bind { .. }, _) => self.bind(session, actor, op, limit)?,
            _ => session.perform(actor, op, &self.book, limit)?,
        })
    }

    /// Looks at the packets, or does something to them.
    fn wire(
        &mut self,
        session: &mut dyn Session,
        step: &'a Step,
        wire: &WireStep,
    ) -> Result<(), Broken> {
        let began = session.now();
        // The port of a call that has not returned is known to its socket already.
        for (actor, op) in self.started.iter().flatten() {
            self.tap.learn(session, &self.book, *actor, op)?;
        }
        let limit = self.bench.limits.of(None, None);
        let (outcome, judged): (_, Judged) = match (wire, &step.expectation) {
            (WireStep::Count(fact), Some(expectation)) => {
                let mut tap = std::mem::replace(&mut self.tap, Tap::new(false));
                let circumstances = self.circumstances(fact.from, None, Duration::ZERO);
                let lookout = Lookout { expectation, circumstances, limit, delay: &self.delay };
                let seen = tap.count(session, &self.book, &lookout, fact);
                let judged =
                    seen.map(|seen| (judge(expectation, &seen, &lookout.circumstances), seen));
                self.tap = tap;
                let (judged, seen) = judged?;
                (Some(seen.outcome), judged)
            }
            (WireStep::Count(_), None) => return Err("a count without an expectation".into()),
            (WireStep::Order { first, then }, _) => {
                let facts = [first, then];
                (None, self.tap.order(session, &self.book, self.case, facts, limit)?.into())
            }
            (WireStep::Mark, _) => {
                self.tap.mark(session)?;
                (None, Judgement::Met.into())
            }
            (WireStep::Fault(fault), _) => {
                session.inflict(fault, &self.book)?;
                (None, Judgement::Met.into())
            }
        };
        self.note(step, outcome, began, since(session, began), judged);
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
                if observation.outcome.error_class() != Some(ErrorClass::AddressInUse) {
                    break;
                }
                self.book.renew(port);
                observation = session.perform(actor, op, &self.book, limit)?;
            }
            self.bound[port.index()] = observation.outcome == Outcome::Ok;
        }
        Ok(observation)
    }

    /// Asks what is so now, until it is what is expected where the scenario gives no time, and as
    /// long as it must stay so.
    fn poll(
        &self,
        session: &mut dyn Session,
        actor: ActorId,
        op: &Op,
        expectation: &Expectation,
        limit: Duration,
    ) -> Result<Observation, Broken> {
        let lookout = Lookout {
            expectation,
            circumstances: self.circumstances(actor, Some(op), Duration::ZERO),
            limit,
            delay: &self.delay,
        };
        let ask = |op: &Op, limit, session: &mut dyn Session| {
            Ok(session.perform(actor, op, &self.book, limit)?)
        };
        let Op::Poll { socket, interest, by, timeout: Some(_) } = op else {
            return lookout.look(session, |session| ask(op, limit, session));
        };
        let seen = ask(op, limit, session)?;
        let again = Op::Poll { socket: *socket, interest: *interest, by: *by, timeout: None };
        let limit = self.bench.limits.of(None, None);
        lookout.watch(session, seen, |session| ask(&again, limit, session))
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
            self.moot(session, step);
            return Ok(());
        }
        let limit = self.bench.limits.of(None, None);
        session.start(actor, tag, op, &self.book, limit)?;
        self.started[tag.index()] = Some((actor, op));
        self.note(step, None, began, since(session, began), Judgement::Met);
        Ok(())
    }

    fn finish(
        &mut self,
        session: &mut dyn Session,
        step: &'a Step,
        tag: TagId,
    ) -> Result<(), Broken> {
        let Some((actor, op)) = self.started[tag.index()] else {
            self.moot(session, step);
            return Ok(());
        };
        let limit = self.limit(op, step.expectation.as_ref());
        let expectation = step.expectation.as_ref();
        let may_stay = expectation.is_some_and(|one| one.allows(&Expected::Blocked));
        match session.finish(tag, limit, !may_stay)? {
            Awaited::Returned(observation) => {
                self.started[tag.index()] = None;
                self.conclude(step, actor, op, observation);
                self.tap.learn(session, &self.book, actor, op)?;
            }
            Awaited::Pending { began, took } => {
                let observation = Observation { outcome: Outcome::Blocked, began, took };
                self.conclude(step, actor, op, observation);
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
        let Some((actor, op)) = self.started[tag.index()] else {
            self.moot(session, step);
            return Ok(());
        };
        let observation = session.interrupt(tag)?;
        let judged = match &step.expectation {
            Some(expectation) => judge(
                expectation,
                &observation,
                &self.circumstances(actor, Some(op), Duration::ZERO),
            ),
            None => Judgement::Met.into(),
        };
        let Observation { outcome, began, took } = observation;
        self.note(step, Some(outcome), began, took, judged);
        Ok(())
    }

    /// Writes down what an operation came to and judges it.
    fn conclude(&mut self, step: &Step, actor: ActorId, op: &Op, observation: Observation) {
        self.heed(op, &observation.outcome);
        let judged = match &step.expectation {
            None => Judgement::Met.into(),
            Some(expectation) => self.judged(expectation, actor, op, &observation),
        };
        let Observation { outcome, began, took } = observation;
        self.note(step, Some(outcome), began, took, judged);
    }

    /// Remembers what later steps depend on.
    fn heed(&mut self, op: &Op, outcome: &Outcome) {
        if let Some(socket) = op.makes() {
            // A bind that opened its socket and then failed has made it all the same.
            self.made[socket.index()] |= *outcome == Outcome::Ok || matches!(op, Op::Bind { .. });
        }
        self.ledger.note(op, outcome);
        if let Op::SetOption { option, value: OptionValue::Time(limit), .. } = op
            && matches!(option, SocketOption::ReceiveTimeout | SocketOption::SendTimeout)
        {
            self.longest_limit = self.longest_limit.max(*limit);
        }
    }

    /// Holds an expectation against what an operation came to.
    fn judged(
        &self,
        expectation: &Expectation,
        actor: ActorId,
        op: &Op,
        observation: &Observation,
    ) -> Judged {
        let stall = if has_upper_bound(expectation) {
            self.bench.witness.worst_since(self.began + observation.began)
        } else {
            Duration::ZERO
        };
        judge(expectation, observation, &self.circumstances(actor, Some(op), stall))
    }

    fn note(
        &mut self,
        step: &Step,
        outcome: Option<Outcome>,
        began: Duration,
        took: Duration,
        judged: impl Into<Judged>,
    ) {
        let Judged { mut judgement, note } = judged.into();
        if step.level < self.bench.floor {
            judgement = judgement.excused();
        }
        match judgement {
            Judgement::Missed { .. } | Judgement::Early { .. } => self.verdict = Verdict::Fail,
            Judgement::Hung => self.verdict = Verdict::Hang,
            Judgement::Slow { .. } => self.verdict = Verdict::Slow,
            Judgement::Met | Judgement::Excused { .. } | Judgement::Moot => {}
        }
        if self.verdict.is_bad() {
            self.level = step.level;
        }
        let expected = step.expectation.as_ref().map(|expectation| expectation.place);
        let place = step.place;
        let ending = outcome.as_ref().and_then(Outcome::ending);
        let samples = None;
        let report =
            StepReport { place, expected, outcome, began, took, judgement, ending, note, samples };
        self.reports.push(report);
    }

    fn broken(&mut self, reason: String) {
        self.verdict = Verdict::Broken;
        self.reason.get_or_insert(reason);
    }

    /// Notes what kept a step from an outcome: that the subject is gone is its own doing.
    fn break_at(&mut self, session: &dyn Session, step: &Step, broken: Broken) {
        let Broken { verdict, reason } = broken;
        if verdict == Verdict::Broken {
            return self.broken(reason);
        }
        if self.reports.last().is_none_or(|last| last.place != step.place) {
            self.note(step, None, session.now(), Duration::ZERO, Judgement::Met);
        }
        (self.verdict, self.level) = (verdict, step.level);
        self.reason.get_or_insert(reason);
    }

    /// The deadline of a call. One that is expected to be ended by its socket's own limit may take
    /// that long, even if the expectation does not say how long that is.
    fn limit(&self, op: &Op, expectation: Option<&Expectation>) -> Duration {
        let limit = self.bench.limits.of(Some(op), expectation);
        let may_time_out = expectation
            .is_some_and(|one| one.allows(&Expected::Timeout) && !one.allows(&Expected::Blocked));
        if may_time_out { limit + self.longest_limit } else { limit }
    }

    /// Notes a step that has nothing to act on.
    fn moot(&mut self, session: &dyn Session, step: &Step) {
        self.note(step, None, session.now(), Duration::ZERO, Judgement::Moot);
    }

    /// Whether an operation has nothing to act on, because an allowed outcome of an earlier step
    /// was that its socket was not made.
    fn is_moot(&self, op: &Op) -> bool {
        op.makes() != Some(op.socket()) && !self.made[op.socket().index()]
    }

    fn circumstances(&self, actor: ActorId, op: Option<&Op>, stall: Duration) -> Circumstances<'_> {
        let granularity = self.bench.subject.granularity_of(actor);
        Circumstances {
            book: &self.book,
            ledger: &self.ledger,
            limits: self.bench.limits,
            granularity: op.map_or(Duration::ZERO, |op| granularity.of(WaitKind::of(op))),
            stall,
            actor,
            names: self.bench.subject.error_names_of(actor),
            socket: op.map(Op::socket),
        }
    }
}

/// The names of the hosts that a case's packets travel between.
fn hosts_of(case: &Case) -> Vec<String> {
    let mut names = case.actors.to_vec();
    match case.variant.topology {
        Topology::Loopback => names = vec!["loopback".to_owned()],
        Topology::Routed if names.len() == 2 => names.push("router".to_owned()),
        Topology::Routed | Topology::Netns | Topology::Lan => {}
    }
    names
}

fn has_upper_bound(expectation: &Expectation) -> bool {
    expectation.alternatives.iter().any(|alternative| alternative.before.is_some())
}

#[cfg(test)]
mod tests;
