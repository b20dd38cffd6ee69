use std::time::Duration;

use super::event::Judgement;
use super::ledger::Ledger;
use super::limits::Limits;
use crate::scenario::{Alternative, Expectation, Expected};
use crate::subject::{AddressBook, Observation};
use crate::vocabulary::{ActorId, OptionValue, Outcome, Received, SocketId};

/// What a judgement needs to know beside the observation.
pub(super) struct Circumstances<'a> {
    /// The addresses of the case.
    pub(super) book: &'a AddressBook,
    /// What was sent and received so far, the judged step included.
    pub(super) ledger: &'a Ledger,
    /// The bounds in force.
    pub(super) limits: &'a Limits,
    /// By how much the wait may seem too short.
    pub(super) granularity: Duration,
    /// What the machine stalled meanwhile.
    pub(super) stall: Duration,
    /// Who acted.
    pub(super) actor: ActorId,
    /// The socket that the step acted on.
    pub(super) socket: Option<SocketId>,
}

/// How far an alternative and an observation agree, the better the greater.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    Outcome(Option<String>),
    OutcomeButSource(String),
    OutcomeButTime(String),
    OutcomeButEarly(String),
    Slow(Duration),
    Full,
}

/// Holds an expectation against an observation: any one alternative is enough.
pub(super) fn judge(
    expectation: &Expectation,
    observation: &Observation,
    circumstances: &Circumstances<'_>,
) -> Judgement {
    let best = expectation
        .alternatives
        .iter()
        .map(|alternative| fit(alternative, observation, circumstances))
        .max_by_key(rank);
    match best {
        Some(Fit::Full) => Judgement::Met,
        Some(Fit::Slow(limit)) => Judgement::Slow { limit },
        Some(Fit::OutcomeButEarly(detail)) => Judgement::Early { detail },
        Some(Fit::OutcomeButTime(detail) | Fit::OutcomeButSource(detail)) => {
            Judgement::Missed { detail: Some(detail) }
        }
        Some(Fit::Outcome(_)) | None if observation.outcome == Outcome::Blocked => Judgement::Hung,
        Some(Fit::Outcome(detail)) => Judgement::Missed { detail },
        None => Judgement::Missed { detail: None },
    }
}

/// Whether an outcome is one of those expected, whenever it came. What poll is asked again for.
pub(super) fn is_expected(
    expectation: &Expectation,
    observation: &Observation,
    circumstances: &Circumstances<'_>,
) -> bool {
    expectation.alternatives.iter().any(|alternative| {
        differs(&alternative.expected, &observation.outcome, circumstances).is_none()
    })
}

/// How long what was seen must stay as it is: the shortest time that an alternative which it meets
/// asks for, if none of these is content at once.
pub(super) fn lasting(
    expectation: &Expectation,
    observation: &Observation,
    circumstances: &Circumstances<'_>,
) -> Option<Duration> {
    let met = expectation.alternatives.iter().filter(|alternative| {
        differs(&alternative.expected, &observation.outcome, circumstances).is_none()
    });
    met.map(|alternative| alternative.lasting).min().flatten()
}

fn rank(fit: &Fit) -> u8 {
    match fit {
        Fit::Outcome(None) => 0,
        Fit::Outcome(Some(_)) => 1,
        Fit::OutcomeButSource(_) => 2,
        Fit::OutcomeButEarly(_) => 3,
        Fit::OutcomeButTime(_) => 4,
        Fit::Slow(_) => 5,
        Fit::Full => 6,
    }
}

fn fit(alternative: &Alternative, observation: &Observation, c: &Circumstances<'_>) -> Fit {
    if let Some(Difference(detail)) = differs(&alternative.expected, &observation.outcome, c) {
        return Fit::Outcome(detail);
    }
    if let Some(host) = alternative.from {
        match &observation.outcome {
            Outcome::Data { source: Some(source), .. } if c.book.lies_at(source, host) => {}
            Outcome::Data { source: Some(source), .. } => {
                return Fit::OutcomeButSource(format!("it came from {source}"));
            }
            _ => return Fit::OutcomeButSource("the call does not tell the sender".to_owned()),
        }
    }
    let took = observation.took;
    if let Some(after) = alternative.after
        && took + c.granularity < after
    {
        let granted = if c.granularity.is_zero() {
            String::new()
        } else {
            format!(", a tick of {:?} granted", c.granularity)
        };
        return Fit::OutcomeButEarly(format!("earlier than {after:?} allows{granted}"));
    }
    if let Some(before) = alternative.before {
        let limit = c.limits.stretched(before.limit, c.stall);
        if took > limit {
            return if before.must {
                Fit::OutcomeButTime(format!("later than {limit:?}"))
            } else {
                Fit::Slow(limit)
            };
        }
    }
    Fit::Full
}

