use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Endpoint, Errno, FrameFault, OptionValue, Readiness, Received};

/// What came of one operation. It is data, also when it is an error or a hang.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It succeeded and has nothing more to say.
    Ok,
    /// It succeeded on this many bytes.
    Count(u64),
    /// It received these bytes.
    Data {
        /// The bytes.
        bytes: Received,
        /// Who sent them, where the call tells.
        source: Option<Endpoint>,
        /// Whether a datagram was cut to fit (`MSG_TRUNC`).
        truncated: bool,
    },
    /// It reached the end of the stream.
    EndOfStream,
    /// The socket is ready for this.
    Ready(Readiness),
    /// The option has this value.
    Value(OptionValue),
    /// The socket, or its peer, has this name.
    Name(Endpoint),
    /// It failed.
    Failed {
        /// The error.
        errno: Errno,
        /// The signal that came with it.
        signal: Option<Signal>,
    },
    /// The message cannot be written as a frame, or what was received is none.
    BadFrame {
        /// What is wrong.
        fault: FrameFault,
        /// Where it is and what was found there, for a person to read.
        text: String,
    },
    /// The time limit that the subject itself had set ended the call.
    Timeout,
    /// It had not returned when the harness ended it.
    Blocked,
    /// The subject's runtime threw something that stands for no failure of the call.
    Threw {
        /// What, in its own words.
        text: String,
    },
    /// The subject cannot express it.
    Unsupported {
        /// Why not.
        why: String,
    },
}

impl Outcome {
    /// Bytes from nobody in particular, as a stream gives them.
    pub fn data(bytes: &[u8]) -> Self {
        Self::Data { bytes: bytes.into(), source: None, truncated: false }
    }

    /// A failure without a signal.
    pub const fn failed(errno: Errno) -> Self {
        Self::Failed { errno, signal: None }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Data { bytes, truncated, .. } => {
                write!(f, "{bytes}")?;
                if *truncated { f.write_str(" MSG_TRUNC") } else { Ok(()) }
            }
            Self::EndOfStream => f.write_str("eof"),
            Self::Ready(readiness) => write!(f, "{readiness}"),
            Self::Value(value) => write!(f, "{value}"),
            Self::Name(endpoint) => write!(f, "{endpoint}"),
            Self::Failed { errno, signal: None } => write!(f, "{errno}"),
            Self::Failed { errno, signal: Some(signal) } => write!(f, "{errno} {signal}"),
            Self::BadFrame { fault, .. } => write!(f, "{fault}"),
            Self::Timeout => f.write_str("timeout"),
            Self::Blocked => f.write_str("blocked"),
            Self::Threw { text } => write!(f, "threw {text}"),
            Self::Unsupported { why } => write!(f, "unsupported: {why}"),
        }
    }
}

/// A signal that a step may raise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Signal {
    /// `SIGPIPE`: a send on a stream whose write half is gone.
    #[serde(rename = "SIGPIPE")]
    Pipe,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pipe => f.write_str("SIGPIPE"),
        }
    }
}
