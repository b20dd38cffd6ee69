use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::breaker::Member;

/// What may end a blocked call: the alarm of an inline call, or the runner's word for a started
/// one.
pub(super) enum Bound<'a> {
    /// Nothing ends it, since it does not wait.
    Free,
    /// It may last until then, or until the run is to end.
    Until(Instant, &'a Member),
    /// It may last until the flags say otherwise.
    Flags(&'a Flags),
}

/// What the runner has said to a started call.
#[derive(Debug, Default)]
pub(super) struct Flags {
    /// It is to end now.
    pub(super) cancelled: AtomicBool,
    /// The scenario has sent it a signal.
    pub(super) interrupted: AtomicBool,
    /// The scenario has closed the descriptor it was started on.
    pub(super) closed: AtomicBool,
}

/// Why a call came to an end without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Its time was over.
    Blocked,
    /// It failed.
    Failed(Errno),
}

impl Bound<'_> {
    /// Whether the call's time is over.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Free => false,
            Self::Until(expiry, member) => Instant::now() >= *expiry || member.is_broken(),
            Self::Flags(flags) => flags.cancelled.load(Ordering::Acquire),
        }
    }

    /// Makes a call until it gives something else than an interruption that nobody asked for: a
    /// debugger or a tracer may interrupt calls, and so does a process that is stopped and goes on
    /// (signal(7)). None of that is the subject's doing.
    ///
    /// A call that waits by a limit of its socket, such as SO_RCVTIMEO, waits for all of it again:
    /// what is left of it could only be set on the socket, where the scenario would see it, or be
    /// waited for here, and then it would not be the subject that says that the time is over. So it
    /// may be late, but is never early, and the bound itself stays what it was.
    pub(super) fn patiently<T>(&self, mut call: impl FnMut() -> nix::Result<T>) -> Result<T, Stop> {
        loop {
            match call() {
                Err(Errno::EINTR) if self.is_over() => return Err(Stop::Blocked),
                // The number may be another socket's already, of another case perhaps.
                Err(Errno::EINTR) if self.is_closed() => return Err(Stop::Failed(Errno::EBADF)),
                Err(Errno::EINTR) if !self.is_interrupted() => {}
                result => return result.map_err(Stop::Failed),
            }
        }
    }

    /// Makes a call that carries its own time limit, for what is left of it after each such
    /// interruption.
    pub(super) fn patiently_for<T>(
        &self,
        limit: Duration,
        mut call: impl FnMut(Duration) -> nix::Result<T>,
    ) -> Result<T, Stop> {
        let began = Instant::now();
        let mut left = limit;
        self.patiently(|| {
            let found = call(left);
            left = limit.saturating_sub(began.elapsed());
            found
        })
    }

    fn is_closed(&self) -> bool {
        match self {
            Self::Free | Self::Until(..) => false,
            Self::Flags(flags) => flags.closed.load(Ordering::Acquire),
        }
    }

    fn is_interrupted(&self) -> bool {
        match self {
            Self::Free | Self::Until(..) => false,
            Self::Flags(flags) => flags.interrupted.load(Ordering::Acquire),
        }
    }
}
