use super::bounds::Bounds;
use crate::vocabulary::{Peer, Topology};

/// Where something runs: what the conditions of an entry are held against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The release of the machine's kernel, where it is known.
    pub kernel: Option<String>,
    /// The version of the subject.
    pub version: String,
    /// Who plays the actors.
    pub peer: Peer,
}

/// When an entry applies.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    /// Only on kernels of these releases.
    pub(super) kernel: Option<Bounds>,
    /// Only to these versions of the subject.
    pub(super) version: Option<Bounds>,
    /// Only with these peers; with none, with all.
    pub(super) peers: Vec<Peer>,
    /// Only to cases on these topologies; with none, on all.
    pub(super) on: Vec<Topology>,
}

impl Conditions {
    /// Whether they hold here, less what they say of topologies.
    pub(super) fn hold(&self, here: &Circumstances) -> bool {
        let kernel = here.kernel.as_deref().unwrap_or_default();
        let within = |bounds: &Option<Bounds>, version: &str| {
            bounds.as_ref().is_none_or(|bounds| bounds.hold(version))
        };
        within(&self.kernel, kernel)
            && within(&self.version, &here.version)
            && self.allow(here.peer)
    }

    /// Whether they hold with a peer.
    pub(super) fn allow(&self, peer: Peer) -> bool {
        self.peers.is_empty() || self.peers.contains(&peer)
    }

    /// Whether there can be a machine, a version and a peer for which both hold.
    pub(super) fn meet(&self, other: &Self) -> bool {
        let meet = |one: &Option<Bounds>, other: &Option<Bounds>| match (one, other) {
            (Some(one), Some(other)) => one.meet(other),
            _ => true,
        };
        let has_both = |peer: &Peer| self.allow(*peer) && other.allow(*peer);
        meet(&self.kernel, &other.kernel)
            && meet(&self.version, &other.version)
            && Peer::ALL.iter().any(has_both)
    }

    /// Whether they admit cases on a topology.
    pub(super) fn admit(&self, topology: Topology) -> bool {
        self.on.is_empty() || self.on.contains(&topology)
    }
}
