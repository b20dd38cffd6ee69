use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope,
};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoBridge, InfoData, InfoKind, InfoVeth,
    LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkMessage, State,
};
use netlink_packet_route::route::{
    RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use nix::sched::{CloneFlags, setns, unshare};

/// Two hosts on a link or several on a switch, made by writing the messages directly: nothing is
/// kept for later, nothing is counted, and what is refused ends the program.
pub(crate) struct RawNetwork {
    /// The hosts, and after them the switch if there is one.
    hosts: Vec<RawHost>,
    /// How often the hosts were given addresses.
    turn: u32,
}

struct RawHost {
    namespace: File,
    route: Route,
}

const LOOPBACK: u32 = 1;
const SWITCH: u32 = 999;
const PORT: u32 = 2_000;

/// The number of a host's interface: both ends of a link have different ones, since the kernel
/// takes an end with the number of the other for one that nobody waits for.
const fn interface(host: u32) -> u32 {
    1_000 + host
}

/// How many links come up together.
const GROUP: u32 = 45;

impl RawNetwork {
    /// Makes one; its links carry packets when this returns.
    pub(crate) fn make(count: u32) -> Self {
        let home = namespace();
        let switches = u32::from(count > 2);
        let hosts = (0..count + switches).map(|_| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
            RawHost { namespace: namespace(), route: Route::open() }
        });
        let mut network = Self { hosts: hosts.collect(), turn: 0 };
        setns(&home, CloneFlags::CLONE_NEWNET).expect("the way home");
        if count > 2 {
            network.switch(count);
        } else {
            network.cable();
        }
        network
    }

    /// Connects two hosts directly.
    fn cable(&mut self) {
        let near = link(interface(0), vec![LinkAttribute::IfName("eth0".into()), station(0)]);
        let far = self.far_end(1);
        self.hosts[0].route.perform(&[make_veth(near, far)]);
        for host in 0..2 {
            self.configure(host);
        }
        for host in 0..2 {
            self.hosts[host as usize].route.wait_up(interface(host));
        }
    }

    /// Connects the hosts to the switch.
    fn switch(&mut self, count: u32) {
        let switch = self.hosts.len() - 1;
        self.hosts[switch].route.perform(&[
            set_up(LOOPBACK),
            make_bridge(),
            silence(SWITCH),
            set_up(SWITCH),
        ]);
        for first in (0..count).step_by(GROUP as usize) {
            let group = first..count.min(first + GROUP);
            let mut messages = Vec::new();
            for host in group.clone() {
                let name = LinkAttribute::IfName(format!("port{host}"));
                let near = link(PORT + host, vec![name, LinkAttribute::Controller(SWITCH)]);
                messages.push(make_veth(near, self.far_end(host)));
                messages.push(silence(PORT + host));
                messages.push(set_up(PORT + host));
            }
            self.hosts[switch].route.perform(&messages);
            for host in group.clone() {
                self.configure(host);
            }
            for host in group {
                self.hosts[host as usize].route.wait_up(interface(host));
                self.hosts[switch].route.wait_up(PORT + host);
            }
        }
    }

    fn far_end(&self, host: u32) -> LinkMessage {
        let namespace = self.hosts[host as usize].namespace.as_raw_fd();
        let name = LinkAttribute::IfName("eth0".into());
        link(interface(host), vec![name, station(host), LinkAttribute::NetNsFd(namespace)])
    }

    /// Does everything that there is to do within a host, with one message.
    fn configure(&mut self, host: u32) {
        let mut messages =
            vec![set_up(LOOPBACK), silence(interface(host)), set_up(interface(host))];
        messages.extend(addresses(0, host).map(|address| add(host, address)));
        messages.push(route_on_link(host));
        self.hosts[host as usize].route.perform(&messages);
    }

    /// Deletes the link of two hosts, which is gone when this returns, and then gives them up.
    pub(crate) fn delete(mut self) {
        let message = RouteNetlinkMessage::DelLink(link(interface(0), Vec::new()));
        self.hosts[0].route.perform(&[(0, message)]);
    }

    /// Gives every host fresh addresses in place of those that it has, with one message each.
    pub(crate) fn readdress(&mut self) {
        let before = self.turn;
        self.turn = self.turn.wrapping_add(1);
        for (host, raw) in (0..).zip(&mut self.hosts) {
            let [new4, new6] = addresses(self.turn, host).map(|address| add(host, address));
            let [old4, old6] = addresses(before, host).map(|address| remove(host, address));
            raw.route.perform(&[new4, new6, old4, old6]);
        }
    }
}