/// That an outcome is not the one expected, and what is worth saying about it.
struct Difference(Option<String>);

fn differs(expected: &Expected, outcome: &Outcome, c: &Circumstances<'_>) -> Option<Difference> {
    let plainly = |same: bool| (!same).then_some(Difference(None));
    match (expected, outcome) {
        (
            Expected::Ok,
            Outcome::Ok
            | Outcome::Count(_)
            | Outcome::Data { .. }
            | Outcome::Ready(_)
            | Outcome::Value(_)
            | Outcome::Name(_),
        )
        | (Expected::EndOfStream, Outcome::EndOfStream)
        | (Expected::Timeout, Outcome::Timeout)
        | (Expected::Blocked, Outcome::Blocked) => None,
        (Expected::BadFrame(fault), Outcome::BadFrame { fault: found, .. }) if fault == found => {
            None
        }
        (_, Outcome::BadFrame { text, .. }) => Some(Difference(Some(text.clone()))),
        (Expected::Count { least, most }, Outcome::Count(count)) => {
            plainly(in_range(*count, *least, *most))
        }
        (Expected::Data { payload, truncated }, Outcome::Data { bytes, truncated: cut, .. }) => {
            match bytes.difference(&payload.into()) {
                Some(detail) => Some(Difference(Some(detail))),
                None if truncated == cut => None,
                None if *cut => Some(Difference(Some("the datagram was cut".to_owned()))),
                None => Some(Difference(Some("the datagram was not cut".to_owned()))),
            }
        }
        (Expected::AllOf(sender), outcome) => {
            let nothing = Received::default();
            let bytes = match outcome {
                Outcome::Data { bytes, .. } => bytes,
                Outcome::EndOfStream => &nothing,
                _ => return plainly(false),
            };
            let receiver = c.socket.unwrap_or(*sender);
            let all = c.ledger.outstanding(*sender, receiver, bytes.length());
            bytes.difference(&all).map(|detail| Difference(Some(detail)))
        }
        (Expected::Failed { errno, signal }, Outcome::Failed { errno: found, signal: raised }) => {
            match (errno == found, signal, raised) {
                (false, ..) => plainly(false),
                (true, Some(signal), None) => {
                    Some(Difference(Some(format!("{signal} was not raised"))))
                }
                (true, None, Some(raised)) => {
                    Some(Difference(Some(format!("{raised} was raised"))))
                }
                (true, ..) => plainly(signal == raised),
            }
        }
        (Expected::Ready(flags), Outcome::Ready(found)) => plainly(flags == found),
        (Expected::Value(value), Outcome::Value(found)) => plainly(value == found),
        (Expected::Count { least, most }, Outcome::Value(OptionValue::Number(found))) => {
            let found = u64::try_from(*found).ok();
            plainly(found.is_some_and(|found| in_range(found, *least, *most)))
        }
        (
            Expected::TimeRange { least, most },
            Outcome::Value(OptionValue::Time(found) | OptionValue::Linger(Some(found))),
        ) => plainly(least <= found && found <= most),
        (Expected::Name(address), Outcome::Name(endpoint)) => {
            plainly(c.book.matches(c.actor, endpoint, address))
        }
        _ => plainly(false),
    }
}

