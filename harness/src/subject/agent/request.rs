use std::slice;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CallId, Data, Value};
use crate::vocabulary::{Endpoint, Poller, Readiness, SocketOption, Transport};

/// One message to an agent.
///
/// ```text
/// {"kind":"welcome","version":1}
/// {"kind":"call","id":7,"limit":2000000000,"verb":"recv","socket":0,"size":16,"flags":[],"from":false}
/// {"kind":"cancel","call":7}
/// {"kind":"reset","id":8}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Request {
    /// Which version of the protocol is spoken from now on.
    Welcome {
        /// One of those that were offered.
        version: u32,
    },
    /// Something to perform.
    Call {
        /// Its identity.
        id: CallId,
        /// How long it may take; without a limit until it is cancelled.
        #[serde(with = "nanoseconds")]
        #[schemars(with = "Option<u64>")]
        limit: Option<Duration>,
        /// What.
        #[serde(flatten)]
        call: Call,
    },
    /// A pending call is to end now.
    Cancel {
        /// Which.
        call: CallId,
    },
    /// A scenario is over: nothing of it is to be left.
    Reset {
        /// Its identity.
        id: CallId,
    },
}

impl Request {
    /// The request as its line, with the line break.
    ///
    /// # Panics
    /// Never: every request has a line.
    pub fn line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("its keys are text, its numbers finite");
        line.push('\n');
        line
    }
}

/// Something that an agent performs on one of its sockets, which have numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verb", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of `Op`, under the names of the man pages")]
pub enum Call {
    /// socket(2).
    Open { socket: usize, transport: Transport },
    /// bind(2).
    Bind { socket: usize, address: Endpoint },
    /// listen(2).
    Listen { socket: usize, backlog: i32 },
    /// connect(2).
    Connect { socket: usize, address: Endpoint },
    /// accept(2).
    Accept {
        socket: usize,
        #[serde(rename = "as")]
        connection: usize,
    },
    /// send(2), or sendto(2).
    Send {
        socket: usize,
        data: Data,
        flags: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Endpoint>,
    },
    /// send(2) of each piece, as often as a call takes a part of it only.
    #[serde(rename = "sendall")]
    SendAll { socket: usize, pieces: Vec<Data>, flags: Vec<String> },
    /// write(2).
    Write { socket: usize, data: Data },
    /// recv(2), or recvfrom(2).
    Recv { socket: usize, size: usize, flags: Vec<String>, from: bool },
    /// read(2).
    Read { socket: usize, size: usize },
    /// shutdown(2).
    Shutdown { socket: usize, how: Halves },
    /// close(2).
    Close { socket: usize },
    /// dup(2).
    Dup {
        socket: usize,
        #[serde(rename = "as")]
        duplicate: usize,
    },
    /// setsockopt(2).
    Setopt {
        socket: usize,
        option: SocketOption,
        value: Value,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u8>,
    },
    /// getsockopt(2).
    Getopt { socket: usize, option: SocketOption },
    /// poll(2), epoll_wait(2) or select(2).
    Poll {
        socket: usize,
        by: Poller,
        #[serde(serialize_with = "as_words", deserialize_with = "from_words")]
        #[schemars(with = "Vec<String>")]
        interest: Readiness,
        #[serde(with = "nanoseconds")]
        #[schemars(with = "Option<u64>")]
        timeout: Option<Duration>,
    },
    /// O_NONBLOCK.
    Nonblocking { socket: usize, on: bool },
    /// getsockname(2).
    Getsockname { socket: usize },
    /// getpeername(2).
    Getpeername { socket: usize },
    /// Sends until a send would block.
    Fill { socket: usize, seed: u64 },
    /// Receives to the end of the stream.
    Drain { socket: usize },
    /// Signals the thread of a pending call.
    Interrupt { call: CallId },
}

impl Call {
    /// How many bytes its agent has to generate before it can make the call.
    pub(super) fn generated(&self) -> u32 {
        let pieces = match self {
            Self::Send { data, .. } | Self::Write { data, .. } => slice::from_ref(data),
            Self::SendAll { pieces, .. } => pieces,
            _ => &[],
        };
        let lengths = pieces.iter().map(|data| match data {
            Data::Bytes(_) => 0,
            Data::Generated { length, .. } => *length,
        });
        lengths.sum::<u64>().try_into().unwrap_or(u32::MAX)
    }
}

/// What shutdown(2) is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Halves {
    /// SHUT_RD.
    Read,
    /// SHUT_WR.
    Write,
    /// SHUT_RDWR.
    Both,
    /// A number passed as it is.
    #[serde(untagged)]
    Number(i32),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes every field so")]
pub(super) fn as_words<S: serde::Serializer>(
    readiness: &Readiness,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let set = Readiness::WORDS.into_iter().filter(|(flag, _)| readiness.contains(*flag));
    serializer.collect_seq(set.map(|(_, word)| word))
}

pub(super) fn from_words<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Readiness, D::Error> {
    let mut readiness = Readiness::NONE;
    for word in Vec::<String>::deserialize(deserializer)? {
        readiness |= Readiness::from_word(&word)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown readiness `{word}`")))?;
    }
    Ok(readiness)
}

/// A time that may be missing, in nanoseconds.
mod nanoseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes every field so")]
    pub(super) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_nanos))
    }
}
