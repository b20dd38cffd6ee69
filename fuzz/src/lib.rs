//! What each fuzz target checks, as plain functions over bytes: the targets call them with what
//! the fuzzer makes up, the tests with every input that is kept.

mod agent;
mod any_delimiter_codec;
mod framing;
mod inputs;
mod length_delimited_codec;
mod lines_codec;
mod packet;
mod pcapng;
mod peers;
#[cfg(feature = "faulty")]
mod power;
mod python_base64;
#[cfg(feature = "rate")]
mod rate;
mod round_trip;
mod scenario;
mod splitting;
mod targets;

pub use agent::agent;
pub use any_delimiter_codec::any_delimiter_codec;
pub use framing::{announced, ascii_length, base64, binary_length, escaped, terminator};
pub use inputs::{Input, inputs};
pub use length_delimited_codec::length_delimited_codec;
pub use lines_codec::lines_codec;
pub use packet::packet;
pub use pcapng::pcapng;
#[cfg(feature = "faulty")]
pub use power::{choose_mutant, power};
pub use python_base64::{python, python_base64};
#[cfg(feature = "rate")]
pub use rate::{choose_work, rate};
pub use round_trip::round_trip;
pub use scenario::scenario;
pub use splitting::splitting;
pub use targets::{TARGETS, Target};