fn in_range(number: u64, least: u64, most: Option<u64>) -> bool {
    least <= number && most.is_none_or(|most| number <= most)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::scenario::Before;
    use crate::vocabulary::{ActorId, Errno, FrameFault, Payload, Readiness, Signal};

    const TICK: Duration = Duration::from_millis(4);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn expecting(expected: Expected) -> Alternative {
        let place = crate::scenario::Place::default();
        Alternative { expected, after: None, before: None, lasting: None, from: None, place }
    }

    fn data(text: &str) -> Expected {
        let payload = Payload::Literal(Arc::from(text.as_bytes()));
        Expected::Data { payload, truncated: false }
    }

    fn received(text: &str) -> Outcome {
        Outcome::data(text.as_bytes())
    }

    fn judged(alternatives: Vec<Alternative>, outcome: Outcome, took: u64) -> Judgement {
        judged_with(alternatives, outcome, millis(took), 1.0, Duration::ZERO)
    }

    fn judged_with(
        alternatives: Vec<Alternative>,
        outcome: Outcome,
        took: Duration,
        slack: f64,
        stall: Duration,
    ) -> Judgement {
        let expectation = Expectation { alternatives, place: crate::scenario::Place::default() };
        let observation = Observation { outcome, began: Duration::ZERO, took };
        let book = AddressBook::on_loopback(0);
        let circumstances = Circumstances {
            actor: ActorId::new(0),
            book: &book,
            ledger: &Ledger::new(1),
            limits: &Limits { slack, ..Limits::default() },
            granularity: TICK,
            stall,
            socket: None,
        };
        judge(&expectation, &observation, &circumstances)
    }

    fn detail(judgement: Judgement) -> String {
        match judgement {
            Judgement::Missed { detail: Some(detail) } | Judgement::Early { detail } => detail,
            other => panic!("no detail in {other:?}"),
        }
    }

    #[test]
    fn a_lower_bound_grants_one_tick_and_no_more() {
        let timeout = || Alternative { after: Some(millis(300)), ..expecting(Expected::Timeout) };
        assert_eq!(judged(vec![timeout()], Outcome::Timeout, 300), Judgement::Met);
        assert_eq!(judged(vec![timeout()], Outcome::Timeout, 296), Judgement::Met);
        let early = judged(vec![timeout()], Outcome::Timeout, 295);
        assert!(detail(early).contains("earlier than 300ms allows, a tick of 4ms granted"));
    }

    #[test]
    fn neither_slack_nor_stall_moves_a_lower_bound() {
        let timeout = Alternative { after: Some(millis(300)), ..expecting(Expected::Timeout) };
        let early = judged_with(vec![timeout], Outcome::Timeout, millis(225), 10.0, millis(500));
        assert!(matches!(early, Judgement::Early { .. }));
    }

    #[test]
    fn a_soft_bound_stretches_and_then_is_slow() {
        let soon = || {
            let before = Some(Before { limit: millis(100), must: false });
            Alternative { before, ..expecting(Expected::EndOfStream) }
        };
        let at = |took, slack, stall| {
            judged_with(vec![soon()], Outcome::EndOfStream, millis(took), slack, millis(stall))
        };
        assert_eq!(at(100, 1.0, 0), Judgement::Met);
        assert_eq!(at(101, 1.0, 0), Judgement::Slow { limit: millis(100) });
        assert_eq!(at(150, 1.0, 50), Judgement::Met);
        assert_eq!(at(200, 2.0, 0), Judgement::Met);
    }

    #[test]
    fn a_bound_that_must_hold_fails_when_passed() {
        let before = Some(Before { limit: millis(100), must: true });
        let soon = Alternative { before, ..expecting(Expected::EndOfStream) };
        assert!(matches!(
            judged(vec![soon], Outcome::EndOfStream, 150),
            Judgement::Missed { detail: Some(_) }
        ));
    }

    #[test]
    fn any_alternative_is_enough_and_the_nearest_explains() {
        let reset = expecting(Expected::Failed { errno: Errno::ECONNRESET, signal: None });
        let end = expecting(Expected::EndOfStream);
        let either = || vec![reset.clone(), end.clone()];
        assert_eq!(judged(either(), Outcome::EndOfStream, 0), Judgement::Met);
        assert_eq!(judged(either(), Outcome::failed(Errno::ECONNRESET), 0), Judgement::Met);
        assert_eq!(
            judged(either(), Outcome::failed(Errno::EPIPE), 0),
            Judgement::Missed { detail: None }
        );
    }

    #[test]
    fn a_signal_must_be_said() {
        let silent = expecting(Expected::Failed { errno: Errno::EPIPE, signal: None });
        let loud = expecting(Expected::Failed { errno: Errno::EPIPE, signal: Some(Signal::Pipe) });
        let raised = Outcome::Failed { errno: Errno::EPIPE, signal: Some(Signal::Pipe) };
        assert_eq!(judged(vec![loud.clone()], raised.clone(), 0), Judgement::Met);
        assert_eq!(detail(judged(vec![silent], raised, 0)), "SIGPIPE was raised");
        let quiet = Outcome::failed(Errno::EPIPE);
        assert_eq!(detail(judged(vec![loud], quiet, 0)), "SIGPIPE was not raised");
    }

    #[test]
    fn bytes_are_compared_one_by_one() {
        assert_eq!(judged(vec![expecting(data("pong"))], received("pong"), 0), Judgement::Met);
        let other = judged(vec![expecting(data("pang"))], received("pong"), 0);
        assert!(detail(other).starts_with("byte 1 differs: \"o\" instead of \"a\""));
        let short = judged(vec![expecting(data("pong"))], received("po"), 0);
        assert_eq!(detail(short), "2 bytes instead of 4, alike so far");
    }

    #[test]
    fn what_is_wrong_with_a_frame_is_told() {
        let bad = |fault| Outcome::BadFrame { fault, text: "the frame at byte 9".to_owned() };
        let truncated = || vec![expecting(Expected::BadFrame(FrameFault::Truncated))];
        assert_eq!(judged(truncated(), bad(FrameFault::Truncated), 0), Judgement::Met);
        let other = judged(truncated(), bad(FrameFault::Malformed), 0);
        assert_eq!(detail(other), "the frame at byte 9");
        let none = judged(vec![expecting(data("x"))], bad(FrameFault::TooLong), 0);
        assert_eq!(detail(none), "the frame at byte 9");
        let fine = judged(vec![expecting(Expected::Ok)], bad(FrameFault::TooLong), 0);
        assert_eq!(detail(fine), "the frame at byte 9");
        let end = judged(truncated(), Outcome::EndOfStream, 0);
        assert_eq!(end, Judgement::Missed { detail: None });
    }

    #[test]
    fn a_cut_datagram_must_be_said() {
        let cut = Outcome::Data { bytes: b"ab"[..].into(), source: None, truncated: true };
        assert_eq!(detail(judged(vec![expecting(data("ab"))], cut, 0)), "the datagram was cut");
    }

    #[test]
    fn poll_flags_must_be_all_and_no_other() {
        let flags = Readiness::IN | Readiness::OUT;
        let asked = || vec![expecting(Expected::Ready(flags))];
        assert_eq!(judged(asked(), Outcome::Ready(flags), 0), Judgement::Met);
        let more = Outcome::Ready(flags | Readiness::HUP);
        assert_eq!(judged(asked(), more, 0), Judgement::Missed { detail: None });
        let less = Outcome::Ready(Readiness::IN);
        assert_eq!(judged(asked(), less, 0), Judgement::Missed { detail: None });
    }

    #[test]
    fn a_call_that_does_not_return_hangs_unless_that_is_expected() {
        let hung = judged(vec![expecting(Expected::EndOfStream)], Outcome::Blocked, 2_000);
        assert_eq!(hung, Judgement::Hung);
        let blocked = judged(vec![expecting(Expected::Blocked)], Outcome::Blocked, 100);
        assert_eq!(blocked, Judgement::Met);
    }

    #[test]
    fn the_sender_is_part_of_the_expectation() {
        let from = Some(ActorId::new(0));
        let hello = || vec![Alternative { from, ..expecting(data("hi")) }];
        let sent_by = |ip: [u8; 4]| {
            let source = Some(crate::vocabulary::Endpoint::Inet((ip, 9).into()));
            Outcome::Data { bytes: b"hi"[..].into(), source, truncated: false }
        };
        assert_eq!(judged(hello(), sent_by([127, 9, 9, 9]), 0), Judgement::Met);
        let stranger = detail(judged(hello(), sent_by([192, 0, 2, 1]), 0));
        assert_eq!(stranger, "it came from 192.0.2.1:9");
        let untold = detail(judged(hello(), received("hi"), 0));
        assert_eq!(untold, "the call does not tell the sender");
    }
}
