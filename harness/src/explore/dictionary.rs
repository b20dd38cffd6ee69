use super::Random;
use crate::vocabulary::{ByteOrder, Framing, Padding, Width};

/// Pieces of bytes at which decoders break: delimiters, escapes, and numbers at their bounds.
#[derive(Clone, Debug)]
pub(super) struct Dictionary {
    pieces: Vec<Vec<u8>>,
}

/// What means something in one framing or another.
const MARKS: [&[u8]; 18] = [
    b"\n", b"\r\n", b"\0", b"\\", b"\\\\", b"\\\n", b"\\\0", b"\n\n", b"=", b"==", b"A", b"Zg==",
    b"Zh==", b" ", b"0", b"+5", b"-1", b"\xff",
];

impl Dictionary {
    /// What is of interest to a framing with a limit; to any framing where none is known.
    pub(super) fn of(framing: Option<Framing>, limit: usize) -> Self {
        let mut pieces: Vec<Vec<u8>> = MARKS.iter().map(|mark| mark.to_vec()).collect();
        let numbers = numbers(limit as u64);
        match framing {
            Some(Framing::BinaryLength { width, order }) => {
                pieces.extend(numbers.iter().map(|number| binary(*number, width, order)));
            }
            Some(Framing::AsciiLength { digits, padding }) => {
                pieces.extend(numbers.iter().flat_map(|number| decimal(*number, digits, padding)));
            }
            Some(_) => {}
            None => {
                for width in [Width::U8, Width::U16, Width::U32] {
                    for order in ByteOrder::ALL {
                        pieces.extend(numbers.iter().map(|number| binary(*number, width, *order)));
                    }
                }
                pieces.extend(numbers.iter().map(|number| number.to_string().into_bytes()));
            }
        }
        pieces.sort_unstable();
        pieces.dedup();
        Self { pieces }
    }

    /// One of the pieces.
    pub(super) fn piece(&self, random: &mut Random) -> &[u8] {
        random.pick::<Vec<u8>>(&self.pieces)
    }
}

/// Lengths at which something changes: small ones, those around the limit and around what a number
/// of any width holds.
fn numbers(limit: u64) -> Vec<u64> {
    let mut numbers: Vec<u64> = (0..=4).collect();
    let bits = [7, 8, 15, 16, 23, 24, 31, 32, 63];
    numbers.extend(bits.iter().flat_map(|bits| [(1 << bits) - 1, 1 << bits]));
    numbers.extend([limit.saturating_sub(1), limit, limit.saturating_add(1), u64::MAX]);
    numbers
}

/// A number as it stands in a header; of one that is too large, what is left of it.
fn binary(number: u64, width: Width, order: ByteOrder) -> Vec<u8> {
    let mut bytes = number.to_le_bytes()[..width.bytes()].to_vec();
    if order == ByteOrder::Big {
        bytes.reverse();
    }
    bytes
}

/// A number as it stands in a header, and as it must not.
fn decimal(number: u64, digits: u8, padding: Padding) -> [Vec<u8>; 4] {
    let width = usize::from(digits);
    let right = match padding {
        Padding::Zeros => format!("{number:0width$}"),
        Padding::Spaces => format!("{number:width$}"),
    };
    let other = match padding {
        Padding::Zeros => format!("{number:width$}"),
        Padding::Spaces => format!("{number:0width$}"),
    };
    [right, other, format!("{number:<width$}"), format!("{number:+width$}")].map(|mut text| {
        text.truncate(width);
        text.into_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(dictionary: &Dictionary, piece: &[u8]) -> bool {
        dictionary.pieces.iter().any(|known| known == piece)
    }

    #[test]
    fn the_bounds_of_a_framing_are_in_it() {
        let big = Framing::BinaryLength { width: Width::U16, order: ByteOrder::Big };
        let dictionary = Dictionary::of(Some(big), 300);
        for piece in [&[0, 0][..], &[0, 255], &[1, 0], &[1, 44], &[1, 45], &[255, 255]] {
            assert!(holds(&dictionary, piece), "{piece:?}");
        }
        let blanks = Framing::AsciiLength { digits: 4, padding: Padding::Spaces };
        let dictionary = Dictionary::of(Some(blanks), 300);
        for piece in ["   0", " 300", " 301", "0300", "300 ", "+300", "9223"] {
            assert!(holds(&dictionary, piece.as_bytes()), "{piece:?}");
        }
        assert!(
            holds(&Dictionary::of(None, 300), &[1, 0]) && holds(&Dictionary::of(None, 300), b"300")
        );
    }
}
