//! From recordings to an expectations file: which cases its entries have to speak of, in few patterns,
//! and the file edited so. It refuses to know files on a disk.

mod accepted;
mod cover;
mod decision;
mod edit;
mod error;
mod fewest;
mod happening;
mod recorded;
mod rows;
mod seen;
#[cfg(test)]
mod tests;

pub use accepted::{Acceptance, Accepted};
pub use error::AcceptError;
pub use recorded::Recorded;
