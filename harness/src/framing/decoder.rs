use super::{FrameError, Framer, Inbox};
use crate::vocabulary::FrameFault;

/// Anything that takes a stream chunk by chunk and gives the messages in it: a framer with its
/// inbox, another library's codec, another program.
///
/// This is what can be asked of a decoder from outside: which messages, then which end.
pub trait Decoder {
    /// Takes the next chunk, which may be empty, and puts the messages that it completes behind
    /// `messages`. `end` says that no chunk will follow.
    ///
    /// # Errors
    /// When the bytes so far are no messages; those before the first wrong one are among `messages`.
    fn decode(
        &mut self,
        chunk: &[u8],
        end: bool,
        messages: &mut Vec<Vec<u8>>,
    ) -> Result<(), Refusal>;
}

/// That a decoder gives no more messages, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// The kind of what is wrong, where the decoder tells it.
    pub fault: Option<FrameFault>,
    /// What the decoder says, for a person to read.
    pub text: String,
}

impl From<FrameError> for Refusal {
    fn from(error: FrameError) -> Self {
        Self { fault: Some(error.fault()), text: error.to_string() }
    }
}

/// A framer with its inbox, as a decoder.
#[derive(Clone, Debug)]
pub struct Framed<F> {
    framer: F,
    inbox: Inbox,
}

impl<F: Framer> Framed<F> {
    /// At the beginning of a stream.
    pub const fn new(framer: F) -> Self {
        Self { framer, inbox: Inbox::new() }
    }

    /// What came and was not consumed.
    pub const fn inbox(&self) -> &Inbox {
        &self.inbox
    }
}

impl<F: Framer> Decoder for Framed<F> {
    fn decode(
        &mut self,
        chunk: &[u8],
        end: bool,
        messages: &mut Vec<Vec<u8>>,
    ) -> Result<(), Refusal> {
        self.inbox.feed(&mut self.framer, chunk, end, |message| messages.push(message.to_vec()))?;
        Ok(())
    }
}

impl<D: Decoder + ?Sized> Decoder for Box<D> {
    fn decode(
        &mut self,
        chunk: &[u8],
        end: bool,
        messages: &mut Vec<Vec<u8>>,
    ) -> Result<(), Refusal> {
        (**self).decode(chunk, end, messages)
    }
}
