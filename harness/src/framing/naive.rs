//! Every framing once more, a whole stream at a time and written for clarity alone: what must come
//! out. It refuses to know the framers and the encoders, of which it has only the types.

use super::{Base64Fault, ESCAPE, EncodeError, FrameError};
use crate::vocabulary::{ByteOrder, Framing, Padding};

/// What was read from a stream: the messages, and then how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<E> {
    /// The messages before the end, in order.
    pub messages: Vec<Vec<u8>>,
    /// Whether the stream ended behind a frame, or what was wrong with it.
    pub end: Result<(), E>,
}

/// Reads a whole stream the simplest way: what the framers are held against. It shares nothing with
/// them but the types.
pub fn read(framing: Framing, limit: usize, stream: &[u8]) -> Reading<FrameError> {
    let mut messages = Vec::new();
    let mut rest = stream;
    while !rest.is_empty() {
        let offset = (stream.len() - rest.len()) as u64;
        match first(framing, limit, rest) {
            First::Frame(message, length) => {
                messages.push(message);
                rest = &rest[length..];
            }
            First::Part => {
                let held = rest.len() as u64;
                return Reading { messages, end: Err(FrameError::Truncated { offset, held }) };
            }
            First::TooLong(announced) => {
                let limit = limit as u64;
                let error = FrameError::TooLong { offset, limit, announced };
                return Reading { messages, end: Err(error) };
            }
            First::Wrong(at, what) => {
                let offset = offset + at as u64;
                let error = match what {
                    What::Digit(found) => FrameError::BadLength { offset, found },
                    What::Escape(found) => FrameError::BadEscape { offset, found },
                    What::Base64(fault) => FrameError::BadBase64 { offset, fault },
                };
                return Reading { messages, end: Err(error) };
            }
        }
    }
    Reading { messages, end: Ok(()) }
}

/// Writes a message the simplest way.
///
/// # Errors
/// Those that every encoder of the framing must give.
pub fn write(framing: Framing, limit: usize, message: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let length = message.len() as u64;
    if message.len() > limit {
        return Err(EncodeError::TooLong { length, limit: limit as u64 });
    }
    match framing {
        Framing::Terminator(terminator) => {
            let terminator = terminator.byte();
            match message.iter().position(|byte| *byte == terminator) {
                Some(at) => Err(EncodeError::HoldsTerminator { at: at as u64, terminator }),
                None => Ok([message, &[terminator]].concat()),
            }
        }
        Framing::Escaped(terminator) => {
            let mut wire = Vec::new();
            for byte in message {
                if *byte == ESCAPE || *byte == terminator.byte() {
                    wire.push(ESCAPE);
                }
                wire.push(*byte);
            }
            wire.push(terminator.byte());
            Ok(wire)
        }
        Framing::Base64(terminator) => {
            let mut wire: Vec<u8> = message.chunks(3).flat_map(four_of).collect();
            wire.push(terminator.byte());
            Ok(wire)
        }
        Framing::Announced => {
            let free = (0..=u8::MAX).find(|byte| !message.contains(byte));
            let terminator = free.ok_or(EncodeError::HoldsEveryByte)?;
            Ok([&[terminator], message, &[terminator]].concat())
        }
        Framing::AsciiLength { digits, padding } => {
            let digits = usize::from(digits);
            let header = match padding {
                Padding::Zeros => format!("{length:0digits$}"),
                Padding::Spaces => format!("{length:digits$}"),
            };
            if header.len() > digits {
                let largest = "9".repeat(digits).parse().unwrap_or(u64::MAX);
                return Err(EncodeError::TooLongForHeader { length, largest });
            }
            Ok([header.as_bytes(), message].concat())
        }
        Framing::BinaryLength { width, order } => {
            if length > width.largest() {
                return Err(EncodeError::TooLongForHeader { length, largest: width.largest() });
            }
            let mut header: Vec<u8> =
                (0..width.bytes()).map(|place| (length >> (8 * place)).to_le_bytes()[0]).collect();
            if order == ByteOrder::Big {
                header.reverse();
            }
            Ok([&header, message].concat())
        }
    }
}

