use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use super::handmade::{Wire, packets4, packets6};
use super::inside::{Addresses, FAMILIES, LONG, inside, shrink_loopback, unpin, v4};
use super::*;
use crate::wire::skip::skip;

/// Drops, out of what comes from those addresses whose packets are dropped here.
fn rule(kind: PacketKind, amount: Amount) -> DropRule {
    let from = FAMILIES.iter().map(|family| family.dropped).collect();
    DropRule { from, kind, amount }
}

fn filter(rule: &DropRule) -> (Filter, RuleId) {
    let mut filter = Filter::new().expect("the namespace has no filter yet");
    let id = filter.drop_packets(rule).expect("the kernel takes the rule");
    (filter, id)
}

#[test]
fn each_kind_drops_its_packets_and_no_others() {
    inside(|| {
        let mut filter = Filter::new().expect("the namespace has no filter yet");
        for kind in PacketKind::ALL {
            let id = filter.drop_packets(&rule(kind, Amount::All)).expect("a rule");
            for (addresses, packets) in FAMILIES.iter().zip([packets4(), packets6()]) {
                let wire = Wire::open(addresses);
                for packet in packets {
                    let arrived = wire.arrives(&packet);
                    let expected = !packet.kinds.contains(&kind);
                    assert_eq!(arrived, expected, "{} when dropping {kind}", packet.name);
                }
            }
            filter.pass(id).expect("the rule is there");
        }
    });
}

#[test]
fn an_amount_counts_over_all_addresses_together() {
    for (amount, arriving) in [
        (Amount::First(2), &[2, 3, 4][..]),
        (Amount::First(1), &[1, 2, 3, 4]),
        (Amount::First(0), &[0, 1, 2, 3, 4]),
        (Amount::Nth(3), &[0, 1, 3, 4]),
        (Amount::Nth(1), &[1, 2, 3, 4]),
        (Amount::Nth(0), &[0, 1, 2, 3, 4]),
        (Amount::All, &[]),
    ] {
        inside(move || {
            let _filter = filter(&rule(PacketKind::Udp, amount));
            let links = FAMILIES.map(|addresses| Datagrams::open(&addresses));
            // Each after the one before it has arrived or not, since the order counts.
            let got: Vec<u8> =
                (0..5).filter(|number| links[usize::from(number % 2)].arrives(*number)).collect();
            assert_eq!(got, arriving, "{amount:?}");
        });
    }
}

#[test]
fn a_count_is_exact_however_many_send_at_once() {
    inside(|| {
        const EACH: u8 = 100;
        let _filter = filter(&rule(PacketKind::Udp, Amount::First(57)));
        let link = Datagrams::open(&FAMILIES[0]);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    unpin();
                    let sender = UdpSocket::bind((FAMILIES[0].dropped, 0)).expect("a socket");
                    for number in 0..EACH {
                        sender.send_to(&[number], link.to()).expect("loopback takes it");
                    }
                });
            }
        });
        for _ in 0..2 * u32::from(EACH) - 57 {
            let from = link.host.recv_from(&mut [0]).expect("more of them arrive").1;
            assert_eq!(from.ip(), FAMILIES[0].dropped);
        }
        link.other.send_to(&[0], link.to()).expect("loopback takes it");
        let from = link.host.recv_from(&mut [0]).expect("the last one arrives").1;
        assert_eq!(from.ip(), FAMILIES[0].other, "too few were dropped");
    });
}

#[test]
fn a_datagram_in_fragments_counts_once() {
    inside(|| {
        shrink_loopback();
        for kind in [PacketKind::Udp, PacketKind::Any] {
            for addresses in &FAMILIES {
                let link = Datagrams::open(addresses);
                let second = rule(kind, Amount::Nth(2));
                let (mut filter, first) = filter(&second);
                let long = |number| link.arrives_at(link.to(), &[number; 5000]);
                assert_eq!([0, 1, 2].map(long), [true, false, true], "{kind}");
                filter.drop_packets(&second).expect("a rule");
                filter.pass(first).expect("the rule is there");
                assert_eq!([3, 4, 5].map(long), [true, false, true], "{kind} after another rule");
                filter.clear().expect("the table is there");
            }
        }
    });
}

