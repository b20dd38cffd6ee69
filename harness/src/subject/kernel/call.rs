use std::io;
use std::os::fd::{IntoRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::bound::{Bound, Stop};
use super::epoll::Registration;
use super::frames::{self, Ahead, Format};
use super::message::{endpoint_of, failure};
use super::{errno, generated, message, option, syscall};
use crate::subject::copies::{self, Closing};
use crate::vocabulary::{
    Endpoint, How, Op, Outcome, Payload, Poller, Readiness, SocketOption, Transport,
};

/// A descriptor that an operation acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The descriptor.
    pub(super) fd: RawFd,
    /// What kind of socket it is.
    pub(super) transport: Transport,
}

impl Target {
    /// What a socket is made from.
    pub(super) const fn blank(transport: Transport) -> Self {
        Self { fd: -1, transport }
    }
}

/// What came of an operation.
#[derive(Debug)]
pub(super) struct Reply {
    /// As a subject reports it.
    pub(super) timed: Timed<Outcome>,
    /// The descriptor it made, if it made one.
    pub(super) made: Option<Target>,
}

/// A value with the time in which it came to be.
#[derive(Debug)]
pub(super) struct Timed<T> {
    pub(super) value: T,
    pub(super) began: Instant,
    pub(super) ended: Instant,
}

impl<T> Timed<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Timed<U> {
        Timed { value: change(self.value), began: self.began, ended: self.ended }
    }

    /// The same, begun no later than at a moment that is known to lie within it.
    pub(super) fn begun_by(self, moment: Option<Instant>) -> Self {
        let began = moment.map_or(self.began, |moment| moment.min(self.began));
        Self { began, ..self }
    }
}

/// Runs something between two looks at the clock.
pub(super) fn timed<T>(run: impl FnOnce() -> T) -> Timed<T> {
    let began = Instant::now();
    let value = run();
    Timed { value, began, ended: Instant::now() }
}

/// Whether an operation may wait, and so needs something that ends it.
pub(in crate::subject) fn may_block(op: &Op) -> bool {
    matches!(
        op,
        Op::Connect { .. }
            | Op::Accept { .. }
            | Op::Send { .. }
            | Op::Write { .. }
            | Op::Receive { .. }
            | Op::Read { .. }
            | Op::Close { .. }
            | Op::Poll { timeout: Some(_), .. }
            | Op::Fill { .. }
            | Op::Drain { .. }
            | Op::SendFrame { .. }
            | Op::SendAll { .. }
            | Op::ReceiveFrame { .. }
    )
}

/// What has to be held while an operation is performed, and has to be had before its time begins: a close
/// must be the last one of its socket.
pub(super) fn closing(op: &Op) -> Option<Closing> {
    matches!(op, Op::Close { .. }).then(copies::closing)
}

/// The operation with its payload at hand, where that has to be generated first, and a buffer for
/// what it receives: the time for either must not count as the call's. `None` where the operation
/// can be performed as it is.
pub(super) fn prepared(op: &Op) -> Option<Op> {
    let at_hand = match op {
        Op::Receive { limit, .. } | Op::Read { limit, .. } => {
            message::reserve(*limit);
            return None;
        }
        Op::Drain { .. } => {
            message::reserve(message::CHUNK);
            return None;
        }
        Op::ReceiveFrame { .. } => {
            message::reserve(frames::CHUNK);
            return None;
        }
        Op::Send { data: Payload::Generated { length, seed }, .. }
        | Op::SendFrame { data: Payload::Generated { length, seed }, .. }
        | Op::Write { data: Payload::Generated { length, seed }, .. } => {
            Payload::Literal(generated::bytes(*length, *seed))
        }
        _ => return None,
    };
    let mut own = op.clone();
    if let Op::Send { data, .. } | Op::Write { data, .. } | Op::SendFrame { data, .. } = &mut own {
        *data = at_hand;
    }
    Some(own)
}

/// What an operation acts with, beside the descriptor.
#[derive(Debug, Default)]
pub(super) struct Means {
    /// The endpoint that it names, if it names one.
    pub(super) address: Option<SockAddr>,
    /// Whether a connect on the socket has been tried before.
    pub(super) again: bool,
    /// What was read ahead of the stream whose next frame it receives.
    pub(super) ahead: Option<Ahead>,
    /// The name of the device that it names, if it names one.
    pub(super) device: Option<String>,
    /// Where the socket is registered that is asked by epoll.
    pub(super) registration: Option<Registration>,
}

