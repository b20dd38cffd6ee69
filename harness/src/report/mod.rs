//! Reports: events in, text out, whether the events arrive live or from a recording.
//! It refuses to know how a case was run: what it shows comes from [`Event`]s alone.
//!
//! [`Event`]: crate::run::event::Event

mod account;
mod bytes;
#[cfg(test)]
mod captured;
mod comparison;
mod concern;
mod departures;
mod diagram;
mod distribution;
mod elaborated;
mod elapsed;
mod excerpt;
mod expectations;
mod failure;
mod failures;
mod fault_matrix;
mod findings;
#[cfg(test)]
mod fixture;
mod github;
mod histogram;
#[cfg(test)]
mod hostile;
mod junit;
mod markdown;
mod matrix;
mod matrix_page;
mod merge;
mod natural;
mod pace;
mod packets;
mod page;
mod palette;
mod printable;
mod prose;
pub mod recording;
mod remedy;
mod reporter;
mod rest;
mod review;
mod schema;
mod snapshot;
mod standing;
mod status;
mod steadiness;
mod subject_table;
mod summary;
mod tally;
mod tap;
mod terminal;
mod timers;
mod transcript;
mod wire;

pub use bytes::{BYTES_STYLE, BytesDifference};
pub use comparison::{Came, CaseChange, Change, ChangeGroup, Comparison, RunDifference};
pub use diagram::{DIAGRAM_STYLE, Diagram};
pub use elaborated::Elaborated;
pub(crate) use elapsed::{Elapsed, Thousands};
pub use expectations::{
    AcceptError, Acceptance, Accepted, Circumstances, Expectations, Finding, Recorded,
};
pub use fault_matrix::FaultMatrix;
pub use github::annotations;
pub use junit::junit;
pub use markdown::markdown;
pub use matrix_page::matrix;
pub use merge::{MergeError, Merged, Part, merge};
pub use packets::PacketFiles;
pub use page::{comparison, page};
pub use palette::Palette;
pub(crate) use printable::{Many, Printable, ShellWord};
pub use reporter::{Reporter, Reporters};
pub use review::MendedEntries;
pub use schema::recording_schema;
pub use snapshot::accepted_report;
pub use standing::Standing;
pub use status::StatusLevel;
pub use subject_table::{SubjectRun, SubjectTable, SubjectTotal};
pub use tally::{CaseTally, Counts, Tally};
pub use tap::tap;
pub use terminal::{Progress, Screen, Terminal};
pub use transcript::{CaseTranscript, Transcript};
