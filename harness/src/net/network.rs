use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Instant;

use super::channel::Batch;
use super::filter::Filter;
use super::host::Host;
use super::message::LINK_LOCAL;
use super::namespace::Namespace;
use super::numbering::Numbering;
use super::tap::Tap;
use super::wiring::{self, SWITCH, interface};
use super::{DropRule, FilterError, HostAddresses, NetError, RuleId, Shape};
use crate::wire::Capture;

/// A network of hosts: their namespaces and links, the addresses of the lease that it is given
/// for, and what sees its frames.
pub(super) struct Network {
    pub(super) shape: Shape,
    /// The hosts, and after them the switch if there is one.
    hosts: Vec<Host>,
    numbering: Numbering,
    addresses: Vec<HostAddresses>,
    /// Which hosts have their links down.
    down: Vec<bool>,
    tap: Option<Tap>,
    /// What gets lost at each host where something does.
    filters: BTreeMap<usize, Filter>,
    /// Whether it is no longer what it was made as.
    spoiled: bool,
}

impl Network {
    /// Makes one; `number` tells it from the others of the process.
    pub(super) fn new(
        shape: Shape,
        number: u32,
        home: &Namespace,
        ipv6: bool,
    ) -> Result<Self, NetError> {
        Ok(Self {
            shape,
            hosts: wiring::wire(shape, home, ipv6)?,
            numbering: Numbering::new(shape, number),
            addresses: Vec::new(),
            down: vec![false; shape.hosts()],
            tap: None,
            filters: BTreeMap::new(),
            spoiled: false,
        })
    }

    pub(super) fn addresses(&self) -> &[HostAddresses] {
        &self.addresses
    }

    pub(super) fn has_tap(&self) -> bool {
        self.tap.is_some()
    }

    pub(super) fn is_spoiled(&self) -> bool {
        self.spoiled
    }

    /// Makes sure that nobody gets the network after this lease.
    pub(super) fn spoil(&mut self) {
        self.spoiled = true;
    }

    /// Prepares it for a lease: fresh addresses, and nothing captured so far.
    pub(super) fn begin(&mut self, captures: bool, home: &Namespace) -> Result<(), NetError> {
        let before = std::mem::replace(&mut self.addresses, self.numbering.next());
        for host in 0..self.shape.hosts() {
            let batch = self.readdress(host, before.get(host));
            self.hosts[host].perform(&batch)?;
        }
        for host in 0..self.shape.hosts() {
            self.settle(host, before.is_empty())?;
        }
        if let (Shape::Lan { .. }, Some(switch)) = (self.shape, self.hosts.last_mut()) {
            let mut batch = switch.batch();
            batch.forget_stations(SWITCH);
            switch.perform(&batch)?;
        }
        if captures && self.tap.is_none() {
            let place = Tap::place(self.shape);
            self.tap = Some(self.hosts[place].inside(home, || Tap::open(self.shape))??);
        }
        self.tap.as_mut().map_or(Ok(()), |tap| tap.begin(captures))
    }

    /// See [`super::Lease::captured`].
    pub(super) fn captured(&mut self, origin: Instant) -> Result<Capture, NetError> {
        self.tap.as_mut().map_or_else(|| Ok(Capture::default()), |tap| tap.captured(origin))
    }

    pub(super) fn host(&self, host: usize) -> Result<&Host, NetError> {
        self.check(host)?;
        Ok(&self.hosts[host])
    }

    /// See [`super::Lease::set_up`].
    pub(super) fn set_up(&mut self, host: usize, up: bool) -> Result<(), NetError> {
        self.check(host)?;
        self.spoil();
        self.down[host] = !up;
        let links = self.links(host);
        let mut batch = self.hosts[host].batch();
        for n in 0..links {
            batch.set_up(interface(host, n), up);
        }
        self.hosts[host].perform(&batch)?;
        if !up {
            return Ok(());
        }
        let mut ends = Vec::new();
        for n in 0..links {
            let Some(far) = wiring::far_end(self.shape, host, n) else { continue };
            if !self.down.get(far.0).is_some_and(|down| *down) {
                ends.extend([(host, interface(host, n)), far]);
            }
        }
        wiring::wait_up(&mut self.hosts, &ends)?;
        let mut batch = self.hosts[host].batch();
        self.address(&mut batch, host);
        self.route(&mut batch, host);
        self.keep(&mut batch, host);
        self.hosts[host].perform(&batch)?;
        self.settle(host, true)
    }

