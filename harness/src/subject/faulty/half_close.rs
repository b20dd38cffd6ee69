use std::time::Duration;

use super::call::{asking, setting, told_as};
use super::facts::Halves;
use super::fault::{Fault, Instead};
use super::kind::{
    closes, connects, gets, receives, sends, shuts_both, shuts_down, shuts_read, shuts_write,
};

use crate::vocabulary::{
    Endpoint, Errno, How, MessageFlags, Op, OptionValue, Outcome, Readiness, SocketId,
    SocketOption, TcpState, Transport,
};

const AREA: &str = "halfclose";

/// A receive that takes what is there and does not wait.
const fn take(socket: SocketId) -> Op {
    Op::Receive { socket, limit: 1 << 20, flags: MessageFlags::DONTWAIT, source: false }
}

const LINGER: SocketOption = SocketOption::Linger;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(AREA, "shut-write-closes-both", "shutdown(write) shuts both halves", shuts_write)
        .before(|call| Instead::Do(Op::Shutdown { socket: call.socket(), how: How::Both })),
    Fault::new(
        AREA,
        "shut-write-is-forgotten",
        "shutdown(write) succeeds and sends no FIN",
        shuts_write,
    )
    .before(|_| Instead::Pretend(Outcome::Ok)),
    Fault::new(AREA, "shut-read-closes-both", "shutdown(read) shuts both halves", shuts_read)
        .before(|call| Instead::Do(Op::Shutdown { socket: call.socket(), how: How::Both })),
    Fault::new(
        AREA,
        "shut-read-is-ignored",
        "shutdown(read) succeeds and does nothing",
        shuts_read,
    )
    .before(|_| Instead::Pretend(Outcome::Ok)),
    Fault::new(
        AREA,
        "shut-read-discards-input",
        "shutdown(read) throws received data away",
        shuts_read,
    )
    .before(|call| {
        call.exhaust(&take(call.socket()));
        Instead::AsAsked
    }),
    Fault::new(
        AREA,
        "shut-write-discards-input",
        "shutdown(write) throws received data away",
        |op| shuts_write(op) || shuts_both(op),
    )
    .before(|call| {
        call.exhaust(&take(call.socket()));
        Instead::AsAsked
    }),
    Fault::new(
        AREA,
        "shutdown-leaves-blocked-calls",
        "shutdown does not wake a call that is blocked on the socket",
        shuts_down,
    )
    .before(|call| match call.known().pending {
        0 => Instead::AsAsked,
        _ => Instead::Pretend(Outcome::Ok),
    }),
    Fault::new(
        AREA,
        "shutdown-of-unconnected-succeeds",
        "shutdown without a connection succeeds",
        shuts_down,
    )
    .after(|_, observation| {
        told_as(observation, &Outcome::failed(Errno::ENOTCONN), Outcome::Ok);
    }),
    Fault::new(
        AREA,
        "shutdown-twice-fails",
        "shutdown of a half that is shut fails with ENOTCONN",
        shuts_down,
    )
    .before(|call| {
        let again = match call.op {
            Op::Shutdown { how, .. } => call.known().shut.contain(Halves::of(*how)),
            _ => false,
        };
        if again { Instead::Pretend(Outcome::failed(Errno::ENOTCONN)) } else { Instead::AsAsked }
    }),
    Fault::new(
        AREA,
        "any-direction-is-both",
        "shutdown takes an unknown direction for both",
        |op| matches!(op, Op::Shutdown { how: How::Number(_), .. }),
    )
    .before(|call| Instead::Do(Op::Shutdown { socket: call.socket(), how: How::Both })),
    Fault::new(
        AREA,
        "shut-write-leaves-an-error",
        "shutdown(write) leaves EPIPE in SO_ERROR",
        |op| gets(op, SocketOption::Error),
    )
    .after(|call, observation| {
        if call.known().shut.write
            && observation.outcome == Outcome::Value(OptionValue::Error(None))
        {
            observation.outcome = Outcome::Value(OptionValue::Error(Some(Errno::EPIPE)));
        }
    }),
    Fault::new(
        AREA,
        "send-after-shutdown-succeeds",
        "a send on a half that was shut succeeds into nothing",
        sends,
    )
    .after(|call, observation| {
        if let (Op::Send { data, .. } | Op::Write { data, .. }, true) =
            (call.op, call.known().shut.write)
            && matches!(observation.outcome, Outcome::Failed { errno: Errno::EPIPE, .. })
        {
            observation.outcome = Outcome::Count(data.length());
        }
    }),
    Fault::new(
        AREA,
        "half-closed-reads-end",
        "who has shut the write half soon reads the end, whatever comes",
        receives,
    )
    .before(|call| {
        let now = call.now();
        let known = call.known();
        let long_ago = known.shut_at.is_some_and(|at| now.saturating_sub(at).as_millis() >= 100);
        if known.shut.write && long_ago {
            Instead::Pretend(Outcome::EndOfStream)
        } else {
            Instead::AsAsked
        }
    }),
    Fault::new(
        AREA,
        "end-is-told-once",
        "the end of the stream is read once; then there is nothing to read",
        receives,
    )
    .after(|call, observation| {
        if observation.outcome == Outcome::EndOfStream && call.known().ends > 0 {
            observation.outcome = Outcome::failed(Errno::EAGAIN);
        }
    }),
    Fault::new(
        AREA,
        "end-before-data",
        "a FIN that has arrived is told before the data in front of it",
        receives,
    )
    .before(|call| {
        let socket = call.socket();
        let ready = call.also(&asking(socket, Readiness::RDHUP));
        match ready {
            Outcome::Ready(flags) if flags.contains(Readiness::RDHUP) => {
                Instead::Pretend(Outcome::EndOfStream)
            }
            _ => Instead::AsAsked,
        }
    }),
    Fault::new(
        AREA,
        "close-always-resets",
        "close resets the connection, whatever was read",
        closes,
    )
    .before(|call| {
        if call.known().is_tcp() {
            call.set(LINGER, OptionValue::Linger(Some(Duration::ZERO)));
        }
        Instead::AsAsked
    }),
    Fault::new(
        AREA,
        "close-reads-what-is-left",
        "close discards unread input and ends the stream cleanly",
        closes,
    )
    .before(|call| {
        if call.known().is_stream() {
            call.exhaust(&take(call.socket()));
        }
        Instead::AsAsked
    }),
    Fault::new(
        AREA,
        "close-of-a-duplicate-ends-it",
        "closing one descriptor shuts the connection for the others",
        closes,
    )
    .before(|call| {
        if call.known().descriptors > 1 {
            let socket = call.socket();
            call.also(&Op::Shutdown { socket, how: How::Both });
        }
        Instead::AsAsked
    }),
    Fault::new(
        AREA,
        "close-is-forgotten",
        "close takes the descriptor away and leaves the connection open",
        closes,
    )
    .before(|_| Instead::Pretend(Outcome::Ok)),
    Fault::new(
        AREA,
        "shutdown-stays-with-a-descriptor",
        "a shutdown is not seen by other descriptors of the socket",
        shuts_down,
    )
    .before(|call| match call.known().descriptors {
        0 | 1 => Instead::AsAsked,
        _ => Instead::Pretend(Outcome::Ok),
    }),
    Fault::new(AREA, "linger-is-ignored", "SO_LINGER is kept and not heeded", |op| {
        matches!(op, Op::SetOption { option: SocketOption::Linger, .. })
    })
    .before(|_| Instead::Pretend(Outcome::Ok)),
    Fault::new(
        AREA,
        "linger-time-resets",
        "a linger time other than zero resets at close too",
        |op| matches!(op, Op::SetOption { option: SocketOption::Linger, .. }),
    )
    .before(|call| match call.op {
        Op::SetOption { socket, value: OptionValue::Linger(Some(_)), .. } => {
            let zero = OptionValue::Linger(Some(Duration::ZERO));
            Instead::Do(setting(*socket, LINGER, zero))
        }
        _ => Instead::AsAsked,
    }),
    Fault::new(
        AREA,
        "reconnect-undoes-shutdown",
        "connecting a datagram socket again undoes its shutdown",
        |op| sends(op) || receives(op),
    )
    .after(|call, observation| {
        let known = call.known();
        if known.is_stream() || known.connects < 2 {
            return;
        }
        match (call.op, &observation.outcome) {
            (Op::Send { data, .. }, Outcome::Failed { errno: Errno::EPIPE, .. }) => {
                observation.outcome = Outcome::Count(data.length());
            }
            (_, Outcome::EndOfStream) => observation.outcome = Outcome::failed(Errno::EAGAIN),
            _ => {}
        }
    }),
    Fault::new(
        AREA,
        "name-goes-with-the-end",
        "the peer's name is gone once the end of the stream was read",
        |op| matches!(op, Op::PeerName { .. }),
    )
    .after(|call, observation| {
        if call.known().ends > 0 {
            observation.outcome = Outcome::failed(Errno::ENOTCONN);
        }
    }),
    Fault::new(AREA, "name-outlives-a-reset", "the peer's name is told after a reset", |op| {
        matches!(op, Op::PeerName { .. })
    })
    .after(|call, observation| {
        if observation.outcome == Outcome::failed(Errno::ENOTCONN) {
            let unnamed = Endpoint::Unnamed;
            let transport = call.known().transport.unwrap_or(Transport::Tcp4);
            let peer = call.known().peer;
            let name = peer.and_then(|peer| call.book.endpoint(call.actor, &peer, transport).ok());
            observation.outcome = Outcome::Name(name.unwrap_or(unnamed));
        }
    }),
    Fault::new(
        AREA,
        "shut-read-is-a-state",
        "shutdown(read) changes the state of TCP as if a FIN had come",
        |op| gets(op, SocketOption::TcpInfo),
    )
    .after(|call, observation| {
        if call.known().shut.read
            && observation.outcome == Outcome::Value(OptionValue::State(TcpState::Established))
        {
            observation.outcome = Outcome::Value(OptionValue::State(TcpState::CloseWait));
        }
    }),
    Fault::new(
        AREA,
        "connecting-cannot-be-shut",
        "shutdown of a socket that is connecting does nothing",
        shuts_down,
    )
    .before(|call| match call.known().last_error {
        Some(Errno::EINPROGRESS) => Instead::Pretend(Outcome::Ok),
        _ => Instead::AsAsked,
    }),
    Fault::new(
        AREA,
        "connect-waits-for-nothing",
        "connect succeeds before anybody has answered",
        connects,
    )
    .after(|_, observation| {
        told_as(observation, &Outcome::failed(Errno::EINPROGRESS), Outcome::Ok);
    }),
    Fault::new(
        AREA,
        "closed-reads-end",
        "closing a descriptor ends its blocked receive as the end of the stream",
        receives,
    )
    .after(|call, observation| {
        if call.known().closes > 0 && call.known().pending > 0 {
            observation.outcome = Outcome::EndOfStream;
        }
    }),
];
