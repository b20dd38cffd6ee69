use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::net::{HostAddresses, LinkAddress};
use crate::subject::SubjectError;
use crate::vocabulary::{ActorId, Address, Endpoint, Place, Port, PortId, Transport};

/// The concrete addresses of one case: which endpoint each address of the scenario stands for.
///
/// Every case gets addresses that no other case of the process uses, so that cases cannot meet
/// each other's packets. On the loopback interface that is an IPv4 address of its own out of
/// 127.0.0.0/8; IPv6 has one loopback address only, so there the ports differ.
#[derive(Clone, Debug)]
pub struct AddressBook {
    serial: u32,
    hosts: Hosts,
    ports: Vec<u16>,
    /// What is used in place of an endpoint.
    detour: Option<Detour>,
}

/// An endpoint and what is used in its place.
#[derive(Clone, Copy, Debug)]
struct Detour {
    from: SocketAddr,
    to: SocketAddr,
}

/// Where the actors of a case live.
#[derive(Clone, Debug)]
enum Hosts {
    /// All on one host, behind its loopback interface.
    Loopback(Ipv4Addr),
    /// Each on a host of its own, by position.
    Apart(Vec<HostAddresses>),
}

/// The first port that is given out; those below are services'.
const FIRST_PORT: u16 = 20_000;
/// One past the last port that is given out; from here on systems choose ports by themselves.
const END_PORT: u16 = 32_768;
/// The broadcast address of 127.0.0.0/8.
const LOOPBACK_BROADCAST: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
/// All nodes on the link (RFC 4291 §2.7.1).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Counts the cases of the process.
static SERIAL: AtomicU32 = AtomicU32::new(0);
/// Counts the ports given out by the process.
static PORTS: AtomicU32 = AtomicU32::new(0);

impl AddressBook {
    /// Makes fresh addresses for a case on the loopback interface with this many symbolic ports.
    pub fn on_loopback(ports: usize) -> Self {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        // Several processes may run at once: each begins somewhere else. Where they meet all the
        // same, bind finds the address taken and the port is renewed.
        let place = serial.wrapping_add(process::id().wrapping_mul(7_919));
        let host =
            Ipv4Addr::new(127, spread(place / (254 * 254)), spread(place / 254), spread(place));
        Self::with(serial, Hosts::Loopback(host), ports)
    }

    /// Makes fresh ports for a case whose actors live on these hosts, one each.
    pub fn on_hosts(hosts: &[HostAddresses], ports: usize) -> Self {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Self::with(serial, Hosts::Apart(hosts.to_vec()), ports)
    }

    fn with(serial: u32, hosts: Hosts, ports: usize) -> Self {
        Self { serial, hosts, ports: (0..ports).map(|_| fresh_port()).collect(), detour: None }
    }

    /// Gives a symbolic port another number, because the one it had is taken.
    pub fn renew(&mut self, port: PortId) {
        if let Some(number) = self.ports.get_mut(port.index()) {
            *number = fresh_port();
        }
    }

    /// The same addresses, but for one endpoint, in the place of which another one is used.
    #[must_use]
    pub fn with_detour(&self, from: SocketAddr, to: SocketAddr) -> Self {
        Self { detour: Some(Detour { from, to }), ..self.clone() }
    }

    /// A port that no case has.
    pub fn spare_port() -> u16 {
        fresh_port()
    }

    /// The position of the host that an actor lives on.
    pub fn host_of(&self, actor: ActorId) -> usize {
        match self.hosts {
            Hosts::Loopback(_) => 0,
            Hosts::Apart(_) => actor.index(),
        }
    }

    /// The addresses of a host on its links; none where all actors share one host.
    pub fn links_of(&self, actor: ActorId) -> &[LinkAddress] {
        match &self.hosts {
            Hosts::Loopback(_) => &[],
            Hosts::Apart(hosts) => hosts.get(actor.index()).map_or(&[], |host| &host.links),
        }
    }

    /// The name of the device of a host on the link that it shares with another one.
    pub fn device(&self, actor: ActorId, neighbour: ActorId) -> Option<String> {
        let Hosts::Apart(hosts) = &self.hosts else { return None };
        let (own, other) = (hosts.get(actor.index())?, hosts.get(neighbour.index())?);
        own.beside(other).map(|(n, _)| HostAddresses::device(n))
    }

    /// Whether all actors share one host.
    pub const fn is_loopback(&self) -> bool {
        matches!(self.hosts, Hosts::Loopback(_))
    }

    /// The endpoint an address stands for when `actor` uses it, on a socket of this transport.
    ///
    /// # Errors
    /// When the transport has no such address: a unix socket has no wildcard, the loopback
    /// interface no address of nobody's.
    pub fn endpoint(
        &self,
        actor: ActorId,
        address: &Address,
        transport: Transport,
    ) -> Result<Endpoint, SubjectError> {
        if transport.is_local() {
            return Ok(match address.port {
                Port::Unspecified => Endpoint::Unnamed,
                Port::Symbol(_) | Port::Number(_) => Endpoint::Local(self.local_name(address.port)),
            });
        }
        let ip = self.ip(actor, address.place, transport.is_ipv6());
        match ip {
            Some(ip) => {
                let endpoint = SocketAddr::new(ip, self.number(address.port));
                let detour = self.detour.filter(|detour| detour.from == endpoint);
                Ok(Endpoint::Inet(detour.map_or(endpoint, |detour| detour.to)))
            }
            None => Err(SubjectError::NoSuchAddress { place: name_of(address.place), transport }),
        }
    }

