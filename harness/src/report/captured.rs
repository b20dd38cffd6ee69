//! Packets that were never sent, for the tests of the reports.

use std::time::Duration;

use etherparse::{PacketBuilder, PacketBuilderStep, TcpHeader};

use crate::run::event::{PacketReport, Packets};
use crate::wire::Frame;

const CLIENT: u16 = 43_210;
const SERVER: u16 = 20_311;

/// When a frame was seen in microseconds, its sender and receiver, its bytes.
type Told = (u64, Option<usize>, Option<usize>, Vec<u8>);

/// The bytes that a builder writes.
macro_rules! bytes {
    ($builder:expr, $payload:expr) => {{
        let mut bytes = Vec::new();
        $builder.write(&mut bytes, $payload).expect("memory can be written to");
        bytes
    }};
}

fn packets(hosts: &[&str], lost: u64, frames: Vec<Told>) -> Packets {
    let frames = frames.into_iter().map(|(at, sender, receiver, bytes)| Frame {
        at: Duration::from_micros(at),
        sender,
        receiver,
        length: u32::try_from(bytes.len()).expect("it is short"),
        bytes: bytes[..bytes.len().min(Frame::KEPT)].into(),
    });
    Packets {
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        began: 1_700_000_000_500_000_000,
        frames: frames.map(PacketReport::from).collect(),
        lost,
    }
}

/// A connection through loopback whose server resets it instead of answering.
pub(super) fn reset_connection() -> Packets {
    let tcp = |from, to| {
        PacketBuilder::ethernet2([0; 6], [0; 6])
            .ipv4([127, 1, 0, 7], [127, 1, 0, 7], 64)
            .tcp(from, to, 1, 512)
    };
    let client = || tcp(CLIENT, SERVER);
    let server = || tcp(SERVER, CLIENT);
    let seen = |at, step: PacketBuilderStep<TcpHeader>, payload: &[u8]| {
        (at, Some(0), Some(0), bytes!(step, payload))
    };
    let frames = vec![
        seen(70, client().syn(), b""),
        seen(80, server().syn().ack(1), b""),
        seen(90, client().ack(1), b""),
        seen(260, client().ack(1).psh(), b"ping"),
        seen(270, server().ack(5), b""),
        seen(291, client().ack(1).fin(), b""),
        seen(295, server().ack(6), b""),
        seen(1_510, server().ack(6).psh(), b"pong"),
        seen(1_640, server().ack(6).rst(), b""),
        seen(2_900, client().ack(9), b""),
    ];
    packets(&["host"], 0, frames)
}

/// A broadcast on a link of three hosts that one of them answers with an error; the question for its
/// address goes first.
pub(super) fn answered_broadcast() -> Packets {
    let (a, d) = ([10, 83, 4, 1], [10, 83, 4, 4]);
    let sent = bytes!(
        PacketBuilder::ethernet2([2; 6], [0xff; 6])
            .ipv4(a, [10, 83, 5, 255], 64)
            .udp(CLIENT, 9_999),
        b"hi"
    );
    let error = bytes!(
        PacketBuilder::ethernet2([4; 6], [2; 6]).ipv4(d, a, 64).icmpv4_raw(3, 3, [0; 4]),
        &sent[14..]
    );
    let question = [&[0xff; 6][..], &[2; 6], &[8, 6], &[0; 28]].concat();
    let frames = vec![
        (60, Some(0), None, question),
        (64, Some(0), None, sent.clone()),
        (66, None, Some(1), sent.clone()),
        (68, None, Some(2), sent),
        (2_100, Some(2), None, error.clone()),
        (2_104, None, Some(0), error),
    ];
    packets(&["a", "b", "d"], 2, frames)
}
