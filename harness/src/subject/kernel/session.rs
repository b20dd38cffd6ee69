use std::ops::ControlFlow::{self, Break, Continue};
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};
use socket2::SockAddr;

use super::alarm::Alarm;
use super::bound::Bound;
use super::breaker::Member;
use super::call::{self, Means, Reply, Target};
use super::epoll::Registration;
use super::frames::Ahead;
use super::option;
use super::started::Started;
use crate::net::{DropRule, Lease, RuleId};
use crate::scenario::{DropFilter, LinkFault};
use crate::subject::{AddressBook, Awaited, Observation, Session, SubjectError};
use crate::vocabulary::{
    ActorId, Address, Endpoint, Op, OptionValue, Outcome, Poller, SocketId, SocketOption, TagId,
    Transport,
};
use crate::wire::Capture;

/// The sockets of one case and its started calls.
pub(in crate::subject) struct KernelSession {
    origin: Instant,
    sockets: Vec<Option<Target>>,
    /// Whether a connect was tried, by socket.
    connects: Vec<bool>,
    /// Of each socket whose frames were asked for, or that has a duplicate: what was read ahead.
    ahead: Vec<Option<Ahead>>,
    /// Of each socket that was asked by epoll: where it is registered.
    registered: Vec<Option<Registration>>,
    started: Vec<Option<Pending>>,
    /// Whether a close may wait because the scenario says so.
    lingers: bool,
    leaks: Vec<String>,
    /// The network whose hosts the actors are; without one they live where this process does.
    network: Option<Lease>,
    drops: Vec<(DropFilter, usize, RuleId)>,
    /// By which it is told that the run is to end.
    member: Member,
}

/// To sleep until a moment, and not for a time: then it does not matter how often it is interrupted.
const ABSOLUTE: ClockNanosleepFlags = ClockNanosleepFlags::TIMER_ABSTIME;

/// What a socket is after its close: no descriptor, as every call on it finds. The number that it
/// had belongs to whoever opens the next one, in this case or in another.
const CLOSED: RawFd = RawFd::MAX;

/// A started call and the socket it will make, if it makes one.
struct Pending {
    call: Started,
    makes: Option<SocketId>,
    acts_on: SocketId,
}

impl KernelSession {
    pub(super) fn new(sockets: usize, tags: usize, network: Option<Lease>, member: Member) -> Self {
        Self {
            origin: Instant::now(),
            member,
            network,
            drops: Vec::new(),
            sockets: vec![None; sockets],
            connects: vec![false; sockets],
            ahead: vec![None; sockets],
            registered: vec![None; sockets],
            started: (0..tags).map(|_| None).collect(),
            lingers: false,
            leaks: Vec::new(),
        }
    }

    /// Lets nobody have its hosts after it, since somebody changes them.
    pub(in crate::subject) fn give_up_network(&mut self) {
        if let Some(network) = &mut self.network {
            network.spoil();
        }
    }

    /// Counts time from another moment, before anything was performed.
    pub(in crate::subject) fn begin_at(&mut self, origin: Instant) {
        self.origin = origin;
    }

    /// What an operation acts on: the socket, or for one that makes a socket first, that; or what
    /// making it came to instead.
    fn target(
        &mut self,
        host: usize,
        op: &Op,
    ) -> Result<ControlFlow<Observation, Target>, SubjectError> {
        let socket = op.socket();
        match (op, self.sockets.get(socket.index()).copied().flatten()) {
            (Op::Open { transport, .. }, None) => Ok(Continue(Target::blank(*transport))),
            (Op::Open { .. }, Some(_)) => Err(SubjectError::NoSuchSocket),
            (_, Some(target)) => Ok(Continue(target)),
            (Op::Bind { open: Some(transport), .. }, None) => self.opened(host, socket, *transport),
            (_, None) => Err(SubjectError::NoSuchSocket),
        }
    }

    fn opened(
        &mut self,
        host: usize,
        socket: SocketId,
        transport: Transport,
    ) -> Result<ControlFlow<Observation, Target>, SubjectError> {
        let op = Op::Open { socket, transport };
        let reply = self.on_host(host, || {
            call::perform(&op, Target::blank(transport), &Means::default(), &Bound::Free)
        })?;
        let made = reply.made;
        let observation = self.keep(reply, Some(socket));
        Ok(made.map_or(Break(observation), Continue))
    }

