//! The wire: captured frames decoded into packets, and written as pcapng files.
//! It refuses to know who captured them.

mod frame;

pub use frame::{Capture, Frame};
