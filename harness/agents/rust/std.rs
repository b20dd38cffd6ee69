//! An agent of sockspec for Rust's standard library, std::net and std::os::unix::net. The protocol is told in
//! ../README.md.
//!
//! What the words of the protocol mean here:
//! - `open` and `bind` of a stream only note what was asked for: `TcpListener::bind` and `TcpStream::connect`
//!   make the socket. They take no backlog and no local address, and options are set on what they gave. A datagram
//!   socket is made by its `bind`, or bound to any address when it is first used.
//! - `recv` is one `read`, with MSG_WAITALL `read_exact`; `send` is one `write`.
//! - SO_RCVTIMEO and SO_SNDTIMEO are `set_read_timeout` and `set_write_timeout`, for `connect` the limit of
//!   `connect_timeout`.
//! - Nothing in the standard library ends a call that blocks. Where no timeout is set one of 100 ms is, and the
//!   call is made again until it is over; a write goes on with the rest. A listener has no timeout, so
//!   `accept` does not block and is tried each millisecond. Connecting to a unix socket cannot be ended.
//! - A socket is closed when the last that uses it lets go of it, so not within a call on it.

use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};
use std::{io, panic, process, thread};

use protocol::{Answer, CHUNK, Failure, Hello, Json, dropped, error, unsupported};
use std_sockets::Made::*;
use std_sockets::{Held, Made, Shared, duration, unix, unix_name};

#[allow(dead_code, reason = "other agents use the rest")]
mod protocol;
mod std_sockets;

/// How long a call blocks at a time where it has no timeout.
const SLICE: Duration = Duration::from_millis(100);

/// How long `accept` waits between its tries.
const PAUSE: Duration = Duration::from_millis(1);

/// How long a `fill` waits for room.
const IDLE: Duration = Duration::from_millis(100);

const VERBS: &str = "bind listen connect accept send sendall recv drain fill shutdown close dup setopt getopt \
                     getsockname getpeername nonblocking";

struct Call {
    id: u64,
    request: Json,
    is_ended: AtomicBool,
    is_silent: AtomicBool,
    /// Right before the call under test, and right after it.
    times: Mutex<Option<(Duration, Duration)>>,
}

fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

impl Call {
    fn verb(&self) -> &str {
        self.request.key("verb").text()
    }

    fn can_block(&self) -> bool {
        matches!(self.verb(), "connect" | "accept" | "send" | "sendall" | "recv" | "fill" | "drain")
    }

    /// The call under test, between two looks at the clock.
    fn make<T>(&self, act: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        if self.can_block() {
            protocol::started(self.id);
        }
        let began = origin().elapsed();
        let result = act();
        *locked(&self.times) = Some((began, origin().elapsed()));
        result
    }

    fn limit(&self) -> Option<Duration> {
        self.request.key("limit").number().map(Duration::from_nanos)
    }

    /// What is left of the call's limit, if it has one and has not been ended.
    fn left(&self, begin: Instant) -> Result<Option<Duration>, Failure> {
        let left = self.limit().map(|limit| limit.saturating_sub(begin.elapsed()));
        if self.is_ended.load(Ordering::SeqCst) || left == Some(Duration::ZERO) {
            return Err(Failure::Blocked);
        }
        Ok(left)
    }

