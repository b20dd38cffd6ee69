use super::fault::{Fault, Instead};
use super::kind::{gets, receives, sends, shuts_both, shuts_down};
use crate::vocabulary::{Errno, How, Op, OptionValue, Outcome, SocketOption, TcpState};

const AREA: &str = "cumulative";

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        AREA,
        "only-the-first-counts",
        "a shutdown after another one succeeds and does nothing",
        shuts_down,
    )
    .before(|call| match call.known().shutdowns {
        0 => Instead::AsAsked,
        _ => Instead::Pretend(Outcome::Ok),
    }),
    Fault::new(AREA, "both-is-write", "shutdown(both) shuts the write half only", shuts_both)
        .before(|call| Instead::Do(Op::Shutdown { socket: call.socket(), how: How::Write })),
    Fault::new(AREA, "both-is-read", "shutdown(both) shuts the read half only", shuts_both)
        .before(|call| Instead::Do(Op::Shutdown { socket: call.socket(), how: How::Read })),
    Fault::new(
        AREA,
        "the-last-one-counts",
        "a half that was shut opens again when only the other is named",
        |op| sends(op) || receives(op) || shuts_down(op),
    )
    .after(|call, observation| {
        if let Op::Shutdown { how, .. } = call.op {
            if observation.outcome == Outcome::Ok {
                let known = call.note();
                known.reopened.read = *how == How::Write && known.shut.read;
                known.reopened.write = *how == How::Read && known.shut.write;
            }
            return;
        }
        let (read, write) = (call.known().reopened.read, call.known().reopened.write);
        match (call.op, &observation.outcome) {
            (
                Op::Send { data, .. } | Op::Write { data, .. },
                Outcome::Failed { errno: Errno::EPIPE, .. },
            ) if write => {
                observation.outcome = Outcome::Count(data.length());
            }
            (_, Outcome::EndOfStream) if read => {
                observation.outcome = Outcome::failed(Errno::EAGAIN);
            }
            _ => {}
        }
    }),
    Fault::new(
        AREA,
        "both-closes-the-descriptor",
        "after shutdown(both) the descriptor is closed",
        |op| {
            matches!(
                op,
                Op::GetOption { .. } | Op::SetOption { .. } | Op::Name { .. } | Op::Dup { .. }
            )
        },
    )
    .before(|call| {
        let known = call.known();
        if known.shut.read && known.shut.write {
            Instead::Pretend(Outcome::failed(Errno::EBADF))
        } else {
            Instead::AsAsked
        }
    }),
    Fault::new(
        AREA,
        "both-after-one-is-refused",
        "shutdown(both) fails with ENOTCONN once a half is shut",
        shuts_both,
    )
    .before(|call| match call.known().shutdowns {
        0 => Instead::AsAsked,
        _ => Instead::Pretend(Outcome::failed(Errno::ENOTCONN)),
    }),
    Fault::new(
        AREA,
        "shutdown-never-fails",
        "shutdown succeeds on a connection that has ended",
        shuts_down,
    )
    .after(|call, observation| {
        if call.known().shutdowns > 0 && observation.outcome == Outcome::failed(Errno::ENOTCONN) {
            observation.outcome = Outcome::Ok;
        }
    }),
    Fault::new(
        AREA,
        "state-lags-one-behind",
        "the state of a TCP connection stays ESTABLISHED after the first shutdown",
        |op| gets(op, SocketOption::TcpInfo),
    )
    .after(|call, observation| {
        if call.known().shutdowns == 1 {
            observation.outcome = Outcome::Value(OptionValue::State(TcpState::Established));
        }
    }),
    Fault::new(
        AREA,
        "datagrams-cannot-be-shut",
        "shutdown of a connected datagram socket fails with EOPNOTSUPP",
        shuts_down,
    )
    .before(|call| {
        if call.known().is_stream() {
            Instead::AsAsked
        } else {
            Instead::Pretend(Outcome::failed(Errno::EOPNOTSUPP))
        }
    }),
];
