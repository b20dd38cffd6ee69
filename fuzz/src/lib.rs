//! What each fuzz target checks, as plain functions over bytes: the targets call them with what
//! the fuzzer makes up, the tests with every corpus file.

mod scenario;

pub use scenario::scenario;
