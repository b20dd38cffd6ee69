use super::encoder::within;
use super::position::Position;
use super::terminator::Found;
use super::{Cut, EncodeError, Encoder, FrameError, Framer};

/// Finds messages before and behind which the same byte stands: one that the message does not hold.
#[derive(Clone, Debug)]
pub struct AnnouncedFramer {
    limit: usize,
    position: Position,
}

impl AnnouncedFramer {
    /// For messages of at most `limit` bytes, the two terminators not counted.
    pub const fn new(limit: usize) -> Self {
        Self { limit, position: Position::new() }
    }
}

impl Framer for AnnouncedFramer {
    #[inline]
    fn cut(&mut self, unread: &[u8], end: bool) -> Result<Cut, FrameError> {
        self.position.check()?;
        let Some(&terminator) = unread.first() else {
            return self.position.wait(0, 2, end);
        };
        self.position.examined += 1;
        match self.position.find(terminator, unread, 1, self.limit) {
            Found::At(at) => Ok(self.position.frame(1, at, at + 1)),
            Found::TooFar => self.position.too_long(self.limit, None),
            Found::Not => self.position.wait(unread.len(), 1, end),
        }
    }

    fn examined(&self) -> u64 {
        self.position.examined
    }
}

/// Writes messages between two bytes that they do not hold: the smallest of those.
#[derive(Clone, Debug)]
pub struct AnnouncedEncoder {
    limit: usize,
}

impl AnnouncedEncoder {
    /// For messages of at most `limit` bytes, the two terminators not counted.
    pub const fn new(limit: usize) -> Self {
        Self { limit }
    }
}

impl Encoder for AnnouncedEncoder {
    fn encode(&self, message: &[u8], into: &mut Vec<u8>) -> Result<(), EncodeError> {
        within(message, self.limit)?;
        let mut held = [false; 256];
        for byte in message {
            held[usize::from(*byte)] = true;
        }
        let mut free = (0..=u8::MAX).filter(|byte| !held[usize::from(*byte)]);
        let terminator = free.next().ok_or(EncodeError::HoldsEveryByte)?;
        into.reserve(message.len() + 2);
        into.push(terminator);
        into.extend_from_slice(message);
        into.push(terminator);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_has_a_terminator_of_its_own() {
        let mut framer = AnnouncedFramer::new(8);
        assert_eq!(framer.cut(b"", false), Ok(Cut::Need(2)));
        assert_eq!(framer.cut(b"|", false), Ok(Cut::Need(1)));
        assert_eq!(framer.cut(b"|ab|//", false), Ok(Cut::Frame { consumed: 4, body: 1..3 }));
        assert_eq!(framer.cut(b"//", true), Ok(Cut::Frame { consumed: 2, body: 1..1 }));
        assert_eq!(framer.cut(b"", true), Ok(Cut::End));
    }

    #[test]
    fn an_announcement_alone_is_no_frame() {
        let mut framer = AnnouncedFramer::new(8);
        assert_eq!(framer.cut(b"|", true), Err(FrameError::Truncated { offset: 0, held: 1 }));
    }

    #[test]
    fn the_limit_counts_the_message_alone() {
        let mut framer = AnnouncedFramer::new(2);
        assert_eq!(framer.cut(b"|ab", false), Ok(Cut::Need(1)));
        assert_eq!(framer.cut(b"|ab|", false), Ok(Cut::Frame { consumed: 4, body: 1..3 }));
        let too_long = FrameError::TooLong { offset: 4, limit: 2, announced: None };
        assert_eq!(framer.cut(b"|abc|", false), Err(too_long));
    }

    #[test]
    fn a_message_with_every_byte_has_no_terminator() {
        let mut wire = Vec::new();
        let every: Vec<u8> = (0..=u8::MAX).collect();
        let encoder = AnnouncedEncoder::new(256);
        assert_eq!(encoder.encode(&every, &mut wire), Err(EncodeError::HoldsEveryByte));
        assert_eq!(encoder.encode(&every[..255], &mut wire), Ok(()));
        assert_eq!((wire[0], wire[256]), (255, 255));
        wire.clear();
        assert_eq!(encoder.encode(b"", &mut wire), Ok(()));
        assert_eq!(wire, [0, 0]);
    }
}