    /// Makes a call that blocks for as long as it may: once with the timeout that was set, else in slices.
    fn wait<T>(
        &self,
        made: &Made,
        is_nonblocking: bool,
        receives: bool,
        mut act: impl FnMut() -> io::Result<T>,
    ) -> Result<T, Failure> {
        let begin = Instant::now();
        let own = made.timeout(receives)?;
        let left = self.left(begin)?;
        if is_nonblocking || own.is_some_and(|own| left.is_none_or(|left| own <= left)) {
            return act().map_err(|error| match error.kind() {
                ErrorKind::WouldBlock if !is_nonblocking => Failure::Timeout(error.to_string()),
                _ => Failure::Error(error),
            });
        }
        let result = loop {
            match self.left(begin) {
                Err(ended) => break Err(ended),
                Ok(left) => {
                    made.set_timeout(receives, Some(left.map_or(SLICE, |left| left.min(SLICE))))?
                }
            }
            match act() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => break result.map_err(Failure::Error),
            }
        };
        made.set_timeout(receives, own)?;
        result
    }

    /// Writes as one call would that nothing interrupts: until everything is taken, or its timeout is over.
    fn write(&self, made: &Made, is_nonblocking: bool, data: &[u8]) -> Result<usize, Failure> {
        let whole = is_nonblocking || !made.is_stream() || made.timeout(false)?.is_some();
        let mut taken = 0;
        loop {
            match self.wait(made, is_nonblocking, false, || made.write(&data[taken..])) {
                Err(_) if taken > 0 => return Ok(taken),
                result => taken += result?,
            }
            if whole || taken == data.len() {
                return Ok(taken);
            }
        }
    }

    fn accept(&self, made: &Made, is_nonblocking: bool) -> Result<Made, Failure> {
        let begin = Instant::now();
        made.set_nonblocking(true)?;
        let result = loop {
            let accepted = match made {
                TcpListener(listener) => listener.accept().map(|(stream, _)| Tcp(stream)),
                UnixListener(listener) => listener.accept().map(|(stream, _)| Unix(stream)),
                _ => Err(ErrorKind::InvalidInput.into()),
            };
            match accepted {
                Err(error) if error.kind() == ErrorKind::WouldBlock && !is_nonblocking => {}
                result => break result.map_err(Failure::Error),
            }
            if let Err(ended) = self.left(begin) {
                break Err(ended);
            }
            thread::sleep(PAUSE);
        };
        made.set_nonblocking(is_nonblocking)?;
        result
    }

    fn connect(&self, held: &Shared) -> Result<(), Failure> {
        let address = self.request.key("address");
        let mut kept = locked(held);
        kept.datagrams()?;
        if kept.is_closed {
            return dropped();
        }
        if let Some(made) = &kept.made {
            match &**made {
                Udp(socket) => socket.connect(address.address()?)?,
                UnixDatagram(socket) => socket.connect_addr(&unix(address)?)?,
                _ => return unsupported("connect makes another socket, this one is in use"),
            }
            return Ok(());
        }
        if kept.bound.is_some() {
            return unsupported("connect takes no local address");
        }
        let own = kept.options.iter().rev().find(|(option, _)| option == "SO_SNDTIMEO");
        let own = own.and_then(|(_, value)| duration(value));
        let transport = kept.transport.clone();
        drop(kept);
        let made = if transport == "unix" {
            Unix(UnixStream::connect_addr(&unix(address)?)?)
        } else {
            Tcp(self.connected(address.address()?, own)?)
        };
        locked(held).take(made)
    }

    fn connected(&self, to: SocketAddr, own: Option<Duration>) -> Result<TcpStream, Failure> {
        let limit = own.into_iter().chain(self.limit()).min();
        let Some(limit) = limit else { return Ok(TcpStream::connect(to)?) };
        TcpStream::connect_timeout(&to, limit).map_err(|error| match error.kind() {
            ErrorKind::TimedOut if error.raw_os_error().is_some() => Failure::Error(error),
            ErrorKind::TimedOut if own == Some(limit) => Failure::Timeout(error.to_string()),
            ErrorKind::TimedOut => Failure::Blocked,
            _ => Failure::Error(error),
        })
    }

    fn outcome(&self, session: &Session) -> Result<Answer, Failure> {
        let request = &self.request;
        let number = request.key("socket").number().unwrap_or(0);
        if self.verb() == "open" {
            return self.make(|| {
                session.keep(number, Held::of(request.key("transport").text()));
                Ok(Answer::Nothing)
            });
        }
        if !VERBS.split_whitespace().any(|verb| verb == self.verb()) {
            return unsupported("the verb is not known");
        }
        let Some(held) = locked(&session.sockets).get(&number).cloned() else { return dropped() };
        let flags: Vec<_> = request.key("flags").list().iter().map(Json::text).collect();
        if !flags.iter().all(|flag| matches!(*flag, "MSG_PEEK" | "MSG_WAITALL")) || flags.len() > 1
        {
            return unsupported("a read or write of the standard library takes no such flag");
        }
        match self.verb() {
            "bind" => self.make(|| locked(&held).bind(request.key("address")))?,
            "listen" => self.make(|| locked(&held).listen())?,
            "connect" => self.make(|| self.connect(&held))?,
            "close" => self.make(|| {
                let mut held = locked(&held);
                let made = held.made.take();
                if held.is_closed {
                    return dropped();
                }
                held.is_closed = true;
                drop(made);
                Ok(())
            })?,
            "setopt" if locked(&held).made.is_none() => self.make(|| {
                let option =
                    (request.key("option").text().to_owned(), request.key("value").clone());
                locked(&held).options.push(option);
                Ok(())
            })?,
            "nonblocking" => self.make(|| {
                let mut held = locked(&held);
                held.is_nonblocking = request.key("on").is_true();
                if let Some(made) = &held.made {
                    made.set_nonblocking(held.is_nonblocking)?;
                }
                Ok(())
            })?,
            _ => {
                if matches!(self.verb(), "send" | "sendall" | "recv" | "getopt") {
                    locked(&held).datagrams()?;
                }
                if matches!(self.verb(), "getopt" | "getsockname") && locked(&held).is_noted() {
                    return unsupported("std makes a socket with its connection or listener");
                }
                let made = locked(&held).made()?;
                let is_nonblocking = locked(&held).is_nonblocking;
                return self.with(session, &made, is_nonblocking, flags.first().copied());
            }
        }
        Ok(Answer::Nothing)
    }

    /// A call on a socket that is there.
    fn with(
        &self,
        session: &Session,
        made: &Made,
        is_nonblocking: bool,
        flag: Option<&str>,
    ) -> Result<Answer, Failure> {
        let request = &self.request;
        let option = request.key("option").text();
        match self.verb() {
            "accept" => {
                let connection = self.make(|| self.accept(made, is_nonblocking))?;
                let mut held = Held::of(if matches!(connection, Tcp(_)) { "tcp" } else { "unix" });
                held.take(connection)?;
                session.keep(request.key("as").number().unwrap_or(0), held);
            }
            "send" => return self.send(made, is_nonblocking),
            "sendall" => {
                let pieces: Vec<_> =
                    request.key("pieces").list().iter().map(Json::payload).collect();
                self.make(|| {
                    for piece in &pieces {
                        let mut taken = 0;
                        while taken < piece.len() {
                            taken += self.write(made, is_nonblocking, &piece[taken..])?;
                        }
                    }
                    Ok(())
                })?;
            }
            "recv" => return self.recv(made, is_nonblocking, flag),
            "drain" => return self.drain(made, is_nonblocking),
            "fill" => return self.fill(made),
            "shutdown" => self.make(|| {
                let half = match request.key("how").text() {
                    "read" => Shutdown::Read,
                    "write" => Shutdown::Write,
                    "both" => Shutdown::Both,
                    _ => return unsupported(ENUM),
                };
                match made {
                    Tcp(stream) => stream.shutdown(half)?,
                    Unix(stream) => stream.shutdown(half)?,
                    UnixDatagram(socket) => socket.shutdown(half)?,
                    _ => return unsupported("this type has no method for that"),
                }
                Ok(())
            })?,
            "dup" => {
                let again = self.make(|| {
                    Ok(match made {
                        Tcp(one) => Tcp(one.try_clone()?),
                        TcpListener(one) => TcpListener(one.try_clone()?),
                        Udp(one) => Udp(one.try_clone()?),
                        Unix(one) => Unix(one.try_clone()?),
                        UnixListener(one) => UnixListener(one.try_clone()?),
                        UnixDatagram(one) => UnixDatagram(one.try_clone()?),
                    })
                })?;
                let mut held = Held::of("");
                held.take(again)?;
                held.is_nonblocking = is_nonblocking;
                session.keep(request.key("as").number().unwrap_or(0), held);
            }
            "setopt" => self.make(|| made.set(option, request.key("value")))?,
            "getopt" => return self.make(|| made.option(option)).map(Answer::Value),
            "getsockname" => {
                return self.make(|| {
                    Ok(Answer::Name(match made {
                        Tcp(one) => protocol::inet(one.local_addr()?),
                        TcpListener(one) => protocol::inet(one.local_addr()?),
                        Udp(one) => protocol::inet(one.local_addr()?),
                        Unix(one) => unix_name(&one.local_addr()?),
                        UnixListener(one) => unix_name(&one.local_addr()?),
                        UnixDatagram(one) => unix_name(&one.local_addr()?),
                    }))
                });
            }
            "getpeername" => {
                return self.make(|| {
                    Ok(Answer::Name(match made {
                        Tcp(one) => protocol::inet(one.peer_addr()?),
                        Udp(one) => protocol::inet(one.peer_addr()?),
                        Unix(one) => unix_name(&one.peer_addr()?),
                        UnixDatagram(one) => unix_name(&one.peer_addr()?),
                        _ => return error(ErrorKind::NotConnected, "a listener has no peer"),
                    }))
                });
            }
            _ => return unsupported("std::net has no method for it"),
        }
        Ok(Answer::Nothing)
    }

    fn send(&self, made: &Made, is_nonblocking: bool) -> Result<Answer, Failure> {
        let (data, to) = (self.request.key("data").payload(), self.request.key("to"));
        if *to == Json::Null {
            return self.make(|| self.write(made, is_nonblocking, &data)).map(Answer::Count);
        }
        self.make(|| match made {
            Udp(socket) => {
                let to = to.address()?;
                self.wait(made, is_nonblocking, false, || socket.send_to(&data, to))
            }
            UnixDatagram(socket) => {
                let to = unix(to)?;
                self.wait(made, is_nonblocking, false, || socket.send_to_addr(&data, &to))
            }
            _ => unsupported("a stream has no method that takes an address"),
        })
        .map(Answer::Count)
    }

    fn recv(
        &self,
        made: &Made,
        is_nonblocking: bool,
        flag: Option<&str>,
    ) -> Result<Answer, Failure> {
        let mut buffer = vec![0; self.request.key("size").number().unwrap_or(0) as usize];
        let (count, from) = match flag {
            Some("MSG_PEEK") => (
                self.make(|| self.wait(made, is_nonblocking, true, || made.peek(&mut buffer)))?,
                None,
            ),
            Some(_) => {
                let mut source = Patient { call: self, made, is_nonblocking, failure: None };
                let read = self.make(|| Ok(source.read_exact(&mut buffer)?));
                if let Some(failure) = source.failure {
                    return Err(failure);
                }
                read?;
                (buffer.len(), None)
            }
            None if self.request.key("from").is_true() => {
                self.make(|| self.wait(made, is_nonblocking, true, || made.read_from(&mut buffer)))?
            }
            None => (
                self.make(|| self.wait(made, is_nonblocking, true, || made.read(&mut buffer)))?,
                None,
            ),
        };
        if count == 0 && !buffer.is_empty() && made.is_stream() {
            return Ok(Answer::End);
        }
        buffer.truncate(count);
        Ok(Answer::Data { bytes: buffer, from })
    }

    fn drain(&self, made: &Made, is_nonblocking: bool) -> Result<Answer, Failure> {
        let (mut all, mut buffer) = (Vec::new(), vec![0; CHUNK]);
        self.make(|| {
            loop {
                match self.wait(made, is_nonblocking, true, || made.read(&mut buffer))? {
                    0 => return Ok(()),
                    count => all.extend(&buffer[..count]),
                }
            }
        })?;
        Ok(if all.is_empty() { Answer::End } else { Answer::All(all) })
    }

    fn fill(&self, made: &Made) -> Result<Answer, Failure> {
        let seed = self.request.key("seed").number().unwrap_or(0);
        let begin = Instant::now();
        let own = made.timeout(false)?;
        made.set_timeout(false, Some(IDLE))?;
        let result = self.make(|| {
            let mut total = 0;
            loop {
                let data = protocol::generated(seed, total, CHUNK);
                self.left(begin)?;
                match made.write(&data) {
                    Ok(count) => total += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(total),
                    Err(error) => return Err(Failure::Error(error)),
                }
            }
        });
        made.set_timeout(false, own)?;
        result.map(Answer::Count)
    }

    fn perform(&self, session: &Session) {
        let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| self.outcome(session)));
        let now = origin().elapsed();
        let (began, ended) = locked(&self.times).unwrap_or((now, now));
        let (began, took) = (began.as_nanos() as u64, (ended - began).as_nanos() as u64);
        let mut pending = locked(&session.pending);
        if self.is_silent.load(Ordering::SeqCst) {
            return;
        }
        pending.remove(&self.id);
        match outcome {
            Ok(outcome) => protocol::done(self.id, began, took, outcome),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map_or("", String::as_str);
                protocol::threw(self.id, began, took, text);
            }
        }
    }
}

