use std::ops::Range;

use crate::framing::{Cut, encoder, framer};
use crate::vocabulary::Framing;

/// Which bytes of a stream are a frame, by its framing.
#[derive(Clone, Copy, Debug)]
pub struct Frames {
    framing: Framing,
    limit: usize,
}

impl Frames {
    /// Of this framing, with messages of at most `limit` bytes.
    pub const fn new(framing: Framing, limit: usize) -> Self {
        Self { framing, limit }
    }

    /// Whether a stream is frames and nothing else.
    pub(super) fn are_all_of(self, stream: &[u8]) -> bool {
        self.found(stream).last().map_or(0, |(range, _)| range.end) == stream.len()
    }

    /// Where the frames are, up to the first byte that is part of none, and how long the message
    /// of each is.
    pub(super) fn ranges(self, stream: &[u8]) -> Vec<(Range<usize>, usize)> {
        let found = self.found(stream).into_iter();
        found.map(|(range, message)| (range, message.len())).collect()
    }

    /// Where a frame is, and one that stands for its message without these bytes, as far as there
    /// are any; nothing where there is no such frame.
    pub(super) fn without(
        self,
        stream: &[u8],
        frame: usize,
        bytes: Range<usize>,
    ) -> Option<(Range<usize>, Vec<u8>)> {
        let (range, mut message) = self.found(stream).into_iter().nth(frame)?;
        let end = bytes.end.min(message.len());
        message.drain(bytes.start.min(end)..end);
        let mut fresh = Vec::new();
        encoder(self.framing, self.limit).encode(&message, &mut fresh).ok()?;
        Some((range, fresh))
    }

    fn found(self, stream: &[u8]) -> Vec<(Range<usize>, Vec<u8>)> {
        let mut framer = framer(self.framing, self.limit);
        let mut found = Vec::new();
        let mut begin = 0;
        while let Ok(Cut::Frame { consumed, body }) = framer.cut(&stream[begin..], true) {
            let message = framer.message(&stream[begin..][body]).to_vec();
            found.push((begin..begin + consumed, message));
            begin += consumed;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::Terminator;

    #[test]
    fn frames_are_found_up_to_what_is_none() {
        let lines = Frames::new(Framing::Terminator(Terminator::Newline), 3);
        assert_eq!(lines.ranges(b"ab\n\nc"), [(0..3, 2), (3..4, 0)]);
        assert!(
            lines.are_all_of(b"ab\n\n") && lines.are_all_of(b"") && !lines.are_all_of(b"ab\nc")
        );
        assert_eq!(lines.without(b"ab\n\nc", 0, 0..1), Some((0..3, b"b\n".to_vec())));
        assert_eq!(lines.without(b"ab\n\nc", 0, 1..9), Some((0..3, b"a\n".to_vec())));
        assert_eq!(lines.without(b"ab\n\nc", 2, 0..1), None);
        assert_eq!(lines.ranges(b"abcd\n"), []);
    }
}
