//! The calls of an agent whose sockets are asynchronous. What these are, and time, is the business of the crate's
//! root: a type `Socket`, `now`, `sleep` and `spawn`. All runs on one thread.
//!
//! - SO_RCVTIMEO and SO_SNDTIMEO are a timeout of the runtime around each receive and accept, or each send
//!   and connect, as programs have it. A call is ended by dropping its future.
//! - A socket is closed when the last that uses it lets go of it, so not within a call on it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;

use crate::protocol::{self, Answer, CHUNK, Failure, Json, dropped, unsupported};
use crate::{Socket, now, sleep, spawn};

/// The sockets and calls between two resets.
#[derive(Default)]
pub struct Session {
    sockets: RefCell<HashMap<u64, Rc<Held>>>,
    pending: RefCell<HashMap<u64, Rc<Call>>>,
}

/// A socket, nothing once it was closed, and the timeouts that are put around its calls.
struct Held {
    socket: RefCell<Option<Rc<Socket>>>,
    receive: Cell<Option<Duration>>,
    send: Cell<Option<Duration>>,
}

struct Call {
    id: u64,
    request: Json,
    cancelled: Notify,
    /// Right before the call under test, and right after it.
    times: Cell<Option<(Duration, Duration)>>,
}

const VERBS: &str = "open bind listen connect accept send sendall recv drain fill shutdown close setopt getopt \
                     getsockname getpeername";

/// How long a `fill` waits for room.
const IDLE: Duration = Duration::from_millis(100);

impl Session {
    /// Begins a call, or ends one.
    pub fn handle(self: &Rc<Self>, request: Json) {
        let id = request.key("id").number().unwrap_or(0);
        match request.key("kind").text() {
            "call" => {
                let call =
                    Rc::new(Call { id, request, cancelled: Notify::new(), times: Cell::new(None) });
                self.pending.borrow_mut().insert(id, Rc::clone(&call));
                let session = Rc::clone(self);
                spawn(async move { call.perform(&session).await });
            }
            "cancel" => {
                let call = request.key("call").number();
                if let Some(call) = call.and_then(|id| self.pending.borrow().get(&id).cloned()) {
                    call.cancelled.notify_one();
                }
            }
            _ => {}
        }
    }

    /// Whether a call is being performed.
    pub fn is_busy(&self) -> bool {
        !self.pending.borrow().is_empty()
    }

    fn keep(&self, number: &Json, socket: Socket) {
        let socket = RefCell::new(Some(Rc::new(socket)));
        let held = Held { socket, receive: Cell::new(None), send: Cell::new(None) };
        self.sockets.borrow_mut().insert(number.number().unwrap_or(0), Rc::new(held));
    }

    fn held(&self, number: &Json) -> Result<Rc<Held>, Failure> {
        let held = number.number().and_then(|number| self.sockets.borrow().get(&number).cloned());
        held.map_or_else(dropped, Ok)
    }
}

impl Held {
    fn socket(&self) -> Result<Rc<Socket>, Failure> {
        self.socket.borrow().clone().map_or_else(dropped, Ok)
    }

    fn limit(&self, option: &str) -> Option<&Cell<Option<Duration>>> {
        match option {
            "SO_RCVTIMEO" => Some(&self.receive),
            "SO_SNDTIMEO" => Some(&self.send),
            _ => None,
        }
    }
}

impl Call {
    fn key(&self, name: &str) -> &Json {
        self.request.key(name)
    }

    fn verb(&self) -> &str {
        self.key("verb").text()
    }

