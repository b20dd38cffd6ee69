//! Decoders that are programs of their own, spoken to in lines on their standard input and output.
//! It refuses to know what a decoder must do: it asks, and tells what was answered.
//!
//! # The protocol
//!
//! `sockspec-decoder 1`, followed by a name if it likes, is the first line of the program. From
//! then on it only answers. Lines are ASCII and end with a line feed; bytes are in hexadecimal.
//!
//! | asked | means | answered with |
//! |---|---|---|
//! | `new` | a stream begins; forget the one before | `more` |
//! | `chunk HEX` | the next bytes of the stream; they can be none | a `frame HEX` for each message that they complete, then `more` or a refusal |
//! | `end` | nothing will follow | a `frame HEX` for each message that the end completes, then `end` or a refusal |
//!
//! A refusal is `error TEXT`, or, where the decoder tells what is wrong, `truncated TEXT`,
//! `too-long TEXT` or `malformed TEXT`. What is asked of a stream after a refusal must be refused
//! again. The words that end an answer differ so that one too many cannot go unnoticed.
//!
//! The page for those who write such a program is `harness/decoders/README.md`.

mod answer;
mod mishap;
mod process;
mod session;

pub use mishap::{Mishap, MishapKind, StartError};
pub use session::{Exchanges, Program, Session, Stream};
