//! Agents: programs that perform operations on sockets of their own, which so become a subject. What
//! they are asked and what they say is one JSON object a line, as `harness/agents/README.md` lays down.
//! It refuses to know what operations are for.

mod asked;
pub mod check;
mod frames;
pub mod laws;
mod manifest;
mod message;
mod needs;
mod offers;
mod placed;
mod pool;
mod process;
mod reader;
mod request;
mod schema;
mod serve;
mod session;
mod subject;
mod success;
mod text;
mod value;

pub use manifest::{Manifest, ManifestError, Packages, Placement};
pub use message::{Answer, CallId, Class, Failure, Hello, Message, Thrown};
pub use offers::Offers;
pub use process::{Mishap, StartError};
pub use reader::{Found, ReadError, Reader};
pub use request::{Call, Halves, Request};
pub use schema::agent_schema;
pub use serve::serve;
pub use subject::{AgentSubject, Start};
pub use success::{Digest, Success};
pub use value::{Data, Value};