    async fn perform(&self, session: &Session) {
        let mut outcome = pin!(self.outcome(session));
        let outcome = poll_fn(|context| {
            match catch_unwind(AssertUnwindSafe(|| outcome.as_mut().poll(context))) {
                Ok(poll) => poll.map(Ok),
                Err(panic) => Poll::Ready(Err(panic)),
            }
        });
        let outcome = outcome.await;
        let (began, ended) = self.times.get().unwrap_or((now(), now()));
        let (began, took) =
            (began.as_nanos() as u64, ended.saturating_sub(began).as_nanos() as u64);
        session.pending.borrow_mut().remove(&self.id);
        match outcome {
            Ok(outcome) => protocol::done(self.id, began, took, outcome),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text =
                    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
                protocol::threw(self.id, began, took, text);
            }
        }
    }

    /// The call under test, between two looks at the clock, for as long as its limits let it.
    async fn make<T>(
        &self,
        own: Option<Duration>,
        act: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        if matches!(
            self.verb(),
            "connect" | "accept" | "send" | "sendall" | "recv" | "fill" | "drain"
        ) {
            protocol::started(self.id);
        }
        let limit = self.key("limit").number().map(Duration::from_nanos);
        let began = now();
        self.times.set(Some((began, began)));
        let cancelled = async {
            self.cancelled.notified().await;
            Err(Failure::Blocked)
        };
        let act = first(act, over(own, Failure::Timeout("deadline has elapsed".to_owned())));
        let result = first(first(act, over(limit, Failure::Blocked)), cancelled).await;
        self.times.set(Some((began, now())));
        result
    }

    async fn outcome(&self, session: &Session) -> Result<Answer, Failure> {
        if !VERBS.split_whitespace().any(|verb| verb == self.verb()) {
            return unsupported("the runtime has nothing like it");
        }
        if self.verb() == "open" {
            let socket =
                self.make(None, async { Socket::open(self.key("transport").text()) }).await?;
            session.keep(self.key("socket"), socket);
            return Ok(Answer::Nothing);
        }
        let held = session.held(self.key("socket"))?;
        let socket = held.socket()?;
        let (receive, send) = (held.receive.get(), held.send.get());
        match self.verb() {
            "bind" => self.make(None, socket.bind(self.key("address"))).await?,
            "listen" => {
                let backlog = self.key("backlog").number().unwrap_or(0) as u32;
                self.make(None, socket.listen(backlog)).await?;
            }
            "connect" => self.make(send, socket.connect(self.key("address"))).await?,
            "accept" => {
                let connection = self.make(receive, socket.accept()).await?;
                session.keep(self.key("as"), connection);
            }
            "send" => return self.send(&socket, send).await,
            "sendall" => {
                let pieces: Vec<_> = self.key("pieces").list().iter().map(Json::payload).collect();
                let all = async {
                    for piece in &pieces {
                        let mut taken = 0;
                        while taken < piece.len() {
                            taken += socket.write(&piece[taken..]).await?;
                        }
                    }
                    Ok(())
                };
                self.make(send, all).await?;
            }
            "recv" => return self.recv(&socket, receive).await,
            "drain" => return self.drain(&socket, receive).await,
            "fill" => return self.fill(&socket).await,
            "shutdown" => match self.key("how").text() {
                "write" => self.make(None, socket.shutdown()).await?,
                _ => return unsupported("a stream has a method for the write half only"),
            },
            "close" => {
                drop(socket);
                let closing = held.socket.take();
                self.make(None, async {
                    drop(closing);
                    Ok(())
                })
                .await?;
            }
            "setopt" => {
                let (option, value) = (self.key("option").text(), self.key("value"));
                let limit =
                    value.key("time").number().filter(|time| *time > 0).map(Duration::from_nanos);
                self.make(None, async {
                    match held.limit(option) {
                        Some(cell) => cell.set(limit),
                        None => socket.set(option, value).await?,
                    }
                    Ok(())
                })
                .await?;
            }
            "getopt" => {
                let option = self.key("option").text();
                let value = async {
                    match held.limit(option) {
                        Some(cell) => Ok(format!(
                            r#"{{"time":{}}}"#,
                            cell.get().unwrap_or_default().as_nanos()
                        )),
                        None => socket.option(option).await,
                    }
                };
                return self.make(None, value).await.map(Answer::Value);
            }
            "getsockname" => {
                return self.make(None, async { socket.name() }).await.map(Answer::Name);
            }
            _ => return self.make(None, async { socket.peer() }).await.map(Answer::Name),
        }
        Ok(Answer::Nothing)
    }

    async fn send(&self, socket: &Socket, own: Option<Duration>) -> Result<Answer, Failure> {
        let (data, to) = (self.key("data").payload(), self.key("to"));
        if !self.key("flags").list().is_empty() {
            return unsupported("a write takes no flags");
        }
        let count = match to {
            Json::Null => self.make(own, socket.write(&data)).await?,
            to => self.make(own, socket.write_to(&data, to)).await?,
        };
        Ok(Answer::Count(count))
    }

    async fn recv(&self, socket: &Socket, own: Option<Duration>) -> Result<Answer, Failure> {
        let mut buffer = vec![0; self.key("size").number().unwrap_or(0) as usize];
        let flags: Vec<_> = self.key("flags").list().iter().map(Json::text).collect();
        let (count, from) = match flags[..] {
            [] if self.key("from").is_true() => {
                self.make(own, socket.read_from(&mut buffer)).await?
            }
            [] => (self.make(own, socket.read(&mut buffer)).await?, None),
            ["MSG_PEEK"] => (self.make(own, socket.peek(&mut buffer)).await?, None),
            ["MSG_WAITALL"] => {
                self.make(own, socket.read_exact(&mut buffer)).await?;
                (buffer.len(), None)
            }
            _ => return unsupported("a read takes no such flags"),
        };
        if count == 0 && !buffer.is_empty() && socket.is_stream() {
            return Ok(Answer::End);
        }
        buffer.truncate(count);
        Ok(Answer::Data { bytes: buffer, from })
    }

    async fn drain(&self, socket: &Socket, own: Option<Duration>) -> Result<Answer, Failure> {
        let (mut all, mut buffer) = (Vec::new(), vec![0; CHUNK]);
        let to_the_end = async {
            loop {
                match first(socket.read(&mut buffer), over(own, Failure::Timeout(String::new())))
                    .await?
                {
                    0 => return Ok(()),
                    count => all.extend(&buffer[..count]),
                }
            }
        };
        self.make(None, to_the_end).await?;
        Ok(if all.is_empty() { Answer::End } else { Answer::All(all) })
    }

    async fn fill(&self, socket: &Socket) -> Result<Answer, Failure> {
        let seed = self.key("seed").number().unwrap_or(0);
        let full = async {
            let mut total = 0;
            loop {
                let data = protocol::generated(seed, total, CHUNK);
                match first(socket.write(&data), over(Some(IDLE), Failure::Timeout(String::new())))
                    .await
                {
                    Ok(count) => total += count,
                    Err(Failure::Timeout(_)) => return Ok(total),
                    Err(failure) => return Err(failure),
                }
            }
        };
        self.make(None, full).await.map(Answer::Count)
    }
}

/// Whatever is ready first, in case of doubt the one that stands first.
async fn first<T>(one: impl Future<Output = T>, other: impl Future<Output = T>) -> T {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(result),
        Poll::Pending => other.as_mut().poll(context),
    })
    .await
}

/// A failure once a time is over; never where there is none.
async fn over<T>(time: Option<Duration>, failure: Failure) -> Result<T, Failure> {
    match time {
        None => pending().await,
        Some(time) => {
            sleep(time).await;
            Err(failure)
        }
    }
}
