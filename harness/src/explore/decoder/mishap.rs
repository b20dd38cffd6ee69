use std::fmt;
use std::time::Duration;

use crate::subject::program::Ending;

/// That a program gave no answer, or one that is none: a finding whatever it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mishap {
    /// What it did.
    pub kind: MishapKind,
    /// The last lines of its standard error.
    pub said: Vec<String>,
}

/// What a program did instead of answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MishapKind {
    /// Nothing, for so long.
    Hang(Duration),
    /// It ended.
    Crash(Ending),
    /// It wrote a line that cannot stand there.
    Garbage {
        /// The line, cut where it is long.
        line: String,
        /// What could stand there.
        wanted: &'static str,
    },
    /// It wrote more than so many bytes without coming to an end.
    Flood(u64),
    /// It gave more messages than the stream has bytes, of which there are so many.
    Messages(u64),
}

impl MishapKind {
    /// One word for it, as `--only` takes it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Hang(_) => "hang",
            Self::Crash(_) => "crash",
            Self::Garbage { .. } => "garbage",
            Self::Flood(_) | Self::Messages(_) => "flood",
        }
    }
}

impl MishapKind {
    /// What a program must do instead.
    pub const fn statement(&self) -> &'static str {
        match self {
            Self::Hang(_) => "every request is answered in time",
            Self::Crash(_) => "no stream ends the program",
            Self::Garbage { .. } => "every answer is one of the protocol",
            Self::Flood(_) | Self::Messages(_) => "what comes out is bounded by what goes in",
        }
    }
}

impl fmt::Display for MishapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hang(time) => write!(f, "no answer within {time:?}"),
            Self::Crash(ending) => ending.fmt(f),
            Self::Garbage { line, wanted } => write!(f, "the answer {line:?} is not {wanted}"),
            Self::Flood(bytes) => write!(f, "an answer of more than {bytes} bytes"),
            Self::Messages(bytes) => {
                write!(f, "more messages than bytes, of which there were {bytes}")
            }
        }
    }
}

/// That a program cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system does not start it.
    #[error("the decoder cannot be started: {0}")]
    Spawn(String),
    /// Its pipes cannot be used.
    #[error("the decoder cannot be spoken to: {0}")]
    Pipe(#[from] std::io::Error),
    /// It ended, or wrote nothing, before it said which protocol it speaks.
    #[error("the decoder did not say `sockspec-decoder 1`: {kind}{}", quoted(said))]
    Silent {
        /// What it did instead.
        kind: MishapKind,
        /// The last lines of its standard error.
        said: Vec<String>,
    },
    /// The first line is another one.
    #[error(
        "the decoder's first line must be `sockspec-decoder 1`; it is {line:?}{}",
        quoted(said)
    )]
    Greeting {
        /// The line, cut where it is long.
        line: String,
        /// The last lines of its standard error.
        said: Vec<String>,
    },
}

/// The lines of a standard error, below what is said.
fn quoted(said: &[String]) -> String {
    let mut text = String::new();
    for line in said {
        text.push_str("\n  | ");
        text.extend(line.escape_debug());
    }
    text
}
