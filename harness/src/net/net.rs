use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
use std::{fs, thread};

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket, sockopt};

use super::channel::{Batch, Channel};
use super::filter::{self, Filter};
use super::host::Host;
use super::namespace::Namespace;
use super::network::Network;
use super::pool::Pool;
use super::turns::Turns;
use super::wiring::{self, LOOPBACK, namespaces};
use super::{Lease, Made, NetError, Refused, Shape, refused};

/// The process's own network: makes networks of hosts, and keeps them for further use.
pub struct Net {
    home: Namespace,
    pool: Mutex<Pool>,
    /// Whether no network is to be made any more.
    is_closed: AtomicBool,
    /// Whose turn it is to make a network.
    making: Turns,
    /// Whether the namespaces have IPv6.
    ipv6: bool,
    /// How many namespaces there may be at a time.
    most: usize,
    /// How many files the process may open.
    files: u64,
    /// As long as one socket wants to know when frames come, the kernel stamps all of them. It
    /// begins a while after being asked to, and what comes before that has the time at which it
    /// is read, so this one asks from the start.
    _stamped: OwnedFd,
    /// What came of trying to drop packets.
    drops: OnceLock<Result<(), String>>,
    /// What it was tried with, which takes its time to end.
    probed: Mutex<Option<Filter>>,
}

impl Net {
    /// The most namespaces at a time: the largest network and its switch, and a few more.
    const MOST: usize = 1_024;

    /// Files that may be open, for each namespace: two for itself, and two for sockets in it.
    const FILES: u64 = 4;

    /// How many threads close networks together.
    const CLOSERS: usize = 32;

