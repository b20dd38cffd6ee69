use super::Script;
use crate::framing::{ESCAPE, naive};
use crate::vocabulary::{ByteOrder, Framing, Padding, split_mix};

/// Makes up streams of a framing by a seed, without end: whole frames, what is nearly one, and
/// bytes at which decoders of that framing break. The same seed gives the same streams.
#[derive(Clone, Debug)]
pub struct Streams {
    framing: Framing,
    chance: Chance,
}

/// A stream that was made up, with a limit and a way to cut it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The stream.
    pub stream: Vec<u8>,
    /// The size of a message at most.
    pub limit: usize,
    /// The sizes of its chunks.
    pub sizes: Vec<usize>,
    is_pushed: bool,
}

impl Made {
    /// One that is known.
    pub const fn new(stream: Vec<u8>, limit: usize, sizes: Vec<usize>) -> Self {
        Self { stream, limit, sizes, is_pushed: false }
    }

    /// For [`super::hold()`].
    pub fn script(&self) -> Script<'_> {
        let mut script = Script::new(&self.stream, self.limit, &self.sizes);
        script.is_pushed = self.is_pushed;
        script
    }
}

impl Streams {
    /// Those of a seed.
    pub const fn new(framing: Framing, seed: u64) -> Self {
        Self { framing, chance: Chance { seed, drawn: 0 } }
    }

    /// A message that decoders or encoders of the framing might break at, near a limit.
    pub fn message(&mut self, limit: usize) -> Vec<u8> {
        let chance = &mut self.chance;
        let length = match chance.below(8) {
            0 => 0,
            // At the limit and directly behind it.
            1 => limit.min(LARGE),
            2 => limit.saturating_add(1).min(LARGE),
            3 => chance.below(40),
            _ => chance.below(6),
        };
        let mut message = Vec::with_capacity(length);
        let plain = chance.pick(b"x0=A");
        let density = chance.pick(&[0, 2, 3, 8]);
        while message.len() < length {
            let byte = match density {
                0 => plain,
                density if self.chance.below(density) == 0 => self.special(),
                _ => plain,
            };
            message.push(byte);
        }
        message
    }

    /// A byte that means something in the framing.
    fn special(&mut self) -> u8 {
        let chance = &mut self.chance;
        match self.framing {
            Framing::Terminator(terminator) => chance.pick(&[terminator.byte(), b'\n', 0, b'\r']),
            Framing::Escaped(terminator) => {
                chance.pick(&[terminator.byte(), ESCAPE, ESCAPE, b'n', b'0'])
            }
            Framing::Base64(terminator) => {
                chance.pick(&[terminator.byte(), b'=', b'=', b'-', b' ', b'B', b'/', b'\r'])
            }
            Framing::Announced => chance.pick(&[0, 1, 0, b'|', u8::MAX]),
            Framing::AsciiLength { .. } => chance.pick(b"0123456789 +-:/ax\0\xb2"),
            Framing::BinaryLength { .. } => chance.pick(&[0, 0, 1, 2, 0x7f, 0x80, 0xff, 0xff]),
        }
    }

    /// A header that announces a number at which decoders break, alone or with something behind it.
    fn header(&mut self, limit: usize) -> Vec<u8> {
        let chance = &mut self.chance;
        let power = 1_u128 << chance.below(65);
        let decimal = 10_u128.pow(u32::try_from(chance.below(21)).unwrap_or_default());
        let edge = match chance.below(5) {
            0 => limit as u128,
            1 => decimal,
            2 => 1 << 64,
            3 => chance.below(20) as u128,
            _ => power,
        };
        let number = (edge + chance.below(3) as u128).saturating_sub(1);
        match self.framing {
            Framing::BinaryLength { width, order: ByteOrder::Big } => {
                number.to_be_bytes()[16 - width.bytes()..].to_vec()
            }
            Framing::BinaryLength { width, order: ByteOrder::Little } => {
                number.to_le_bytes()[..width.bytes()].to_vec()
            }
            Framing::AsciiLength { digits, padding } => {
                let digits = usize::from(digits);
                let is_padded = chance.below(4) > 0;
                let text = match padding {
                    _ if !is_padded => number.to_string(),
                    Padding::Zeros => format!("{number:0digits$}"),
                    Padding::Spaces => format!("{number:digits$}"),
                };
                // The last digits, where there is room for fewer.
                text.as_bytes()[text.len().saturating_sub(digits)..].to_vec()
            }
            _ => self.message(limit),
        }
    }

