//! Networks: hosts as network namespaces of this process, the links between them, what is captured
//! on these and what is done to them. It refuses to know scenarios.

mod address;
mod shape;

pub use address::{HostAddresses, LinkAddress};
pub use shape::Shape;
