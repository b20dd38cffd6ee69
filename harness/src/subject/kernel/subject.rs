use std::fs;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::utsname::uname;
use socket2::{Domain, Socket, Type};

use super::breaker::Breaker;
use super::session::KernelSession;
use super::{option, signal, syscall};
use crate::net::{Lease, Made, Net, Refused, Shape};
use crate::scenario::{Action, Case, LinkFault, WireStep};
use crate::subject::{Aborter, AddressBook, Admission, Granularity, Opened, Subject, SubjectError};
use crate::vocabulary::{Capability, Op, Topology, Transport};

/// The kernel this process runs on.
#[derive(Debug)]
pub struct KernelSubject {
    version: String,
    tick: Duration,
    /// Why there is no IPv6, if there is none.
    no_ipv6: Option<&'static str>,
    capacity: usize,
    networks: Networks,
    breaker: Arc<Breaker>,
}

/// What cases with several hosts, or with packets to look at, run on.
#[derive(Debug)]
enum Networks {
    /// There was no need of them.
    Unasked,
    /// Network namespaces of this process.
    Own(Arc<Net>),
    /// The machine does not permit them.
    Refused(Refused),
}

/// Descriptors kept for the process itself.
const RESERVE: u64 = 64;
/// Descriptors that one case may have open at once, generously.
const PER_CASE: u64 = 16;
/// Descriptors that are asked for where the system allows that many.
const WANTED: u64 = 16_384;

impl KernelSubject {
    /// Gets to know the kernel: its version, its tick, whether it has IPv6; and installs the
    /// handlers of the signals that break blocked calls.
    ///
    /// # Errors
    /// When the system refuses a signal handler or a socket.
    pub fn new() -> Result<Self, SubjectError> {
        let refused =
            |what| move |raw: nix::errno::Errno| SubjectError::Refused { what, source: raw.into() };
        syscall::share_heaps();
        signal::install().map_err(refused("installing a signal handler"))?;
        let names = uname().map_err(refused("reading the kernel's version"))?;
        let probe = Socket::new(Domain::UNIX, Type::DGRAM, None)
            .map_err(|source| SubjectError::Refused { what: "making a socket", source })?;
        let tick = option::tick(probe.as_raw_fd()).map_err(refused("reading a socket option"))?;
        Ok(Self {
            version: format!(
                "{} {}",
                names.sysname().to_string_lossy(),
                names.release().to_string_lossy()
            ),
            tick,
            no_ipv6: no_ipv6(),
            capacity: capacity(),
            networks: Networks::Unasked,
            breaker: Arc::default(),
        })
    }

    /// Moves this process into a network namespace of its own, so that it can make hosts and see
    /// packets. Cases on the loopback interface run there too. Where the machine refuses, they run
    /// where they would have run without, and what needs more is skipped with the reason.
    ///
    /// This comes before the process has other threads.
    #[must_use]
    pub fn with_networks(mut self) -> Self {
        self.networks = match Net::enter() {
            Ok(net) => {
                // New namespaces have IPv6 even if somebody did not want it where this began.
                let unwanted = self.no_ipv6.filter(|why| *why == SWITCHED_OFF);
                let lacking = (!net.has_ipv6()).then_some(NOT_IN_NEW);
                self.no_ipv6 = unwanted.or(lacking);
                Networks::Own(Arc::new(net))
            }
            Err(refused) => Networks::Refused(refused),
        };
        self
    }

    /// What became of the wish for networks, if there was one.
    pub fn networks(&self) -> Option<Result<&Arc<Net>, &Refused>> {
        match &self.networks {
            Networks::Unasked => None,
            Networks::Own(net) => Some(Ok(net)),
            Networks::Refused(refused) => Some(Err(refused)),
        }
    }

    /// Why there is no IPv6 to run cases on, if there is none.
    pub const fn no_ipv6(&self) -> Option<&'static str> {
        self.no_ipv6
    }

    /// The network that a case needs, if it needs one or wants its packets captured.
    fn network(&self, case: &Case, captures: bool) -> Result<Option<Lease>, SubjectError> {
        let Networks::Own(net) = &self.networks else { return Ok(None) };
        let needs = case.needs_network();
        if !needs && !captures {
            return Ok(None);
        }
        Ok(Some(net.lease(shape_of(case), true)?))
    }

    /// Opens a session on this process's own host, for so many sockets and pending calls.
    pub(in crate::subject) fn free_session(&self, sockets: usize, tags: usize) -> KernelSession {
        KernelSession::new(sockets, tags, None, self.breaker.join())
    }

    /// Opens a session, as [`Subject::open`] does.
    pub(in crate::subject) fn open_session(
        &self,
        case: &Case,
        captures: bool,
    ) -> Result<(KernelSession, AddressBook), SubjectError> {
        let member = self.breaker.join();
        if member.is_broken() {
            return Err(SubjectError::Aborted);
        }
        let network = self.network(case, captures)?;
        let ports = case.ports.len();
        let book = match &network {
            Some(lease) if case.variant.topology != Topology::Loopback => {
                AddressBook::on_hosts(lease.addresses(), ports)
            }
            _ => AddressBook::on_loopback(ports),
        };
        let session = KernelSession::new(case.sockets.len(), case.tags.len(), network, member);
        Ok((session, book))
    }
}

impl Subject for KernelSubject {
    fn name(&self) -> &'static str {
        "kernel"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn capabilities(&self) -> &[Capability] {
        Capability::OF_SOCKETS
    }

