use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A set of poll flags (POSIX poll(), Linux poll(2)).
///
/// It is recorded as a number, the sum of 1 for `in`, 2 for `pri`, 4 for `out`, 8 for `rdhup`, 16 for
/// `hup`, 32 for `err` and 64 for `nval`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("maximum" = 127))]
pub struct Readiness(u8);

impl Readiness {
    /// No flag: nothing is ready.
    pub const NONE: Self = Self(0);
    /// `POLLIN`: a receive would not block.
    pub const IN: Self = Self(1);
    /// `POLLPRI`: an exceptional condition, such as urgent data.
    pub const PRI: Self = Self(2);
    /// `POLLOUT`: a send would not block.
    pub const OUT: Self = Self(4);
    /// `POLLRDHUP`: the peer shut down its write half, or the own read half is shut.
    pub const RDHUP: Self = Self(8);
    /// `POLLHUP`: both directions are finished.
    pub const HUP: Self = Self(16);
    /// `POLLERR`: an error is pending.
    pub const ERR: Self = Self(32);
    /// `POLLNVAL`: the descriptor is not open.
    pub const NVAL: Self = Self(64);

    /// Every flag with its word, in canonical order.
    pub const WORDS: [(Self, &'static str); 7] = [
        (Self::IN, "in"),
        (Self::PRI, "pri"),
        (Self::OUT, "out"),
        (Self::RDHUP, "rdhup"),
        (Self::HUP, "hup"),
        (Self::ERR, "err"),
        (Self::NVAL, "nval"),
    ];

    /// What select can be asked for and can tell.
    pub const SELECTABLE: Self = Self(1 | 2 | 4);

    /// What a poll asks for when the step names no flag: everything that can be asked for.
    pub const DEFAULT_INTEREST: Self = Self(1 | 2 | 4 | 8);

    /// What stands for the empty set, where it has to be written.
    pub const NONE_WORD: &'static str = "none";

    /// Finds the flag a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(_, name)| *name == word).map(|(flag, _)| flag)
    }

    /// Whether every flag of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// This set without the flags of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether no flag is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Readiness {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Readiness {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str(Self::NONE_WORD);
        }
        let mut between = "";
        for (flag, word) in Self::WORDS {
            if self.contains(flag) {
                write!(f, "{between}{word}")?;
                between = " ";
            }
        }
        Ok(())
    }
}
