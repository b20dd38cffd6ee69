use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::unistd::{Pid, gettid};

use super::signal::DEADLINE;
use super::syscall;

/// Knows the threads in which sessions are open, so that whatever they wait in can be broken when a
/// run is to end at once.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    is_broken: AtomicBool,
    threads: Mutex<Vec<Pid>>,
}

impl Breaker {
    /// Lets the calling thread be interrupted, until what is given back is dropped.
    pub(super) fn join(self: &Arc<Self>) -> Member {
        let thread = THREAD.with(|thread| *thread);
        self.threads().push(thread);
        Member { breaker: Arc::clone(self), thread }
    }

    /// Interrupts every thread. To be repeated, since a signal can fall just before a call.
    pub(super) fn interrupt(&self) {
        // Before the signals, so that who is interrupted knows why.
        self.is_broken.store(true, Ordering::SeqCst);
        for thread in self.threads().iter() {
            // One that has ended meanwhile has nothing left to break.
            let _ = syscall::signal_thread(*thread, DEADLINE);
        }
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Pid>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    /// The kernel's number of this thread, which takes a system call to learn.
    static THREAD: Pid = gettid();
}

/// One thread in which a session is open.
#[derive(Debug)]
pub(super) struct Member {
    breaker: Arc<Breaker>,
    thread: Pid,
}

impl Member {
    /// Whether the run is to end at once.
    pub(super) fn is_broken(&self) -> bool {
        self.breaker.is_broken.load(Ordering::SeqCst)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut threads = self.breaker.threads();
        if let Some(own) = threads.iter().position(|thread| *thread == self.thread) {
            threads.swap_remove(own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_belongs_to_it_while_its_session_is_open() {
        let breaker = Arc::new(Breaker::default());
        let (one, other) = (breaker.join(), breaker.join());
        assert_eq!(*breaker.threads(), [gettid(); 2]);
        drop(one);
        assert_eq!(*breaker.threads(), [gettid()]);
        assert!(!other.is_broken());
        drop(other);
        breaker.interrupt();
        assert!(breaker.join().is_broken(), "who comes later knows it too");
    }
}
