use memchr::memchr2;

use super::encoder::within;
use super::position::Position;
use super::{Cut, EncodeError, Encoder, FrameError, Framer};

/// The byte that stands before a terminator inside a message, and before itself.
pub const ESCAPE: u8 = b'\\';

/// Finds messages that end with a terminator byte, where an escape stands before each terminator
/// inside the message and before each escape, and nowhere else.
#[derive(Clone, Debug)]
pub struct EscapedFramer {
    terminator: u8,
    limit: usize,
    /// How many bytes of the message are in the bytes scanned so far.
    length: usize,
    /// Whether there was an escape among them. Without one they stand as they are.
    is_escaped: bool,
    /// With one, the message so far.
    message: Vec<u8>,
    position: Position,
}

/// Why a scan stops.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// At the terminator.
    Terminator,
    /// At an escape whose byte has not come.
    Pending,
    /// Behind the last byte that has come.
    Exhausted,
    /// At a byte that the limit does not allow.
    TooLong,
    /// At an escape before a byte that needs none.
    BadEscape(u8),
}

/// Where escapes are closer together than this, looking at each byte costs less than a search for
/// the next one.
const CLOSE: usize = 16;
/// How many bytes are looked at one by one before that is decided anew.
const WINDOW: usize = 256;

impl EscapedFramer {
    /// For messages of at most `limit` bytes, escapes and terminator not counted.
    ///
    /// # Panics
    /// When the terminator is the escape.
    pub const fn new(terminator: u8, limit: usize) -> Self {
        assert!(terminator != ESCAPE, "the terminator must not be the escape");
        Self {
            terminator,
            limit,
            length: 0,
            is_escaped: false,
            message: Vec::new(),
            position: Position::new(),
        }
    }

    /// Goes on from byte `at` to the end of the frame, or of what has come of it. `at` is then
    /// where it stopped.
    #[inline]
    fn scan(&mut self, unread: &[u8], at: &mut usize) -> Stop {
        // How many escapes in a row were close to the one before: two are no accident.
        let mut close = if self.is_escaped { 2 } else { 0 };
        loop {
            if close >= 2 {
                if let Some(stop) = self.scan_bytes(unread, at) {
                    return stop;
                }
                close = 0;
            }
            let rest = &unread[*at..];
            let run = memchr2(self.terminator, ESCAPE, rest).unwrap_or(rest.len());
            if run > self.limit - self.length {
                return Stop::TooLong;
            }
            if self.is_escaped {
                self.message.extend_from_slice(&rest[..run]);
            }
            self.length += run;
            *at += run;
            match rest[run..] {
                [] => return Stop::Exhausted,
                [ESCAPE] => return Stop::Pending,
                [ESCAPE, byte, ..] if !self.needs_escape(byte) => return Stop::BadEscape(byte),
                [ESCAPE, ..] if self.length == self.limit => return Stop::TooLong,
                [ESCAPE, byte, ..] => {
                    self.begin_message(unread, *at);
                    self.message.push(byte);
                    self.length += 1;
                    *at += 2;
                    close = if run < CLOSE { close + 1 } else { 0 };
                }
                _ => return Stop::Terminator,
            }
        }
    }

    /// The same byte by byte, as long as escapes are close together.
    fn scan_bytes(&mut self, unread: &[u8], at: &mut usize) -> Option<Stop> {
        loop {
            let rest = &unread[*at..];
            let window = &rest[..rest.len().min(WINDOW)];
            self.message.resize(self.length + window.len().min(self.limit - self.length), 0);
            let room = &mut self.message[self.length..];
            let (read, written, stop) = unescape(window, self.terminator, room);
            *at += read;
            self.length += written;
            self.message.truncate(self.length);
            // The byte behind an escape may be in the next window.
            let is_over = matches!(stop, Stop::Exhausted | Stop::Pending);
            if !is_over || rest.len() == window.len() {
                return Some(stop);
            }
            if (read - written) * CLOSE < read {
                return None;
            }
        }
    }

