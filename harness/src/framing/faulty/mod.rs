//! Codecs with planted defects: decoders and encoders of every framing, each wrong in one way in
//! which real ones were. They prove that the laws can fail, and that fuzzing finds what they say.
//!
//! They share no code with the framers that are meant to be right, which have no switch for any of
//! this. Without a defect each of them holds every law, so that what a mutant is found by is its
//! defect. No release build contains them: they are there for tests, and for fuzzing with the feature
//! `faulty`.

mod announced;
mod ascii_length;
mod base64;
mod binary_length;
mod defect;
mod encoder;
mod escaped;
mod inbox;
mod mutant;
mod search;
mod shell;
mod terminator;

pub use announced::AnnouncedDefect;
pub use ascii_length::AsciiLengthDefect;
pub use base64::Base64Defect;
pub use binary_length::BinaryLengthDefect;
pub use defect::{Defect, Mutant, all};
pub use encoder::EncoderDefect;
pub use escaped::EscapedDefect;
pub use inbox::InboxDefect;
pub use mutant::{Part, hold};
pub use shell::ShellDefect;
pub use terminator::TerminatorDefect;
