use std::ops::{ControlFlow, Range};

use super::Case;
use super::frames::Frames;

/// A case that was made smaller for as long as what is asked of it stayed so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The smallest one that was found.
    pub case: Case,
    /// How many others were tried.
    pub attempts: u64,
    /// Whether nothing of it can be left out: no chunk removed or merged with the next, and no byte
    /// dropped, or of whole frames no frame and no byte of a message. Otherwise the attempts came to an end.
    pub is_minimal: bool,
}

/// Up to this length a stream is short.
const SHORT: usize = 32;
/// An attempt with so many bytes counts as one more.
const BYTES: usize = 4 << 10;
/// What is simplest in the eyes of a person comes first.
const SIMPLEST: u8 = b'a';

/// Makes a case smaller: fewer chunks, fewer bytes, simpler bytes, in this order.
///
/// `still` says of another case whether it shows the same, and breaks where it is not to be asked
/// any more. It is asked the same in the same order for the same case. Where it is known which
/// bytes are a frame, messages become shorter together with what stands around them; and a stream
/// of nothing but frames stays one, so that what is wrong with it stays plain to see.
///
/// At most so many attempts are made; those with long streams count more than once.
pub fn shrink(
    case: Case,
    frames: Option<Frames>,
    most: u64,
    mut still: impl FnMut(&Case) -> ControlFlow<(), bool>,
) -> Shrunk {
    let is_whole = frames.is_some_and(|frames| frames.are_all_of(case.stream()));
    let mut shrinking =
        Shrinking { case, frames, is_whole, attempts: 0, left: most, is_over: false };
    // Large parts first, so that long streams become short soon.
    let mut grain =
        shrinking.case.stream().len().max(shrinking.case.sizes().len()).next_power_of_two();
    while !shrinking.is_over {
        let progress = shrinking.round(grain, &mut still);
        if grain > 1 {
            grain /= 2;
        } else if !progress && !shrinking.drop_any(&mut still) {
            break;
        }
    }
    let Shrinking { case, attempts, is_over, .. } = shrinking;
    Shrunk { case, attempts, is_minimal: !is_over }
}

/// Says whether a case still shows the same.
trait Still: FnMut(&Case) -> ControlFlow<(), bool> {}

impl<F: FnMut(&Case) -> ControlFlow<(), bool>> Still for F {}

struct Shrinking {
    case: Case,
    frames: Option<Frames>,
    /// Whether the stream is nothing but frames, and is to stay so.
    is_whole: bool,
    attempts: u64,
    left: u64,
    is_over: bool,
}

impl Shrinking {
    /// Tries everything with parts of one size. Returns whether anything became smaller.
    fn round(&mut self, grain: usize, still: &mut impl Still) -> bool {
        let chunks = |shrinking: &Self| shrinking.case.sizes().len();
        let mut progress =
            self.sweep(chunks(self), grain, still, |case, at| case.without_chunks(at..at + grain));
        progress |=
            self.sweep(chunks(self), grain, still, |case, at| case.merged(at..at + grain + 1));
        if let Some(frames) = self.frames {
            progress |= self.shorten(frames, grain, still);
        }
        if !self.is_whole {
            let bytes = self.case.stream().len();
            progress |= self
                .sweep(bytes, grain, still, |case, at| case.replaced(at..at + grain, b"", false));
        }
        progress | self.simplify(grain, still)
    }

    /// Leaves out any bytes of a short stream, wherever they begin and end: where nothing is known
    /// of it, a message can be anywhere.
    fn drop_any(&mut self, still: &mut impl Still) -> bool {
        let bytes = self.case.stream().len();
        if self.is_whole || bytes > SHORT {
            return false;
        }
        (2..bytes).rev().any(|length| {
            self.sweep(bytes, 1, still, |case, at| case.replaced(at..at + length, b"", false))
                || self.sweep(bytes, 1, still, |case, at| dropped(case, at..at + length))
        })
    }

    /// Leaves out frames, and parts of their messages.
    fn shorten(&mut self, frames: Frames, grain: usize, still: &mut impl Still) -> bool {
        let count = frames.ranges(self.case.stream()).len();
        let mut progress = self.sweep(count, 1, still, |case, at| {
            let (range, _) = frames.ranges(case.stream()).into_iter().nth(at)?;
            case.replaced(range, b"", false)
        });
        for frame in (0..count).rev() {
            let ranges = frames.ranges(self.case.stream());
            let length = ranges.get(frame).map_or(0, |(_, length)| *length);
            for from_end in [false, true] {
                progress |= self.sweep(length, grain, still, |case, at| {
                    let (range, by) = frames.without(case.stream(), frame, at..at + grain)?;
                    let other = from_end.then(|| case.replaced(range.clone(), &by, false));
                    // Where nothing is cut within the frame, that has been tried.
                    case.replaced(range, &by, from_end)
                        .filter(|one| other != Some(Some(one.clone())))
                });
            }
        }
        progress
    }

    /// Makes bytes simpler without changing how many there are.
    fn simplify(&mut self, grain: usize, still: &mut impl Still) -> bool {
        let mut progress = false;
        for begin in (0..self.case.stream().len()).step_by(grain) {
            let end = (begin + grain).min(self.case.stream().len());
            let part = &self.case.stream()[begin..end];
            let candidates: Vec<Vec<u8>> = match part {
                // Numbers become smaller by halves, and then by one.
                [byte] => [SIMPLEST, 0, byte / 2, byte.saturating_sub(1)]
                    .into_iter()
                    .filter(|simpler| rank(*simpler) < rank(*byte))
                    .map(|simpler| vec![simpler])
                    .collect(),
                part if part.iter().all(|byte| rank(*byte) < 2) => Vec::new(),
                part => vec![vec![SIMPLEST; part.len()]],
            };
            for candidate in candidates {
                if self.attempt(self.case.replaced(begin..end, &candidate, false), still) {
                    progress = true;
                    break;
                }
            }
        }
        progress
    }

