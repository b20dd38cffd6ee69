use super::exchange::Exchange;
use super::probe::{Probe, Tried, given};
use crate::subject::agent::{Call, Data, Halves, Success};
use crate::vocabulary::{Payload, Received};

pub(super) const EXCHANGES: &[Exchange] = &[
    Exchange {
        name: "every byte value travels",
        needs: &[],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            let bytes: Vec<u8> = (0..=255).collect();
            probe.send(client, &bytes)?;
            probe.receives(server, &bytes)
        },
    },
    Exchange {
        name: "send says how many bytes were taken",
        needs: &[],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            let data = Data::Bytes((*b"ping").into());
            match probe.ok(Call::Send { socket: client, data, flags: vec![], to: None })? {
                Success::Count(4) => probe.receives(server, b"ping"),
                other => Err(format!("send gave {}, not a count of 4", given(&other))),
            }
        },
    },
    Exchange {
        name: "pieces travel in order",
        needs: &[],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            let pieces =
                [&b"one "[..], b"", b"two"].map(|piece| Data::Bytes(piece.into())).to_vec();
            probe.ok(Call::SendAll { socket: client, pieces, flags: vec![] })?;
            probe.receives(server, b"one two")
        },
    },
    Exchange {
        name: "generated data is the published stream",
        needs: &[],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            let data = Data::Generated { length: 10_003, seed: 0 };
            probe.ok(Call::SendAll { socket: client, pieces: vec![data], flags: vec![] })?;
            probe.receives(server, &Payload::Generated { length: 10_003, seed: 0 }.bytes())
        },
    },
    Exchange {
        name: "the end of a stream is told, after its data",
        needs: &["shutdown-write"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            probe.send(client, b"last")?;
            probe.shut(client, Halves::Write)?;
            probe.receives(server, b"last")?;
            probe.receives_end(server)
        },
    },
    Exchange {
        name: "a close is an end for the peer",
        needs: &[],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            probe.ok(Call::Close { socket: client })?;
            probe.receives_end(server)
        },
    },
    Exchange {
        name: "both halves can be shut down",
        needs: &["shutdown-both"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            probe.shut(client, Halves::Both)?;
            probe.receives_end(server)
        },
    },
    Exchange {
        name: "the read half can be shut down",
        needs: &["shutdown-read"],
        try_it: |probe| {
            let (client, _) = probe.pair()?;
            probe.shut(client, Halves::Read)
        },
    },
    Exchange {
        name: "a large payload travels while it is drained",
        needs: &["concurrent", "shutdown-write"],
        try_it: |probe| drained(probe, 1 << 20),
    },
    Exchange {
        name: "a large payload as bytes of a line travels",
        needs: &["concurrent", "shutdown-write"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            let bytes = Payload::Generated { length: 1 << 20, seed: 3 }.bytes().into_owned();
            let call = Call::SendAll {
                socket: client,
                pieces: vec![Data::Bytes(bytes.clone().into())],
                flags: vec![],
            };
            let sending = probe.begin(call, None);
            probe.receives(server, &bytes)?;
            super::probe::succeeded(probe.end(sending)?.answer).map(|_| ())
        },
    },
    Exchange {
        name: "a look at bytes leaves them",
        needs: &["peek"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            probe.send(client, b"look")?;
            let flags = vec!["MSG_PEEK".to_owned()];
            probe.ok(Call::Recv { socket: server, size: 4, flags, from: false })?;
            probe.receives(server, b"look")
        },
    },
    Exchange {
        name: "a second descriptor is the same socket",
        needs: &["dup"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            let duplicate = probe.socket();
            probe.ok(Call::Dup { socket: client, duplicate })?;
            probe.ok(Call::Close { socket: client })?;
            probe.send(duplicate, b"still here")?;
            probe.receives(server, b"still here")
        },
    },
    Exchange {
        name: "write and read are send and recv",
        needs: &["read-write"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            probe.ok(Call::Write { socket: client, data: Data::Bytes((*b"abc").into()) })?;
            match probe.ok(Call::Read { socket: server, size: 16 })? {
                Success::Data { bytes, .. } if bytes == b"abc" => Ok(()),
                other => Err(format!("read gave {}", given(&other))),
            }
        },
    },
    Exchange {
        name: "a stream is filled, and as much drained",
        needs: &["fill", "shutdown-write", "concurrent"],
        try_it: |probe| {
            let (client, server) = probe.pair()?;
            let Success::Count(count) = probe.ok(Call::Fill { socket: client, seed: 5 })? else {
                return Err("fill gave no count".to_owned());
            };
            probe.shut(client, Halves::Write)?;
            drains(probe, server, &Payload::Generated { length: count, seed: 5 })
        },
    },
    Exchange {
        name: "sockets tell their names",
        needs: &["names"],
        try_it: |probe| {
            let transport = probe.stream()?;
            let (listener, address) = probe.listener(transport)?;
            match probe.ok(Call::Getsockname { socket: listener })? {
                Success::Name(name) if name == address => Ok(()),
                other => Err(format!("getsockname gave {}, bound to {address}", given(&other))),
            }
        },
    },
];

fn drained(probe: &mut Probe<'_>, length: u64) -> Tried {
    let (client, server) = probe.pair()?;
    let payload = Payload::Generated { length, seed: 7 };
    let call = Call::SendAll { socket: client, pieces: vec![(&payload).into()], flags: vec![] };
    let sending = probe.begin(call, None);
    let draining = probe.begin(Call::Drain { socket: server }, None);
    super::probe::succeeded(probe.end(sending)?.answer)?;
    probe.shut(client, Halves::Write)?;
    let drained = super::probe::succeeded(probe.end(draining)?.answer)?;
    is_all_of(&payload, drained)
}

fn drains(probe: &mut Probe<'_>, socket: usize, payload: &Payload) -> Tried {
    let drained = probe.ok(Call::Drain { socket })?;
    is_all_of(payload, drained)
}

fn is_all_of(payload: &Payload, drained: Success) -> Tried {
    let received = match drained {
        Success::Data { bytes, .. } => Some(Received::from(&bytes[..])),
        Success::Received(digest) => digest.received(),
        other => return Err(format!("drain gave {}", given(&other))),
    };
    let received = received.ok_or("drain gave a digest that is none")?;
    match received.difference(&payload.into()) {
        None => Ok(()),
        Some(difference) => Err(format!("drain: {difference}")),
    }
}
