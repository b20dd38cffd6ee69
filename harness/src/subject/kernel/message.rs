//! Sending and receiving.

use std::cell::RefCell;
use std::os::fd::RawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::socket::{MsgFlags, recv, send};
use nix::unistd::{read, write};
use socket2::{SockAddr, SockRef};

use super::bound::{Bound, Stop};
use super::call::{Target, Timed, timed};
use super::{errno, option, signal, syscall};
use crate::vocabulary::{Endpoint, MessageFlags, Outcome, Payload, Received, Signal, SocketOption};

/// The largest amount that a drain takes before it gives up: more than any scenario sends.
const MOST: u64 = 1 << 30;
/// How much a fill or a drain moves at once.
pub(super) const CHUNK: usize = 64 << 10;
/// A fill is over when no byte was taken for this long: a delayed acknowledgement makes room again
/// after 40 ms.
const STILL: Duration = Duration::from_millis(100);

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// send(2), or sendto(2) with an address.
pub(super) fn transmit(
    target: Target,
    data: &Payload,
    flags: MessageFlags,
    to: Option<&SockAddr>,
    bound: &Bound<'_>,
) -> Timed<Outcome> {
    let bytes = data.bytes();
    let raises = flags.contains(MessageFlags::RAISE);
    let mut raw = send_flags(flags);
    raw.set(MsgFlags::MSG_NOSIGNAL, !raises);
    let call = || {
        bound.patiently(|| match to {
            None => send(target.fd, &bytes, raw),
            Some(address) => SockRef::from(&syscall::borrow(target.fd))
                .send_to_with_flags(&bytes, address, raw.bits())
                .map_err(|error| errno::raw(&error)),
        })
    };
    let waits = !flags.contains(MessageFlags::DONTWAIT);
    sent(target, bytes.len(), waits, bound, || {
        if raises { signal::catching_pipe(call) } else { (call(), false) }
    })
}

/// write(2).
pub(super) fn write_plainly(target: Target, data: &Payload, bound: &Bound<'_>) -> Timed<Outcome> {
    let bytes = data.bytes();
    sent(target, bytes.len(), true, bound, || {
        signal::catching_pipe(|| bound.patiently(|| write(syscall::borrow(target.fd), &bytes)))
    })
}

fn sent(
    target: Target,
    asked: usize,
    waits: bool,
    bound: &Bound<'_>,
    call: impl FnOnce() -> (Result<usize, Stop>, bool),
) -> Timed<Outcome> {
    timed(call).map(|(result, raised)| match result {
        // A call that the deadline broke in its midst gives what it had done so far.
        Ok(count) if count < asked && bound.is_over() => Outcome::Blocked,
        Ok(count) => Outcome::Count(count as u64),
        Err(stop) => {
            let outcome = failure(target.fd, stop, waits, SocketOption::SendTimeout);
            with_signal(outcome, raised)
        }
    })
}

fn with_signal(outcome: Outcome, raised: bool) -> Outcome {
    match outcome {
        Outcome::Failed { errno, .. } => {
            Outcome::Failed { errno, signal: raised.then_some(Signal::Pipe) }
        }
        other => other,
    }
}

/// recv(2) or recvfrom(2). Datagrams go through recvmsg(2), which alone tells whether one was cut.
pub(super) fn receive(
    target: Target,
    limit: usize,
    flags: MessageFlags,
    bound: &Bound<'_>,
) -> Timed<Outcome> {
    let raw = receive_flags(flags);
    // The queue of errors is never waited for.
    let at_once = flags.contains(MessageFlags::DONTWAIT) || flags.contains(MessageFlags::ERRQUEUE);
    let waits = !at_once;
    if target.transport.is_stream() {
        return with_scratch(limit, |buffer| {
            received(target, buffer, flags, waits, bound, |buffer| recv(target.fd, buffer, raw))
        });
    }
    with_scratch(limit, |buffer| {
        let mut source = None;
        let mut truncated = false;
        let result = timed(|| {
            bound.patiently(|| {
                let (count, sender, cut) = syscall::receive_message(target.fd, buffer, raw.bits())?;
                truncated = cut;
                source = sender_of(&sender);
                Ok(count)
            })
        });
        result.map(|result| match result {
            Ok(count) if flags.contains(MessageFlags::TRUNC) => Outcome::Count(count as u64),
            // An empty datagram has a sender; the end after a shutdown has none.
            Ok(0) if source.is_none() && limit > 0 => Outcome::EndOfStream,
            Ok(count) => Outcome::Data { bytes: buffer[..count].into(), source, truncated },
            Err(stop) => failure(target.fd, stop, waits, SocketOption::ReceiveTimeout),
        })
    })
}

/// read(2).
pub(super) fn read_plainly(target: Target, limit: usize, bound: &Bound<'_>) -> Timed<Outcome> {
    with_scratch(limit, |buffer| {
        received(target, buffer, MessageFlags::NONE, true, bound, |buffer| {
            read(syscall::borrow(target.fd), buffer)
        })
    })
}

fn received(
    target: Target,
    buffer: &mut [u8],
    flags: MessageFlags,
    waits: bool,
    bound: &Bound<'_>,
    mut call: impl FnMut(&mut [u8]) -> nix::Result<usize>,
) -> Timed<Outcome> {
    let limit = buffer.len();
    let result = timed(|| bound.patiently(|| call(buffer)));
    result.map(|result| match result {
        Ok(count) if count < limit && flags.contains(MessageFlags::WAITALL) && bound.is_over() => {
            Outcome::Blocked
        }
        Ok(count) if flags.contains(MessageFlags::TRUNC) => Outcome::Count(count as u64),
        Ok(0) if limit > 0 => Outcome::EndOfStream,
        Ok(count) => Outcome::data(&buffer[..count]),
        Err(stop) => failure(target.fd, stop, waits, SocketOption::ReceiveTimeout),
    })
}