    /// See [`super::Lease::set_mtu`].
    pub(super) fn set_mtu(&mut self, host: usize, bytes: u32) -> Result<(), NetError> {
        self.check(host)?;
        self.spoil();
        let mut batch = self.hosts[host].batch();
        for n in 0..self.links(host) {
            batch.set_mtu(interface(host, n), bytes);
        }
        self.hosts[host].perform(&batch)
    }

    /// See [`super::Lease::route_through`].
    pub(super) fn route_through(&mut self, host: usize, neighbour: usize) -> Result<(), NetError> {
        self.check(host)?;
        self.check(neighbour)?;
        let addresses = &self.addresses;
        let beside = addresses[host].beside(&addresses[neighbour]);
        let (n, gateway) = beside.ok_or(NetError::NoSharedLink { host, neighbour })?;
        self.spoil();
        let mut batch = self.hosts[host].batch();
        batch.route_through(interface(host, n), &gateway);
        self.hosts[host].perform(&batch)
    }

    /// See [`super::Lease::drop_packets`].
    pub(super) fn drop_packets(
        &mut self,
        host: usize,
        rule: &DropRule,
        home: &Namespace,
    ) -> Result<RuleId, NetError> {
        self.check(host)?;
        let filter = match self.filters.entry(host) {
            Entry::Occupied(filter) => filter.into_mut(),
            Entry::Vacant(place) => place.insert(self.hosts[host].inside(home, Filter::new)??),
        };
        Ok(filter.drop_packets(rule)?)
    }

    /// See [`super::Lease::pass_packets`].
    pub(super) fn pass_packets(&mut self, host: usize, rule: RuleId) -> Result<(), NetError> {
        self.check(host)?;
        match self.filters.get_mut(&host) {
            Some(filter) => Ok(filter.pass(rule)?),
            None => Err(FilterError::NoSuchRule { number: 0 }.into()),
        }
    }

    /// Undoes what a lease did that the next one must not meet.
    pub(super) fn end(&mut self) {
        if self.filters.values_mut().any(|filter| filter.clear().is_err()) {
            self.spoil();
        }
    }

    /// All that changes for a host with a lease. What is new comes before what was is gone, so
    /// that there is always an address and no route goes with the last one.
    fn readdress(&self, host: usize, before: Option<&HostAddresses>) -> Batch {
        let mut batch = self.hosts[host].batch();
        for n in 0..self.links(host) {
            batch.set_mac(interface(host, n), self.addresses[host].links[n].mac);
        }
        self.address(&mut batch, host);
        if before.is_none() {
            self.keep(&mut batch, host);
        }
        self.route(&mut batch, host);
        for n in 0..self.links(host) {
            if let Some(before) = before {
                batch.remove_addresses(interface(host, n), &before.links[n]);
            }
        }
        batch
    }

    fn address(&self, batch: &mut Batch, host: usize) {
        for n in 0..self.links(host) {
            batch.add_addresses(interface(host, n), &self.addresses[host].links[n]);
        }
    }

    /// The routes that follow the addresses.
    fn route(&self, batch: &mut Batch, host: usize) {
        if self.shape == Shape::Routed && host < 2 {
            batch.route_through(interface(host, 0), &self.addresses[2].links[host]);
        }
    }

    /// What stays the same from lease to lease.
    fn keep(&self, batch: &mut Batch, host: usize) {
        match self.shape {
            Shape::Pair | Shape::Lan { .. } => batch.route_on_link(interface(host, 0)),
            Shape::Routed => {
                for n in self.routing_links(host) {
                    batch.add_link_local(interface(host, n));
                }
            }
            Shape::Alone => {}
        }
    }

    /// Waits until every address is in use; those that stay from lease to lease if they are new.
    fn settle(&mut self, host: usize, anew: bool) -> Result<(), NetError> {
        for n in 0..self.links(host) {
            let address = self.addresses[host].links[n].ipv6;
            self.hosts[host].await_address(interface(host, n), address)?;
        }
        if anew {
            for n in self.routing_links(host) {
                self.hosts[host].await_address(interface(host, n), LINK_LOCAL)?;
            }
        }
        Ok(())
    }

    /// The links that the host forwards from and to.
    fn routing_links(&self, host: usize) -> std::ops::Range<usize> {
        if self.shape == Shape::Routed && host == 2 { 0..self.links(host) } else { 0..0 }
    }

    /// How many links a host has.
    fn links(&self, host: usize) -> usize {
        match self.shape {
            Shape::Alone => 0,
            _ => self.addresses[host].links.len(),
        }
    }

    fn check(&self, host: usize) -> Result<(), NetError> {
        let hosts = self.shape.hosts();
        if host < hosts { Ok(()) } else { Err(NetError::NoSuchHost { host, hosts }) }
    }
}
