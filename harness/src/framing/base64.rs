use data_encoding::BASE64;

use super::encoder::within;
use super::position::Position;
use super::terminator::Found;
use super::{Base64Fault, Cut, EncodeError, Encoder, FrameError, Framer};

/// Finds messages in base64 (RFC 4648 §4, with padding) that end with a terminator byte.
///
/// A message has one form only: full padding, unused bits 0, nothing but the alphabet.
#[derive(Clone, Debug)]
pub struct Base64Framer {
    terminator: u8,
    limit: usize,
    /// As many characters as the limit becomes.
    most: usize,
    /// The message that was cut last; what is behind `length` is left over from earlier ones.
    message: Vec<u8>,
    length: usize,
    /// How many characters it had.
    characters: usize,
    position: Position,
}

/// In shorter bodies a search for the end takes no time to speak of.
const LONG: usize = 64;

impl Base64Framer {
    /// For messages of at most `limit` bytes, as they are before they are encoded.
    ///
    /// # Panics
    /// When the terminator is a character of base64.
    pub const fn new(terminator: u8, limit: usize) -> Self {
        assert!(!is_character(terminator), "the terminator must not be a character of base64");
        Self {
            terminator,
            limit,
            most: limit.div_ceil(3).saturating_mul(4),
            message: Vec::new(),
            length: 0,
            characters: 0,
            position: Position::new(),
        }
    }

    /// Whether all of a frame may have come that is about as long as the one before.
    #[inline]
    const fn is_likely(&self, unread: &[u8]) -> bool {
        self.characters >= LONG && unread.len() > self.characters && self.position.scanned == 0
    }

    /// Decodes such a body, whose end is not known: the first byte that is no character should be the
    /// terminator. Returns where that is, unless there is anything to say against it: then the end is
    /// searched for.
    #[inline(never)]
    fn guess(&mut self, unread: &[u8]) -> Option<usize> {
        let most = unread.len().min(self.most).min(2 * self.characters) / 4 * 4;
        self.make_room(most / 4 * 3);
        let decoded = BASE64.decode_mut(&unread[..most], &mut self.message[..most / 4 * 3]);
        let (at, length) = match decoded {
            Ok(length) => (most, length),
            Err(stopped) => (stopped.read, stopped.written),
        };
        self.position.examined += at as u64;
        self.length = length;
        let is_body = length + padding(&unread[..at]) == at / 4 * 3;
        (is_body && unread.get(at) == Some(&self.terminator)).then_some(at)
    }

    fn make_room(&mut self, length: usize) {
        if self.message.len() < length {
            self.message.reserve_exact(length - self.message.len());
            self.message.resize(length, 0);
        }
    }

    /// Decodes a body, or tells what is wrong with it and where.
    #[inline]
    fn decode(&mut self, body: &[u8]) -> Result<(), (usize, Base64Fault)> {
        if !body.len().is_multiple_of(4) {
            return Err(fault(body));
        }
        let most = body.len() / 4 * 3;
        self.make_room(most);
        match BASE64.decode_mut(body, &mut self.message[..most]) {
            Ok(length) if length + padding(body) == most => {
                self.length = length;
                Ok(())
            }
            _ => Err(fault(body)),
        }
    }
}

/// How many bytes less a body has than its characters could hold. The library also reads several texts
/// one behind the other, each with its own padding; then there are fewer bytes still.
const fn padding(body: &[u8]) -> usize {
    match body {
        [.., b'=', b'='] => 2,
        [.., b'='] => 1,
        _ => 0,
    }
}

/// What is the first thing wrong with a body that cannot be decoded, and where.
#[cold]
fn fault(body: &[u8]) -> (usize, Base64Fault) {
    let length = body.len();
    if !length.is_multiple_of(4) {
        return (0, Base64Fault::Length(length as u64));
    }
    // Without any of these the library would have decoded it.
    let wrong = body.iter().position(|byte| !is_character(*byte) || *byte == b'=');
    let at = wrong.unwrap_or_default();
    match body[at..] {
        [b'='] | [b'=', b'='] => (at - 1, Base64Fault::UnusedBits(body[at - 1])),
        [b'=', ..] => (at, Base64Fault::Padding),
        _ => (at, Base64Fault::Character(body[at])),
    }
}

const fn is_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

