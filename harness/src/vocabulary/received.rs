use std::fmt;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Payload;
use super::payload::{Escaped, unescape};

/// Bytes that were received, however many, in bounded memory: the first of them as they are, and
/// of a long run of them its length and a digest for each block, so that it can still be compared
/// by content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Received {
    /// The first bytes, as they are written between the quotes of a scenario.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    #[schemars(with = "String", regex(pattern = ESCAPED))]
    head: Vec<u8>,
    /// How many there were.
    length: u64,
    /// A digest for each block, where not all bytes are in the head: FNV-1a with 64 bits, the last
    /// one over what there is of its block.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    blocks: Vec<u64>,
}

/// What a head looks like in a recording, as a regular expression.
const ESCAPED: &str = r#"^(?:[ !#-\[\]-~]|\\(?:[nrt0"\\]|x[0-9a-f]{2}))*$"#;

/// How many bytes are kept as they are.
const HEAD: usize = 4 << 10;

/// The parameters of FNV-1a with 64 bits (Fowler, Noll and Vo).
const BASIS: u64 = 0xCBF2_9CE4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01B3;

impl Received {
    /// The bytes that one digest stands for.
    pub const BLOCK: u64 = 16 << 10;

    /// Adds bytes behind those there are.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = (HEAD - self.head.len()).min(bytes.len());
        let (head, tail) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        self.length += head.len() as u64;
        if tail.is_empty() {
            return;
        }
        if self.blocks.is_empty() {
            // From here on the head is not all there is.
            self.length -= self.head.len() as u64;
            let head = std::mem::take(&mut self.head);
            self.digest(&head);
            self.head = head;
        }
        self.digest(tail);
    }

    fn digest(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let filled = self.length % Self::BLOCK;
            if filled == 0 {
                self.blocks.push(BASIS);
            }
            let room = usize::try_from(Self::BLOCK - filled).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            if let Some(digest) = self.blocks.last_mut() {
                for byte in now {
                    *digest = (*digest ^ u64::from(*byte)).wrapping_mul(PRIME);
                }
            }
            self.length += now.len() as u64;
            bytes = later;
        }
    }

    /// Adds bytes `from..to` of a payload.
    pub fn push_payload(&mut self, payload: &Payload, from: u64, to: u64) {
        match payload {
            Payload::Literal(bytes) => {
                let end = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                let (from, to) = (end(from), end(to));
                self.push(&bytes[from.min(to)..to]);
            }
            Payload::Generated { length, seed } => {
                let mut chunk = [0; HEAD];
                let mut at = from;
                let to = to.min(*length);
                while at < to {
                    let size = usize::try_from(to - at).unwrap_or(HEAD).min(HEAD);
                    Payload::generate(*seed, at, &mut chunk[..size]);
                    self.push(&chunk[..size]);
                    at += size as u64;
                }
            }
        }
    }

    /// Bytes of which another program has kept the first and a digest for each block; `None` where
    /// these cannot be of so many bytes.
    pub fn digested(head: Vec<u8>, length: u64, blocks: Vec<u64>) -> Option<Self> {
        let is_all = length <= HEAD as u64;
        let wanted = if is_all { 0 } else { length.div_ceil(Self::BLOCK) };
        let fits = head.len() as u64 == length.min(HEAD as u64) && blocks.len() as u64 == wanted;
        fits.then_some(Self { head, length, blocks })
    }

    /// How many bytes there were.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The first bytes, all of them where they are few.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The digests of its blocks, where the head is not all there is.
    pub fn blocks(&self) -> &[u64] {
        &self.blocks
    }

    /// Where these bytes differ from others of which both have, as far as that is known without the bytes
    /// themselves: the parts that only a digest is kept of and whose digests differ, in order.
    pub fn differing_parts(&self, other: &Self) -> Vec<Range<u64>> {
        let shorter = self.length.min(other.length);
        let known = self.head.len().min(other.head.len()) as u64;
        let pairs = self.blocks.iter().zip(&other.blocks);
        let part = |(at, (one, another)): (u64, (&u64, &u64))| {
            let (from, end) = (at * Self::BLOCK, (at + 1) * Self::BLOCK);
            // Of a block that has not as many bytes in both nothing can be said.
            let is_comparable = end <= shorter || self.length == other.length;
            let part = from.max(known)..end.min(shorter);
            (one != another && is_comparable && !part.is_empty()).then_some(part)
        };
        let is_same = |part: &Range<u64>| {
            // What is known to differ in the head need not differ behind it.
            part.start == known && self.head[..] != other.head[..]
        };
        (0..).zip(pairs).filter_map(part).filter(|part| !is_same(part)).collect()
    }

    /// In what these bytes differ from those expected, for a person to read.
    pub fn difference(&self, expected: &Self) -> Option<String> {
        if self == expected {
            return None;
        }
        let lengths = if self.length == expected.length {
            String::new()
        } else {
            format!(", {} bytes instead of {}", self.length, expected.length)
        };
        let mut pairs = self.head.iter().zip(&expected.head);
        if let Some(at) = pairs.position(|(one, other)| one != other) {
            let shown = |byte: u8| Payload::Literal([byte].into());
            return Some(format!(
                "byte {at} differs: {} instead of {}{lengths}",
                shown(self.head[at]),
                shown(expected.head[at])
            ));
        }
        let whole = usize::try_from(self.length.min(expected.length) / Self::BLOCK).unwrap_or(0);
        let mut pairs = self.blocks.iter().zip(&expected.blocks).take(whole);
        if let Some(at) = pairs.position(|(one, other)| one != other) {
            let from = at as u64 * Self::BLOCK;
            return Some(format!(
                "a byte from {from} to {} differs{lengths}",
                from + Self::BLOCK - 1
            ));
        }
        Some(if self.length == expected.length {
            format!("a byte from {} on differs{lengths}", whole as u64 * Self::BLOCK)
        } else {
            format!("{} bytes instead of {}, alike so far", self.length, expected.length)
        })
    }
}

