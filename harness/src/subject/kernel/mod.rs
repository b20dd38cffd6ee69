//! The kernel this process runs on, through socket2 and nix, in process.
//! It refuses to know cases beyond the one operation at hand.

mod alarm;
mod bound;
mod breaker;
mod call;
mod epoll;
mod errno;
mod frames;
mod generated;
mod message;
mod option;
mod session;
mod signal;
mod started;
mod subject;
mod syscall;

pub(in crate::subject) use call::may_block;
pub(in crate::subject) use session::{KernelSession, Names, sockaddr};
pub use subject::KernelSubject;
