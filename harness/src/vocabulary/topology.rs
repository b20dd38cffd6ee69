use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the hosts of a case are connected.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Topology {
    /// All actors on one host, through its loopback interface.
    Loopback,
    /// Two hosts, each a network namespace, on the two ends of one link.
    Netns,
    /// Several hosts on one link.
    Lan,
    /// Two links with a forwarding host between them.
    Routed,
}

impl Topology {
    /// Every topology, in the order in which variants are listed.
    pub const ALL: [Self; 4] = [Self::Loopback, Self::Netns, Self::Lan, Self::Routed];

    /// The word that stands in a scenario.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Netns => "netns",
            Self::Lan => "lan",
            Self::Routed => "routed",
        }
    }

    /// What `sockspec explain` says of it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Loopback => "all actors on one host, through its loopback interface",
            Self::Netns => "two hosts, `client` and `server`, on the two ends of one link",
            Self::Lan => "the hosts named after it, all on one link",
            Self::Routed => {
                "two hosts on two links, with the forwarding host `router` between them"
            }
        }
    }

    /// Finds the topology a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topology| topology.word() == word)
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
