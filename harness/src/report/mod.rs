//! Reports: events in, text out, whether the events arrive live or from a recording.
//! It refuses to know how a case was run: what it shows comes from [`Event`]s alone.
//!
//! [`Event`]: crate::run::event::Event

mod bytes;
#[cfg(test)]
mod captured;
mod diagram;
mod elaborated;
mod elapsed;
mod excerpt;
mod expectations;
mod failure;
mod failures;
mod fault_matrix;
#[cfg(test)]
mod fixture;
mod matrix;
mod natural;
mod pace;
mod packets;
mod palette;
mod printable;
pub mod recording;
mod reporter;
mod rest;
mod review;
mod snapshot;
mod standing;
mod steadiness;
mod summary;
mod tally;
mod terminal;
mod transcript;
mod wire;

pub use bytes::{BYTES_STYLE, BytesDifference};
pub use diagram::{DIAGRAM_STYLE, Diagram};
pub use elaborated::Elaborated;
pub(crate) use elapsed::Thousands;
pub use expectations::Expectations;
pub use fault_matrix::FaultMatrix;
pub use packets::PacketFiles;
pub use palette::Palette;
pub(crate) use printable::{Many, Printable, ShellWord};
pub use reporter::{Reporter, Reporters};
pub use snapshot::accepted_report;
pub use standing::Standing;
pub use tally::{CaseTally, Counts, Tally};
pub use terminal::{Progress, Terminal};
pub use transcript::{CaseTranscript, Transcript};
