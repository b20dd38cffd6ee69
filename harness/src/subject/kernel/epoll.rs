//! Asking what a socket is ready for by epoll(7).

use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::bound::Bound;
use super::call::{Timed, readiness, timed};
use super::syscall;
use crate::vocabulary::{Outcome, Readiness};

/// An epoll instance for one socket, and what the socket is registered for with it.
#[derive(Clone, Debug)]
pub(super) struct Registration(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    epoll: Epoll,
    /// What the socket was last registered for; nothing before the first time.
    interest: Mutex<Option<Readiness>>,
}

impl Registration {
    /// Makes an epoll instance; the socket is registered when it is first asked about.
    pub(super) fn new() -> nix::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self(Arc::new(Inner { epoll, interest: Mutex::new(None) })))
    }

    /// Registers the socket if that is not done yet, or changes what it is registered for, and
    /// waits. Only the wait counts as the time of the call.
    pub(super) fn ask(
        &self,
        fd: RawFd,
        interest: Readiness,
        timeout: Option<Duration>,
        bound: &Bound<'_>,
    ) -> Timed<Outcome> {
        if let Err(raw) = self.register(fd, interest) {
            return timed(|| Outcome::failed(super::errno::named(raw)));
        }
        let limit = timeout.unwrap_or_default();
        timed(|| bound.patiently_for(limit, |left| wait(&self.0.epoll, left))).map(|found| {
            let found = found.map(|found| {
                let found = FLAGS.into_iter().filter(|(_, raw)| found.contains(*raw));
                found.fold(Readiness::NONE, |all, (flag, _)| all | flag)
            });
            readiness(fd, found, timeout)
        })
    }

    fn register(&self, fd: RawFd, interest: Readiness) -> nix::Result<()> {
        let mut registered = self.0.interest.lock().unwrap_or_else(PoisonError::into_inner);
        let flags = FLAGS.into_iter().filter(|(flag, _)| interest.contains(*flag));
        let flags = flags.fold(EpollFlags::empty(), |all, (_, raw)| all | raw);
        let mut event = EpollEvent::new(flags, 0);
        match *registered {
            Some(before) if before == interest => {}
            Some(_) => self.0.epoll.modify(syscall::borrow(fd), &mut event)?,
            None => self.0.epoll.add(syscall::borrow(fd), event)?,
        }
        *registered = Some(interest);
        Ok(())
    }
}

/// Waits by epoll_wait(2), or where the limit is no whole number of milliseconds by
/// epoll_pwait2(2). A kernel before 5.11 does not have that, and some sandboxes refuse it: then the
/// limit is rounded up, so that no wait ends early.
fn wait(epoll: &Epoll, limit: Duration) -> nix::Result<EpollFlags> {
    if !limit.subsec_nanos().is_multiple_of(1_000_000) {
        match syscall::epoll_wait_finely(epoll, limit) {
            Err(Errno::ENOSYS | Errno::EPERM) => {}
            result => return result,
        }
    }
    let mut events = [EpollEvent::empty()];
    let found = epoll.wait(&mut events, whole(limit))?;
    Ok(if found == 0 { EpollFlags::empty() } else { events[0].events() })
}

/// A limit in whole milliseconds, rounded up.
fn whole(limit: Duration) -> EpollTimeout {
    let millis = limit.as_nanos().div_ceil(1_000_000);
    i32::try_from(millis)
        .ok()
        .and_then(|millis| millis.try_into().ok())
        .unwrap_or(EpollTimeout::MAX)
}

/// The poll flags with this kernel's; a descriptor that is not open is refused instead of told.
const FLAGS: [(Readiness, EpollFlags); 6] = [
    (Readiness::IN, EpollFlags::EPOLLIN),
    (Readiness::PRI, EpollFlags::EPOLLPRI),
    (Readiness::OUT, EpollFlags::EPOLLOUT),
    (Readiness::RDHUP, EpollFlags::EPOLLRDHUP),
    (Readiness::HUP, EpollFlags::EPOLLHUP),
    (Readiness::ERR, EpollFlags::EPOLLERR),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_rounded_up_and_stays_zero() {
        for (micros, millis) in [(0, 0_u16), (1, 1), (100, 1), (1_000, 1), (1_001, 2), (2_500, 3)] {
            assert_eq!(
                whole(Duration::from_micros(micros)),
                EpollTimeout::from(millis),
                "{micros}"
            );
        }
        assert_eq!(whole(Duration::MAX), EpollTimeout::MAX);
    }
}
