use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ending, Endpoint, Errno, ErrorClass, FrameFault, OptionValue, Readiness, Received};

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
    /// It failed, on a subject whose errors have no names of their own.
    FailedAs {
        /// What kind of error it is.
        class: ErrorClass,
        /// The subject's own words.
        text: String,
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

    /// The class of the error that it is, where it is one that has a class.
    pub const fn error_class(&self) -> Option<ErrorClass> {
        match self {
            Self::Failed { errno, .. } => errno.class(),
            Self::FailedAs { class, .. } => Some(*class),
            _ => None,
        }
    }

    /// How it ended a stream, or a call on it; `None` for what succeeded otherwise, and for what the
    /// subject did not end.
    pub const fn ending(&self) -> Option<Ending> {
        match self {
            Self::EndOfStream | Self::BadFrame { fault: FrameFault::Truncated, .. } => {
                Some(Ending::EndOfStream)
            }
            Self::Timeout => Some(Ending::Timeout),
            Self::Failed { .. } | Self::FailedAs { .. } => Some(Ending::of(self.error_class())),
            Self::Threw { .. } => Some(Ending::Other),
            Self::Ok
            | Self::Count(_)
            | Self::Data { .. }
            | Self::Ready(_)
            | Self::Value(_)
            | Self::Name(_)
            | Self::BadFrame { .. }
            | Self::Blocked
            | Self::Unsupported { .. } => None,
        }
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
            Self::FailedAs { class, signal: None, .. } => write!(f, "{class}"),
            Self::FailedAs { class, signal: Some(signal), .. } => write!(f, "{class} {signal}"),
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::end(Outcome::EndOfStream, Some(Ending::EndOfStream))]
    #[case::reset(Outcome::failed(Errno::ECONNRESET), Some(Ending::Reset))]
    #[case::aborted(Outcome::failed(Errno::ECONNABORTED), Some(Ending::Reset))]
    #[case::dropped(Outcome::failed(Errno::ENETRESET), Some(Ending::Reset))]
    #[case::own_limit(Outcome::Timeout, Some(Ending::Timeout))]
    #[case::protocol_limit(Outcome::failed(Errno::ETIMEDOUT), Some(Ending::Timeout))]
    #[case::refused(Outcome::failed(Errno::EPIPE), Some(Ending::Other))]
    #[case::no_class(Outcome::failed(Errno::Unnamed(4711)), Some(Ending::Other))]
    #[case::data(Outcome::data(b"x"), None)]
    #[case::blocked(Outcome::Blocked, None)]
    fn an_outcome_ends_a_stream_so(#[case] outcome: Outcome, #[case] ending: Option<Ending>) {
        assert_eq!(outcome.ending(), ending, "{outcome}");
    }

    #[test]
    fn what_is_told_by_its_class_ends_a_stream_as_the_name_does() {
        for errno in Errno::ALL {
            let Some(class) = errno.class() else { continue };
            let told = Outcome::FailedAs { class, text: String::new(), signal: None };
            assert_eq!(told.ending(), Outcome::failed(*errno).ending(), "{errno}");
        }
    }
}