    const fn needs_escape(&self, byte: u8) -> bool {
        byte == ESCAPE || byte == self.terminator
    }

    /// At the first escape of a message, takes what came before it.
    fn begin_message(&mut self, unread: &[u8], at: usize) {
        if !self.is_escaped {
            self.is_escaped = true;
            self.message.clear();
            self.message.extend_from_slice(&unread[..at]);
        }
    }
}

/// Takes the escapes out of bytes. Returns how many of them it read and wrote, and why it stopped.
#[inline]
fn unescape(bytes: &[u8], terminator: u8, into: &mut [u8]) -> (usize, usize, Stop) {
    let (mut read, mut written) = (0, 0);
    let stop = loop {
        let Some(&byte) = bytes.get(read) else { break Stop::Exhausted };
        let (plain, width) = if byte == ESCAPE {
            match bytes.get(read + 1) {
                None => break Stop::Pending,
                Some(&escaped) if escaped == ESCAPE || escaped == terminator => (escaped, 2),
                Some(&other) => break Stop::BadEscape(other),
            }
        } else if byte == terminator {
            break Stop::Terminator;
        } else {
            (byte, 1)
        };
        let Some(place) = into.get_mut(written) else { break Stop::TooLong };
        *place = plain;
        read += width;
        written += 1;
    };
    (read, written, stop)
}

impl Framer for EscapedFramer {
    #[inline]
    fn cut(&mut self, unread: &[u8], end: bool) -> Result<Cut, FrameError> {
        self.position.check()?;
        if self.position.scanned == 0 {
            self.length = 0;
            self.is_escaped = false;
        }
        let begin = self.position.scanned;
        let mut at = begin;
        let stop = self.scan(unread, &mut at);
        self.position.examined += (at - begin) as u64 + 2;
        self.position.scanned = at;
        match stop {
            Stop::Terminator => Ok(self.position.frame(0, at, at + 1)),
            Stop::Exhausted | Stop::Pending => self.position.wait(unread.len(), 1, end),
            Stop::TooLong => self.position.too_long(self.limit, None),
            Stop::BadEscape(found) => {
                let offset = self.position.offset_of(at + 1);
                self.position.fail(FrameError::BadEscape { offset, found })
            }
        }
    }

    fn message<'a>(&'a self, body: &'a [u8]) -> &'a [u8] {
        if self.is_escaped { &self.message } else { body }
    }

    fn examined(&self) -> u64 {
        self.position.examined
    }
}

/// Writes messages with a terminator byte behind each, and an escape before each terminator and
/// each escape inside.
#[derive(Clone, Debug)]
pub struct EscapedEncoder {
    terminator: u8,
    limit: usize,
}

impl EscapedEncoder {
    /// For messages of at most `limit` bytes, escapes and terminator not counted.
    ///
    /// # Panics
    /// When the terminator is the escape.
    pub const fn new(terminator: u8, limit: usize) -> Self {
        assert!(terminator != ESCAPE, "the terminator must not be the escape");
        Self { terminator, limit }
    }
}

