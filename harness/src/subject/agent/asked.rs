use socket2::SockAddr;

use super::request::{Call, Halves};
use super::value::Value;
use crate::subject::SubjectError;
use crate::subject::kernel::{Names, sockaddr};
use crate::vocabulary::{
    ActorId, Address, Endpoint, How, MessageFlags, Op, OptionValue, Payload, Place, Port, SocketId,
    Transport,
};

/// A call that was asked for, as an operation whose address and device stand beside it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) op: Op,
    address: Option<Endpoint>,
    device: Option<String>,
}

/// What stands in an operation for the address beside it.
const BESIDE: Address = Address { place: Place::Any, port: Port::Unspecified };

impl Asked {
    /// What a call asks for.
    ///
    /// # Errors
    /// Why it is no operation.
    pub(super) fn of(call: Call) -> Result<Self, String> {
        let (mut address, mut device) = (None, None);
        let socket = SocketId::new;
        let op = match call {
            Call::Open { socket: at, transport } => Op::Open { socket: socket(at), transport },
            Call::Bind { socket: at, address: to } => {
                address = Some(to);
                Op::Bind { socket: socket(at), open: None, address: BESIDE }
            }
            Call::Listen { socket: at, backlog } => Op::Listen { socket: socket(at), backlog },
            Call::Connect { socket: at, address: to } => {
                address = Some(to);
                Op::Connect { socket: socket(at), address: BESIDE }
            }
            Call::Accept { socket: at, connection } => {
                Op::Accept { listener: socket(at), socket: socket(connection) }
            }
            Call::Send { socket: at, data, flags, to } => {
                let is_named = to.is_some();
                address = to;
                let flags = set(&flags, &MessageFlags::SEND_WORDS)?;
                let data = Payload::from(data);
                Op::Send { socket: socket(at), data, flags, to: is_named.then_some(BESIDE) }
            }
            Call::SendAll { socket: at, pieces, flags } => {
                let flags = set(&flags, &MessageFlags::SEND_WORDS)?;
                let pieces = pieces.into_iter().map(Payload::from).collect();
                Op::SendAll { socket: socket(at), pieces, flags }
            }
            Call::Write { socket: at, data } => {
                Op::Write { socket: socket(at), data: Payload::from(data) }
            }
            Call::Recv { socket: at, size, flags, from } => {
                let flags = set(&flags, &MessageFlags::RECEIVE_WORDS)?;
                Op::Receive { socket: socket(at), limit: size, flags, source: from }
            }
            Call::Read { socket: at, size } => Op::Read { socket: socket(at), limit: size },
            Call::Shutdown { socket: at, how } => {
                let how = match how {
                    Halves::Read => How::Read,
                    Halves::Write => How::Write,
                    Halves::Both => How::Both,
                    Halves::Number(number) => How::Number(number),
                };
                Op::Shutdown { socket: socket(at), how }
            }
            Call::Close { socket: at } => Op::Close { socket: socket(at) },
            Call::Dup { socket: at, duplicate } => {
                Op::Dup { socket: socket(at), duplicate: socket(duplicate) }
            }
            Call::Setopt { socket: at, option, value, length } => {
                let value = match value {
                    Value::Device(name) => {
                        device = Some(name);
                        let actor = ActorId::new(0);
                        OptionValue::Device { actor, neighbour: actor }
                    }
                    other => other.value().ok_or("this value cannot be set")?,
                };
                Op::SetOption { socket: socket(at), option, value, length }
            }
            Call::Getopt { socket: at, option } => Op::GetOption { socket: socket(at), option },
            Call::Poll { socket: at, by, interest, timeout } => {
                Op::Poll { socket: socket(at), interest, by, timeout }
            }
            Call::Nonblocking { socket: at, on } => Op::Nonblocking { socket: socket(at), on },
            Call::Getsockname { socket: at } => Op::Name { socket: socket(at) },
            Call::Getpeername { socket: at } => Op::PeerName { socket: socket(at) },
            Call::Fill { socket: at, seed } => Op::Fill { socket: socket(at), seed },
            Call::Drain { socket: at } => Op::Drain { socket: socket(at) },
            Call::Interrupt { .. } => return Err("a signal is no operation".to_owned()),
        };
        Ok(Self { op, address, device })
    }
}

/// The set of flags that words name.
fn set(words: &[String], known: &[(MessageFlags, &str)]) -> Result<MessageFlags, String> {
    words.iter().try_fold(MessageFlags::NONE, |all, word| {
        let flag = known.iter().find(|(_, name)| name == word);
        flag.map(|(flag, _)| all | *flag).ok_or_else(|| format!("there is no flag `{word}`"))
    })
}

impl Names for Asked {
    fn host(&self) -> usize {
        0
    }

    fn address(&self, _: &Op, _: Transport) -> Result<Option<SockAddr>, SubjectError> {
        Ok(self.address.as_ref().map(sockaddr).transpose()?.flatten())
    }

    fn device(&self, _: &Op) -> Result<String, SubjectError> {
        self.device.clone().ok_or(SubjectError::NoLinks)
    }
}
