use std::sync::Arc;
use std::time::Instant;

use super::network::Network;
use super::{DropRule, HostAddresses, Net, NetError, RuleId};
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

    /// Lets a host send what has no better way through a neighbour, on the link that they share.
    ///
    /// # Errors
    /// If there is no such host, they share no link, or the kernel refuses.
    pub fn route_through(&mut self, host: usize, neighbour: usize) -> Result<(), NetError> {
        self.network_mut().route_through(host, neighbour)
    }

    /// Lets packets that arrive at a host get lost, until that is ended or the lease is.
    ///
    /// # Errors
    /// If there is no such host, or the kernel cannot drop packets.
    pub fn drop_packets(&mut self, host: usize, rule: &DropRule) -> Result<RuleId, NetError> {
        let net = Arc::clone(&self.net);
        self.network_mut().drop_packets(host, rule, net.home())
    }

    /// Lets the packets of a rule arrive again.
    ///
    /// # Errors
    /// If the host has no such rule.
    pub fn pass_packets(&mut self, host: usize, rule: RuleId) -> Result<(), NetError> {
        self.network_mut().pass_packets(host, rule)
    }

    /// Keeps the network from being leased again, since something that is not undone is done to it.
    pub fn spoil(&mut self) {
        self.network_mut().spoil();
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
    use std::collections::HashSet;
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
    use std::panic;
    use std::time::Duration;

    use super::*;
    use crate::net::{LinkAddress, Shape};
    use crate::wire::Frame;
    use crate::wire::skip::skip;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// A network of its own for the calling thread, unless the machine refuses it.
    fn net(test: &str) -> Option<Arc<Net>> {
        match Net::enter() {
            Ok(net) => Some(Arc::new(net)),
            Err(refused) => {
                skip(test, &refused.to_string());
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

    /// What a host hears when another one sends "all" to an address and then "one" to the host.
    fn heard(lease: &Lease, from: usize, address: Ipv4Addr, host: usize) -> Vec<String> {
        let far = udp(lease, host, Ipv4Addr::UNSPECIFIED);
        let near = udp(lease, from, Ipv4Addr::UNSPECIFIED);
        near.set_broadcast(true).expect("it may");
        let port = far.local_addr().expect("bound").port();
        near.send_to(b"all", (address, port)).expect("there is a way to everybody");
        near.send_to(b"one", (first(lease, host).ipv4, port)).expect("there is a way to one");
        let mut heard = Vec::new();
        while heard.last().is_none_or(|last| last != "one") {
            let mut buffer = [0; 16];
            let (count, _) = far.recv_from(&mut buffer).expect("the last one arrives");
            heard.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
        }
        heard
    }

    /// The senders and receivers of the frames that end in these bytes.
    fn ways(frames: &[Frame], end: &[u8]) -> Vec<(Option<usize>, Option<usize>)> {
        let fits = |frame: &&Frame| frame.bytes.ends_with(end);
        frames.iter().filter(fits).map(|frame| (frame.sender, frame.receiver)).collect()
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
        for _ in 0..3 {
            let lease = net.lease(Shape::Lan { hosts: 5 }, false).expect("a lan");
            exchange_udp(&lease, 0, 4);
            exchange_tcp(&lease, 3, 1);
        }
    }

    #[test]
    fn a_router_forwards_what_is_for_one_host() {
        let Some(net) = net("a_router_forwards_what_is_for_one_host") else { return };
        for _ in 0..3 {
            let lease = net.lease(Shape::Routed, false).expect("a routed network");
            exchange_udp(&lease, 0, 1);
            exchange_tcp(&lease, 1, 0);
            assert_eq!(heard(&lease, 0, first(&lease, 1).broadcast(), 1), ["one"]);
            assert_eq!(heard(&lease, 2, first(&lease, 1).broadcast(), 1), ["all", "one"]);
        }
    }

    #[test]
    fn a_broadcast_reaches_every_other_host_once() {
        let Some(net) = net("a_broadcast_reaches_every_other_host_once") else { return };
        for shape in [Shape::Pair, Shape::Lan { hosts: 6 }] {
            let lease = net.lease(shape, false).expect("a network");
            for host in 1..shape.hosts() {
                for address in [first(&lease, 0).broadcast(), Ipv4Addr::BROADCAST] {
                    assert_eq!(heard(&lease, 0, address, host), ["all", "one"], "host {host}");
                }
            }
        }
    }

    #[test]
    fn every_place_of_a_capture_tells_who_sent_to_whom() {
        let Some(net) = net("every_place_of_a_capture_tells_who_sent_to_whom") else { return };
        for (shape, to, out, back) in [
            (Shape::Alone, 0, vec![(Some(0), Some(0))], vec![(Some(0), Some(0))]),
            (Shape::Pair, 1, vec![(Some(0), Some(1))], vec![(Some(1), Some(0))]),
            (
                Shape::Lan { hosts: 3 },
                1,
                vec![(Some(0), None), (None, Some(1))],
                vec![(Some(1), None), (None, Some(0))],
            ),
            (
                Shape::Routed,
                1,
                vec![(Some(0), Some(2)), (Some(2), Some(1))],
                vec![(Some(1), Some(2)), (Some(2), Some(0))],
            ),
        ] {
            for _ in 0..2 {
                let origin = Instant::now();
                let mut lease = net.lease(shape, true).expect("a network");
                exchange_udp(&lease, 0, to);
                let capture = lease.captured(origin).expect("it can be read");
                let (ended, frames) = (origin.elapsed(), &capture.frames);
                assert_eq!(capture.lost, 0);
                // Once for each version of IP.
                assert_eq!(ways(frames, b"ping"), [out.clone(), out.clone()].concat(), "{shape:?}");
                assert_eq!(ways(frames, b"pong"), [back.clone(), back.clone()].concat());
                assert!(frames.is_sorted_by_key(|frame| frame.at), "{frames:?}");
                let late = |frame: &Frame| frame.at.is_zero() || frame.at > ended;
                assert!(!frames.iter().any(late), "after {ended:?}: {frames:?}");
                let again = lease.captured(origin).expect("it can be read");
                assert_eq!(ways(&again.frames, b"pong"), []);
            }
        }
    }

    #[test]
    fn a_capture_keeps_the_head_of_a_frame_and_its_length() {
        let Some(net) = net("a_capture_keeps_the_head_of_a_frame_and_its_length") else { return };
        let mut lease = net.lease(Shape::Pair, true).expect("a pair");
        let far = udp(&lease, 1, first(&lease, 1).ipv4);
        let near = udp(&lease, 0, first(&lease, 0).ipv4);
        near.send_to(&[7; 1_000], far.local_addr().expect("bound")).expect("there is a way");
        far.recv_from(&mut [0; 1_000]).expect("it arrives");
        let capture = lease.captured(Instant::now()).expect("it can be read");
        let [frame] = &capture.frames[..] else { panic!("{capture:?}") };
        assert_eq!((frame.length, frame.bytes.len()), (14 + 20 + 8 + 1_000, Frame::KEPT));
        assert_eq!(frame.bytes[..6], first(&lease, 1).mac);
        assert_eq!(frame.bytes[6..12], first(&lease, 0).mac);
    }

    #[test]
    fn a_lease_begins_with_fresh_addresses_and_nothing_captured() {
        let Some(net) = net("a_lease_begins_with_fresh_addresses_and_nothing_captured") else {
            return;
        };
        let mut seen = HashSet::new();
        for round in 0..6 {
            let mut lease = net.lease(Shape::Pair, round % 3 != 2).expect("a pair");
            assert_eq!(lease.captured(Instant::now()).expect("it can be read"), Capture::default());
            for host in 0..2 {
                assert!(seen.insert(first(&lease, host).ipv4));
            }
            exchange_udp(&lease, 0, 1);
        }
        assert_eq!(net.made().hosts, 2, "one network was used again and again");
    }

    #[test]
    fn a_link_goes_down_and_comes_up_again() {
        let Some(net) = net("a_link_goes_down_and_comes_up_again") else { return };
        for (shape, host) in
            [(Shape::Pair, 0), (Shape::Lan { hosts: 3 }, 1), (Shape::Routed, 1), (Shape::Routed, 2)]
        {
            let mut lease = net.lease(shape, false).expect("a network");
            let other = usize::from(host == 0);
            let address = SocketAddr::new(first(&lease, other).ipv4.into(), 9);
            for _ in 0..2 {
                lease.set_up(host, false).expect("it goes down");
                let near = udp(&lease, host, Ipv4Addr::UNSPECIFIED);
                near.send_to(b"x", address).expect_err("there is no way");
                lease.set_up(host, true).expect("it comes up");
                exchange_udp(&lease, 0, 1);
                exchange_tcp(&lease, 1, 0);
            }
            let hosts = net.made().hosts;
            drop(lease);
            drop(net.lease(shape, false).expect("another network"));
            assert!(net.made().hosts > hosts, "a network that was changed was kept");
        }
    }

    #[test]
    fn both_ends_of_a_link_go_down_and_come_up_again() {
        let Some(net) = net("both_ends_of_a_link_go_down_and_come_up_again") else { return };
        let mut lease = net.lease(Shape::Pair, false).expect("a pair");
        for (host, up) in [(0, false), (1, false), (0, true), (1, true)] {
            lease.set_up(host, up).expect("it does as it is told");
        }
        exchange_udp(&lease, 0, 1);
    }

    #[test]
    fn a_packet_is_no_larger_than_the_link_permits() {
        let Some(net) = net("a_packet_is_no_larger_than_the_link_permits") else { return };
        let mut lease = net.lease(Shape::Pair, true).expect("a pair");
        lease.set_mtu(0, 1_300).expect("it can be set");
        let far = udp(&lease, 1, first(&lease, 1).ipv4);
        let near = udp(&lease, 0, first(&lease, 0).ipv4);
        near.send_to(&[7; 1_400], far.local_addr().expect("bound")).expect("it is split");
        far.recv_from(&mut [0; 1_400]).expect("it arrives");
        let capture = lease.captured(Instant::now()).expect("it can be read");
        let lengths: Vec<u32> = capture.frames.iter().map(|frame| frame.length).collect();
        assert_eq!(lengths, [14 + 20 + 1_280, 14 + 20 + 128]);
    }

    #[test]
    fn a_host_sends_through_a_neighbour_what_has_no_better_way() {
        let Some(net) = net("a_host_sends_through_a_neighbour_what_has_no_better_way") else {
            return;
        };
        if net.can_forward().is_err() {
            return skip("a_host_sends_through_a_neighbour", "no host can forward here");
        }
        let limited = SocketAddr::from((Ipv4Addr::BROADCAST, 9));
        for neighbour in [0, 1] {
            let mut lease = net.lease(Shape::Routed, true).expect("a routed network");
            let sender = udp(&lease, 2, Ipv4Addr::UNSPECIFIED);
            sender.set_broadcast(true).expect("it is an option");
            sender.send_to(b"x", limited).expect_err("there is no way yet");
            lease.route_through(2, neighbour).expect("they share a link");
            sender.send_to(b"x", limited).expect("it is sent");
            let capture = lease.captured(Instant::now()).expect("it can be read");
            let receivers: Vec<_> =
                capture.frames.iter().filter_map(|frame| frame.receiver).collect();
            assert_eq!(receivers, [neighbour]);
            lease.route_through(0, 1).expect_err("they share no link");
        }
    }

    #[test]
    fn a_panic_on_a_host_leaves_the_thread_at_home() {
        let Some(net) = net("a_panic_on_a_host_leaves_the_thread_at_home") else { return };
        let here = || fs::read_link("/proc/thread-self/ns/net").expect("it can be read");
        let home = here();
        let lease = net.lease(Shape::Alone, false).expect("a host");
        assert_ne!(lease.inside(0, here).expect("the host is there"), home);
        assert_eq!(here(), home);
        let panics = || lease.inside(0, || panic::panic_any("on purpose"));
        panic::catch_unwind(panic::AssertUnwindSafe(panics)).expect_err("it panicked");
        assert_eq!(here(), home);
    }

    #[test]
    fn what_does_not_fit_is_said_before_anything_is_made() {
        let Some(net) = net("what_does_not_fit_is_said_before_anything_is_made") else { return };
        let hosts = Shape::MOST_HOSTS + 1;
        let error = net.lease(Shape::Lan { hosts }, false).err().expect("it is too large");
        assert!(matches!(error, NetError::TooManyHosts { .. }), "{error}");
        let lease = net.lease(Shape::Pair, false).expect("a pair");
        let error = lease.inside(2, || ()).expect_err("there is none");
        assert_eq!(error.to_string(), "there is no host 2 in a network of 2");
    }

    /// A solicitation that finds no address is only repeated a second later.
    #[test]
    fn a_neighbour_answers_the_first_time() {
        let Some(net) = net("a_neighbour_answers_the_first_time") else { return };
        for shape in [Shape::Pair, Shape::Routed] {
            for _ in 0..150 {
                let mut lease = net.lease(shape, true).expect("a network");
                let far = udp(&lease, 1, first(&lease, 1).ipv6);
                let near = udp(&lease, 0, first(&lease, 0).ipv6);
                near.send_to(b"first", far.local_addr().expect("bound")).expect("there is a way");
                far.recv_from(&mut [0; 8]).expect("it arrives");
                let capture = lease.captured(Instant::now()).expect("it can be read");
                let asks = |frame: &&Frame| {
                    // A multicast neighbour solicitation (RFC 4861).
                    frame.bytes[0] == 0x33 && frame.bytes[20] == 58 && frame.bytes[54] == 135
                };
                let asked = capture.frames.iter().filter(asks).count();
                assert_eq!(asked, if shape == Shape::Pair { 1 } else { 2 }, "{capture:?}");
            }
        }
    }
}
