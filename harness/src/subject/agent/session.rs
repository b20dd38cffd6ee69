use std::thread;
use std::time::{Duration, Instant};

use super::frames::{self, Ahead};
use super::message::{Answer, CallId, Class, Failure};
use super::process::{Agent, Done, GRACE, Mishap, Start};
use super::request::{Call, Halves};
use super::success::{Digest, Success};
use super::value::{Data, Value};
use crate::subject::thread_state::ThreadState;
use crate::subject::{AddressBook, Awaited, Observation, SubjectError};
use crate::vocabulary::{
    ActorId, Address, Errno, Framing, How, MessageFlags, Op, OptionValue, Outcome, SocketId, TagId,
    Transport,
};

/// How long it is waited for a call to block whose thread cannot be looked at.
const SETTLE: Duration = Duration::from_millis(20);
/// How long an agent may take to generate a byte of a payload, before it makes the call: 64 MiB take one
/// that is interpreted a second, and several where others compute beside it.
const BYTE: Duration = Duration::from_nanos(100);

/// The sockets of one case on an agent, and its pending calls.
#[derive(Debug)]
pub(super) struct AgentSession {
    /// `None` once it had to be killed.
    agent: Option<Agent>,
    origin: Instant,
    /// What each socket carries, once it was made.
    transports: Vec<Option<Transport>>,
    started: Vec<Option<Pending>>,
    /// Of each socket whose frames were asked for, or that has a duplicate: what was read ahead.
    ahead: Vec<Option<Ahead>>,
    /// Why the agent is gone.
    loss: Option<Loss>,
}

#[derive(Clone, Debug)]
enum Pending {
    /// The agent performs it.
    Call {
        call: CallId,
        op: Op,
        /// Since when it is known to be made.
        at: Instant,
    },
    /// There was nothing to ask the agent for.
    Over(Observation),
}

/// Why the agent is not asked for an operation.
enum Unperformed {
    /// What came of it is known already.
    Outcome(Outcome),
    Error(SubjectError),
}

impl From<SubjectError> for Unperformed {
    fn from(error: SubjectError) -> Self {
        Self::Error(error)
    }
}

#[derive(Clone, Debug)]
enum Loss {
    Mishap(Mishap),
    /// It could not end a call, and was killed for that.
    Stuck,
}

impl AgentSession {
    pub(super) fn new(agent: Agent, origin: Instant, sockets: usize, tags: usize) -> Self {
        Self {
            agent: Some(agent),
            origin,
            transports: vec![None; sockets],
            started: vec![None; tags],
            ahead: vec![None; sockets],
            loss: None,
        }
    }

    fn agent(&mut self) -> Result<&mut Agent, SubjectError> {
        let loss = &self.loss;
        self.agent.as_mut().ok_or_else(|| match loss {
            Some(Loss::Mishap(mishap)) => lost(mishap.clone()),
            _ => SubjectError::Stuck,
        })
    }

    /// What came of something that was asked of the agent. It is gone after a mishap.
    fn told<T>(&mut self, told: Result<T, Mishap>) -> Result<T, SubjectError> {
        told.map_err(|mishap| {
            self.agent = None;
            self.loss = Some(Loss::Mishap(mishap.clone()));
            lost(mishap)
        })
    }

    /// Performs one call.
    fn one(&mut self, call: Call, limit: Duration) -> Result<Observation, SubjectError> {
        let origin = self.origin;
        let agent = self.agent()?;
        let asked = Instant::now();
        let generating = BYTE.saturating_mul(call.generated());
        let id = agent.call(call, Some(limit));
        let patience = if agent.can_cancel() { GRACE } else { Duration::ZERO };
        let told = agent.answer(id, asked + generating + limit + patience);
        match self.told(told)? {
            Some(done) => self.observation(done),
            None => self.break_off(id, asked.saturating_duration_since(origin), asked),
        }
    }

    /// Ends a call that has lasted too long.
    fn break_off(
        &mut self,
        id: CallId,
        began: Duration,
        since: Instant,
    ) -> Result<Observation, SubjectError> {
        let agent = self.agent()?;
        if agent.can_cancel() {
            agent.cancel(id);
            let told = agent.answer(id, Instant::now() + GRACE);
            if let Some(done) = self.told(told)? {
                return self.observation(done);
            }
        }
        if let Some(agent) = &mut self.agent {
            agent.kill();
        }
        self.agent = None;
        self.loss = Some(Loss::Stuck);
        Ok(Observation { outcome: Outcome::Blocked, began, took: since.elapsed() })
    }

    fn observation(&mut self, done: Done) -> Result<Observation, SubjectError> {
        let origin = self.origin;
        let began = self.agent()?.moment(done.began).saturating_duration_since(origin);
        let outcome = outcome(done.answer)?;
        Ok(Observation { outcome, began, took: done.took })
    }