    /// Whether an endpoint that `actor` was told is the one an address stands for. A port that the
    /// address leaves open matches any.
    pub fn matches(&self, actor: ActorId, endpoint: &Endpoint, address: &Address) -> bool {
        match endpoint {
            Endpoint::Unnamed => address.port == Port::Unspecified && address.place == Place::Any,
            Endpoint::Local(name) => {
                address.port == Port::Unspecified || *name == self.local_name(address.port)
            }
            Endpoint::Inet(found) => {
                let port_fits =
                    address.port == Port::Unspecified || found.port() == self.number(address.port);
                port_fits && self.is_at(actor, found.ip(), address.place)
            }
        }
    }

    /// Whether an endpoint lies on an actor's host, whatever its port.
    pub fn lies_at(&self, endpoint: &Endpoint, host: ActorId) -> bool {
        match endpoint {
            Endpoint::Inet(found) => self.is_of(found.ip(), host),
            Endpoint::Local(_) | Endpoint::Unnamed => true,
        }
    }

    /// Whether an address is one of those of the host an actor lives on.
    pub fn is_of(&self, ip: IpAddr, host: ActorId) -> bool {
        let ip = ip.to_canonical();
        match &self.hosts {
            // An unbound sender on the one host is seen at whichever loopback address the system
            // chose: all of them are that host.
            Hosts::Loopback(_) => ip.is_loopback(),
            Hosts::Apart(_) => {
                self.links_of(host).iter().any(|link| ip == link.ipv4 || ip == link.ipv6)
            }
        }
    }

    /// Whether an address is the one that a place stands for when `actor` names it.
    pub fn is_at(&self, actor: ActorId, ip: IpAddr, place: Place) -> bool {
        match place {
            Place::Any => ip.is_unspecified(),
            Place::Actor(host) => self.is_of(ip, host),
            Place::Beside { .. } if self.is_loopback() => ip.is_loopback(),
            _ => {
                let ip = ip.to_canonical();
                self.ip(actor, place, ip.is_ipv6()) == Some(ip)
            }
        }
    }

    fn ip(&self, actor: ActorId, place: Place, ipv6: bool) -> Option<IpAddr> {
        match (place, ipv6) {
            (Place::Any, false) => return Some(Ipv4Addr::UNSPECIFIED.into()),
            (Place::Any, true) => return Some(Ipv6Addr::UNSPECIFIED.into()),
            (Place::Broadcast, false) => return Some(Ipv4Addr::BROADCAST.into()),
            (Place::Broadcast, true) | (Place::AllNodes, false) => return None,
            (Place::AllNodes, true) => return Some(ALL_NODES.into()),
            _ => {}
        }
        if let Hosts::Loopback(host) = self.hosts {
            return match (place, ipv6) {
                (Place::Actor(_) | Place::Beside { .. }, false) => Some(host.into()),
                (Place::Actor(_) | Place::Beside { .. }, true) => Some(Ipv6Addr::LOCALHOST.into()),
                (Place::SubnetBroadcast | Place::SubnetBroadcastOf(_), false) => {
                    Some(LOOPBACK_BROADCAST.into())
                }
                _ => None,
            };
        }
        let own = self.links_of(actor).first()?;
        Some(match (place, ipv6) {
            (Place::Actor(host), _) => self.beside(host, actor, ipv6)?,
            (Place::Beside { actor: host, neighbour }, _) => self.beside(host, neighbour, ipv6)?,
            (Place::SubnetBroadcastOf(host), false) => {
                self.links_of(host).first()?.broadcast().into()
            }
            (Place::SubnetBroadcastOf(host), true) => {
                self.links_of(host).first()?.highest6().into()
            }
            (Place::Nobody, false) => own.nobody().into(),
            (Place::Nobody, true) => own.nobody6().into(),
            (_, false) => own.broadcast().into(),
            (_, true) => own.highest6().into(),
        })
    }

    /// A host's address as a neighbour sees it: that on a link they share, else its first.
    fn beside(&self, host: ActorId, neighbour: ActorId, ipv6: bool) -> Option<IpAddr> {
        let links = self.links_of(host);
        let shared = |link: &&LinkAddress| {
            self.links_of(neighbour).iter().any(|other| other.link == link.link)
        };
        let link = links.iter().find(shared).or(links.first())?;
        Some(if ipv6 { link.ipv6.into() } else { link.ipv4.into() })
    }

    fn number(&self, port: Port) -> u16 {
        match port {
            Port::Unspecified => 0,
            Port::Number(number) => number,
            Port::Symbol(id) => self.ports.get(id.index()).copied().unwrap_or(0),
        }
    }

    fn local_name(&self, port: Port) -> String {
        let (process, serial) = (process::id(), self.serial);
        format!("sockspec/{process}/{serial}/{}", self.number(port))
    }
}