/// A route netlink socket of the namespace in which it was opened.
pub(crate) struct Route {
    socket: Socket,
    replies: Vec<u8>,
}

/// A message with its `NLM_F_` flags beyond those that every request has.
pub(crate) type Request = (u16, RouteNetlinkMessage);

impl Route {
    pub(crate) fn open() -> Self {
        let socket = Socket::new(NETLINK_ROUTE).expect("a netlink socket");
        socket.set_cap_ack(true).expect("short answers");
        Self { socket, replies: Vec::with_capacity(32 << 10) }
    }

    /// Lets the kernel do everything, in this order, by one system call.
    pub(crate) fn perform(&mut self, requests: &[Request]) {
        self.send(requests, NLM_F_ACK);
        loop {
            for reply in self.receive() {
                let NetlinkPayload::Error(error) = reply else { continue };
                assert!(error.code.is_none(), "{} in {requests:?}", error.to_io());
                return;
            }
        }
    }

    /// Asks one thing, and gives all of the answer.
    pub(crate) fn ask(&mut self, request: Request) -> io::Result<Vec<RouteNetlinkMessage>> {
        let many = request.0 != 0;
        self.send(&[request], 0);
        let mut answers = Vec::new();
        loop {
            for reply in self.receive() {
                match reply {
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::Done(_) => return Ok(answers),
                    _ => {}
                }
            }
            if !many {
                return Ok(answers);
            }
        }
    }

    fn wait_up(&mut self, index: u32) {
        while !self.is_up(index) {
            thread::sleep(Duration::from_micros(200));
        }
    }

    fn is_up(&mut self, index: u32) -> bool {
        let answers = self.ask((0, query(index))).expect("the link is there");
        answers.iter().any(|answer| match answer {
            RouteNetlinkMessage::NewLink(link) => {
                link.attributes.contains(&LinkAttribute::OperState(State::Up))
            }
            _ => false,
        })
    }

    /// Sends all of them, the last one with further flags.
    fn send(&mut self, requests: &[Request], last: u16) {
        let mut bytes = Vec::new();
        for (position, (flags, request)) in requests.iter().enumerate() {
            let mut header = NetlinkHeader::default();
            header.flags = NLM_F_REQUEST | flags;
            if position + 1 == requests.len() {
                header.flags |= last;
            }
            let mut message = NetlinkMessage::new(header, NetlinkPayload::from(request.clone()));
            message.finalize();
            let at = bytes.len();
            let end = at + message.buffer_len();
            bytes.resize(end.next_multiple_of(4), 0);
            message.serialize(&mut bytes[at..end]);
        }
        self.socket.send(&bytes, 0).expect("the kernel takes it");
    }

    fn receive(&mut self) -> Vec<NetlinkPayload<RouteNetlinkMessage>> {
        self.replies.clear();
        self.socket.recv(&mut self.replies, 0).expect("the kernel answers");
        let mut rest = &self.replies[..];
        let mut payloads = Vec::new();
        while !rest.is_empty() {
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest);
            let message = message.expect("the kernel writes messages");
            let length = (message.header.length as usize).next_multiple_of(4);
            rest = rest.get(length..).unwrap_or_default();
            payloads.push(message.payload);
        }
        payloads
    }
}

