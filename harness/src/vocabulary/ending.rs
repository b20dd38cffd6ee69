use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ErrorClass;

/// How a stream ended, or a call on it: what every implementation of sockets can tell apart.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The peer had sent everything and said so.
    EndOfStream,
    /// The connection was torn down: an error of the class `reset`.
    Reset,
    /// A time limit was over, the subject's own or one of the protocol (class `timed-out`).
    Timeout,
    /// Any other error.
    Other,
}

impl Ending {
    /// Every ending.
    pub const ALL: [Self; 4] = [Self::EndOfStream, Self::Reset, Self::Timeout, Self::Other];

    /// The word in files and recordings.
    pub const fn word(self) -> &'static str {
        match self {
            Self::EndOfStream => "end-of-stream",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Other => "other",
        }
    }

    /// Finds the ending that a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.word() == word)
    }

    /// The ending that an error is, by its class.
    pub const fn of(class: Option<ErrorClass>) -> Self {
        match class {
            Some(ErrorClass::Reset) => Self::Reset,
            Some(ErrorClass::TimedOut) => Self::Timeout,
            _ => Self::Other,
        }
    }

    /// It within a sentence.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::EndOfStream => "the end of the stream",
            Self::Reset => "a reset",
            Self::Timeout => "a timeout",
            Self::Other => "an error of another kind",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