/// What an address is called that a transport does not have.
const fn name_of(place: Place) -> &'static str {
    match place {
        Place::Any => "any",
        Place::Broadcast | Place::SubnetBroadcast | Place::SubnetBroadcastOf(_) => "broadcast",
        Place::AllNodes => "all-nodes",
        Place::Nobody => "nobody",
        Place::Actor(_) | Place::Beside { .. } => "the host",
    }
}

/// A byte of an address that is neither 0 nor 255.
fn spread(place: u32) -> u8 {
    u8::try_from(place % 254 + 1).unwrap_or(1)
}

fn fresh_port() -> u16 {
    let count = u32::from(END_PORT - FIRST_PORT);
    let next = PORTS.fetch_add(1, Ordering::Relaxed).wrapping_add(process::id().wrapping_mul(61));
    FIRST_PORT + u16::try_from(next % count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> ActorId {
        ActorId::new(0)
    }

    fn other() -> ActorId {
        ActorId::new(1)
    }

    fn router() -> ActorId {
        ActorId::new(2)
    }

    fn at(place: Place, port: Port) -> Address {
        Address { place, port }
    }

    #[test]
    fn two_cases_never_share_an_address() {
        let here = at(Place::Actor(ActorId::new(0)), Port::Symbol(PortId::new(0)));
        let (one, other) = (AddressBook::on_loopback(1), AddressBook::on_loopback(1));
        for transport in Transport::ALL {
            let ends =
                [one.endpoint(me(), &here, transport), other.endpoint(me(), &here, transport)];
            let [Ok(one), Ok(other)] = ends else { panic!("{transport} has no endpoint") };
            assert_ne!(one, other, "{transport}");
        }
    }

    #[test]
    fn a_renewed_port_is_another() {
        let here = at(Place::Any, Port::Symbol(PortId::new(0)));
        let mut book = AddressBook::on_loopback(1);
        let before = book.endpoint(me(), &here, Transport::Tcp4).ok();
        book.renew(PortId::new(0));
        assert_ne!(before, book.endpoint(me(), &here, Transport::Tcp4).ok());
    }

    #[test]
    fn no_address_lies_outside_this_host() {
        for _ in 0..1_000 {
            let book = AddressBook::on_loopback(0);
            let host = book.ip(me(), Place::Actor(me()), false).expect("it has an address");
            assert!(host.is_loopback(), "{host}");
        }
    }

    #[test]
    fn ipv6_has_no_broadcast() {
        let book = AddressBook::on_loopback(0);
        let everywhere = at(Place::Broadcast, Port::Number(9));
        assert!(book.endpoint(me(), &everywhere, Transport::Udp6).is_err());
        assert!(book.endpoint(me(), &everywhere, Transport::Udp4).is_ok());
    }

    /// Two hosts on a link each, and one on both.
    fn routed() -> AddressBook {
        let on = |link: u8, host: u8| LinkAddress {
            link: usize::from(link),
            ipv4: Ipv4Addr::new(10, link, 0, host),
            prefix: 24,
            ipv6: Ipv6Addr::new(0xfd00, 0, 0, link.into(), 0, 0, 0, host.into()),
            mac: [2, 0, 0, 0, link, host],
        };
        let host = |links: &[LinkAddress]| HostAddresses { links: links.to_vec() };
        AddressBook::on_hosts(
            &[host(&[on(0, 1)]), host(&[on(1, 1)]), host(&[on(0, 2), on(1, 2)])],
            0,
        )
    }

    #[test]
    fn a_host_on_two_links_is_named_by_the_one_that_is_shared() {
        let book = routed();
        let ip = |actor, place| book.ip(actor, place, false).expect("there is one").to_string();
        assert_eq!(ip(me(), Place::Actor(router())), "10.0.0.2");
        assert_eq!(ip(other(), Place::Actor(router())), "10.1.0.2");
        assert_eq!(ip(router(), Place::Actor(other())), "10.1.0.1");
        assert_eq!(ip(router(), Place::Actor(router())), "10.0.0.2");
        assert_eq!(ip(router(), Place::Beside { actor: router(), neighbour: other() }), "10.1.0.2");
        assert_eq!(ip(router(), Place::SubnetBroadcastOf(other())), "10.1.0.255");
        assert_eq!(ip(me(), Place::SubnetBroadcast), "10.0.0.255");
        let source = |ip: &str| Endpoint::Inet(SocketAddr::new(ip.parse().expect("it is one"), 9));
        assert!(book.lies_at(&source("10.1.0.2"), router()));
        assert!(!book.lies_at(&source("10.1.0.2"), other()));
        // As an IPv6 socket sees an IPv4 sender.
        assert!(book.lies_at(&source("::ffff:10.1.0.2"), router()));
        assert!(book.matches(
            me(),
            &source("10.0.0.255"),
            &at(Place::SubnetBroadcast, Port::Number(9))
        ));
        assert!(!book.matches(
            me(),
            &source("10.1.0.255"),
            &at(Place::SubnetBroadcast, Port::Number(9))
        ));
    }
}
