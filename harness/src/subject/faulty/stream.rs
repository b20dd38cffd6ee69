use super::fault::{Fault, Instead};
use super::kind::{flags, receives, sends};
use crate::vocabulary::{
    Errno, How, MessageFlags, Op, Outcome, Payload, Received, SocketOption, Transport,
};

/// A fault of streams.
const fn fault(name: &'static str, summary: &'static str, concerns: fn(&Op) -> bool) -> Fault {
    Fault::new("stream", name, summary, concerns).over(Transport::is_stream)
}

/// A receive without a flag; the other calls as they are.
fn without(op: &Op, flag: MessageFlags) -> Instead {
    match op {
        Op::Receive { socket, limit, flags, source } => Instead::Do(Op::Receive {
            socket: *socket,
            limit: *limit,
            flags: flags.without(flag),
            source: *source,
        }),
        Op::Send { socket, data, flags, to } => Instead::Do(Op::Send {
            socket: *socket,
            data: data.clone(),
            flags: flags.without(flag),
            to: *to,
        }),
        _ => Instead::AsAsked,
    }
}

fn has(op: &Op, flag: MessageFlags) -> bool {
    flags(op).contains(flag)
}

/// The bytes of an outcome where they are few enough to be kept whole.
fn whole(outcome: &Outcome) -> Option<&[u8]> {
    match outcome {
        Outcome::Data { bytes, .. } if bytes.head().len() as u64 == bytes.length() => {
            Some(bytes.head())
        }
        _ => None,
    }
}

fn replace(outcome: &mut Outcome, with: &[u8]) {
    if let Outcome::Data { bytes, .. } = outcome {
        *bytes = Received::from(with);
    }
}

