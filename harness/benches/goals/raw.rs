use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::socket::{MsgFlags, recv, send};
use socket2::{Domain, SockAddr, Socket, Type};
use sockspec::vocabulary::Transport;

/// The half-close exchange written directly: listen, connect, send, shutdown(write), read to the
/// end, answer, read, close; one thread, no deadline, no trace.
pub(crate) struct HalfClose {
    transport: Transport,
    turn: u32,
}

/// Counts the turns of all loops: each gets an address of its own, as a case does.
static TURNS: AtomicU32 = AtomicU32::new(0);

impl HalfClose {
    /// Over a stream transport.
    pub(crate) fn over(transport: Transport) -> Self {
        Self { transport, turn: 0 }
    }

    /// Does it once.
    pub(crate) fn run(&mut self) {
        self.turn = TURNS.fetch_add(1, Ordering::Relaxed);
        let (domain, address) = self.address();
        let listener = Socket::new(domain, Type::STREAM, None).expect("socket");
        listener.bind(&address).expect("bind");
        listener.listen(1).expect("listen");
        let client = Socket::new(domain, Type::STREAM, None).expect("socket");
        client.connect(&listener.local_addr().expect("name")).expect("connect");
        let (server, _) = listener.accept().expect("accept");
        drop(listener);
        let (client_fd, server_fd) = (client.as_raw_fd(), server.as_raw_fd());
        let mut buffer = [0; 16];
        let nosignal = MsgFlags::MSG_NOSIGNAL;
        assert_eq!(send(client_fd, b"ping", nosignal), Ok(4));
        client.shutdown(std::net::Shutdown::Write).expect("shutdown");
        assert_eq!(recv(server_fd, &mut buffer, MsgFlags::empty()), Ok(4));
        assert_eq!(recv(server_fd, &mut buffer, MsgFlags::empty()), Ok(0));
        assert_eq!(send(server_fd, b"pong", nosignal), Ok(4));
        assert_eq!(recv(client_fd, &mut buffer, MsgFlags::empty()), Ok(4));
    }

    fn address(&self) -> (Domain, SockAddr) {
        let inet = |ip: IpAddr| SocketAddr::new(ip, 0).into();
        match self.transport {
            Transport::Tcp6 => (Domain::IPV6, inet(Ipv6Addr::LOCALHOST.into())),
            Transport::Unix => {
                let name = format!("\0sockspec-raw/{}/{}", std::process::id(), self.turn);
                (Domain::UNIX, SockAddr::unix(name).expect("name"))
            }
            _ => {
                let [_, high, middle, low] = self.turn.to_be_bytes();
                (Domain::IPV4, inet(Ipv4Addr::new(127, 128 | high, middle, low | 1).into()))
            }
        }
    }
}