impl Framer for Base64Framer {
    #[inline]
    fn cut(&mut self, unread: &[u8], end: bool) -> Result<Cut, FrameError> {
        self.position.check()?;
        let at = if self.is_likely(unread)
            && let Some(at) = self.guess(unread)
        {
            at
        } else {
            let at = match self.position.find(self.terminator, unread, 0, self.most) {
                Found::At(at) => at,
                Found::TooFar => return self.position.too_long(self.limit, None),
                Found::Not => return self.position.wait(unread.len(), 1, end),
            };
            self.position.examined += at as u64;
            if let Err((wrong, fault)) = self.decode(&unread[..at]) {
                let offset = self.position.offset_of(wrong);
                return self.position.fail(FrameError::BadBase64 { offset, fault });
            }
            at
        };
        self.characters = at;
        if self.length > self.limit {
            let length = self.length as u64;
            return self.position.too_long(self.limit, Some(length));
        }
        Ok(self.position.frame(0, at, at + 1))
    }

    fn message<'a>(&'a self, _body: &'a [u8]) -> &'a [u8] {
        &self.message[..self.length]
    }

    fn examined(&self) -> u64 {
        self.position.examined
    }
}

/// Writes messages in base64 with a terminator byte behind each.
#[derive(Clone, Debug)]
pub struct Base64Encoder {
    terminator: u8,
    limit: usize,
}

impl Base64Encoder {
    /// For messages of at most `limit` bytes, as they are before they are encoded.
    ///
    /// # Panics
    /// When the terminator is a character of base64.
    pub const fn new(terminator: u8, limit: usize) -> Self {
        assert!(!is_character(terminator), "the terminator must not be a character of base64");
        Self { terminator, limit }
    }
}

