//! An agent of sockspec for the simulated network of madsim. The protocol is told in ../README.md, what becomes of
//! the calls in ../rust/calls.rs, what the sockets are in ../simulated/sockets.rs.
//!
//! Each scenario has a runtime of its own with one node in it. A task of that runtime lets simulated time follow the
//! clock outside: it sleeps, within the simulation, until what the clock was, and then waits, outside of it,
//! for the clock to go on. The times that are told are those of the simulation.

use std::cell::Cell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use madsim::runtime::Runtime;
use madsim::time::TimeHandle;
use pace::Pace;
use protocol::{Failure, Hello, Json, unsupported};
use sockets::Socket;

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
    /// When the runtime began, by the clock outside.
    static BEGIN: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

pub fn now() -> Duration {
    BEGIN.get() + TimeHandle::current().elapsed()
}

pub async fn sleep(time: Duration) {
    madsim::time::sleep(time).await;
}

pub fn spawn(task: impl Future<Output = ()> + 'static) {
    madsim::task::spawn_local(task);
}

// --- the network

/// What madsim has its own way.
mod network {
    pub use madsim::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    pub type ReadHalf = tokio::io::ReadHalf<TcpStream>;
    pub type WriteHalf = tokio::io::WriteHalf<TcpStream>;

    pub fn split(stream: TcpStream) -> (ReadHalf, WriteHalf) {
        tokio::io::split(stream)
    }

    pub async fn peek(_: &mut ReadHalf, _: &mut [u8]) -> Result<usize, Failure> {
        unsupported("a TcpStream of madsim has no peek")
    }

    pub async fn send(
        socket: &UdpSocket,
        data: &[u8],
        _: Option<SocketAddr>,
    ) -> Result<usize, Failure> {
        socket.send(data).await?;
        Ok(data.len()) // it says nothing of it
    }

    pub async fn send_to(
        socket: &UdpSocket,
        data: &[u8],
        to: SocketAddr,
    ) -> Result<usize, Failure> {
        socket.send_to(to, data).await?;
        Ok(data.len()) // it says nothing of it
    }

    pub fn set(_: &UdpSocket, _: &str, _: &Json) -> Result<(), Failure> {
        unsupported("a UdpSocket of madsim has no options")
    }

    pub fn option(_: &UdpSocket, _: &str) -> Result<String, Failure> {
        unsupported("a UdpSocket of madsim has no options")
    }

    pub fn peer(socket: &UdpSocket) -> Result<String, Failure> {
        Ok(protocol::inet(socket.peer_addr()?))
    }
}

// --- the session

/// Performs requests until a reset, which it gives back with the time outside.
async fn serve(pace: &Pace) -> (Duration, Json) {
    let session = Rc::new(calls::Session::default());
    let mut waits = false;
    loop {
        let (at, request) = pace.next(waits);
        if BEGIN.get() == Duration::ZERO {
            BEGIN.set(at.saturating_sub(TimeHandle::current().elapsed()));
        }
        if let Some(left) = at.checked_sub(now()).filter(|left| !left.is_zero()) {
            sleep(left).await;
        }
        if let Some(request) = request {
            if request.key("kind").text() == "reset" {
                return (at, request);
            }
            session.handle(request);
        }
        madsim::task::yield_now().await;
        waits = session.is_busy();
    }
}

fn main() {
    // A panic is answered; nobody needs to read of it here.
    std::panic::set_hook(Box::new(|_| {}));
    Hello {
        name: "madsim",
        version: &format!("madsim {}", protocol::version_of("madsim", include_str!("package.lock"))),
        offers: "tcp4 tcp6 udp4 udp6 blocking-calls concurrent cancel wait-all names fill SO_RCVTIMEO \
                 SO_SNDTIMEO",
        lacks: &[
            ("unix unix-dgram", "the unix sockets of madsim are not implemented"),
            ("shutdown-write", "shutdown of a TcpStream of madsim says that it succeeded, and does nothing"),
("shutdown-read shutdown-both shutdown-number", "shutdown of AsyncWriteExt is of the write half only"),
            ("dup", "a TcpStream has no second descriptor"),
            ("peek", "a TcpStream of madsim has no peek"),
            ("nonblocking", "every method waits"),
            ("dont-wait truncation more error-queue raise", "no method takes flags"),
            ("cut-datagrams", "recv_from does not tell that a datagram was cut"),
            ("poll epoll select", "a TcpStream of madsim has no readable"),
            ("signals", "no signal reaches a simulated node"),
            ("read-write", "read and write of a TcpStream are its recv and send"),
            ("options", "madsim has no options; set_nodelay does nothing"),
            ("tcp-info short-options SO_ERROR SO_BROADCAST", "madsim has no method for it"),
        ],
        granularity: 0,
    }
    .say();
    let pace = Pace::begin();
    loop {
        BEGIN.set(Duration::ZERO);
        let (at, request) = Runtime::new().block_on(serve(&pace));
        let began = at.as_nanos() as u64;
        protocol::was_reset(request.key("id").number().unwrap_or(0), began, 0, &[]);
    }
}
