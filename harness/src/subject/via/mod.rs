//! A proxy in the middle: another subject whose actors connect to each other through a program that
//! passes their connections on, one instance of it for each case.
//! It refuses to know whether what came through is right.

mod folder;
mod gateway;
mod listening;
mod manifest;
mod proxy;
mod route;
mod session;
mod start;
mod subject;
mod words;

pub use manifest::{Placement, ProxyManifest, ProxyManifestError};
pub use proxy::ProxyError;
pub use start::ProxyStart;
pub use subject::ViaSubject;
pub use words::{Lack, lacking};