    /// Makes a socket on a host. Every later call on it may come from anywhere: a socket keeps the
    /// namespace it was made in.
    pub(in crate::subject) fn on_host<T>(
        &self,
        host: usize,
        make: impl FnOnce() -> T,
    ) -> Result<T, SubjectError> {
        match &self.network {
            Some(network) => Ok(network.inside(host, make)?),
            None => Ok(make()),
        }
    }

    fn keep(&mut self, reply: Reply, makes: Option<SocketId>) -> Observation {
        if let (Some(made), Some(socket)) = (reply.made, makes) {
            self.sockets[socket.index()] = Some(made);
        }
        Observation {
            outcome: reply.timed.value,
            began: reply.timed.began.saturating_duration_since(self.origin),
            took: reply.timed.ended.saturating_duration_since(reply.timed.began),
        }
    }

    /// Writes down what an operation that is about to be performed means for those to come.
    fn foresee(&mut self, op: &Op) {
        match op {
            Op::Close { socket } => {
                if let Some(target) = &mut self.sockets[socket.index()] {
                    target.fd = CLOSED;
                }
                for pending in self.started.iter().flatten() {
                    if pending.acts_on == *socket {
                        pending.call.orphan();
                    }
                }
            }
            Op::Connect { socket, .. } => self.connects[socket.index()] = true,
            Op::Dup { socket, duplicate } => {
                self.connects[duplicate.index()] = self.connects[socket.index()];
                self.ahead[duplicate.index()] = Some(self.ahead_of(*socket));
            }
            Op::SetOption { option: SocketOption::Linger, .. } => self.lingers = true,
            _ => {}
        }
    }

    fn ahead_of(&mut self, socket: SocketId) -> Ahead {
        self.ahead[socket.index()].get_or_insert_default().clone()
    }

    /// What an operation acts with: its address in the kernel's form, and what was read ahead.
    fn means(
        &mut self,
        op: &Op,
        names: &dyn Names,
        transport: Transport,
    ) -> Result<Means, SubjectError> {
        let address = names.address(op, transport)?;
        let ahead = match op {
            Op::ReceiveFrame { socket, .. } => Some(self.ahead_of(*socket)),
            _ => None,
        };
        let registration = match op {
            Op::Poll { socket, by: Poller::Epoll, .. } => Some(self.registration_of(*socket)?),
            _ => None,
        };
        let device = match op {
            Op::SetOption { value: OptionValue::Device { .. }, .. } => Some(names.device(op)?),
            _ => None,
        };
        let again = self.connects[op.socket().index()];
        Ok(Means { address, again, ahead, device, registration })
    }

    fn registration_of(&mut self, socket: SocketId) -> Result<Registration, SubjectError> {
        let place = &mut self.registered[socket.index()];
        if let Some(registration) = place {
            return Ok(registration.clone());
        }
        let registration = Registration::new().map_err(|raw| SubjectError::Refused {
            what: "making an epoll instance",
            source: raw.into(),
        })?;
        Ok(place.insert(registration).clone())
    }

    /// Ends what is pending and closes every socket.
    fn end(&mut self) {
        // What the thread does next is none of this case's business.
        Alarm::disarm();
        for pending in std::mem::take(&mut self.started).into_iter().flatten() {
            match pending.call.end() {
                Ok(reply) => drop(self.keep(reply, pending.makes)),
                Err(error) => self.leaks.push(error.to_string()),
            }
        }
        for target in std::mem::take(&mut self.sockets).into_iter().flatten() {
            if target.fd == CLOSED {
                continue;
            }
            if self.lingers {
                // What the scenario let wait for hours must not; it has seen what it wanted.
                let _ = option::set(target.fd, SocketOption::Linger, OptionValue::Linger(None));
            }
            if let Err(error) = nix::unistd::close(target.fd) {
                self.leaks.push(format!("closing a descriptor failed: {error}"));
            }
        }
    }

    /// What came of something, unless the run is to end, which may have changed it.
    fn unless_broken<T>(&self, result: T) -> Result<T, SubjectError> {
        if self.member.is_broken() { Err(SubjectError::Aborted) } else { Ok(result) }
    }

    fn pending(&mut self, tag: TagId) -> Result<&mut Pending, SubjectError> {
        self.started.get_mut(tag.index()).and_then(Option::as_mut).ok_or(SubjectError::NoSuchSocket)
    }
}

