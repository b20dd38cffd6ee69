use std::ffi::OsString;
use std::time::{Duration, Instant};

use super::answer::{Answer, Request, greeted};
use super::{Mishap, MishapKind, StartError};
use crate::framing::{Inbox, Next, Refusal, TerminatorFramer};
use crate::subject::program;

/// How long a program may take until it says which protocol it speaks: some start slowly.
const START: Duration = Duration::from_secs(10);
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
    program: program::Process,
    inbox: Inbox,
    lines: TerminatorFramer,
    /// How many bytes the stream has so far, and messages.
    bytes: u64,
    messages: u64,
}

impl Process {
    /// Starts a program and waits until it says which protocol it speaks. Returns what it says of
    /// itself, too.
    pub(super) fn start(
        guard: &[OsString],
        command: &[OsString],
    ) -> Result<(Self, String), StartError> {
        let program = program::Process::start(guard, command)
            .map_err(|error| StartError::Spawn(error.to_string()))?;
        let mut process = Self {
            program,
            inbox: Inbox::new(),
            lines: TerminatorFramer::new(b'\n', usize::MAX),
            bytes: 0,
            messages: 0,
        };
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
        greeted(&line).map_err(|line| match program::refusal(&line) {
            Some(why) => StartError::Spawn(why.to_owned()),
            None => StartError::Greeting { line: shown(&line), said: self.program.said() },
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
            if self.program.is_over() {
                return Err(MishapKind::Crash(self.program.ending()));
            }
            let Some(left) = turn.deadline.checked_duration_since(Instant::now()) else {
                // It can have ended while something that it started holds its pipes.
                return Err(match self.program.ended() {
                    Some(ending) => MishapKind::Crash(ending),
                    None => MishapKind::Hang(turn.limit),
                });
            };
            let inbox = &mut self.inbox;
            let read = self.program.exchange(&mut turn.text, |pipe| inbox.fill(pipe), left);
            turn.read += read as u64;
        }
    }

    /// What it did instead of answering, with what it said to its standard error. Nothing more can
    /// be asked of it.
    fn mishap(&mut self, kind: MishapKind) -> Mishap {
        Mishap { kind, said: self.program.kill() }
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

/// The beginning of a line.
fn shown(line: &str) -> String {
    match line.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line.to_owned(),
    }
}