impl From<&[u8]> for Received {
    fn from(bytes: &[u8]) -> Self {
        let mut received = Self::default();
        received.push(bytes);
        received
    }
}

impl From<&Payload> for Received {
    fn from(payload: &Payload) -> Self {
        let mut received = Self::default();
        received.push_payload(payload, 0, payload.length());
        received
    }
}

/// Bytes that are shown before they are cut off.
const SHOWN: usize = 32;

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.head[..self.head.len().min(SHOWN)];
        write!(f, "\"{}\"", Escaped(shown))?;
        if (shown.len() as u64) < self.length {
            write!(f, "... ({} bytes)", self.length)?;
        }
        Ok(())
    }
}

fn as_text<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Escaped(bytes))
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    unescape(&text).ok_or_else(|| serde::de::Error::custom(format!("a bad escape in \"{text}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(length: u64) -> Payload {
        Payload::Generated { length, seed: 7 }
    }

    fn in_chunks(bytes: &[u8], size: usize) -> Received {
        let mut received = Received::default();
        bytes.chunks(size).for_each(|chunk| received.push(chunk));
        received
    }

    #[test]
    fn how_bytes_came_makes_no_difference() {
        for length in [0, 1, HEAD - 1, HEAD, HEAD + 1, 16 << 10, (16 << 10) + 1, 100_000] {
            let bytes = generated(length as u64).bytes().into_owned();
            let whole = Received::from(&bytes[..]);
            assert_eq!(whole.length(), length as u64);
            for size in [1, 7, 4_096, 5_000, 65_536] {
                assert_eq!(in_chunks(&bytes, size), whole, "{length} bytes, {size} at a time");
            }
            assert_eq!(Received::from(&generated(length as u64)), whole, "{length} bytes");
        }
    }

    #[test]
    fn every_difference_is_found() {
        let bytes = generated(100_000).bytes().into_owned();
        let expected = Received::from(&bytes[..]);
        assert_eq!(expected.difference(&expected), None);
        for at in [0, 4_095, 4_096, 16_383, 16_384, 70_000, 98_304, 99_999] {
            let mut other = bytes.clone();
            other[at] ^= 1;
            let found = Received::from(&other[..]).difference(&expected);
            assert!(found.is_some(), "byte {at}");
        }
        for length in [0, 10, 4_096, 4_097, 50_000, 99_999] {
            let found = Received::from(&bytes[..length]).difference(&expected);
            let found = found.expect("a shorter one is another");
            assert!(found.contains("100000") && found.contains("alike so far"), "{found}");
        }
    }

    #[test]
    fn a_difference_is_told_at_its_place() {
        let tell = |one: &[u8], other: &[u8]| Received::from(one).difference(&other.into());
        assert_eq!(
            tell(b"pong", b"pang").as_deref(),
            Some("byte 1 differs: \"o\" instead of \"a\"")
        );
        assert_eq!(tell(b"po", b"pong").as_deref(), Some("2 bytes instead of 4, alike so far"));
        let bytes = generated(100_000).bytes().into_owned();
        let mut other = bytes.clone();
        other[20_000] ^= 1;
        assert_eq!(tell(&other, &bytes).as_deref(), Some("a byte from 16384 to 32767 differs"));
    }

    #[test]
    fn parts_of_which_only_digests_are_kept_are_told_apart() {
        let bytes = generated(100_000).bytes().into_owned();
        let parts = |changed: &[usize], length: usize| -> Vec<_> {
            let mut other = bytes[..length].to_vec();
            for at in changed {
                other[*at] ^= 1;
            }
            let parts = Received::from(&other[..]).differing_parts(&Received::from(&bytes[..]));
            parts.into_iter().map(|part| (part.start, part.end)).collect()
        };
        assert_eq!(parts(&[], 100_000), []);
        assert_eq!(parts(&[5_000], 100_000), [(4_096, 16_384)]);
        assert_eq!(parts(&[7], 100_000), [], "that is known from the bytes themselves");
        assert_eq!(parts(&[20_000, 99_999], 100_000), [(16_384, 32_768), (98_304, 100_000)]);
        assert_eq!(parts(&[20_000, 89_000], 90_000), [(16_384, 32_768)]);
        assert_eq!(parts(&[9], 10), []);
    }

    #[test]
    fn a_part_of_a_payload_is_that_part() {
        let payload = generated(60_000);
        let bytes = payload.bytes();
        let mut part = Received::default();
        part.push_payload(&payload, 5_003, 59_000);
        assert_eq!(part, Received::from(&bytes[5_003..59_000]));
    }

    #[test]
    fn it_is_recorded_as_text() {
        let received = Received::from(&b"a\n\0\x7f\xff\\\"z"[..]);
        let text = serde_json::to_string(&received).expect("it can be written");
        assert!(text.contains(r#"a\\n\\0\\x7f\\xff\\\\\\\"z"#), "{text}");
        let again: Received = serde_json::from_str(&text).expect("it can be read");
        assert_eq!(again, received);
    }
}
