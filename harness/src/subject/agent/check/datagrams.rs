use super::exchange::Exchange;
use super::probe::{Probe, given};
use crate::subject::agent::{Call, Data, Success};
use crate::vocabulary::{Endpoint, Transport};

pub(super) const EXCHANGES: &[Exchange] = &[
    Exchange {
        name: "a datagram arrives whole, with its sender",
        needs: &["udp4"],
        try_it: |probe| {
            let (receiver, to) = probe.bound(Transport::Udp4)?;
            let (sender, from) = probe.bound(Transport::Udp4)?;
            send(probe, sender, b"gram", &to)?;
            match receive(probe, receiver, 16)? {
                Success::Data { bytes, from: Some(found), truncated: false }
                    if bytes == b"gram" && found == from =>
                {
                    Ok(())
                }
                other => Err(format!("recv gave {}, sent by {from}", given(&other))),
            }
        },
    },
    Exchange {
        name: "an empty datagram is no end of a stream",
        needs: &["udp4"],
        try_it: |probe| {
            let (receiver, to) = probe.bound(Transport::Udp4)?;
            let sender = probe.open(Transport::Udp4)?;
            send(probe, sender, b"", &to)?;
            // For a runtime that does not tell of it at all.
            send(probe, sender, b"next", &to)?;
            match receive(probe, receiver, 16)? {
                Success::Data { bytes, .. } if bytes.is_empty() || bytes == b"next" => Ok(()),
                other => Err(format!("recv gave {}, which is no datagram", given(&other))),
            }
        },
    },
    Exchange {
        name: "a datagram that is cut is told as cut",
        needs: &["udp4", "cut-datagrams"],
        try_it: |probe| {
            let (receiver, to) = probe.bound(Transport::Udp4)?;
            let sender = probe.open(Transport::Udp4)?;
            send(probe, sender, b"longer than it", &to)?;
            match receive(probe, receiver, 4)? {
                Success::Data { bytes, truncated: true, .. } if bytes == b"long" => Ok(()),
                other => Err(format!("recv gave {}, not 4 bytes and `truncated`", given(&other))),
            }
        },
    },
];

fn send(
    probe: &mut Probe<'_>,
    socket: usize,
    bytes: &[u8],
    to: &Endpoint,
) -> Result<Success, String> {
    let (data, to) = (Data::Bytes(bytes.into()), Some(to.clone()));
    probe.ok(Call::Send { socket, data, flags: vec![], to })
}

fn receive(probe: &mut Probe<'_>, socket: usize, size: usize) -> Result<Success, String> {
    probe.ok(Call::Recv { socket, size, flags: vec![], from: true })
}
