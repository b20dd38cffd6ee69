//! Reports: events in, text out, whether the events arrive live or from a recording.
//! It refuses to know how a case was run: what it shows comes from [`Event`]s alone.
//!
//! [`Event`]: crate::run::event::Event

mod elapsed;
#[cfg(test)]
mod fixture;
mod natural;
mod pace;
mod palette;
mod printable;
pub mod recording;
mod reporter;
mod tally;

pub use palette::Palette;
pub use reporter::{Reporter, Reporters};
pub use tally::{CaseTally, Counts, Tally};