/// A source that waits as a call may.
struct Patient<'a> {
    call: &'a Call,
    made: &'a Made,
    is_nonblocking: bool,
    failure: Option<Failure>,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.call.wait(self.made, self.is_nonblocking, true, || self.made.read(buffer));
        read.map_err(|failure| {
            self.failure = Some(failure);
            ErrorKind::Other.into()
        })
    }
}

// --- the session

#[derive(Default)]
struct Session {
    sockets: Mutex<HashMap<u64, Shared>>,
    pending: Mutex<HashMap<u64, Arc<Call>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Session {
    fn keep(&self, number: u64, held: Held) {
        locked(&self.sockets).insert(number, Arc::new(Mutex::new(held)));
    }

    fn reset(&self, id: u64) {
        let began = origin().elapsed();
        // Who waits notices it within a slice, and gives back the socket then.
        for (_, call) in locked(&self.pending).drain() {
            call.is_silent.store(true, Ordering::SeqCst);
            call.is_ended.store(true, Ordering::SeqCst);
        }
        for (_, held) in locked(&self.sockets).drain() {
            let made = locked(&held).made.take();
            if let Some(Tcp(stream)) = made.as_deref() {
                let _ = stream.shutdown(Shutdown::Both); // it fails where there is no connection any more
            }
        }
        let took = origin().elapsed() - began;
        protocol::was_reset(id, began.as_nanos() as u64, took.as_nanos() as u64, &[]);
    }
}

const ENUM: &str = "Shutdown is an enum of Read, Write and Both";

fn main() {
    origin();
    // A panic is answered; nobody needs to read of it here.
    panic::set_hook(Box::new(|_| {}));
    Hello {
        name: "rust",
        version: &format!("std, {}, {}", option_env!("RUSTC_VERSION").unwrap_or("rustc"), protocol::kernel()),
        offers: "tcp4 tcp6 udp4 udp6 unix unix-dgram blocking-calls concurrent cancel shutdown-read shutdown-write \
                 shutdown-both dup peek wait-all nonblocking names fill SO_BROADCAST SO_ERROR SO_RCVTIMEO \
                 SO_SNDTIMEO TCP_NODELAY IP_TTL",
        lacks: &[
            ("shutdown-number", ENUM),
            ("SO_LINGER", "set_linger is not stable"),
            ("options", "std::net sets TCP_NODELAY, IP_TTL, SO_BROADCAST and the timeouts, and reads SO_ERROR besides"),
            ("dont-wait truncation more error-queue raise", "no method of std::net takes flags"),
            ("cut-datagrams", "recv of std::net does not tell that a datagram was cut"),
            ("poll epoll select", "std::net has no readiness"),
            ("signals", "std has no signals"),
            ("read-write", "Read and Write of a TcpStream are its recv and send"),
            ("tcp-info short-options", "std::net has no method for it"),
        ],
        granularity: 4_000_000,
    }
    .say();
    let session = Arc::new(Session::default());
    for line in io::stdin().lines() {
        let Ok(line) = line else { break };
        let Some(request) = Json::parse(&line) else {
            eprintln!("no request: {:.200}", line);
            process::exit(2);
        };
        let id = request.key("id").number().unwrap_or(0);
        match request.key("kind").text() {
            "call" => {
                let call = Arc::new(Call {
                    id,
                    request,
                    is_ended: AtomicBool::new(false),
                    is_silent: AtomicBool::new(false),
                    times: Mutex::new(None),
                });
                locked(&session.pending).insert(id, Arc::clone(&call));
                if call.can_block() {
                    let session = Arc::clone(&session);
                    thread::spawn(move || call.perform(&session));
                } else {
                    call.perform(&session);
                }
            }
            "cancel" => {
                let pending = locked(&session.pending);
                if let Some(call) = request.key("call").number().and_then(|id| pending.get(&id)) {
                    call.is_ended.store(true, Ordering::SeqCst);
                }
            }
            "reset" => session.reset(id),
            _ => {}
        }
    }
    process::exit(0); // whatever is pending
}
