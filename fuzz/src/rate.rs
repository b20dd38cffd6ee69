use std::env;
use std::io::{self, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use sockspec::framing::laws::{Chunks, Script};
use sockspec::framing::{Cut, Framer, TerminatorFramer};

use crate::framing::terminator;

/// What is done with each input, to see how many executions a second that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// Nothing: what the fuzzer itself takes.
    Empty,
    /// A decoder reads the stream.
    Plain,
    /// It reads it all at once and in chunks, and must find the same frames.
    Split,
    /// Every law is held, as by the targets.
    Laws,
}

static WORK: OnceLock<Work> = OnceLock::new();
/// How many bytes the fuzzer made up, and how many of them a decoder saw.
static MADE_UP: AtomicU64 = AtomicU64::new(0);
static REACHED: AtomicU64 = AtomicU64::new(0);

/// Chooses the work that `SOCKSPEC_WORK` names.
///
/// # Panics
/// When it names none.
pub fn choose_work() {
    let name = env::var("SOCKSPEC_WORK").unwrap_or_default();
    let work = match name.as_str() {
        "empty" => Work::Empty,
        "plain" => Work::Plain,
        "split" => Work::Split,
        "laws" => Work::Laws,
        other => panic!("SOCKSPEC_WORK is `{other}`, not empty, plain, split or laws"),
    };
    WORK.get_or_init(|| work);
}

/// Does the chosen work with an input.
///
/// # Panics
/// When the decoder does not hold what it must.
pub fn rate(input: &[u8]) {
    match WORK.get() {
        None | Some(Work::Empty) => {}
        Some(Work::Plain) => plain(input),
        Some(Work::Split) => split(input),
        Some(Work::Laws) => terminator(input),
    }
}

fn plain(input: &[u8]) {
    let Script { mut stream, limit, .. } = Script::parse(input);
    let made_up = MADE_UP.fetch_add(input.len() as u64, Ordering::Relaxed);
    REACHED.fetch_add(stream.len() as u64, Ordering::Relaxed);
    // Once in a while, which nobody notices in the rate.
    if made_up >> 24 != (made_up + input.len() as u64) >> 24 {
        let reached = REACHED.load(Ordering::Relaxed);
        let made_up = made_up + input.len() as u64;
        let _ = writeln!(io::stderr(), "{reached} of {made_up} bytes reach the decoder");
    }
    let mut framer = TerminatorFramer::new(b'\n', limit);
    while let Ok(Cut::Frame { consumed, .. }) = framer.cut(stream, true) {
        stream = &stream[consumed..];
    }
}

fn split(input: &[u8]) {
    let script = Script::parse(input);
    let framer = || TerminatorFramer::new(b'\n', script.limit);
    let (mut at_once, mut in_chunks, mut begin) = (framer(), framer(), 0);
    for end in Chunks::new(script.stream.len(), script.sizes()) {
        let is_last = end == script.stream.len();
        loop {
            let cut = in_chunks.cut(&script.stream[begin..end], is_last);
            if matches!(cut, Ok(Cut::Need(_))) {
                break;
            }
            assert_eq!(cut, at_once.cut(&script.stream[begin..], true));
            let Ok(Cut::Frame { consumed, .. }) = cut else { return };
            begin += consumed;
        }
    }
}
