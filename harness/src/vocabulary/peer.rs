use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ActorId;

/// Who plays the actors of a case: the subject, or this machine's kernel as its peer.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// The subject plays all of them.
    #[default]
    #[serde(rename = "self")]
    Own,
    /// The subject plays the first that the scenario names, the kernel the others.
    Kernel,
    /// The kernel plays the first, the subject the others.
    KernelFirst,
}

impl Peer {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Own, Self::Kernel, Self::KernelFirst];

    /// The word for it, as `--peer` takes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Own => "self",
            Self::Kernel => "kernel",
            Self::KernelFirst => "kernel-first",
        }
    }

    /// Finds the one that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|peer| peer.word() == word)
    }

    /// Whether the subject plays an actor.
    pub const fn plays(self, actor: ActorId) -> bool {
        match self {
            Self::Own => true,
            Self::Kernel => actor.index() == 0,
            Self::KernelFirst => actor.index() != 0,
        }
    }

    /// The name of a subject with this peer, which tells it from the same subject alone.
    pub fn label(self, subject: &str) -> String {
        match self {
            Self::Own => subject.to_owned(),
            Self::Kernel | Self::KernelFirst => format!("{subject} (peer {self})"),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
