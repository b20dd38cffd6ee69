//! What framers allocate, counted by an allocator of its own and printed beside the goal. Nothing
//! is asserted.
//!
//! `cargo bench -p sockspec --bench memory` measures M1 and M2, `-- M1` one of them.

#[expect(dead_code, reason = "shared with the other benches, which have more to say")]
#[path = "goals/report.rs"]
mod report;

use std::io::Read;

use report::Report;
use sockspec::framing::{Framer, Inbox, Next, encoder, framer};
use sockspec::vocabulary::{ByteOrder, Framing, Padding, Terminator, Width};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const KIB: u64 = 1 << 10;
/// The size of a frame whose peak is measured.
const FRAME: u64 = 16 << 20;
/// What a source gives at a time, as a socket would.
const CHUNK: u64 = 64 * KIB;

fn main() {
    let mut report = Report::from_arguments();
    if report.wants("M1") {
        announced_lengths(&mut report);
    }
    if report.wants("M2") {
        peaks(&mut report);
    }
    report.finish();
}

/// The most that was allocated at a time while `run` ran.
fn peak(run: impl FnOnce()) -> u64 {
    let profiler = dhat::Profiler::builder().testing().build();
    run();
    let peak = dhat::HeapStats::get().max_bytes as u64;
    drop(profiler);
    peak
}

/// Reads a source to its end, or to the first error.
fn read(framer: &mut dyn Framer, source: &mut dyn Read) {
    let mut inbox = Inbox::new();
    let mut end = false;
    while let Ok(next) = inbox.next(framer, end) {
        match next {
            Next::Message(_) => {}
            Next::Need(_) => end = inbox.fill(source).expect("memory can be read") == 0,
            Next::End => return,
        }
    }
}

/// A header that announces more than will come, without a limit that would refuse it.
fn announced_lengths(report: &mut Report) {
    let headers = [
        (Width::U16, &[0xff, 0xff][..]),
        (Width::U32, &[0xff, 0xff, 0xff, 0xff]),
        (Width::U64, &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ];
    let binary = headers.map(|(width, header)| {
        (Framing::BinaryLength { width, order: ByteOrder::Big }, header.to_vec())
    });
    let decimal = (
        Framing::AsciiLength { digits: 19, padding: Padding::Zeros },
        b"9223372036854775807".to_vec(),
    );
    for (framing, header) in binary.into_iter().chain([decimal]) {
        for further in [0, 1, 1_000, 60_000, 1 << 20] {
            let wire = [&header[..], &vec![b'x'; further]].concat();
            let mut framer = framer(framing, usize::MAX);
            let peak = peak(|| read(&mut *framer, &mut &wire[..]));
            let most = 64 * KIB + 2 * wire.len() as u64;
            row(report, "M1", peak, most, &format!("{framing}, {} bytes came", wire.len()));
        }
    }
}

/// One large frame, read as it comes.
fn peaks(report: &mut Report) {
    let known = [
        Framing::AsciiLength { digits: 8, padding: Padding::Zeros },
        Framing::BinaryLength { width: Width::U32, order: ByteOrder::Big },
    ];
    let unknown = [
        Framing::Terminator(Terminator::Newline),
        Framing::Announced,
        Framing::Base64(Terminator::Newline),
        Framing::Escaped(Terminator::Newline),
    ];
    let peak_of = |framing: Framing, byte: u8| {
        let size = usize::try_from(FRAME).expect("it is small");
        let mut wire = Vec::new();
        encoder(framing, size).encode(&vec![byte; size], &mut wire).expect("it can be written");
        let mut framer = framer(framing, size);
        let peak = peak(|| read(&mut *framer, &mut Chunks(&wire)));
        (peak, wire.len() as u64)
    };
    for framing in known {
        let (peak, frame) = peak_of(framing, b'x');
        row(report, "M2", peak, frame + frame / 10 + 128 * KIB, &format!("{framing}, 16 MiB"));
    }
    for framing in unknown {
        let (peak, frame) = peak_of(framing, b'x');
        let most = frame * 2 + frame / 10 + 128 * KIB;
        row(report, "M2", peak, most, &format!("{framing}, 16 MiB"));
    }
    let framing = Framing::Escaped(Terminator::Newline);
    let (peak, frame) = peak_of(framing, b'\\');
    let most = frame * 2 + frame / 10 + 128 * KIB;
    row(report, "M2", peak, most, &format!("{framing}, 16 MiB of escapes"));
}

fn row(report: &mut Report, goal: &str, peak: u64, most: u64, how: &str) {
    report.row(goal, &format!("{peak} B"), &format!("<= {most} B"), peak <= most, how);
}

/// Gives a stream in chunks.
struct Chunks<'a>(&'a [u8]);

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(usize::try_from(CHUNK).unwrap_or(usize::MAX));
        self.0.read(&mut buffer[..most])
    }
}
