use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

/// A stream, and how it is cut into chunks.
///
/// It is written as its chunks in hexadecimal with `|` between them, and a byte that comes often as
/// `61*300`: `0000|012d|61*300 0a`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    stream: Vec<u8>,
    /// How many bytes each chunk has: all together as many as the stream.
    sizes: Vec<usize>,
}

impl Case {
    /// A stream in chunks of these sizes, as far as there are bytes for them. What is left of it
    /// behind them is a last chunk.
    pub fn new(stream: Vec<u8>, sizes: &[usize]) -> Self {
        let mut left = stream.len();
        let mut kept = Vec::with_capacity(sizes.len());
        for size in sizes {
            kept.push(left.min(*size));
            left -= left.min(*size);
        }
        if left > 0 || kept.is_empty() {
            kept.push(left);
        }
        Self { stream, sizes: kept }
    }

    /// A stream in one chunk.
    pub fn whole(stream: Vec<u8>) -> Self {
        Self::new(stream, &[])
    }

    /// All bytes.
    pub fn stream(&self) -> &[u8] {
        &self.stream
    }

    /// How many bytes each chunk has.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The chunks, of which there is at least one.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.stream.as_slice();
        self.sizes.iter().map(move |size| {
            let (chunk, left) = rest.split_at(*size);
            rest = left;
            chunk
        })
    }

    /// Without these chunks, as far as there are any.
    pub(super) fn without_chunks(&self, which: Range<usize>) -> Option<Self> {
        let which = within(&which, self.sizes.len())?;
        let begin: usize = self.sizes[..which.start].iter().sum();
        let length: usize = self.sizes[which.clone()].iter().sum();
        let mut stream = self.stream.clone();
        stream.drain(begin..begin + length);
        let mut sizes = self.sizes.clone();
        sizes.drain(which);
        Some(Self::new(stream, &sizes))
    }

    /// With these chunks, as far as there are any, as one.
    pub(super) fn merged(&self, which: Range<usize>) -> Option<Self> {
        let which = within(&which, self.sizes.len())?;
        let length: usize = self.sizes[which.clone()].iter().sum();
        let mut sizes = self.sizes.clone();
        sizes.splice(which, [length]);
        Some(Self { stream: self.stream.clone(), sizes })
    }

    /// With other bytes in the place of these, as far as there are any. Cuts behind them stay where they are in the bytes;
    /// those among them keep their distance from the first, or from the last.
    pub(super) fn replaced(&self, which: Range<usize>, by: &[u8], from_end: bool) -> Option<Self> {
        let which = within(&which, self.stream.len())?;
        let mut stream = self.stream.clone();
        stream.splice(which.clone(), by.iter().copied());
        let moved = |cut: usize| {
            if cut <= which.start {
                cut
            } else if cut >= which.end {
                cut - which.len() + by.len()
            } else if from_end {
                which.start + by.len().saturating_sub(which.end - cut)
            } else {
                which.start + by.len().min(cut - which.start)
            }
        };
        let mut sizes = Vec::new();
        let (mut at, mut begin) = (0, 0);
        for size in &self.sizes {
            at += size;
            let end = moved(at);
            // A chunk that has lost all its bytes is gone; one that never had any stays.
            if end > begin || *size == 0 {
                sizes.push(end - begin);
            }
            begin = end;
        }
        Some(Self::new(stream, &sizes))
    }
}

/// The part of a range that is below an end, where it is not empty.
fn within(range: &Range<usize>, end: usize) -> Option<Range<usize>> {
    let range = range.start..range.end.min(end);
    (!range.is_empty()).then_some(range)
}

/// From how many on equal bytes are written as one.
const RUN: usize = 16;
/// How many bytes a text may stand for.
const LARGEST: usize = 16 << 20;

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, chunk) in self.chunks().enumerate() {
            if index > 0 {
                f.write_str("|")?;
            }
            write_chunk(f, chunk)?;
        }
        Ok(())
    }
}

fn write_chunk(f: &mut fmt::Formatter<'_>, chunk: &[u8]) -> fmt::Result {
    let mut is_first = true;
    let mut is_run = false;
    for run in chunk.chunk_by(|one, next| one == next) {
        let was_run = std::mem::replace(&mut is_run, run.len() >= RUN);
        if !std::mem::take(&mut is_first) && (is_run || was_run) {
            f.write_str(" ")?;
        }
        if is_run {
            write!(f, "{:02x}*{}", run[0], run.len())?;
        } else {
            f.write_str(&HEXLOWER.encode(run))?;
        }
    }
    Ok(())
}