    fn granularity(&self) -> Granularity {
        Granularity { poll: Duration::ZERO, socket: self.tick }
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn admit(&self, case: &Case) -> Admission {
        if let Some(why) = self.no_ipv6
            && wants_ipv6(case)
        {
            return Admission::Skip(why.to_owned());
        }
        if case.needs_network() {
            match &self.networks {
                Networks::Unasked => {
                    return Admission::Skip("no network namespaces were made".to_owned());
                }
                Networks::Refused(refused) => return Admission::Skip(advice(refused)),
                Networks::Own(net) => {
                    if case.variant.topology == Topology::Routed
                        && let Err(why) = net.can_forward()
                    {
                        return Admission::Skip(why.to_string());
                    }
                    if drops_packets(case)
                        && let Err(why) = net.can_drop()
                    {
                        return Admission::Skip(why);
                    }
                }
            }
        }
        // Whatever sockets may offer, the kernel does.
        if case.needs.contains(&Capability::Proxy) {
            let why = "no proxy stands in between; `--via` puts one there";
            return Admission::Unsupported(why.to_owned());
        }
        Admission::Run
    }

    fn open(&self, case: &Case, captures: bool) -> Result<Opened, SubjectError> {
        let (session, book) = self.open_session(case, captures)?;
        Ok(Opened { session: Box::new(session), book })
    }

    fn made(&self) -> Option<Made> {
        match &self.networks {
            Networks::Own(net) => Some(net.made()).filter(|made| made.hosts > 0),
            Networks::Unasked | Networks::Refused(_) => None,
        }
    }

    fn settle(&self) {
        if let Networks::Own(net) = &self.networks {
            net.settle();
        }
    }

    fn aborter(&self) -> Option<Aborter> {
        let breaker = Arc::clone(&self.breaker);
        let net = self.networks().and_then(Result::ok).map(Arc::clone);
        Some(Arc::new(move || {
            breaker.interrupt();
            if let Some(net) = &net {
                net.make_no_more();
            }
        }))
    }
}

/// The network whose hosts are a case's actors.
fn shape_of(case: &Case) -> Shape {
    match case.variant.topology {
        Topology::Loopback => Shape::Alone,
        Topology::Netns => Shape::Pair,
        Topology::Lan => Shape::Lan { hosts: case.actors.len() },
        Topology::Routed => Shape::Routed,
    }
}

fn drops_packets(case: &Case) -> bool {
    case.steps
        .iter()
        .any(|step| matches!(&step.action, Action::Wire(WireStep::Fault(LinkFault::Drop { .. }))))
}

/// Why there are no network namespaces, and what would permit them.
fn advice(refused: &Refused) -> String {
    match refused.remedy() {
        Some(remedy) => format!("{refused}; this permits it: {remedy}"),
        None => refused.to_string(),
    }
}

/// Whether a case is over IPv6, or a step of it names that by itself.
fn wants_ipv6(case: &Case) -> bool {
    let named = case.steps.iter().filter_map(|step| match &step.action {
        Action::Perform { op, .. } | Action::Start { op, .. } => match op {
            Op::Open { transport, .. } => Some(*transport),
            Op::Bind { open, .. } => *open,
            _ => None,
        },
        _ => None,
    });
    case.variant.transport.into_iter().chain(named).any(Transport::is_ipv6)
}

/// IPv6 was switched off by somebody, which new namespaces do not know of.
const SWITCHED_OFF: &str = "IPv6 is switched off here (net.ipv6.conf.all.disable_ipv6)";

/// New namespaces begin without it, or the kernel has none.
const NOT_IN_NEW: &str = "new network namespaces have no IPv6 here";

fn no_ipv6() -> Option<&'static str> {
    let Ok(socket) = Socket::new(Domain::IPV6, Type::DGRAM, None) else {
        return Some("this kernel has no IPv6");
    };
    let is_off = |interface: &str| {
        let path = format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6");
        fs::read_to_string(path).is_ok_and(|value| value.trim() == "1")
    };
    if is_off("all") || is_off("lo") {
        return Some(SWITCHED_OFF);
    }
    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    socket.bind(&address.into()).err().map(|_| "this host has no IPv6 loopback address")
}

/// How many cases can hold their descriptors at once, after asking for more of them.
fn capacity() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 16 };
    let wanted = WANTED.clamp(soft.min(hard), hard);
    let granted = match setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
        Ok(()) => wanted,
        Err(_) => soft,
    };
    usize::try_from(granted.saturating_sub(RESERVE) / PER_CASE).unwrap_or(16).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Document;
    use crate::vocabulary::ScenarioId;

    fn case(text: &str) -> Case {
        let document = Document::parse(text, ScenarioId::new("a/b"), "test.scn");
        document.map(|document| document.cases().remove(0)).expect("it has no mistakes")
    }

    #[test]
    fn a_host_without_ipv6_skips_what_needs_it_and_nothing_else() {
        let without =
            KernelSubject { no_ipv6: Some(SWITCHED_OFF), ..KernelSubject::new().expect("Linux") };
        let skipped = Admission::Skip(SWITCHED_OFF.to_owned());
        for (text, admission) in [
            ("\"t\"\nover tcp6\npair client.c server.s\n\nclient close c => ok\n", &skipped),
            ("\"t\"\n\nclient open s udp6 => ok\n", &skipped),
            ("\"t\"\n\nclient bind s tcp6 client:p => ok\n", &skipped),
            ("\"t\"\n\nclient bind s tcp4 client:p => ok\n", &Admission::Run),
        ] {
            assert_eq!(without.admit(&case(text)), *admission, "{text}");
        }
    }
}
