//! What an agent must be able to do, as exchanges that are tried with it one by one.
//! It refuses to know scenarios: what sockets do is not judged here, only whether the agent tells it.

mod calls;
mod datagrams;
mod ends;
mod exchange;
mod greeting;
mod options;
mod passed_on;
mod probe;
mod streams;
mod waiting;

pub use exchange::{Checked, Exchange, check};
