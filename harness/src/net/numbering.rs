use std::net::{Ipv4Addr, Ipv6Addr};

use super::{HostAddresses, LinkAddress, Shape};

/// Gives the hosts of one network their addresses, others with each lease, so that nothing that a
/// lease left behind (a closing connection, a neighbour) can meet the next one.
#[derive(Debug)]
pub(super) struct Numbering {
    shape: Shape,
    /// Which network of the process.
    network: u32,
    /// How many leases were numbered so far.
    leases: u32,
}

/// 10.0.0.0/8 has as many subnets of this size as there are addresses in each.
const PREFIX: u8 = 20;
const SUBNETS: u32 = 1 << (PREFIX - 8);

impl Numbering {
    pub(super) fn new(shape: Shape, network: u32) -> Self {
        Self { shape, network, leases: 0 }
    }

    /// The addresses for the next lease, one entry a host.
    pub(super) fn next(&mut self) -> Vec<HostAddresses> {
        let links = match self.shape {
            Shape::Alone => return vec![HostAddresses { links: vec![loopback()] }],
            Shape::Pair | Shape::Lan { .. } => 1,
            Shape::Routed => 2,
        };
        let first = self.leases.wrapping_mul(links);
        self.leases = self.leases.wrapping_add(1);
        // Each host of the link is there with its position on it.
        let on = |link: u32, host: usize| self.address(first.wrapping_add(link), link, host);
        match self.shape {
            Shape::Routed => vec![
                HostAddresses { links: vec![on(0, 0)] },
                HostAddresses { links: vec![on(1, 1)] },
                HostAddresses { links: vec![on(0, 2), on(1, 2)] },
            ],
            _ => (0..self.shape.hosts())
                .map(|host| HostAddresses { links: vec![on(0, host)] })
                .collect(),
        }
    }

    /// The address of a host on a link that is the network's `serial`-th.
    fn address(&self, serial: u32, link: u32, host: usize) -> LinkAddress {
        let number = host_number(host);
        // Any odd step visits every place to start from; this one keeps neighbours far apart.
        let subnet = self.network.wrapping_mul(1_021).wrapping_add(serial) % SUBNETS;
        let ipv4 = 10 << 24 | subnet << (32 - PREFIX) | number;
        let id = u128::from(self.network & 0xf_ffff) << 28 | u128::from(serial & 0xfff_ffff);
        let ipv6 = 0xfd00 << 112 | id << 64 | u128::from(number);
        let mac = u64::from(serial & 0xff_ffff) << 16 | u64::from(number & 0xffff);
        let [_, _, _, rest @ ..] = mac.to_be_bytes();
        LinkAddress {
            link: usize::try_from(link).unwrap_or_default(),
            ipv4: Ipv4Addr::from_bits(ipv4),
            prefix: PREFIX,
            ipv6: Ipv6Addr::from_bits(ipv6),
            mac: [0x02, rest[0], rest[1], rest[2], rest[3], rest[4]],
        }
    }
}

/// The host part of an address: 1, 2, and so on without those that end in 0 or in 255, which look
/// like the address of a network or of everybody to those who think in classes.
fn host_number(host: usize) -> u32 {
    let host = u32::try_from(host).unwrap_or(u32::MAX);
    (host / 254) << 8 | (host % 254 + 1)
}

fn loopback() -> LinkAddress {
    LinkAddress {
        link: 0,
        ipv4: Ipv4Addr::LOCALHOST,
        prefix: 8,
        ipv6: Ipv6Addr::LOCALHOST,
        mac: [0; 6],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_host_has_an_address_that_means_something_else() {
        let shape = Shape::Lan { hosts: Shape::MOST_HOSTS };
        let mut seen = HashSet::new();
        for host in Numbering::new(shape, 7).next() {
            let link = host.links[0];
            let [.., last] = link.ipv4.octets();
            assert!(last != 0 && last != 255, "{}", link.ipv4);
            assert_ne!(link.ipv4, link.nobody());
            assert_ne!(link.ipv4, link.broadcast());
            assert_ne!(link.ipv6, link.nobody6());
            assert_ne!(link.ipv6, link.highest6());
            assert_eq!(link.mac[0] & 3, 2, "one station, and administered locally");
            assert!(seen.insert((link.ipv4, link.ipv6, link.mac)));
            assert!(seen.iter().all(|(other, ..)| link.broadcast() != *other));
        }
    }

    #[test]
    fn a_lease_has_nothing_of_the_one_before() {
        for shape in [Shape::Pair, Shape::Lan { hosts: 3 }, Shape::Routed] {
            let mut numbering = Numbering::new(shape, 4_095);
            let (mut seen, mut addresses) = (HashSet::new(), HashSet::new());
            for _ in 0..2_000 {
                for link in numbering.next().iter().flat_map(|host| &host.links) {
                    assert!(seen.insert((link.ipv4, link.ipv6, link.mac)), "{}", link.ipv4);
                    assert!(addresses.insert(link.ipv4), "{}", link.ipv4);
                }
            }
        }
    }

    #[test]
    fn networks_start_at_different_places() {
        let firsts: HashSet<Ipv4Addr> = (0..SUBNETS)
            .map(|network| Numbering::new(Shape::Pair, network).next()[0].links[0].ipv4)
            .collect();
        assert_eq!(firsts.len(), 4_096);
    }

    #[test]
    fn a_router_is_on_both_links() {
        let hosts = Numbering::new(Shape::Routed, 0).next();
        let links: Vec<Vec<usize>> =
            hosts.iter().map(|host| host.links.iter().map(|link| link.link).collect()).collect();
        assert_eq!(links, [vec![0], vec![1], vec![0, 1]]);
        assert_eq!(hosts[0].links[0].broadcast(), hosts[2].links[0].broadcast());
        assert_eq!(hosts[1].links[0].broadcast(), hosts[2].links[1].broadcast());
        assert_ne!(hosts[0].links[0].broadcast(), hosts[1].links[0].broadcast());
    }
}
