use std::collections::VecDeque;
use std::sync::{Arc, Condvar};
use std::time::Duration;

use super::Shape;
use super::network::Network;
use super::wiring::namespaces;

/// What was made so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// How many hosts.
    pub hosts: u32,
    /// How long it took to make them, added up over all threads.
    pub took: Duration,
    /// How many leases there were, on new networks and on those that were used before.
    pub leased: u32,
}

/// The networks that nobody uses, and who waits for one.
#[derive(Default)]
pub(super) struct Pool {
    /// Networks for further use, the one that was given back last at the end.
    pub(super) kept: Vec<Network>,
    /// How many namespaces there are, in use and kept.
    pub(super) alive: usize,
    /// Who waits, in the order in which they came: each is woken by its own signal.
    pub(super) waiting: VecDeque<Arc<Condvar>>,
    /// How many networks were begun.
    pub(super) networks: u32,
    pub(super) made: Made,
}

impl Pool {
    /// Takes a kept network of this shape, rather one that sees frames if that is asked for, and
    /// rather one that does not if not.
    pub(super) fn take(&mut self, shape: Shape, captures: bool) -> Option<Network> {
        let fits = |network: &Network| network.shape == shape;
        let at = self
            .kept
            .iter()
            .rposition(|network| fits(network) && network.has_tap() == captures)
            .or_else(|| self.kept.iter().rposition(fits))?;
        Some(self.kept.remove(at))
    }

    /// Gives up kept networks, those first that were not used for the longest time, until there
    /// is room for so many namespaces or none is left.
    ///
    /// They count until [`Pool::forget`], since their descriptors are open until then.
    pub(super) fn evict(&mut self, needed: usize, most: usize) -> Vec<Network> {
        let mut freed = 0;
        let mut count = 0;
        for network in &self.kept {
            if self.alive - freed + needed <= most {
                break;
            }
            freed += namespaces(network.shape);
            count += 1;
        }
        self.kept.drain(..count).collect()
    }

    /// Counts namespaces off that are gone.
    pub(super) fn forget(&mut self, namespaces: usize) {
        self.alive -= namespaces;
        self.wake();
    }

    /// Lets the one that has waited longest look again.
    pub(super) fn wake(&self) {
        if let Some(first) = self.waiting.front() {
            first.notify_one();
        }
    }
}
