use std::net::SocketAddr;
use std::time::Duration;

use super::fault::{Fault, Instead};
use super::kind::{connects, opens, reads_error, receives, sends};
use crate::vocabulary::{
    Endpoint, Errno, MessageFlags, Op, OptionValue, Outcome, Received, SocketId, SocketOption,
    Transport,
};

/// A fault of datagram sockets.
const fn fault(name: &'static str, summary: &'static str, concerns: fn(&Op) -> bool) -> Fault {
    Fault::new("datagram", name, summary, concerns).over(|transport| !transport.is_stream())
}

/// A receive that gives how long the next datagram is and leaves it where it is.
const fn length_of_next(socket: SocketId) -> Op {
    Op::Receive { socket, limit: 1, flags: PEEK_LENGTH, source: false }
}

const PEEK_LENGTH: MessageFlags =
    MessageFlags::PEEK.with(MessageFlags::DONTWAIT).with(MessageFlags::TRUNC);

pub(super) const FAULTS: &[Fault] = &[
    fault("cut-is-not-told", "a datagram that was cut comes without MSG_TRUNC", receives).after(
        |_, observation| {
            if let Outcome::Data { truncated, .. } = &mut observation.outcome {
                *truncated = false;
            }
        },
    ),
    fault(
        "rest-is-kept",
        "what a receive does not take of a datagram comes with the next one",
        receives,
    )
    .before(|call| match call.op {
        Op::Receive { socket, limit, flags, source } if !call.known().is_stream() => {
            match call.also(&length_of_next(*socket)) {
                Outcome::Count(length) if length > *limit as u64 => Instead::Do(Op::Receive {
                    socket: *socket,
                    limit: *limit,
                    flags: *flags | MessageFlags::PEEK,
                    source: *source,
                }),
                _ => Instead::AsAsked,
            }
        }
        _ => Instead::AsAsked,
    }),
    fault(
        "length-is-cut-too",
        "MSG_TRUNC gives what was taken, not how long the datagram was",
        receives,
    )
    .after(|call, observation| {
        if let (Op::Receive { limit, .. }, Outcome::Count(count)) =
            (call.op, &mut observation.outcome)
        {
            *count = (*count).min(*limit as u64);
        }
    }),
    fault("empty-is-the-end", "a datagram without bytes is told as the end of a stream", receives)
        .after(|_, observation| {
            if matches!(&observation.outcome, Outcome::Data { bytes, .. } if bytes.length() == 0) {
                observation.outcome = Outcome::EndOfStream;
            }
        }),
    fault("empty-is-not-sent", "a datagram without bytes is not sent", sends).before(|call| {
        match call.op {
            Op::Send { data, .. } if data.length() == 0 && !call.known().is_stream() => {
                Instead::Pretend(Outcome::Count(0))
            }
            _ => Instead::AsAsked,
        }
    }),
    fault(
        "neighbours-are-joined",
        "a receive with room for it takes the next datagram too",
        receives,
    )
    .after(|call, observation| {
        if call.known().is_stream() {
            return;
        }
        let (Op::Receive { socket, limit, flags, .. }, Outcome::Data { bytes, .. }) =
            (call.op, &mut observation.outcome)
        else {
            return;
        };
        if flags.contains(MessageFlags::PEEK) || bytes.length() >= *limit as u64 {
            return;
        }
        let next = Op::Receive {
            socket: *socket,
            limit: *limit,
            flags: MessageFlags::DONTWAIT,
            source: false,
        };
        let mut joined = bytes.clone();
        if let Outcome::Data { bytes: more, .. } = call.also(&next) {
            joined.push(more.head());
            observation.outcome = Outcome::Data { bytes: joined, source: None, truncated: false };
        }
    }),
    fault("sender-is-unknown", "a receive does not tell who sent a datagram", receives).after(
        |_, observation| {
            if let Outcome::Data { source, .. } = &mut observation.outcome {
                let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
                *source = source.as_ref().map(|_| Endpoint::Inet(nobody));
            }
        },
    ),
    fault(
        "connected-hears-everybody",
        "a connected datagram socket hears others than its peer",
        |op| connects(op) || sends(op),
    )
    .before(|call| {
        if call.known().is_stream() {
            return Instead::AsAsked;
        }
        match call.op {
            Op::Connect { .. } => Instead::Pretend(Outcome::Ok),
            Op::Send { socket, data, flags, to: None } => Instead::Do(Op::Send {
                socket: *socket,
                data: data.clone(),
                flags: *flags,
                to: call.known().peer,
            }),
            _ => Instead::AsAsked,
        }
    }),
    fault(
        "refusal-is-not-told",
        "a connected datagram socket is not told that nobody listens",
        |op| receives(op) || sends(op) || reads_error(op),
    )
    .after(|call, observation| {
        if call.known().is_stream() {
            return;
        }
        if observation.outcome == Outcome::failed(Errno::ECONNREFUSED) {
            observation.outcome = call.also_within(call.op, Duration::from_millis(100));
        }
        if let Outcome::Value(value) = &mut observation.outcome {
            *value = OptionValue::Error(None);
        }
    }),
    fault(
        "refusal-is-told-again",
        "a refusal is told by every call until the next datagram comes",
        receives,
    )
    .after(|call, observation| {
        let known = call.known();
        if !known.is_stream()
            && known.last_error == Some(Errno::ECONNREFUSED)
            && !matches!(observation.outcome, Outcome::Data { .. })
        {
            observation.outcome = Outcome::failed(Errno::ECONNREFUSED);
        }
    }),
    fault(
        "everybody-is-told",
        "a datagram socket without a peer is told of refusals unasked",
        opens,
    )
    .after(|call, observation| {
        let transport = match call.op {
            Op::Open { transport, .. } => Some(*transport),
            Op::Bind { open, .. } => *open,
            _ => None,
        };
        if observation.outcome == Outcome::Ok
            && transport.is_some_and(|transport| !transport.is_stream() && !transport.is_local())
        {
            let option = if transport.is_some_and(Transport::is_ipv6) {
                SocketOption::Ipv6ReceiveError
            } else {
                SocketOption::IpReceiveError
            };
            call.set(option, OptionValue::Number(1));
        }
    }),
    fault(
        "shut-read-swallows-the-queue",
        "after shutdown(read) a datagram socket does not give what was queued",
        receives,
    )
    .before(|call| {
        let known = call.known();
        if known.shut.read && !known.is_stream() {
            Instead::Pretend(Outcome::EndOfStream)
        } else {
            Instead::AsAsked
        }
    }),
    fault("text-ends-at-nul", "a datagram is delivered up to its first NUL", receives).after(
        |call, observation| {
            if let Outcome::Data { bytes, .. } = &mut observation.outcome
                && !call.known().is_stream()
                && let Some(at) = bytes.head().iter().position(|byte| *byte == 0)
            {
                *bytes = Received::from(&bytes.head()[..at]);
            }
        },
    ),
];
