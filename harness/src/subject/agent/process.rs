use std::collections::BTreeMap;
use std::ffi::OsString;
use std::mem::take;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::message::{Answer, CallId, Hello, Message};
use super::offers::CANCEL;
use super::reader::ReadError;
use super::request::{Call, Request};
use super::{Offers, Reader, Success};
use crate::subject::Granularity;
use crate::subject::program::{self, Ending, quoted, refusal};
use crate::vocabulary::ErrorNames;

/// The version of the protocol that is spoken here.
pub(super) const VERSION: u32 = 1;
/// How many bytes a line of an agent may have.
pub(super) const LONGEST_LINE: usize = 16 << 20;
/// How long an agent that has ended a call by itself may take to say so, or one that was told to.
pub(super) const GRACE: Duration = Duration::from_millis(250);
/// How long a reset may take.
const RESET: Duration = Duration::from_secs(2);
/// How long an agent may take to end when its standard input has.
const FAREWELL: Duration = Duration::from_secs(1);

/// How often it is looked whether the run is to end at once.
const LOOK: Duration = Duration::from_millis(50);
/// How much of a line that is no message is shown.
const SHOWN: usize = 120;

/// An agent that runs, and what it has said.
#[derive(Debug)]
pub(super) struct Agent {
    process: program::Process,
    reader: Reader,
    hello: Hello,
    offers: Offers,
    last: CallId,
    /// The last reset: what was asked for before it is over.
    reset: CallId,
    /// Every call that was not answered yet.
    pending: BTreeMap<CallId, Pending>,
    /// Answers that nobody has taken.
    answers: BTreeMap<CallId, Done>,
    /// What is still to be written.
    unsent: Vec<u8>,
    /// A moment of this process, and the same by the agent's clock.
    clock: (Instant, Duration),
    /// Whether the run is to end at once.
    abort: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    /// When it was seen to be made, and by which thread.
    started: Option<(Instant, Option<i32>)>,
}

/// What came of a call.
#[derive(Clone, Debug)]
pub(super) struct Done {
    /// When it began, by the agent's clock.
    pub(super) began: Duration,
    pub(super) took: Duration,
    pub(super) answer: Answer,
}

/// What an agent did instead of answering.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mishap {
    /// It ended.
    #[error("the agent died: {ending}{}", quoted(said))]
    Died {
        /// How.
        ending: Ending,
        /// The last lines of its standard error.
        said: Vec<String>,
    },
    /// It said something that is no answer.
    #[error("the agent broke the protocol: {what}{}", quoted(said))]
    Broke {
        /// What it did.
        what: String,
        /// The last lines of its standard error.
        said: Vec<String>,
    },
    /// The run is to end at once.
    #[error("the run was ended")]
    Aborted,
    /// It did not answer in time what takes no time.
    #[error("the agent did not answer {what} within {limit:?}{}", quoted(said))]
    Silent {
        /// What.
        what: &'static str,
        /// How long it was waited for.
        limit: Duration,
        /// The last lines of its standard error.
        said: Vec<String>,
    },
}

/// That an agent cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The system does not start it.
    #[error("the agent cannot be started: {0}")]
    Spawn(String),
    /// It did not say what it is.
    #[error("no hello came: {0}")]
    Hello(Mishap),
    /// It speaks no version that is known here.
    #[error("the agent speaks version {} of the protocol, and this program version {VERSION}", listed(.0))]
    Version(Vec<u32>),
}

