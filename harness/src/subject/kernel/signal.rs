use std::sync::OnceLock;

use nix::sys::signal::{SaFlags, SigSet, SigmaskHow, Signal, pthread_sigmask};

use super::syscall;

/// Breaks a call whose time is over.
pub(super) const DEADLINE: Signal = Signal::SIGALRM;
/// Interrupts a call because the scenario says so.
pub(super) const INTERRUPT: Signal = Signal::SIGUSR2;

/// Installs the handlers of this process, once.
///
/// # Errors
/// When the system refuses a handler.
pub(super) fn install() -> nix::Result<()> {
    static INSTALLED: OnceLock<nix::Result<()>> = OnceLock::new();
    *INSTALLED.get_or_init(|| {
        // Without SA_RESTART, so that a blocked call returns.
        syscall::handle_silently(DEADLINE, SaFlags::empty())?;
        // With it, because what a call does then is the behaviour under test.
        syscall::handle_silently(INTERRUPT, SaFlags::SA_RESTART)
    })
}

/// Runs a call that may raise `SIGPIPE` and tells whether it did. The signal itself stays with
/// this thread and is taken out of its queue.
pub(super) fn catching_pipe<T>(call: impl FnOnce() -> T) -> (T, bool) {
    let mut pipe = SigSet::empty();
    pipe.add(Signal::SIGPIPE);
    let mut before = SigSet::empty();
    // A blocked signal is queued even where it is ignored, so that it can be seen.
    let blocked = pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&pipe), Some(&mut before)).is_ok();
    let result = call();
    let raised = blocked && syscall::take_pending(Signal::SIGPIPE);
    if blocked {
        // It was valid before, so it is valid again.
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    }
    (result, raised)
}