/// The namespace that the calling thread is in.
pub(crate) fn namespace() -> File {
    File::open("/proc/thread-self/ns/net").expect("a thread is in a namespace")
}

/// A link by its number.
pub(crate) fn link(index: u32, attributes: Vec<LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes = attributes;
    message
}

/// A new link, by both its ends.
pub(crate) fn make_veth(mut near: LinkMessage, mut far: LinkMessage) -> Request {
    let queues = [LinkAttribute::NumTxQueues(1), LinkAttribute::NumRxQueues(1)];
    near.attributes.extend_from_slice(&queues);
    far.attributes.extend_from_slice(&queues);
    near.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(far))),
    ]));
    (NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewLink(near))
}

/// The question for a link.
pub(crate) fn query(index: u32) -> RouteNetlinkMessage {
    let short = LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]);
    RouteNetlinkMessage::GetLink(link(index, vec![short]))
}

fn make_bridge() -> Request {
    let bridge = InfoData::Bridge(vec![
        InfoBridge::StpState(0),
        InfoBridge::ForwardDelay(0),
        InfoBridge::MulticastSnooping(0),
    ]);
    let kind = vec![LinkInfo::Kind(InfoKind::Bridge), LinkInfo::Data(bridge)];
    let name = LinkAttribute::IfName("switch".into());
    let message = link(SWITCH, vec![name, LinkAttribute::LinkInfo(kind)]);
    (NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewLink(message))
}

fn set_up(index: u32) -> Request {
    let mut message = link(index, Vec::new());
    message.header.change_mask = LinkFlags::Up;
    message.header.flags = LinkFlags::Up;
    (0, RouteNetlinkMessage::SetLink(message))
}

/// Lets an interface have no IPv6 address but those that it is given.
fn silence(index: u32) -> Request {
    let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
    let attribute = LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![mode])]);
    (0, RouteNetlinkMessage::SetLink(link(index, vec![attribute])))
}

fn station(host: u32) -> LinkAttribute {
    let [_, _, high, low] = (host + 1).to_be_bytes();
    LinkAttribute::Address(vec![2, 0, 0, 0, high, low])
}

/// The addresses of a host at a turn, with the lengths of their prefixes.
fn addresses(turn: u32, host: u32) -> [(IpAddr, u8); 2] {
    let four = 10 << 24 | (turn % 4_096) << 12 | (host + 1);
    let six = 0xfd00 << 112 | u128::from(turn) << 64 | u128::from(host + 1);
    [(Ipv4Addr::from_bits(four).into(), 20), (Ipv6Addr::from_bits(six).into(), 64)]
}

fn add(host: u32, address: (IpAddr, u8)) -> Request {
    (NLM_F_CREATE | NLM_F_REPLACE, RouteNetlinkMessage::NewAddress(address_of(host, address)))
}

fn remove(host: u32, address: (IpAddr, u8)) -> Request {
    (0, RouteNetlinkMessage::DelAddress(address_of(host, address)))
}

fn address_of(host: u32, (address, prefix): (IpAddr, u8)) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.prefix_len = prefix;
    message.header.scope = AddressScope::Universe;
    message.header.index = interface(host);
    message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
    match address {
        IpAddr::V4(four) => {
            let broadcast = Ipv4Addr::from_bits(four.to_bits() | (u32::MAX >> prefix));
            message.header.family = AddressFamily::Inet;
            message.attributes.push(AddressAttribute::Broadcast(broadcast));
        }
        IpAddr::V6(_) => {
            message.header.family = AddressFamily::Inet6;
            message.header.flags = AddressHeaderFlags::Nodad;
        }
    }
    message
}

fn route_on_link(host: u32) -> Request {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Link;
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![RouteAttribute::Oif(interface(host))];
    (NLM_F_CREATE | NLM_F_REPLACE, RouteNetlinkMessage::NewRoute(message))
}