/// Performs an operation on the calling thread. [`Op::Open`] takes no target.
pub(super) fn perform(op: &Op, target: Target, means: &Means, bound: &Bound<'_>) -> Reply {
    let address = means.address.as_ref();
    let fd = target.fd;
    let mut made = None;
    let timed = match op {
        Op::Open { .. } => timed(|| open(target.transport)).map(|result| keep(result, &mut made)),
        Op::Bind { .. } => with_address(address, |address| lend(fd, |socket| socket.bind(address))),
        Op::Connect { .. } => connect(fd, means, bound),
        Op::Listen { backlog, .. } => {
            timed(|| lend(fd, |socket| socket.listen(*backlog))).map(done)
        }
        Op::Accept { .. } => {
            timed(|| bound.patiently(|| accept(target))).map(|result| match result {
                Ok(connection) => keep(Ok(connection), &mut made),
                Err(stop) => failure(fd, stop, true, SocketOption::ReceiveTimeout),
            })
        }
        Op::Send { data, flags, .. } => message::transmit(target, data, *flags, address, bound),
        Op::Write { data, .. } => message::write_plainly(target, data, bound),
        Op::Receive { limit, flags, .. } => message::receive(target, *limit, *flags, bound),
        Op::Read { limit, .. } => message::read_plainly(target, *limit, bound),
        Op::Shutdown { how, .. } => timed(|| syscall::shutdown(fd, direction(*how))).map(unit),
        Op::Close { .. } => timed(|| nix::unistd::close(fd)).map(|result| match result {
            // A close that lingers and is broken succeeds: Linux has released the descriptor.
            Ok(()) | Err(Errno::EINTR) if bound.is_over() => Outcome::Blocked,
            result => unit(result),
        }),
        Op::Dup { .. } => timed(|| duplicate(fd)).map(|result| {
            keep(result.map(|fd| Target { fd: fd.into_raw_fd(), ..target }), &mut made)
        }),
        Op::SetOption { option, value, length: None, .. } => match &means.device {
            Some(device) => timed(|| option::set_name(fd, *option, device)).map(unit),
            None => timed(|| option::set(fd, *option, *value)).map(unit),
        },
        Op::SetOption { option, value, length: Some(length), .. } => {
            timed(|| option::set_short(fd, *option, *value, *length)).map(unit)
        }
        Op::GetOption { option, .. } => timed(|| option::get(fd, *option))
            .map(|result| result.map_or_else(failed, Outcome::Value)),
        Op::Poll { interest, timeout, by, .. } => match (by, &means.registration) {
            (Poller::Select, _) => select(fd, *interest, *timeout, bound),
            (_, None) => poll(fd, *interest, *timeout, bound),
            (_, Some(registration)) => registration.ask(fd, *interest, *timeout, bound),
        },
        Op::Nonblocking { on, .. } => {
            timed(|| lend(fd, |socket| socket.set_nonblocking(*on))).map(done)
        }
        Op::Name { .. } => timed(|| lend(fd, |socket| socket.local_addr())).map(named),
        Op::PeerName { .. } => timed(|| lend(fd, |socket| socket.peer_addr())).map(named),
        Op::Fill { seed, .. } => message::fill(target, *seed, bound),
        Op::Drain { .. } => message::drain(target, bound),
        Op::SendFrame { data, framing, limit, pieces, flags, .. } => {
            let format = Format { framing: *framing, limit: *limit };
            frames::send_frame(target, data, format, *pieces, *flags, bound)
        }
        Op::SendAll { pieces, flags, .. } => {
            let pieces: Vec<_> = pieces.iter().map(Payload::bytes).collect();
            frames::send_all(target, pieces.iter().map(AsRef::as_ref), *flags, bound)
        }
        Op::ReceiveFrame { framing, limit, .. } => {
            let format = Format { framing: *framing, limit: *limit };
            frames::receive_frame(target, format, means.ahead.as_ref(), bound)
        }
    };
    Reply { timed, made }
}

