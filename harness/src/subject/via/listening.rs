use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The state of a socket that listens, as the kernel writes it.
const LISTEN: &str = "0A";

/// Whether a socket listens at an address, on the host that the calling thread is on. Nobody connects
/// to it for that, since whoever listens would take that for a connection.
pub(super) fn is_listening(address: SocketAddr) -> bool {
    ["tcp", "tcp6"].iter().any(|table| {
        let table = fs::read_to_string(format!("/proc/thread-self/net/{table}"));
        table.is_ok_and(|table| table.lines().any(|line| listens(line, address)))
    })
}

/// Whether the host that the calling thread is on is on the network of an address.
pub(super) fn is_on_network_of(address: Ipv4Addr) -> bool {
    let table = fs::read_to_string("/proc/thread-self/net/route");
    table.is_ok_and(|table| table.lines().any(|line| leads_to(line, address)))
}

/// Whether a line of the table of routes is of a network that an address belongs to. One that leads
/// everywhere is none.
fn leads_to(line: &str, address: Ipv4Addr) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ip = |at: usize| match words.get(at).and_then(|word| ip_of(word)) {
        Some(IpAddr::V4(ip)) => Some(ip.to_bits()),
        _ => None,
    };
    let (Some(destination), Some(mask)) = (ip(1), ip(7)) else { return false };
    mask != 0 && address.to_bits() & mask == destination
}

/// Whether a line of the table is of a socket that takes connections to an address.
fn listens(line: &str, address: SocketAddr) -> bool {
    let mut words = line.split_whitespace().skip(1);
    let (Some(local), Some(_), Some(LISTEN)) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    let Some((ip, port)) = local.split_once(':') else { return false };
    let Some(ip) = ip_of(ip) else { return false };
    let is_any = ip.is_unspecified() && (ip.is_ipv6() || address.is_ipv4());
    u16::from_str_radix(port, 16) == Ok(address.port())
        && (is_any || ip.to_canonical() == address.ip())
}

/// An address as the kernel writes it: words of 32 bits in the order of this machine, in hexadecimal.
fn ip_of(text: &str) -> Option<IpAddr> {
    let words = text.as_bytes().chunks(8).map(|word| {
        let word = std::str::from_utf8(word).ok()?;
        u32::from_str_radix(word, 16).ok().map(u32::to_ne_bytes)
    });
    let words: Vec<[u8; 4]> = words.collect::<Option<_>>()?;
    match words[..] {
        [word] => Some(Ipv4Addr::from(word).into()),
        [a, b, c, d] => {
            let bytes: Vec<u8> = [a, b, c, d].concat();
            Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_is_seen_and_nobody_else() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(any) else { continue };
            let address = listener.local_addr().expect("it has one");
            assert!(is_listening(address), "{address}");
            drop(listener);
            assert!(!is_listening(address), "{address}");
        }
    }

    #[test]
    fn only_a_network_leads_to_its_addresses() {
        let address = Ipv4Addr::new(192, 0, 2, 2);
        let line = |destination: [u8; 4], mask: [u8; 4]| {
            let [destination, mask] = [destination, mask].map(u32::from_ne_bytes);
            format!("tap0\t{destination:08X}\t00000000\t0001\t0\t0\t0\t{mask:08X}\t0\t0\t0")
        };
        assert!(leads_to(&line([192, 0, 2, 0], [255, 255, 255, 0]), address));
        assert!(!leads_to(&line([192, 0, 3, 0], [255, 255, 255, 0]), address));
        assert!(!leads_to(&line([0, 0, 0, 0], [0, 0, 0, 0]), address));
        assert!(!leads_to("Iface\tDestination\tGateway \tFlags", address));
    }

    #[test]
    fn a_wildcard_takes_what_goes_to_its_port() {
        let here = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let [ipv4, ipv6] = [
            "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1",
            "   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0",
        ];
        assert!(listens(ipv4, here("127.0.0.1:8080")) && !listens(ipv4, here("[::1]:8080")));
        assert!(listens(ipv6, here("127.0.0.1:8080")) && listens(ipv6, here("[::1]:8080")));
        assert!(!listens(ipv4, here("127.0.0.1:8081")));
        assert!(!listens(&ipv4.replace(" 0A ", " 01 "), here("127.0.0.1:8080")));
        assert!(!listens("  sl  local_address rem_address   st", here("127.0.0.1:8080")));
    }
}
