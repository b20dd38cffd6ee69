use std::cell::RefCell;
use std::ffi::OsString;
use std::mem::take;
use std::time::{Duration, Instant};

use super::answer::Request;
use super::process::Process;
use super::{Mishap, StartError};
use crate::explore::Case;
use crate::framing::{Decoder, Refusal};

/// How a program that decodes is started, and how long it may take to answer.
#[derive(Clone, Debug)]
pub struct Program {
    /// What stands before the command so that [`guard`](crate::subject::program::guard()) is called with the id of this
    /// process and the command; nothing where the command is to be started without a guard.
    pub guard: Vec<OsString>,
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// A program that decodes, asked for one stream after the other. It is started when it is needed,
/// and again after a mishap.
///
/// What keeps it from answering is no refusal of its decoder. Streams tell it as one, since a
/// decoder can give nothing else, and [`Session::mishap`] and [`Session::broken`] tell the truth.
#[derive(Debug)]
pub struct Session {
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    program: Program,
    process: Option<Process>,
    name: String,
    mishap: Option<(Mishap, Case)>,
    broken: Option<StartError>,
    counts: Exchanges,
    /// The stream that was begun last, chunk by chunk.
    stream: Vec<u8>,
    sizes: Vec<usize>,
}

/// What was asked in a session so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchanges {
    /// How many streams.
    pub streams: u64,
    /// How many chunks.
    pub chunks: u64,
    /// How long the slowest answer took that came.
    pub slowest: Duration,
}

/// A decoder that is a stream of a session's program.
#[derive(Debug)]
pub struct Stream<'a> {
    session: &'a Session,
    number: u64,
}

impl Session {
    /// Starts the program.
    ///
    /// # Errors
    /// When it cannot be started, or does not say which protocol it speaks.
    pub fn start(program: Program) -> Result<Self, StartError> {
        let mut state = State {
            program,
            process: None,
            name: String::new(),
            mishap: None,
            broken: None,
            counts: Exchanges::default(),
            stream: Vec::new(),
            sizes: Vec::new(),
        };
        state.ensure()?;
        Ok(Self { state: RefCell::new(state) })
    }

    /// What the program says of itself; it can be empty.
    pub fn name(&self) -> String {
        self.state.borrow().name.clone()
    }

    /// What was asked so far.
    pub fn exchanges(&self) -> Exchanges {
        self.state.borrow().counts
    }

    /// How long an answer may take.
    pub fn timeout(&self) -> Duration {
        self.state.borrow().program.timeout
    }

    /// Changes how long an answer may take.
    pub fn set_timeout(&self, timeout: Duration) {
        self.state.borrow_mut().program.timeout = timeout;
    }

    /// Ends the program, so that the next stream is the first of a new one.
    pub fn renew(&self) {
        self.state.borrow_mut().process = None;
    }

    /// Takes what has kept the program from answering, and what it was given of that stream. Until
    /// then no other stream is begun.
    pub fn mishap(&self) -> Option<(Mishap, Case)> {
        self.state.borrow_mut().mishap.take()
    }

    /// Takes why the program could not be started again. Until then no other stream is begun.
    pub fn broken(&self) -> Option<StartError> {
        self.state.borrow_mut().broken.take()
    }

    /// Begins a stream. The one before it is over with that.
    pub fn stream(&self) -> Stream<'_> {
        let mut state = self.state.borrow_mut();
        state.counts.streams += 1;
        let number = state.counts.streams;
        // That there is no refusal of nothing is part of the protocol.
        let _ = state.ask(Request::New, &[], &mut Vec::new());
        Stream { session: self, number }
    }
}

impl State {
    fn ensure(&mut self) -> Result<&mut Process, StartError> {
        let process = if let Some(process) = self.process.take() {
            process
        } else {
            let (process, name) = Process::start(&self.program.guard, &self.program.command)?;
            self.name = name;
            process
        };
        Ok(self.process.insert(process))
    }

    fn ask(
        &mut self,
        request: Request,
        bytes: &[u8],
        messages: &mut Vec<Vec<u8>>,
    ) -> Result<(), Refusal> {
        let unanswered = || Refusal { fault: None, text: "the program did not answer".to_owned() };
        if self.mishap.is_some() || self.broken.is_some() {
            return Err(unanswered());
        }
        // Only a new stream can begin in a new process.
        if request != Request::New && self.process.is_none() {
            return Err(unanswered());
        }
        match request {
            Request::New => {
                self.stream.clear();
                self.sizes.clear();
            }
            Request::Chunk => {
                self.stream.extend_from_slice(bytes);
                self.sizes.push(bytes.len());
            }
            Request::End => {}
        }
        let timeout = self.program.timeout;
        let process = match self.ensure() {
            Ok(process) => process,
            Err(error) => {
                self.broken = Some(error);
                return Err(unanswered());
            }
        };
        let began = Instant::now();
        let answer = process.ask(request, bytes, timeout, messages);
        match answer {
            Ok(refusal) => {
                self.counts.slowest = self.counts.slowest.max(began.elapsed());
                refusal.map_or(Ok(()), Err)
            }
            Err(mishap) => {
                self.process = None;
                let case = Case::new(take(&mut self.stream), &take(&mut self.sizes));
                self.mishap = Some((mishap, case));
                Err(unanswered())
            }
        }
    }
}

/// The messages before a mishap are among those that are given.
impl Decoder for Stream<'_> {
    fn decode(
        &mut self,
        chunk: &[u8],
        end: bool,
        messages: &mut Vec<Vec<u8>>,
    ) -> Result<(), Refusal> {
        let mut state = self.session.state.borrow_mut();
        assert_eq!(self.number, state.counts.streams, "a program decodes one stream at a time");
        if !chunk.is_empty() || !end {
            state.counts.chunks += 1;
            state.ask(Request::Chunk, chunk, messages)?;
        }
        if end { state.ask(Request::End, &[], messages) } else { Ok(()) }
    }
}
