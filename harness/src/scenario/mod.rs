//! The scenario language: from text to cases, and back to canonical text.
//! It refuses to know sockets, clocks and threads.

pub mod case;

pub use case::{
    Action, Alternative, Before, Case, Expectation, Expected, Place, Scenario, SocketName, Step,
    Variant, WireFact, WireStep,
};
