//! The wire: captured frames decoded into packets, and written as pcapng files; what always holds of
//! both.
//! It refuses to know who captured them.

mod decode;
mod frame;
mod icmp;
pub mod laws;
mod packet;
mod pcapng;
#[cfg(test)]
#[path = "../../tests/program/skip.rs"]
pub(crate) mod skip;

pub use frame::{Capture, Frame};
pub use icmp::{IcmpError, IcmpVersion, Quoted};
pub use packet::{Content, Datagram, Flags, Packet, Segment};
pub use pcapng::Pcapng;
