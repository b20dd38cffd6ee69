use super::fault::{Fault, Instead};
use super::kind::polls;
use crate::subject::Observation;
use crate::vocabulary::{MessageFlags, Op, Outcome, Readiness};

const AREA: &str = "readiness";

/// Adds flags to those that a poll gave, where it was asked for them or they need no asking.
fn add(observation: &mut Observation, flags: Readiness) {
    if let Outcome::Ready(ready) = &mut observation.outcome {
        *ready |= flags;
    }
}

/// Takes flags from those that a poll gave.
fn take(observation: &mut Observation, flags: Readiness) {
    if let Outcome::Ready(ready) = &mut observation.outcome {
        *ready = ready.without(flags);
    }
}

fn has(observation: &Observation, flags: Readiness) -> bool {
    matches!(observation.outcome, Outcome::Ready(ready) if ready.contains(flags))
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        AREA,
        "half-close-hangs-up",
        "poll tells a half-close of the peer as POLLHUP",
        polls,
    )
    .after(|_, observation| {
        if has(observation, Readiness::RDHUP) {
            add(observation, Readiness::HUP);
        }
    }),
    Fault::new(AREA, "half-close-is-not-told", "poll never tells POLLRDHUP", polls)
        .after(|_, observation| take(observation, Readiness::RDHUP)),
    Fault::new(
        AREA,
        "end-is-not-readable",
        "poll does not tell the end of the stream as readable",
        polls,
    )
    .after(|_, observation| {
        if has(observation, Readiness::RDHUP) {
            take(observation, Readiness::IN);
        }
    }),
    Fault::new(
        AREA,
        "end-is-told-as-an-edge",
        "poll tells the end of the stream until it was read, and then no more",
        polls,
    )
    .after(|call, observation| {
        if call.known().ends > 0 {
            take(observation, Readiness::IN | Readiness::RDHUP);
        }
    }),
    Fault::new(
        AREA,
        "shut-write-is-not-writable",
        "poll does not tell a socket as writable whose write half is shut",
        polls,
    )
    .after(|call, observation| {
        if call.known().shut.write {
            take(observation, Readiness::OUT);
        }
    }),
    Fault::new(
        AREA,
        "own-shutdown-hangs-up",
        "poll tells the own shutdown(write) as POLLHUP",
        polls,
    )
    .after(|call, observation| {
        if call.known().shut.write {
            add(observation, Readiness::HUP);
        }
    }),
    Fault::new(AREA, "hang-up-is-not-told", "poll never tells POLLHUP", polls)
        .after(|_, observation| take(observation, Readiness::HUP)),
    Fault::new(AREA, "errors-are-not-told", "poll never tells POLLERR", polls)
        .after(|_, observation| take(observation, Readiness::ERR)),
    Fault::new(AREA, "always-readable", "poll tells every connected socket as readable", polls)
        .after(|_, observation| add(observation, Readiness::IN)),
    Fault::new(AREA, "always-writable", "poll tells every socket as writable", polls)
        .after(|_, observation| add(observation, Readiness::OUT)),
    Fault::new(
        AREA,
        "reset-is-not-readable",
        "poll tells a reset as an error only, and not as readable",
        polls,
    )
    .after(|_, observation| {
        if has(observation, Readiness::ERR) {
            take(observation, Readiness::IN | Readiness::RDHUP);
        }
    }),
    Fault::new(
        AREA,
        "empty-datagrams-are-not-told",
        "poll tells nothing of a datagram without bytes",
        polls,
    )
    .before(|call| {
        if call.known().is_stream() {
            return Instead::AsAsked;
        }
        let next = call.also(&Op::Receive {
            socket: call.socket(),
            limit: 1,
            flags: MessageFlags::PEEK.with(MessageFlags::DONTWAIT),
            source: true,
        });
        match next {
            Outcome::Data { bytes, .. } if bytes.length() == 0 => {
                Instead::Pretend(Outcome::Ready(Readiness::OUT))
            }
            _ => Instead::AsAsked,
        }
    }),
];
