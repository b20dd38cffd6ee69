use std::ops::Range;

use super::FrameError;

/// Finds where the messages of a stream are.
///
/// A framer gets bytes and gives back positions: it neither reads nor keeps them, so that it can
/// be an object, copies nothing and borrows nothing. Whoever calls it keeps to this:
///
/// 1. `unread` is every byte that has not been consumed. Between two calls it only grows at the
///    back, or loses at the front what the last [`Cut::Frame`] consumed.
/// 2. `end` says that nothing will come behind `unread`; once true it stays so.
///
/// In return a framer promises:
///
/// 3. A frame consumes at least one byte, so that no stream has frames for ever.
/// 4. [`Cut::Need`] never asks for too much: before so many bytes more there is neither a frame nor
///    an error, whatever comes, unless the stream ends.
/// 5. Its limit is part of what it was made with. It is held against what a header announces, and
///    against what has come without an end, before anybody has kept more than that.
/// 6. No byte is scanned twice over the life of a stream, however small the chunks are, but those
///    of a header and the last few before the point that was reached.
/// 7. How the stream was cut into chunks changes neither messages nor errors.
/// 8. The end of the stream within a frame is [`FrameError::Truncated`], between two frames
///    [`Cut::End`].
/// 9. The first error is the last: every later call gives it again.
/// 10. A call with nothing new, after `Need` or `End`, gives the same again and changes nothing.
pub trait Framer {
    /// Finds the first frame of `unread`.
    ///
    /// # Errors
    /// When the bytes are no frame of this framing, a message is larger than the limit, or the
    /// stream ends within a frame. The error's offset counts from the beginning of the stream.
    fn cut(&mut self, unread: &[u8], end: bool) -> Result<Cut, FrameError>;

    /// The message of the frame that was cut last, where `body` is its range of `unread`: the body
    /// itself, or what it stands for.
    fn message<'a>(&'a self, body: &'a [u8]) -> &'a [u8] {
        body
    }

    /// How many bytes it has looked at so far, each as often as it was looked at: what rule 6 is
    /// held against.
    fn examined(&self) -> u64;
}

/// What a framer found at the beginning of the unread bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A whole frame.
    Frame {
        /// How many bytes it takes: they are not given to the framer again.
        consumed: usize,
        /// Where in these its body is.
        body: Range<usize>,
    },
    /// The beginning of a frame, or nothing, and what it is will not be known before so many bytes
    /// more.
    Need(usize),
    /// Nothing, and nothing will come.
    End,
}

impl<F: Framer + ?Sized> Framer for Box<F> {
    fn cut(&mut self, unread: &[u8], end: bool) -> Result<Cut, FrameError> {
        (**self).cut(unread, end)
    }

    fn message<'a>(&'a self, body: &'a [u8]) -> &'a [u8] {
        (**self).message(body)
    }

    fn examined(&self) -> u64 {
        (**self).examined()
    }
}