impl Encoder for EscapedEncoder {
    fn encode(&self, message: &[u8], into: &mut Vec<u8>) -> Result<(), EncodeError> {
        within(message, self.limit)?;
        into.reserve(message.len() + 1);
        let mut rest = message;
        while let Some(run) = memchr2(self.terminator, ESCAPE, rest) {
            into.extend_from_slice(&rest[..run]);
            into.extend_from_slice(&[ESCAPE, rest[run]]);
            rest = &rest[run + 1..];
        }
        into.extend_from_slice(rest);
        into.push(self.terminator);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The messages of a stream that is cut into chunks of a size, each with what came of the end.
    fn cut(wire: &[u8], size: usize, limit: usize) -> (Vec<Vec<u8>>, Result<Cut, FrameError>) {
        let mut framer = EscapedFramer::new(b'\n', limit);
        let (mut messages, mut begin, mut come) = (Vec::new(), 0, 0);
        loop {
            let end = come == wire.len();
            match framer.cut(&wire[begin..come], end) {
                Ok(Cut::Frame { consumed, body }) => {
                    let body = &wire[begin + body.start..begin + body.end];
                    messages.push(framer.message(body).to_vec());
                    begin += consumed;
                }
                Ok(Cut::Need(_)) if !end => come = (come + size).min(wire.len()),
                other => return (messages, other),
            }
        }
    }

    #[rstest]
    fn an_escape_makes_the_byte_behind_it_data(#[values(1, 2, 3, 7, 99)] size: usize) {
        for (wire, messages) in [
            (&b"plain\n"[..], vec![&b"plain"[..]]),
            (b"\n\n", vec![b"", b""]),
            (b"a\\\nb\nc\n", vec![b"a\nb", b"c"]),
            (b"\\\\\n\\\\\\\n\n", vec![b"\\", b"\\\n"]),
            (
                b"0123456789abcdefghij\\\\0123456789abcdefghij\\\n\n",
                vec![b"0123456789abcdefghij\\0123456789abcdefghij\n"],
            ),
        ] {
            assert_eq!(
                cut(wire, size, 64),
                (messages.iter().map(|m| m.to_vec()).collect(), Ok(Cut::End))
            );
        }
    }

    #[rstest]
    fn what_is_no_frame_is_told_at_its_place(#[values(1, 2, 3, 7, 99)] size: usize) {
        let too_long = |offset| FrameError::TooLong { offset, limit: 4, announced: None };
        let truncated = |offset, held| FrameError::Truncated { offset, held };
        let bad = |offset, found| FrameError::BadEscape { offset, found };
        for (wire, error) in [
            (&b"ab\\cd\n"[..], bad(3, b'c')),
            (b"\\\\\\\\a\\0", bad(6, b'0')),
            (b"abcd\\x", bad(5, b'x')),
            (b"abcde\n", too_long(0)),
            (b"abcd\\\\", too_long(0)),
            (b"\\\\bcde\n", too_long(0)),
            (b"\\\\bcd\\\n\n", too_long(0)),
            (b"x\nabc", truncated(2, 3)),
            (b"x\nabc\\", truncated(2, 4)),
            (b"x\na\\\n", truncated(2, 3)),
        ] {
            let shown = String::from_utf8_lossy(wire);
            assert_eq!(cut(wire, size, 4).1, Err(error), "{shown:?}");
        }
        assert_eq!(cut(b"abcd\n\\\\bc\\\n\n", size, 4).0, [b"abcd".to_vec(), b"\\bc\n".to_vec()]);
    }

    #[test]
    fn an_escape_waits_for_its_byte() {
        let mut framer = EscapedFramer::new(b'\n', 8);
        assert_eq!(framer.cut(b"", false), Ok(Cut::Need(1)));
        assert_eq!(framer.cut(b"a", false), Ok(Cut::Need(1)));
        assert_eq!(framer.cut(b"a\\", false), Ok(Cut::Need(1)));
        assert_eq!(framer.cut(b"a\\", false), Ok(Cut::Need(1)), "nothing new");
        assert_eq!(framer.cut(b"a\\\\", false), Ok(Cut::Need(1)));
        assert_eq!(framer.cut(b"a\\\\\n", false), Ok(Cut::Frame { consumed: 4, body: 0..3 }));
        assert_eq!(framer.message(b"a\\\\"), b"a\\");
    }

    #[test]
    fn everything_that_needs_an_escape_gets_one() {
        let encoder = EscapedEncoder::new(0, 8);
        let mut wire = Vec::new();
        assert_eq!(encoder.encode(b"a\0\\b", &mut wire), Ok(()));
        assert_eq!(wire, b"a\\\0\\\\b\0");
        let refused = EncodeError::TooLong { length: 9, limit: 8 };
        assert_eq!(encoder.encode(&[0; 9], &mut wire), Err(refused));
        assert_eq!(encoder.encode(&[0; 8], &mut wire), Ok(()), "escapes are not counted");
    }
}
