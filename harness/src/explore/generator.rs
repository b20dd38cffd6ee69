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
    /// Messages at whose lengths something changes.
    notable: Vec<Vec<u8>>,
    /// What comes first, the same for every seed: the samples, and each notable message.
    first: Vec<Vec<u8>>,
    dictionary: Dictionary,
}

/// So many runs come without mistakes first.
const FAULTLESS: u64 = 64;
/// The longest message that is made up, so that a stream stays short enough to be sent as text.
const LONGEST: usize = 1 << 20;
/// The longest message that comes more than once.
const OFTEN: usize = (64 << 10) + 1;
/// Up to this length a message is nothing special.
const USUAL: usize = 24;
/// One message in so many is notable.
const NOTABLE: usize = 16;

impl Generator {
    /// Of a framing with messages of at most so many bytes, or from samples, or both.
    pub fn new(framing: Option<(Framing, usize)>, samples: Vec<Vec<u8>>) -> Self {
        let limit = framing.map_or(usize::MAX, |(_, limit)| limit);
        let dictionary = Dictionary::of(framing.map(|(framing, _)| framing), limit);
        let notable = notable(limit);
        let mut first = samples.clone();
        if let Some((framing, _)) = framing {
            let beside = |message: &[u8]| encoded(framing, &[b"ab", message, b"cd"]);
            first.extend(notable.iter().map(|message| beside(message)));
        }
        // Long ones take long, and once is enough.
        let notable = notable.into_iter().filter(|message| message.len() <= OFTEN).collect();
        Self { framing, samples, notable, first, dictionary }
    }

    /// A stream, and ways to cut it. The first runs hold no mistakes: what goes wrong with these is
    /// plainest to see.
    pub fn cases(&self, run: u64, random: &mut Random) -> Vec<Case> {
        let first = usize::try_from(run).ok().and_then(|run| self.first.get(run));
        let stream = match first {
            Some(first) => first.clone(),
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
                let messages: Vec<Vec<u8>> =
                    (0..random.below(5)).map(|_| self.message(limit, random)).collect();
                encoded(framing, &messages)
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
        if random.once_in(NOTABLE) {
            return random.pick::<Vec<u8>>(&self.notable).clone();
        }
        // Around a small limit there is little room; around none there is as much as is usual.
        let most = USUAL.min(limit.saturating_add(2));
        match random.below(12) {
            0 => Vec::new(),
            1 => vec![random.byte()],
            2..=4 => {
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

/// Messages at whose lengths something changes, as far as one over the limit, and one of all bytes.
fn notable(limit: usize) -> Vec<Vec<u8>> {
    let most = limit.saturating_add(1).min(LONGEST);
    let bounds = [0, 1, 127, 128, 255, 256, 999, 1_000, 9_999, 10_000, 65_535, 65_536];
    let around = [limit.saturating_sub(1), limit, limit.saturating_add(1)];
    let mut lengths: Vec<usize> =
        bounds.into_iter().chain(around).filter(|length| *length <= most).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let mut messages: Vec<Vec<u8>> = lengths.into_iter().map(|length| vec![b'a'; length]).collect();
    messages.push((0..=u8::MAX).take(most).collect());
    messages
}

/// The messages in one stream, but for those that the framing cannot carry. A decoder's limit is
/// none of the encoder's: what is too long must be refused.
fn encoded(framing: Framing, messages: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let encoder = encoder(framing, usize::MAX);
    let mut stream = Vec::new();
    for message in messages {
        let _ = encoder.encode(message.as_ref(), &mut stream);
    }
    stream
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::naive;

    fn streams(generator: &Generator, seed: u64, runs: u64) -> Vec<Vec<u8>> {
        let first = |cases: Vec<Case>| cases[0].stream().to_vec();
        (0..runs).map(|run| first(generator.cases(run, &mut Random::of_run(seed, run)))).collect()
    }

    #[test]
    fn of_every_framing_some_streams_are_whole_and_some_are_not() {
        for framing in Framing::every() {
            let generator = Generator::new(Some((framing, 300)), Vec::new());
            let made = streams(&generator, 1, 400);
            let read = |stream: &Vec<u8>| naive::read(framing, 300, stream);
            let whole = made.iter().filter(|stream| read(stream).end.is_ok()).count();
            assert!((100..350).contains(&whole), "{framing}: {whole} of 400");
            assert_eq!(made, streams(&generator, 1, 400));
            assert_ne!(made, streams(&generator, 2, 400));
        }
    }

    #[test]
    fn a_message_at_the_limit_and_one_over_it_come_whatever_the_seed() {
        for framing in Framing::every() {
            let generator = Generator::new(Some((framing, 7)), Vec::new());
            let made = streams(&generator, 3, 20);
            for length in [6, 7, 8] {
                let wanted = encoded(framing, &[&b"ab"[..], &vec![b'a'; length], b"cd"]);
                assert!(made.contains(&wanted), "{framing}: {length}");
            }
        }
    }

    #[test]
    fn samples_come_first_as_they_are() {
        let samples = vec![b"one".to_vec(), b"two".to_vec()];
        let made = streams(&Generator::new(None, samples.clone()), 1, 100);
        assert_eq!(made[..2], samples);
        assert!(made.iter().any(|stream| !samples.contains(stream)));
    }

    #[test]
    fn every_way_to_cut_a_stream_is_all_of_it() {
        let mut random = Random::new(5);
        for length in [0, 1, 2, 24, 512, 513, 100_000] {
            let ways = cuts(length, &mut random);
            assert!(ways.len() >= WAYS);
            for sizes in ways {
                assert!(sizes.iter().sum::<usize>() >= length, "{length}: {sizes:?}");
                assert!(sizes.len() <= 1_000, "{length}: {}", sizes.len());
            }
        }
    }
}
