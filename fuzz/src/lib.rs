//! What each fuzz target checks, as plain functions over bytes: the targets call them with what
//! the fuzzer makes up, the tests with every input that is kept.

mod agent;
mod inputs;
mod packet;
mod pcapng;
mod scenario;
mod targets;

pub use agent::agent;
pub use inputs::{Input, inputs};
pub use packet::packet;
pub use pcapng::pcapng;
pub use scenario::scenario;
pub use targets::{TARGETS, Target};
