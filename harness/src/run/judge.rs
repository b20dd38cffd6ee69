use std::time::Duration;

use super::event::Judgement;
use super::ledger::Ledger;
use super::limits::Limits;
use super::naming::{Likeness, likeness, likeness_of, own_words};
use crate::scenario::{Alternative, Expectation, Expected};
use crate::subject::{AddressBook, Observation};
use crate::vocabulary::{ActorId, Ending, ErrorNames, OptionValue, Outcome, Received, SocketId};

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
    /// What errors are told by.
    pub(super) names: ErrorNames,
    /// The socket that the step acted on.
    pub(super) socket: Option<SocketId>,
}

/// A judgement, and what else there is to say of what was seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) judgement: Judgement,
    /// By which class an error was taken for the one that is expected.
    pub(super) note: Option<String>,
}

impl From<Judgement> for Judged {
    fn from(judgement: Judgement) -> Self {
        Self { judgement, note: None }
    }
}

/// How far an alternative and an observation agree, the better the greater.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    Outcome(Option<String>),
    OutcomeButSource(String),
    OutcomeButTime(String),
    OutcomeButEarly(String),
    Slow(Duration, Option<String>),
    Full(Option<String>),
}

/// Holds an expectation against an observation: any one alternative is enough.
pub(super) fn judge(
    expectation: &Expectation,
    observation: &Observation,
    circumstances: &Circumstances<'_>,
) -> Judged {
    let best = expectation
        .alternatives
        .iter()
        .map(|alternative| fit(alternative, observation, circumstances))
        .max_by_key(rank);
    let judgement = match best {
        Some(Fit::Full(note)) => return Judged { judgement: Judgement::Met, note },
        Some(Fit::Slow(limit, note)) => {
            return Judged { judgement: Judgement::Slow { limit }, note };
        }
        Some(Fit::OutcomeButEarly(detail)) => Judgement::Early { detail },
        Some(Fit::OutcomeButTime(detail) | Fit::OutcomeButSource(detail)) => {
            Judgement::Missed { detail: Some(detail) }
        }
        Some(Fit::Outcome(_)) | None if observation.outcome == Outcome::Blocked => Judgement::Hung,
        Some(Fit::Outcome(detail)) => {
            let ending = other_ending(expectation, &observation.outcome);
            let details: Vec<_> = ending.into_iter().chain(detail).collect();
            let detail = (!details.is_empty()).then(|| details.join("\n"));
            Judgement::Missed { detail }
        }
        None => Judgement::Missed { detail: None },
    };
    judgement.into()
}

/// That a stream, or a call on it, ended in another way than in those that are expected.
fn other_ending(expectation: &Expectation, outcome: &Outcome) -> Option<String> {
    let found = outcome.ending()?;
    let mut expected: Vec<_> = expectation
        .alternatives
        .iter()
        .filter_map(|alternative| ending_of(&alternative.expected))
        .collect();
    expected.sort_unstable();
    expected.dedup();
    if expected.is_empty() || expected.contains(&found) {
        return None;
    }
    let phrases: Vec<_> = expected.iter().map(|ending| ending.phrase()).collect();
    Some(format!("{} where {} was expected", found.phrase(), phrases.join(" or ")))
}

/// The ending that is expected, where it is one.
const fn ending_of(expected: &Expected) -> Option<Ending> {
    match expected {
        Expected::EndOfStream => Some(Ending::EndOfStream),
        Expected::Timeout => Some(Ending::Timeout),
        Expected::Failed { errno, .. } => Some(Ending::of(errno.class())),
        _ => None,
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
        Fit::Slow(..) => 5,
        Fit::Full(Some(_)) => 6,
        Fit::Full(None) => 7,
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
                Fit::Slow(limit, note(&alternative.expected, &observation.outcome, c))
            };
        }
    }
    Fit::Full(note(&alternative.expected, &observation.outcome, c))
}

