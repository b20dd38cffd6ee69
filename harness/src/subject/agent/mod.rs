//! What an agent, a program that performs operations on its own sockets, says to the harness: one
//! JSON object a line, and a sans-IO reader of them.
//! It refuses to know how an agent is started and what it is asked.

pub mod laws;
mod message;
mod reader;
mod success;
mod text;

pub use message::{Answer, CallId, Class, Failure, Hello, Message, Thrown};
pub use reader::{Found, ReadError, Reader};
pub use success::Success;
