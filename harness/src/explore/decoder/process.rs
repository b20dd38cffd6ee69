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

use super::answer::{Answer, Request, greeted};
use super::guard::{REFUSED, guarded, kill_group};
use super::tail::Tail;
use super::{Ending, Mishap, MishapKind, StartError};
use crate::framing::{Inbox, Next, Refusal, TerminatorFramer};

/// How long a program may take until it says which protocol it speaks: some start slowly.
const START: Duration = Duration::from_secs(10);
/// How long one may take to end after it has closed its standard output.
const LINGER: Duration = Duration::from_millis(500);
/// How long its first line may be.
const LONGEST_GREETING: u64 = 1 << 10;
/// How many bytes an answer may have, beside eight for each byte of the stream: enough for each
/// of them to be an empty message.
const SLACK: u64 = 1 << 20;
/// How much of a line is shown.
const SHOWN: usize = 120;

/// A program that runs and answers. It is killed, with all that it started, when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: Source<ChildStdout>,
    stderr: Source<ChildStderr>,
    inbox: Inbox,
    lines: TerminatorFramer,
    tail: Tail,
    /// How many bytes the stream has so far, and messages.
    bytes: u64,
    messages: u64,
}

/// A pipe to read from, and whether it was read to its end.
#[derive(Debug)]
struct Source<T> {
    pipe: T,
    over: bool,
}

