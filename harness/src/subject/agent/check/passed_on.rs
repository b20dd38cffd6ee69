use super::exchange::Exchange;
use super::probe::{Probe, STILL, Tried, given, told};
use crate::subject::agent::{Answer, Call, Data, Halves, Success, Value};
use crate::vocabulary::{Endpoint, Errno, Signal, SocketOption, Transport};

/// That what sockets are told beside the data reaches them. Sockets that do otherwise look the same as an
/// agent that drops it, so what is found is in doubt.
pub(super) const EXCHANGES: &[Exchange] = &[
    Exchange {
        name: "MSG_WAITALL waits for the whole amount",
        needs: &["wait-all", "concurrent"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            probe.send(client, b"the first ")?;
            let call = probe.start(receive(server, 14, "MSG_WAITALL"), None)?;
            if let Some(done) = probe.within(call, STILL)? {
                return Err(format!("it gave {} before the rest came", told(&done.answer)));
            }
            probe.send(client, b"half")?;
            match probe.end(call)?.answer {
                Answer::Ok(Success::Data { bytes, .. }) if bytes == b"the first half" => Ok(()),
                other => Err(format!("it gave {}", told(&other))),
            }
        },
    },
    Exchange {
        name: "MSG_TRUNC tells the length of a datagram",
        needs: &["truncation", "udp4"],
        try_it: |probe| {
            let (receiver, to) = probe.bound(Transport::Udp4)?;
            let sender = probe.open(Transport::Udp4)?;
            probe.ok(send(sender, b"longer than it", None, Some(to)))?;
            match probe.ok(receive(receiver, 4, "MSG_TRUNC"))? {
                Success::Count(14) => Ok(()),
                other => Err(format!("recv gave {}, not a count of 14", given(&other))),
            }
        },
    },
    Exchange {
        name: "MSG_MORE makes one datagram of two sends",
        needs: &["more", "udp4"],
        try_it: |probe| {
            let (receiver, to) = probe.bound(Transport::Udp4)?;
            let sender = probe.open(Transport::Udp4)?;
            probe.ok(send(sender, b"one ", Some("MSG_MORE"), Some(to.clone())))?;
            probe.ok(send(sender, b"whole", None, Some(to)))?;
            let call = Call::Recv { socket: receiver, size: 16, flags: vec![], from: false };
            match probe.ok(call)? {
                Success::Data { bytes, .. } if bytes == b"one whole" => Ok(()),
                other => Err(format!("recv gave {}, not both", given(&other))),
            }
        },
    },
    Exchange {
        name: "MSG_ERRQUEUE takes no data",
        needs: &["error-queue", "udp4"],
        try_it: |probe| {
            let (receiver, to) = probe.bound(Transport::Udp4)?;
            let sender = probe.open(Transport::Udp4)?;
            probe.ok(send(sender, b"no error", None, Some(to)))?;
            probe.fails(receive(receiver, 16, "MSG_ERRQUEUE"), &[Errno::EAGAIN])
        },
    },
    Exchange {
        name: "a send that may raise SIGPIPE tells that it did",
        needs: &["raise", "shutdown-write"],
        try_it: |probe| {
            let (client, _) = probe.pair()?;
            probe.shut(client, Halves::Write)?;
            tells_signal(probe, client, None, None)?;
            tells_signal(probe, client, Some("raise"), Some(Signal::Pipe))
        },
    },
    Exchange {
        name: "a value that is too short is passed as short",
        needs: &["SO_KEEPALIVE", "short-options"],
        try_it: |probe| {
            let (socket, _) = probe.pair()?;
            let (option, value) = (SocketOption::KeepAlive, Value::Number(1));
            let call = Call::Setopt { socket, option, value, length: Some(1) };
            probe.fails(call, &[Errno::EINVAL])
        },
    },
];

fn receive(socket: usize, size: usize, flag: &str) -> Call {
    Call::Recv { socket, size, flags: vec![flag.to_owned()], from: false }
}

fn send(socket: usize, bytes: &[u8], flag: Option<&str>, to: Option<Endpoint>) -> Call {
    let flags = flag.into_iter().map(str::to_owned).collect();
    Call::Send { socket, data: Data::Bytes(bytes.into()), flags, to }
}

/// That a send fails, and with this signal or none.
fn tells_signal(
    probe: &mut Probe<'_>,
    socket: usize,
    flag: Option<&str>,
    wanted: Option<Signal>,
) -> Tried {
    match probe.ask(send(socket, b"x", flag, None))? {
        Answer::Err(failure) if failure.signal == wanted => Ok(()),
        Answer::Err(failure) => Err(format!(
            "send gave the signal {:?}, not {wanted:?}, with {}",
            failure.signal,
            told(&Answer::Err(failure.clone()))
        )),
        other => Err(format!("send gave {}", told(&other))),
    }
}