#[test]
fn what_passes_again_arrives_and_other_rules_stay() {
    inside(|| {
        let (mut filter, first) = filter(&rule(PacketKind::Udp, Amount::All));
        let links = FAMILIES.map(|addresses| Datagrams::open(&addresses));
        let [old, new] = FAMILIES.map(|addresses| DropRule {
            from: vec![addresses.dropped],
            ..rule(PacketKind::Any, Amount::Nth(2))
        });
        let old = filter.drop_packets(&old).expect("a rule");
        let new = filter.drop_packets(&new).expect("a rule");
        assert!(links.iter().all(|link| !link.arrives(1)));

        filter.pass(first).expect("the rule is there");
        assert!(links.iter().all(|link| link.arrives(2)), "older rules come first and count alone");
        filter.pass(old).expect("the rule is there");
        assert!(links[0].arrives(3));
        assert!(!links[1].arrives(3), "the count goes on when another rule ends");
        filter.pass(new).expect("the rule is there");

        let mut batch = filter.batch();
        for id in [first, old, new] {
            for chain in Chains::of(id).all() {
                batch.make_chain(chain);
            }
        }
        filter.apply(&batch).expect("a rule that has ended leaves no chain behind");

        let again = filter.pass(new);
        assert!(matches!(again, Err(FilterError::NoSuchRule { number: 3 })), "{again:?}");
    });
}

#[test]
fn a_cleared_filter_leaves_nothing_and_can_be_used_on() {
    inside(|| {
        let (mut filter, id) = filter(&rule(PacketKind::Any, Amount::All));
        let link = Datagrams::open(&FAMILIES[0]);
        assert!(!link.arrives(1));
        filter.clear().expect("the table is there");
        filter.clear().expect("nothing is left to do");
        assert!(link.arrives(2));
        assert!(matches!(filter.pass(id), Err(FilterError::NoSuchRule { .. })));
        filter.drop_packets(&rule(PacketKind::Any, Amount::All)).expect("a rule");
        assert!(!link.arrives(3));
        filter.clear().expect("the table is there");
        Filter::new().expect("the first filter has left nothing");
    });
}

#[test]
fn a_namespace_has_one_filter_and_probing_it_leaves_nothing() {
    inside(|| {
        let _first = Filter::new().expect("the namespace has no filter yet");
        let second = Filter::new().map(|_| ()).expect_err("there is one already");
        assert!(second.to_string().starts_with("making the table sockspec failed"), "{second}");
        assert!(matches!(second, FilterError::Refused { .. }), "{second}");
        probe().expect("it did before this test");
        probe().expect("the probe before left nothing");
    });
}

#[test]
fn without_privileges_a_filter_is_refused() {
    // In the machine's own namespace, and so only where nothing can come of it.
    let status = fs::read_to_string("/proc/thread-self/status").expect("a thread has a status");
    if !status.contains("CapEff:\t0000000000000000") {
        skip("without_privileges_a_filter_is_refused", "this process has some");
        return;
    }
    let error = Filter::new().map(|_| ()).expect_err("it takes CAP_NET_ADMIN");
    assert!(error.to_string().starts_with("changing the table sockspec failed: "), "{error}");
    let FilterError::Refused { source, .. } = error else { panic!("{error}") };
    assert_eq!(source.raw_os_error(), Some(libc::EPERM));
}

#[test]
fn what_the_kernel_lacks_is_told_from_what_it_refuses() {
    for (number, unsupported) in [
        (libc::EOPNOTSUPP, true),
        (libc::EPROTONOSUPPORT, true),
        (libc::ENOENT, true),
        (libc::EPERM, false),
        (libc::EEXIST, false),
    ] {
        let source = io::Error::from_raw_os_error(number);
        let error = FilterError::from(Refusal { what: "this".to_owned(), source });
        assert_eq!(matches!(error, FilterError::Unsupported { .. }), unsupported, "{error}");
    }
}

