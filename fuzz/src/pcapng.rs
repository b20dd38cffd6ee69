use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sockspec::wire::{Frame, Pcapng, laws};

/// Checks the laws of writing pcapng files with any capture.
///
/// The input is a sequence of records with an ASCII record separator (0x1e) between them. The first
/// byte of each says what it is: `a` what wrote the file, `c` its comment, `h` a host, `n` a note, `l`
/// how much was lost, `t` when it began; anything else is a frame. A note has as its second byte how
/// long it was after what stands before it, in microseconds; a frame has that too, and a byte that
/// says where it was seen and how much of it was not kept. A capital letter stands for a text that is
/// repeated until no option can hold it.
///
/// # Panics
/// When one of them does not hold.
pub fn pcapng(input: &[u8]) {
    let mut capture = Capture::default();
    for record in input.split(|byte| *byte == 0x1e) {
        if let Some((kind, rest)) = record.split_first() {
            capture.add(*kind, rest);
        }
    }
    let pcapng = Pcapng {
        application: &capture.application,
        comment: &capture.comment,
        hosts: &capture.hosts,
        began: capture.began.unwrap_or(UNIX_EPOCH),
        frames: &capture.frames,
        lost: capture.lost,
        notes: &capture.notes,
    };
    if let Err(broken) = laws::writing(&pcapng) {
        panic!("{broken}");
    }
}

/// What a [`Pcapng`] borrows.
#[derive(Default)]
struct Capture {
    application: String,
    comment: String,
    hosts: Vec<String>,
    began: Option<SystemTime>,
    frames: Vec<Frame>,
    lost: u64,
    notes: Vec<(Duration, String)>,
    now: Duration,
}

impl Capture {
    fn add(&mut self, kind: u8, rest: &[u8]) {
        match kind.to_ascii_lowercase() {
            b'a' => self.application = text(kind, rest),
            b'c' => self.comment = text(kind, rest),
            b'h' => self.hosts.push(text(kind, rest)),
            b'l' => self.lost = number(rest),
            b't' => self.began = UNIX_EPOCH.checked_add(Duration::from_nanos(number(rest))),
            b'n' => {
                let (later, rest) = rest.split_first().unwrap_or((&0, &[]));
                self.now += Duration::from_micros(u64::from(*later));
                self.notes.push((self.now, text(kind, rest)));
            }
            _ => {
                let (later, rest) = rest.split_first().unwrap_or((&0, &[]));
                let (seen, rest) = rest.split_first().unwrap_or((&0, &[]));
                self.now += Duration::from_micros(u64::from(*later));
                // Two bits each for the hosts at which it was seen, of which 3 is none of them.
                let host = |bits: u8| Some(usize::from(bits & 3)).filter(|host| *host != 3);
                let kept = &rest[..rest.len().min(Frame::KEPT)];
                let length = u32::try_from(rest.len()).unwrap_or(u32::MAX);
                self.frames.push(Frame {
                    at: self.now,
                    sender: host(*seen),
                    receiver: host(seen >> 2),
                    length: length.saturating_add(u32::from(seen >> 4)),
                    bytes: kept.into(),
                });
            }
        }
    }
}

fn text(kind: u8, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if kind.is_ascii_uppercase() && !text.is_empty() {
        text.repeat(usize::from(u16::MAX) / text.len() + 1)
    } else {
        text.into_owned()
    }
}

/// As many bytes as there are, the least first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
