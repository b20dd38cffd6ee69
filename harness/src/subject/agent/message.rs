use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Success;
use crate::subject::Granularity;
use crate::vocabulary::{Errno, ErrorClass, ErrorNames, Signal};

/// One message of an agent.
///
/// ```text
/// {"kind":"hello","versions":[1],"name":"python","version":"3.12","offers":["tcp4","poll"],
///  "granularity":{"poll":0,"socket":4000000}}
/// {"kind":"started","id":7}
/// {"kind":"done","id":7,"began":1200,"took":800,"ok":{"count":4}}
/// {"kind":"done","id":8,"began":2000,"took":10,"err":{"class":"EPIPE","raw":32,"text":"Broken pipe"}}
/// ```
///
/// Each stands on a line of its own, without line breaks inside. Times are whole nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The first: what the agent is.
    Hello(Hello),
    /// A call that can block is about to be made.
    Started {
        /// Which.
        id: CallId,
        /// The kernel's number of the thread that makes it, where this kernel is the agent's own.
        thread: Option<i32>,
    },
    /// A call has returned.
    Done {
        /// Which.
        id: CallId,
        /// When it began, by the agent's monotonic clock.
        began: Duration,
        /// How long it took, by the same clock.
        took: Duration,
        /// What came of it.
        answer: Answer,
    },
}

/// What an agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The versions of the protocol that it speaks: one at least.
    pub versions: Vec<u32>,
    /// The name of the subject.
    pub name: String,
    /// The subject's version, for a person to read.
    pub version: String,
    /// The words of what it can do.
    pub offers: Vec<String>,
    /// Why it does not offer a word.
    pub lacks: BTreeMap<String, String>,
    /// How coarse its clocks are.
    pub granularity: Granularity,
    /// What its errors are told by.
    pub names: ErrorNames,
}

/// The identity of a call, as the harness gave it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct CallId(u64);

impl CallId {
    /// Wraps a number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The identity of the next call.
    #[must_use]
    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It succeeded.
    Ok(Success),
    /// It failed.
    Err(Failure),
    /// The runtime threw something that stands for no failure of the call.
    Threw(Thrown),
    /// The subject cannot express it.
    Unsupported {
        /// Why not.
        why: String,
    },
}

/// A failure, as the subject has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What kind of failure it is, in words that are the same for all subjects: the name of an error, the
    /// class of one, `timeout`, `blocked` or `other`.
    #[schemars(with = "String")]
    pub class: Class,
    /// The subject's own number, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<i64>,
    /// The subject's own text.
    pub text: String,
    /// The signal that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
}

/// What a runtime threw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Thrown {
    /// The name of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its text.
    pub text: String,
}

/// Kinds of failures.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The time limit that the subject itself had set ended the call: `timeout`.
    Timeout,
    /// The limit of the call, or a cancel, ended it: `blocked`.
    Blocked,
    /// What POSIX has a name for, as `EPIPE`.
    Errno(Errno),
    /// An error that is known by its class alone, as `send-refused`.
    Portable(ErrorClass),
    /// Any other error: `other`.
    Other,
    /// A word that stands for nothing here, and is taken for `other`.
    Unknown(String),
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Timeout => "timeout",
            Self::Blocked => "blocked",
            Self::Errno(errno) => errno.name().unwrap_or("other"),
            Self::Portable(class) => class.word(),
            Self::Other => "other",
            Self::Unknown(word) => word,
        })
    }
}

impl<'de> Deserialize<'de> for Class {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match String::deserialize(deserializer)?.as_str() {
            "timeout" => Self::Timeout,
            "blocked" => Self::Blocked,
            "other" => Self::Other,
            word => {
                let errno = || Errno::from_name(word).map(Self::Errno);
                let class = ErrorClass::from_word(word).map(Self::Portable);
                class.or_else(errno).unwrap_or_else(|| Self::Unknown(word.to_owned()))
            }
        })
    }
}
