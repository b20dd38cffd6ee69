//! Two runs held against each other, case by case: what changed, as data, and as text for a terminal
//! and for release notes. It refuses to know which of them is right.

mod change;
mod compared;
mod markdown;
#[cfg(test)]
mod tests;
mod text;

pub use change::{Came, CaseChange, Change};
pub use compared::{ChangeGroup, Comparison, RunDifference};