/// What an operation only names: where it goes to, and through which device.
pub(in crate::subject) trait Names {
    /// The position of the host on which a socket is made.
    fn host(&self) -> usize;

    /// The address that an operation on a socket of this transport names, in the kernel's form.
    fn address(&self, op: &Op, transport: Transport) -> Result<Option<SockAddr>, SubjectError>;

    /// The name of the device that it names.
    fn device(&self, op: &Op) -> Result<String, SubjectError>;
}

/// The names that an actor of a case uses.
struct OfActor<'a> {
    actor: ActorId,
    book: &'a AddressBook,
}

impl Names for OfActor<'_> {
    fn host(&self) -> usize {
        self.book.host_of(self.actor)
    }

    fn address(&self, op: &Op, transport: Transport) -> Result<Option<SockAddr>, SubjectError> {
        let address: &Address = match op {
            Op::Bind { address, .. }
            | Op::Connect { address, .. }
            | Op::Send { to: Some(address), .. } => address,
            _ => return Ok(None),
        };
        sockaddr(&self.book.endpoint(self.actor, address, transport)?)
    }

    fn device(&self, op: &Op) -> Result<String, SubjectError> {
        match op {
            Op::SetOption { value: OptionValue::Device { actor, neighbour }, .. } => {
                self.book.device(*actor, *neighbour).ok_or(SubjectError::NoLinks)
            }
            _ => Err(SubjectError::NoLinks),
        }
    }
}

/// An endpoint in the kernel's form.
pub(in crate::subject) fn sockaddr(endpoint: &Endpoint) -> Result<Option<SockAddr>, SubjectError> {
    call::sockaddr(endpoint)
        .map_err(|source| SubjectError::Refused { what: "forming an address", source })
}

impl KernelSession {
    /// Performs an operation, as [`Session::perform`] does.
    pub(in crate::subject) fn perform_named(
        &mut self,
        op: &Op,
        names: &dyn Names,
        limit: Duration,
    ) -> Result<Observation, SubjectError> {
        let host = names.host();
        let target = match self.target(host, op)? {
            Continue(target) => target,
            Break(observation) => return Ok(observation),
        };
        let means = self.means(op, names, target.transport)?;
        let prepared = call::prepared(op);
        let op = prepared.as_ref().unwrap_or(op);
        self.foresee(op);
        let _closing = call::closing(op);
        let bound = if call::may_block(op) {
            let expiry = Alarm::arm(limit).map_err(|raw| SubjectError::Refused {
                what: "setting a timer",
                source: raw.into(),
            })?;
            Bound::Until(expiry, &self.member)
        } else {
            Bound::Free
        };
        let perform = || call::perform(op, target, &means, &bound);
        let reply = match op {
            Op::Open { .. } => self.on_host(host, perform)?,
            _ => perform(),
        };
        if reply.timed.value == Outcome::Blocked {
            Alarm::disarm();
        }
        let observation = self.keep(reply, op.makes());
        self.unless_broken(observation)
    }

    /// Starts an operation, as [`Session::start`] does. Gives the kernel's number of its thread.
    pub(in crate::subject) fn start_named(
        &mut self,
        tag: TagId,
        op: &Op,
        names: &dyn Names,
        limit: Duration,
    ) -> Result<Option<i32>, SubjectError> {
        let Continue(target) = self.target(names.host(), op)? else { return Ok(None) };
        let means = self.means(op, names, target.transport)?;
        let prepared = call::prepared(op).unwrap_or_else(|| op.clone());
        let mut call = Started::launch(prepared, target, means)?;
        self.foresee(op);
        let watched = call.watch(limit, &self.member);
        let thread = call.thread();
        self.started[tag.index()] = Some(Pending { call, makes: op.makes(), acts_on: op.socket() });
        self.unless_broken(())?;
        watched.map(|()| thread)
    }
}

