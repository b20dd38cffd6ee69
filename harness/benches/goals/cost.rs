use std::time::{Duration, Instant};

use sockspec::framing::{Framer, Inbox, Next, encoder, framer};
use sockspec::vocabulary::{ByteOrder, Framing, Padding, Terminator, Width};

use super::peers;
use super::report::Report;
use super::sample::Pair;

const MIB: usize = 1 << 20;
const BINARY: Framing = Framing::BinaryLength { width: Width::U32, order: ByteOrder::Big };
/// One of each kind.
const KINDS: [Framing; 6] = [
    Framing::Terminator(Terminator::Newline),
    Framing::Escaped(Terminator::Newline),
    Framing::Base64(Terminator::Newline),
    Framing::Announced,
    Framing::AsciiLength { digits: 8, padding: Padding::Zeros },
    BINARY,
];

/// Measures how the cost grows: Q1 and Q2.
pub(crate) fn measure(report: &mut Report) {
    if report.wants("Q1") {
        for framing in KINDS {
            byte_by_byte(report, framing);
        }
    }
    if report.wants("Q2") {
        for framing in KINDS {
            many_small_frames(report, framing);
        }
    }
}

/// A stream of one frame.
fn one_frame(framing: Framing, size: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    encoder(framing, size).encode(&vec![b'x'; size], &mut wire).expect("it can be written");
    wire
}

/// What it took to look at a frame again after each byte of it.
fn fed_by_bytes(framing: Framing, wire: &[u8]) -> (Duration, Box<dyn Framer + Send>) {
    let (mut framer, mut inbox) = (framer(framing, wire.len()), Inbox::new());
    let began = Instant::now();
    let mut count = 0;
    for byte in wire {
        inbox.push(std::slice::from_ref(byte));
        if let Next::Message(_) = inbox.next(&mut *framer, false).expect("it is a frame") {
            count += 1;
        }
    }
    assert_eq!(count, 1, "the frame is found");
    (began.elapsed(), framer)
}

fn byte_by_byte(report: &mut Report, framing: Framing) {
    let (half, whole) = (one_frame(framing, 16 * MIB), one_frame(framing, 32 * MIB));
    let growth = Pair::measure_in(
        5,
        1,
        || drop(fed_by_bytes(framing, &whole)),
        || drop(fed_by_bytes(framing, &half)),
    );
    let ratio = 1.0 / growth.rate();
    let what = format!("{framing}, 32 MiB byte by byte beside 16 MiB; {}", growth.medians());
    report.row("Q1", &format!("{ratio:.2}x"), "<= 2.60x", ratio <= 2.6, &what);
    let other = one_frame(BINARY, 16 * MIB);
    let codec = Pair::measure_in(
        5,
        1,
        || drop(fed_by_bytes(framing, &half)),
        || peers::length_delimited_by_bytes(&other),
    );
    let ratio = 1.0 / codec.rate();
    let what = format!("{framing}, 16 MiB, beside LengthDelimitedCodec; {}", codec.medians());
    report.row("Q1", &format!("{ratio:.2}x"), "<= 4.00x", ratio <= 4.0, &what);
    let (_, framer) = fed_by_bytes(framing, &half);
    let (examined, most) = (framer.examined(), 3 * half.len() as u64 + 64 * half.len() as u64);
    let what = format!("{framing}, bytes looked at, of 16 MiB byte by byte");
    report.row("Q1", &format!("{examined}"), &format!("<= {most}"), examined <= most, &what);
}

/// What it takes to cut all frames of one byte that are there at once.
fn cut_all(framing: Framing, wire: &[u8]) -> usize {
    let (mut framer, mut inbox) = (framer(framing, 1), Inbox::new());
    inbox.push(wire);
    let mut count = 0;
    while let Next::Message(_) = inbox.next(&mut *framer, false).expect("these are frames") {
        count += 1;
    }
    count
}

fn many_small_frames(report: &mut Report, framing: Framing) {
    let frame = one_frame(framing, 1);
    let stream = |bytes: usize| frame.repeat(bytes / frame.len());
    let (many, few) = (stream(2 * MIB), stream(64 << 10));
    let frames = [&many, &few].map(|wire| cut_all(framing, wire));
    assert_eq!(frames, [&many, &few].map(|wire| wire.len() / frame.len()));
    let pair = Pair::measure(
        1,
        || assert!(cut_all(framing, &many) > 0),
        || {
            // As many frames in all, so that both blocks are equally long.
            for _ in 0..32 {
                assert!(cut_all(framing, &few) > 0);
            }
        },
    );
    let frames = frames.map(|count| u32::try_from(count).expect("it is small"));
    let each = |time: Duration, frames: u32| time.as_secs_f64() / f64::from(frames);
    let ratio = each(pair.ours(), frames[0]) / each(pair.theirs(), 32 * frames[1]);
    let what =
        format!("{framing}, a frame of 2 MiB of them beside one of 64 KiB; {}", pair.medians());
    report.row("Q2", &format!("{ratio:.2}x"), "<= 1.50x", ratio <= 1.5, &what);
}
