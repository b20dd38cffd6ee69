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

/// A subject of which each wait that its limit ends takes this long, in turn.
fn waiting(took: &'static [u64]) -> Scripted {
    let nth = std::sync::atomic::AtomicUsize::new(0);
    Scripted::new(move |asked| match asked.op {
        Op::Receive { .. } => {
            let nth = nth.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Some(Act::Give(Outcome::Timeout, millis(took[nth % took.len()])))
        }
        _ => None,
    })
}

fn over(finished: &CaseFinished) -> Vec<i64> {
    let samples = finished.steps.iter().find_map(|step| step.samples.as_ref());
    let over = samples.map(|samples| &samples.over[..]).unwrap_or_default();
    over.iter().map(|nanos| nanos / 1_000_000).collect()
}

#[test]
fn a_step_is_performed_so_many_times_and_keeps_how_long_each_took() {
    let text = scenario("client recv c 16 => timeout after 20ms times 4\nclient send c \"x\" => 1");
    let finished = waiting(&[22, 20, 25, 21]).trial(&text);
    assert_eq!(finished.verdict, Verdict::Pass);
    assert_eq!(over(&finished), [0, 1, 2, 5]);
    let step = finished.steps.iter().find(|step| step.place.line == 5).expect("it ran");
    assert_eq!((step.began, step.took), (Duration::ZERO, millis(88)));
    let samples = step.samples.as_ref().map(|samples| (samples.wanted, samples.asked));
    assert_eq!(samples, Some((4, millis(20))));
    assert_eq!(judgement(&finished, 6), Some(&Judgement::Met));
}

#[test]
fn the_first_sample_that_is_early_fails_its_step() {
    let text = scenario("client recv c 16 => timeout after 20ms times 4");
    let finished = waiting(&[22, 19, 25, 21]).trial(&text);
    assert_eq!(finished.verdict, Verdict::Fail);
    assert!(matches!(judgement(&finished, 5), Some(Judgement::Early { .. })));
    assert_eq!(over(&finished), [-1, 2]);
    let last = finished.steps.last().map(|step| (step.began, step.took));
    assert_eq!(last, Some((millis(22), millis(19))), "it is told of that sample");
}

#[test]
fn each_sample_is_granted_the_tick_of_one() {
    let granularity = Granularity { poll: Duration::ZERO, socket: millis(4) };
    let subject = Scripted { granularity, ..waiting(&[16, 17]) };
    let finished = subject.trial(&scenario("client recv c 16 => timeout after 20ms times 6"));
    assert_eq!(finished.verdict, Verdict::Pass);
}

#[test]
fn the_soft_bound_holds_for_the_median_and_the_hard_one_for_each() {
    let verdict = |bound: &str, took| {
        let step = format!("client recv c 16 => timeout after 20ms before 30ms{bound} times 3");
        waiting(took).trial(&scenario(&step)).verdict
    };
    assert_eq!(verdict("", &[21, 90, 22]), Verdict::Pass);
    assert_eq!(verdict("", &[31, 90, 22]), Verdict::Slow);
    assert_eq!(verdict(" must", &[21, 90, 22]), Verdict::Fail);
}

#[test]
fn a_sample_that_does_not_return_is_a_hang() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let subject = Scripted::new(move |asked| match asked.op {
        Op::Receive { .. } if calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 2 => {
            Some(Act::Block)
        }
        Op::Receive { .. } => Some(Act::Give(Outcome::Timeout, millis(20))),
        _ => None,
    });
    let finished = subject.trial(&scenario("client recv c 16 => timeout after 20ms times 9"));
    assert_eq!(finished.verdict, Verdict::Hang);
    assert_eq!(judgement(&finished, 5), Some(&Judgement::Hung));
    assert_eq!(over(&finished).len(), 3);
    assert_eq!(finished.steps.last().map(|step| step.took), Some(millis(2_020)));
}

#[test]
fn every_sample_is_a_call_of_its_own_and_another_outcome_misses() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let subject = Scripted::new(move |asked| match asked.op {
        Op::Receive { .. } if calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 4 => {
            at_once(Outcome::EndOfStream)
        }
        Op::Receive { .. } => at_once(Outcome::Timeout),
        _ => None,
    });
    let finished = subject.trial(&scenario("client recv c 16 => timeout times 9"));
    assert_eq!((finished.verdict, over(&finished).len()), (Verdict::Fail, 5));
    let detail = "the end of the stream where a timeout was expected".to_owned();
    assert_eq!(judgement(&finished, 5), Some(&Judgement::Missed { detail: Some(detail) }));
}
