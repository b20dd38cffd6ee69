//! The sockets that the standard library makes, and what is noted of one until it does.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram, UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::protocol::{self, Failure, Json, dropped, error, unsupported};

/// What the standard library made.
pub enum Made {
    Tcp(TcpStream),
    TcpListener(TcpListener),
    Udp(UdpSocket),
    Unix(UnixStream),
    UnixListener(UnixListener),
    UnixDatagram(UnixDatagram),
}

use Made::*;

/// Calls the same method of whichever socket it is.
macro_rules! each {
    ($made:expr, $socket:ident => $act:expr) => {
        match $made {
            Tcp($socket) => $act,
            TcpListener($socket) => $act,
            Udp($socket) => $act,
            Unix($socket) => $act,
            UnixListener($socket) => $act,
            UnixDatagram($socket) => $act,
        }
    };
}

impl Made {
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Tcp(stream) => (&mut &*stream).read(buffer),
            Unix(stream) => (&mut &*stream).read(buffer),
            Udp(socket) => socket.recv(buffer),
            UnixDatagram(socket) => socket.recv(buffer),
            TcpListener(_) | UnixListener(_) => Err(ErrorKind::NotConnected.into()),
        }
    }

    pub fn read_from(&self, buffer: &mut [u8]) -> io::Result<(usize, Option<String>)> {
        match self {
            Udp(socket) => {
                socket.recv_from(buffer).map(|(count, from)| (count, Some(protocol::inet(from))))
            }
            UnixDatagram(socket) => {
                socket.recv_from(buffer).map(|(count, from)| (count, Some(unix_name(&from))))
            }
            _ => self.read(buffer).map(|count| (count, None)),
        }
    }

    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Tcp(stream) => stream.peek(buffer),
            Udp(socket) => socket.peek(buffer),
            _ => Err(ErrorKind::Unsupported.into()),
        }
    }

    pub fn write(&self, data: &[u8]) -> io::Result<usize> {
        match self {
            Tcp(stream) => (&mut &*stream).write(data),
            Unix(stream) => (&mut &*stream).write(data),
            Udp(socket) => socket.send(data),
            UnixDatagram(socket) => socket.send(data),
            TcpListener(_) | UnixListener(_) => Err(ErrorKind::NotConnected.into()),
        }
    }

    pub fn set_timeout(&self, receives: bool, limit: Option<Duration>) -> io::Result<()> {
        match self {
            TcpListener(_) | UnixListener(_) => Ok(()),
            Tcp(one) if receives => one.set_read_timeout(limit),
            Udp(one) if receives => one.set_read_timeout(limit),
            Unix(one) if receives => one.set_read_timeout(limit),
            UnixDatagram(one) if receives => one.set_read_timeout(limit),
            Tcp(one) => one.set_write_timeout(limit),
            Udp(one) => one.set_write_timeout(limit),
            Unix(one) => one.set_write_timeout(limit),
            UnixDatagram(one) => one.set_write_timeout(limit),
        }
    }

    pub fn timeout(&self, receives: bool) -> io::Result<Option<Duration>> {
        match self {
            TcpListener(_) | UnixListener(_) => Ok(None),
            Tcp(one) => {
                if receives {
                    one.read_timeout()
                } else {
                    one.write_timeout()
                }
            }
            Udp(one) => {
                if receives {
                    one.read_timeout()
                } else {
                    one.write_timeout()
                }
            }
            Unix(one) => {
                if receives {
                    one.read_timeout()
                } else {
                    one.write_timeout()
                }
            }
            UnixDatagram(one) => {
                if receives {
                    one.read_timeout()
                } else {
                    one.write_timeout()
                }
            }
        }
    }

    pub fn set_nonblocking(&self, is_nonblocking: bool) -> io::Result<()> {
        each!(self, socket => socket.set_nonblocking(is_nonblocking))
    }

    pub fn is_stream(&self) -> bool {
        matches!(self, Tcp(_) | Unix(_))
    }

    pub fn set(&self, option: &str, value: &Json) -> Result<(), Failure> {
        let number = value.key("number").number().unwrap_or(0);
        match (self, option) {
            (Tcp(stream), "TCP_NODELAY") => stream.set_nodelay(number != 0)?,
            (Tcp(stream), "IP_TTL") => stream.set_ttl(number as u32)?,
            (TcpListener(listener), "IP_TTL") => listener.set_ttl(number as u32)?,
            (Udp(socket), "IP_TTL") => socket.set_ttl(number as u32)?,
            (Udp(socket), "SO_BROADCAST") => socket.set_broadcast(number != 0)?,
            (_, "SO_RCVTIMEO" | "SO_SNDTIMEO") => {
                self.set_timeout(option == "SO_RCVTIMEO", duration(value))?;
            }
            _ => return unsupported("this type has no method for that option"),
        }
        Ok(())
    }

    pub fn option(&self, option: &str) -> Result<String, Failure> {
        let number = match (self, option) {
            (Tcp(stream), "TCP_NODELAY") => u32::from(stream.nodelay()?),
            (Tcp(stream), "IP_TTL") => stream.ttl()?,
            (TcpListener(listener), "IP_TTL") => listener.ttl()?,
            (Udp(socket), "IP_TTL") => socket.ttl()?,
            (Udp(socket), "SO_BROADCAST") => u32::from(socket.broadcast()?),
            (_, "SO_RCVTIMEO" | "SO_SNDTIMEO") => {
                let limit = self.timeout(option == "SO_RCVTIMEO")?.unwrap_or_default();
                return Ok(format!(r#"{{"time":{}}}"#, limit.as_nanos()));
            }
            (_, "SO_ERROR") => {
                let name = each!(self, socket => socket.take_error())?
                    .map(|error| protocol::class(&error));
                let name = name.map_or("null".to_owned(), |name| format!("{name:?}"));
                return Ok(format!(r#"{{"error":{name}}}"#));
            }
            _ => return unsupported("this type has no method for that option"),
        };
        Ok(format!(r#"{{"number":{number}}}"#))
    }
}

pub fn unix_name(address: &UnixAddr) -> String {
    protocol::local(address.as_abstract_name())
}

/// The value of a timeout; zero is none, as for setsockopt(2).
pub fn duration(value: &Json) -> Option<Duration> {
    value.key("time").number().filter(|time| *time > 0).map(Duration::from_nanos)
}

/// A socket of the session, or what was asked for until the standard library makes one.
pub struct Held {
    pub transport: String,
    pub bound: Option<Json>,
    pub options: Vec<(String, Json)>,
    pub is_nonblocking: bool,
    pub is_closed: bool,
    pub made: Option<Arc<Made>>,
}

pub type Shared = Arc<Mutex<Held>>;

impl Held {
    pub fn of(transport: &str) -> Held {
        Held {
            transport: transport.to_owned(),
            bound: None,
            options: Vec::new(),
            is_nonblocking: false,
            is_closed: false,
            made: None,
        }
    }

    /// Takes what was made, and sets on it what was asked for before.
    pub fn take(&mut self, made: Made) -> Result<(), Failure> {
        for (option, value) in &self.options {
            made.set(option, value)?;
        }
        if self.is_nonblocking {
            made.set_nonblocking(true)?;
        }
        self.made = Some(Arc::new(made));
        Ok(())
    }

    pub fn made(&self) -> Result<Arc<Made>, Failure> {
        match &self.made {
            _ if self.is_closed => dropped(),
            Some(made) => Ok(Arc::clone(made)),
            None => {
                error(ErrorKind::NotConnected, "there is no socket before there is a connection")
            }
        }
    }

    /// Whether there is nothing yet but what was asked for.
    pub fn is_noted(&self) -> bool {
        self.made.is_none() && !self.is_closed
    }

    /// A datagram socket, which is bound to any address if it is not bound yet.
    pub fn datagrams(&mut self) -> Result<(), Failure> {
        if self.made.is_some() || self.is_closed {
            return Ok(());
        }
        match self.transport.as_str() {
            "udp4" => self.take(Udp(UdpSocket::bind("0.0.0.0:0")?)),
            "udp6" => self.take(Udp(UdpSocket::bind("[::]:0")?)),
            "unix-dgram" => self.take(UnixDatagram(UnixDatagram::unbound()?)),
            _ => Ok(()),
        }
    }

    pub fn bind(&mut self, address: &Json) -> Result<(), Failure> {
        if self.is_closed {
            return dropped();
        }
        if self.bound.is_some() || self.made.is_some() {
            return error(
                ErrorKind::InvalidInput,
                "bind makes another socket, this one has an address",
            );
        }
        match self.transport.as_str() {
            "udp4" | "udp6" => self.take(Udp(UdpSocket::bind(address.address()?)?)),
            "unix-dgram" => self.take(UnixDatagram(UnixDatagram::bind_addr(&unix(address)?)?)),
            _ => {
                self.bound = Some(address.clone());
                Ok(())
            }
        }
    }

    pub fn listen(&mut self) -> Result<(), Failure> {
        if self.is_closed {
            return dropped();
        }
        let listener = match (self.transport.as_str(), &self.bound) {
            ("unix", Some(address)) => UnixListener(UnixListener::bind_addr(&unix(address)?)?),
            ("tcp4", None) => TcpListener(TcpListener::bind("0.0.0.0:0")?),
            ("tcp6", None) => TcpListener(TcpListener::bind("[::]:0")?),
            ("tcp4" | "tcp6", Some(address)) => TcpListener(TcpListener::bind(address.address()?)?),
            _ => return unsupported("only a stream with an address can listen"),
        };
        self.take(listener)
    }
}

pub fn unix(address: &Json) -> Result<UnixAddr, Failure> {
    match address.key("local") {
        Json::Text(name) => Ok(UnixAddr::from_abstract_name(name)?),
        _ => unsupported("an address without a name cannot be given"),
    }
}
