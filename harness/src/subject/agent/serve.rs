use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Deserialize;

use super::asked::Asked;
use super::message::{Answer, CallId, Class, Failure, Hello, Message};
use super::offers::Offers;
use super::process::{LONGEST_LINE, VERSION};
use super::request::{Call, Request};
use super::success::{Digest, Success};
use super::value::Value;
use crate::framing::{Inbox, Next, TerminatorFramer};
use crate::subject::kernel::{KernelSession, KernelSubject, may_block};
use crate::subject::{Awaited, Observation, Session as _, Subject as _, SubjectError};
use crate::vocabulary::{Errno, Outcome, TagId};

/// How often a call that blocks is looked at.
const TICK: Duration = Duration::from_millis(1);
/// How long a call may take until it blocks.
const WATCH: Duration = Duration::from_secs(2);
/// How much of a line is shown that is no request.
const SHOWN: usize = 200;
/// How many sockets a scenario may have, and pending calls.
const SOCKETS: usize = 4_096;
const CALLS: usize = 256;

/// Performs what is asked on `input` with the sockets of this kernel and answers on `output`, until the
/// input ends.
///
/// # Errors
/// When the input cannot be read or is no request of the protocol, or the output cannot be written.
pub fn serve(
    kernel: &KernelSubject,
    input: &mut (impl Read + AsFd),
    output: &mut impl Write,
) -> io::Result<()> {
    let origin = Instant::now();
    let mut server = Server { kernel, session: None, origin, pending: BTreeMap::new(), output };
    server.say(&Message::Hello(hello(kernel)))?;
    let mut inbox = Inbox::new();
    let mut lines = TerminatorFramer::new(b'\n', LONGEST_LINE);
    loop {
        let tick = if server.pending.is_empty() { PollTimeout::NONE } else { tick() };
        let mut stdin = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        let is_ready = poll(&mut stdin, tick).is_ok_and(|ready| ready > 0);
        if is_ready && inbox.fill(input)? == 0 {
            return Ok(());
        }
        while let Next::Message(line) =
            inbox.next(&mut lines, false).map_err(|error| io::Error::other(error.to_string()))?
        {
            match serde_json::from_slice(line) {
                Ok(request) => server.obey(request)?,
                Err(error) => server.refuse(line, &error)?,
            }
        }
        server.look()?;
    }
}

fn tick() -> PollTimeout {
    PollTimeout::try_from(TICK).unwrap_or(PollTimeout::ZERO)
}

fn hello(kernel: &KernelSubject) -> Hello {
    Hello {
        versions: vec![VERSION],
        name: kernel.name().to_owned(),
        version: kernel.version().to_owned(),
        offers: Offers::WORDS.iter().map(|&word| word.to_owned()).collect(),
        lacks: BTreeMap::new(),
        granularity: kernel.granularity(),
        names: kernel.error_names(),
    }
}

struct Server<'a, W> {
    kernel: &'a KernelSubject,
    /// From the first call of a scenario on.
    session: Option<KernelSession>,
    origin: Instant,
    pending: BTreeMap<CallId, Blocked>,
    output: &'a mut W,
}

/// A call that blocks.
struct Blocked {
    tag: TagId,
    deadline: Option<Instant>,
}

