use std::time::Duration;

use super::exchange::Exchange;
use super::probe::{ANSWER, Probe, STILL, Tried, told};
use crate::subject::agent::{Answer, Call, Class, Success};

/// How many calls wait at the same time.
const WAITING: usize = 6;

pub(super) const EXCHANGES: &[Exchange] = &[
    Exchange {
        name: "a receive waits until there is something",
        needs: &["blocking-calls", "concurrent"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            let call = probe.start(receive(client), None)?;
            if let Some(done) = probe.within(call, STILL)? {
                return Err(format!("it gave {} at once", told(&done.answer)));
            }
            probe.send(server, b"now")?;
            match probe.end(call)?.answer {
                Answer::Ok(Success::Data { bytes, .. }) if bytes == b"now" => Ok(()),
                other => Err(format!("it gave {}", told(&other))),
            }
        },
    },
    Exchange {
        name: "two receives wait side by side",
        needs: &["blocking-calls", "concurrent"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            let one = probe.start(receive(client), None)?;
            let other = probe.start(receive(server), None)?;
            // Each is what the other waits for.
            probe.send(client, b"to server")?;
            probe.end(other)?;
            probe.send(server, b"to client")?;
            probe.end(one).map(|_| ())
        },
    },
    Exchange {
        name: "a close is seen by the peer while calls wait on other sockets",
        needs: &["blocking-calls", "concurrent"],
        try_it: |probe| {
            let waiting = (0..WAITING).map(|_| {
                let (client, server) = probe.pair()?;
                Ok((probe.start(receive(client), None)?, server))
            });
            let waiting = waiting.collect::<Tried<Vec<_>>>()?;
            // Whoever performs one of those calls must not hold this socket open.
            let (client, server) = probe.pair()?;
            probe.ok(Call::Close { socket: client })?;
            probe.receives_end(server)?;
            for (call, server) in waiting {
                probe.send(server, b"on")?;
                probe.end(call)?;
            }
            Ok(())
        },
    },
    Exchange {
        name: "an accept waits until somebody connects",
        needs: &["blocking-calls", "concurrent"],
        try_it: |probe| {
            let transport = probe.stream()?;
            let (listener, address) = probe.listener(transport)?;
            let connection = probe.socket();
            let call = probe.start(Call::Accept { socket: listener, connection }, None)?;
            let client = probe.open(transport)?;
            probe.ok(Call::Connect { socket: client, address })?;
            probe.end(call)?;
            probe.send(client, b"hi")?;
            probe.receives(connection, b"hi")
        },
    },
    Exchange {
        name: "a cancel ends a call, and its socket lives on",
        needs: &["cancel", "concurrent"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            let call = probe.start(receive(client), None)?;
            probe.cancel(call)?;
            probe.send(server, b"after")?;
            probe.receives(client, b"after")
        },
    },
    Exchange {
        name: "a limit ends a call, and never early",
        needs: &["cancel"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            let limit = Duration::from_millis(150);
            let id = probe.begin(receive(client), Some(limit));
            let done = probe.end(id)?;
            match &done.answer {
                Answer::Err(failure) if failure.class == Class::Blocked => {}
                other => return Err(format!("it gave {}, not `blocked`", told(other))),
            }
            if done.took < limit {
                return Err(format!("it took {:?}, less than its limit of {limit:?}", done.took));
            }
            probe.send(server, b"after")?;
            probe.receives(client, b"after")
        },
    },
    Exchange {
        name: "a signal is sent to a call that waits",
        needs: &["signals", "concurrent"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            let call = probe.start(receive(client), None)?;
            probe.ok(Call::Interrupt { call })?;
            // Whether that ends the call is for a scenario to judge.
            if probe.within(call, STILL)?.is_none() {
                probe.send(server, b"x")?;
                probe.end(call)?;
            }
            Ok(())
        },
    },
    Exchange {
        name: "a reset ends what is pending without an answer",
        needs: &["concurrent"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            probe.start(receive(client), None)?;
            probe.start(receive(server), None)?;
            probe.settle()?;
            // An answer now would be to a call that nobody waits for.
            let (client, server) = probe.pair()?;
            probe.send(client, b"again")?;
            probe.receives(server, b"again")
        },
    },
    Exchange {
        name: "a reset closes what was left open",
        needs: &[],
        try_it: |probe| {
            let transport = probe.stream()?;
            let (_, address) = probe.listener(transport)?;
            probe.settle()?;
            listens(probe, transport, address)
        },
    },
];

fn receive(socket: usize) -> Call {
    Call::Recv { socket, size: 64, flags: vec![], from: false }
}

/// Listens at an address, which must be free.
fn listens(
    probe: &mut Probe<'_>,
    transport: crate::vocabulary::Transport,
    address: crate::vocabulary::Endpoint,
) -> Tried {
    let socket = probe.open(transport)?;
    probe.ok(Call::Bind { socket, address })?;
    probe.ok(Call::Listen { socket, backlog: 1 })?;
    // What is idle for a moment says nothing of its own.
    probe.quiet(ANSWER / 50)
}
