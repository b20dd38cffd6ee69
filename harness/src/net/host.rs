use std::io;
use std::net::Ipv6Addr;

use super::NetError;
use super::channel::{Batch, Channel};
use super::namespace::Namespace;

/// A namespace with the netlink socket through which it is configured.
pub(super) struct Host {
    pub(super) namespace: Namespace,
    channel: Channel,
    /// Whether it has IPv6.
    pub(super) ipv6: bool,
}

impl Host {
    /// Makes one, with nothing but a loopback interface that is down.
    pub(super) fn new(home: &Namespace, ipv6: bool) -> Result<Self, NetError> {
        let namespace = Namespace::new(home).map_err(denied("make a network namespace"))?;
        let channel = namespace
            .inside(home, Channel::open)
            .and_then(|opened| opened)
            .map_err(denied("open a netlink socket"))?;
        Ok(Self { namespace, channel, ipv6 })
    }

    /// Runs something on it, on the calling thread.
    pub(super) fn inside<T>(&self, home: &Namespace, f: impl FnOnce() -> T) -> Result<T, NetError> {
        self.namespace.inside(home, f).map_err(denied("enter a network namespace"))
    }

    /// Begins what it is to be told next.
    pub(super) const fn batch(&self) -> Batch {
        Batch::new(self.ipv6)
    }

    pub(super) fn perform(&mut self, batch: &Batch) -> Result<(), NetError> {
        self.channel.perform(batch)
    }

    pub(super) fn await_address(&mut self, index: u32, address: Ipv6Addr) -> Result<(), NetError> {
        if self.ipv6 { self.channel.await_address(index, address) } else { Ok(()) }
    }

    pub(super) fn is_up(&mut self, index: u32) -> Result<bool, NetError> {
        self.channel.is_up(index)
    }
}

/// Makes an error of what the kernel refused.
pub(super) fn denied(what: &'static str) -> impl FnOnce(io::Error) -> NetError {
    move |source| NetError::Denied { what, source }
}