/// By which class an error was taken for the one that is expected.
fn note(expected: &Expected, outcome: &Outcome, c: &Circumstances<'_>) -> Option<String> {
    match (expected, outcome) {
        (Expected::Failed { errno, .. }, _) => likeness_of(*errno, outcome, c.names)?.0.note(),
        (
            Expected::Value(OptionValue::Error(Some(errno))),
            Outcome::Value(OptionValue::Error(Some(found))),
        ) => likeness(*errno, *found, c.names).note(),
        _ => None,
    }
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
        (Expected::Failed { errno, signal }, outcome) => {
            let Some((likeness, raised)) = likeness_of(*errno, outcome, c.names) else {
                return plainly(false);
            };
            match (likeness, signal, raised) {
                (Likeness::Other(detail), ..) => Some(Difference(detail)),
                (_, Some(signal), None) => {
                    Some(Difference(Some(format!("{signal} was not raised"))))
                }
                (_, None, Some(raised)) => Some(Difference(Some(format!("{raised} was raised")))),
                (_, signal, raised) => plainly(*signal == raised),
            }
        }
        (Expected::Ready(flags), Outcome::Ready(found)) => plainly(flags == found),
        (
            Expected::Value(OptionValue::Error(Some(errno))),
            Outcome::Value(OptionValue::Error(Some(found))),
        ) => plainly(!matches!(likeness(*errno, *found, c.names), Likeness::Other(_))),
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
        // Its class is all that the report shows of it otherwise.
        (_, Outcome::FailedAs { text, .. }) => Some(Difference(own_words(text))),
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
    use crate::vocabulary::{Errno, ErrorClass, FrameFault, Payload, Readiness, Signal};

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

    /// What is said of an outcome of a subject with such names.
    fn named(names: ErrorNames, expected: Expected, outcome: Outcome) -> Judged {
        let place = crate::scenario::Place::default();
        let expectation = Expectation { alternatives: vec![expecting(expected)], place };
        let book = AddressBook::on_loopback(0);
        let (ledger, limits) = (Ledger::new(1), Limits::default());
        let circumstances = Circumstances { names, ..usual(&book, &ledger, &limits) };
        judge(&expectation, &seen(outcome, Duration::ZERO), &circumstances)
    }

    fn seen(outcome: Outcome, took: Duration) -> Observation {
        Observation { outcome, began: Duration::ZERO, took }
    }

    fn usual<'a>(
        book: &'a AddressBook,
        ledger: &'a Ledger,
        limits: &'a Limits,
    ) -> Circumstances<'a> {
        Circumstances {
            actor: ActorId::new(0),
            book,
            ledger,
            limits,
            granularity: TICK,
            stall: Duration::ZERO,
            names: ErrorNames::Exact,
            socket: None,
        }
    }

    fn judged_with(
        alternatives: Vec<Alternative>,
        outcome: Outcome,
        took: Duration,
        slack: f64,
        stall: Duration,
    ) -> Judgement {
        let expectation = Expectation { alternatives, place: crate::scenario::Place::default() };
        let book = AddressBook::on_loopback(0);
        let (ledger, limits) = (Ledger::new(1), Limits { slack, ..Limits::default() });
        let circumstances = Circumstances { stall, ..usual(&book, &ledger, &limits) };
        judge(&expectation, &seen(outcome, took), &circumstances).judgement
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
        let other = judged(either(), Outcome::failed(Errno::EPIPE), 0);
        assert_eq!(
            detail(other),
            "an error of another kind where the end of the stream or a reset was expected"
        );
        assert_eq!(judged(either(), received("x"), 0), Judgement::Missed { detail: None });
    }

    #[test]
    fn an_ending_of_another_kind_is_told() {
        let reset = || vec![expecting(Expected::Failed { errno: Errno::ECONNRESET, signal: None })];
        let end = judged(reset(), Outcome::EndOfStream, 0);
        assert_eq!(detail(end), "the end of the stream where a reset was expected");
        let timeout = judged(reset(), Outcome::failed(Errno::ETIMEDOUT), 0);
        assert_eq!(detail(timeout), "a timeout where a reset was expected");
        let aborted = judged(reset(), Outcome::failed(Errno::ECONNABORTED), 0);
        assert_eq!(aborted, Judgement::Missed { detail: None }, "it is a reset by another name");
        let data = judged(vec![expecting(data("x"))], Outcome::EndOfStream, 0);
        assert_eq!(data, Judgement::Missed { detail: None }, "no ending was expected");
    }

    #[test]
    fn a_subject_with_names_of_its_own_is_held_to_the_class() {
        let refused = || Expected::Failed { errno: Errno::EPIPE, signal: None };
        let shut = || Outcome::failed(Errno::ESHUTDOWN);
        let met = named(ErrorNames::Class, refused(), shut());
        assert_eq!(met.judgement, Judgement::Met);
        assert_eq!(met.note.as_deref(), Some("ESHUTDOWN, of the class of EPIPE (send-refused)"));
        let exact = named(ErrorNames::Exact, refused(), shut());
        assert_eq!(exact, Judgement::Missed { detail: None }.into());
        let plain = named(ErrorNames::Class, refused(), Outcome::failed(Errno::EPIPE));
        assert_eq!(plain, Judgement::Met.into());
        let wrong = named(ErrorNames::Class, refused(), Outcome::failed(Errno::ENOTCONN));
        assert_eq!(wrong, Judgement::Missed { detail: None }.into());
        let pending = |errno| OptionValue::Error(Some(errno));
        let (reset, aborted) = (pending(Errno::ECONNRESET), pending(Errno::ECONNABORTED));
        let value = |names| named(names, Expected::Value(reset), Outcome::Value(aborted));
        assert_eq!(value(ErrorNames::Class).judgement, Judgement::Met);
        assert_eq!(value(ErrorNames::Exact).judgement, Judgement::Missed { detail: None });
    }

    #[test]
    fn a_class_alone_is_enough_for_a_subject_that_has_no_names() {
        let told = |class| Outcome::FailedAs { class, text: "closed".to_owned(), signal: None };
        let refused = || Expected::Failed { errno: Errno::EPIPE, signal: None };
        let met = named(ErrorNames::Class, refused(), told(ErrorClass::SendRefused));
        assert_eq!(met.judgement, Judgement::Met);
        let said = "an error of the class of EPIPE (send-refused)";
        assert_eq!(met.note.as_deref(), Some(said));
        let unnamed = named(ErrorNames::Exact, refused(), told(ErrorClass::SendRefused));
        assert!(detail(unnamed.judgement).contains("not named"));
        let reset = named(ErrorNames::Class, refused(), told(ErrorClass::Reset));
        assert_eq!(
            detail(reset.judgement),
            "a reset where an error of another kind was expected\nclosed"
        );
        let end = named(ErrorNames::Class, Expected::EndOfStream, told(ErrorClass::Reset));
        let said = "a reset where the end of the stream was expected\nclosed";
        assert_eq!(detail(end.judgement), said);
        let loud = Expected::Failed { errno: Errno::EPIPE, signal: Some(Signal::Pipe) };
        let quiet = named(ErrorNames::Class, loud, told(ErrorClass::SendRefused));
        assert_eq!(detail(quiet.judgement), "SIGPIPE was not raised");
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
