//! Sockets of a simulated network that has the types of tokio::net. What these are, and what is not the same among
//! simulations, is the business of the crate's root.
//!
//! - `open` and `bind` of a stream only note what was asked for: `TcpListener::bind` and `TcpStream::connect` make
//!   the socket. They take no backlog and no local address. A `UdpSocket` is made by its `bind`, or bound to
//!   any address when it is first used.
//! - A stream is split into its halves, each of which one call uses at a time; the next waits for its turn.
//! - `send` is `write` and `flush`.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Mutex;

use crate::network::{self, ReadHalf, TcpListener, TcpStream, UdpSocket, WriteHalf};
use crate::protocol::{self, Failure, Json, error, unsupported};

pub struct Socket {
    transport: String,
    bound: RefCell<Option<SocketAddr>>,
    /// What a datagram socket is connected to.
    peer: Cell<Option<SocketAddr>>,
    made: RefCell<Option<Rc<Made>>>,
}

enum Made {
    Stream(Stream),
    Listener(TcpListener),
    Datagrams(UdpSocket),
}

struct Stream {
    read: Mutex<ReadHalf>,
    write: Mutex<WriteHalf>,
    local: SocketAddr,
    peer: SocketAddr,
}

impl Made {
    fn stream(&self) -> Result<&Stream, Failure> {
        match self {
            Made::Stream(stream) => Ok(stream),
            _ => unsupported("this type has no method for that"),
        }
    }
}

fn split(stream: TcpStream) -> Result<Made, Failure> {
    let (local, peer) = (stream.local_addr()?, stream.peer_addr()?);
    let (read, write) = network::split(stream);
    Ok(Made::Stream(Stream { read: Mutex::new(read), write: Mutex::new(write), local, peer }))
}

impl Socket {
    pub fn open(transport: &str) -> Result<Socket, Failure> {
        let (bound, made) = (RefCell::new(None), RefCell::new(None));
        Ok(Socket { transport: transport.to_owned(), bound, peer: Cell::new(None), made })
    }

    pub fn is_stream(&self) -> bool {
        self.transport.starts_with("tcp")
    }

    /// What was made; a datagram socket is bound to any address if there is none yet.
    async fn made(&self) -> Result<Rc<Made>, Failure> {
        if let Some(made) = self.made.borrow().clone() {
            return Ok(made);
        }
        if self.is_stream() {
            return error(
                ErrorKind::NotConnected,
                "there is no socket before there is a connection",
            );
        }
        Ok(self.take(Made::Datagrams(UdpSocket::bind(self.any()).await?)))
    }

    async fn datagrams(&self) -> Result<Option<Rc<Made>>, Failure> {
        if self.is_stream() { Ok(None) } else { self.made().await.map(Some) }
    }

    fn any(&self) -> SocketAddr {
        let is_four = self.transport.ends_with('4');
        SocketAddr::from(if is_four {
            ([0; 4], 0).into()
        } else {
            SocketAddr::from(([0u16; 8], 0))
        })
    }

    fn take(&self, made: Made) -> Rc<Made> {
        let made = Rc::new(made);
        *self.made.borrow_mut() = Some(Rc::clone(&made));
        made
    }

    pub async fn bind(&self, address: &Json) -> Result<(), Failure> {
        if self.bound.borrow().is_some() || self.made.borrow().is_some() {
            return error(
                ErrorKind::InvalidInput,
                "bind makes another socket, this one has an address",
            );
        }
        let address = address.address()?;
        if !self.is_stream() {
            self.take(Made::Datagrams(UdpSocket::bind(address).await?));
        }
        *self.bound.borrow_mut() = Some(address);
        Ok(())
    }

    pub async fn listen(&self, _backlog: u32) -> Result<(), Failure> {
        let address = self.bound.borrow().unwrap_or_else(|| self.any());
        self.take(Made::Listener(TcpListener::bind(address).await?));
        Ok(())
    }

