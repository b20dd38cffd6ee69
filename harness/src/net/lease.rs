use std::sync::Arc;
use std::time::Instant;

use super::network::Network;
use super::{HostAddresses, Net, NetError};
use crate::wire::Capture;

/// A network that is somebody's until it is dropped, which gives it back for further use.
pub struct Lease {
    net: Arc<Net>,
    /// Always there but while it is dropped.
    network: Option<Network>,
}

impl Lease {
    pub(super) fn new(net: Arc<Net>, network: Network) -> Self {
        Self { net, network: Some(network) }
    }

    /// The addresses of the hosts, one entry a host; no lease of this network had them before.
    pub fn addresses(&self) -> &[HostAddresses] {
        self.network().addresses()
    }

    /// Runs something on a host, on the calling thread: sockets that it makes are that host's, and
    /// stay so wherever they are used. Not to be nested, since the thread is home afterwards.
    ///
    /// # Errors
    /// If there is no such host, or its namespace cannot be entered; then nothing was run.
    pub fn inside<T>(&self, host: usize, f: impl FnOnce() -> T) -> Result<T, NetError> {
        self.network().host(host)?.inside(self.net.home(), f)
    }

    /// Takes the frames that were seen since the last time, or since the lease began; their times
    /// count from `origin`. There are none if it was leased without captures.
    ///
    /// # Errors
    /// If the kernel refuses to give them.
    pub fn captured(&mut self, origin: Instant) -> Result<Capture, NetError> {
        self.network_mut().captured(origin)
    }

    /// Takes the host's links down or up again, its loopback interface excepted.
    ///
    /// Up, they have their addresses and routes again, and carry packets when it returns, as far
    /// as nobody has taken the other end down.
    ///
    /// # Errors
    /// If there is no such host, the kernel refuses, or the links do not come up.
    pub fn set_up(&mut self, host: usize, up: bool) -> Result<(), NetError> {
        self.network_mut().set_up(host, up)
    }

    /// Sets the most bytes a packet can have on the host's own ends of its links. Packets that the
    /// other ends send may be larger, and are lost.
    ///
    /// # Errors
    /// If there is no such host, or the kernel refuses the number.
    pub fn set_mtu(&mut self, host: usize, bytes: u32) -> Result<(), NetError> {
        self.network_mut().set_mtu(host, bytes)
    }

    fn network(&self) -> &Network {
        self.network.as_ref().expect("a lease has its network until it is dropped")
    }

    fn network_mut(&mut self) -> &mut Network {
        self.network.as_mut().expect("a lease has its network until it is dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(network) = self.network.take() {
            self.net.give_back(network);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
    use std::time::Duration;

    use super::*;
    use crate::net::{LinkAddress, Shape};

    const PATIENCE: Duration = Duration::from_secs(5);

    /// A network of its own for the calling thread, unless the machine refuses it.
    #[expect(clippy::print_stderr, reason = "who reads the tests must see what was not run")]
    fn net(test: &str) -> Option<Arc<Net>> {
        match Net::enter() {
            Ok(net) => Some(Arc::new(net)),
            Err(refused) => {
                eprintln!("{test} is skipped: {refused}");
                None
            }
        }
    }

    fn first(lease: &Lease, host: usize) -> LinkAddress {
        lease.addresses()[host].links[0]
    }

    fn both(link: LinkAddress) -> [IpAddr; 2] {
        [link.ipv4.into(), link.ipv6.into()]
    }

    fn udp(lease: &Lease, host: usize, address: impl Into<IpAddr>) -> UdpSocket {
        let address = SocketAddr::new(address.into(), 0);
        let socket = lease.inside(host, || UdpSocket::bind(address)).expect("the host is there");
        let socket = socket.expect("the address is the host's");
        socket.set_read_timeout(Some(PATIENCE)).expect("it takes a timeout");
        socket
    }

    /// Sends a datagram from one host to the first addresses of another and back.
    fn exchange_udp(lease: &Lease, from: usize, to: usize) {
        for (here, there) in both(first(lease, from)).into_iter().zip(both(first(lease, to))) {
            let (near, far) = (udp(lease, from, here), udp(lease, to, there));
            let mut buffer = [0; 16];
            near.send_to(b"ping", far.local_addr().expect("bound")).expect("there is a way");
            let (count, sender) = far.recv_from(&mut buffer).expect("it arrives");
            assert_eq!((&buffer[..count], sender.ip()), (&b"ping"[..], here));
            far.send_to(b"pong", sender).expect("there is a way back");
            let (count, sender) = near.recv_from(&mut buffer).expect("it arrives");
            assert_eq!((&buffer[..count], sender.ip()), (&b"pong"[..], there));
        }
    }

    fn exchange_tcp(lease: &Lease, from: usize, to: usize) {
        for there in both(first(lease, to)) {
            let listener = lease
                .inside(to, || TcpListener::bind(SocketAddr::new(there, 0)))
                .expect("the host is there")
                .expect("the address is the host's");
            let address = listener.local_addr().expect("bound");
            let mut near = lease
                .inside(from, || TcpStream::connect_timeout(&address, PATIENCE))
                .expect("the host is there")
                .expect("it connects");
            let (mut far, sender) = listener.accept().expect("it was connected");
            assert!(both(first(lease, from)).contains(&sender.ip()));
            near.write_all(b"ping").expect("it can send");
            let mut buffer = [0; 4];
            far.read_exact(&mut buffer).expect("it arrives");
            assert_eq!(&buffer, b"ping");
        }
    }

    #[test]
    fn two_hosts_talk_in_every_way() {
        let Some(net) = net("two_hosts_talk_in_every_way") else { return };
        for _ in 0..3 {
            let lease = net.lease(Shape::Pair, false).expect("a pair");
            exchange_udp(&lease, 0, 1);
            exchange_tcp(&lease, 1, 0);
        }
        assert_eq!((net.made().hosts, net.made().leased), (2, 3));
    }

    #[test]
    fn a_host_alone_has_its_loopback() {
        let Some(net) = net("a_host_alone_has_its_loopback") else { return };
        let lease = net.lease(Shape::Alone, false).expect("a host");
        exchange_udp(&lease, 0, 0);
        exchange_tcp(&lease, 0, 0);
    }

    #[test]
    fn hosts_on_a_lan_talk() {
        let Some(net) = net("hosts_on_a_lan_talk") else { return };
        let lease = net.lease(Shape::Lan { hosts: 5 }, false).expect("a lan");
        exchange_udp(&lease, 0, 4);
        exchange_tcp(&lease, 3, 1);
    }
}
