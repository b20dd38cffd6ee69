//! The words of the field as types: what can be asked of a socket and what can come of it.
//! It refuses to know how anything runs: no system call, no clock, no file.

mod address;
mod capability;
mod date;
mod errno;
mod framing;
mod id;
mod level;
mod op;
mod option;
mod outcome;
mod packet;
mod payload;
mod peer;
mod published;
mod reach;
mod readiness;
mod received;
mod topology;
mod transport;
mod verb;

pub use address::{Address, Endpoint, Place, Port};
pub use capability::Capability;
pub use date::{Date, NoDate};
pub use errno::Errno;
pub use framing::{ByteOrder, FrameFault, Framing, Padding, Terminator, UnknownFraming, Width};
pub use id::{ActorId, CaseId, PortId, ScenarioId, SocketId, TagId};
pub use level::Level;
pub use op::{How, MessageFlags, Op, Pieces, Poller};
pub use option::{OptionKind, OptionValue, SocketOption, TcpState};
pub use outcome::{Outcome, Signal};
pub use packet::PacketKind;
pub use payload::Payload;
pub(crate) use payload::split_mix;
pub use peer::Peer;
pub(crate) use published::published;
pub use reach::Reach;
pub use readiness::Readiness;
pub use received::Received;
pub use topology::Topology;
pub use transport::Transport;
pub use verb::Verb;