fn listed(versions: &[u32]) -> String {
    versions.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

impl Agent {
    /// Starts an agent and waits until it has said what it is, at most for `patience`.
    pub(super) fn start(
        guard: &[OsString],
        command: &[OsString],
        patience: Duration,
        abort: &Arc<AtomicBool>,
    ) -> Result<Self, StartError> {
        let process = program::Process::start(guard, command)
            .map_err(|error| StartError::Spawn(error.to_string()))?;
        let nobody = Hello {
            versions: Vec::new(),
            name: String::new(),
            version: String::new(),
            offers: Vec::new(),
            lacks: BTreeMap::new(),
            granularity: Granularity::default(),
            names: ErrorNames::default(),
        };
        let mut agent = Self {
            process,
            reader: Reader::new(LONGEST_LINE),
            hello: nobody,
            offers: Offers::default(),
            last: CallId::new(0),
            reset: CallId::new(0),
            pending: BTreeMap::new(),
            answers: BTreeMap::new(),
            unsent: Vec::new(),
            clock: (Instant::now(), Duration::ZERO),
            abort: Arc::clone(abort),
        };
        agent.greet(patience)?;
        Ok(agent)
    }

    fn greet(&mut self, patience: Duration) -> Result<(), StartError> {
        let deadline = Instant::now() + patience;
        let hello = loop {
            match self.reader.message() {
                Ok(Some(Message::Hello(hello))) => break hello,
                Ok(Some(_)) => {
                    let mishap = self.broke("its first line is no hello".to_owned());
                    return Err(StartError::Hello(mishap));
                }
                Ok(None) => {}
                Err(error) => {
                    let line = self.reader.rejected();
                    return Err(match refusal(&line) {
                        Some(why) => StartError::Spawn(why.trim_end().to_owned()),
                        None => StartError::Hello(self.unreadable(&error)),
                    });
                }
            }
            if !self.exchange(deadline).map_err(StartError::Hello)? {
                let said = self.process.kill();
                let limit = patience;
                return Err(StartError::Hello(Mishap::Silent { what: "at all", limit, said }));
            }
        };
        if !hello.versions.contains(&VERSION) {
            return Err(StartError::Version(hello.versions));
        }
        self.offers = Offers::new(hello.offers.iter().cloned(), hello.lacks.clone());
        self.hello = hello;
        self.send(&Request::Welcome { version: VERSION });
        let asked = Instant::now();
        let (_, now) = self.reset().map_err(StartError::Hello)?;
        // Halfway between question and answer.
        self.clock = (asked + asked.elapsed() / 2, now);
        Ok(())
    }

    pub(super) const fn hello(&self) -> &Hello {
        &self.hello
    }

    pub(super) const fn offers(&self) -> &Offers {
        &self.offers
    }

    /// A moment by the agent's clock, as one of this process.
    pub(super) fn moment(&self, agent: Duration) -> Instant {
        let (here, there) = self.clock;
        match agent.checked_sub(there) {
            Some(later) => here + later,
            // What began before the clocks were compared has not begun in a case.
            None => here.checked_sub(there.saturating_sub(agent)).unwrap_or(here),
        }
    }

    /// Asks for something to be performed.
    pub(super) fn call(&mut self, call: Call, limit: Option<Duration>) -> CallId {
        let id = self.expect();
        self.send(&Request::Call { id, limit, call });
        id
    }

    fn expect(&mut self) -> CallId {
        self.last = self.last.next();
        self.pending.insert(self.last, Pending::default());
        self.last
    }

    fn send(&mut self, request: &Request) {
        self.unsent.extend_from_slice(request.line().as_bytes());
    }

    /// Asks for a pending call to be ended.
    pub(super) fn cancel(&mut self, call: CallId) {
        self.send(&Request::Cancel { call });
    }

    /// Whether a call can be ended at all.
    pub(super) fn can_cancel(&self) -> bool {
        self.offers.has(CANCEL)
    }

    /// Waits for the answer to a call, at most until then.
    pub(super) fn answer(
        &mut self,
        call: CallId,
        deadline: Instant,
    ) -> Result<Option<Done>, Mishap> {
        loop {
            self.listen()?;
            if let Some(done) = self.answers.remove(&call) {
                return Ok(Some(done));
            }
            if !self.exchange(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Waits until a call has been made or answered, at most until then. Gives by which thread and
    /// when it was made.
    pub(super) fn started(
        &mut self,
        call: CallId,
        deadline: Instant,
    ) -> Result<Option<Start>, Mishap> {
        loop {
            self.listen()?;
            if self.answers.contains_key(&call) {
                return Ok(Some(Start::Answered));
            }
            let pending = self.pending.get(&call).copied().unwrap_or_default();
            if let Some((at, thread)) = pending.started {
                return Ok(Some(Start::Made { at, thread }));
            }
            if !self.exchange(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Whether a call was answered.
    pub(super) fn is_answered(&mut self, call: CallId) -> Result<bool, Mishap> {
        self.exchange(Instant::now())?;
        self.listen()?;
        Ok(self.answers.contains_key(&call))
    }

    /// Ends a scenario: nothing of it is left but what is given back. Also gives what the agent's
    /// clock says.
    pub(super) fn reset(&mut self) -> Result<(Vec<String>, Duration), Mishap> {
        let others = take(&mut self.pending);
        self.answers.clear();
        let id = self.expect();
        self.send(&Request::Reset { id });
        self.reset = id;
        let deadline = Instant::now() + RESET;
        // What was pending may still be answered; nobody is interested any more.
        self.pending.extend(others);
        let done = self.answer(id, deadline)?;
        self.pending.clear();
        self.answers.clear();
        match done {
            Some(Done { began, answer: Answer::Ok(Success::Reset { leaks }), .. }) => {
                Ok((leaks, began))
            }
            Some(_) => Err(self.broke("a reset was not answered with `reset`".to_owned())),
            None => {
                let said = self.process.kill();
                Err(Mishap::Silent { what: "a reset", limit: RESET, said })
            }
        }
    }

    /// Takes in what it has said.
    fn listen(&mut self) -> Result<(), Mishap> {
        loop {
            match self.reader.message() {
                Ok(Some(message)) => self.hear(message)?,
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.unreadable(&error)),
            }
        }
    }

    fn hear(&mut self, message: Message) -> Result<(), Mishap> {
        match message {
            Message::Hello(_) => Err(self.broke("it says hello again".to_owned())),
            Message::Started { id, thread } => match self.pending.get_mut(&id) {
                Some(pending) => {
                    pending.started = Some((Instant::now(), thread));
                    Ok(())
                }
                // Its thread did not know yet that the scenario is over.
                None if id < self.reset => Ok(()),
                None => Err(self.broke(format!("`started` of call {id}, which is not pending"))),
            },
            Message::Done { id, began, took, answer } => match self.pending.remove(&id) {
                Some(_) => {
                    self.answers.insert(id, Done { began, took, answer });
                    Ok(())
                }
                None => Err(self.broke(format!("an answer to call {id}, which is not pending"))),
            },
        }
    }

    fn unreadable(&mut self, error: &ReadError) -> Mishap {
        // A line that its end has cut off is no line that it wanted to write.
        if self.process.is_over() {
            return self.died();
        }
        let line: String = self.reader.rejected().chars().take(SHOWN).collect();
        let line = if line.is_empty() { line } else { format!("; the line is {line:?}") };
        self.broke(format!("{error}{line}"))
    }

    fn died(&mut self) -> Mishap {
        let ending = self.process.ending();
        Mishap::Died { ending, said: self.process.kill() }
    }

    fn broke(&mut self, what: String) -> Mishap {
        Mishap::Broke { what, said: self.process.kill() }
    }

    /// Writes and reads, or waits for that, at most until then; whether there was time left.
    fn exchange(&mut self, deadline: Instant) -> Result<bool, Mishap> {
        if self.process.is_over() {
            return Err(self.died());
        }
        if self.abort.load(Ordering::SeqCst) {
            return Err(Mishap::Aborted);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let (reader, mut text) = (&mut self.reader, &self.unsent[..]);
        self.process.exchange(&mut text, |pipe| reader.fill(pipe), left.min(LOOK));
        let sent = self.unsent.len() - text.len();
        self.unsent.drain(..sent);
        if self.process.is_over() {
            self.reader.end();
        }
        Ok(!left.is_zero())
    }

    /// Kills it, with all that it started.
    pub(super) fn kill(&mut self) -> Vec<String> {
        self.process.kill()
    }

    /// Tells it that nothing follows.
    pub(super) fn end_input(&mut self) {
        self.process.end_input();
    }

    /// Lets it end by itself.
    pub(super) fn dismiss(mut self) {
        self.farewell();
    }

    /// Ends its input and gives how it has ended a second later, if it has.
    pub(super) fn farewell(&mut self) -> Option<Ending> {
        self.process.finish(FAREWELL);
        self.process.ended()
    }

    /// Asks for something in words of its own, all but the kind and the identity.
    pub(super) fn call_raw(&mut self, rest: &str) -> CallId {
        let id = self.expect();
        self.unsent
            .extend_from_slice(format!("{{{rest},\"id\":{id},\"kind\":\"call\"}}\n").as_bytes());
        id
    }

    /// Waits so long for whatever it may say without being asked.
    pub(super) fn quiet(&mut self, time: Duration) -> Result<(), Mishap> {
        let deadline = Instant::now() + time;
        while self.exchange(deadline)? {
            self.listen()?;
        }
        Ok(())
    }
}

/// That a call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// It has an answer already.
    Answered,
    /// It is being made.
    Made {
        /// Since when it is known.
        at: Instant,
        /// The kernel's number of its thread.
        thread: Option<i32>,
    },
}