pub(super) const FAULTS: &[Fault] = &[
    fault("first-byte-is-lost", "a receive into a large buffer swallows the first byte", receives)
        .before(|call| {
            let large = match call.op {
                Op::Receive { limit, flags, .. } => {
                    *limit > 1_000 && !flags.contains(MessageFlags::PEEK)
                }
                Op::Read { limit, .. } => *limit > 1_000,
                _ => true,
            };
            if large && call.known().is_stream() {
                let socket = call.socket();
                call.also(&Op::Receive {
                    socket,
                    limit: 1,
                    flags: MessageFlags::DONTWAIT,
                    source: false,
                });
            }
            Instead::AsAsked
        }),
    fault(
        "bytes-change-places",
        "the first two bytes that a receive gives change places",
        receives,
    )
    .after(|call, observation| {
        if call.known().is_stream()
            && let Some([first, second, rest @ ..]) = whole(&observation.outcome)
        {
            let swapped = [&[*second, *first], rest].concat();
            replace(&mut observation.outcome, &swapped);
        }
    }),
    fault("text-loses-its-high-bit", "bytes above 127 lose their highest bit", receives).after(
        |call, observation| {
            if call.known().is_stream()
                && let Some(bytes) = whole(&observation.outcome)
            {
                let spoilt: Vec<u8> = bytes.iter().map(|byte| byte & 0x7f).collect();
                replace(&mut observation.outcome, &spoilt);
            }
        },
    ),
    fault(
        "receive-drops-what-does-not-fit",
        "what a receive does not take is gone, as of a datagram",
        receives,
    )
    .after(|call, observation| {
        let full = match (call.op, &observation.outcome) {
            (Op::Receive { limit, flags, .. }, Outcome::Data { bytes, .. }) => {
                bytes.length() == *limit as u64 && !flags.contains(MessageFlags::PEEK)
            }
            _ => false,
        };
        if full && call.known().is_stream() {
            let socket = call.socket();
            call.also(&Op::Receive {
                socket,
                limit: 1 << 16,
                flags: MessageFlags::DONTWAIT,
                source: false,
            });
        }
    }),
    fault("peek-consumes", "MSG_PEEK takes what it shows", |op| has(op, MessageFlags::PEEK))
        .before(|call| without(call.op, MessageFlags::PEEK)),
    fault("peek-moves-on", "a second MSG_PEEK shows what comes behind the first", receives).after(
        |call, observation| {
            if !has(call.op, MessageFlags::PEEK) {
                return;
            }
            let again = call.known().peeks > 0;
            call.note().peeks += 1;
            if again && let Outcome::Data { .. } = observation.outcome {
                observation.outcome = Outcome::failed(Errno::EAGAIN);
            }
        },
    ),
    fault("waitall-is-ignored", "MSG_WAITALL makes no difference", |op| {
        has(op, MessageFlags::WAITALL)
    })
    .before(|call| without(call.op, MessageFlags::WAITALL)),
    fault(
        "waitall-drops-the-rest-at-the-end",
        "a MSG_WAITALL receive that meets the end of the stream gives only that",
        |op| has(op, MessageFlags::WAITALL),
    )
    .after(|call, observation| {
        if let (Op::Receive { limit, .. }, Outcome::Data { bytes, .. }) =
            (call.op, &observation.outcome)
            && bytes.length() < *limit as u64
            && call.known().limit(SocketOption::ReceiveTimeout).is_none()
        {
            observation.outcome = Outcome::EndOfStream;
        }
    }),
    fault("dontwait-is-ignored", "MSG_DONTWAIT makes no difference", |op| {
        has(op, MessageFlags::DONTWAIT)
    })
    .before(|call| without(call.op, MessageFlags::DONTWAIT)),
    fault("nonblocking-is-ignored", "O_NONBLOCK makes no difference", |op| {
        matches!(op, Op::Nonblocking { .. })
    })
    .before(|_| Instead::Pretend(Outcome::Ok)),
    fault("no-bytes-end-the-stream", "a send of no bytes ends the stream", sends).before(|call| {
        match call.op {
            Op::Send { socket, data, .. }
                if data.length() == 0 && call.facts.of(*socket).is_stream() =>
            {
                call.also(&Op::Shutdown { socket: *socket, how: How::Write });
                Instead::Pretend(Outcome::Count(0))
            }
            _ => Instead::AsAsked,
        }
    }),
    fault("no-bytes-are-a-message", "a send of no bytes is delivered as a NUL", sends).before(
        |call| match call.op {
            Op::Send { data, to: None, .. } | Op::Write { data, .. }
                if data.length() == 0 && call.known().is_stream() =>
            {
                let data = Payload::Literal([0].into());
                call.also(&Op::Write { socket: call.op.socket(), data });
                Instead::Pretend(Outcome::Count(0))
            }
            _ => Instead::AsAsked,
        },
    ),
    fault(
        "no-room-is-the-end",
        "a receive of no bytes on a stream gives its end at once",
        receives,
    )
    .before(|call| match call.op {
        Op::Receive { limit: 0, .. } | Op::Read { limit: 0, .. } if call.known().is_stream() => {
            Instead::Pretend(Outcome::EndOfStream)
        }
        _ => Instead::AsAsked,
    }),
    fault(
        "a-send-is-a-message",
        "no receive gives more than a hundred bytes of a stream",
        receives,
    )
    .before(|call| match call.op {
        Op::Receive { socket, limit, flags, source }
            if *limit > 100 && call.known().is_stream() =>
        {
            Instead::Do(Op::Receive { socket: *socket, limit: 100, flags: *flags, source: *source })
        }
        _ => Instead::AsAsked,
    }),
    fault(
        "full-buffer-takes-all",
        "a send that does not wait says it took everything, and drops what had no room",
        sends,
    )
    .after(|call, observation| {
        if let (Op::Send { data, flags, .. }, Outcome::Count(count)) =
            (call.op, &mut observation.outcome)
            && (flags.contains(MessageFlags::DONTWAIT) || call.known().nonblocking)
        {
            *count = data.length();
        }
    }),
    fault(
        "full-buffer-is-over-counted",
        "filling a socket counts a byte that was never taken",
        |op| matches!(op, Op::Fill { .. }),
    )
    .after(|_, observation| {
        if let Outcome::Count(count) = &mut observation.outcome {
            *count += 1;
        }
    }),
    fault(
        "concurrent-sends-lose",
        "a send while another one is going on is counted and dropped",
        sends,
    )
    .before(|call| match call.op {
        Op::Send { data, .. } if call.known().pending > 0 => {
            Instead::Pretend(Outcome::Count(data.length()))
        }
        _ => Instead::AsAsked,
    }),
];
