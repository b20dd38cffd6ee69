use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use nix::libc;

/// What the kernel tells of a thread.
#[derive(Debug)]
pub(super) struct ThreadState {
    folder: String,
    stat: File,
}

impl ThreadState {
    /// Of a thread of this process.
    ///
    /// # Errors
    /// When there is no such thread, or `/proc` cannot be read.
    pub(super) fn own(thread: i32) -> io::Result<Self> {
        Self::at(format!("/proc/self/task/{thread}"))
    }

    /// Of a thread of any process that this one may look at.
    ///
    /// # Errors
    /// When there is no such thread, or `/proc` cannot be read.
    pub(super) fn any(thread: i32) -> io::Result<Self> {
        Self::at(format!("/proc/{thread}"))
    }

    fn at(folder: String) -> io::Result<Self> {
        let stat = File::open(format!("{folder}/stat"))?;
        Ok(Self { folder, stat })
    }

    /// Whether it sleeps, and not for a lock within its process.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_asleep() && !self.waits_for_lock()
    }

    /// Whether its line says that it sleeps: the state stands behind the name in brackets, which may
    /// itself hold anything (proc_pid_stat(5)).
    fn is_asleep(&self) -> bool {
        let mut line = [0; 128];
        let Ok(length) = self.stat.read_at(&mut line, 0) else { return false };
        let line = &line[..length];
        line.iter()
            .rposition(|&byte| byte == b')')
            .and_then(|bracket| line.get(bracket + 2))
            .is_some_and(|&state| state == b'S')
    }

    /// Whether it sleeps in futex(2), as for the lock of the memory allocator. Where the system does
    /// not tell, it is taken not to.
    fn waits_for_lock(&self) -> bool {
        fs::read_to_string(format!("{}/syscall", self.folder)).is_ok_and(|line| {
            line.split(' ').next().and_then(|number| number.parse().ok()) == Some(libc::SYS_futex)
        })
    }
}
