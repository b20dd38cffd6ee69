//! Sending and receiving whole frames.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::socket::{MsgFlags, recv, send};

use super::bound::Bound;
use super::call::{Target, Timed, timed};
use super::message::{failure, send_flags, with_scratch};
use crate::framing::{Framer, Inbox, Next, encoder, framer};
use crate::vocabulary::{Framing, MessageFlags, Outcome, Payload, Pieces, SocketOption};

/// How much is received at once.
pub(super) const CHUNK: usize = 16 << 10;

/// How messages are told apart, and how long each may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    pub(super) framing: Framing,
    pub(super) limit: usize,
}

/// What was received of a socket's stream and belongs to frames that nobody has asked for yet. The
/// duplicates of a socket share it, since they share its stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead(Arc<Mutex<Option<Reader>>>);

/// Looks for frames in what comes, from the first one that is asked for.
struct Reader {
    framer: Box<dyn Framer + Send>,
    inbox: Inbox,
    /// Whether the stream is over.
    is_over: bool,
}

impl Reader {
    fn new(format: Format) -> Self {
        let framer = framer(format.framing, format.limit);
        Self { framer, inbox: Inbox::new(), is_over: false }
    }

    /// The next message, or what there is instead; `None` where more has to come first.
    fn next(&mut self) -> Option<Outcome> {
        match self.inbox.next(self.framer.as_mut(), self.is_over) {
            Ok(Next::Message(message)) => Some(Outcome::data(message)),
            Ok(Next::End) => Some(Outcome::EndOfStream),
            Ok(Next::Need(_)) => None,
            Err(error) => Some(Outcome::BadFrame { fault: error.fault(), text: error.to_string() }),
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inbox, is_over, .. } = self;
        write!(f, "{} bytes, {is_over}", inbox.unread().len())
    }
}

/// Sends a message as one frame, however often a call takes a part of it only.
pub(super) fn send_frame(
    target: Target,
    data: &Payload,
    format: Format,
    pieces: Pieces,
    flags: MessageFlags,
    bound: &Bound<'_>,
) -> Timed<Outcome> {
    let mut frame = Vec::new();
    match encoder(format.framing, format.limit).encode(&data.bytes(), &mut frame) {
        Ok(()) => send_all(target, pieces.of(&frame), flags, bound),
        Err(error) => timed(|| Outcome::BadFrame { fault: error.fault(), text: error.to_string() }),
    }
}

/// Sends pieces, each by a call of its own, and by more where one takes a part of it only.
pub(super) fn send_all<'a>(
    target: Target,
    pieces: impl Iterator<Item = &'a [u8]>,
    flags: MessageFlags,
    bound: &Bound<'_>,
) -> Timed<Outcome> {
    let raw = send_flags(flags) | MsgFlags::MSG_NOSIGNAL;
    timed(|| {
        for piece in pieces {
            let mut rest = piece;
            while !rest.is_empty() {
                // A call that the deadline broke in its midst gives what it had done so far.
                if bound.is_over() {
                    return Outcome::Blocked;
                }
                match bound.patiently(|| send(target.fd, rest, raw)) {
                    Ok(count) => rest = &rest[count..],
                    Err(stop) => return failure(target.fd, stop, true, SocketOption::SendTimeout),
                }
            }
        }
        Outcome::Ok
    })
}

/// Receives until a whole frame is there.
pub(super) fn receive_frame(
    target: Target,
    format: Format,
    ahead: Option<&Ahead>,
    bound: &Bound<'_>,
) -> Timed<Outcome> {
    with_scratch(CHUNK, |buffer| {
        timed(|| {
            let ahead = ahead.cloned().unwrap_or_default();
            // The language lets no two calls wait for frames of one socket.
            let mut reader = ahead.0.lock().unwrap_or_else(PoisonError::into_inner);
            let reader = reader.get_or_insert_with(|| Reader::new(format));
            loop {
                if let Some(outcome) = reader.next() {
                    return outcome;
                }
                // A sender that never stops never lets a receive wait, and so be broken.
                if bound.is_over() {
                    return Outcome::Blocked;
                }
                match bound.patiently(|| recv(target.fd, buffer, MsgFlags::empty())) {
                    Ok(0) => reader.is_over = true,
                    Ok(count) => reader.inbox.push(&buffer[..count]),
                    Err(stop) => {
                        return failure(target.fd, stop, true, SocketOption::ReceiveTimeout);
                    }
                }
            }
        })
    })
}
