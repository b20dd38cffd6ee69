use std::time::Duration;

use super::exchange::Exchange;
use super::probe::{ANSWER, Probe, Tried, given, told};
use crate::subject::agent::{Answer, Call, Class, Success, Value};
use crate::vocabulary::{Errno, Poller, Readiness, SocketOption, TcpState, Transport};

pub(super) const EXCHANGES: &[Exchange] = &[
    Exchange {
        name: "an option that was set is read back",
        needs: &["SO_KEEPALIVE"],
        try_it: |probe| {
            let (socket, _) = probe.pair()?;
            let option = SocketOption::KeepAlive;
            probe.ok(Call::Setopt { socket, option, value: Value::Number(1), length: None })?;
            match probe.ok(Call::Getopt { socket, option })? {
                Success::Value(Value::Number(number)) if number != 0 => Ok(()),
                other => Err(format!("getopt gave {}", given(&other))),
            }
        },
    },
    Exchange {
        name: "a pending error is told by its name",
        needs: &["SO_ERROR"],
        try_it: |probe| {
            let (socket, _) = probe.pair()?;
            match probe.ok(Call::Getopt { socket, option: SocketOption::Error })? {
                Success::Value(Value::Error(None)) => Ok(()),
                other => {
                    Err(format!("getopt SO_ERROR gave {}, not {{\"error\":null}}", given(&other)))
                }
            }
        },
    },
    Exchange {
        name: "what waits to be received is counted",
        needs: &["FIONREAD", "poll"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            probe.send(client, b"five!")?;
            probe.ok(poll(server, Some(ANSWER)))?;
            match probe.ok(Call::Getopt { socket: server, option: SocketOption::Unread })? {
                Success::Value(Value::Number(5)) => probe.receives(server, b"five!"),
                other => Err(format!("getopt FIONREAD gave {}, not 5", given(&other))),
            }
        },
    },
    Exchange {
        name: "the state of a connection is told",
        needs: &["tcp4", "tcp-info"],
        try_it: |probe| {
            let (listener, _) = probe.listener(Transport::Tcp4)?;
            let option = SocketOption::TcpInfo;
            match probe.ok(Call::Getopt { socket: listener, option })? {
                Success::Value(Value::State(TcpState::Listen)) => Ok(()),
                other => Err(format!("getopt TCP_INFO of a listener gave {}", given(&other))),
            }
        },
    },
    Exchange {
        name: "a receive timeout is `timeout`, and never early",
        needs: &["SO_RCVTIMEO"],
        try_it: |probe| {
            let (client, _) = probe.pair()?;
            let (option, time) = (SocketOption::ReceiveTimeout, Duration::from_millis(120));
            let value = Value::Time(120_000_000);
            probe.ok(Call::Setopt { socket: client, option, value, length: None })?;
            let grain = probe.agent.hello().granularity.socket;
            let call = Call::Recv { socket: client, size: 4, flags: vec![], from: false };
            times_out(probe, call, time.saturating_sub(grain))
        },
    },
    Exchange {
        name: "a poll that runs out is `timeout`, and never early",
        needs: &["poll"],
        try_it: |probe| {
            let (client, _) = probe.pair()?;
            let time = Duration::from_millis(60);
            let grain = probe.agent.hello().granularity.poll;
            let call = poll(client, Some(time));
            times_out(probe, call, time.saturating_sub(grain))
        },
    },
    Exchange {
        name: "a poll without a time tells what is so now",
        needs: &["poll"],
        try_it: |probe| is_told(probe, Poller::Poll),
    },
    Exchange {
        name: "epoll tells what is so now",
        needs: &["epoll"],
        try_it: |probe| is_told(probe, Poller::Epoll),
    },
    Exchange {
        name: "select tells what is so now",
        needs: &["select"],
        try_it: |probe| is_told(probe, Poller::Select),
    },
    Exchange {
        name: "a receive that must not wait says EAGAIN",
        needs: &["nonblocking"],
        try_it: |probe| {
            let (client, _) = probe.pair()?;
            probe.ok(Call::Nonblocking { socket: client, on: true })?;
            let call = Call::Recv { socket: client, size: 4, flags: vec![], from: false };
            probe.fails(call, &[Errno::EAGAIN])
        },
    },
    Exchange {
        name: "MSG_DONTWAIT is told to have waited, or not",
        needs: &["dont-wait"],
        try_it: |probe| {
            let (client, _) = probe.pair()?;
            let flags = vec!["MSG_DONTWAIT".to_owned()];
            let call = Call::Recv { socket: client, size: 4, flags, from: false };
            let call = probe.begin(call, Some(ANSWER / 10));
            match probe.within(call, ANSWER * 2)?.map(|done| done.answer) {
                Some(Answer::Err(failure))
                    if failure.class == Class::Blocked
                        || probe.is_one_of(&failure.class, &[Errno::EAGAIN]) =>
                {
                    Ok(())
                }
                Some(other) => Err(format!("it gave {}, not EAGAIN", told(&other))),
                None => Err("no answer came at its limit".to_owned()),
            }
        },
    },
];

/// That nothing can be received until something was sent.
fn is_told(probe: &mut Probe<'_>, by: Poller) -> Tried {
    let (client, server) = probe.pair()?;
    let ask = |timeout| Call::Poll { socket: client, by, interest: Readiness::IN, timeout };
    match probe.ok(ask(None))? {
        Success::Ready(Readiness::NONE) => {}
        other => return Err(format!("it gave {}, not {{\"ready\":[]}}", given(&other))),
    }
    probe.send(server, b"x")?;
    match probe.ok(ask(Some(ANSWER)))? {
        Success::Ready(Readiness::IN) => Ok(()),
        other => Err(format!("it gave {}, not {{\"ready\":[\"in\"]}}", given(&other))),
    }
}

fn poll(socket: usize, timeout: Option<Duration>) -> Call {
    Call::Poll { socket, by: Poller::Poll, interest: Readiness::IN, timeout }
}

fn times_out(probe: &mut Probe<'_>, call: Call, least: Duration) -> Tried {
    let id = probe.begin(call, Some(ANSWER));
    let done = probe.end(id)?;
    match &done.answer {
        Answer::Err(failure) if failure.class == Class::Timeout => {}
        other => return Err(format!("it gave {}, not `timeout`", told(other))),
    }
    if done.took < least {
        return Err(format!("it took {:?}, less than {least:?}", done.took));
    }
    Ok(())
}
