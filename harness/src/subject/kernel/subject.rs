use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::utsname::uname;
use socket2::{Domain, Socket, Type};

use super::session::KernelSession;
use super::{option, signal, syscall};
use crate::scenario::{Action, Case};
use crate::subject::{Admission, Granularity, Session, Subject, SubjectError};
use crate::vocabulary::{Capability, Op, Topology, Transport};

/// The kernel this process runs on.
#[derive(Debug)]
pub struct KernelSubject {
    version: String,
    tick: Duration,
    has_ipv6: bool,
    capacity: usize,
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
            has_ipv6: has_ipv6(),
            capacity: capacity(),
        })
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
        &Capability::ALL
    }

    fn granularity(&self) -> Granularity {
        Granularity { poll: Duration::ZERO, socket: self.tick }
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn admit(&self, case: &Case) -> Admission {
        if case.variant.topology != Topology::Loopback {
            return Admission::Skip("hosts in network namespaces are not made yet".to_owned());
        }
        if case.steps.iter().any(|step| matches!(step.action, Action::Wire(_))) {
            return Admission::Skip("packets are not captured yet".to_owned());
        }
        if !self.has_ipv6 && wants_ipv6(case) {
            return Admission::Skip("this host has no IPv6 loopback address".to_owned());
        }
        let lacking = case.needs.iter().find(|need| !self.capabilities().contains(need));
        match lacking {
            Some(need) => Admission::Unsupported(format!("the kernel does not offer {need}")),
            None => Admission::Run,
        }
    }

    fn open(&self, case: &Case) -> Result<Box<dyn Session>, SubjectError> {
        Ok(Box::new(KernelSession::new(case.sockets.len(), case.tags.len())))
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

fn has_ipv6() -> bool {
    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    Socket::new(Domain::IPV6, Type::DGRAM, None)
        .and_then(|socket| socket.bind(&address.into()))
        .is_ok()
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
        let without = KernelSubject { has_ipv6: false, ..KernelSubject::new().expect("Linux") };
        let skipped = Admission::Skip("this host has no IPv6 loopback address".to_owned());
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
