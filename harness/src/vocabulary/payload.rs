use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The bytes of a message: written out in the scenario, or generated from a seed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// Written out.
    Literal(Arc<[u8]>),
    /// `length` bytes of the stream that `seed` names.
    Generated {
        /// How many bytes.
        length: u64,
        /// Which stream.
        seed: u64,
    },
}

impl Payload {
    /// The number of bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Literal(bytes) => bytes.len() as u64,
            Self::Generated { length, .. } => *length,
        }
    }

    /// The bytes themselves.
    ///
    /// # Panics
    /// When a generated payload is larger than the address space; the language's limit keeps it
    /// far below.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Literal(bytes) => Cow::Borrowed(bytes),
            Self::Generated { length, seed } => {
                let length = usize::try_from(*length).expect("payload fits into memory");
                let mut bytes = vec![0; length];
                Self::generate(*seed, 0, &mut bytes);
                Cow::Owned(bytes)
            }
        }
    }

    /// Fills `into` with the stream of `seed` from byte `offset` on.
    ///
    /// Block *k* of the stream is `SplitMix64` of `seed + (k + 1) * 0x9E3779B97F4A7C15` (wrapping),
    /// as eight bytes, the least significant first. Every byte can so be had by itself, in any
    /// language with 64-bit integers.
    pub fn generate(seed: u64, offset: u64, into: &mut [u8]) {
        let mut block = offset / 8;
        let mut skip = usize::try_from(offset % 8).unwrap_or(0);
        let mut rest = into;
        while !rest.is_empty() {
            let bytes = split_mix(seed, block).to_le_bytes();
            let take = rest.len().min(8 - skip);
            let (head, tail) = rest.split_at_mut(take);
            head.copy_from_slice(&bytes[skip..skip + take]);
            rest = tail;
            skip = 0;
            block += 1;
        }
    }
}

/// Number `block` of the `SplitMix64` sequence of `seed` (Steele, Lea and Flood, 2014).
pub(crate) const fn split_mix(seed: u64, block: u64) -> u64 {
    let mut z = seed.wrapping_add(block.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(bytes) => write!(f, "\"{}\"", Escaped(bytes)),
            Self::Generated { length, seed } => write!(f, "bytes {length} of {seed}"),
        }
    }
}

/// Bytes as they are written between the quotes of a scenario.
pub(super) struct Escaped<'a>(pub(super) &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in self.0 {
            match byte {
                b'\n' => f.write_str("\\n")?,
                b'\r' => f.write_str("\\r")?,
                b'\t' => f.write_str("\\t")?,
                0 => f.write_str("\\0")?,
                b'"' => f.write_str("\\\"")?,
                b'\\' => f.write_str("\\\\")?,
                0x20..=0x7e => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

/// Reads what [`Escaped`] writes.
pub(super) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'0' => 0,
                b'x' => {
                    let mut digit = || char::from(rest.next()?).to_digit(16);
                    let (high, low) = (digit()?, digit()?);
                    u8::try_from(high * 16 + low).ok()?
                }
                other @ (b'"' | b'\\') => other,
                _ => return None,
            },
            plain => plain,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_from_every_offset() {
        let mut whole = [0; 64];
        Payload::generate(7, 0, &mut whole);
        for start in 0..64 {
            let mut tail = vec![0; 64 - start];
            Payload::generate(7, start as u64, &mut tail);
            assert_eq!(tail, &whole[start..], "from {start}");
        }
    }

    #[test]
    fn the_first_block_of_seed_zero_is_the_published_one() {
        let mut block = [0; 8];
        Payload::generate(0, 0, &mut block);
        assert_eq!(u64::from_le_bytes(block), 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn seeds_give_different_streams() {
        let stream = |seed| Payload::Generated { length: 32, seed }.bytes().into_owned();
        assert_ne!(stream(1), stream(2));
    }

    #[test]
    fn a_literal_is_shown_as_it_is_written() {
        let payload = Payload::Literal(Arc::from(&b"a\n\0\x7f\\\"\r\t"[..]));
        assert_eq!(payload.to_string(), r#""a\n\0\x7f\\\"\r\t""#);
    }
}