/// The kernel's form of an endpoint. `None` for a unix socket without a name.
pub(super) fn sockaddr(endpoint: &Endpoint) -> io::Result<Option<SockAddr>> {
    match endpoint {
        Endpoint::Inet(address) => Ok(Some((*address).into())),
        // The leading NUL chooses the abstract namespace, which leaves no file behind.
        Endpoint::Local(name) => SockAddr::unix(format!("\0{name}")).map(Some),
        Endpoint::Unnamed => Ok(None),
    }
}

fn open(transport: Transport) -> nix::Result<Target> {
    let (domain, kind) = match transport {
        Transport::Tcp4 => (Domain::IPV4, Type::STREAM),
        Transport::Tcp6 => (Domain::IPV6, Type::STREAM),
        Transport::Unix => (Domain::UNIX, Type::STREAM),
        Transport::UnixDgram => (Domain::UNIX, Type::DGRAM),
        Transport::Udp4 => (Domain::IPV4, Type::DGRAM),
        Transport::Udp6 => (Domain::IPV6, Type::DGRAM),
    };
    let socket = Socket::new(domain, kind, None).map_err(|error| errno::raw(&error))?;
    Ok(Target { fd: socket.into_raw_fd(), transport })
}

/// A second descriptor, as dup(2) makes one, but that no program gets which is started meanwhile: an agent
/// that had it would keep the socket open.
pub(super) fn duplicate(fd: RawFd) -> nix::Result<OwnedFd> {
    syscall::borrow(fd).try_clone_to_owned().map_err(|error| errno::raw(&error))
}

fn accept(listener: Target) -> nix::Result<Target> {
    let (connection, _) =
        lend(listener.fd, |socket| socket.accept()).map_err(|error| errno::raw(&error))?;
    Ok(Target { fd: connection.into_raw_fd(), ..listener })
}

fn connect(fd: RawFd, means: &Means, bound: &Bound<'_>) -> Timed<Outcome> {
    timed(|| {
        let Some(address) = &means.address else { return Err(Stop::Failed(Errno::EINVAL)) };
        let mut is_interrupted = false;
        // Made again after an interruption, it goes on where it was: that is how Linux itself
        // restarts it. A unix socket has not begun to connect while it waits for the backlog.
        let result = bound.patiently(|| {
            let result = lend(fd, |socket| socket.connect(address)).map_err(|e| errno::raw(&e));
            is_interrupted |= result == Err(Errno::EINTR);
            result
        });
        match result {
            // Its time is over, and it is itself what has begun already.
            Err(Stop::Failed(Errno::EALREADY)) if is_interrupted && !means.again => {
                Err(Stop::Failed(Errno::EINPROGRESS))
            }
            result => result,
        }
    })
    .map(|result| match result {
        Ok(()) => Outcome::Ok,
        Err(stop) => failure(fd, stop, true, SocketOption::SendTimeout),
    })
}

fn poll(
    fd: RawFd,
    interest: Readiness,
    timeout: Option<Duration>,
    bound: &Bound<'_>,
) -> Timed<Outcome> {
    let flags = FLAGS
        .into_iter()
        .filter(|(flag, _)| interest.contains(*flag))
        .fold(0, |all, (_, raw)| all | raw);
    let limit = timeout.unwrap_or_default();
    timed(|| bound.patiently_for(limit, |left| syscall::poll(fd, flags, left))).map(|result| {
        let found = result.map(|found| {
            let found = FLAGS.into_iter().filter(|(_, raw)| found & raw != 0);
            found.fold(Readiness::NONE, |all, (flag, _)| all | flag)
        });
        readiness(fd, found, timeout)
    })
}

fn select(
    fd: RawFd,
    interest: Readiness,
    timeout: Option<Duration>,
    bound: &Bound<'_>,
) -> Timed<Outcome> {
    let limit = timeout.unwrap_or_default();
    let asked = SELECTED.map(|flag| interest.contains(flag));
    timed(|| bound.patiently_for(limit, |left| syscall::select(fd, asked, left))).map(|result| {
        let found = result.map(|found| {
            let found = SELECTED.into_iter().zip(found).filter(|(_, found)| *found);
            found.fold(Readiness::NONE, |all, (flag, _)| all | flag)
        });
        readiness(fd, found, timeout)
    })
}

