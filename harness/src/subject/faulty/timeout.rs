use std::time::Duration;

use super::call::{Call, setting, told_as};
use super::fault::{Fault, Instead};
use super::kind::{accepts, connects, flags, polls, reads_error, receives, sends, sets};
use crate::vocabulary::{Errno, How, MessageFlags, Op, OptionValue, Outcome, SocketOption};

const AREA: &str = "timeout";
const RECEIVE: SocketOption = SocketOption::ReceiveTimeout;
const SEND: SocketOption = SocketOption::SendTimeout;

fn sets_limit(op: &Op) -> bool {
    sets(op, RECEIVE) || sets(op, SEND)
}

/// The time that a limit is about to be set to.
const fn time(op: &Op) -> Duration {
    match op {
        Op::SetOption { value: OptionValue::Time(time), .. } => *time,
        _ => Duration::ZERO,
    }
}

/// The same, with another time.
fn with_time(op: &Op, time: Duration) -> Instead {
    match op {
        Op::SetOption { socket, option, .. } => {
            Instead::Do(setting(*socket, *option, OptionValue::Time(time)))
        }
        _ => Instead::AsAsked,
    }
}

/// A poll with another limit, if it has one.
fn poll_with(op: &Op, other: impl Fn(Duration) -> Duration) -> Instead {
    match op {
        Op::Poll { socket, interest, timeout: Some(timeout), by } => Instead::Do(Op::Poll {
            socket: *socket,
            interest: *interest,
            timeout: Some(other(*timeout)),
            by: *by,
        }),
        _ => Instead::AsAsked,
    }
}

/// For the time of one call a socket has another limit.
fn lend(call: &mut Call<'_>, option: SocketOption, other: impl Fn(Duration) -> Duration) {
    if let Some(limit) = call.known().limit(option) {
        call.set(option, OptionValue::Time(other(limit)));
    }
}

fn give_back(call: &mut Call<'_>, option: SocketOption) {
    if let Some(limit) = call.known().limit(option) {
        call.set(option, OptionValue::Time(limit));
    }
}