/// Sends the stream of `seed` until nothing is taken any more.
pub(super) fn fill(target: Target, seed: u64, bound: &Bound<'_>) -> Timed<Outcome> {
    let mut chunk = vec![0; CHUNK];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    timed(|| {
        let mut total: u64 = 0;
        while !bound.is_over() {
            Payload::generate(seed, total, &mut chunk);
            match bound.patiently(|| send(target.fd, &chunk, flags)) {
                Ok(count) => total += count as u64,
                Err(Stop::Failed(Errno::EAGAIN)) => {
                    match bound
                        .patiently_for(STILL, |left| syscall::poll(target.fd, libc::POLLOUT, left))
                    {
                        Err(Stop::Blocked) => return Outcome::Blocked,
                        Ok(0) | Err(Stop::Failed(_)) => return Outcome::Count(total),
                        Ok(_) => {}
                    }
                }
                Err(stop) => return failure(target.fd, stop, false, SocketOption::SendTimeout),
            }
        }
        Outcome::Blocked
    })
}

/// Receives until the end of the stream.
pub(super) fn drain(target: Target, bound: &Bound<'_>) -> Timed<Outcome> {
    with_scratch(CHUNK, |buffer| {
        timed(|| {
            let mut bytes = Received::default();
            while bytes.length() < MOST {
                // A sender that never stops never lets a receive wait, and so be broken.
                if bound.is_over() {
                    return Outcome::Blocked;
                }
                match bound.patiently(|| recv(target.fd, buffer, MsgFlags::empty())) {
                    Ok(0) if bytes.length() == 0 => return Outcome::EndOfStream,
                    Ok(0) => break,
                    Ok(count) => bytes.push(&buffer[..count]),
                    Err(stop) => {
                        return failure(target.fd, stop, true, SocketOption::ReceiveTimeout);
                    }
                }
            }
            Outcome::Data { bytes, source: None, truncated: false }
        })
    })
}

/// What the end of a call without a result means. `EAGAIN` on a call that waits is the work of
/// the limit on the socket, if one is set.
pub(super) fn failure(fd: RawFd, stop: Stop, waits: bool, limit: SocketOption) -> Outcome {
    match stop {
        Stop::Blocked => Outcome::Blocked,
        Stop::Failed(Errno::EAGAIN) if waits && is_blocking(fd) && option::has_limit(fd, limit) => {
            Outcome::Timeout
        }
        Stop::Failed(raw) => Outcome::failed(errno::named(raw)),
    }
}

fn is_blocking(fd: RawFd) -> bool {
    fcntl(syscall::borrow(fd), FcntlArg::F_GETFL)
        .is_ok_and(|flags| !OFlag::from_bits_truncate(flags).contains(OFlag::O_NONBLOCK))
}

/// The endpoint a socket address stands for.
pub(super) fn endpoint_of(address: &SockAddr) -> Endpoint {
    match (address.as_socket(), address.as_abstract_namespace()) {
        (Some(inet), _) => Endpoint::Inet(inet),
        (None, Some(name)) => Endpoint::Local(String::from_utf8_lossy(name).into_owned()),
        (None, None) => Endpoint::Unnamed,
    }
}

/// Who sent a datagram, where the kernel tells.
fn sender_of(address: &SockAddr) -> Option<Endpoint> {
    match endpoint_of(address) {
        Endpoint::Unnamed => None,
        named => Some(named),
    }
}

/// Gets the calling thread's buffer ready for a receive.
pub(super) fn reserve(limit: usize) {
    if limit <= CHUNK {
        with_scratch(limit, |_| ());
    }
}

pub(super) fn with_scratch<T>(limit: usize, use_it: impl FnOnce(&mut [u8]) -> T) -> T {
    if limit > CHUNK {
        // Kept for each of hundreds of threads, and written to the end to begin with, large buffers
        // would add up; fresh from the system, only what is received takes memory.
        return use_it(&mut vec![0; limit]);
    }
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < limit {
            scratch.resize(limit, 0);
        }
        use_it(&mut scratch[..limit])
    })
}

pub(super) fn send_flags(flags: MessageFlags) -> MsgFlags {
    let mut raw = MsgFlags::empty();
    raw.set(MsgFlags::MSG_DONTWAIT, flags.contains(MessageFlags::DONTWAIT));
    raw.set(MsgFlags::from_bits_retain(libc::MSG_MORE), flags.contains(MessageFlags::MORE));
    raw
}

fn receive_flags(flags: MessageFlags) -> MsgFlags {
    let mut raw = MsgFlags::empty();
    raw.set(MsgFlags::MSG_DONTWAIT, flags.contains(MessageFlags::DONTWAIT));
    raw.set(MsgFlags::MSG_PEEK, flags.contains(MessageFlags::PEEK));
    raw.set(MsgFlags::MSG_WAITALL, flags.contains(MessageFlags::WAITALL));
    raw.set(MsgFlags::MSG_TRUNC, flags.contains(MessageFlags::TRUNC));
    raw.set(MsgFlags::MSG_ERRQUEUE, flags.contains(MessageFlags::ERRQUEUE));
    raw
}
