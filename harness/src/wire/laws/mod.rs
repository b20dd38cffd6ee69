//! What always holds of decoding frames and of writing pcapng files: plain functions that the fuzz
//! targets, the tests and the replay of the corpora all call.

mod blocks;
mod decoding;
mod writing;

#[cfg(test)]
pub(super) use blocks::Block;
pub use decoding::decoding;
pub use writing::writing;
