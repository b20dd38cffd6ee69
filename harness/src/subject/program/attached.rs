use std::ffi::OsString;
use std::io;
use std::process::{Child, Stdio};

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::Ending;
use super::guard::{guarded, kill_group};
use crate::subject::copies::starting;

/// A program that runs with streams which somebody else reads and writes. It is killed, with its process
/// group, when this is dropped.
#[derive(Debug)]
pub(crate) struct Attached {
    child: Child,
}

impl Attached {
    /// Starts a command behind a guard: `guard` is what makes this program call [`super::guard()`], and
    /// is followed by the id of this process and the command. It has this process's standard error.
    pub(crate) fn start(
        guard: &[OsString],
        command: &[OsString],
        stdin: impl Into<Stdio>,
        stdout: impl Into<Stdio>,
    ) -> io::Result<Self> {
        let mut program = guarded(guard, command);
        program.stdin(stdin).stdout(stdout);
        let child = starting(|| program.spawn())?;
        Ok(Self { child })
    }

    /// The process group of which it and its guard are the only ones.
    pub(crate) fn group(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().map(Pid::from_raw)
    }

    /// Waits for its end. The id of the group remains its own until this is dropped.
    pub(crate) fn wait(&self) -> io::Result<Ending> {
        let process = self.group().ok_or(io::ErrorKind::InvalidData)?;
        loop {
            match waitid(Id::Pid(process), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
                Ok(WaitStatus::Exited(_, code)) => return Ok(Ending::Code(code)),
                Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(Ending::Signal(signal)),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        kill_group(self.child.id());
        // It was killed, and nobody else waits for it.
        let _ = self.child.wait();
    }
}