    /// What stands next in a stream.
    fn part(&mut self, limit: usize) -> Vec<u8> {
        match self.chance.below(16) {
            0 => {
                let count = 1 + self.chance.below(8);
                (0..count).map(|_| self.special()).collect()
            }
            1 => self.header(limit),
            2 => {
                let mut part = self.header(limit);
                part.extend(self.message(limit));
                part
            }
            3 => self.message(limit),
            _ => {
                let message = self.message(limit);
                // One more than the limit may be written, so that a stream can hold it.
                let wire = naive::write(self.framing, limit.saturating_add(1), &message);
                wire.unwrap_or(message)
            }
        }
    }

    fn spoil(&mut self, stream: &mut Vec<u8>) {
        if stream.is_empty() {
            return;
        }
        let at = self.chance.below(stream.len());
        match self.chance.below(4) {
            0 => stream.truncate(at),
            1 => stream[at] = self.special(),
            2 => stream.insert(at, self.special()),
            _ => {
                stream.remove(at);
            }
        }
    }
}

/// No message that is made up is larger.
const LARGE: usize = 300;

/// The limits that are tried.
const LIMITS: [usize; 14] = [0, 1, 2, 3, 4, 5, 7, 8, 16, 64, 255, 256, 1 << 20, usize::MAX];

impl Iterator for Streams {
    type Item = Made;

    fn next(&mut self) -> Option<Made> {
        let limit = self.chance.pick(&LIMITS);
        let parts = self.chance.below(5);
        let mut stream = Vec::new();
        for _ in 0..parts {
            stream.extend(self.part(limit));
        }
        // Once in a while many small frames, or one byte very often.
        match self.chance.below(16) {
            0 => stream = stream.repeat(1 + self.chance.below(1 + 2_000 / (stream.len() + 1))),
            1 => stream.extend(vec![self.special(); self.chance.below(400)]),
            _ => {}
        }
        if self.chance.below(3) == 0 {
            self.spoil(&mut stream);
        }
        let sizes = match self.chance.below(3) {
            0 => vec![1],
            1 => vec![1 + self.chance.below(9), self.chance.below(3)],
            _ => (0..self.chance.below(16)).map(|_| self.chance.below(12)).collect(),
        };
        Some(Made { stream, limit, sizes, is_pushed: self.chance.below(2) == 0 })
    }
}

/// Numbers that look like chance, by a seed.
#[derive(Clone, Debug)]
struct Chance {
    seed: u64,
    drawn: u64,
}

impl Chance {
    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        self.drawn += 1;
        let number = split_mix(self.seed, self.drawn) % end as u64;
        usize::try_from(number).unwrap_or_default()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_its_streams_again_and_another_gives_others() {
        for framing in Framing::every() {
            let made = |seed| Streams::new(framing, seed).take(9).collect::<Vec<_>>();
            assert_eq!(made(1), made(1));
            assert_ne!(made(1), made(2));
        }
    }

    #[test]
    fn of_the_streams_some_are_whole_and_some_are_refused() {
        for framing in Framing::every() {
            let read = |made: Made| naive::read(framing, made.limit, &made.stream);
            let readings: Vec<_> = Streams::new(framing, 1).take(200).map(read).collect();
            let whole = readings.iter().filter(|reading| reading.end.is_ok()).count();
            assert!((40..180).contains(&whole), "{framing}: {whole} of 200");
            let most = readings.iter().map(|reading| reading.messages.len()).max();
            assert!(most > Some(20), "{framing}: {most:?}");
        }
    }
}
