//! An agent of sockspec for tokio::net. The protocol is told in ../README.md, what becomes of the calls in
//! calls.rs.
//!
//! - `open` of a stream is `TcpSocket::new_v4` and its like, which is bound, has its options set and becomes
//!   a stream by `connect` or a listener by `listen`, each of which consumes it. A `UdpSocket` is made by its
//!   `bind`, or bound to any address when it is first used.
//! - A stream is split into its halves: a receive is `readable` and `try_read` of the one, a send `writable` and
//!   `try_write`, which is what `read` and `write` do, and the end of the write half `shutdown` of the other.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::{self, BufRead as _, ErrorKind};
use std::path::PathBuf;
use std::pin::Pin;
use std::process;
use std::rc::Rc;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use calls::Session;
use protocol::{Failure, Hello, Json, error, unsupported};
use tokio::io::AsyncWrite as _;
use tokio::net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixListener, UnixSocket, UnixStream, tcp, unix,
};
use tokio::runtime::Builder;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::{LocalSet, spawn_local};

#[allow(dead_code, reason = "other agents use the rest")]
mod calls;
#[allow(dead_code, reason = "other agents use the rest")]
mod protocol;

// --- time and tasks

pub fn now() -> Duration {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    ORIGIN.get_or_init(Instant::now).elapsed()
}

pub async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

pub fn spawn(task: impl Future<Output = ()> + 'static) {
    spawn_local(task);
}

// --- sockets

/// A socket, or what is to become one.
pub struct Socket {
    transport: String,
    made: RefCell<Option<Rc<Made>>>,
    fresh: RefCell<Option<Fresh>>,
}

/// What `connect` or `listen` consume.
enum Fresh {
    Tcp(TcpSocket),
    Unix(UnixSocket),
}

enum Made {
    Tcp(tcp::OwnedReadHalf, RefCell<tcp::OwnedWriteHalf>),
    TcpListener(TcpListener),
    Udp(UdpSocket),
    Unix(unix::OwnedReadHalf, RefCell<unix::OwnedWriteHalf>),
    UnixListener(UnixListener),
}

impl From<TcpStream> for Made {
    fn from(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        Made::Tcp(read, RefCell::new(write))
    }
}

impl From<UnixStream> for Made {
    fn from(stream: UnixStream) -> Self {
        let (read, write) = stream.into_split();
        Made::Unix(read, RefCell::new(write))
    }
}

impl Socket {
    pub fn open(transport: &str) -> Result<Socket, Failure> {
        let fresh = match transport {
            "tcp4" => Some(Fresh::Tcp(TcpSocket::new_v4()?)),
            "tcp6" => Some(Fresh::Tcp(TcpSocket::new_v6()?)),
            "unix" => Some(Fresh::Unix(UnixSocket::new_stream()?)),
            _ => None,
        };
        Ok(Socket {
            transport: transport.to_owned(),
            made: RefCell::new(None),
            fresh: RefCell::new(fresh),
        })
    }

    fn of(transport: &str, made: Made) -> Socket {
        let made = RefCell::new(Some(Rc::new(made)));
        Socket { transport: transport.to_owned(), made, fresh: RefCell::new(None) }
    }

    pub fn is_stream(&self) -> bool {
        !self.transport.starts_with("udp")
    }

    /// What was made; a datagram socket is bound to any address if there is none yet.
    async fn made(&self) -> Result<Rc<Made>, Failure> {
        let made = self.made.borrow().clone();
        let made = match (made, self.transport.as_str()) {
            (Some(made), _) => return Ok(made),
            (None, "udp4") => Made::Udp(UdpSocket::bind("0.0.0.0:0").await?),
            (None, "udp6") => Made::Udp(UdpSocket::bind("[::]:0").await?),
            _ => {
                return error(
                    ErrorKind::NotConnected,
                    "a TcpSocket or UnixSocket has no such method",
                );
            }
        };
        Ok(self.take(made))
    }

    fn take(&self, made: Made) -> Rc<Made> {
        let made = Rc::new(made);
        *self.made.borrow_mut() = Some(Rc::clone(&made));
        made
    }