/// A text that is no case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCase {
    /// What stands there is neither bytes nor one byte with a count.
    #[error("`{word}` is not in hexadecimal: expected chunks such as '0003|616263' or '0a*300'")]
    Word {
        /// What stands there.
        word: String,
    },
    /// It stands for more bytes than anybody could mean.
    #[error("it stands for more than {LARGEST} bytes")]
    TooLarge,
}

/// Blanks can stand between bytes.
impl FromStr for Case {
    type Err = BadCase;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut stream = Vec::new();
        let mut sizes = Vec::new();
        for chunk in text.split('|') {
            let begin = stream.len();
            for word in chunk.split_ascii_whitespace() {
                let bad = || BadCase::Word { word: word.to_owned() };
                let (digits, count) = match word.split_once('*') {
                    Some((digits, count)) => (digits, count.parse().map_err(|_| bad())?),
                    None => (word, 1),
                };
                let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| bad())?;
                if bytes.len() != 1 && count != 1 {
                    return Err(bad());
                }
                if bytes.len().saturating_mul(count) > LARGEST - stream.len() {
                    return Err(BadCase::TooLarge);
                }
                stream.extend(bytes.repeat(count));
            }
            sizes.push(stream.len() - begin);
        }
        Ok(Self::new(stream, &sizes))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn case(text: &str) -> Case {
        text.parse().expect("it is a case")
    }

    #[rstest]
    fn what_is_written_is_read_again(
        #[values("", "00", "00|0161", "61||62", "|61", "00ff", "61||")] text: &str,
    ) {
        assert_eq!(case(text).to_string(), text);
    }

    #[test]
    fn a_text_can_be_loose() {
        assert_eq!(case("00 FF | 61").to_string(), "00ff|61");
        assert_eq!(Case::whole(b"abc".to_vec()).to_string(), "616263");
        assert_eq!(Case::new(b"abc".to_vec(), &[2, 0, 9]).to_string(), "6162||63");
        assert_eq!(Case::new(b"abc".to_vec(), &[1]).to_string(), "61|6263");
    }

    #[test]
    fn a_byte_that_comes_often_is_counted() {
        let text = "0000012c 61*300|0a 00*16";
        assert_eq!(case(text).stream().len(), 321);
        assert_eq!(case(text).to_string(), text);
        assert_eq!(case("0001*1 61*0").to_string(), "0001");
    }

    #[rstest]
    fn anything_else_is_none(
        #[values("0", "zz", "61*", "*5", "6162*5", "61*-1", "61*99999999", "61,62")] text: &str,
    ) {
        assert!(text.parse::<Case>().is_err());
    }

    #[test]
    fn chunks_are_left_out_and_merged() {
        let whole = case("01|02|03|04");
        let text = |case: Option<Case>| case.map(|case| case.to_string());
        assert_eq!(text(whole.without_chunks(1..3)).as_deref(), Some("01|04"));
        assert_eq!(text(whole.without_chunks(0..4)).as_deref(), Some(""));
        assert_eq!(text(whole.without_chunks(3..5)).as_deref(), Some("01|02|03"));
        assert_eq!(text(whole.without_chunks(4..5)), None);
        assert_eq!(text(whole.merged(1..3)).as_deref(), Some("01|0203|04"));
        assert_eq!(text(whole.merged(3..9)).as_deref(), Some("01|02|03|04"));
    }

    #[test]
    fn cuts_keep_their_place_among_the_bytes() {
        let whole = case("0102|03040506|07");
        let replaced = |which, by, from_end| {
            whole.replaced(which, by, from_end).map(|case: Case| case.to_string())
        };
        assert_eq!(replaced(0..1, b"", false).as_deref(), Some("02|03040506|07"));
        assert_eq!(replaced(1..5, b"", false).as_deref(), Some("01|06|07"));
        assert_eq!(replaced(1..5, b"aa", false).as_deref(), Some("0161|6106|07"));
        assert_eq!(replaced(0..6, b"aa", true).as_deref(), Some("6161|07"));
        assert_eq!(replaced(2..6, b"", false).as_deref(), Some("0102|07"));
        assert_eq!(replaced(5..9, b"", false).as_deref(), Some("0102|030405"));
        assert_eq!(replaced(7..9, b"", false), None);
    }
}