    /// Tries what `candidate` makes of the case at each place, a step apart and from the last to
    /// the first: what is behind the mistake is of no use, and goes soonest.
    fn sweep(
        &mut self,
        places: usize,
        step: usize,
        still: &mut impl Still,
        candidate: impl Fn(&Case, usize) -> Option<Case>,
    ) -> bool {
        let mut progress = false;
        for at in (0..places).step_by(step).rev() {
            progress |= self.attempt(candidate(&self.case, at), still);
        }
        progress
    }

    fn attempt(&mut self, candidate: Option<Case>, still: &mut impl Still) -> bool {
        let spoils = |case: &Case| {
            self.is_whole && !self.frames.is_some_and(|frames| frames.are_all_of(case.stream()))
        };
        let candidate = candidate.filter(|case| *case != self.case && !spoils(case));
        let Some(candidate) = candidate else { return false };
        let cost = 1 + (candidate.stream().len() / BYTES) as u64;
        self.is_over |= cost > self.left;
        if self.is_over {
            return false;
        }
        self.left -= cost;
        self.attempts += 1;
        match still(&candidate) {
            ControlFlow::Break(()) => self.is_over = true,
            ControlFlow::Continue(true) => {
                self.case = candidate;
                return true;
            }
            ControlFlow::Continue(false) => {}
        }
        false
    }
}

/// Without some bytes, and cut where it was, counted from its beginning; nothing where the cuts
/// among the bytes are the same.
fn dropped(case: &Case, bytes: Range<usize>) -> Option<Case> {
    let shorter = case.replaced(bytes, b"", false)?;
    let mut left = shorter.stream().len();
    // What is cut behind the end is not.
    let sizes = case.sizes().iter().copied().take_while(|size| {
        let has_come = left > 0;
        left -= left.min(*size);
        has_come
    });
    let other = Case::new(shorter.stream().to_vec(), &sizes.collect::<Vec<_>>());
    (other != shorter).then_some(other)
}

/// How far a byte is from what is simplest.
const fn rank(byte: u8) -> u16 {
    match byte {
        SIMPLEST => 0,
        0 => 1,
        other => other as u16 + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{ByteOrder, Framing, Width};

    const SHORT: Framing = Framing::BinaryLength { width: Width::U16, order: ByteOrder::Big };

    fn shrunk(case: &str, frames: Option<Frames>, still: impl Fn(&Case) -> bool) -> Shrunk {
        let case = case.parse().expect("it is a case");
        shrink(case, frames, 2_000, |case| ControlFlow::Continue(still(case)))
    }

    #[test]
    fn what_is_not_needed_goes() {
        // Two chunks of which the second holds a `Z` and is not the last.
        let still = |case: &Case| {
            let chunks: Vec<&[u8]> = case.chunks().collect();
            chunks.len() > 2 && chunks[1].contains(&b'Z')
        };
        let found = shrunk("00|0102|035a04|05|0607|08", None, still);
        assert_eq!(found.case.to_string(), "61|5a|61");
        assert!(found.is_minimal && found.attempts < 100, "{found:?}");
    }

    #[test]
    fn numbers_become_small() {
        let found = shrunk("fffe|77", None, |case| case.stream().iter().any(|byte| *byte > 100));
        assert_eq!(found.case.to_string(), "65");
    }

    #[test]
    fn a_message_becomes_shorter_together_with_its_header() {
        // A frame of more than three bytes that is cut within its body.
        let still = |case: &Case| {
            let [high, low, body @ ..] = case.stream() else { return false };
            let length = usize::from(*high) << 8 | usize::from(*low);
            length > 3 && length == body.len() && case.sizes()[0] > 2 && case.sizes().len() > 1
        };
        let long = format!("0140{}|{}", "01".repeat(20), "02".repeat(300));
        let found = shrunk(&long, Some(Frames::new(SHORT, usize::MAX)), still);
        assert_eq!(found.case.to_string(), "00046161|6161");
        assert!(found.is_minimal);
    }

    #[test]
    fn a_message_is_left_out_wherever_it_is() {
        // `(x)` is a message, and one of them is cut directly behind its first byte.
        let still = |case: &Case| {
            let text = case.stream();
            let is_whole = text
                .split_inclusive(|byte| *byte == b')')
                .all(|one| one.starts_with(b"(") && one.ends_with(b")") && one.len() > 2);
            is_whole && case.sizes().len() > 1 && text[case.sizes()[0] - 1] == b'('
        };
        let found = shrunk("28 6262 29 28|636363 29 28 6464 29", None, still);
        assert_eq!(found.case.to_string(), "28|6129");
    }

    #[test]
    fn the_number_of_attempts_is_bounded() {
        let case = Case::whole(vec![7; 1_000]);
        let mut asked = 0;
        let found = shrink(case.clone(), None, 50, |_| {
            asked += 1;
            ControlFlow::Continue(false)
        });
        assert_eq!((asked, found.attempts, found.is_minimal), (50, 50, false));
        let found = shrink(case.clone(), None, 50, |_| ControlFlow::Break(()));
        assert_eq!(found, Shrunk { case, attempts: 1, is_minimal: false });
    }
}