impl Encoder for Base64Encoder {
    fn encode(&self, message: &[u8], into: &mut Vec<u8>) -> Result<(), EncodeError> {
        within(message, self.limit)?;
        let from = into.len();
        into.resize(from + BASE64.encode_len(message.len()), 0);
        BASE64.encode_mut(message, &mut into[from..]);
        into.push(self.terminator);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn cut(wire: &[u8], limit: usize) -> Result<Vec<u8>, FrameError> {
        let mut framer = Base64Framer::new(b'\n', limit);
        match framer.cut(wire, false)? {
            Cut::Frame { consumed, body } => {
                assert_eq!(consumed, wire.len());
                Ok(framer.message(&wire[body]).to_vec())
            }
            other => panic!("{other:?}"),
        }
    }

    /// The examples of RFC 4648 §10.
    #[rstest]
    #[case("", "\n")]
    #[case("f", "Zg==\n")]
    #[case("fo", "Zm8=\n")]
    #[case("foo", "Zm9v\n")]
    #[case("foob", "Zm9vYg==\n")]
    #[case("fooba", "Zm9vYmE=\n")]
    #[case("foobar", "Zm9vYmFy\n")]
    fn the_published_examples_hold(#[case] message: &str, #[case] wire: &str) {
        let mut written = Vec::new();
        let encoder = Base64Encoder::new(b'\n', 6);
        assert_eq!(encoder.encode(message.as_bytes(), &mut written), Ok(()));
        assert_eq!(written, wire.as_bytes());
        assert_eq!(cut(wire.as_bytes(), 6), Ok(message.as_bytes().to_vec()));
    }

    #[rstest]
    #[case::missing_padding("Zg\n", 0, Base64Fault::Length(2))]
    #[case::one_character("Zm9vY\n", 0, Base64Fault::Length(5))]
    #[case::half_the_padding("Zm9vYg=\n", 0, Base64Fault::Length(7))]
    #[case::blank("Zm 9\n", 2, Base64Fault::Character(b' '))]
    #[case::carriage_return("Zm9v\r\n", 0, Base64Fault::Length(5))]
    #[case::url_alphabet("Zm-v\n", 2, Base64Fault::Character(b'-'))]
    #[case::unused_bits("Zh==\n", 1, Base64Fault::UnusedBits(b'h'))]
    #[case::unused_bits_of_two("Zm9=\n", 2, Base64Fault::UnusedBits(b'9'))]
    #[case::padding_alone("====\n", 0, Base64Fault::Padding)]
    #[case::padding_inside("Zg==Zm9v\n", 2, Base64Fault::Padding)]
    #[case::padding_inside_and_behind("Zg==Zg==\n", 2, Base64Fault::Padding)]
    #[case::padding_before("=Zm9\n", 0, Base64Fault::Padding)]
    #[case::padding_within_the_last_four("Zm=v\n", 2, Base64Fault::Padding)]
    #[case::too_much_padding("Zm9vZ===\n", 5, Base64Fault::Padding)]
    #[case::character_before_padding("Zm9vZ.==\n", 5, Base64Fault::Character(b'.'))]
    fn another_form_of_the_message_is_refused(
        #[case] wire: &str,
        #[case] at: u64,
        #[case] fault: Base64Fault,
    ) {
        let error = FrameError::BadBase64 { offset: at, fault };
        assert_eq!(cut(wire.as_bytes(), 64), Err(error));
    }

    #[test]
    fn the_limit_counts_the_message_and_not_its_characters() {
        assert_eq!(cut(b"Zm9vYg==\n", 4), Ok(b"foob".to_vec()));
        let too_long = |announced| Err(FrameError::TooLong { offset: 0, limit: 4, announced });
        assert_eq!(cut(b"Zm9vYmE=\n", 4), too_long(Some(5)));
        assert_eq!(cut(b"Zm9vYmFyZ", 4), too_long(None));
        let mut framer = Base64Framer::new(b'\n', 4);
        assert_eq!(framer.cut(b"Zm9vYmFy", false), Ok(Cut::Need(1)));
    }

    /// Behind a long message the next one is decoded before its end is known.
    #[rstest]
    fn a_message_behind_a_long_one_is_read_like_the_first(
        #[values("", "Zg==", "Zm9v", "Zm9", "Zg==Zm9v", "Zh==", "Zm 9", "=Zm9", "Zg=", "Z")]
        tail: &str,
        #[values(0, 4, 60, 64, 68, 124, 128, 132, 200)] before: usize,
        #[values(75, 150, 1_000)] limit: usize,
    ) {
        let long = "Zm9v".repeat(25).into_bytes();
        let next = [&b"Zm9v".repeat(before / 4)[..], tail.as_bytes(), b"\nZm9v\n"].concat();
        let mut framer = Base64Framer::new(b'\n', limit);
        let wire = [&long[..], b"\n", &next].concat();
        assert_eq!(framer.cut(&wire, false), Ok(Cut::Frame { consumed: 101, body: 0..100 }));
        let mut first = Base64Framer::new(b'\n', limit);
        let moved = |error| match error {
            FrameError::BadBase64 { offset, fault } => {
                FrameError::BadBase64 { offset: offset + 101, fault }
            }
            FrameError::TooLong { offset, limit, announced } => {
                FrameError::TooLong { offset: offset + 101, limit, announced }
            }
            other => other,
        };
        let expected = first.cut(&next, false).map_err(moved);
        assert_eq!(framer.cut(&next, false), expected);
        if expected.is_ok() {
            assert_eq!(framer.message(b""), first.message(b""));
        }
    }

    /// The search for an end looks at each byte once more than the decoding does.
    #[rstest]
    #[case::as_long(100, 100, 201 + 100)]
    #[case::padded(104, 104, 209 + 104)]
    #[case::shorter(100, 64, 201 + 64)]
    #[case::nearly_twice_as_long(100, 196, 201 + 196)]
    #[case::more_than_twice_as_long(100, 204, 201 + 200 + 409)]
    #[case::behind_a_short_one(60, 60, 121 + 121)]
    #[case::behind_one_just_long_enough(64, 64, 129 + 64)]
    fn an_end_where_it_was_expected_is_not_searched_for(
        #[case] first: usize,
        #[case] second: usize,
        #[case] examined: u64,
    ) {
        let body = |characters: usize| match characters {
            104 => [&b"Zm9v".repeat(25)[..], b"Zg=="].concat(),
            _ => b"Zm9v".repeat(characters / 4),
        };
        let wire = [&body(first)[..], b"\n", &body(second), b"\n", &[b'A'; 300]].concat();
        let mut framer = Base64Framer::new(b'\n', 300);
        let frame = |characters| Ok(Cut::Frame { consumed: characters + 1, body: 0..characters });
        assert_eq!(framer.cut(&wire, false), frame(first));
        assert_eq!(framer.cut(&wire[first + 1..], false), frame(second));
        assert_eq!(framer.examined(), examined);
    }

    #[test]
    fn a_shorter_message_has_nothing_of_the_longer_one_before() {
        let mut framer = Base64Framer::new(0, 64);
        let wire = b"Zm9vYmFy\0Zg==\0";
        let frame = Cut::Frame { consumed: 9, body: 0..8 };
        assert_eq!(framer.cut(wire, false), Ok(frame));
        assert_eq!(framer.message(&wire[..8]), b"foobar");
        assert_eq!(framer.cut(&wire[9..], false), Ok(Cut::Frame { consumed: 5, body: 0..4 }));
        assert_eq!(framer.message(&wire[9..13]), b"f");
    }
}