    fn transport(&self, socket: SocketId) -> Result<Transport, SubjectError> {
        let found = self.transports.get(socket.index()).copied().flatten();
        found.ok_or(SubjectError::NoSuchSocket)
    }

    /// What is known of the sockets once an operation was performed.
    fn learn(&mut self, op: &Op, outcome: &Outcome) {
        if let Op::Dup { socket, duplicate } = op {
            self.ahead[duplicate.index()] = Some(self.ahead_of(*socket));
        }
        let made = match op {
            Op::Open { socket, transport } => Some((*socket, Some(*transport))),
            Op::Accept { listener: from, socket } | Op::Dup { socket: from, duplicate: socket } => {
                Some((*socket, self.transports[from.index()]))
            }
            _ => None,
        };
        if let Some((socket, transport)) = made
            && *outcome == Outcome::Ok
        {
            self.transports[socket.index()] = transport;
        }
    }

    /// An operation as an agent is asked for it.
    fn call(&self, actor: ActorId, op: &Op, book: &AddressBook) -> Result<Call, Unperformed> {
        let endpoint = |address: &Address| {
            let transport = self.transport(op.socket())?;
            book.endpoint(actor, address, transport)
        };
        let socket = op.socket().index();
        Ok(match op {
            Op::Open { transport, .. } => Call::Open { socket, transport: *transport },
            Op::Bind { address, .. } => Call::Bind { socket, address: endpoint(address)? },
            Op::Listen { backlog, .. } => Call::Listen { socket, backlog: *backlog },
            Op::Connect { address, .. } => Call::Connect { socket, address: endpoint(address)? },
            Op::Accept { socket: connection, .. } => {
                Call::Accept { socket, connection: connection.index() }
            }
            Op::Send { data, flags, to, .. } => Call::Send {
                socket,
                data: data.into(),
                flags: words(*flags),
                to: to.as_ref().map(endpoint).transpose()?,
            },
            Op::Write { data, .. } => Call::Write { socket, data: data.into() },
            Op::Receive { limit, flags, source, .. } => {
                Call::Recv { socket, size: *limit, flags: words(*flags), from: *source }
            }
            Op::Read { limit, .. } => Call::Read { socket, size: *limit },
            Op::Shutdown { how, .. } => Call::Shutdown { socket, how: halves(*how) },
            Op::Close { .. } => Call::Close { socket },
            Op::Dup { duplicate, .. } => Call::Dup { socket, duplicate: duplicate.index() },
            Op::SetOption { option, value, length, .. } => {
                let device = match value {
                    OptionValue::Device { actor, neighbour } => {
                        Some(book.device(*actor, *neighbour).ok_or(SubjectError::NoLinks)?)
                    }
                    _ => None,
                };
                let value = Value::of(*value, device);
                Call::Setopt { socket, option: *option, value, length: *length }
            }
            Op::GetOption { option, .. } => Call::Getopt { socket, option: *option },
            Op::Poll { interest, by, timeout, .. } => {
                Call::Poll { socket, by: *by, interest: *interest, timeout: *timeout }
            }
            Op::Nonblocking { on, .. } => Call::Nonblocking { socket, on: *on },
            Op::Name { .. } => Call::Getsockname { socket },
            Op::PeerName { .. } => Call::Getpeername { socket },
            Op::Fill { seed, .. } => Call::Fill { socket, seed: *seed },
            Op::Drain { .. } => Call::Drain { socket },
            // Frames are put together here.
            Op::ReceiveFrame { .. } => {
                Call::Recv { socket, size: frames::CHUNK, flags: Vec::new(), from: false }
            }
            Op::SendFrame { data, framing, limit, pieces, flags, .. } => Call::SendAll {
                socket,
                pieces: frames::pieces(data, *framing, *limit, *pieces)
                    .map_err(Unperformed::Outcome)?,
                flags: words(*flags),
            },
            Op::SendAll { pieces, flags, .. } => Call::SendAll {
                socket,
                pieces: pieces.iter().map(Data::from).collect(),
                flags: words(*flags),
            },
        })
    }

    /// Receives until a whole frame is there.
    fn receive_frame(
        &mut self,
        socket: SocketId,
        (framing, most): (Framing, usize),
        call: &Call,
        limit: Duration,
    ) -> Result<Observation, SubjectError> {
        let since = Instant::now();
        let ahead = self.ahead_of(socket);
        let mut first = None;
        loop {
            if let Some(outcome) = ahead.next(framing, most) {
                let began = first.unwrap_or_else(|| since.saturating_duration_since(self.origin));
                return Ok(Observation { outcome, began, took: since.elapsed() });
            }
            let seen = self.one(call.clone(), limit.saturating_sub(since.elapsed()))?;
            let began = *first.get_or_insert(seen.began);
            if let Some(outcome) = ahead.take(seen.outcome.clone()) {
                return Ok(Observation { outcome, ..lasting(began, &seen) });
            }
        }
    }

