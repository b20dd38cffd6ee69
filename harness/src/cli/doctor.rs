use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use clap::Args;
use nix::sys::resource::{Resource, getrlimit};

use super::exit::Exit;
use super::output::{Colour, complain, print};
use crate::net::{Lease, Net, NetError, Shape};
use crate::report::Palette;
use crate::subject::kernel::KernelSubject;
use crate::subject::{Granularity, Subject};
use crate::wire::Packet;

/// Say what this machine permits, and for each thing that is missing the command that permits it.
///
/// Exits with 0 if nothing is missing, with 3 if cases would be skipped here.
#[derive(Debug, Args)]
pub(super) struct Arguments {}

pub(super) fn doctor(_: &Arguments, colour: Colour) -> io::Result<Exit> {
    let subject = match KernelSubject::new() {
        Ok(subject) => subject.with_networks(),
        Err(error) => {
            complain(&format!("error: the subject kernel cannot be used: {error}\n"));
            return Ok(Exit::Broken);
        }
    };
    let findings = examine(&subject);
    let mut text = format!("sockspec {} on {}\n\n", env!("CARGO_PKG_VERSION"), subject.version());
    let palette = colour.palette();
    let width = findings.iter().map(|finding| finding.what.len()).max().unwrap_or(0);
    for finding in &findings {
        finding.show(&mut text, width, palette);
    }
    let missing = findings.iter().filter(|finding| finding.is_missing()).count();
    let verdict = match missing {
        0 => "nothing is missing: every case can run here".to_owned(),
        1 => "1 thing is missing".to_owned(),
        _ => format!("{missing} things are missing"),
    };
    // Writing to a string does not fail.
    let _ = writeln!(text, "\n{verdict}");
    print(&text)?;
    Ok(if missing == 0 { Exit::Good } else { Exit::Broken })
}

/// What was found out about one thing.
struct Finding {
    what: &'static str,
    state: State,
}

enum State {
    /// It is there; more about it.
    Good(String),
    /// It is there, but it is not as good as it should be.
    Odd(String),
    /// It is not there.
    Missing {
        /// Why.
        why: String,
        /// Which cases are skipped without it.
        skipped: &'static str,
        /// The command that permits it.
        remedy: Option<String>,
    },
}

impl Finding {
    fn is_missing(&self) -> bool {
        matches!(self.state, State::Missing { .. })
    }

    fn show(&self, text: &mut String, width: usize, palette: Palette) {
        let Palette { good, odd, bad, faint, .. } = palette;
        let (style, word, detail): (_, _, &str) = match &self.state {
            State::Good(detail) => (good, "yes", detail),
            State::Odd(detail) => (odd, "but", detail),
            State::Missing { why, .. } => (bad, "no ", why),
        };
        let _ = writeln!(text, "{:width$}  {style}{word}{style:#}  {detail}", self.what);
        if let State::Missing { skipped, remedy, .. } = &self.state {
            let _ = writeln!(text, "{:width$}       {faint}skipped:{faint:#} {skipped}", "");
            if let Some(remedy) = remedy {
                let _ = writeln!(text, "{:width$}       {faint}permits it:{faint:#} {remedy}", "");
            }
        }
    }
}

fn examine(subject: &KernelSubject) -> Vec<Finding> {
    let finding = |what, state| Finding { what, state };
    let mut findings = Vec::new();
    match subject.networks() {
        Some(Err(refused)) => {
            let remedy = refused.remedy().map(str::to_owned);
            let skipped = "every case on netns, lan or routed, and every case with a wire line";
            let state = State::Missing { why: refused.to_string(), skipped, remedy };
            findings.push(finding("network namespaces", state));
        }
        Some(Ok(net)) => {
            let state = State::Good("this process has one of its own".to_owned());
            findings.push(finding("network namespaces", state));
            findings.extend(NETWORKS.map(|probe| finding(probe.what, probe.state(net))));
            findings.push(finding("dropping packets", dropping(net)));
        }
        None => {}
    }
    findings.push(finding("IPv6", ipv6(subject)));
    findings.push(finding("open files", open_files()));
    findings.push(finding("cores", cores()));
    findings.push(finding("timers", timers()));
    findings.push(finding("clock", clock(subject.granularity())));
    findings
}

/// A network that cases need.
struct Probe {
    what: &'static str,
    shape: Shape,
    /// The hosts between which a datagram must get through.
    between: (usize, usize),
    skipped: &'static str,
    remedy: &'static str,
}

const NETWORKS: [Probe; 4] = [
    Probe {
        what: "packet capture",
        shape: Shape::Alone,
        between: (0, 0),
        skipped: "every case with a wire line",
        remedy: "sudo modprobe af_packet",
    },
    Probe {
        what: "links between hosts",
        shape: Shape::Pair,
        between: (0, 1),
        skipped: "every case on netns, lan or routed",
        remedy: "sudo modprobe veth",
    },
    Probe {
        what: "switches",
        shape: Shape::Lan { hosts: 3 },
        between: (0, 2),
        skipped: "every case on a lan",
        remedy: "sudo modprobe bridge",
    },
    Probe {
        what: "forwarding hosts",
        shape: Shape::Routed,
        between: (0, 1),
        skipped: "every case on routed",
        remedy: "sudo mount -o remount,rw /proc/sys",
    },
];

/// How long a datagram may be on its way.
const ARRIVAL: Duration = Duration::from_millis(500);

