use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::subject::SubjectError;
use crate::vocabulary::{Address, Endpoint, Place, Port, PortId, Transport};

/// The concrete addresses of one case: which endpoint each address of the scenario stands for.
///
/// Every case gets addresses that no other case of the process uses, so that cases cannot meet
/// each other's packets. On the loopback interface that is an IPv4 address of its own out of
/// 127.0.0.0/8; IPv6 has one loopback address only, so there the ports differ.
#[derive(Clone, Debug)]
pub struct AddressBook {
    serial: u32,
    host: Ipv4Addr,
    ports: Vec<u16>,
}

/// The first port that is given out; those below are services'.
const FIRST_PORT: u16 = 20_000;
/// One past the last port that is given out; from here on systems choose ports by themselves.
const END_PORT: u16 = 32_768;

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
        let mut book = Self { serial, host, ports: Vec::with_capacity(ports) };
        book.ports.extend((0..ports).map(|_| fresh_port()));
        book
    }

    /// Gives a symbolic port another number, because the one it had is taken.
    pub fn renew(&mut self, port: PortId) {
        if let Some(number) = self.ports.get_mut(port.index()) {
            *number = fresh_port();
        }
    }

    /// The endpoint an address stands for, on a socket of this transport.
    ///
    /// # Errors
    /// When the transport has no such address: IPv6 has no broadcast, a unix socket no wildcard.
    pub fn endpoint(
        &self,
        address: &Address,
        transport: Transport,
    ) -> Result<Endpoint, SubjectError> {
        if transport.is_local() {
            return Ok(match address.port {
                Port::Unspecified => Endpoint::Unnamed,
                Port::Symbol(_) | Port::Number(_) => Endpoint::Local(self.local_name(address.port)),
            });
        }
        let ip: IpAddr = match (address.place, transport.is_ipv6()) {
            (Place::Any, false) => Ipv4Addr::UNSPECIFIED.into(),
            (Place::Any, true) => Ipv6Addr::UNSPECIFIED.into(),
            (Place::Actor(_) | Place::Beside { .. }, false) => self.host.into(),
            (Place::Actor(_) | Place::Beside { .. }, true) => Ipv6Addr::LOCALHOST.into(),
            (Place::Broadcast, false) => Ipv4Addr::BROADCAST.into(),
            (Place::SubnetBroadcast | Place::SubnetBroadcastOf(_), false) => {
                Ipv4Addr::new(127, 255, 255, 255).into()
            }
            (Place::Broadcast | Place::SubnetBroadcast | Place::SubnetBroadcastOf(_), true) => {
                return Err(SubjectError::NoSuchAddress { place: "broadcast", transport });
            }
            (Place::AllNodes | Place::Nobody, _) => {
                return Err(SubjectError::NoSuchAddress { place: "the loopback link", transport });
            }
        };
        Ok(Endpoint::Inet(SocketAddr::new(ip, self.number(address.port))))
    }

    /// Whether a reported endpoint is the one an address stands for. A port that the address
    /// leaves open matches any.
    pub fn matches(&self, endpoint: &Endpoint, address: &Address) -> bool {
        match endpoint {
            Endpoint::Unnamed => address.port == Port::Unspecified && address.place == Place::Any,
            Endpoint::Local(name) => {
                address.port == Port::Unspecified || *name == self.local_name(address.port)
            }
            Endpoint::Inet(found) => {
                let port_fits =
                    address.port == Port::Unspecified || found.port() == self.number(address.port);
                port_fits && is_at(found.ip(), address.place)
            }
        }
    }

    /// Whether a reported endpoint lies at a place, whatever its port.
    pub fn lies_at(&self, endpoint: &Endpoint, place: Place) -> bool {
        match endpoint {
            Endpoint::Inet(found) => is_at(found.ip(), place),
            Endpoint::Local(_) | Endpoint::Unnamed => true,
        }
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

/// Whether an address lies at a place of the loopback host.
fn is_at(ip: IpAddr, place: Place) -> bool {
    match place {
        Place::Any => ip.is_unspecified(),
        Place::Broadcast => ip == Ipv4Addr::BROADCAST,
        Place::SubnetBroadcast | Place::SubnetBroadcastOf(_) => {
            ip == Ipv4Addr::new(127, 255, 255, 255)
        }
        Place::AllNodes | Place::Nobody => false,
        // An unbound sender on the one host is seen at whichever loopback address the system
        // chose: all of them are that host.
        Place::Actor(_) | Place::Beside { .. } => ip.is_loopback(),
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
    use crate::vocabulary::ActorId;

    fn at(place: Place, port: Port) -> Address {
        Address { place, port }
    }

    #[test]
    fn two_cases_never_share_an_address() {
        let here = at(Place::Actor(ActorId::new(0)), Port::Symbol(PortId::new(0)));
        let (one, other) = (AddressBook::on_loopback(1), AddressBook::on_loopback(1));
        for transport in Transport::ALL {
            let ends = [one.endpoint(&here, transport), other.endpoint(&here, transport)];
            let [Ok(one), Ok(other)] = ends else { panic!("{transport} has no endpoint") };
            assert_ne!(one, other, "{transport}");
        }
    }

    #[test]
    fn a_renewed_port_is_another() {
        let here = at(Place::Any, Port::Symbol(PortId::new(0)));
        let mut book = AddressBook::on_loopback(1);
        let before = book.endpoint(&here, Transport::Tcp4).ok();
        book.renew(PortId::new(0));
        assert_ne!(before, book.endpoint(&here, Transport::Tcp4).ok());
    }

    #[test]
    fn no_address_lies_outside_this_host() {
        for _ in 0..1_000 {
            let host = AddressBook::on_loopback(0).host;
            assert!(host.is_loopback(), "{host}");
        }
    }

    #[test]
    fn ipv6_has_no_broadcast() {
        let book = AddressBook::on_loopback(0);
        let everywhere = at(Place::Broadcast, Port::Number(9));
        assert!(book.endpoint(&everywhere, Transport::Udp6).is_err());
        assert!(book.endpoint(&everywhere, Transport::Udp4).is_ok());
    }
}
