//! Subjects with one planted fault each, of the kind that real stacks, runtimes, sandboxes and
//! proxies had: what shows that the suite notices.
//! They refuse to know scenarios: a fault changes calls, outcomes and packets, whoever asks.

mod broadcast;
mod call;
mod cumulative;
mod datagram;
mod error;
mod facts;
mod fault;
mod framing;
mod half_close;
mod kind;
mod readiness;
mod session;
mod stream;
mod subject;
mod timeout;
mod wire;

pub use fault::Fault;
pub use subject::FaultySubject;
