use serde::Serialize;

use super::Topology;

/// How far packets go: what the topologies are to a behaviour. Where it is tested between two hosts
/// it is tested between hosts, whatever else is on the link or forwards on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Within one host.
    OneHost,
    /// From one host to another.
    BetweenHosts,
}

impl Reach {
    /// Both.
    pub const ALL: [Self; 2] = [Self::OneHost, Self::BetweenHosts];

    /// That of a topology.
    pub const fn of(topology: Topology) -> Self {
        match topology {
            Topology::Loopback => Self::OneHost,
            Topology::Netns | Topology::Lan | Topology::Routed => Self::BetweenHosts,
        }
    }

    /// The topology with nothing more to it than this.
    pub const fn plainest(self) -> Topology {
        match self {
            Self::OneHost => Topology::Loopback,
            Self::BetweenHosts => Topology::Netns,
        }
    }

    /// The first of some topologies that goes as far as this.
    pub fn first_of(self, topologies: &[Topology]) -> Option<Topology> {
        topologies.iter().copied().find(|topology| Self::of(*topology) == self)
    }
}
