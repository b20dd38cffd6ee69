use super::dictionary::Dictionary;
use super::{Case, Random};
use crate::framing::encoder;
use crate::vocabulary::{Framing, Payload};

/// Makes up streams: messages as an encoder writes them or samples as they were given, as they are
/// and with mistakes, and streams of nothing but mistakes.
#[derive(Clone, Debug)]
pub struct Generator {
    framing: Option<(Framing, usize)>,
    samples: Vec<Vec<u8>>,
    dictionary: Dictionary,
}

/// So many runs come without mistakes first.
const FAULTLESS: u64 = 64;
/// The longest message that is made up, so that a stream stays short enough to be sent as text.
const LONGEST: usize = 1 << 20;
/// Up to this length a message is nothing special.
const USUAL: usize = 24;
/// One message in so many is long.
const LONG: usize = 24;

impl Generator {
    /// Of a framing with messages of at most so many bytes, or from samples, or both.
    pub fn new(framing: Option<(Framing, usize)>, samples: Vec<Vec<u8>>) -> Self {
        let limit = framing.map_or(usize::MAX, |(_, limit)| limit);
        let dictionary = Dictionary::of(framing.map(|(framing, _)| framing), limit);
        Self { framing, samples, dictionary }
    }

    /// A stream, and ways to cut it. The first runs give each sample as it is, and no mistakes: what
    /// goes wrong with these is plainest to see.
    pub fn cases(&self, run: u64, random: &mut Random) -> Vec<Case> {
        let sample = usize::try_from(run).ok().and_then(|run| self.samples.get(run));
        let stream = match sample {
            Some(sample) => sample.clone(),
            None if run < FAULTLESS => self.base(random),
            None => self.stream(random),
        };
        cuts(stream.len(), random).iter().map(|sizes| Case::new(stream.clone(), sizes)).collect()
    }

    fn stream(&self, random: &mut Random) -> Vec<u8> {
        let mut stream = match random.below(8) {
            0 => self.pieces(random),
            _ => self.base(random),
        };
        if random.below(5) > 1 {
            for _ in 0..=random.below(3) {
                self.mutate(&mut stream, random);
            }
        }
        stream
    }

    /// What a decoder should be able to read, for the most part.
    fn base(&self, random: &mut Random) -> Vec<u8> {
        match self.framing {
            Some((framing, limit)) if self.samples.is_empty() || random.once_in(2) => {
                // Of the encoder's own limit nothing is asked: what is too long must be refused.
                let encoder = encoder(framing, usize::MAX);
                let mut stream = Vec::new();
                for _ in 0..random.below(5) {
                    // What the framing cannot carry stays out.
                    let _ = encoder.encode(&self.message(limit, random), &mut stream);
                }
                stream
            }
            _ => {
                let mut stream = random.pick(&self.samples).clone();
                if random.once_in(4) {
                    stream.extend_from_slice(random.pick::<Vec<u8>>(&self.samples));
                }
                stream
            }
        }
    }

    fn message(&self, limit: usize, random: &mut Random) -> Vec<u8> {
        if random.once_in(LONG) {
            let wanted = [
                limit.saturating_sub(1),
                limit,
                limit.saturating_add(1),
                127,
                128,
                255,
                256,
                65_535,
                65_536,
            ];
            let lengths: Vec<usize> = wanted
                .into_iter()
                .filter(|length| *length <= LONGEST && *length <= limit.saturating_add(1))
                .collect();
            if let [_, ..] = lengths.as_slice() {
                return vec![b'a'; *random.pick(&lengths)];
            }
        }
        // Around a small limit there is little room; around none there is as much as is usual.
        let most = USUAL.min(limit.saturating_add(2));
        match random.below(12) {
            0 => Vec::new(),
            1 => vec![random.byte()],
            2 if limit >= 256 => (0..=u8::MAX).collect(),
            3 | 4 => {
                let mut bytes = vec![0; random.below(most)];
                Payload::generate(random.next(), 0, &mut bytes);
                bytes
            }
            5 | 6 => {
                let mut bytes = Vec::new();
                for _ in 0..random.below(5) {
                    bytes.extend_from_slice(self.dictionary.piece(random));
                }
                bytes.truncate(most);
                bytes
            }
            _ => (0..random.below(most)).map(|_| *random.pick(b"abcdefgh")).collect(),
        }
    }

    /// Pieces of the dictionary one behind the other.
    fn pieces(&self, random: &mut Random) -> Vec<u8> {
        let mut stream = Vec::new();
        for _ in 0..random.below(8) {
            if random.once_in(3) {
                stream.push(random.byte());
            } else {
                stream.extend_from_slice(self.dictionary.piece(random));
            }
        }
        stream
    }

    /// Makes one mistake in a stream.
    fn mutate(&self, stream: &mut Vec<u8>, random: &mut Random) {
        let at = random.below(stream.len() + 1);
        let end = stream.len().min(at + 1 + random.below(4));
        match random.below(7) {
            0 if at < stream.len() => stream[at] ^= 1 << random.below(8),
            1 => drop(stream.drain(at..end)),
            2 => {
                let copy = stream[at..end].to_vec();
                stream.splice(at..at, copy);
            }
            3 => drop(stream.splice(at..at, self.dictionary.piece(random).iter().copied())),
            4 => {
                let piece = self.dictionary.piece(random);
                let end = stream.len().min(at + piece.len());
                stream.splice(at..end, piece.iter().copied());
            }
            5 => stream.truncate(at),
            // Most mistakes are near the end of a stream: what is behind one is never read.
            _ => drop(stream.pop()),
        }
    }
}

/// Streams up to this length are given byte by byte, too.
const SLOW: usize = 512;
/// How many ways there are to cut one stream.
const WAYS: usize = 3;

/// Ways to cut a stream of so many bytes, as sizes of chunks.
fn cuts(length: usize, random: &mut Random) -> Vec<Vec<usize>> {
    let mut ways = Vec::new();
    for _ in 0..WAYS {
        let largest = match random.below(4) {
            0 => 3,
            1 => 9,
            2 => length / 2 + 1,
            _ => length + 1,
        };
        // Long streams in small chunks would be nothing but waiting.
        let largest = largest.max(length / 64);
        let mut sizes = Vec::new();
        let mut come = 0;
        while come < length {
            // Now and then nothing new comes.
            let size = if random.once_in(16) { 0 } else { 1 + random.below(largest) };
            sizes.push(size);
            come += size;
        }
        ways.push(sizes);
    }
    if length <= SLOW {
        ways.push(vec![1; length]);
    }
    ways
}
