use std::ffi::OsString;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::Ending;
use super::guard::{guarded, kill_group};
use super::tail::Tail;
use crate::subject::copies::starting;

/// How long one may take to end after it has closed its standard output.
const LINGER: Duration = Duration::from_millis(500);

/// A program that runs, with its three pipes. It is killed, with all that it started, when this is
/// dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// `None` once nothing more will be written.
    stdin: Option<ChildStdin>,
    stdout: Source<ChildStdout>,
    stderr: Source<ChildStderr>,
    tail: Tail,
}

/// A pipe to read from, and whether it was read to its end.
#[derive(Debug)]
struct Source<T> {
    pipe: T,
    over: bool,
}

impl Process {
    /// Starts a command behind a guard: `guard` is what makes this program call [`super::guard()`],
    /// and is followed by the id of this process and the command.
    pub(crate) fn start(guard: &[OsString], command: &[OsString]) -> io::Result<Self> {
        Self::start_with(guard, command, Stdio::piped())
    }

    /// The same with a standard input of its own, to which nothing is written where it is no pipe.
    pub(crate) fn start_with(
        guard: &[OsString],
        command: &[OsString],
        stdin: Stdio,
    ) -> io::Result<Self> {
        let mut program = guarded(guard, command);
        program.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = starting(|| program.spawn())?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(ErrorKind::BrokenPipe.into());
        };
        let stdin = child.stdin.take();
        if let Some(stdin) = &stdin {
            fcntl(stdin, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(Self {
            child,
            stdin,
            stdout: Source { pipe: stdout, over: false },
            stderr: Source { pipe: stderr, over: false },
            tail: Tail::default(),
        })
    }

    /// The process that leads its group, which is that of the command where there is no guard.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether its standard output was read to its end.
    pub(crate) const fn is_over(&self) -> bool {
        self.stdout.over
    }

    /// Writes of `text` what can be written and lets `take` read what can be read, or waits until either
    /// can be done, at most for `left`. Gives how many bytes were read; `text` is what is still to be
    /// written.
    pub(crate) fn exchange(
        &mut self,
        text: &mut &[u8],
        take: impl FnOnce(&mut ChildStdout) -> io::Result<usize>,
        left: Duration,
    ) -> usize {
        let stdin = self.stdin.as_ref().filter(|_| !text.is_empty());
        let ready = ready(
            [
                stdin.map(|pipe| (pipe.as_fd(), PollFlags::POLLOUT)),
                self.stdout.wanted(self.stdout.pipe.as_fd()),
                self.stderr.wanted(self.stderr.pipe.as_fd()),
            ],
            left,
        );
        if let (true, Some(stdin)) = (ready[0], &mut self.stdin) {
            *text = match stdin.write(text) {
                Ok(count) => &text[count..],
                Err(error) if is_passing(&error) => text,
                // It does not read any more; what it writes still tells why.
                Err(_) => &[],
            };
        }
        let mut read = 0;
        if ready[1] {
            match take(&mut self.stdout.pipe) {
                Ok(0) => self.stdout.over = true,
                Ok(count) => read = count,
                Err(error) => self.stdout.over = !is_passing(&error),
            }
        }
        if ready[2] {
            self.listen();
        }
        read
    }

    /// Reads once from its standard error.
    fn listen(&mut self) {
        let mut buffer = [0; 4 << 10];
        match self.stderr.pipe.read(&mut buffer) {
            Ok(0) => self.stderr.over = true,
            Ok(count) => self.tail.push(&buffer[..count]),
            Err(error) => self.stderr.over = !is_passing(&error),
        }
    }

    /// How it ended, after its standard output has; it may take a moment longer itself.
    pub(crate) fn ending(&self) -> Ending {
        let deadline = Instant::now() + LINGER;
        loop {
            if let Some(ending) = self.ended() {
                return ending;
            }
            if Instant::now() >= deadline {
                return Ending::Closed;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// How it ended, if it has. It stays to be waited for, so that its id remains its own.
    pub(crate) fn ended(&self) -> Option<Ending> {
        ended(self.child.id())
    }

    /// The last lines of its standard error so far.
    pub(crate) fn said(&self) -> Vec<String> {
        self.tail.lines()
    }

    /// Kills it with all that it started, and gives the last lines of its standard error.
    pub(crate) fn kill(&mut self) -> Vec<String> {
        kill_group(self.child.id());
        // What was written before the end is there now, and little of it.
        for _ in 0..256 {
            let [ready] = ready([self.stderr.wanted(self.stderr.pipe.as_fd())], Duration::ZERO);
            if !ready {
                break;
            }
            self.listen();
        }
        self.tail.lines()
    }

    /// Tells it that nothing follows.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Tells it that nothing follows, and gives it so long to end by itself.
    pub(crate) fn finish(&mut self, patience: Duration) {
        self.end_input();
        let deadline = Instant::now() + patience;
        while self.ended().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        kill_group(self.child.id());
        // It was killed, and nobody else waits for it.
        let _ = self.child.wait();
    }
}

impl<T> Source<T> {
    fn wanted<'a>(&self, pipe: BorrowedFd<'a>) -> Option<(BorrowedFd<'a>, PollFlags)> {
        (!self.over).then_some((pipe, PollFlags::POLLIN))
    }
}

/// How the process with an id ended, if it has; nobody may have waited for it yet.
pub(crate) fn ended(process: u32) -> Option<Ending> {
    let id = Id::Pid(Pid::from_raw(i32::try_from(process).ok()?));
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match waitid(id, flags).ok()? {
        WaitStatus::Exited(_, code) => Some(Ending::Code(code)),
        WaitStatus::Signaled(_, signal, _) => Some(Ending::Signal(signal)),
        _ => None,
    }
}

/// Waits until something can be done with one of the pipes that are wanted, and says with which.
fn ready<const N: usize>(
    pipes: [Option<(BorrowedFd<'_>, PollFlags)>; N],
    left: Duration,
) -> [bool; N] {
    // The end of a pipe is told whatever is asked, and so would be again and again.
    let mut polled: Vec<PollFd<'_>> =
        pipes.iter().flatten().map(|(pipe, flags)| PollFd::new(*pipe, *flags)).collect();
    // Rounded up, so that the deadline has passed when nothing happened.
    let rounded = if left.is_zero() { 0 } else { left.as_millis() + 1 };
    let left = PollTimeout::try_from(rounded).unwrap_or(PollTimeout::MAX);
    if poll(&mut polled, left).is_err() {
        return [false; N];
    }
    let mut events = polled.iter().map(|one| one.any().unwrap_or(false));
    pipes.map(|pipe| pipe.is_some() && events.next().unwrap_or(false))
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
