use std::fs::{self, OpenOptions};
use std::thread;
use std::time::{Duration, Instant};

use super::host::Host;
use super::message::End;
use super::namespace::Namespace;
use super::{HostAddresses, NetError, Shape};

/// The number of every loopback interface.
pub(super) const LOOPBACK: u32 = 1;

/// The number of the switch's own interface within its namespace.
pub(super) const SWITCH: u32 = 999;

/// The position of the host that forwards.
pub(super) const ROUTER: usize = 2;

/// The number of a host's interface on its `n`-th link, which is called `eth` and `n`. Higher than
/// what the kernel may have made by itself.
///
/// Both ends of a link have different numbers: the kernel takes one with the number of its other end
/// for an interface that nobody waits for, and may bring it up a second later.
pub(super) const fn interface(host: usize, n: usize) -> u32 {
    10_000 + number(host * MOST_LINKS + n)
}

/// How many links a host has at most.
const MOST_LINKS: usize = 2;

/// The number of the switch's port that leads to a host.
pub(super) const fn port(host: usize) -> u32 {
    2_000 + number(host)
}

#[expect(clippy::cast_possible_truncation, reason = "a network has 1,000 hosts at most")]
const fn number(n: usize) -> u32 {
    n as u32
}

/// How many links come up together: with about twice as many the kernel puts the rest of its work
/// off for up to a second.
const GROUP: usize = 45;

/// How long a link may take until it carries packets.
const PATIENCE: Duration = Duration::from_secs(10);

/// The hosts of a network, the switch after them if there is one, with their links up and without
/// addresses.
pub(super) fn wire(shape: Shape, home: &Namespace, ipv6: bool) -> Result<Vec<Host>, NetError> {
    let mut hosts = Vec::with_capacity(shape.hosts() + 1);
    for _ in 0..namespaces(shape) {
        let mut host = Host::new(home, ipv6)?;
        let mut batch = host.batch();
        batch.set_up(LOOPBACK, true);
        host.perform(&batch)?;
        hosts.push(host);
    }
    match shape {
        Shape::Alone => {}
        Shape::Pair => {
            link(&mut hosts, (0, 0), (1, 0))?;
            raise(&mut hosts, &[(0, 0), (1, 0)])?;
        }
        Shape::Lan { .. } => switch(&mut hosts)?,
        Shape::Routed => {
            link(&mut hosts, (ROUTER, 0), (0, 0))?;
            link(&mut hosts, (ROUTER, 1), (1, 0))?;
            forward(&hosts[ROUTER], home)?;
            raise(&mut hosts, &[(0, 0), (1, 0), (ROUTER, 0), (ROUTER, 1)])?;
        }
    }
    Ok(hosts)
}

/// How many namespaces a network has.
pub(super) const fn namespaces(shape: Shape) -> usize {
    match shape {
        Shape::Lan { hosts } => hosts + 1,
        _ => shape.hosts(),
    }
}

/// What is on the other end of a host's `n`-th link: a host or the switch, and the number of its
/// interface.
pub(super) fn far_end(shape: Shape, host: usize, n: usize) -> Option<(usize, u32)> {
    match (shape, host) {
        (Shape::Alone, _) => None,
        (Shape::Pair, _) => Some((1 - host, interface(1 - host, 0))),
        (Shape::Lan { hosts }, _) => Some((hosts, port(host))),
        (Shape::Routed, ROUTER) => Some((n, interface(n, 0))),
        (Shape::Routed, _) => Some((ROUTER, interface(ROUTER, host))),
    }
}

/// Waits until every link that was brought up carries packets.
pub(super) fn wait_up(hosts: &mut [Host], ends: &[(usize, u32)]) -> Result<(), NetError> {
    let deadline = Instant::now() + PATIENCE;
    for &(host, index) in ends {
        while !hosts[host].is_up(index)? {
            if Instant::now() > deadline {
                return Err(NetError::NotUp { host, index, waited: PATIENCE });
            }
            thread::sleep(Duration::from_micros(200));
        }
    }
    Ok(())
}