const HOUR: Duration = Duration::from_hours(1);
const MILLISECOND: Duration = Duration::from_millis(1);
/// Behind how many waits the one comes that is too short.
const EARLY: u32 = 36;
/// A tick of a clock with 100 Hz.
const TICK: Duration = Duration::from_millis(10);

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        AREA,
        "receive-timer-is-early",
        "SO_RCVTIMEO fires after three quarters of its time",
        |op| sets(op, RECEIVE),
    )
    .before(|call| with_time(call.op, time(call.op) * 3 / 4)),
    Fault::new(
        AREA,
        "send-timer-is-early",
        "SO_SNDTIMEO fires after three quarters of its time",
        |op| sets(op, SEND),
    )
    .before(|call| with_time(call.op, time(call.op) * 3 / 4)),
    Fault::new(AREA, "receive-timer-is-ignored", "SO_RCVTIMEO is kept and not heeded", |op| {
        sets(op, RECEIVE)
    })
    .before(|_| Instead::Pretend(Outcome::Ok)),
    Fault::new(AREA, "send-timer-is-ignored", "SO_SNDTIMEO is kept and not heeded", |op| {
        sets(op, SEND)
    })
    .before(|_| Instead::Pretend(Outcome::Ok)),
    Fault::new(
        AREA,
        "limits-count-whole-seconds",
        "limits below a second are no limits: the fraction is dropped",
        sets_limit,
    )
    .before(|call| with_time(call.op, Duration::from_secs(time(call.op).as_secs()))),
    Fault::new(
        AREA,
        "limit-holds-once",
        "a receive limit that has ended a call does not end the next one",
        receives,
    )
    .before(|call| {
        if call.known().timeouts > 0 {
            call.set(RECEIVE, OptionValue::Time(Duration::ZERO));
        }
        Instead::AsAsked
    }),
    Fault::new(
        AREA,
        "limit-runs-from-when-it-was-set",
        "a limit that was set counts from then on, over all calls",
        |op| receives(op) || sets(op, RECEIVE),
    )
    .before(|call| {
        let now = call.now();
        if sets(call.op, RECEIVE) {
            call.note().limit_at = Some(now);
            return Instead::AsAsked;
        }
        let known = call.known();
        let (Some(at), Some(limit)) = (known.limit_at, known.limit(RECEIVE)) else {
            return Instead::AsAsked;
        };
        let gone = now.saturating_sub(at);
        // What only a busy machine takes so long is not to be told from this fault.
        if gone > limit / 2 {
            call.set(RECEIVE, OptionValue::Time(limit.saturating_sub(gone).max(MILLISECOND)));
        }
        Instead::AsAsked
    }),
    Fault::new(AREA, "zero-means-at-once", "a limit of zero ends a call at once", sets_limit)
        .before(|call| match time(call.op) {
            Duration::ZERO => with_time(call.op, Duration::from_micros(1)),
            _ => Instead::AsAsked,
        }),
    Fault::new(
        AREA,
        "zero-changes-nothing",
        "a limit of zero does not take an earlier one back",
        sets_limit,
    )
    .before(|call| match time(call.op) {
        Duration::ZERO => Instead::Pretend(Outcome::Ok),
        _ => Instead::AsAsked,
    }),
    Fault::new(
        AREA,
        "limits-below-a-tick-are-none",
        "a limit shorter than a clock tick is no limit",
        sets_limit,
    )
    .before(|call| {
        if time(call.op) < TICK { with_time(call.op, Duration::ZERO) } else { Instead::AsAsked }
    }),
    Fault::new(
        AREA,
        "limits-below-a-tick-refuse",
        "a limit shorter than a clock tick makes calls refuse to wait",
        receives,
    )
    .before(|call| match (call.known().limit(RECEIVE), call.op) {
        (Some(limit), Op::Receive { socket, limit: size, flags, source }) if limit < TICK => {
            Instead::Do(Op::Receive {
                socket: *socket,
                limit: *size,
                flags: *flags | MessageFlags::DONTWAIT,
                source: *source,
            })
        }
        _ => Instead::AsAsked,
    }),
    Fault::new(
        AREA,
        "limits-read-back-rounded-down",
        "a limit reads back as whole ticks, rounded down",
        |op| {
            matches!(
                op,
                Op::GetOption {
                    option: SocketOption::ReceiveTimeout | SocketOption::SendTimeout,
                    ..
                }
            )
        },
    )
    .after(|_, observation| {
        if let Outcome::Value(OptionValue::Time(time)) = &mut observation.outcome {
            let ticks = time.as_micros() / TICK.as_micros();
            *time = TICK * u32::try_from(ticks).unwrap_or(u32::MAX);
        }
    }),
    Fault::new(
        AREA,
        "timeout-is-end",
        "a receive that its limit has ended says that the stream has ended",
        receives,
    )
    .after(|_, observation| {
        told_as(observation, &Outcome::Timeout, Outcome::EndOfStream);
    }),
    Fault::new(
        AREA,
        "timeout-is-etimedout",
        "a call that its limit has ended fails with ETIMEDOUT",
        |op| sends(op) || receives(op) || accepts(op),
    )
    .after(|_, observation| {
        told_as(observation, &Outcome::Timeout, Outcome::failed(Errno::ETIMEDOUT));
    }),
    Fault::new(
        AREA,
        "timeout-wins-over-data",
        "a receive with a limit below a tick finds no data, even where there is some",
        receives,
    )
    .before(|call| match call.known().limit(RECEIVE) {
        Some(limit) if limit < TICK => Instead::Pretend(Outcome::Timeout),
        _ => Instead::AsAsked,
    }),
    Fault::new(
        AREA,
        "partial-send-is-a-timeout",
        "a send that took a part before its limit says that it took nothing",
        sends,
    )
    .after(|call, observation| {
        if let (Op::Send { data, .. }, Outcome::Count(count)) = (call.op, &observation.outcome)
            && *count < data.length()
            && call.known().limit(SEND).is_some()
        {
            observation.outcome = Outcome::Timeout;
        }
    }),
    Fault::new(
        AREA,
        "partial-send-is-whole",
        "a send that took a part says that it took everything",
        sends,
    )
    .after(|call, observation| {
        if let (Op::Send { data, .. }, Outcome::Count(count)) = (call.op, &mut observation.outcome)
        {
            *count = data.length();
        }
    }),
    Fault::new(AREA, "connect-has-no-limit", "SO_SNDTIMEO does not bound connect", connects)
        .before(|call| {
            lend(call, SEND, |_| Duration::ZERO);
            Instead::AsAsked
        })
        .after(|call, _| give_back(call, SEND)),
    Fault::new(
        AREA,
        "connect-gives-up",
        "a connect that its limit has ended is abandoned",
        connects,
    )
    .after(|call, observation| {
        let ended = [Outcome::failed(Errno::EINPROGRESS), Outcome::Timeout];
        if call.known().limit(SEND).is_some() && ended.contains(&observation.outcome) {
            let socket = call.socket();
            call.also(&Op::Shutdown { socket, how: How::Both });
        }
    }),
    Fault::new(AREA, "accept-has-no-limit", "SO_RCVTIMEO does not bound accept", accepts)
        .before(|call| {
            lend(call, RECEIVE, |_| Duration::ZERO);
            Instead::AsAsked
        })
        .after(|call, _| give_back(call, RECEIVE)),
    Fault::new(AREA, "send-limit-bounds-accept", "SO_SNDTIMEO bounds accept too", accepts).before(
        |call| {
            if let (Some(limit), None) = (call.known().limit(SEND), call.known().limit(RECEIVE)) {
                call.set(RECEIVE, OptionValue::Time(limit));
            }
            Instead::AsAsked
        },
    ),
    Fault::new(AREA, "poll-is-early", "poll returns after three quarters of its time", polls)
        .before(|call| poll_with(call.op, |timeout| timeout * 3 / 4)),
    Fault::new(
        AREA,
        "timer-once-early",
        "one wait of poll in a hundred is two milliseconds too short",
        polls,
    )
    .before(|call| match call.known().timeouts % 100 {
        EARLY => poll_with(call.op, |timeout| timeout.saturating_sub(MILLISECOND * 2)),
        _ => Instead::AsAsked,
    }),
    Fault::new(
        AREA,
        "poll-drops-fractions",
        "poll drops the part of its time below a millisecond",
        polls,
    )
    .before(|call| {
        poll_with(call.op, |timeout| {
            Duration::from_millis(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX))
        })
    }),
    Fault::new(
        AREA,
        "poll-obeys-the-receive-limit",
        "poll waits no longer than SO_RCVTIMEO",
        polls,
    )
    .before(|call| match call.known().limit(RECEIVE) {
        Some(limit) => poll_with(call.op, |timeout| timeout.min(limit)),
        None => Instead::AsAsked,
    }),
    Fault::new(
        AREA,
        "waitall-drops-what-came",
        "a MSG_WAITALL receive whose time runs out throws away what came",
        receives,
    )
    .after(|call, observation| {
        if let (Op::Receive { limit, flags, .. }, Outcome::Data { bytes, .. }) =
            (call.op, &observation.outcome)
            && flags.contains(MessageFlags::WAITALL)
            && bytes.length() < *limit as u64
            && call.known().limit(RECEIVE).is_some()
        {
            observation.outcome = Outcome::Timeout;
        }
    }),
    Fault::new(
        AREA,
        "waitall-starts-anew-with-data",
        "data that comes during a MSG_WAITALL receive starts its limit anew",
        receives,
    )
    .before(|call| {
        if flags(call.op).contains(MessageFlags::WAITALL) {
            lend(call, RECEIVE, |limit| limit * 3);
        }
        Instead::AsAsked
    })
    .after(|call, _| {
        if flags(call.op).contains(MessageFlags::WAITALL) {
            give_back(call, RECEIVE);
        }
    }),
    Fault::new(
        AREA,
        "room-starts-the-send-limit-anew",
        "each piece of room starts SO_SNDTIMEO anew",
        sends,
    )
    .before(|call| {
        lend(call, SEND, |limit| limit * 4);
        Instead::AsAsked
    })
    .after(|call, _| give_back(call, SEND)),
    Fault::new(
        AREA,
        "signals-restart-what-has-a-limit",
        "a receive with a limit is restarted after a signal",
        receives,
    )
    .after(|call, observation| {
        if observation.outcome == Outcome::failed(Errno::EINTR) {
            observation.outcome = call.also(call.op);
        }
    }),
    Fault::new(
        AREA,
        "signals-end-every-receive",
        "a signal ends a receive with EINTR although its handler restarts calls",
        receives,
    )
    .interrupted(|_| Some(Outcome::failed(Errno::EINTR))),
    Fault::new(
        AREA,
        "connect-never-gives-up",
        "a connect that nobody answers takes an hour, however few SYNs are asked for",
        |op| sets(op, SocketOption::TcpSynCount),
    )
    .before(|_| Instead::Pretend(Outcome::Ok)),
    Fault::new(
        AREA,
        "unanswered-is-refused",
        "a connection that nobody answers ends with ECONNREFUSED",
        |op| connects(op) || sends(op) || receives(op) || reads_error(op),
    )
    .after(|_, observation| {
        told_as(
            observation,
            &Outcome::failed(Errno::ETIMEDOUT),
            Outcome::failed(Errno::ECONNREFUSED),
        );
        told_as(
            observation,
            &Outcome::Value(OptionValue::Error(Some(Errno::ETIMEDOUT))),
            Outcome::Value(OptionValue::Error(Some(Errno::ECONNREFUSED))),
        );
    }),
    Fault::new(AREA, "keepalive-is-ignored", "SO_KEEPALIVE is kept and no probe is sent", |op| {
        sets(op, SocketOption::KeepAlive)
    })
    .before(|_| Instead::Pretend(Outcome::Ok)),
    Fault::new(
        AREA,
        "keepalive-is-always-on",
        "every TCP connection is probed each second, asked for or not",
        connects,
    )
    .before(|call| {
        if call.known().is_tcp() {
            call.set(SocketOption::KeepAlive, OptionValue::Number(1));
            call.set(SocketOption::TcpKeepIdle, OptionValue::Time(Duration::from_secs(1)));
            call.set(SocketOption::TcpKeepInterval, OptionValue::Time(Duration::from_secs(1)));
            call.set(SocketOption::TcpKeepCount, OptionValue::Number(1));
        }
        Instead::AsAsked
    }),
    Fault::new(AREA, "user-timeout-is-ignored", "TCP_USER_TIMEOUT is kept and not heeded", |op| {
        sets(op, SocketOption::TcpUserTimeout)
    })
    .before(|_| Instead::Pretend(Outcome::Ok)),
    Fault::new(
        AREA,
        "user-timeout-spares-a-closed-window",
        "TCP_USER_TIMEOUT is not heeded while the peer's window is closed",
        sends,
    )
    .before(|call| {
        call.set(SocketOption::TcpUserTimeout, OptionValue::Time(HOUR));
        Instead::AsAsked
    }),
];
