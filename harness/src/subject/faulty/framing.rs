use super::call::told_as;
use super::fault::{Fault, Instead};
use crate::vocabulary::{FrameFault, Framing, Op, Outcome, Payload, Pieces};

const AREA: &str = "framing";

const fn sends(op: &Op) -> bool {
    matches!(op, Op::SendFrame { .. })
}

const fn receives(op: &Op) -> bool {
    matches!(op, Op::ReceiveFrame { .. })
}

/// The same receive with another limit.
fn with_limit(op: &Op, other: impl Fn(usize) -> usize) -> Instead {
    match op {
        Op::ReceiveFrame { socket, framing, limit } => Instead::Do(Op::ReceiveFrame {
            socket: *socket,
            framing: *framing,
            limit: other(*limit),
        }),
        _ => Instead::AsAsked,
    }
}

fn is_bad(outcome: &Outcome, wanted: FrameFault) -> bool {
    matches!(outcome, Outcome::BadFrame { fault, .. } if *fault == wanted)
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(AREA, "empty-messages-are-skipped", "a frame without a body is skipped", receives)
        .after(|call, observation| {
            if matches!(&observation.outcome, Outcome::Data { bytes, .. } if bytes.length() == 0) {
                observation.outcome = call.also(call.op);
            }
        }),
    Fault::new(
        AREA,
        "empty-message-is-the-end",
        "a frame without a body is told as the end of the stream",
        receives,
    )
    .after(|_, observation| {
        if matches!(&observation.outcome, Outcome::Data { bytes, .. } if bytes.length() == 0) {
            observation.outcome = Outcome::EndOfStream;
        }
    }),
    Fault::new(AREA, "limit-is-one-short", "a message as long as the limit is refused", receives)
        .before(|call| with_limit(call.op, |limit| limit - 1)),
    Fault::new(AREA, "limit-is-ignored", "the limit of a message is not heeded", receives)
        .before(|call| with_limit(call.op, |_| 256 << 20)),
    Fault::new(
        AREA,
        "truncation-is-the-end",
        "an end of the stream within a frame is told as a clean one",
        receives,
    )
    .after(|_, observation| {
        if is_bad(&observation.outcome, FrameFault::Truncated) {
            observation.outcome = Outcome::EndOfStream;
        }
    }),
    Fault::new(
        AREA,
        "end-is-a-truncation",
        "an end of the stream between two frames is told as a truncation",
        receives,
    )
    .after(|_, observation| {
        told_as(
            observation,
            &Outcome::EndOfStream,
            Outcome::BadFrame { fault: FrameFault::Truncated, text: "no frame follows".to_owned() },
        );
    }),
    Fault::new(
        AREA,
        "malformed-is-empty",
        "what is no frame is told as an empty message",
        receives,
    )
    .after(|_, observation| {
        if is_bad(&observation.outcome, FrameFault::Malformed) {
            observation.outcome = Outcome::data(b"");
        }
    }),
    Fault::new(
        AREA,
        "errors-are-forgotten",
        "the error of a bad frame is told once; then the stream has ended",
        receives,
    )
    .after(|call, observation| {
        if matches!(observation.outcome, Outcome::BadFrame { .. }) {
            let again = call.known().bad_frames > 0;
            call.note().bad_frames += 1;
            if again {
                observation.outcome = Outcome::EndOfStream;
            }
        }
    }),
    Fault::new(
        AREA,
        "unencodable-is-sent",
        "what a framing cannot write is sent all the same",
        sends,
    )
    .after(|call, observation| {
        if let (Op::SendFrame { socket, data, .. }, true) =
            (call.op, is_bad(&observation.outcome, FrameFault::Unencodable))
        {
            call.also(&Op::Write { socket: *socket, data: data.clone() });
            observation.outcome = Outcome::Ok;
        }
    }),
    Fault::new(AREA, "too-long-is-cut", "a message over the limit is delivered up to it", receives)
        .after(|call, observation| {
            if let (Op::ReceiveFrame { limit, .. }, true) =
                (call.op, is_bad(&observation.outcome, FrameFault::TooLong))
            {
                let cut = Payload::Generated { length: *limit as u64, seed: 0 };
                observation.outcome =
                    Outcome::Data { bytes: (&cut).into(), source: None, truncated: false };
            }
        }),
    Fault::new(AREA, "escapes-stay", "escapes are left in the message", receives).before(|call| {
        match call.op {
            Op::ReceiveFrame { socket, framing: Framing::Escaped(terminator), limit } => {
                Instead::Do(Op::ReceiveFrame {
                    socket: *socket,
                    framing: Framing::Terminator(*terminator),
                    limit: *limit,
                })
            }
            _ => Instead::AsAsked,
        }
    }),
    Fault::new(
        AREA,
        "second-piece-is-lost",
        "of a frame that is sent in several calls only the first goes out",
        sends,
    )
    .before(|call| match call.op {
        Op::SendFrame {
            socket,
            data,
            framing,
            limit,
            pieces: Pieces::Cut(count) | Pieces::By(count),
            flags,
        } => Instead::Do(Op::SendFrame {
            socket: *socket,
            data: data.clone(),
            framing: *framing,
            limit: *limit,
            pieces: Pieces::First(*count),
            flags: *flags,
        }),
        _ => Instead::AsAsked,
    }),
    Fault::new(
        AREA,
        "timeout-loses-the-part",
        "what came of a frame before a timeout is lost",
        receives,
    )
    .after(|call, observation| {
        if call.known().timeouts > 0 && matches!(observation.outcome, Outcome::Data { .. }) {
            observation.outcome = Outcome::BadFrame {
                fault: FrameFault::Malformed,
                text: "the header was lost".to_owned(),
            };
        }
    }),
    Fault::new(
        AREA,
        "large-bodies-lose-their-end",
        "a body of more than 64 KiB loses its last bytes",
        receives,
    )
    .after(|_, observation| {
        if let Outcome::Data { bytes, .. } = &mut observation.outcome
            && bytes.length() > 64 << 10
        {
            *bytes = bytes.head().into();
        }
    }),
];