/// Connects two hosts, each by the number of its link.
fn link(hosts: &mut [Host], near: (usize, usize), far: (usize, usize)) -> Result<(), NetError> {
    let end = |(host, n): (usize, usize)| End {
        index: interface(host, n),
        name: HostAddresses::device(n),
        namespace: None,
        switch: None,
    };
    let mut batch = hosts[near.0].batch();
    let namespace = Some(&hosts[far.0].namespace);
    batch.make_link(end(near), End { namespace, ..end(far) });
    hosts[near.0].perform(&batch)
}

/// Connects all hosts but the last one to that one, which becomes the switch.
fn switch(hosts: &mut [Host]) -> Result<(), NetError> {
    let switch = hosts.len() - 1;
    let mut batch = hosts[switch].batch();
    batch.make_switch(SWITCH, "switch");
    batch.silence(SWITCH);
    batch.set_up(SWITCH, true);
    hosts[switch].perform(&batch)?;
    for first in (0..switch).step_by(GROUP) {
        let group = first..switch.min(first + GROUP);
        let mut batch = hosts[switch].batch();
        for host in group.clone() {
            let near = End {
                index: port(host),
                name: format!("port{host}"),
                namespace: None,
                switch: Some(SWITCH),
            };
            let namespace = Some(&hosts[host].namespace);
            let far = End {
                index: interface(host, 0),
                name: HostAddresses::device(0),
                namespace,
                switch: None,
            };
            batch.make_link(near, far);
            batch.silence(port(host));
            batch.set_up(port(host), true);
        }
        hosts[switch].perform(&batch)?;
        for host in group.clone() {
            bring_up(&mut hosts[host], interface(host, 0))?;
        }
        let ends: Vec<(usize, u32)> =
            group.flat_map(|host| [(host, interface(host, 0)), (switch, port(host))]).collect();
        wait_up(hosts, &ends)?;
    }
    Ok(())
}

/// Brings links up, each by its host and its place there, and waits for all of them.
fn raise(hosts: &mut [Host], links: &[(usize, usize)]) -> Result<(), NetError> {
    for &(host, n) in links {
        bring_up(&mut hosts[host], interface(host, n))?;
    }
    let ends: Vec<(usize, u32)> =
        links.iter().map(|&(host, n)| (host, interface(host, n))).collect();
    wait_up(hosts, &ends)
}

fn bring_up(host: &mut Host, index: u32) -> Result<(), NetError> {
    let mut batch = host.batch();
    batch.silence(index);
    batch.set_up(index, true);
    host.perform(&batch)
}

/// The files that switch forwarding on, in the namespace of the thread that writes them. For IPv6
/// netlink has no way to say so.
const FORWARDING: [&str; 2] =
    ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"];

/// Makes a host forward what is not for it.
fn forward(router: &Host, home: &Namespace) -> Result<(), NetError> {
    router.inside(home, || {
        for path in forwarding(router.ipv6) {
            fs::write(path, "1").map_err(|source| NetError::Setting { path, source })?;
        }
        Ok(())
    })?
}

/// Finds out whether a host can be made to forward, without making any.
pub(super) fn can_forward(ipv6: bool) -> Result<(), NetError> {
    for path in forwarding(ipv6) {
        let opened = OpenOptions::new().write(true).open(path);
        opened.map_err(|source| NetError::Setting { path, source })?;
    }
    Ok(())
}

fn forwarding(ipv6: bool) -> impl Iterator<Item = &'static str> {
    FORWARDING.into_iter().take(if ipv6 { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_link_have_different_numbers() {
        for shape in [Shape::Pair, Shape::Lan { hosts: Shape::MOST_HOSTS }, Shape::Routed] {
            for host in 0..shape.hosts() {
                let links = if (shape, host) == (Shape::Routed, ROUTER) { 2 } else { 1 };
                for n in 0..links {
                    let (_, far) = far_end(shape, host, n).expect("a link has two ends");
                    assert_ne!(interface(host, n), far, "{shape:?}, link {n} of host {host}");
                }
            }
        }
    }
}
