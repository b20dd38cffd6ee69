use std::net::{Ipv4Addr, Ipv6Addr};

/// The addresses of one host, one entry for each link it is on, in the order of its links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAddresses {
    /// At least one.
    pub links: Vec<LinkAddress>,
}

/// The addresses of a host on one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkAddress {
    /// Which link of the network, from 0.
    pub link: usize,
    /// The IPv4 address.
    pub ipv4: Ipv4Addr,
    /// The length of the IPv4 subnet's prefix.
    pub prefix: u8,
    /// The IPv6 address; its subnet's prefix has 64 bits.
    pub ipv6: Ipv6Addr,
    /// The link-layer address.
    pub mac: [u8; 6],
}

impl HostAddresses {
    /// The first link that is another host's too: the how-manieth of this host's it is, and what
    /// the other host has there.
    pub fn beside(&self, other: &Self) -> Option<(usize, LinkAddress)> {
        self.links.iter().enumerate().find_map(|(n, link)| {
            let far = other.links.iter().find(|far| far.link == link.link)?;
            Some((n, *far))
        })
    }

    /// The name of the device with which a host is on one of its links, counted from 0.
    pub fn device(n: usize) -> String {
        format!("eth{n}")
    }
}

impl LinkAddress {
    /// The subnet's directed broadcast address (RFC 922).
    pub fn broadcast(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.ipv4.to_bits() | host_mask(self.prefix))
    }

    /// An address of the subnet that no host is ever given; one that ends in 255 wherever the
    /// prefix is short enough for such an address to be an ordinary one.
    pub fn nobody(&self) -> Ipv4Addr {
        let network = self.ipv4.to_bits() & !host_mask(self.prefix);
        Ipv4Addr::from_bits(network | (host_mask(self.prefix) & 0x0eff))
    }

    /// The same in IPv6.
    pub fn nobody6(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits((self.ipv6.to_bits() & !u128::from(u64::MAX)) | 0xeff)
    }

    /// The highest address of the IPv6 subnet, which in IPv4 would be its broadcast address.
    pub fn highest6(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(self.ipv6.to_bits() | u128::from(u64::MAX))
    }
}

const fn host_mask(prefix: u8) -> u32 {
    match u32::MAX.checked_shr(prefix as u32) {
        Some(mask) => mask,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(prefix: u8) -> LinkAddress {
        LinkAddress {
            link: 0,
            ipv4: Ipv4Addr::new(10, 1, 16, 7),
            prefix,
            ipv6: Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 7),
            mac: [2, 0, 0, 0, 0, 7],
        }
    }

    #[test]
    fn the_prefix_alone_decides_what_is_a_broadcast_address() {
        assert_eq!(address(20).broadcast(), Ipv4Addr::new(10, 1, 31, 255));
        assert_eq!(address(24).broadcast(), Ipv4Addr::new(10, 1, 16, 255));
        assert_eq!(address(20).nobody(), Ipv4Addr::new(10, 1, 30, 255));
    }

    #[test]
    fn the_highest_address_of_an_ipv6_subnet_is_an_ordinary_one() {
        let highest = Ipv6Addr::new(0xfd00, 0, 0, 1, 0xffff, 0xffff, 0xffff, 0xffff);
        assert_eq!(address(20).highest6(), highest);
        assert_eq!(address(20).nobody6(), Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 0xeff));
    }
}