impl Process {
    /// Starts a program and waits until it says which protocol it speaks. Returns what it says of
    /// itself, too.
    pub(super) fn start(
        guard: &[OsString],
        command: &[OsString],
    ) -> Result<(Self, String), StartError> {
        let mut child = guarded(guard, command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| StartError::Spawn(error.to_string()))?;
        let missing = || io::Error::from(ErrorKind::BrokenPipe);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else { return Err(missing().into()) };
        let mut process = Self {
            child,
            stdin,
            stdout: Source { pipe: stdout, over: false },
            stderr: Source { pipe: stderr, over: false },
            inbox: Inbox::new(),
            lines: TerminatorFramer::new(b'\n', usize::MAX),
            tail: Tail::default(),
            bytes: 0,
            messages: 0,
        };
        fcntl(&process.stdin, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(io::Error::from)?;
        let name = process.greet()?;
        Ok((process, name))
    }

    fn greet(&mut self) -> Result<String, StartError> {
        let mut turn = Turn::new(&[], START, LONGEST_GREETING);
        let line = match self.line(&mut turn) {
            Ok(line) => line,
            Err(MishapKind::Flood(_)) => self.inbox.unread().to_vec(),
            Err(kind) => {
                let Mishap { kind, said } = self.mishap(kind);
                return Err(StartError::Silent { kind, said });
            }
        };
        greeted(&line).map_err(|line| match line.strip_prefix(REFUSED) {
            Some(why) => StartError::Spawn(why.to_owned()),
            None => StartError::Greeting { line: shown(&line), said: self.tail.lines() },
        })
    }

    /// Asks something, puts the messages of the answer behind `messages`, and returns whether the
    /// bytes were refused.
    pub(super) fn ask(
        &mut self,
        request: Request,
        bytes: &[u8],
        limit: Duration,
        messages: &mut Vec<Vec<u8>>,
    ) -> Result<Option<Refusal>, Mishap> {
        if request == Request::New {
            (self.bytes, self.messages) = (0, 0);
        }
        self.bytes += bytes.len() as u64;
        let text = request.line(bytes);
        let mut turn = Turn::new(&text, limit, SLACK + 8 * self.bytes);
        loop {
            let line = self.line(&mut turn).map_err(|kind| self.mishap(kind))?;
            match Answer::read(&line) {
                Some(answer) if answer.fits(request) => match answer {
                    Answer::Frame(message) => {
                        self.messages += 1;
                        // What gives an empty last one at the end is no flood.
                        if self.messages > self.bytes + 1 {
                            return Err(self.mishap(MishapKind::Messages(self.bytes)));
                        }
                        messages.push(message);
                    }
                    Answer::More | Answer::End => return Ok(None),
                    Answer::Refused(refusal) => return Ok(Some(refusal)),
                },
                _ => {
                    let line = shown(&String::from_utf8_lossy(&line));
                    let wanted = request.wanted();
                    return Err(self.mishap(MishapKind::Garbage { line, wanted }));
                }
            }
        }
    }

    /// The next line, without its end.
    fn line(&mut self, turn: &mut Turn<'_>) -> Result<Vec<u8>, MishapKind> {
        loop {
            // The limit of lines is that of the turn.
            if let Ok(Next::Message(line)) = self.inbox.next(&mut self.lines, false) {
                return Ok(line.to_vec());
            }
            if turn.read > turn.most {
                return Err(MishapKind::Flood(turn.most));
            }
            if self.stdout.over {
                return Err(MishapKind::Crash(self.ending(Instant::now() + LINGER)));
            }
            let Some(left) = turn.deadline.checked_duration_since(Instant::now()) else {
                // It can have ended while something that it started holds its pipes.
                return Err(match self.ended() {
                    Some(ending) => MishapKind::Crash(ending),
                    None => MishapKind::Hang(turn.limit),
                });
            };
            self.exchange(turn, left);
        }
    }

    /// Writes and reads what can be written and read, or waits until something can.
    fn exchange(&mut self, turn: &mut Turn<'_>, left: Duration) {
        let ready = ready(
            [
                (!turn.text.is_empty(), self.stdin.as_fd(), PollFlags::POLLOUT),
                (!self.stdout.over, self.stdout.pipe.as_fd(), PollFlags::POLLIN),
                (!self.stderr.over, self.stderr.pipe.as_fd(), PollFlags::POLLIN),
            ],
            left,
        );
        if ready[0] {
            turn.text = match self.stdin.write(turn.text) {
                Ok(count) => &turn.text[count..],
                Err(error) if is_passing(&error) => turn.text,
                // It does not read any more; what it writes still tells why.
                Err(_) => &[],
            };
        }
        if ready[1] {
            match self.inbox.fill(&mut self.stdout.pipe) {
                Ok(0) => self.stdout.over = true,
                Ok(count) => turn.read += count as u64,
                Err(error) => self.stdout.over = !is_passing(&error),
            }
        }
        if ready[2] {
            self.listen();
        }
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

    /// How it ended, if it ends by then.
    fn ending(&mut self, deadline: Instant) -> Ending {
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
    fn ended(&self) -> Option<Ending> {
        let id = Id::Pid(Pid::from_raw(i32::try_from(self.child.id()).ok()?));
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(id, flags).ok()? {
            WaitStatus::Exited(_, code) => Some(Ending::Code(code)),
            WaitStatus::Signaled(_, signal, _) => Some(Ending::Signal(signal)),
            _ => None,
        }
    }

    /// What it did instead of answering, with what it said to its standard error. Nothing more can
    /// be asked of it.
    fn mishap(&mut self, kind: MishapKind) -> Mishap {
        kill_group(self.child.id());
        // What was written before the end is there now, and little of it.
        for _ in 0..256 {
            let stderr = (!self.stderr.over, self.stderr.pipe.as_fd(), PollFlags::POLLIN);
            let [ready] = ready([stderr], Duration::ZERO);
            if !ready {
                break;
            }
            self.listen();
        }
        Mishap { kind, said: self.tail.lines() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        kill_group(self.child.id());
        // It was killed, and nobody else waits for it.
        let _ = self.child.wait();
    }
}

/// One question and its answer, as far as they have come.
struct Turn<'a> {
    /// What is still to be written.
    text: &'a [u8],
    deadline: Instant,
    limit: Duration,
    /// How many bytes were read, and how many may be.
    read: u64,
    most: u64,
}

impl<'a> Turn<'a> {
    fn new(text: &'a [u8], limit: Duration, most: u64) -> Self {
        Self { text, deadline: Instant::now() + limit, limit, read: 0, most }
    }
}

/// Waits until something can be done with one of the pipes that are wanted, and says with which.
fn ready<const N: usize>(
    pipes: [(bool, BorrowedFd<'_>, PollFlags); N],
    left: Duration,
) -> [bool; N] {
    // The end of a pipe is told whatever is asked, and so would be again and again.
    let wanted = pipes.iter().filter(|(wanted, ..)| *wanted);
    let mut polled: Vec<PollFd<'_>> =
        wanted.map(|(_, pipe, flags)| PollFd::new(*pipe, *flags)).collect();
    // Rounded up, so that the deadline has passed when nothing happened.
    let left = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
    if poll(&mut polled, left).is_err() {
        return [false; N];
    }
    let mut events = polled.iter().map(|one| one.any().unwrap_or(false));
    pipes.map(|(wanted, ..)| wanted && events.next().unwrap_or(false))
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// The beginning of a line.
fn shown(line: &str) -> String {
    match line.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line.to_owned(),
    }
}