#[test]
fn a_broadcast_is_dropped_like_what_is_for_one_host() {
    inside(|| {
        let broadcast = IpAddr::from([127, 255, 255, 255]);
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket");
        let port = socket.local_addr().expect("it is bound").port();
        let link = Datagrams::with_host(&FAMILIES[0], socket);
        let (mut filter, id) = filter(&rule(PacketKind::Udp, Amount::All));
        assert!(!link.arrives_at((broadcast, port).into(), &[1]));
        assert!(!link.arrives_at((v4(8), port).into(), &[1]));
        filter.pass(id).expect("the rule is there");
        assert!(link.arrives_at((broadcast, port).into(), &[1]));
        assert!(link.arrives_at((v4(8), port).into(), &[1]));
    });
}

#[test]
fn without_icmp_nobody_refuses_a_datagram() {
    inside(|| {
        let host = FAMILIES.map(|addresses| addresses.host);
        let dropped = DropRule { from: host.to_vec(), ..rule(PacketKind::Icmp, Amount::All) };
        let (mut filter, id) = filter(&dropped);
        let ask = |addresses: &Addresses| {
            let closed = {
                let socket = UdpSocket::bind((addresses.host, 0)).expect("a socket");
                socket.local_addr().expect("it is bound")
            };
            let socket = UdpSocket::bind((addresses.other, 0)).expect("a socket");
            socket.connect(closed).expect("it is local");
            socket.send(&[1]).expect("loopback takes it");
            // What arrives after the ICMP message shows that this has been there or not.
            let echo = UdpSocket::bind(closed).expect("the port is free again");
            echo.send_to(&[2], socket.local_addr().expect("it is bound")).expect("it is local");
            socket.set_read_timeout(Some(LONG)).expect("a timeout");
            socket.recv(&mut [0]).map_err(|error| error.kind())
        };
        for addresses in &FAMILIES {
            assert_eq!(ask(addresses), Ok(1));
        }
        filter.pass(id).expect("the rule is there");
        for addresses in &FAMILIES {
            assert_eq!(ask(addresses), Err(ErrorKind::ConnectionRefused));
        }
    });
}