/// What stands first in bytes of which there is at least one.
enum First {
    /// A message, and how many bytes its frame has.
    Frame(Vec<u8>, usize),
    /// The beginning of a frame.
    Part,
    /// A frame that is larger than the limit, and what its header announces.
    TooLong(Option<u64>),
    /// At this byte no frame of the framing.
    Wrong(usize, What),
}

enum What {
    Digit(u8),
    Escape(u8),
    Base64(Base64Fault),
}

fn first(framing: Framing, limit: usize, bytes: &[u8]) -> First {
    match framing {
        Framing::Terminator(terminator) => terminated(terminator.byte(), limit, bytes),
        Framing::Escaped(terminator) => escaped(terminator.byte(), limit, bytes),
        Framing::Base64(terminator) => base64(terminator.byte(), limit, bytes),
        Framing::Announced => match terminated(bytes[0], limit, &bytes[1..]) {
            First::Frame(message, length) => First::Frame(message, length + 1),
            other => other,
        },
        Framing::AsciiLength { digits, padding } => {
            ascii_length(digits.into(), padding, limit, bytes)
        }
        Framing::BinaryLength { width, order } => {
            let Some(header) = bytes.get(..width.bytes()) else { return First::Part };
            let more = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
            let length = match order {
                ByteOrder::Big => header.iter().fold(0, more),
                ByteOrder::Little => header.iter().rev().fold(0, more),
            };
            counted(header.len(), length, limit, bytes)
        }
    }
}

fn terminated(terminator: u8, limit: usize, bytes: &[u8]) -> First {
    match bytes.iter().position(|byte| *byte == terminator) {
        Some(at) if at <= limit => First::Frame(bytes[..at].to_vec(), at + 1),
        None if bytes.len() <= limit => First::Part,
        _ => First::TooLong(None),
    }
}

fn escaped(terminator: u8, limit: usize, bytes: &[u8]) -> First {
    let mut message = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == terminator {
            return First::Frame(message, at + 1);
        }
        if bytes[at] == ESCAPE {
            at += 1;
            match bytes.get(at) {
                None => return First::Part,
                Some(byte) if *byte == ESCAPE || *byte == terminator => {}
                Some(byte) => return First::Wrong(at, What::Escape(*byte)),
            }
        }
        if message.len() == limit {
            return First::TooLong(None);
        }
        message.push(bytes[at]);
        at += 1;
    }
    First::Part
}

fn base64(terminator: u8, limit: usize, bytes: &[u8]) -> First {
    let most = limit.div_ceil(3).saturating_mul(4);
    let (text, length) = match terminated(terminator, most, bytes) {
        First::Frame(text, length) => (text, length),
        other => return other,
    };
    match bytes_of(&text) {
        Ok(message) if message.len() > limit => First::TooLong(Some(message.len() as u64)),
        Ok(message) => First::Frame(message, length),
        Err((at, fault)) => First::Wrong(at, What::Base64(fault)),
    }
}

fn ascii_length(digits: usize, padding: Padding, limit: usize, bytes: &[u8]) -> First {
    let mut number = 0_u64;
    let mut has_begun = false;
    for (at, byte) in bytes.iter().copied().enumerate().take(digits) {
        let is_blank = byte == b' ' && !has_begun && at + 1 < digits;
        let is_needless = has_begun && number == 0;
        match (padding, byte) {
            (Padding::Spaces, _) if is_blank => continue,
            (Padding::Spaces, b'0'..=b'9') if !is_needless => {}
            (Padding::Zeros, b'0'..=b'9') => {}
            _ => return First::Wrong(at, What::Digit(byte)),
        }
        has_begun = true;
        number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    }
    if bytes.len() < digits { First::Part } else { counted(digits, number, limit, bytes) }
}

/// A message of so many bytes behind a header of so many.
fn counted(header: usize, length: u64, limit: usize, bytes: &[u8]) -> First {
    if length > limit as u64 {
        return First::TooLong(Some(length));
    }
    let body = &bytes[header..];
    if (body.len() as u64) < length {
        return First::Part;
    }
    let message: Vec<u8> = body.iter().copied().zip(0..length).map(|(byte, _)| byte).collect();
    let whole = header + message.len();
    First::Frame(message, whole)
}

