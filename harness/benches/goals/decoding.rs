use std::hint::black_box;

use sockspec::framing::{
    AnnouncedFramer, AsciiLengthFramer, Base64Framer, BinaryLengthFramer, EscapedFramer,
    TerminatorFramer,
};
use sockspec::vocabulary::{ByteOrder, Framing, Padding, Terminator, Width};

use super::peers;
use super::report::Report;
use super::sample::Pair;
use super::stream::{self, Data, SIZES};

const LIMIT: usize = 1 << 20;
const BINARY: Framing = Framing::BinaryLength { width: Width::U32, order: ByteOrder::Big };
const LINES: Framing = Framing::Terminator(Terminator::Newline);

/// Measures the goals for decoding: D1 to D6.
pub(crate) fn measure(report: &mut Report) {
    binary_length(report);
    ascii_length(report);
    escaped(report);
    base64(report);
    announced(report);
    terminator(report);
}

fn binary() -> BinaryLengthFramer {
    BinaryLengthFramer::new(Width::U32, ByteOrder::Big, LIMIT)
}

fn lines() -> TerminatorFramer {
    TerminatorFramer::new(b'\n', LIMIT)
}

/// A frame's size, as a person says it.
fn shown(size: usize) -> String {
    if size < 1 << 10 { format!("{size} B") } else { format!("{} KiB", size >> 10) }
}

/// Prints the rate of a pair beside the least that it should be.
fn rate(report: &mut Report, goal: &str, least: f64, pair: &Pair, what: &str) {
    let measured = format!("{:.2}x", pair.rate());
    let target = format!(">= {least:.2}x");
    report.row(
        goal,
        &measured,
        &target,
        pair.rate() >= least,
        &format!("{what}; {}", pair.medians()),
    );
}

/// Prints the rate of a pair that has no goal.
fn noted(report: &mut Report, goal: &str, pair: &Pair, what: &str) {
    report.note(goal, &format!("{:.2}x", pair.rate()), &format!("{what}; {}", pair.medians()));
}

fn binary_length(report: &mut Report) {
    if !report.wants("D1") {
        return;
    }
    for size in SIZES {
        let stream = stream::of(BINARY, size, Data::Random);
        let codec = || peers::length_delimited_codec(&stream);
        let ours = || peers::ours(binary(), &stream);
        let copied = || peers::ours_copied(binary(), &stream);
        assert_eq!((ours(), copied()), (codec(), codec()), "all find every frame");
        let least = if size == 16 { 2.0 } else { 1.0 };
        let what = format!("{}, beside LengthDelimitedCodec", shown(size));
        rate(report, "D1", least, &pair(ours, codec), &what);
        noted(report, "D1", &pair(copied, codec), &format!("{what}, chunks copied"));
        let copy = || peers::copy(&stream);
        let what = format!("{}, beside a copy", shown(size));
        if size == 4 << 10 {
            rate(report, "D1", 0.85, &pair(ours, copy), &what);
        } else {
            noted(report, "D1", &pair(ours, copy), &what);
        }
        noted(report, "D1", &pair(copied, copy), &format!("{what}, chunks copied"));
    }
}

fn ascii_length(report: &mut Report) {
    if !report.wants("D2") {
        return;
    }
    for padding in Padding::ALL {
        let framing = Framing::AsciiLength { digits: 8, padding: *padding };
        for size in SIZES {
            let (stream, other) =
                (stream::of(framing, size, Data::Random), stream::of(BINARY, size, Data::Random));
            let ours = || peers::ours(AsciiLengthFramer::new(8, *padding, LIMIT), &stream);
            let what = format!("{padding}, {}", shown(size));
            if size == 16 {
                let codec = || peers::length_delimited_codec(&other);
                let what = format!("{what}, beside LengthDelimitedCodec");
                rate(report, "D2", 1.5, &pair(ours, codec), &what);
            } else {
                let binary = || peers::ours(binary(), &other);
                let what = format!("{what}, beside our binary length");
                rate(report, "D2", 0.7, &pair(ours, binary), &what);
            }
        }
    }
}

