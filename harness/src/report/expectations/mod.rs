//! Expectations files: what a subject is known to do otherwise than the scenarios say, with the
//! reason. It refuses to know what came of a run: that is weighed from its events.

mod accept;
mod audit;
mod bounds;
mod conditions;
mod entry;
mod file;
mod mistake;
mod origin;
mod reader;
#[cfg(test)]
mod tests;

pub use accept::{AcceptError, Acceptance, Accepted, Recorded};
pub use audit::Finding;
pub use conditions::Circumstances;
pub use file::Expectations;
