//! Framing: messages of any length over a stream of bytes, as sans-IO encoders and framers.
//! It refuses to know sockets: bytes come from whoever calls, in whatever chunks they came.

mod announced;
mod ascii_length;
mod base64;
mod binary_length;
mod decoder;
mod encoder;
mod error;
mod escaped;
#[cfg(any(test, feature = "faulty"))]
pub mod faulty;
mod framer;
mod inbox;
pub mod laws;
pub mod naive;
mod named;
mod position;
mod terminator;

pub use announced::{AnnouncedEncoder, AnnouncedFramer};
pub use ascii_length::{AsciiLengthEncoder, AsciiLengthFramer};
pub use base64::{Base64Encoder, Base64Framer};
pub use binary_length::{BinaryLengthEncoder, BinaryLengthFramer};
pub use decoder::{Decoder, Framed, Refusal};
pub use encoder::{EncodeError, Encoder};
pub use error::{Base64Fault, FrameError};
pub use escaped::{ESCAPE, EscapedEncoder, EscapedFramer};
pub use framer::{Cut, Framer};
pub use inbox::{DriveError, Inbox, Next, drive};
pub use named::{encoder, framer};
pub use terminator::{TerminatorEncoder, TerminatorFramer};
