//! An agent of sockspec for the simulated network of turmoil. The protocol is told in ../README.md, what becomes of
//! the calls in ../rust/calls.rs, what the sockets are in ../simulated/sockets.rs.
//!
//! Each scenario has a world of its own with one host in it, of whose two families of addresses the first
//! socket decides: a host of turmoil has one address. Its steps follow the clock outside, a millisecond each, as
//! long as a call is pending, and are made up for at the next request. The times that are told are those of the
//! simulation.
//!
//! `connect` of turmoil is answered by `accept`, and by nothing else. So that the one can come before the other a
//! listener has a task that accepts in a loop, as servers have, and the verb gives what came.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use pace::Pace;
use protocol::{Failure, Hello, Json, unsupported};
use sockets::Socket;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{Mutex, Notify};
use tokio::task::{JoinHandle, spawn_local};
use turmoil::{Builder, IpVersion, Sim};

#[path = "../rust/calls.rs"]
mod calls;
#[path = "../simulated/pace.rs"]
mod pace;
#[allow(dead_code, reason = "other agents use the rest")]
#[path = "../rust/protocol.rs"]
mod protocol;
#[path = "../simulated/sockets.rs"]
mod sockets;

// --- time and tasks

thread_local! {
    /// When the world began, by the clock outside.
    static BEGIN: RefCell<Duration> = const { RefCell::new(Duration::ZERO) };
}

pub fn now() -> Duration {
    BEGIN.with_borrow(|begin| *begin) + turmoil::sim_elapsed().unwrap_or_default()
}

pub async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

pub fn spawn(task: impl Future<Output = ()> + 'static) {
    spawn_local(task);
}

// --- the network

/// What turmoil has its own way.
mod network {
    pub use turmoil::net::tcp::{OwnedReadHalf as ReadHalf, OwnedWriteHalf as WriteHalf};
    pub use turmoil::net::{TcpStream, UdpSocket};

    use super::*;

    /// A listener, and what came to it.
    pub struct TcpListener {
        local: SocketAddr,
        came: Mutex<UnboundedReceiver<TcpStream>>,
        accepting: JoinHandle<()>,
    }

    impl TcpListener {
        pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
            let listener = turmoil::net::TcpListener::bind(address).await?;
            let local = listener.local_addr()?;
            let (sender, came) = unbounded_channel();
            let accepting = spawn_local(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    if sender.send(stream).is_err() {
                        break;
                    }
                }
            });
            Ok(TcpListener { local, came: Mutex::new(came), accepting })
        }

        pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
            let stream = self.came.lock().await.recv().await.ok_or(io::ErrorKind::BrokenPipe)?;
            let peer = stream.peer_addr()?;
            Ok((stream, peer))
        }

        pub fn local_addr(&self) -> io::Result<SocketAddr> {
            Ok(self.local)
        }
    }

    impl Drop for TcpListener {
        fn drop(&mut self) {
            self.accepting.abort();
        }
    }

    pub fn split(stream: TcpStream) -> (ReadHalf, WriteHalf) {
        stream.into_split()
    }

    pub async fn peek(half: &mut ReadHalf, buffer: &mut [u8]) -> Result<usize, Failure> {
        Ok(half.peek(buffer).await?)
    }

    /// There is no method for it, so a program that has connected keeps the address.
    pub async fn send(
        socket: &UdpSocket,
        data: &[u8],
        peer: Option<SocketAddr>,
    ) -> Result<usize, Failure> {
        match peer {
            Some(peer) => send_to(socket, data, peer).await,
            None => unsupported("a UdpSocket of turmoil has no send, only send_to"),
        }
    }

    pub async fn send_to(
        socket: &UdpSocket,
        data: &[u8],
        to: SocketAddr,
    ) -> Result<usize, Failure> {
        Ok(socket.send_to(data, to).await?)
    }

    pub fn set(socket: &UdpSocket, option: &str, value: &Json) -> Result<(), Failure> {
        match option {
            "SO_BROADCAST" => Ok(socket.set_broadcast(value.key("number").number() != Some(0))?),
            _ => unsupported("a UdpSocket of turmoil has no method for it"),
        }
    }

    pub fn option(socket: &UdpSocket, option: &str) -> Result<String, Failure> {
        match option {
            "SO_BROADCAST" => Ok(format!(r#"{{"number":{}}}"#, u8::from(socket.broadcast()?))),
            _ => unsupported("a UdpSocket of turmoil has no method for it"),
        }
    }

    pub fn peer(_: &UdpSocket) -> Result<String, Failure> {
        unsupported("a UdpSocket of turmoil has no peer_addr")
    }
}

// --- the session

/// A simulation, and the way into its host.
struct World {
    simulation: Sim<'static>,
    session: Rc<calls::Session>,
    inbox: Rc<Inbox>,
}

#[derive(Default)]
struct Inbox {
    requests: RefCell<VecDeque<Json>>,
    came: Notify,
}

/// More time has no scenario.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl World {
    fn begin(version: IpVersion, at: Duration) -> World {
        BEGIN.set(at);
        let mut simulation =
            Builder::new().ip_version(version).simulation_duration(LONGEST).build();
        let (session, inbox) = (Rc::new(calls::Session::default()), Rc::new(Inbox::default()));
        let (host_session, host_inbox) = (Rc::clone(&session), Rc::clone(&inbox));
        simulation.client("host", async move {
            loop {
                while let Some(request) = host_inbox.requests.borrow_mut().pop_front() {
                    host_session.handle(request);
                }
                host_inbox.came.notified().await;
            }
        });
        World { simulation, session, inbox }
    }

    /// Makes up for the time that has gone by outside.
    fn advance(&mut self, to: Duration) -> turmoil::Result {
        while BEGIN.with_borrow(|begin| *begin) + self.simulation.elapsed() < to {
            self.simulation.step()?;
        }
        Ok(())
    }

    fn take(&self, request: Json) {
        self.inbox.requests.borrow_mut().push_back(request);
        self.inbox.came.notify_one();
    }

    fn waits(&self) -> bool {
        self.session.is_busy() || !self.inbox.requests.borrow().is_empty()
    }
}