    pub async fn bind(&self, address: &Json) -> Result<(), Failure> {
        match &*self.fresh.borrow() {
            Some(Fresh::Tcp(socket)) => return Ok(socket.bind(address.address()?)?),
            Some(Fresh::Unix(socket)) => return Ok(socket.bind(path(address)?)?),
            None if self.made.borrow().is_some() => {
                return error(
                    ErrorKind::InvalidInput,
                    "bind makes another socket, this one has an address",
                );
            }
            None => {}
        }
        self.take(Made::Udp(UdpSocket::bind(address.address()?).await?));
        Ok(())
    }

    pub async fn listen(&self, backlog: u32) -> Result<(), Failure> {
        self.take(match self.fresh.take() {
            Some(Fresh::Tcp(socket)) => Made::TcpListener(socket.listen(backlog)?),
            Some(Fresh::Unix(socket)) => Made::UnixListener(socket.listen(backlog)?),
            None => return unsupported("only a TcpSocket or UnixSocket can listen"),
        });
        Ok(())
    }

    pub async fn connect(&self, address: &Json) -> Result<(), Failure> {
        let fresh = self.fresh.take();
        match fresh {
            Some(Fresh::Tcp(socket)) => self.take(socket.connect(address.address()?).await?.into()),
            Some(Fresh::Unix(socket)) => self.take(socket.connect(path(address)?).await?.into()),
            None if self.is_stream() => {
                return unsupported("connect consumes a TcpSocket, there is none any more");
            }
            None => {
                let made = self.made().await?;
                match &*made {
                    Made::Udp(socket) => socket.connect(address.address()?).await?,
                    _ => {}
                }
                made
            }
        };
        Ok(())
    }

    pub async fn accept(&self) -> Result<Socket, Failure> {
        match &*self.made().await? {
            Made::TcpListener(listener) => {
                Ok(Socket::of(&self.transport, listener.accept().await?.0.into()))
            }
            Made::UnixListener(listener) => {
                Ok(Socket::of(&self.transport, listener.accept().await?.0.into()))
            }
            _ => error(ErrorKind::InvalidInput, "only a listener accepts"),
        }
    }

    pub async fn read(&self, buffer: &mut [u8]) -> Result<usize, Failure> {
        Ok(self.made().await?.read(buffer).await?)
    }

    pub async fn read_from(&self, buffer: &mut [u8]) -> Result<(usize, Option<String>), Failure> {
        Ok(match &*self.made().await? {
            Made::Udp(socket) => {
                let (count, from) = socket.recv_from(buffer).await?;
                (count, Some(protocol::inet(from)))
            }
            made => (made.read(buffer).await?, None),
        })
    }

    pub async fn read_exact(&self, buffer: &mut [u8]) -> Result<(), Failure> {
        let mut count = 0;
        while count < buffer.len() {
            match self.read(&mut buffer[count..]).await? {
                0 => return error(ErrorKind::UnexpectedEof, "early eof"),
                more => count += more,
            }
        }
        Ok(())
    }

    pub async fn peek(&self, buffer: &mut [u8]) -> Result<usize, Failure> {
        match &*self.made().await? {
            Made::Tcp(stream, _) => Ok(stream.as_ref().peek(buffer).await?),
            Made::Udp(socket) => Ok(socket.peek(buffer).await?),
            _ => unsupported("only a TcpStream and a UdpSocket have a method for that"),
        }
    }

    pub async fn write(&self, data: &[u8]) -> Result<usize, Failure> {
        Ok(self.made().await?.write(data).await?)
    }

    pub async fn write_to(&self, data: &[u8], to: &Json) -> Result<usize, Failure> {
        match &*self.made().await? {
            Made::Udp(socket) => Ok(socket.send_to(data, to.address()?).await?),
            _ => unsupported("a stream has no method that takes an address"),
        }
    }

    pub async fn shutdown(&self) -> Result<(), Failure> {
        match &*self.made().await? {
            Made::Tcp(_, half) => {
                poll_fn(|context| Pin::new(&mut *half.borrow_mut()).poll_shutdown(context)).await?;
            }
            Made::Unix(_, half) => {
                poll_fn(|context| Pin::new(&mut *half.borrow_mut()).poll_shutdown(context)).await?;
            }
            _ => return unsupported("this type has no method for that"),
        }
        Ok(())
    }

