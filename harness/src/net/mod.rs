//! Networks: hosts as network namespaces of this process, the links between them, what is captured
//! on these and what is done to them. It refuses to know what scenarios make of them.

mod address;
mod channel;
mod error;
mod filter;
mod host;
mod lease;
mod message;
mod namespace;
#[expect(clippy::module_inception, reason = "the file is named after its noun, like every other")]
mod net;
mod network;
mod nftables;
mod numbering;
mod pool;
mod refused;
mod shape;
mod sieve;
mod tap;
mod turns;
mod uninterrupted;
mod wiring;

pub use address::{HostAddresses, LinkAddress};
pub use error::NetError;
pub use filter::{DropRule, FilterError, RuleId};
pub use lease::Lease;
pub use net::Net;
pub use pool::Made;
pub use refused::Refused;
pub use shape::Shape;
