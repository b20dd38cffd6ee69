use std::time::{Duration, Instant};

use socket2::SockAddr;

use super::alarm::Alarm;
use super::bound::Bound;
use super::call::{self, Reply, Target};
use super::started::Started;
use crate::subject::{AddressBook, Awaited, Observation, Session, SubjectError};
use crate::vocabulary::{ActorId, Address, Op, Outcome, SocketId, TagId, Transport};

/// The sockets of one case and its started calls.
pub(super) struct KernelSession {
    origin: Instant,
    sockets: Vec<Option<Target>>,
    started: Vec<Option<Pending>>,
    leaks: Vec<String>,
}

/// A started call and the socket it will make, if it makes one.
struct Pending {
    call: Started,
    makes: Option<SocketId>,
}

impl KernelSession {
    pub(super) fn new(sockets: usize, tags: usize) -> Self {
        Self {
            origin: Instant::now(),
            sockets: vec![None; sockets],
            started: (0..tags).map(|_| None).collect(),
            leaks: Vec::new(),
        }
    }

    /// What an operation acts on: the socket, or for one that makes a socket first, that.
    fn target(&mut self, op: &Op) -> Result<Target, Result<Observation, SubjectError>> {
        let socket = op.socket();
        match (op, self.sockets.get(socket.index()).copied().flatten()) {
            (Op::Open { transport, .. }, None) => Ok(Target { fd: -1, transport: *transport }),
            (Op::Open { .. }, Some(_)) => Err(Err(SubjectError::NoSuchSocket)),
            (_, Some(target)) => Ok(target),
            (Op::Bind { open: Some(transport), .. }, None) => self.opened(socket, *transport),
            (_, None) => Err(Err(SubjectError::NoSuchSocket)),
        }
    }

    fn opened(
        &mut self,
        socket: SocketId,
        transport: Transport,
    ) -> Result<Target, Result<Observation, SubjectError>> {
        let blank = Target { fd: -1, transport };
        let reply =
            call::perform(&Op::Open { socket, transport }, blank, None, &Bound::Until(self.origin));
        let made = reply.made;
        let observation = self.keep(reply, Some(socket));
        made.ok_or(Ok(observation))
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

    fn pending(&mut self, tag: TagId) -> Result<&mut Pending, SubjectError> {
        self.started.get_mut(tag.index()).and_then(Option::as_mut).ok_or(SubjectError::NoSuchSocket)
    }
}

impl Session for KernelSession {
    fn perform(
        &mut self,
        _: ActorId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<Observation, SubjectError> {
        let target = match self.target(op) {
            Ok(target) => target,
            Err(ended) => return ended,
        };
        let address = resolve(op, book, target.transport)?;
        let bound = if call::may_block(op) {
            Bound::Until(Alarm::arm(limit).map_err(|raw| SubjectError::Refused {
                what: "setting a timer",
                source: raw.into(),
            })?)
        } else {
            Bound::Until(self.origin)
        };
        let reply = call::perform(op, target, address.as_ref(), &bound);
        if reply.timed.value == Outcome::Blocked {
            Alarm::disarm();
        }
        if matches!(op, Op::Close { .. }) {
            self.sockets[op.socket().index()] = None;
        }
        Ok(self.keep(reply, op.makes()))
    }

    fn start(
        &mut self,
        _: ActorId,
        tag: TagId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<(), SubjectError> {
        let target = match self.target(op) {
            Ok(target) => target,
            Err(ended) => return ended.map(drop),
        };
        let address = resolve(op, book, target.transport)?;
        let call = Started::launch(op.clone(), target, address)?;
        let watched = call.watch(limit);
        self.started[tag.index()] = Some(Pending { call, makes: op.makes() });
        watched
    }

    fn finish(
        &mut self,
        tag: TagId,
        limit: Duration,
        give_up: bool,
    ) -> Result<Awaited, SubjectError> {
        let origin = self.origin;
        let pending = self.pending(tag)?;
        if !pending.call.wait(limit) && !give_up {
            let began = pending.call.began();
            return Ok(Awaited::Pending {
                began: began.saturating_duration_since(origin),
                took: began.elapsed(),
            });
        }
        let Some(Pending { call, makes }) = self.started[tag.index()].take() else {
            return Err(SubjectError::NoSuchSocket);
        };
        let reply = call.end()?;
        Ok(Awaited::Returned(self.keep(reply, makes)))
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

    fn wait(&mut self, time: Duration) {
        // The alarm would only wake the sleep, again and again, for nothing.
        Alarm::disarm();
        std::thread::sleep(time);
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn close(mut self: Box<Self>) -> Vec<String> {
        // What the thread does next is none of this case's business.
        Alarm::disarm();
        for pending in std::mem::take(&mut self.started).into_iter().flatten() {
            match pending.call.end() {
                Ok(reply) => drop(self.keep(reply, pending.makes)),
                Err(error) => self.leaks.push(error.to_string()),
            }
        }
        for target in std::mem::take(&mut self.sockets).into_iter().flatten() {
            if let Err(error) = nix::unistd::close(target.fd) {
                self.leaks.push(format!("closing a descriptor failed: {error}"));
            }
        }
        std::mem::take(&mut self.leaks)
    }
}

/// The address that an operation names, in the kernel's form.
fn resolve(
    op: &Op,
    book: &AddressBook,
    transport: Transport,
) -> Result<Option<SockAddr>, SubjectError> {
    let address: &Address = match op {
        Op::Bind { address, .. }
        | Op::Connect { address, .. }
        | Op::Send { to: Some(address), .. } => address,
        _ => return Ok(None),
    };
    let endpoint = book.endpoint(address, transport)?;
    call::sockaddr(&endpoint)
        .map_err(|source| SubjectError::Refused { what: "forming an address", source })
}