    pub async fn connect(&self, address: &Json) -> Result<(), Failure> {
        let address = address.address()?;
        if !self.is_stream() {
            if let Made::Datagrams(socket) = &*self.made().await? {
                socket.connect(address).await?;
                self.peer.set(Some(address));
            }
            return Ok(());
        }
        if self.bound.borrow().is_some() || self.made.borrow().is_some() {
            return unsupported("connect makes another socket, and takes no local address");
        }
        let stream = split(TcpStream::connect(address).await?)?;
        self.take(stream);
        Ok(())
    }

    pub async fn accept(&self) -> Result<Socket, Failure> {
        let Made::Listener(listener) = &*self.made().await? else {
            return error(ErrorKind::InvalidInput, "only a listener accepts");
        };
        let accepted = Socket::open(&self.transport)?;
        accepted.take(split(listener.accept().await?.0)?);
        Ok(accepted)
    }

    pub async fn read(&self, buffer: &mut [u8]) -> Result<usize, Failure> {
        self.read_from(buffer).await.map(|(count, _)| count)
    }

    pub async fn read_from(&self, buffer: &mut [u8]) -> Result<(usize, Option<String>), Failure> {
        match &*self.made().await? {
            Made::Stream(stream) => Ok((stream.read.lock().await.read(buffer).await?, None)),
            Made::Datagrams(socket) => {
                let (count, from) = socket.recv_from(buffer).await?;
                Ok((count, Some(protocol::inet(from))))
            }
            Made::Listener(_) => error(ErrorKind::NotConnected, "a listener does not receive"),
        }
    }

    pub async fn read_exact(&self, buffer: &mut [u8]) -> Result<(), Failure> {
        self.made().await?.stream()?.read.lock().await.read_exact(buffer).await?;
        Ok(())
    }

    pub async fn peek(&self, buffer: &mut [u8]) -> Result<usize, Failure> {
        network::peek(&mut *self.made().await?.stream()?.read.lock().await, buffer).await
    }

    pub async fn write(&self, data: &[u8]) -> Result<usize, Failure> {
        match &*self.made().await? {
            Made::Stream(stream) => {
                let mut half = stream.write.lock().await;
                let count = half.write(data).await?;
                half.flush().await?;
                Ok(count)
            }
            Made::Datagrams(socket) => network::send(socket, data, self.peer.get()).await,
            Made::Listener(_) => error(ErrorKind::NotConnected, "a listener does not send"),
        }
    }

    pub async fn write_to(&self, data: &[u8], to: &Json) -> Result<usize, Failure> {
        match &*self.made().await? {
            Made::Datagrams(socket) => network::send_to(socket, data, to.address()?).await,
            _ => unsupported("a stream has no method that takes an address"),
        }
    }

    pub async fn shutdown(&self) -> Result<(), Failure> {
        Ok(self.made().await?.stream()?.write.lock().await.shutdown().await?)
    }

    pub async fn set(&self, option: &str, value: &Json) -> Result<(), Failure> {
        match self.datagrams().await?.as_deref() {
            Some(Made::Datagrams(socket)) => network::set(socket, option, value),
            _ => unsupported("a stream or listener has no method for it"),
        }
    }

    pub async fn option(&self, option: &str) -> Result<String, Failure> {
        match self.datagrams().await?.as_deref() {
            Some(Made::Datagrams(socket)) => network::option(socket, option),
            _ => unsupported("a stream or listener has no method for it"),
        }
    }

    pub fn name(&self) -> Result<String, Failure> {
        match self.made.borrow().as_deref() {
            Some(Made::Stream(stream)) => Ok(protocol::inet(stream.local)),
            Some(Made::Listener(listener)) => Ok(protocol::inet(listener.local_addr()?)),
            Some(Made::Datagrams(socket)) => Ok(protocol::inet(socket.local_addr()?)),
            None => unsupported("there is no socket before there is a connection or listener"),
        }
    }

    pub fn peer(&self) -> Result<String, Failure> {
        match self.made.borrow().as_deref() {
            Some(Made::Stream(stream)) => Ok(protocol::inet(stream.peer)),
            Some(Made::Datagrams(socket)) => network::peer(socket),
            _ => error(ErrorKind::NotConnected, "there is no connection"),
        }
    }
}