#[test]
fn without_syn_nobody_connects() {
    inside(|| {
        let _filter = filter(&rule(PacketKind::Syn, Amount::All));
        for addresses in &FAMILIES {
            let listener = listener(addresses.host);
            let to = listener.local_addr().expect("it is bound");
            let socket = stream_socket(addresses.dropped);
            socket.set_nonblocking(true).expect("a flag");
            assert!(socket.connect(&to.into()).is_err(), "it is under way");
            let _other = connect(addresses.other, to);
            let (_, from) = listener.accept().expect("the other one is there");
            assert_eq!(from.ip(), addresses.other);
            listener.set_nonblocking(true).expect("a flag");
            let error = listener.accept().expect_err("only the other one is there");
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
    });
}

#[test]
fn without_ack_the_handshake_ends_with_the_first_data() {
    inside(|| {
        let _filter = filter(&rule(PacketKind::Ack, Amount::All));
        for addresses in &FAMILIES {
            let listener = listener(addresses.host);
            let to = listener.local_addr().expect("it is bound");
            let mut stream = connect(addresses.dropped, to);
            let _other = connect(addresses.other, to);
            let (_, from) = listener.accept().expect("the other one is there");
            assert_eq!(from.ip(), addresses.other);
            stream.write_all(&[1]).expect("it is connected");
            let (_, from) = listener.accept().expect("data carries ACK too");
            assert_eq!(from.ip(), addresses.dropped);
        }
    });
}

#[test]
fn without_rst_a_reset_is_not_seen() {
    inside(|| {
        let _filter = filter(&rule(PacketKind::Rst, Amount::All));
        for addresses in &FAMILIES {
            let [here, there] = [addresses.dropped, addresses.other].map(|from| {
                let (stream, peer) = pair(from, addresses.host);
                let socket = Socket::from(stream);
                socket.set_linger(Some(Duration::ZERO)).expect("an option");
                drop(socket);
                peer
            });
            assert_eq!(read(&there), Err(ErrorKind::ConnectionReset));
            here.set_nonblocking(true).expect("a flag");
            assert_eq!(read(&here), Err(ErrorKind::WouldBlock));
        }
    });
}

#[test]
fn a_dropped_fin_or_segment_comes_again() {
    for kind in [PacketKind::Fin, PacketKind::Data] {
        inside(move || {
            // One rule for each, so that each is the first of its own.
            let [one, two] = FAMILIES.map(|addresses| DropRule {
                from: vec![addresses.dropped],
                ..rule(kind, Amount::First(1))
            });
            let (mut filter, _) = filter(&one);
            filter.drop_packets(&two).expect("a rule");
            let pairs = FAMILIES.map(|addresses| pair(addresses.dropped, addresses.host));
            let began = Instant::now();
            for (stream, _) in &pairs {
                match kind {
                    PacketKind::Fin => stream.shutdown(Shutdown::Write),
                    _ => (&*stream).write_all(&[1]),
                }
                .expect("it is connected");
            }
            let end = usize::from(kind == PacketKind::Data);
            for (_, peer) in &pairs {
                assert_eq!(read(peer), Ok(end));
                // A lost segment is sent again after 200 ms at the earliest.
                assert!(began.elapsed() > Duration::from_millis(150), "nothing was dropped");
            }
        });
    }
}

/// Datagrams from the one whose packets are dropped and from another, to the same socket.
struct Datagrams {
    dropped: UdpSocket,
    other: UdpSocket,
    host: UdpSocket,
}

impl Datagrams {
    fn open(addresses: &Addresses) -> Self {
        Self::with_host(addresses, UdpSocket::bind((addresses.host, 0)).expect("a socket"))
    }

    fn with_host(addresses: &Addresses, host: UdpSocket) -> Self {
        host.set_read_timeout(Some(LONG)).expect("a timeout");
        let [dropped, other] = [addresses.dropped, addresses.other].map(|address| {
            let socket = UdpSocket::bind((address, 0)).expect("a socket");
            socket.set_broadcast(true).expect("an option");
            socket
        });
        Self { dropped, other, host }
    }

    fn to(&self) -> SocketAddr {
        self.host.local_addr().expect("it is bound")
    }

    fn arrives(&self, number: u8) -> bool {
        self.arrives_at(self.to(), &[number])
    }

    /// Whether a datagram is there when another, sent after it, has arrived.
    fn arrives_at(&self, to: SocketAddr, payload: &[u8]) -> bool {
        self.dropped.send_to(payload, to).expect("loopback takes it");
        self.other.send_to(&[0], to).expect("loopback takes it");
        let from = self.host.recv_from(&mut [0; 8000]).expect("one of them arrives").1;
        if from == self.other.local_addr().expect("it is bound") {
            return false;
        }
        self.host.recv(&mut [0; 8000]).expect("the other arrives");
        true
    }
}

/// One whose `accept` does not wait for ever.
fn listener(host: IpAddr) -> TcpListener {
    let listener = TcpListener::bind((host, 0)).expect("a listener");
    SockRef::from(&listener).set_read_timeout(Some(LONG)).expect("a timeout");
    listener
}

fn stream_socket(from: IpAddr) -> Socket {
    let from = SocketAddr::from((from, 0));
    let socket = Socket::new(Domain::for_address(from), Type::STREAM, None).expect("a socket");
    socket.bind(&from.into()).expect("it is local");
    socket
}

fn connect(from: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = stream_socket(from);
    socket.connect(&to.into()).expect("it is listened to");
    socket.into()
}

fn pair(from: IpAddr, to: IpAddr) -> (TcpStream, TcpStream) {
    let listener = listener(to);
    let stream = connect(from, listener.local_addr().expect("it is bound"));
    let (peer, _) = listener.accept().expect("it is connected");
    peer.set_read_timeout(Some(LONG)).expect("a timeout");
    (stream, peer)
}

fn read(mut stream: &TcpStream) -> Result<usize, ErrorKind> {
    stream.read(&mut [0; 8]).map_err(|error| error.kind())
}
