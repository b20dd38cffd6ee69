use super::call::{asking, told_as};
use super::fault::{Fault, Instead};
use super::kind::{
    accepts, closes, connects, flags, polls, reads_error, receives, sends, shuts_down,
};
use crate::subject::Observation;
use crate::vocabulary::{
    Errno, MessageFlags, Op, OptionValue, Outcome, Readiness, Signal, SocketOption,
};

const AREA: &str = "errors";

/// Any call that may tell an error of the connection.
fn tells(op: &Op) -> bool {
    sends(op)
        || receives(op)
        || connects(op)
        || accepts(op)
        || matches!(op, Op::ReceiveFrame { .. })
}

const fn pending(errno: Option<Errno>) -> Outcome {
    Outcome::Value(OptionValue::Error(errno))
}

/// Whether a poll says that an error is pending.
fn is_err(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Ready(ready) if ready.contains(Readiness::ERR))
}

/// Tells EPIPE as another error; a signal stays.
fn not_a_broken_pipe(observation: &mut Observation, other: Errno) {
    if let Outcome::Failed { errno, .. } = &mut observation.outcome
        && *errno == Errno::EPIPE
    {
        *errno = other;
    }
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(AREA, "reset-is-end", "a reset is told as the end of the stream", |op| {
        receives(op) || matches!(op, Op::ReceiveFrame { .. })
    })
    .after(|_, observation| {
        told_as(observation, &Outcome::failed(Errno::ECONNRESET), Outcome::EndOfStream);
    }),
    Fault::new(AREA, "end-is-eagain", "the end of the stream is told as EAGAIN", receives).after(
        |_, observation| {
            told_as(observation, &Outcome::EndOfStream, Outcome::failed(Errno::EAGAIN));
        },
    ),
    Fault::new(AREA, "end-is-a-reset", "the end of the stream is told as ECONNRESET", receives)
        .after(|_, observation| {
            told_as(observation, &Outcome::EndOfStream, Outcome::failed(Errno::ECONNRESET));
        }),
    Fault::new(
        AREA,
        "end-is-an-empty-read",
        "the end of the stream is told as data without bytes",
        receives,
    )
    .after(|_, observation| {
        told_as(observation, &Outcome::EndOfStream, Outcome::data(b""));
    }),
    Fault::new(
        AREA,
        "reset-overtakes-data",
        "a reset is told before data that was received in front of it",
        receives,
    )
    .before(|call| {
        let socket = call.socket();
        let ask = asking(socket, Readiness::NONE);
        if !is_err(&call.also(&ask)) {
            return Instead::AsAsked;
        }
        match call.also(&Op::GetOption { socket, option: SocketOption::Error }) {
            Outcome::Value(OptionValue::Error(Some(errno))) => {
                Instead::Pretend(Outcome::failed(errno))
            }
            _ => Instead::AsAsked,
        }
    }),
    Fault::new(
        AREA,
        "reset-is-told-for-ever",
        "every receive after a reset fails with ECONNRESET again",
        receives,
    )
    .after(|call, observation| {
        if observation.outcome == Outcome::EndOfStream
            && call.known().last_error == Some(Errno::ECONNRESET)
        {
            observation.outcome = Outcome::failed(Errno::ECONNRESET);
        }
    }),
    Fault::new(
        AREA,
        "broken-pipe-is-a-reset",
        "a send on a half that is shut fails with ECONNRESET",
        sends,
    )
    .after(|_, observation| {
        not_a_broken_pipe(observation, Errno::ECONNRESET);
    }),
    Fault::new(
        AREA,
        "broken-pipe-is-enotconn",
        "a send on a half that is shut fails with ENOTCONN",
        sends,
    )
    .after(|_, observation| {
        not_a_broken_pipe(observation, Errno::ENOTCONN);
    }),
    Fault::new(
        AREA,
        "unconnected-is-a-broken-pipe",
        "a send on a stream that was never connected fails with EPIPE",
        sends,
    )
    .after(|_, observation| {
        told_as(observation, &Outcome::failed(Errno::ENOTCONN), Outcome::failed(Errno::EPIPE));
    }),
    Fault::new(
        AREA,
        "unconnected-is-invalid",
        "shutdown of a stream that was never connected fails with EINVAL",
        shuts_down,
    )
    .before(|call| {
        let known = call.known();
        if known.is_stream()
            && known.transport.is_some()
            && known.peer.is_none()
            && !known.listens
            && !known.accepted
        {
            Instead::Pretend(Outcome::failed(Errno::EINVAL))
        } else {
            Instead::AsAsked
        }
    }),
    Fault::new(AREA, "no-signal-comes", "no send raises SIGPIPE", |op| {
        sends(op) || matches!(op, Op::SendFrame { .. })
    })
    .after(|_, observation| {
        if let Outcome::Failed { signal, .. } = &mut observation.outcome {
            *signal = None;
        }
    }),
    Fault::new(AREA, "a-signal-always-comes", "MSG_NOSIGNAL does not hold SIGPIPE back", sends)
        .after(|call, observation| {
            let asked = flags(call.op).contains(MessageFlags::RAISE);
            if let Outcome::Failed { errno: Errno::EPIPE, signal } = &mut observation.outcome
                && !asked
            {
                *signal = Some(Signal::Pipe);
            }
        }),
    Fault::new(
        AREA,
        "reading-an-error-keeps-it",
        "reading SO_ERROR does not clear it",
        reads_error,
    )
    .after(|call, observation| {
        if observation.outcome == pending(None)
            && let Some(errno) = call.known().pending_error
        {
            observation.outcome = pending(Some(errno));
        }
    }),
    Fault::new(
        AREA,
        "error-is-told-twice",
        "an error that SO_ERROR has told is told by the next receive again",
        receives,
    )
    .before(|call| match call.note().pending_error.take() {
        Some(errno) => Instead::Pretend(Outcome::failed(errno)),
        None => Instead::AsAsked,
    }),
    Fault::new(AREA, "no-error-is-pending", "SO_ERROR always reads zero", reads_error)
        .after(|_, observation| observation.outcome = pending(None)),
    Fault::new(AREA, "asking-costs-the-error", "a poll takes the pending error away", polls).after(
        |call, observation| {
            if is_err(&observation.outcome) {
                let socket = call.socket();
                call.also(&Op::GetOption { socket, option: SocketOption::Error });
            }
        },
    ),
    Fault::new(
        AREA,
        "pending-connect-is-eagain",
        "a connect that goes on fails with EAGAIN",
        connects,
    )
    .after(|_, observation| {
        told_as(observation, &Outcome::failed(Errno::EINPROGRESS), Outcome::failed(Errno::EAGAIN));
    }),
    Fault::new(
        AREA,
        "refused-is-unreachable",
        "a refused connection is told as EHOSTUNREACH",
        |op| tells(op) || reads_error(op),
    )
    .after(|_, observation| {
        told_as(
            observation,
            &Outcome::failed(Errno::ECONNREFUSED),
            Outcome::failed(Errno::EHOSTUNREACH),
        );
        told_as(
            observation,
            &pending(Some(Errno::ECONNREFUSED)),
            pending(Some(Errno::EHOSTUNREACH)),
        );
    }),
    Fault::new(
        AREA,
        "listener-close-is-forgotten",
        "closing a listener leaves those waiting who were not accepted",
        closes,
    )
    .before(|call| {
        if call.known().listens { Instead::Pretend(Outcome::Ok) } else { Instead::AsAsked }
    }),
    Fault::new(AREA, "full-backlog-refuses", "a connect to a full backlog is refused", connects)
        .after(|call, observation| {
            let full = [Outcome::failed(Errno::EAGAIN), Outcome::Timeout, Outcome::Blocked];
            if !call.known().is_tcp() && full.contains(&observation.outcome) {
                observation.outcome = Outcome::failed(Errno::ECONNREFUSED);
            }
        }),
];
