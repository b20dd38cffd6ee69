use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope,
};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoBridge, InfoData, InfoKind, InfoVeth,
    LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::LinkAddress;
use super::channel::Batch;
use super::namespace::Namespace;

/// A router's address on each of its links.
pub(super) const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// One end of a link: an interface of some host.
pub(super) struct End<'a> {
    /// The number of the interface within its namespace.
    pub(super) index: u32,
    pub(super) name: String,
    /// Where it is, unless it is where the message is sent.
    pub(super) namespace: Option<&'a Namespace>,
    /// The switch that it is a port of.
    pub(super) switch: Option<u32>,
}

impl End<'_> {
    fn message(self) -> LinkMessage {
        let mut message = link(self.index);
        // The default is a queue for each processor, which nobody here needs and takes its time.
        message.attributes = vec![
            LinkAttribute::IfName(self.name),
            LinkAttribute::NumTxQueues(1),
            LinkAttribute::NumRxQueues(1),
        ];
        if let Some(namespace) = self.namespace {
            let descriptor = namespace.as_fd().as_raw_fd();
            message.attributes.push(LinkAttribute::NetNsFd(descriptor));
        }
        if let Some(switch) = self.switch {
            message.attributes.push(LinkAttribute::Controller(switch));
        }
        message
    }
}

/// Whether a kernel without IPv6 would refuse a message.
pub(super) fn is_about_ipv6(message: &RouteNetlinkMessage) -> bool {
    match message {
        RouteNetlinkMessage::NewAddress(address) | RouteNetlinkMessage::DelAddress(address) => {
            address.header.family == AddressFamily::Inet6
        }
        RouteNetlinkMessage::NewRoute(route) => route.header.address_family == AddressFamily::Inet6,
        RouteNetlinkMessage::SetLink(link) | RouteNetlinkMessage::NewLink(link) => link
            .attributes
            .iter()
            .any(|attribute| matches!(attribute, LinkAttribute::AfSpecUnspec(_))),
        _ => false,
    }
}

impl Batch {
    /// Makes a link with both its ends; `near` is in the namespace that the batch is sent in.
    pub(super) fn make_link(&mut self, near: End<'_>, far: End<'_>) {
        let mut message = near.message();
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(far.message()))),
        ]));
        self.push("make a link", NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewLink(message));
    }

    /// Makes a switch that forwards from the first frame on, and everything.
    pub(super) fn make_switch(&mut self, index: u32, name: &str) {
        let mut message = link(index);
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Bridge),
                LinkInfo::Data(InfoData::Bridge(vec![
                    InfoBridge::StpState(0),
                    InfoBridge::ForwardDelay(0),
                    InfoBridge::MulticastSnooping(0),
                ])),
            ]),
        ];
        self.push(
            "make a switch",
            NLM_F_CREATE | NLM_F_EXCL,
            RouteNetlinkMessage::NewLink(message),
        );
    }

    /// Makes a switch forget who is at which port.
    pub(super) fn forget_stations(&mut self, switch: u32) {
        let mut message = link(switch);
        message.attributes = vec![LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Bridge),
            LinkInfo::Data(InfoData::Bridge(vec![InfoBridge::FdbFlush])),
        ])];
        self.push("flush a switch", 0, RouteNetlinkMessage::NewLink(message));
    }

    /// Lets an interface have no IPv6 address but those that it is given, so that it asks for no
    /// router either.
    pub(super) fn silence(&mut self, index: u32) {
        let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
        let attribute = LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![mode])]);
        self.change("silence a link", index, attribute);
    }

    /// Takes an interface up or down.
    pub(super) fn set_up(&mut self, index: u32, up: bool) {
        let mut message = link(index);
        message.header.change_mask = LinkFlags::Up;
        message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        let what = if up { "bring a link up" } else { "take a link down" };
        self.push(what, 0, RouteNetlinkMessage::SetLink(message));
    }

    /// Sets the most bytes that a packet on an interface can have.
    pub(super) fn set_mtu(&mut self, index: u32, bytes: u32) {
        self.change("set a link's MTU", index, LinkAttribute::Mtu(bytes));
    }

    /// Sets an interface's link-layer address, which flushes its neighbours.
    pub(super) fn set_mac(&mut self, index: u32, mac: [u8; 6]) {
        let attribute = LinkAttribute::Address(mac.to_vec());
        self.change("set a link-layer address", index, attribute);
    }

    /// Gives an interface both its addresses; they may be there.
    pub(super) fn add_addresses(&mut self, index: u32, link: &LinkAddress) {
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        for message in addresses(index, link) {
            self.push("add an address", flags, RouteNetlinkMessage::NewAddress(message));
        }
    }

    /// Takes both addresses from an interface.
    pub(super) fn remove_addresses(&mut self, index: u32, link: &LinkAddress) {
        for message in addresses(index, link) {
            self.push("remove an address", 0, RouteNetlinkMessage::DelAddress(message));
        }
    }

    /// Gives an interface a link-local IPv6 address, from which a router asks for neighbours when
    /// it forwards (RFC 4861 §7.2.2); it may be there.
    pub(super) fn add_link_local(&mut self, index: u32) {
        let mut message = address(index, LINK_LOCAL.into(), 64);
        message.header.scope = AddressScope::Link;
        message.header.flags = AddressHeaderFlags::Nodad;
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        self.push("add an address", flags, RouteNetlinkMessage::NewAddress(message));
    }

    /// Sends every IPv4 packet that has no better way to the link itself, so that one to
    /// 255.255.255.255 has a way.
    pub(super) fn route_on_link(&mut self, index: u32) {
        let mut message = default_route(AddressFamily::Inet, index);
        message.header.scope = RouteScope::Link;
        self.add_route(message);
    }

    /// Sends every packet that has no better way to a router.
    pub(super) fn route_through(&mut self, index: u32, router: &LinkAddress) {
        let mut message = default_route(AddressFamily::Inet, index);
        message.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(router.ipv4)));
        self.add_route(message);
        let mut message = default_route(AddressFamily::Inet6, index);
        message.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet6(router.ipv6)));
        self.add_route(message);
    }

    fn add_route(&mut self, message: RouteMessage) {
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        self.push("add a route", flags, RouteNetlinkMessage::NewRoute(message));
    }

    fn change(&mut self, what: &'static str, index: u32, attribute: LinkAttribute) {
        let mut message = link(index);
        message.attributes = vec![attribute];
        self.push(what, 0, RouteNetlinkMessage::SetLink(message));
    }
}

/// Asks for the state of an interface.
///
/// Newer kernels catch up with what is pending for the one that is asked for, so that the answer
/// is not only true but also early.
pub(super) fn query(index: u32) -> RouteNetlinkMessage {
    let mut message = link(index);
    message.attributes = vec![LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])];
    RouteNetlinkMessage::GetLink(message)
}

fn link(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
}

fn addresses(index: u32, link: &LinkAddress) -> [AddressMessage; 2] {
    let mut four = address(index, link.ipv4.into(), link.prefix);
    four.attributes.push(AddressAttribute::Broadcast(link.broadcast()));
    let mut six = address(index, link.ipv6.into(), 64);
    six.header.flags = AddressHeaderFlags::Nodad;
    [four, six]
}

fn address(index: u32, address: IpAddr, prefix: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family =
        if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = prefix;
    message.header.scope = AddressScope::Universe;
    message.header.index = index;
    message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
    message
}

fn default_route(family: AddressFamily, index: u32) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![RouteAttribute::Oif(index)];
    message
}