fn main() -> turmoil::Result {
    // A panic is answered; nobody needs to read of it here.
    std::panic::set_hook(Box::new(|_| {}));
    Hello {
        name: "turmoil",
        version: &format!("turmoil {}", protocol::version_of("turmoil", include_str!("package.lock"))),
        offers: "tcp4 tcp6 udp4 udp6 blocking-calls concurrent cancel shutdown-write peek wait-all names \
                 SO_BROADCAST SO_RCVTIMEO SO_SNDTIMEO",
        lacks: &[
            ("unix unix-dgram", "turmoil has no unix sockets"),
            ("shutdown-read shutdown-both shutdown-number", "shutdown of AsyncWriteExt ends the write half only"),
            ("fill", "a stream of turmoil holds 64 writes of any size, and a FIN behind them is lost"),
            ("dup", "a TcpStream has no second descriptor"),
            ("nonblocking", "every method waits, but for those named try"),
            ("dont-wait truncation more error-queue raise", "no method takes flags"),
            ("cut-datagrams", "recv_from does not tell that a datagram was cut"),
            ("poll epoll select", "a TcpStream of turmoil has no readable"),
            ("signals", "no signal reaches a simulated host"),
            ("read-write", "read and write of a TcpStream are its recv and send"),
            ("options", "turmoil has no options but SO_BROADCAST; set_nodelay does nothing"),
            ("tcp-info short-options SO_ERROR", "turmoil has no method for it"),
        ],
        granularity: 0,
    }
    .say();
    let pace = Pace::begin();
    let mut world: Option<World> = None;
    loop {
        let (at, request) = pace.next(world.as_ref().is_some_and(World::waits));
        if let Some(world) = &mut world {
            world.advance(at)?;
        }
        let Some(request) = request else { continue };
        if request.key("kind").text() == "reset" {
            world = None;
            let began = at.as_nanos() as u64;
            protocol::was_reset(request.key("id").number().unwrap_or(0), began, 0, &[]);
            continue;
        }
        let is_six = request.key("transport").text().ends_with('6');
        let version = if is_six { IpVersion::V6 } else { IpVersion::V4 };
        world.get_or_insert_with(|| World::begin(version, at)).take(request);
    }
}