    /// Moves the calling thread, and every thread that it starts from now on, into a network
    /// namespace of its own, whose loopback interface is up. To be called before there are other
    /// threads.
    ///
    /// A process without the right to do so makes itself a user namespace too, in which it stays
    /// the same user.
    ///
    /// # Errors
    /// If the machine refuses it. Where the refusal came after the user namespace was made, the
    /// process stays in that one, on a network with nothing in it.
    pub fn enter() -> Result<Self, Refused> {
        refused::unshare()?;
        let home = Namespace::current().map_err(|error| Refused::new("namespace", &error))?;
        let raised = Channel::open().map_err(|error| Refused::new("netlink", &error));
        let mut batch = Batch::new(true);
        batch.set_up(LOOPBACK, true);
        raised?.perform(&batch).map_err(|error| Refused::new("loopback", &error))?;
        let stamped = stamped().map_err(|error| Refused::new("timestamps", &error))?;
        let (files, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1_024, 1_024));
        let most = usize::try_from(files / Self::FILES).unwrap_or(usize::MAX).min(Self::MOST);
        Ok(Self {
            home,
            ipv6: has_ipv6(),
            pool: Mutex::default(),
            is_closed: AtomicBool::new(false),
            making: Turns::default(),
            most,
            files,
            _stamped: stamped,
            drops: OnceLock::new(),
            probed: Mutex::default(),
        })
    }

    /// Gives a network of this shape with fresh addresses: one that was used before, or a new one.
    ///
    /// Blocks while too many hosts are in use, and then takes its turn. A thread that holds a lease
    /// while it asks for another can so wait for itself. With `captures`, the frames on its links
    /// are there for [`Lease::captured`].
    ///
    /// # Errors
    /// If the network can never fit, or the kernel refuses to make it.
    pub fn lease(self: &Arc<Self>, shape: Shape, captures: bool) -> Result<Lease, NetError> {
        self.check(shape)?;
        let network = loop {
            let (mut network, used) = match self.claim(shape, captures) {
                Claim::Kept(network) => (network, true),
                Claim::Room { number } => (self.make(shape, number)?, false),
            };
            match network.begin(captures, &self.home) {
                Ok(()) => break network,
                Err(error) => {
                    self.discard(vec![network]);
                    // One that was used may have come to harm; the next may be a new one.
                    if !used {
                        return Err(error);
                    }
                }
            }
        };
        self.pool().made.leased += 1;
        Ok(Lease::new(Arc::clone(self), network))
    }

    /// Tells whether the kernel can drop packets.
    ///
    /// # Errors
    /// What it lacks.
    pub fn can_drop(&self) -> Result<(), String> {
        let tried = || {
            let used = self.probe().map_err(|error| error.to_string())?;
            self.probed().replace(used);
            Ok(())
        };
        self.drops.get_or_init(tried).clone()
    }

    /// Tries it on a host of its own.
    fn probe(&self) -> Result<Filter, NetError> {
        Ok(Host::new(&self.home, self.ipv6)?.inside(&self.home, filter::probe)??)
    }

    fn probed(&self) -> MutexGuard<'_, Option<Filter>> {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether a host can be made to forward.
    ///
    /// # Errors
    /// The setting that it would take, and why it cannot be written.
    pub fn can_forward(&self) -> Result<(), NetError> {
        wiring::can_forward(self.ipv6)
    }

    /// Tells whether the hosts have IPv6. Without it their IPv6 addresses are mere numbers.
    pub const fn has_ipv6(&self) -> bool {
        self.ipv6
    }

    /// Tells how many hosts were made so far, how long that took, and how many leases there were.
    pub fn made(&self) -> Made {
        self.pool().made
    }

    /// Lets no further network be made: who waits for one gets an error.
    pub fn make_no_more(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// Gives up every network that is not in use.
    ///
    /// Their descriptors are closed when it returns; the kernel takes the rest down in its time.
    pub fn settle(&self) {
        let kept = std::mem::take(&mut self.pool().kept);
        let probed = self.probed().take();
        thread::scope(|scope| {
            if probed.is_some() {
                scope.spawn(|| drop(probed));
            }
            self.discard(kept);
        });
    }

    /// The namespace in which threads are that are in no host's.
    pub(super) fn home(&self) -> &Namespace {
        &self.home
    }

    /// Takes a network back from its lease.
    pub(super) fn give_back(&self, mut network: Network) {
        network.end();
        if network.is_spoiled() || thread::panicking() {
            self.discard(vec![network]);
            return;
        }
        let mut pool = self.pool();
        pool.kept.push(network);
        pool.wake();
    }

    fn check(&self, shape: Shape) -> Result<(), NetError> {
        let hosts = shape.hosts();
        if hosts > Shape::MOST_HOSTS {
            return Err(NetError::TooManyHosts { hosts });
        }
        let needed = namespaces(shape);
        if needed > self.most {
            return Err(NetError::TooFewFiles {
                hosts: needed,
                most: self.most,
                files: self.files,
                needed: u64::try_from(needed).unwrap_or(u64::MAX) * Self::FILES,
            });
        }
        Ok(())
    }

    /// Waits for a network of this shape, or for the room to make one.
    fn claim(&self, shape: Shape, captures: bool) -> Claim {
        let needed = namespaces(shape);
        let mut turn: Option<Arc<Condvar>> = None;
        let mut pool = self.pool();
        loop {
            let first = match (&turn, pool.waiting.front()) {
                (Some(own), Some(front)) => Arc::ptr_eq(own, front),
                (_, front) => front.is_none(),
            };
            if first {
                let claim = if let Some(network) = pool.take(shape, captures) {
                    Some(Claim::Kept(network))
                } else if pool.alive + needed <= self.most {
                    pool.alive += needed;
                    let number = pool.networks;
                    pool.networks += 1;
                    Some(Claim::Room { number })
                } else {
                    None
                };
                if let Some(claim) = claim {
                    if turn.is_some() {
                        pool.waiting.pop_front();
                        pool.wake();
                    }
                    return claim;
                }
                let evicted = pool.evict(needed, self.most);
                if !evicted.is_empty() {
                    drop(pool);
                    self.discard(evicted);
                    pool = self.pool();
                    continue;
                }
            }
            let own = turn.get_or_insert_with(|| {
                let own = Arc::new(Condvar::new());
                pool.waiting.push_back(Arc::clone(&own));
                own
            });
            pool = Arc::clone(own).wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes a network in the room that was claimed for it, one after the other: the kernel has one
    /// lock for all links, and puts off for a second what too many of them wait for together.
    fn make(&self, shape: Shape, number: u32) -> Result<Network, NetError> {
        let _turn = self.making.take();
        let began = Instant::now();
        let network = if self.is_closed.load(Ordering::Relaxed) {
            Err(NetError::Closed)
        } else {
            Network::new(shape, number, &self.home, self.ipv6)
        };
        let mut pool = self.pool();
        match &network {
            Ok(_) => {
                pool.made.hosts += u32::try_from(shape.hosts()).unwrap_or(u32::MAX);
                pool.made.took += began.elapsed();
            }
            Err(_) => pool.forget(namespaces(shape)),
        }
        network
    }

    /// Closes networks. One that sees frames takes some milliseconds, whatever else is closed
    /// meanwhile, so they are closed by several threads.
    fn discard(&self, networks: Vec<Network>) {
        let gone = networks.iter().map(|network| namespaces(network.shape)).sum();
        let (slow, fast): (Vec<_>, Vec<_>) = networks.into_iter().partition(Network::has_tap);
        let share = slow.len().div_ceil(Self::CLOSERS).max(1);
        let mut slow = slow.into_iter();
        thread::scope(|scope| {
            while slow.len() > share {
                let own: Vec<Network> = slow.by_ref().take(share).collect();
                scope.spawn(move || drop(own));
            }
            drop(fast);
            drop(slow);
        });
        self.pool().forget(gone);
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").field("made", &self.made()).finish_non_exhaustive()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.settle();
    }
}

enum Claim {
    Kept(Network),
    Room { number: u32 },
}

/// Whether a new namespace has IPv6: the kernel may lack it, or be told to begin without.
fn has_ipv6() -> bool {
    fs::read_to_string("/proc/sys/net/ipv6/conf/default/disable_ipv6")
        .is_ok_and(|off| off.trim() == "0")
}

fn stamped() -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Datagram, flags, None)?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::wire::skip::skip;

    fn net(test: &str, most: usize) -> Option<Arc<Net>> {
        match Net::enter() {
            Ok(mut net) => {
                net.most = most;
                Some(Arc::new(net))
            }
            Err(refused) => {
                skip(test, &refused.to_string());
                None
            }
        }
    }

    fn held(net: &Net) -> usize {
        net.pool().alive
    }

    /// What the process has open on network namespaces other than those in `known`.
    fn open(known: &[String]) -> Vec<String> {
        let links = fs::read_dir("/proc/self/fd").expect("it can be read").flatten();
        links
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .map(|link| link.to_string_lossy().into_owned())
            .filter(|link| link.starts_with("net:") && !known.contains(link))
            .collect()
    }

    #[test]
    fn nothing_is_open_when_it_has_settled() {
        let Some(net) = net("nothing_is_open_when_it_has_settled", 100) else { return };
        let inside = || fs::read_link("/proc/thread-self/ns/net").expect("it can be read");
        let mut made = Vec::new();
        for shape in [Shape::Alone, Shape::Pair, Shape::Lan { hosts: 3 }, Shape::Routed] {
            let lease = net.lease(shape, true).expect("a network");
            for host in 0..shape.hosts() {
                let name = lease.inside(host, inside).expect("the host is there");
                made.push(name.to_string_lossy().into_owned());
            }
        }
        let still = |made: &[String]| open(&[]).iter().filter(|name| made.contains(name)).count();
        assert_eq!((made.len(), still(&made)), (9, 9));
        assert_eq!(held(&net), 10);
        net.settle();
        assert_eq!((still(&made), held(&net)), (0, 0));
    }

    #[test]
    fn there_is_room_once_others_are_given_up() {
        let Some(net) = net("there_is_room_once_others_are_given_up", 4) else { return };
        drop(net.lease(Shape::Alone, false).expect("a host"));
        drop(net.lease(Shape::Pair, false).expect("a pair"));
        assert_eq!(held(&net), 3);
        drop(net.lease(Shape::Routed, false).expect("a routed network"));
        assert_eq!(held(&net), 3, "the two that were kept had to go");
        let error = net.lease(Shape::Lan { hosts: 4 }, false).err().expect("it cannot fit");
        assert!(error.to_string().contains("`ulimit -n 20`"), "{error}");
    }

    #[test]
    fn who_waits_gets_what_is_given_back_in_turn() {
        let Some(net) = net("who_waits_gets_what_is_given_back_in_turn", 3) else { return };
        let (sender, order) = mpsc::channel();
        let first = net.lease(Shape::Pair, false).expect("a pair");
        thread::scope(|scope| {
            for (place, shape) in [Shape::Routed, Shape::Alone].into_iter().enumerate() {
                let (net, sender) = (&net, sender.clone());
                scope.spawn(move || {
                    let lease = net.lease(shape, false).expect("its turn comes");
                    sender.send(shape).expect("somebody listens");
                    drop(lease);
                });
                let deadline = Instant::now() + Duration::from_secs(5);
                while net.pool().waiting.len() <= place {
                    assert!(Instant::now() < deadline, "{shape:?} did not wait for its turn");
                    thread::sleep(Duration::from_millis(1));
                }
            }
            // There is room for one host, but somebody else was there before.
            assert_eq!(order.try_recv(), Err(mpsc::TryRecvError::Empty));
            drop(first);
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), [Shape::Routed, Shape::Alone]);
    }

    #[test]
    fn many_threads_share_few_networks() {
        let Some(net) = net("many_threads_share_few_networks", 6) else { return };
        thread::scope(|scope| {
            for thread in 0..12 {
                let net = &net;
                scope.spawn(move || {
                    for round in 0..20 {
                        let shape =
                            if (thread + round) % 4 == 0 { Shape::Alone } else { Shape::Pair };
                        let lease = net.lease(shape, round % 5 == 0).expect("its turn comes");
                        lease.inside(0, || ()).expect("the host is there");
                    }
                });
            }
        });
        assert_eq!(net.made().leased, 240);
        assert!(held(&net) <= 6);
        assert!(net.pool().waiting.is_empty());
    }

    #[test]
    fn hosts_without_ipv6_still_have_ipv4() {
        let Some(mut net) = net("hosts_without_ipv6_still_have_ipv4", 100) else { return };
        Arc::get_mut(&mut net).expect("nobody else has it").ipv6 = false;
        for shape in [Shape::Pair, Shape::Lan { hosts: 3 }, Shape::Routed] {
            for _ in 0..2 {
                let lease = net.lease(shape, true).expect("a network");
                let address = lease.addresses()[1].links[0].ipv4;
                let bind = |host, address| {
                    let bound = lease.inside(host, || UdpSocket::bind((address, 0)));
                    bound.expect("the host is there").expect("the address is its own")
                };
                let (near, far) = (bind(0, Ipv4Addr::UNSPECIFIED), bind(1, address));
                near.send_to(b"x", far.local_addr().expect("bound")).expect("there is a way");
                far.set_read_timeout(Some(Duration::from_secs(5))).expect("it takes one");
                assert_eq!(far.recv(&mut [0; 4]).expect("it arrives"), 1, "{shape:?}");
                let table = || fs::read_to_string("/proc/thread-self/net/if_inet6");
                let table = lease.inside(0, table).expect("the host is there").expect("a table");
                assert!(!table.lines().any(|line| line.starts_with("fd")), "{table}");
            }
        }
    }
}
