use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use crate::subject::agent::process::{Agent, Done, GRACE, Mishap, Start};
use crate::subject::agent::{Answer, Call, CallId, Class, Data, Halves, Success};
use crate::vocabulary::{Endpoint, Errno, Received, Transport};

/// How long an answer may take that has nothing to wait for.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// How long a call has to block until it is taken to.
pub(super) const STILL: Duration = Duration::from_millis(100);

/// An agent on trial, and what is needed to ask it.
pub(super) struct Probe<'a> {
    pub(super) agent: &'a mut Agent,
    /// The number of the next socket.
    pub(super) next: usize,
    pub(super) asked: Instant,
    /// Whether the agent was ended on purpose.
    pub(super) is_lost: bool,
}

/// How much of an answer is shown.
const SHOWN: usize = 160;

pub(super) type Tried<T = ()> = Result<T, String>;

impl Probe<'_> {
    /// A number that no socket has yet.
    pub(super) fn socket(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    /// Asks for something, and does not wait.
    pub(super) fn begin(&mut self, call: Call, limit: Option<Duration>) -> CallId {
        self.asked = Instant::now();
        self.agent.call(call, limit)
    }

    /// Waits for an answer, so long.
    pub(super) fn within(&mut self, call: CallId, limit: Duration) -> Tried<Option<Done>> {
        self.agent.answer(call, Instant::now() + limit).map_err(|mishap| said(&mishap))
    }

    /// The answer to a call.
    pub(super) fn end(&mut self, call: CallId) -> Tried<Done> {
        self.within(call, ANSWER)?.ok_or_else(|| format!("no answer within {ANSWER:?}"))
    }

    /// Asks for something and waits for the answer.
    pub(super) fn ask(&mut self, call: Call) -> Tried<Answer> {
        let id = self.begin(call, Some(ANSWER));
        Ok(self.end(id)?.answer)
    }

    /// Asks for something in words of its own and waits for the answer.
    pub(super) fn raw(&mut self, rest: &str) -> Tried<Answer> {
        let id = self.agent.call_raw(rest);
        Ok(self.end(id)?.answer)
    }

    /// That nothing is said for so long.
    pub(super) fn quiet(&mut self, time: Duration) -> Tried {
        self.agent.quiet(time).map_err(|mishap| said(&mishap))
    }

    /// The same, which must succeed.
    pub(super) fn ok(&mut self, call: Call) -> Tried<Success> {
        let shown = shown(&call);
        succeeded(self.ask(call)?).map_err(|answer| format!("{shown} gave {answer}"))
    }

    /// The same, which must fail with this error.
    pub(super) fn fails(&mut self, call: Call, wanted: &[Errno]) -> Tried {
        let shown = shown(&call);
        match self.ask(call)? {
            Answer::Err(failure) if self.is_one_of(&failure.class, wanted) => Ok(()),
            other => Err(format!("{shown} gave {}, not {}", told(&other), names(wanted))),
        }
    }

    /// Whether a failure says that it is one of these errors, as far as the agent's errors have names.
    pub(super) fn is_one_of(&self, class: &Class, wanted: &[Errno]) -> bool {
        let is_exact = self.agent.hello().names.is_exact();
        wanted.iter().any(|one| match class {
            Class::Errno(errno) if is_exact => errno == one,
            Class::Errno(errno) => {
                errno == one || one.class().is_some_and(|class| errno.class() == Some(class))
            }
            Class::Portable(class) => !is_exact && one.class() == Some(*class),
            _ => false,
        })
    }

    /// Asks for something that blocks, and waits until it is said to be made.
    pub(super) fn start(&mut self, call: Call, limit: Option<Duration>) -> Tried<CallId> {
        let shown = shown(&call);
        let id = self.begin(call, limit);
        match self.agent.started(id, Instant::now() + ANSWER).map_err(|mishap| said(&mishap))? {
            Some(Start::Made { .. }) => Ok(id),
            Some(Start::Answered) => Err(format!("{shown} was answered, and must block")),
            None => Err(format!("`started` of {shown} did not come within {ANSWER:?}")),
        }
    }

    /// That receives give these bytes, in whatever parts.
    pub(super) fn receives(&mut self, socket: usize, wanted: &[u8]) -> Tried {
        let mut rest = wanted;
        while !rest.is_empty() {
            let size = rest.len().min(64 << 10);
            let received = match self.ok(Call::Recv { socket, size, flags: vec![], from: false })? {
                Success::Data { bytes, .. } => Received::from(&bytes[..]),
                Success::Received(digest) => digest.received().ok_or("recv gave no digest")?,
                other => return Err(format!("recv gave {}", given(&other))),
            };
            let length = usize::try_from(received.length()).unwrap_or(usize::MAX);
            if length == 0 || length > size {
                return Err(format!("recv of {size} bytes gave {length}"));
            }
            let (now, later) = rest.split_at(length);
            if let Some(difference) = received.difference(&now.into()) {
                let at = wanted.len() - rest.len();
                return Err(format!("from byte {at} on: {difference}"));
            }
            rest = later;
        }
        Ok(())
    }

    /// That a receive finds the end of the stream.
    pub(super) fn receives_end(&mut self, socket: usize) -> Tried {
        match self.ok(Call::Recv { socket, size: 16, flags: vec![], from: false })? {
            Success::EndOfStream => Ok(()),
            other => Err(format!("recv gave {}, not `end-of-stream`", given(&other))),
        }
    }

    pub(super) fn open(&mut self, transport: Transport) -> Tried<usize> {
        let socket = self.socket();
        self.ok(Call::Open { socket, transport })?;
        Ok(socket)
    }

    pub(super) fn send(&mut self, socket: usize, bytes: &[u8]) -> Tried {
        let data = Data::Bytes(bytes.into());
        self.ok(Call::SendAll { socket, pieces: vec![data], flags: vec![] }).map(|_| ())
    }

    pub(super) fn shut(&mut self, socket: usize, how: Halves) -> Tried {
        self.ok(Call::Shutdown { socket, how }).map(|_| ())
    }

    /// The first of these transports that is offered.
    fn first(&self, transports: &[Transport]) -> Tried<Transport> {
        let offered = transports.iter().find(|one| self.agent.offers().has(one.word()));
        offered.copied().ok_or_else(|| "no transport of this kind is offered".to_owned())
    }

    pub(super) fn stream(&self) -> Tried<Transport> {
        self.first(&[Transport::Tcp4, Transport::Unix, Transport::Tcp6])
    }

    pub(super) fn datagram(&self) -> Tried<Transport> {
        self.first(&[Transport::Udp4, Transport::UnixDgram, Transport::Udp6])
    }

    /// An address that nobody uses.
    pub(super) fn address(&mut self, transport: Transport) -> Tried<Endpoint> {
        let ip = if transport.is_ipv6() {
            Ipv6Addr::LOCALHOST.into()
        } else {
            Ipv4Addr::LOCALHOST.into()
        };
        if transport.is_local() {
            let number = self.socket();
            return Ok(Endpoint::Local(format!("sockspec-check-{}-{number}", std::process::id())));
        }
        // Whoever listens there must leave before another can.
        let free = TcpListener::bind(SocketAddr::new(ip, 0)).and_then(|one| one.local_addr());
        free.map(Endpoint::Inet).map_err(|error| format!("there is no free port: {error}"))
    }

    /// A socket that listens at an address.
    pub(super) fn listener(&mut self, transport: Transport) -> Tried<(usize, Endpoint)> {
        let address = self.address(transport)?;
        let socket = self.open(transport)?;
        self.ok(Call::Bind { socket, address: address.clone() })?;
        self.ok(Call::Listen { socket, backlog: 8 })?;
        Ok((socket, address))
    }

    /// A connection's two ends: who connected, and who was accepted.
    pub(super) fn pair(&mut self) -> Tried<(usize, usize)> {
        let transport = self.stream()?;
        let (listener, address) = self.listener(transport)?;
        let client = self.open(transport)?;
        self.ok(Call::Connect { socket: client, address })?;
        let connection = self.socket();
        self.ok(Call::Accept { socket: listener, connection })?;
        Ok((client, connection))
    }

    /// A socket that is bound, and where.
    pub(super) fn bound(&mut self, transport: Transport) -> Tried<(usize, Endpoint)> {
        let address = self.address(transport)?;
        let socket = self.open(transport)?;
        self.ok(Call::Bind { socket, address: address.clone() })?;
        Ok((socket, address))
    }

    /// Ends a call that blocks, and demands that it says so.
    pub(super) fn cancel(&mut self, call: CallId) -> Tried<Done> {
        self.agent.cancel(call);
        let done = self.within(call, GRACE.max(ANSWER))?;
        let done = done.ok_or_else(|| format!("no answer within {ANSWER:?} of `cancel`"))?;
        match &done.answer {
            Answer::Err(failure) if failure.class == Class::Blocked => Ok(done),
            other => Err(format!("a call that was cancelled gave {}, not `blocked`", told(other))),
        }
    }

    /// Leaves nothing of what was tried.
    pub(super) fn settle(&mut self) -> Tried {
        if self.is_lost {
            return Ok(());
        }
        let (leaks, _) = self.agent.reset().map_err(|mishap| said(&mishap))?;
        if leaks.is_empty() { Ok(()) } else { Err(format!("it leaked {}", leaks.join(", "))) }
    }
}

