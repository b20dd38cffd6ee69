//! Reports: events in, text out, whether the events arrive live or from a recording.
//! It refuses to know how a case was run: what it shows comes from [`Event`]s alone.
//!
//! [`Event`]: crate::run::event::Event

mod elapsed;
mod natural;
mod pace;
mod palette;
mod printable;

pub use palette::Palette;
