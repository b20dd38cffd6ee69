use std::fmt;

use crate::vocabulary::FrameFault;

/// The bytes of a stream are no frames. Offsets count from the beginning of the stream, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The stream ended within a frame.
    #[error("the stream ended within the frame at byte {offset}, of which {held} bytes had come")]
    Truncated {
        /// Where the frame begins.
        offset: u64,
        /// How many bytes of it there were.
        held: u64,
    },
    /// A message is larger than the limit.
    #[error("the frame at byte {offset} {}", larger(*limit, *announced))]
    TooLong {
        /// Where the frame begins.
        offset: u64,
        /// How many bytes a message may have.
        limit: u64,
        /// How many its header announces, at most 2^64-1; `None` where the limit passed without
        /// the frame's end.
        announced: Option<u64>,
    },
    /// A byte of a decimal length cannot stand there.
    #[error("byte {offset} of the stream is {} in a decimal length", Shown(*found))]
    BadLength {
        /// Where it is.
        offset: u64,
        /// The byte.
        found: u8,
    },
    /// A byte behind an escape needs none.
    #[error("byte {offset} of the stream is {} behind an escape", Shown(*found))]
    BadEscape {
        /// Where the byte behind the escape is.
        offset: u64,
        /// The byte.
        found: u8,
    },
    /// A body is not what an encoder of base64 writes (RFC 4648 §4).
    #[error("byte {offset} of the stream: {fault}")]
    BadBase64 {
        /// Where the first wrong character is; for a wrong length, where the body begins.
        offset: u64,
        /// What is wrong there.
        fault: Base64Fault,
    },
}

/// Why a body is not base64 in its one canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base64Fault {
    /// So many characters, which is no multiple of four.
    Length(u64),
    /// A character outside the alphabet.
    Character(u8),
    /// A last character whose unused bits are not 0.
    UnusedBits(u8),
    /// Padding where there must be none.
    Padding,
}

impl FrameError {
    /// What is wrong, as a scenario says it.
    pub const fn fault(&self) -> FrameFault {
        match self {
            Self::Truncated { .. } => FrameFault::Truncated,
            Self::TooLong { .. } => FrameFault::TooLong,
            Self::BadLength { .. } | Self::BadEscape { .. } | Self::BadBase64 { .. } => {
                FrameFault::Malformed
            }
        }
    }
}

fn larger(limit: u64, announced: Option<u64>) -> String {
    match announced {
        Some(announced) => format!("announces {announced} bytes, more than the limit of {limit}"),
        None => format!("has no end within the limit of {limit} bytes"),
    }
}

impl fmt::Display for Base64Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => {
                write!(f, "{length} characters of base64, which is no multiple of four")
            }
            Self::Character(found) => write!(f, "{} is no character of base64", Shown(*found)),
            Self::UnusedBits(found) => {
                write!(f, "the unused bits of the last character {} are not 0", Shown(*found))
            }
            Self::Padding => f.write_str("padding of base64 where there must be none"),
        }
    }
}

/// A byte as a person reads it.
pub(super) struct Shown(pub(super) u8);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'!'..=b'~' => write!(f, "0x{:02x} ({})", self.0, char::from(self.0)),
            other => write!(f, "0x{other:02x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_the_place_the_limit_and_what_was_found() {
        let told = |error: FrameError| error.to_string();
        assert_eq!(
            told(FrameError::TooLong { offset: 9, limit: 64, announced: Some(4_294_967_295) }),
            "the frame at byte 9 announces 4294967295 bytes, more than the limit of 64"
        );
        assert_eq!(
            told(FrameError::TooLong { offset: 0, limit: 64, announced: None }),
            "the frame at byte 0 has no end within the limit of 64 bytes"
        );
        assert_eq!(
            told(FrameError::BadLength { offset: 3, found: b'+' }),
            "byte 3 of the stream is 0x2b (+) in a decimal length"
        );
        assert_eq!(
            told(FrameError::BadEscape { offset: 3, found: 7 }),
            "byte 3 of the stream is 0x07 behind an escape"
        );
        assert_eq!(
            told(FrameError::BadBase64 { offset: 3, fault: Base64Fault::Length(5) }),
            "byte 3 of the stream: 5 characters of base64, which is no multiple of four"
        );
    }
}