impl Session for KernelSession {
    fn perform(
        &mut self,
        actor: ActorId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<Observation, SubjectError> {
        self.perform_named(op, &OfActor { actor, book }, limit)
    }

    fn start(
        &mut self,
        actor: ActorId,
        tag: TagId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<(), SubjectError> {
        self.start_named(tag, op, &OfActor { actor, book }, limit).map(|_| ())
    }

    fn finish(
        &mut self,
        tag: TagId,
        limit: Duration,
        give_up: bool,
    ) -> Result<Awaited, SubjectError> {
        let origin = self.origin;
        let pending = self.started.get_mut(tag.index()).and_then(Option::as_mut);
        let pending = pending.ok_or(SubjectError::NoSuchSocket)?;
        let has_returned = pending.call.wait_unless_broken(limit, &self.member);
        if !has_returned && !give_up {
            let began = pending.call.blocks_since();
            return self.unless_broken(Awaited::Pending {
                began: began.saturating_duration_since(origin),
                took: began.elapsed(),
            });
        }
        let Some(Pending { call, makes, .. }) = self.started[tag.index()].take() else {
            return Err(SubjectError::NoSuchSocket);
        };
        let reply = call.end()?;
        let observation = self.keep(reply, makes);
        self.unless_broken(Awaited::Returned(observation))
    }

    fn interrupt(&mut self, tag: TagId) -> Result<Observation, SubjectError> {
        let origin = self.origin;
        let pending = self.pending(tag)?;
        let sent = call::timed(|| pending.call.interrupt());
        match sent.value {
            Ok(()) => Ok(Observation {
                outcome: Outcome::Ok,
                began: sent.began.saturating_duration_since(origin),
                took: sent.ended.saturating_duration_since(sent.began),
            }),
            Err(raw) => Err(SubjectError::Refused { what: "sending a signal", source: raw.into() }),
        }
    }

    fn captured(&mut self) -> Result<Capture, SubjectError> {
        self.unless_broken(())?;
        match &mut self.network {
            Some(network) => Ok(network.captured(self.origin)?),
            None => Ok(Capture::default()),
        }
    }

    fn inflict(&mut self, fault: &LinkFault, book: &AddressBook) -> Result<(), SubjectError> {
        let Some(network) = self.network.as_mut().filter(|_| !book.is_loopback()) else {
            return Err(SubjectError::NoLinks);
        };
        match fault {
            LinkFault::Drop { filter, amount } => {
                let from = book.links_of(filter.from).iter();
                let rule = DropRule {
                    from: from.flat_map(|link| [link.ipv4.into(), link.ipv6.into()]).collect(),
                    kind: filter.kind,
                    amount: *amount,
                };
                let sender = book.host_of(filter.from);
                let hosts = match filter.to {
                    Some(to) => vec![book.host_of(to)],
                    None => (0..network.addresses().len()).filter(|host| *host != sender).collect(),
                };
                for host in hosts {
                    let id = network.drop_packets(host, &rule)?;
                    self.drops.push((*filter, host, id));
                }
            }
            LinkFault::Pass(filter) => {
                for (_, host, id) in self.drops.extract_if(.., |(one, ..)| one == filter) {
                    network.pass_packets(host, id)?;
                }
            }
            LinkFault::Down(actor) => network.set_up(book.host_of(*actor), false)?,
            LinkFault::Up(actor) => network.set_up(book.host_of(*actor), true)?,
            LinkFault::Route { actor, neighbour } => {
                network.route_through(book.host_of(*actor), book.host_of(*neighbour))?;
            }
            LinkFault::Mtu { actor, bytes } => network.set_mtu(book.host_of(*actor), *bytes)?,
        }
        Ok(())
    }

    fn alter_host(&mut self, host: usize, act: &mut dyn FnMut()) -> Result<(), SubjectError> {
        let network = self.network.as_mut().ok_or(SubjectError::NoLinks)?;
        network.spoil();
        Ok(network.inside(host, act)?)
    }

    fn wait(&mut self, time: Duration) {
        // The alarm would only wake the sleep, again and again, for nothing.
        Alarm::disarm();
        // Unlike the standard library's sleep, this one ends with a signal.
        let _ = clock_gettime(ClockId::CLOCK_MONOTONIC).map(|now| {
            let end = now + TimeSpec::from_duration(time);
            let sleep = || clock_nanosleep(ClockId::CLOCK_MONOTONIC, ABSOLUTE, &end);
            while sleep() == Err(Errno::EINTR) && !self.member.is_broken() {}
        });
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn close(mut self: Box<Self>) -> Vec<String> {
        self.end();
        std::mem::take(&mut self.leaks)
    }
}

impl Drop for KernelSession {
    /// A case that panicked does not close its session.
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests;