impl<W: Write> Server<'_, W> {
    fn say(&mut self, message: &Message) -> io::Result<()> {
        let mut line = message.line();
        line.push('\n');
        self.output.write_all(line.as_bytes())?;
        self.output.flush()
    }

    fn session(&mut self) -> &mut KernelSession {
        self.session.get_or_insert_with(|| {
            let mut session = self.kernel.free_session(SOCKETS, CALLS);
            session.begin_at(self.origin);
            session
        })
    }

    /// Answers what has an identity and is no call that is known; nothing else can be answered.
    fn refuse(&mut self, line: &[u8], error: &serde_json::Error) -> io::Result<()> {
        #[derive(Deserialize)]
        struct Head {
            id: CallId,
        }
        if let Ok(Head { id }) = serde_json::from_slice(line) {
            return self.unsupported(id, error.to_string());
        }
        let line = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]);
        Err(io::Error::other(format!("this is no request: {error}: {line:?}")))
    }

    fn obey(&mut self, request: Request) -> io::Result<()> {
        match request {
            Request::Welcome { .. } => Ok(()),
            Request::Call { id, limit, call } => self.call(id, limit, call),
            Request::Cancel { call } => self.end(call),
            Request::Reset { id } => {
                self.pending.clear();
                let began = self.origin.elapsed();
                let leaks = match self.session.take() {
                    Some(session) => Box::new(session).close(),
                    None => Vec::new(),
                };
                let took = self.origin.elapsed().saturating_sub(began);
                let answer = Answer::Ok(Success::Reset { leaks });
                self.say(&Message::Done { id, began, took, answer })
            }
        }
    }

    fn call(&mut self, id: CallId, limit: Option<Duration>, call: Call) -> io::Result<()> {
        if let Call::Interrupt { call } = call {
            let Some(Blocked { tag, .. }) = self.pending.get(&call) else {
                return self.unsupported(id, format!("call {call} is not pending"));
            };
            let tag = *tag;
            let seen = self.session().interrupt(tag);
            return self.answer(id, seen);
        }
        let asked = match Asked::of(call) {
            Ok(asked) => asked,
            Err(why) => return self.unsupported(id, why),
        };
        if !may_block(&asked.op) {
            let seen = self.session().perform_named(&asked.op, &asked, WATCH);
            return self.answer(id, seen);
        }
        let taken: Vec<usize> = self.pending.values().map(|one| one.tag.index()).collect();
        let Some(tag) = (0..CALLS).find(|tag| !taken.contains(tag)).map(TagId::new) else {
            return self.unsupported(id, format!("{CALLS} calls are pending"));
        };
        match self.session().start_named(tag, &asked.op, &asked, WATCH) {
            Ok(thread) => {
                self.say(&Message::Started { id, thread })?;
                // The call has begun by now, so that its own clock has seen all of the limit.
                let deadline = limit.map(|limit| Instant::now() + limit);
                self.pending.insert(id, Blocked { tag, deadline });
                self.look_at(id)
            }
            Err(error) => self.answer(id, Err(error)),
        }
    }

    /// Answers what has returned, and ends what has lasted too long.
    fn look(&mut self) -> io::Result<()> {
        let calls: Vec<CallId> = self.pending.keys().copied().collect();
        calls.into_iter().try_for_each(|call| self.look_at(call))
    }

    fn look_at(&mut self, id: CallId) -> io::Result<()> {
        let Some(Blocked { tag, deadline }) = self.pending.get(&id) else { return Ok(()) };
        let (tag, is_over) = (*tag, deadline.is_some_and(|deadline| Instant::now() >= deadline));
        match self.session().finish(tag, Duration::ZERO, is_over) {
            Ok(Awaited::Pending { .. }) => Ok(()),
            Ok(Awaited::Returned(seen)) => self.answer(id, Ok(seen)),
            Err(error) => self.answer(id, Err(error)),
        }
    }

    fn end(&mut self, id: CallId) -> io::Result<()> {
        match self.pending.get_mut(&id) {
            Some(blocked) => {
                blocked.deadline = Some(self.origin);
                self.look_at(id)
            }
            None => Ok(()),
        }
    }

    fn answer(&mut self, id: CallId, seen: Result<Observation, SubjectError>) -> io::Result<()> {
        self.pending.remove(&id);
        match seen {
            Ok(Observation { outcome, began, took }) => match answer(outcome) {
                Ok(answer) => self.say(&Message::Done { id, began, took, answer }),
                Err(why) => self.unsupported(id, why),
            },
            Err(SubjectError::NoSuchSocket) => {
                self.unsupported(id, "there is no such socket, or there is one already".to_owned())
            }
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }

    fn unsupported(&mut self, id: CallId, why: String) -> io::Result<()> {
        let (began, took) = (self.origin.elapsed(), Duration::ZERO);
        self.say(&Message::Done { id, began, took, answer: Answer::Unsupported { why } })
    }
}

/// An outcome as an agent tells it.
fn answer(outcome: Outcome) -> Result<Answer, String> {
    let failed = |class, raw, text: &str, signal| {
        Answer::Err(Failure { class, raw, text: text.to_owned(), signal })
    };
    Ok(match outcome {
        Outcome::Ok => Answer::Ok(Success::Nothing),
        Outcome::Count(count) => Answer::Ok(Success::Count(count)),
        Outcome::EndOfStream => Answer::Ok(Success::EndOfStream),
        Outcome::Ready(readiness) => Answer::Ok(Success::Ready(readiness)),
        Outcome::Value(value) => Answer::Ok(Success::Value(Value::of(value, None))),
        Outcome::Name(endpoint) => Answer::Ok(Success::Name(endpoint)),
        Outcome::Data { bytes, source: from, truncated } if bytes.blocks().is_empty() => {
            Answer::Ok(Success::Data { bytes: bytes.head().to_vec(), from, truncated })
        }
        Outcome::Data { bytes, source: from, truncated } => Answer::Ok(Success::Received(Digest {
            length: bytes.length(),
            head: bytes.head().to_vec(),
            blocks: bytes.blocks().iter().map(|block| format!("{block:016x}")).collect(),
            from,
            truncated,
        })),
        Outcome::Failed { errno: errno @ Errno::Unnamed(raw), signal } => {
            failed(Class::Other, Some(raw.into()), &errno.to_string(), signal)
        }
        Outcome::Failed { errno, signal } => {
            failed(Class::Errno(errno), None, &errno.to_string(), signal)
        }
        Outcome::FailedAs { class, text, signal } => {
            failed(Class::Portable(class), None, &text, signal)
        }
        Outcome::Timeout => failed(Class::Timeout, None, "its time is over", None),
        Outcome::Blocked => failed(Class::Blocked, None, "ended", None),
        Outcome::BadFrame { text, .. }
        | Outcome::Threw { text }
        | Outcome::Unsupported { why: text } => return Err(text),
    })
}
