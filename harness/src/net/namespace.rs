use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace, held by a descriptor alone: with the last one that is closed it is gone,
/// whatever ended the process.
#[derive(Debug)]
pub(super) struct Namespace {
    file: File,
}

impl Namespace {
    /// The one that the calling thread is in.
    pub(super) fn current() -> io::Result<Self> {
        Ok(Self { file: File::open("/proc/thread-self/ns/net")? })
    }

    /// A new one; the calling thread is in `home` before and after.
    pub(super) fn new(home: &Self) -> io::Result<Self> {
        let _visit = Visit { home };
        unshare(CloneFlags::CLONE_NEWNET)?;
        Self::current()
    }

    /// Runs something in it, on the calling thread, which is in `home` afterwards.
    pub(super) fn inside<T>(&self, home: &Self, f: impl FnOnce() -> T) -> io::Result<T> {
        self.join()?;
        let _visit = Visit { home };
        Ok(f())
    }

    /// Moves the calling thread into it for good.
    pub(super) fn join(&self) -> io::Result<()> {
        Ok(setns(self, CloneFlags::CLONE_NEWNET)?)
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Brings the thread home when it ends, also by a panic.
struct Visit<'a> {
    home: &'a Namespace,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        // A thread that stayed would do everything that follows on the wrong network.
        self.home.join().expect("a thread can return to the namespace it came from");
    }
}