/// RFC 4648 §4, table 1.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The four characters of one to three bytes.
fn four_of(three: &[u8]) -> [u8; 4] {
    let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(*three.get(at).unwrap_or(&0)));
    let character = |place: usize| ALPHABET[bits >> (18 - 6 * place) & 63];
    std::array::from_fn(|place| if place <= three.len() { character(place) } else { b'=' })
}

/// The bytes of a text of base64, or where it is none and why.
fn bytes_of(text: &[u8]) -> Result<Vec<u8>, (usize, Base64Fault)> {
    if !text.len().is_multiple_of(4) {
        return Err((0, Base64Fault::Length(text.len() as u64)));
    }
    let mut bytes = Vec::new();
    for begin in (0..text.len()).step_by(4) {
        let four = &text[begin..begin + 4];
        let is_last = begin + 4 == text.len();
        let data = match four {
            [_, _, b'=', b'='] if is_last => 2,
            [_, _, _, b'='] if is_last => 3,
            _ => 4,
        };
        let mut bits = 0_u32;
        for (place, character) in four.iter().enumerate() {
            bits <<= 6;
            let at = begin + place;
            match ALPHABET.iter().position(|known| known == character) {
                Some(value) => bits |= u32::try_from(value).unwrap_or_default(),
                None if place >= data => {}
                None if *character == b'=' => return Err((at, Base64Fault::Padding)),
                None => return Err((at, Base64Fault::Character(*character))),
            }
        }
        let [_, three @ ..] = bits.to_be_bytes();
        let (used, unused) = three.split_at(data - 1);
        if unused.iter().any(|byte| *byte != 0) {
            let at = begin + data - 1;
            return Err((at, Base64Fault::UnusedBits(text[at])));
        }
        bytes.extend_from_slice(used);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{Terminator, Width};

    /// The examples of RFC 4648 §10.
    #[test]
    fn base64_is_that_of_the_standard() {
        for (message, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let wire = write(Framing::Base64(Terminator::Nul), 6, message.as_bytes());
            assert_eq!(wire, Ok([text.as_bytes(), b"\0"].concat()));
            assert_eq!(bytes_of(text.as_bytes()), Ok(message.as_bytes().to_vec()));
        }
        for (text, at, fault) in [
            ("Zg=", 0, Base64Fault::Length(3)),
            ("Zh==", 1, Base64Fault::UnusedBits(b'h')),
            ("Zm9=", 2, Base64Fault::UnusedBits(b'9')),
            ("====", 0, Base64Fault::Padding),
            ("Z===", 1, Base64Fault::Padding),
            ("Zg==Zg==", 2, Base64Fault::Padding),
            ("Zm=v", 2, Base64Fault::Padding),
            ("Zm 9", 2, Base64Fault::Character(b' ')),
        ] {
            assert_eq!(bytes_of(text.as_bytes()), Err((at, fault)), "{text}");
        }
    }

    #[test]
    fn every_framing_reads_what_it_writes() {
        for framing in Framing::every() {
            let mut stream = Vec::new();
            let messages = [&b""[..], b"a", b"three", b"9 bytes.."];
            for message in messages {
                stream.extend(write(framing, 9, message).expect("it can be written"));
            }
            let reading = read(framing, 9, &stream);
            assert_eq!(
                reading,
                Reading { messages: messages.map(<[u8]>::to_vec).into(), end: Ok(()) }
            );
        }
    }

    #[test]
    fn the_end_is_told_with_its_place() {
        let byte = Framing::BinaryLength { width: Width::U8, order: ByteOrder::Big };
        let end = |stream: &[u8]| read(byte, 2, stream).end;
        assert_eq!(end(b"\x01a\x02b"), Err(FrameError::Truncated { offset: 2, held: 2 }));
        let too_long = FrameError::TooLong { offset: 2, limit: 2, announced: Some(3) };
        assert_eq!(end(b"\x01a\x03"), Err(too_long));
        let decimal = Framing::AsciiLength { digits: 3, padding: Padding::Spaces };
        let bad = FrameError::BadLength { offset: 5, found: b'5' };
        assert_eq!(read(decimal, 9, b"  0 05").end, Err(bad));
    }
}
