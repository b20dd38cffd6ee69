use memchr::memchr;

use super::encoder::within;
use super::position::Position;
use super::{Cut, EncodeError, Encoder, FrameError, Framer};

/// Finds messages that end with a terminator byte.
#[derive(Clone, Debug)]
pub struct TerminatorFramer {
    terminator: u8,
    limit: usize,
    position: Position,
}

impl TerminatorFramer {
    /// For messages of at most `limit` bytes, the terminator not counted.
    pub const fn new(terminator: u8, limit: usize) -> Self {
        Self { terminator, limit, position: Position::new() }
    }
}

impl Framer for TerminatorFramer {
    #[inline]
    fn cut(&mut self, unread: &[u8], end: bool) -> Result<Cut, FrameError> {
        self.position.check()?;
        match self.position.find(self.terminator, unread, 0, self.limit) {
            Found::At(at) => Ok(self.position.frame(0, at, at + 1)),
            Found::TooFar => self.position.too_long(self.limit, None),
            Found::Not => self.position.wait(unread.len(), 1, end),
        }
    }

    fn examined(&self) -> u64 {
        self.position.examined
    }
}

/// Where the terminator of a frame is.
pub(super) enum Found {
    /// There.
    At(usize),
    /// Behind more bytes than a body may have.
    TooFar,
    /// Not among the bytes there are.
    Not,
}

impl Position {
    /// Looks for the terminator of a body that begins at `from` and has at most `limit` bytes,
    /// among the bytes that were not looked at yet.
    #[inline]
    pub(super) fn find(
        &mut self,
        terminator: u8,
        unread: &[u8],
        from: usize,
        limit: usize,
    ) -> Found {
        // The terminator itself may come directly behind the last byte that is allowed.
        let most = limit.saturating_add(from).saturating_add(1).min(unread.len());
        let begin = self.scanned.max(from).min(most);
        let found = memchr(terminator, &unread[begin..most]);
        self.examined += found.map_or(most - begin, |at| at + 1) as u64;
        match found {
            Some(at) => Found::At(begin + at),
            None if most.saturating_sub(from) > limit => Found::TooFar,
            None => {
                self.scanned = most;
                Found::Not
            }
        }
    }
}

/// Writes messages with a terminator byte behind each.
#[derive(Clone, Debug)]
pub struct TerminatorEncoder {
    terminator: u8,
    limit: usize,
}

impl TerminatorEncoder {
    /// For messages of at most `limit` bytes, the terminator not counted.
    pub const fn new(terminator: u8, limit: usize) -> Self {
        Self { terminator, limit }
    }
}

impl Encoder for TerminatorEncoder {
    fn encode(&self, message: &[u8], into: &mut Vec<u8>) -> Result<(), EncodeError> {
        within(message, self.limit)?;
        if let Some(at) = memchr(self.terminator, message) {
            return Err(EncodeError::HoldsTerminator {
                at: at as u64,
                terminator: self.terminator,
            });
        }
        into.reserve(message.len() + 1);
        into.extend_from_slice(message);
        into.push(self.terminator);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_ends_with_its_terminator() {
        let mut framer = TerminatorFramer::new(b'\n', 8);
        assert_eq!(framer.cut(b"ab\n\ncd", false), Ok(Cut::Frame { consumed: 3, body: 0..2 }));
        assert_eq!(framer.cut(b"\ncd", false), Ok(Cut::Frame { consumed: 1, body: 0..0 }));
        assert_eq!(framer.cut(b"cd", false), Ok(Cut::Need(1)));
        assert_eq!(framer.cut(b"cd", true), Err(FrameError::Truncated { offset: 4, held: 2 }));
    }

    #[test]
    fn the_limit_counts_the_message_alone() {
        let mut framer = TerminatorFramer::new(0, 3);
        assert_eq!(framer.cut(b"abc", false), Ok(Cut::Need(1)));
        assert_eq!(framer.cut(b"abc\0", false), Ok(Cut::Frame { consumed: 4, body: 0..3 }));
        let too_long = Err(FrameError::TooLong { offset: 4, limit: 3, announced: None });
        assert_eq!(framer.cut(b"abcd", false), too_long);
        assert_eq!(framer.cut(b"\0", true), too_long, "the first error is the last");
    }

    #[test]
    fn data_that_holds_the_terminator_is_refused() {
        let encoder = TerminatorEncoder::new(b'\n', 8);
        let mut wire = b"before".to_vec();
        let refused = EncodeError::HoldsTerminator { at: 2, terminator: b'\n' };
        assert_eq!(encoder.encode(b"ab\ncd", &mut wire), Err(refused));
        let refused = EncodeError::TooLong { length: 9, limit: 8 };
        assert_eq!(encoder.encode(b"123456789", &mut wire), Err(refused));
        assert_eq!(wire, b"before");
        assert_eq!(encoder.encode(b"12345678", &mut wire), Ok(()));
        assert_eq!(wire, b"before12345678\n");
    }
}
