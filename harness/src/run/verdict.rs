use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a case came to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every step gave what it must.
    Pass,
    /// Every step gave what it must, one of them later than `before` allows.
    Slow,
    /// A step gave something else.
    Fail,
    /// A call did not return by its deadline.
    Hang,
    /// The subject died.
    Crash,
    /// The subject does not declare what the case needs.
    Unsupported,
    /// It was not run, for a reason that has nothing to do with the subject.
    Skipped,
    /// The harness or the environment failed, never the subject.
    Broken,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 8] = [
        Self::Pass,
        Self::Slow,
        Self::Fail,
        Self::Hang,
        Self::Crash,
        Self::Unsupported,
        Self::Skipped,
        Self::Broken,
    ];

    /// The verdict that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.word() == word)
    }

    /// The word a report shows.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Slow => "slow",
            Self::Fail => "fail",
            Self::Hang => "hang",
            Self::Crash => "crash",
            Self::Unsupported => "unsupported",
            Self::Skipped => "skipped",
            Self::Broken => "broken",
        }
    }

    /// Whether the subject did what it must.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Pass | Self::Slow)
    }

    /// Whether the subject did something it must not.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Fail | Self::Hang | Self::Crash)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
