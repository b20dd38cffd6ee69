use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::Data;
use crate::framing::{FrameError, Framer, Inbox, Next, encoder, framer};
use crate::vocabulary::{Framing, Outcome, Payload, Pieces};

/// How much is received at once: as much as is kept of what was received as it is.
pub(super) const CHUNK: usize = 4 << 10;

/// The pieces of a message's frame, in the order in which they are sent, or why it has none.
pub(super) fn pieces(
    data: &Payload,
    framing: Framing,
    limit: usize,
    pieces: Pieces,
) -> Result<Vec<Data>, Outcome> {
    let mut frame = Vec::new();
    encoder(framing, limit)
        .encode(&data.bytes(), &mut frame)
        .map_err(|error| Outcome::BadFrame { fault: error.fault(), text: error.to_string() })?;
    Ok(pieces.of(&frame).map(|piece| Data::Bytes(piece.into())).collect())
}

/// What was received of a socket's stream and belongs to frames that nobody has asked for yet. The
/// duplicates of a socket share it, since they share its stream.
#[derive(Clone, Default)]
pub(super) struct Ahead(Rc<RefCell<Option<Stream>>>);

struct Stream {
    framer: Box<dyn Framer + Send>,
    inbox: Inbox,
    is_over: bool,
}

impl Ahead {
    /// Looks for frames from now on, if it does not already.
    pub(super) fn begin(&self, framing: Framing, limit: usize) {
        self.0.borrow_mut().get_or_insert_with(|| Stream {
            framer: framer(framing, limit),
            inbox: Inbox::new(),
            is_over: false,
        });
    }

    /// The next message, or what there is instead; `None` where more has to come first.
    pub(super) fn next(&self, framing: Framing, limit: usize) -> Option<Outcome> {
        self.begin(framing, limit);
        let mut stream = self.0.borrow_mut();
        let stream = stream.as_mut()?;
        match stream.inbox.next(stream.framer.as_mut(), stream.is_over) {
            Ok(Next::Message(message)) => Some(Outcome::data(message)),
            Ok(Next::End) => Some(Outcome::EndOfStream),
            Ok(Next::Need(_)) => None,
            Err(error) => Some(bad(&error)),
        }
    }

    /// Takes in what a receive came to; gives it back where no frame can follow from it.
    pub(super) fn take(&self, outcome: Outcome) -> Option<Outcome> {
        let mut stream = self.0.borrow_mut();
        let Some(stream) = stream.as_mut() else { return Some(outcome) };
        match outcome {
            Outcome::EndOfStream => stream.is_over = true,
            Outcome::Data { bytes, .. } => stream.inbox.push(bytes.head()),
            other => return Some(other),
        }
        None
    }
}

fn bad(error: &FrameError) -> Outcome {
    Outcome::BadFrame { fault: error.fault(), text: error.to_string() }
}

impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unread = self.0.borrow().as_ref().map_or(0, |stream| stream.inbox.unread().len());
        write!(f, "{unread} bytes ahead")
    }
}