    /// What came of something for which the agent was not needed.
    fn at_once(&self, outcome: Outcome) -> Observation {
        Observation { outcome, began: self.origin.elapsed(), took: Duration::ZERO }
    }

    fn ahead_of(&mut self, socket: SocketId) -> Ahead {
        self.ahead[socket.index()].get_or_insert_default().clone()
    }
}

/// The same observation, begun with an earlier call.
fn lasting(began: Duration, seen: &Observation) -> Observation {
    let took = (seen.began + seen.took).saturating_sub(began);
    Observation { began, took, outcome: seen.outcome.clone() }
}

/// The part of a session that agents perform.
impl AgentSession {
    pub(super) fn perform(
        &mut self,
        actor: ActorId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<Observation, SubjectError> {
        if let Op::Bind { socket, open: Some(transport), .. } = op
            && self.transports[socket.index()].is_none()
        {
            let open = Op::Open { socket: *socket, transport: *transport };
            let opened = self.perform(actor, &open, book, limit)?;
            if opened.outcome != Outcome::Ok {
                return Ok(opened);
            }
        }
        let call = match self.call(actor, op, book) {
            Ok(call) => call,
            Err(Unperformed::Error(error)) => return Err(error),
            Err(Unperformed::Outcome(outcome)) => return Ok(self.at_once(outcome)),
        };
        let observation = match op {
            Op::ReceiveFrame { socket, framing, limit: most } => {
                self.receive_frame(*socket, (*framing, *most), &call, limit)?
            }
            _ => self.one(call, limit)?,
        };
        self.learn(op, &observation.outcome);
        Ok(observation)
    }

    pub(super) fn start(
        &mut self,
        actor: ActorId,
        tag: TagId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<(), SubjectError> {
        let call = match self.call(actor, op, book) {
            Ok(call) => call,
            Err(Unperformed::Error(error)) => return Err(error),
            Err(Unperformed::Outcome(outcome)) => {
                self.started[tag.index()] = Some(Pending::Over(self.at_once(outcome)));
                return Ok(());
            }
        };
        if let Op::ReceiveFrame { socket, framing, limit: most } = op {
            // What a frame is made of is looked at from now on.
            self.ahead_of(*socket).begin(*framing, *most);
        }
        let asked = Instant::now();
        let deadline = asked + limit + BYTE.saturating_mul(call.generated());
        let agent = self.agent()?;
        let id = agent.call(call, None);
        let told = agent.started(id, deadline);
        let start = self.told(told)?.ok_or(SubjectError::NotSeenToBlock { limit })?;
        let at = match start {
            Start::Answered => asked,
            Start::Made { at, thread } => {
                self.watch(id, thread, deadline)?;
                at
            }
        };
        self.started[tag.index()] = Some(Pending::Call { call: id, op: op.clone(), at });
        Ok(())
    }

    /// Waits until a call blocks that is being made, or has returned.
    fn watch(
        &mut self,
        id: CallId,
        thread: Option<i32>,
        deadline: Instant,
    ) -> Result<(), SubjectError> {
        let began = Instant::now();
        let state = thread.and_then(|thread| ThreadState::any(thread).ok());
        let mut pause = Duration::from_micros(20);
        loop {
            let told = self.agent()?.is_answered(id);
            if self.told(told)? {
                return Ok(());
            }
            let blocks = match &state {
                Some(state) => state.is_blocked(),
                None => began.elapsed() >= SETTLE,
            };
            if blocks {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(SubjectError::NotSeenToBlock { limit: began.elapsed() });
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(1));
        }
    }

    pub(super) fn finish(
        &mut self,
        tag: TagId,
        limit: Duration,
        give_up: bool,
    ) -> Result<Awaited, SubjectError> {
        let deadline = Instant::now() + limit;
        let pending = self.started.get(tag.index()).cloned().flatten();
        let (mut call, op, at) = match pending.ok_or(SubjectError::NoSuchSocket)? {
            Pending::Call { call, op, at } => (call, op, at),
            Pending::Over(observation) => {
                self.started[tag.index()] = None;
                return Ok(Awaited::Returned(observation));
            }
        };
        let began = at.saturating_duration_since(self.origin);
        let observation = loop {
            let told = self.agent()?.answer(call, deadline);
            let observation = match self.told(told)? {
                Some(done) => self.observation(done)?,
                None if give_up => self.break_off(call, began, at)?,
                None => return Ok(Awaited::Pending { began, took: at.elapsed() }),
            };
            let Op::ReceiveFrame { socket, framing, limit: most } = &op else { break observation };
            let ahead = self.ahead_of(*socket);
            let seen = observation.outcome.clone();
            if let Some(outcome) = ahead.take(seen).or_else(|| ahead.next(*framing, *most)) {
                break Observation { outcome, ..lasting(began, &observation) };
            }
            let again = Call::Recv {
                socket: socket.index(),
                size: frames::CHUNK,
                flags: Vec::new(),
                from: false,
            };
            call = self.agent()?.call(again, None);
            self.started[tag.index()] = Some(Pending::Call { call, op: op.clone(), at });
        };
        self.started[tag.index()] = None;
        self.learn(&op, &observation.outcome);
        Ok(Awaited::Returned(observation))
    }

    pub(super) fn interrupt(&mut self, tag: TagId) -> Result<Observation, SubjectError> {
        match self.started.get(tag.index()) {
            Some(Some(Pending::Call { call, .. })) => {
                self.one(Call::Interrupt { call: *call }, GRACE)
            }
            _ => Err(SubjectError::NoSuchSocket),
        }
    }

    /// Ends what is pending and closes every socket. Gives the agent back, where it can be used again,
    /// and what it could not give back.
    pub(super) fn close(mut self) -> (Option<Agent>, Vec<String>) {
        let Some(mut agent) = self.agent.take() else { return (None, Vec::new()) };
        match agent.reset() {
            Ok((leaks, _)) => (Some(agent), leaks),
            // The case is over; whoever comes next gets another one.
            Err(_) => (None, Vec::new()),
        }
    }

    /// Why the agent is gone, if it died.
    pub(super) fn mishap(&self) -> Option<&Mishap> {
        match &self.loss {
            Some(Loss::Mishap(mishap)) => Some(mishap),
            _ => None,
        }
    }
}

fn lost(mishap: Mishap) -> SubjectError {
    match mishap {
        Mishap::Aborted => SubjectError::Aborted,
        died @ Mishap::Died { .. } => SubjectError::Died { how: died.to_string() },
        other => SubjectError::Agent { what: other.to_string() },
    }
}

fn words(flags: MessageFlags) -> Vec<String> {
    let all = MessageFlags::SEND_WORDS.into_iter().chain(MessageFlags::RECEIVE_WORDS);
    let mut words: Vec<String> = Vec::new();
    for (flag, word) in all {
        if flags.contains(flag) && !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

const fn halves(how: How) -> Halves {
    match how {
        How::Read => Halves::Read,
        How::Write => Halves::Write,
        How::Both => Halves::Both,
        How::Number(number) => Halves::Number(number),
    }
}

/// What an answer says, as every subject says it.
fn outcome(answer: Answer) -> Result<Outcome, SubjectError> {
    Ok(match answer {
        Answer::Ok(success) => {
            match success {
                Success::Nothing => Outcome::Ok,
                Success::Count(count) => Outcome::Count(count),
                Success::Data { bytes, from, truncated } => {
                    Outcome::Data { bytes: bytes[..].into(), source: from, truncated }
                }
                Success::Received(digest) => received(digest)?,
                Success::EndOfStream => Outcome::EndOfStream,
                Success::Ready(readiness) => Outcome::Ready(readiness),
                Success::Value(value) => Outcome::Value(value.value().ok_or_else(|| {
                    SubjectError::Agent { what: "it read back a device".to_owned() }
                })?),
                Success::Name(endpoint) => Outcome::Name(endpoint),
                Success::Reset { .. } => {
                    let what = "a call was answered with `reset`".to_owned();
                    return Err(SubjectError::Agent { what });
                }
            }
        }
        Answer::Err(Failure { class, raw, text, signal }) => match class {
            Class::Timeout => Outcome::Timeout,
            Class::Blocked => Outcome::Blocked,
            Class::Errno(errno) => Outcome::Failed { errno, signal },
            Class::Portable(class) => Outcome::FailedAs { class, text, signal },
            Class::Other | Class::Unknown(_) => match raw.and_then(|raw| i32::try_from(raw).ok()) {
                Some(raw) => Outcome::Failed { errno: Errno::Unnamed(raw), signal },
                None => Outcome::Threw { text },
            },
        },
        Answer::Threw(thrown) => {
            Outcome::Threw { text: format!("{}: {}", thrown.kind, thrown.text) }
        }
        Answer::Unsupported { why } => Outcome::Unsupported { why },
    })
}

fn received(digest: Digest) -> Result<Outcome, SubjectError> {
    let (source, truncated) = (digest.from.clone(), digest.truncated);
    let bytes = digest
        .received()
        .ok_or_else(|| SubjectError::Agent { what: "`received` is no digest".to_owned() })?;
    Ok(Outcome::Data { bytes, source, truncated })
}