    pub async fn set(&self, option: &str, value: &Json) -> Result<(), Failure> {
        let number = value.key("number").number().unwrap_or(0) as u32;
        if let Some(Fresh::Tcp(socket)) = &*self.fresh.borrow() {
            match option {
                "TCP_NODELAY" => socket.set_nodelay(number != 0)?,
                "SO_REUSEADDR" => socket.set_reuseaddr(number != 0)?,
                "SO_REUSEPORT" => socket.set_reuseport(number != 0)?,
                _ => return unsupported("a TcpSocket has no method for that option"),
            }
            return Ok(());
        }
        match (&*self.made().await?, option) {
            (Made::Tcp(stream, _), "TCP_NODELAY") => stream.as_ref().set_nodelay(number != 0)?,
            (Made::Tcp(stream, _), "IP_TTL") => stream.as_ref().set_ttl(number)?,
            (Made::TcpListener(listener), "IP_TTL") => listener.set_ttl(number)?,
            (Made::Udp(socket), "IP_TTL") => socket.set_ttl(number)?,
            (Made::Udp(socket), "SO_BROADCAST") => socket.set_broadcast(number != 0)?,
            _ => return unsupported("this type has no method for that option"),
        }
        Ok(())
    }

    pub async fn option(&self, option: &str) -> Result<String, Failure> {
        if let Some(Fresh::Tcp(socket)) = &*self.fresh.borrow() {
            let number = match option {
                "TCP_NODELAY" => u32::from(socket.nodelay()?),
                "SO_REUSEADDR" => u32::from(socket.reuseaddr()?),
                "SO_REUSEPORT" => u32::from(socket.reuseport()?),
                "SO_ERROR" => return Ok(pending_error(socket.take_error()?)),
                _ => return unsupported("a TcpSocket has no method for that option"),
            };
            return Ok(format!(r#"{{"number":{number}}}"#));
        }
        let number = match (&*self.made().await?, option) {
            (Made::Tcp(stream, _), "TCP_NODELAY") => u32::from(stream.as_ref().nodelay()?),
            (Made::Tcp(stream, _), "IP_TTL") => stream.as_ref().ttl()?,
            (Made::TcpListener(listener), "IP_TTL") => listener.ttl()?,
            (Made::Udp(socket), "IP_TTL") => socket.ttl()?,
            (Made::Udp(socket), "SO_BROADCAST") => u32::from(socket.broadcast()?),
            (Made::Tcp(stream, _), "SO_ERROR") => {
                return Ok(pending_error(stream.as_ref().take_error()?));
            }
            (Made::Unix(stream, _), "SO_ERROR") => {
                return Ok(pending_error(stream.as_ref().take_error()?));
            }
            (Made::Udp(socket), "SO_ERROR") => return Ok(pending_error(socket.take_error()?)),
            (Made::UnixListener(listener), "SO_ERROR") => {
                return Ok(pending_error(listener.take_error()?));
            }
            _ => return unsupported("this type has no method for that option"),
        };
        Ok(format!(r#"{{"number":{number}}}"#))
    }

    pub fn name(&self) -> Result<String, Failure> {
        if let Some(Fresh::Tcp(socket)) = &*self.fresh.borrow() {
            return Ok(protocol::inet(socket.local_addr()?));
        }
        Ok(match self.made.borrow().as_deref() {
            Some(Made::Tcp(stream, _)) => protocol::inet(stream.local_addr()?),
            Some(Made::TcpListener(listener)) => protocol::inet(listener.local_addr()?),
            Some(Made::Udp(socket)) => protocol::inet(socket.local_addr()?),
            Some(Made::Unix(stream, _)) => protocol::local(stream.local_addr()?.as_abstract_name()),
            Some(Made::UnixListener(listener)) => {
                protocol::local(listener.local_addr()?.as_abstract_name())
            }
            None => return unsupported("there is no socket yet, or it has no method for its name"),
        })
    }

    pub fn peer(&self) -> Result<String, Failure> {
        Ok(match self.made.borrow().as_deref() {
            Some(Made::Tcp(stream, _)) => protocol::inet(stream.peer_addr()?),
            Some(Made::Udp(socket)) => protocol::inet(socket.peer_addr()?),
            Some(Made::Unix(stream, _)) => protocol::local(stream.peer_addr()?.as_abstract_name()),
            _ => return error(ErrorKind::NotConnected, "there is no connection"),
        })
    }
}

impl Made {
    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Made::Tcp(half, _) => {
                    half.readable().await?;
                    half.try_read(buffer)
                }
                Made::Unix(half, _) => {
                    half.readable().await?;
                    half.try_read(buffer)
                }
                Made::Udp(socket) => return socket.recv(buffer).await,
                Made::TcpListener(_) | Made::UnixListener(_) => {
                    return Err(ErrorKind::NotConnected.into());
                }
            };
            match read {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }

    async fn write(&self, data: &[u8]) -> io::Result<usize> {
        loop {
            let written = match self {
                Made::Tcp(half, _) => {
                    half.as_ref().writable().await?;
                    half.as_ref().try_write(data)
                }
                Made::Unix(half, _) => {
                    half.as_ref().writable().await?;
                    half.as_ref().try_write(data)
                }
                Made::Udp(socket) => return socket.send(data).await,
                Made::TcpListener(_) | Made::UnixListener(_) => {
                    return Err(ErrorKind::NotConnected.into());
                }
            };
            match written {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                written => return written,
            }
        }
    }
}

fn pending_error(error: Option<io::Error>) -> String {
    let name = error.map_or("null".to_owned(), |error| format!("{:?}", protocol::class(&error)));
    format!(r#"{{"error":{name}}}"#)
}

/// Tokio takes a name in the abstract namespace as a path that begins with a NUL.
fn path(address: &Json) -> Result<PathBuf, Failure> {
    match address.key("local") {
        Json::Text(name) => Ok(format!("\0{name}").into()),
        _ => unsupported("an address without a name cannot be given"),
    }
}

// --- the session

fn main() -> io::Result<()> {
    now();
    // A panic is answered; nobody needs to read of it here.
    std::panic::set_hook(Box::new(|_| {}));
    Hello {
        name: "rust-tokio",
        version: &format!("tokio {}, {}", protocol::version_of("tokio", include_str!("tokio.lock")), protocol::kernel()),
        offers: "tcp4 tcp6 udp4 udp6 unix blocking-calls concurrent cancel shutdown-write peek wait-all names fill \
                 SO_BROADCAST SO_ERROR SO_RCVTIMEO SO_REUSEADDR SO_REUSEPORT SO_SNDTIMEO TCP_NODELAY IP_TTL",
        lacks: &[
            ("unix-dgram", "connect and send_to of a UnixDatagram take no name in the abstract namespace"),
            ("shutdown-read shutdown-both shutdown-number", "shutdown of AsyncWriteExt ends the write half only"),
            ("SO_KEEPALIVE SO_RCVBUF SO_SNDBUF", "a TcpSocket has a method for it, but nothing that is connected has"),
            ("dup", "a TcpStream has no second descriptor"),
            ("nonblocking", "every method of tokio::net waits"),
            ("SO_LINGER", "set_linger is deprecated, since it blocks the thread that drops the socket"),
            ("dont-wait truncation more error-queue raise", "no method of tokio::net takes flags"),
            ("cut-datagrams", "recv of tokio::net does not tell that a datagram was cut"),
            ("poll epoll select", "ready of tokio::net keeps what it found until a call would block"),
            ("signals", "a signal reaches a thread, not a task"),
            ("read-write", "read and write of a TcpStream are its recv and send"),
            ("options tcp-info short-options", "tokio::net has no method for it"),
        ],
        granularity: 0,
    }
    .say();
    let (sender, mut lines) = unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let Some(request) = Json::parse(&line) else {
                eprintln!("no request: {line:.200}");
                process::exit(2);
            };
            if sender.send(request).is_err() {
                break;
            }
        }
        process::exit(0); // whatever is pending
    });
    let runtime = Builder::new_current_thread().enable_all().build()?;
    loop {
        // With these go all tasks and sockets.
        let (tasks, session) = (LocalSet::new(), Rc::new(Session::default()));
        let reset = tasks.block_on(&runtime, async {
            loop {
                match lines.recv().await {
                    None => return None,
                    Some(request) if request.key("kind").text() == "reset" => return Some(request),
                    Some(request) => session.handle(request),
                }
            }
        });
        let Some(request) = reset else { return Ok(()) };
        let began = now();
        drop((tasks, session));
        let took = (now() - began).as_nanos() as u64;
        protocol::was_reset(
            request.key("id").number().unwrap_or(0),
            began.as_nanos() as u64,
            took,
            &[],
        );
    }
}
