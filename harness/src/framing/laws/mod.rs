//! What always holds of framers, of decoders of any kind and of encoders: plain functions that fuzz
//! targets, property tests and the replay of corpora all call, with a codec of one's own as well.
//!
//! A law is broken by one stream and one way to cut it, which [`Broken`] tells for a person to read.
//! Streams come from a fuzzer, whose bytes [`Script`] takes apart, or from [`Streams`], which makes
//! them up by a seed. How one's own framer is tested:
//!
//! ```
//! use sockspec::framing::laws::{Law, Script, Streams, hold, unmetered};
//! use sockspec::framing::{Cut, FrameError, Framer, TerminatorFramer};
//! use sockspec::vocabulary::{Framing, Terminator};
//!
//! /// Finds lines, but takes what is left at the end of the stream for one.
//! struct Lenient(TerminatorFramer);
//!
//! impl Framer for Lenient {
//!     fn cut(&mut self, unread: &[u8], end: bool) -> Result<Cut, FrameError> {
//!         match self.0.cut(unread, false)? {
//!             Cut::Need(_) if end && unread.is_empty() => Ok(Cut::End),
//!             Cut::Need(_) if end => {
//!                 Ok(Cut::Frame { consumed: unread.len(), body: 0..unread.len() })
//!             }
//!             other => Ok(other),
//!         }
//!     }
//!
//!     fn examined(&self) -> u64 {
//!         self.0.examined()
//!     }
//! }
//!
//! let framing = Framing::Terminator(Terminator::Newline);
//! let right = |limit| TerminatorFramer::new(b'\n', limit);
//! let wrong = |limit| Lenient(TerminatorFramer::new(b'\n', limit));
//!
//! // One stream that is known, with a limit of 8 bytes, in chunks of 3 and 1.
//! assert_eq!(hold(framing, right, &Script::new(b"ab\ncd", 8, &[3, 1]), &unmetered), Ok(()));
//!
//! // Many that are made up.
//! let mut streams = Streams::new(framing, 1).take(200);
//! let broken = streams.find_map(|made| hold(framing, wrong, &made.script(), &unmetered).err());
//! assert_eq!(broken.expect("it is found").law, Law::Truncation);
//! ```

mod broken;
mod chunks;
mod cutting;
mod decoding;
mod encoding;
mod hold;
mod keeping;
mod script;
mod streams;

pub use broken::{Broken, Law};
pub use chunks::Chunks;
pub use cutting::{framer, memory};
pub use decoding::{
    chunks, conservation, cut, decoder, model, read, round_trip, stalls, sticky, truncation,
};
pub use encoding::encoder;
pub use hold::{Meter, hold, unmetered};
pub use keeping::{Keeper, keeper};
pub use script::Script;
pub use streams::{Made, Streams};
