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
        let limit = self.limit(op, step.expectation.as_ref());
        let observation = match (op, &step.expectation) {
            (Op::Poll { .. }, Some(expectation)) => {
                self.poll(session, actor, op, expectation, limit)?
            }
            (Op::Bind { .. }, _) => self.bind(session, actor, op, limit)?,
            _ => session.perform(actor, op, &self.book, limit)?,
        };
        self.conclude(step, actor, op, observation);
        self.tap.learn(session, &self.book, actor, op)
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
        if let Some(socket) = op.makes() {
            // A bind that opened its socket and then failed has made it all the same.
            self.made[socket.index()] |=
                observation.outcome == Outcome::Ok || matches!(op, Op::Bind { .. });
        }
        self.ledger.note(op, &observation.outcome);
        if let Op::SetOption { option, value: OptionValue::Time(limit), .. } = op
            && matches!(option, SocketOption::ReceiveTimeout | SocketOption::SendTimeout)
        {
            self.longest_limit = self.longest_limit.max(*limit);
        }
        let judged = match &step.expectation {
            None => Judgement::Met.into(),
            Some(expectation) => {
                let stall = if has_upper_bound(expectation) {
                    self.bench.witness.worst_since(self.began + observation.began)
                } else {
                    Duration::ZERO
                };
                judge(expectation, &observation, &self.circumstances(actor, Some(op), stall))
            }
        };
        let Observation { outcome, began, took } = observation;
        self.note(step, Some(outcome), began, took, judged);
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
        let report = StepReport { place, expected, outcome, began, took, judgement, ending, note };
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
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::run::Limits;
    use crate::run::scripted::{Act, Scripted, at_once, data, judgement, millis};
    use crate::subject::Granularity;
    use crate::vocabulary::{Endpoint, Errno, Readiness};

    /// A scenario with a connected pair; its first step stands on line 5.
    fn scenario(steps: &str) -> String {
        format!("\"t\"\nover tcp4\npair client.c server.s\n\n{steps}\n")
    }

    fn obedient() -> Scripted {
        Scripted::new(|_| None)
    }

    /// A subject whose every receive and poll does this.
    fn answering(act: Act) -> Scripted {
        Scripted::new(move |asked| match asked.op {
            Op::Receive { .. } | Op::Poll { .. } => Some(act.clone()),
            _ => None,
        })
    }

    const MISSED: Judgement = Judgement::Missed { detail: None };

    #[test]
    fn what_is_as_it_must_be_passes() {
        let finished = obedient().trial(&scenario("client recv c 16 => eof"));
        assert_eq!((finished.verdict, finished.reason), (Verdict::Pass, None));
        assert!(finished.steps.iter().all(|step| step.judgement == Judgement::Met));
    }

    #[test]
    fn the_first_missed_step_ends_the_case() {
        let text = scenario("client recv c 16 => \"x\"\nclient recv c 16 => eof");
        let finished = obedient().trial(&text);
        assert_eq!(finished.verdict, Verdict::Fail);
        assert_eq!(judgement(&finished, 5), Some(&MISSED));
        assert_eq!(judgement(&finished, 6), None);
    }

    #[test]
    fn a_call_that_does_not_return_hangs_at_its_deadline() {
        let subject = answering(Act::Block);
        let finished = subject.trial(&scenario("client recv c 16 => eof"));
        assert_eq!(finished.verdict, Verdict::Hang);
        assert_eq!(judgement(&finished, 5), Some(&Judgement::Hung));
        assert_eq!(finished.steps.last().map(|step| step.took), Some(Limits::default().answer));
    }

    #[test]
    fn a_late_answer_is_slow_and_the_case_goes_on() {
        let subject = answering(Act::Give(Outcome::EndOfStream, millis(150)));
        let text = scenario("client recv c 16 => eof before 100ms\nclient recv c 16 => eof");
        let finished = subject.trial(&text);
        assert_eq!(finished.verdict, Verdict::Slow);
        assert_eq!(judgement(&finished, 5), Some(&Judgement::Slow { limit: millis(100) }));
        assert_eq!(judgement(&finished, 6), Some(&Judgement::Met));
    }

    #[test]
    fn a_failure_after_a_slow_step_fails() {
        let subject = answering(Act::Give(Outcome::EndOfStream, millis(150)));
        let text = scenario("client recv c 16 => eof before 100ms\nclient recv c 16 => \"x\"");
        assert_eq!(subject.trial(&text).verdict, Verdict::Fail);
    }

    #[test]
    fn an_early_end_is_granted_one_tick() {
        for (took, verdict) in [(296, Verdict::Pass), (295, Verdict::Fail)] {
            let granularity = Granularity { poll: Duration::ZERO, socket: millis(4) };
            let subject = answering(Act::Give(Outcome::Timeout, millis(took)));
            let subject = Scripted { granularity, ..subject };
            let finished = subject.trial(&scenario("client recv c 16 => timeout after 300ms"));
            assert_eq!(finished.verdict, verdict, "{took}");
        }
    }

    #[test]
    fn a_failed_environment_breaks_the_case() {
        let subject = answering(Act::Refuse);
        let finished = subject.trial(&scenario("client recv c 16 => eof"));
        assert_eq!(finished.verdict, Verdict::Broken);
        let reason = "the step acts on a socket that does not exist";
        assert_eq!(finished.reason.as_deref(), Some(reason));
    }

    #[test]
    fn what_a_session_leaves_behind_breaks_the_case() {
        let leaks = vec!["a descriptor".to_owned(), "a thread".to_owned()];
        let subject = Scripted { leaks, ..obedient() };
        let finished = subject.trial(&scenario("client recv c 16 => eof"));
        assert_eq!(finished.verdict, Verdict::Broken);
        let reason = "the session left behind: a descriptor; a thread";
        assert_eq!(finished.reason.as_deref(), Some(reason));
    }

    #[test]
    fn deadlines_follow_from_what_is_expected() {
        for (step, limit) in [
            ("client recv c 16 => eof", 2_000),
            ("client recv c 16 => eof or timeout after 300ms", 2_300),
            ("client recv c 16 => eof before 5s", 7_000),
            ("client recv c 16 => blocked or eof", 100),
            ("client recv c 16 => blocked for 250ms or eof", 250),
            ("client poll c in 3s => in or timeout", 5_000),
            ("client poll c in => none for 50ms", 2_050),
        ] {
            let subject = obedient();
            subject.trial(&scenario(step));
            // The first six calls make the pair.
            assert_eq!(subject.limits().get(6), Some(&millis(limit)), "{step}");
        }
    }

    #[test]
    fn a_socket_s_own_limit_is_waited_for_where_it_may_end_the_call() {
        for (step, limit) in [
            ("client recv c 16 => timeout", 5_000),
            ("client recv c 16 => timeout or eof", 5_000),
            ("client recv c 16 => eof", 2_000),
            ("client recv c 16 => timeout or blocked", 100),
        ] {
            let subject = obedient();
            subject.trial(&scenario(&format!("client setopt c SO_RCVTIMEO 3s => ok\n{step}")));
            assert_eq!(subject.limits().get(7), Some(&millis(limit)), "{step}");
        }
    }

    /// A subject whose poll gives `before`, and `later` from a moment on.
    fn turning(before: Readiness, later: Readiness, moment: Duration) -> Scripted {
        Scripted::new(move |asked| match asked.op {
            Op::Poll { .. } if asked.now < moment => at_once(Outcome::Ready(before)),
            Op::Poll { .. } => at_once(Outcome::Ready(later)),
            _ => None,
        })
    }

    #[test]
    fn poll_is_asked_again_until_its_expectation_holds() {
        let subject = turning(Readiness::NONE, Readiness::IN, millis(300));
        let finished = subject.trial(&scenario("client poll c => in"));
        assert_eq!(finished.verdict, Verdict::Pass);
        let took = finished.steps.last().map(|step| step.took).unwrap_or_default();
        assert!((millis(300)..millis(310)).contains(&took), "{took:?}");
    }

    #[test]
    fn poll_is_asked_no_longer_than_the_deadline() {
        let subject = turning(Readiness::NONE, Readiness::IN, millis(9_000));
        let finished = subject.trial(&scenario("client poll c => in"));
        assert_eq!(finished.verdict, Verdict::Fail);
        let outcome = finished.steps.last().and_then(|step| step.outcome.clone());
        assert_eq!(outcome, Some(Outcome::Ready(Readiness::NONE)));
        let took = finished.steps.last().map(|step| step.took).unwrap_or_default();
        assert!((millis(2_000)..millis(2_010)).contains(&took), "{took:?}");
    }

    #[test]
    fn what_must_stay_so_is_watched() {
        for step in ["client poll c => in for 100ms", "client poll c in 1s => in for 100ms"] {
            for (moment, verdict) in [(99, Verdict::Fail), (200, Verdict::Pass)] {
                let subject = turning(Readiness::IN, Readiness::OUT, millis(moment));
                let finished = subject.trial(&scenario(step));
                assert_eq!(finished.verdict, verdict, "{step}, turning after {moment} ms");
            }
        }
    }

    #[test]
    fn only_what_was_said_to_stay_is_watched() {
        let subject = turning(Readiness::IN, Readiness::OUT, millis(50));
        let finished = subject.trial(&scenario("client poll c => in or none for 100ms"));
        assert_eq!(finished.verdict, Verdict::Pass);
        assert_eq!(finished.steps.last().map(|step| step.took), Some(Duration::ZERO));
    }

    #[test]
    fn await_measures_from_the_start_of_the_call() {
        let subject = answering(Act::Give(Outcome::Timeout, millis(300)));
        let steps = "client recv c 16 &r\nwait 250ms\nclient await r => timeout after 300ms";
        let finished = subject.trial(&scenario(steps));
        assert_eq!(finished.verdict, Verdict::Pass);
        let last = finished.steps.last().map(|step| (step.began, step.took));
        assert_eq!(last, Some((Duration::ZERO, millis(300))));
    }

    #[test]
    fn await_gives_up_a_call_that_should_have_returned() {
        let finished = answering(Act::Block)
            .trial(&scenario("client recv c 16 &r\nwait 1s\nclient await r => eof"));
        assert_eq!(finished.verdict, Verdict::Hang);
        assert_eq!(finished.steps.last().map(|step| step.took), Some(millis(3_000)));
    }

    #[test]
    fn await_leaves_a_call_pending_that_is_to_stay_blocked() {
        let steps = "client recv c 16 &r\nclient interrupt r => ok\n\
                     client await r => blocked for 250ms\nclient send c \"x\" => 1";
        let finished = answering(Act::Block).trial(&scenario(steps));
        assert_eq!(finished.verdict, Verdict::Pass, "{:?}", finished.reason);
        assert_eq!(finished.steps[8].took, millis(250));
        let returning = answering(Act::Give(Outcome::EndOfStream, millis(249)));
        assert_eq!(returning.trial(&scenario(steps)).verdict, Verdict::Fail);
    }

    #[test]
    fn what_an_allowed_failure_left_undone_is_moot() {
        let subject = Scripted::new(|asked| match asked.op {
            Op::Accept { .. } => at_once(Outcome::failed(Errno::ECONNABORTED)),
            _ => None,
        });
        let finished = subject.trial(
            "\"t\"\n\nserver bind l tcp4 server:p => ok\nserver listen l => ok\n\
             server accept l s => ok or ECONNABORTED\nserver send s \"x\" => 1\n\
             server recv s 16 &r\nserver interrupt r => ok\nserver await r => eof\n\
             server listen l => ok\n",
        );
        assert_eq!(finished.verdict, Verdict::Pass);
        for line in 6..=9 {
            assert_eq!(judgement(&finished, line), Some(&Judgement::Moot), "line {line}");
        }
        assert_eq!(judgement(&finished, 10), Some(&Judgement::Met));
    }

    /// Says of the first so many binds that the address is taken, and keeps what was bound to.
    fn crowded(taken: usize) -> (Scripted, std::sync::Arc<Mutex<Vec<Option<Endpoint>>>>) {
        let tried = std::sync::Arc::new(Mutex::new(Vec::new()));
        let seen = std::sync::Arc::clone(&tried);
        let subject = Scripted::new(move |asked| match asked.op {
            Op::Bind { .. } => {
                let mut tried = tried.lock().ok()?;
                tried.push(asked.endpoint.clone());
                let errno = Outcome::failed(Errno::EADDRINUSE);
                (tried.len() <= taken).then_some(Act::Give(errno, Duration::ZERO))
            }
            _ => None,
        });
        (subject, seen)
    }

    #[test]
    fn a_taken_port_that_nobody_knows_yet_is_changed() {
        let (subject, tried) = crowded(2);
        let text = "\"t\"\n\nclient bind u udp4 client:p => ok\n\
                    client bind v udp4 client:p => ok or EADDRINUSE\n";
        assert_eq!(subject.trial(text).verdict, Verdict::Pass);
        let tried = tried.lock().map(|tried| tried.clone()).unwrap_or_default();
        assert_eq!(tried.len(), 4);
        assert!(tried[0] != tried[1] && tried[1] != tried[2] && tried[2] == tried[3], "{tried:?}");
    }

    #[test]
    fn a_taken_port_that_is_known_already_stays() {
        let (subject, tried) = crowded(0);
        let taken = Outcome::failed(Errno::EADDRINUSE);
        let subject = Scripted {
            script: std::sync::Arc::new(move |asked| match ((*subject.script)(asked), asked.op) {
                (None, Op::Bind { .. }) if asked.before > 0 => at_once(taken.clone()),
                (act, _) => act,
            }),
            ..obedient()
        };
        let text = "\"t\"\n\nclient bind u udp4 client:p => ok\n\
                    client bind v udp4 client:p => EADDRINUSE\n\
                    client bind w udp4 client:9 => EADDRINUSE\n";
        assert_eq!(subject.trial(text).verdict, Verdict::Pass);
        assert_eq!(tried.lock().map(|tried| tried.len()).ok(), Some(3));
    }

    #[test]
    fn a_port_is_not_changed_for_ever() {
        let (subject, tried) = crowded(usize::MAX);
        let finished = subject.trial("\"t\"\n\nclient bind u udp4 client:p => ok\n");
        assert_eq!(finished.verdict, Verdict::Fail);
        assert_eq!(tried.lock().map(|tried| tried.len()).ok(), Some(RENEWALS + 1));
    }

    #[test]
    fn steps_below_the_floor_are_excused() {
        let text =
            scenario("client recv c 16 => \"x\" level may\nclient recv c 16 => \"y\" level should");
        let finished = obedient().trial_from(&text, Level::Should);
        assert_eq!((finished.verdict, finished.level), (Verdict::Fail, Level::Should));
        assert_eq!(judgement(&finished, 5), Some(&Judgement::Excused { detail: None }));
        assert_eq!(judgement(&finished, 6), Some(&MISSED));
        assert_eq!(obedient().trial_from(&text, Level::Must).verdict, Verdict::Pass);
    }

    #[test]
    fn a_hang_below_the_floor_is_excused_too() {
        let text = scenario("client recv c 16 => eof level may\nclient send c \"x\" => 1");
        let finished = answering(Act::Block).trial_from(&text, Level::Should);
        assert_eq!(finished.verdict, Verdict::Pass);
        assert_eq!(judgement(&finished, 5), Some(&Judgement::Excused { detail: None }));
    }

    #[test]
    fn all_of_is_what_was_accepted_and_not_yet_received() {
        let steps = "client send c \"abcdef\" => 1..\nserver recv s 2 => \"ab\"\n\
                     server drain s => all of client.c";
        for (rest, verdict) in [("cd", Verdict::Pass), ("cdef", Verdict::Fail)] {
            let subject = Scripted::new(move |asked| match asked.op {
                Op::Send { .. } => at_once(Outcome::Count(4)),
                Op::Receive { .. } => at_once(data("ab")),
                Op::Drain { .. } => at_once(data(rest)),
                _ => None,
            });
            assert_eq!(subject.trial(&scenario(steps)).verdict, verdict, "{rest}");
        }
    }
}