/// What each of the three sets of select stands for, in order.
const SELECTED: [Readiness; 3] = [Readiness::IN, Readiness::OUT, Readiness::PRI];

/// What asking for readiness came to: with a time, nothing found means that it ran out.
pub(super) fn readiness(
    fd: RawFd,
    found: Result<Readiness, Stop>,
    timeout: Option<Duration>,
) -> Outcome {
    match found {
        Ok(Readiness::NONE) if timeout.is_some() => Outcome::Timeout,
        Ok(found) => Outcome::Ready(found),
        Err(stop) => failure(fd, stop, false, SocketOption::ReceiveTimeout),
    }
}

/// The poll flags with this kernel's.
const FLAGS: [(Readiness, libc::c_short); 7] = [
    (Readiness::IN, libc::POLLIN),
    (Readiness::PRI, libc::POLLPRI),
    (Readiness::OUT, libc::POLLOUT),
    (Readiness::RDHUP, libc::POLLRDHUP),
    (Readiness::HUP, libc::POLLHUP),
    (Readiness::ERR, libc::POLLERR),
    (Readiness::NVAL, libc::POLLNVAL),
];

const fn direction(how: How) -> libc::c_int {
    match how {
        How::Read => libc::SHUT_RD,
        How::Write => libc::SHUT_WR,
        How::Both => libc::SHUT_RDWR,
        How::Number(number) => number,
    }
}

fn lend<T>(fd: RawFd, call: impl FnOnce(SockRef<'_>) -> io::Result<T>) -> io::Result<T> {
    call(SockRef::from(&syscall::borrow(fd)))
}

fn with_address(
    address: Option<&SockAddr>,
    call: impl FnOnce(&SockAddr) -> io::Result<()>,
) -> Timed<Outcome> {
    timed(|| match address {
        Some(address) => call(address),
        None => Err(Errno::EINVAL.into()),
    })
    .map(done)
}

fn keep(result: nix::Result<Target>, made: &mut Option<Target>) -> Outcome {
    match result {
        Ok(target) => {
            *made = Some(target);
            Outcome::Ok
        }
        Err(raw) => failed(raw),
    }
}

fn named(result: io::Result<SockAddr>) -> Outcome {
    match result {
        Ok(address) => Outcome::Name(endpoint_of(&address)),
        Err(error) => failed(errno::raw(&error)),
    }
}

fn done(result: io::Result<()>) -> Outcome {
    result.map_or_else(|error| failed(errno::raw(&error)), |()| Outcome::Ok)
}

fn unit(result: nix::Result<()>) -> Outcome {
    result.map_or_else(failed, |()| Outcome::Ok)
}

fn failed(raw: Errno) -> Outcome {
    Outcome::failed(errno::named(raw))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::vocabulary::SocketId;

    #[test]
    fn what_was_seen_to_go_on_has_begun() {
        let done = timed(|| ());
        let (began, ended) = (done.began, done.ended);
        assert_eq!(done.begun_by(None).began, began);
        let earlier = began.checked_sub(Duration::from_millis(1)).expect("the clock runs");
        let done = Timed { value: (), began, ended }.begun_by(Some(earlier));
        assert_eq!((done.began, done.ended), (earlier, ended));
        assert_eq!(Timed { value: (), began, ended }.begun_by(Some(ended)).began, began);
    }

    #[test]
    fn no_program_gets_a_second_descriptor() {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a descriptor is left");
        let second = duplicate(socket.as_raw_fd()).expect("a descriptor is left");
        let flags = nix::fcntl::fcntl(&second, nix::fcntl::FcntlArg::F_GETFD).expect("it is open");
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
        assert_eq!(duplicate(RawFd::MAX).err(), Some(Errno::EBADF));
    }

    #[test]
    fn a_payload_is_generated_before_its_call_and_is_the_same() {
        let socket = SocketId::new(0);
        let generated = Payload::Generated { length: 100_003, seed: 7 };
        let literal = Payload::Literal(generated.bytes().into_owned().into());
        let write = |data: &Payload| Op::Write { socket, data: data.clone() };
        assert_eq!(prepared(&write(&generated)), Some(write(&literal)));
        assert_eq!(prepared(&write(&literal)), None);
        assert_eq!(prepared(&Op::Close { socket }), None);
    }
}
