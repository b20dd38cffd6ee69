use super::error::Shown;
use crate::vocabulary::FrameFault;

/// Writes messages so that a framer of the same framing finds them again.
pub trait Encoder {
    /// Writes a message behind what `into` holds.
    ///
    /// # Errors
    /// When the message is larger than the limit, or the framing has no way to write it; `into` is
    /// then as it was.
    fn encode(&self, message: &[u8], into: &mut Vec<u8>) -> Result<(), EncodeError>;
}

/// A message that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// It is larger than the limit.
    #[error("the message has {length} bytes, more than the limit of {limit}")]
    TooLong {
        /// How many bytes it has.
        length: u64,
        /// How many it may have.
        limit: u64,
    },
    /// It is larger than the header can say.
    #[error("the message has {length} bytes, more than the {largest} that its header can say")]
    TooLongForHeader {
        /// How many bytes it has.
        length: u64,
        /// The largest number that the header can hold.
        largest: u64,
    },
    /// It holds the terminator.
    #[error("byte {at} of the message is the terminator {}", Shown(*terminator))]
    HoldsTerminator {
        /// Where it is in the message, from 0.
        at: u64,
        /// The terminator.
        terminator: u8,
    },
    /// It holds every byte there is, so that none is left to announce.
    #[error("the message holds each of the 256 bytes, so that none can be its terminator")]
    HoldsEveryByte,
}

impl EncodeError {
    /// What is wrong, as a scenario says it.
    pub const fn fault(&self) -> FrameFault {
        match self {
            Self::TooLong { .. } => FrameFault::TooLong,
            Self::TooLongForHeader { .. } | Self::HoldsTerminator { .. } | Self::HoldsEveryByte => {
                FrameFault::Unencodable
            }
        }
    }
}

/// Holds a message against the limit.
pub(super) const fn within(message: &[u8], limit: usize) -> Result<(), EncodeError> {
    if message.len() > limit {
        let (length, limit) = (message.len() as u64, limit as u64);
        return Err(EncodeError::TooLong { length, limit });
    }
    Ok(())
}

impl<E: Encoder + ?Sized> Encoder for Box<E> {
    fn encode(&self, message: &[u8], into: &mut Vec<u8>) -> Result<(), EncodeError> {
        (**self).encode(message, into)
    }
}