fn escaped(report: &mut Report) {
    if !report.wants("D3") {
        return;
    }
    let framing = Framing::Escaped(Terminator::Newline);
    let framer = || EscapedFramer::new(b'\n', LIMIT);
    for (data, sizes, least) in
        [(Data::Letters, &SIZES[1..], 0.5), (Data::Random, &SIZES[2..3], 0.12)]
    {
        for size in sizes {
            let stream = stream::of(framing, *size, data);
            let copied = || peers::ours_copied(framer(), &stream);
            assert_eq!(copied(), peers::byte_loop(&stream));
            let copy = || peers::copy(&stream);
            let what = format!("{data:?}, {}, beside a copy", shown(*size));
            rate(report, "D3", least, &pair(|| peers::ours(framer(), &stream), copy), &what);
            noted(report, "D3", &pair(copied, copy), &format!("{what}, chunks copied"));
        }
    }
    for every in [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64] {
        let stream = stream::of(framing, 4 << 10, Data::Escapes(every));
        let ours = || peers::ours(framer(), &stream);
        let what = format!("one byte in {every} escaped, 4 KiB, beside a loop over bytes");
        rate(report, "D3", 0.8, &pair(ours, || peers::byte_loop(&stream)), &what);
    }
}

fn base64(report: &mut Report) {
    if !report.wants("D4") {
        return;
    }
    let framing = Framing::Base64(Terminator::Newline);
    let framer = || Base64Framer::new(b'\n', LIMIT);
    for size in SIZES {
        let stream = stream::of(framing, size, Data::Random);
        let characters = size.div_ceil(3) * 4;
        let alone = || peers::base64_alone(&stream, characters);
        let least = if size == 16 { 0.7 } else { 0.9 };
        let what = format!("{}, beside the library alone", shown(size));
        rate(report, "D4", least, &pair(|| peers::ours(framer(), &stream), alone), &what);
        let copied = pair(|| peers::ours_copied(framer(), &stream), alone);
        noted(report, "D4", &copied, &format!("{what}, chunks copied"));
    }
}

fn announced(report: &mut Report) {
    if !report.wants("D5") {
        return;
    }
    let framer = || AnnouncedFramer::new(LIMIT);
    let stream = stream::of(Framing::Announced, 4 << 10, Data::Letters);
    let copy = || peers::copy(&stream);
    rate(report, "D5", 0.6, &pair(|| peers::ours(framer(), &stream), copy), "4 KiB, beside a copy");
    let copied = pair(|| peers::ours_copied(framer(), &stream), copy);
    noted(report, "D5", &copied, "4 KiB, beside a copy, chunks copied");
    let stream = stream::of(Framing::Announced, 256, Data::Letters);
    let other = stream::of(LINES, 256, Data::Letters);
    let terminator = || peers::ours(lines(), &other);
    let what = "256 B, beside our terminator";
    rate(report, "D5", 0.8, &pair(|| peers::ours(framer(), &stream), terminator), what);
}

fn terminator(report: &mut Report) {
    if !report.wants("D6") {
        return;
    }
    for size in SIZES {
        let stream = stream::of(LINES, size, Data::Letters);
        let (ours, search) = (|| peers::ours(lines(), &stream), || peers::search(&stream));
        let copied = || peers::ours_copied(lines(), &stream);
        assert_eq!((ours(), copied()), (search(), search()), "all find every frame");
        let what = format!("{}, beside a search for the ends", shown(size));
        match size {
            256 => rate(report, "D6", 0.35, &pair(ours, search), &what),
            4_096 => rate(report, "D6", 0.5, &pair(ours, search), &what),
            _ => noted(report, "D6", &pair(ours, search), &what),
        }
        noted(report, "D6", &pair(copied, search), &format!("{what}, chunks copied"));
        let codec = || peers::lines_codec(&stream);
        let what = format!("{}, beside LinesCodec, chunks copied", shown(size));
        noted(report, "D6", &pair(copied, codec), &what);
    }
}

/// Two ways to take the same stream, in turn.
fn pair<A, B>(ours: impl Fn() -> A, theirs: impl Fn() -> B) -> Pair {
    Pair::measure(1, || drop(black_box(ours())), || drop(black_box(theirs())))
}
