use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::AddressAttribute;
use netlink_packet_route::link::{LinkAttribute, State};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::uninterrupted::uninterrupted;
use super::{NetError, message};

/// The group of those who are told of IPv6 addresses (`linux/rtnetlink.h`).
const RTNLGRP_IPV6_IFADDR: u32 = 9;

/// A route netlink socket of one namespace, which takes many messages with one system call.
pub(super) struct Channel {
    socket: Socket,
    /// The number of the next message.
    next: u32,
    /// The IPv6 addresses that came into use since the last batch was sent, with their interfaces.
    usable: Vec<(u32, Ipv6Addr)>,
}

impl Channel {
    /// How long the kernel has for an answer, which it has ready when the send returns.
    const PATIENCE: Duration = Duration::from_secs(5);
    /// Room for what the kernel answers at once. There are hundreds of channels, and few speak at a
    /// time, so none keeps it.
    const ROOM: usize = 8 << 10;

    /// Opens one in the namespace that the calling thread is in.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.set_cap_ack(true)?;
        socket.bind_auto()?;
        socket.add_membership(RTNLGRP_IPV6_IFADDR)?;
        Ok(Self { socket, next: 1, usable: Vec::new() })
    }

    /// Lets the kernel do everything in the batch, in its order.
    ///
    /// # Errors
    /// The first message that was refused. Those after it have been tried all the same.
    pub(super) fn perform(&mut self, batch: &Batch) -> Result<(), NetError> {
        let Some(last) = batch.messages.last() else { return Ok(()) };
        self.usable.clear();
        let sequence = self.send(batch, last.what)?;
        let mut refused = None;
        let mut replies = Vec::with_capacity(Self::ROOM);
        loop {
            self.receive(&mut replies, last.what)?;
            for reply in Replies(&replies) {
                let NetlinkPayload::Error(error) = reply.payload else {
                    self.usable.extend(usable(&reply));
                    continue;
                };
                let position = reply.header.sequence_number.wrapping_sub(sequence);
                let Some(message) =
                    usize::try_from(position).ok().and_then(|p| batch.messages.get(p))
                else {
                    continue;
                };
                if error.code.is_some() && refused.is_none() {
                    refused = Some(NetError::Denied { what: message.what, source: error.to_io() });
                }
                if usize::try_from(position) == Ok(batch.messages.len() - 1) {
                    return refused.map_or(Ok(()), Err);
                }
            }
        }
    }

    /// Waits until an IPv6 address that the last batch added is in use.
    ///
    /// The kernel adds one at once, but leaves it to a worker to make it the host's own on the
    /// link. What comes before that is dropped.
    pub(super) fn await_address(&mut self, index: u32, address: Ipv6Addr) -> Result<(), NetError> {
        let mut replies = Vec::with_capacity(Self::ROOM);
        while !self.usable.contains(&(index, address)) {
            self.receive(&mut replies, "wait for an address")?;
            self.usable.extend(Replies(&replies).filter_map(|reply| usable(&reply)));
        }
        Ok(())
    }

    /// Whether a link is up and carries packets.
    pub(super) fn is_up(&mut self, index: u32) -> Result<bool, NetError> {
        let what = "ask for the state of a link";
        let mut batch = Batch::new(true);
        batch.push(what, 0, message::query(index));
        let sequence = self.send(&batch, what)?;
        let mut up = false;
        let mut replies = Vec::with_capacity(Self::ROOM);
        loop {
            self.receive(&mut replies, what)?;
            for reply in Replies(&replies) {
                if reply.header.sequence_number != sequence {
                    continue;
                }
                match reply.payload {
                    NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => {
                        up = link.attributes.contains(&LinkAttribute::OperState(State::Up));
                    }
                    NetlinkPayload::Error(error) if error.code.is_some() => {
                        return Err(NetError::Denied { what, source: error.to_io() });
                    }
                    NetlinkPayload::Error(_) => return Ok(up),
                    _ => {}
                }
            }
        }
    }

    /// Gives the number of the batch's first message.
    fn send(&mut self, batch: &Batch, what: &'static str) -> Result<u32, NetError> {
        let first = self.next;
        let mut bytes = batch.bytes.clone();
        let last = batch.messages.len().saturating_sub(1);
        for (position, message) in batch.messages.iter().enumerate() {
            let header = &mut bytes[message.at..];
            if position == last {
                let flags = u16::from_ne_bytes([header[6], header[7]]) | NLM_F_ACK;
                header[6..8].copy_from_slice(&flags.to_ne_bytes());
            }
            header[8..12].copy_from_slice(&self.next.to_ne_bytes());
            self.next = self.next.wrapping_add(1);
        }
        let sent = uninterrupted(|| self.socket.send(&bytes, 0));
        sent.map_err(|source| NetError::Denied { what, source })?;
        Ok(first)
    }

    fn receive(&self, replies: &mut Vec<u8>, what: &'static str) -> Result<(), NetError> {
        let deadline = Instant::now() + Self::PATIENCE;
        loop {
            replies.clear();
            match self.socket.recv(replies, libc::MSG_DONTWAIT) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(source) => return Err(NetError::Denied { what, source }),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NetError::Unanswered { what, waited: Self::PATIENCE });
            }
            let limit = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            // Whatever came of it, the next round sees.
            let _ = poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], limit);
        }
    }
}

/// Messages that are sent together.
pub(super) struct Batch {
    bytes: Vec<u8>,
    messages: Vec<Message>,
    /// Whether messages about IPv6 are for anybody.
    ipv6: bool,
}

struct Message {
    /// What it asks for, to complete "cannot ...".
    what: &'static str,
    /// Where it begins.
    at: usize,
}

impl Batch {
    /// Begins one. Without IPv6 it leaves out what is about that.
    pub(super) const fn new(ipv6: bool) -> Self {
        Self { bytes: Vec::new(), messages: Vec::new(), ipv6 }
    }

    /// Adds a message, with `NLM_F_` flags beyond those that every request has.
    pub(super) fn push(&mut self, what: &'static str, flags: u16, message: RouteNetlinkMessage) {
        if !self.ipv6 && message::is_about_ipv6(&message) {
            return;
        }
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let at = self.bytes.len();
        let end = at + message.buffer_len();
        self.bytes.resize(end.next_multiple_of(4), 0);
        message.serialize(&mut self.bytes[at..end]);
        self.messages.push(Message { what, at });
    }
}

/// The address that the kernel says is in use, and the interface that has it.
fn usable(message: &NetlinkMessage<RouteNetlinkMessage>) -> Option<(u32, Ipv6Addr)> {
    let NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(told)) = &message.payload
    else {
        return None;
    };
    told.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Address(IpAddr::V6(address)) => Some((told.header.index, *address)),
        _ => None,
    })
}

/// The messages within a datagram of the kernel's.
struct Replies<'a>(&'a [u8]);

impl Iterator for Replies<'_> {
    type Item = NetlinkMessage<RouteNetlinkMessage>;

    fn next(&mut self) -> Option<Self::Item> {
        let message = NetlinkMessage::deserialize(self.0).ok()?;
        let length = usize::try_from(message.header.length).ok()?.next_multiple_of(4);
        self.0 = self.0.get(length..).unwrap_or_default();
        Some(message)
    }
}