impl Probe {
    fn state(&self, net: &Arc<Net>) -> State {
        let began = Instant::now();
        let missing = |why: String| State::Missing {
            why,
            skipped: self.skipped,
            remedy: Some(self.remedy.to_owned()),
        };
        match net.lease(self.shape, true) {
            Err(error) => missing(error.to_string()),
            Ok(mut lease) => {
                let took = began.elapsed() / u32::try_from(self.shape.hosts()).unwrap_or(1);
                match self.passes(&mut lease) {
                    Ok(()) => State::Good(format!("made in {took:.1?} a host")),
                    Err(why) => missing(why.to_string()),
                }
            }
        }
    }

    /// Sends a datagram from one host to the other, which must arrive and be captured.
    fn passes(&self, lease: &mut Lease) -> Result<(), ProbeError> {
        let (from, to) = self.between;
        let address = lease.addresses()[to].links[0].ipv4;
        let bind = |host| lease.inside(host, || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)));
        let (sender, receiver) = (bind(from)??, bind(to)??);
        receiver.set_read_timeout(Some(ARRIVAL))?;
        let port = receiver.local_addr()?.port();
        sender.send_to(b"sockspec", SocketAddr::from((address, port)))?;
        let mut buffer = [0; 16];
        receiver.recv(&mut buffer).map_err(|_| ProbeError::NotArrived)?;
        let captured = lease.captured(Instant::now())?;
        let seen = captured.frames.iter().filter_map(Packet::decode);
        match seen.filter(|packet| packet.destination == address).count() {
            0 => Err(ProbeError::NotCaptured),
            _ => Ok(()),
        }
    }
}

/// Why a network is of no use.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error(transparent)]
    Network(#[from] NetError),
    #[error("a socket cannot be used: {0}")]
    Socket(#[from] io::Error),
    #[error("a datagram did not arrive within {ARRIVAL:?}")]
    NotArrived,
    #[error("a datagram arrived and was not captured")]
    NotCaptured,
}

fn dropping(net: &Net) -> State {
    match net.can_drop() {
        Ok(()) => State::Good("through nf_tables".to_owned()),
        Err(why) => State::Missing {
            why,
            skipped: "every case that drops packets",
            remedy: Some("sudo modprobe -a nf_tables nft_limit nft_numgen".to_owned()),
        },
    }
}

fn ipv6(subject: &KernelSubject) -> State {
    match subject.no_ipv6() {
        None => State::Good("::1 can be bound".to_owned()),
        Some(why) => {
            let settings = "net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.lo.disable_ipv6=0";
            State::Missing {
                why: why.to_owned(),
                skipped: "every case over tcp6 or udp6",
                remedy: Some(format!("sudo sysctl -w {settings}")),
            }
        }
    }
}

/// The descriptors that a network of 200 hosts and the cases beside it take.
const FILES: u64 = 4_096;

fn open_files() -> State {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, _)) if soft >= FILES => State::Good(format!("{soft} at a time")),
        Ok((soft, hard)) if hard >= FILES => {
            State::Odd(format!("{soft} at a time; networks of many hosts want `ulimit -n {FILES}`"))
        }
        Ok((soft, _)) => State::Odd(format!(
            "{soft} at a time; networks of many hosts want `sudo prlimit --pid $$ --nofile={FILES}`"
        )),
        Err(error) => State::Odd(format!("the limit cannot be read: {error}")),
    }
}

fn cores() -> State {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").ok();
    let load = load.as_deref().and_then(|text| text.split(' ').next());
    match load.and_then(|load| load.parse::<f64>().ok()) {
        Some(load) if load > f64::from(u32::try_from(cores).unwrap_or(u32::MAX)) => State::Odd(
            format!("{cores}, with a load of {load}: soft bounds will stretch, lower bounds not"),
        ),
        Some(load) => State::Good(format!("{cores}, with a load of {load}")),
        None => State::Good(cores.to_string()),
    }
}

/// How many naps of a millisecond are watched.
const NAPS: u32 = 100;
/// What the machine may be late by before soft bounds stretch noticeably.
const LATE: Duration = Duration::from_millis(10);

fn timers() -> State {
    let nap = Duration::from_millis(1);
    let worst = (0..NAPS)
        .map(|_| {
            let began = Instant::now();
            thread::sleep(nap);
            began.elapsed().saturating_sub(nap)
        })
        .max()
        .unwrap_or_default();
    let text = format!("at worst {worst:.1?} late in {NAPS} waits of 1 ms");
    if worst > LATE { State::Odd(text) } else { State::Good(text) }
}

fn clock(granularity: Granularity) -> State {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = fs::read_to_string(path).unwrap_or_default();
    let source = match source.trim() {
        "" => "monotonic",
        source => source,
    };
    State::Good(format!("{source}; limits of sockets count in {:?}", granularity.socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(state: State) -> String {
        let mut text = String::new();
        Finding { what: "hosts", state }.show(&mut text, 5, Palette::plain());
        text
    }

    #[test]
    fn what_is_missing_is_said_with_its_cost_and_its_remedy() {
        let state = State::Missing {
            why: "unshare: EPERM".to_owned(),
            skipped: "every case on a lan",
            remedy: Some("sudo true".to_owned()),
        };
        insta::assert_snapshot!(shown(state), @r"
        hosts  no   unshare: EPERM
                    skipped: every case on a lan
                    permits it: sudo true
        ");
        let state = State::Good("made in 1 ms".to_owned());
        insta::assert_snapshot!(shown(state), @"hosts  yes  made in 1 ms");
    }
}