fn said(mishap: &Mishap) -> String {
    mishap.to_string()
}

pub(super) fn succeeded(answer: Answer) -> Result<Success, String> {
    match answer {
        Answer::Ok(success) => Ok(success),
        other => Err(told(&other)),
    }
}

/// What succeeded, for a person to read: as it stands on the line, but for what is long.
pub(super) fn given(success: &Success) -> String {
    let text = serde_json::to_string(success).unwrap_or_default();
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}

/// An answer, for a person to read.
pub(super) fn told(answer: &Answer) -> String {
    match answer {
        Answer::Ok(success) => given(success),
        Answer::Err(failure) => match &failure.class {
            Class::Errno(errno) => errno.to_string(),
            Class::Timeout => "timeout".to_owned(),
            Class::Blocked => "blocked".to_owned(),
            Class::Portable(class) => class.to_string(),
            Class::Other => format!("`other` ({})", failure.text),
            Class::Unknown(word) => format!("`{}`, which is no error", word.escape_debug()),
        },
        Answer::Threw(thrown) => format!("a thrown {}: {}", thrown.kind, thrown.text),
        Answer::Unsupported { why } => format!("`unsupported`: {why}"),
    }
}

fn names(errors: &[Errno]) -> String {
    errors.iter().map(Errno::to_string).collect::<Vec<_>>().join(" or ")
}

/// The verb of a call.
fn shown(call: &Call) -> String {
    let object = serde_json::to_value(call).unwrap_or_default();
    object.get("verb").and_then(|verb| verb.as_str()).unwrap_or("a call").to_owned()
}
