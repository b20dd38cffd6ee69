use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sockspec::net::{Lease, Net, Shape};
use sockspec::run::{Bench, Limits, Trial, Verdict, Witness};
use sockspec::subject::kernel::KernelSubject;
use sockspec::vocabulary::{Topology, Transport};
use sockspec::wire::{Capture, Frame};

use crate::engine::case_on;
use crate::leftovers::{Leftovers, descriptors};
use crate::raw_net::{RawNetwork, namespace};
use crate::report::Report;
use crate::sample::{Pair, median};

const GOALS: [&str; 5] = ["N1", "N2", "N3", "N4", "N5"];

/// Has to come when the process has no threads, which an ordinary user needs to get networks, and
/// last, since the process is on a network of its own afterwards.
pub(crate) fn measure(report: &mut Report) {
    let wanted: Vec<&str> = GOALS.into_iter().filter(|goal| report.wants(goal)).collect();
    if wanted.is_empty() {
        return;
    }
    let subject = KernelSubject::new().expect("the kernel can be used").with_networks();
    let net = match subject.networks().expect("they were asked for") {
        Ok(net) => Arc::clone(net),
        Err(refused) => {
            for goal in wanted {
                report.skip(goal, &refused.to_string());
            }
            return;
        }
    };
    let mut leftovers = Leftovers::here();
    if report.wants("N1") || report.wants("N2") {
        set_ups(report, &net, &mut leftovers);
    }
    if report.wants("N3") {
        pooled(report, &net);
        dropped(report, &net, &mut leftovers);
    }
    if report.wants("N4") {
        for captures in [false, true] {
            tear_down(report, &net, &mut leftovers, captures);
        }
    }
    if report.wants("N5") {
        captures(report, &net, &mut leftovers);
        cases(report, &net, &subject);
    }
}

/// How networks of so many hosts are measured.
struct Size {
    hosts: u32,
    /// How many of them one after the other make a block.
    together: u32,
    /// How many blocks.
    blocks: u32,
}

static SIZES: [Size; 4] = [
    Size { hosts: 2, together: 20, blocks: 21 },
    Size { hosts: 10, together: 5, blocks: 21 },
    Size { hosts: 50, together: 1, blocks: 21 },
    Size { hosts: 200, together: 1, blocks: 11 },
];

/// From how many hosts on the kernel can put work on links off.
const STALLS: u32 = 50;

/// Times of setting up networks of one size, each by itself.
struct SetUps {
    size: &'static Size,
    ours: Vec<Duration>,
    theirs: Vec<Duration>,
}

impl SetUps {
    fn measure(net: &Arc<Net>, leftovers: &mut Leftovers, size: &'static Size) -> Self {
        let mut series = Self { size, ours: Vec::new(), theirs: Vec::new() };
        // The first block of each warms up and is not kept.
        for block in 0..=size.blocks {
            let lease = || net.lease(shape(size.hosts), false).expect("a network");
            let our = timed(size.together, lease);
            net.settle();
            leftovers.wait();
            let their = timed(size.together, || RawNetwork::make(size.hosts));
            leftovers.wait();
            if block > 0 {
                series.ours.push(our);
                series.theirs.push(their);
            }
        }
        series
    }

    /// The times a host.
    fn each(&self) -> Pair {
        let each = |times: &[Duration]| times.iter().map(|time| *time / self.size.hosts).collect();
        Pair::of(each(&self.ours), each(&self.theirs))
    }

    fn rate(&self, report: &mut Report) {
        let Size { hosts, together, .. } = self.size;
        let pair = self.each();
        let times = 1.0 / pair.rate();
        report.row(
            "N1",
            &format!("{times:.2}x"),
            "<= 1.5x a raw netlink program",
            times <= 1.5,
            &format!("{hosts} hosts, {together} such networks a block: a host {}", pair.medians()),
        );
    }

    /// Any process of the machine that changes networks meanwhile makes everybody else wait now and
    /// then, and cannot be told from the kernel that puts work on many links off, but that one
    /// does so nearly every time.
    fn stalls(&self, report: &mut Report, each: Duration) {
        const STALL: Duration = Duration::from_millis(500);
        let Size { hosts, blocks, .. } = self.size;
        let expected = each * *hosts;
        let stalled =
            |times: &[Duration]| times.iter().filter(|time| **time > expected + STALL).count();
        let (ours, theirs) = (stalled(&self.ours), stalled(&self.theirs));
        report.row(
            "N2",
            &format!("{ours} of {blocks}"),
            "no stalls, or 1 more than raw",
            ours <= theirs + 1,
            &format!(
                "{hosts} hosts: longest {}, median {}, {} expected and {} more is a stall; raw: \
                 {theirs} stalls, longest {}",
                millis(longest(&self.ours)),
                millis(median(self.ours.clone())),
                millis(expected),
                millis(STALL),
                millis(longest(&self.theirs))
            ),
        );
    }
}

fn set_ups(report: &mut Report, net: &Arc<Net>, leftovers: &mut Leftovers) {
    let all = SIZES.each_ref().map(|size| SetUps::measure(net, leftovers, size));
    if report.wants("N1") {
        for series in &all {
            series.rate(report);
        }
    }
    if report.wants("N2") {
        // What a host takes in a network that is too small for its links to be put off.
        let each = median(all[1].ours.clone()) / all[1].size.hosts;
        for series in all.iter().filter(|series| series.size.hosts >= STALLS) {
            series.stalls(report, each);
        }
    }
}

/// The time that each of several took, which are there together and dropped untimed.
fn timed<T>(together: u32, make: impl Fn() -> T) -> Duration {
    let began = Instant::now();
    let all: Vec<T> = (0..together).map(|_| make()).collect();
    let took = began.elapsed() / together;
    drop(all);
    took
}

fn pooled(report: &mut Report, net: &Arc<Net>) {
    let mut raw = RawNetwork::make(2);
    let pair = Pair::measure(200, || lease_pair(net), || raw.readdress());
    report.row(
        "N3",
        &format!("{:.2}x", pair.rate()),
        ">= 0.40x the raw pooled loop",
        pair.rate() >= 0.4,
        &format!("{:.0} leases a second: {}", rate(pair.ours()), pair.medians()),
    );
}

fn dropped(report: &mut Report, net: &Arc<Net>, leftovers: &mut Leftovers) {
    const BLOCKS: usize = 15;
    const DROPPED: u32 = 300;
    let deleted = timed(20, || RawNetwork::make(2).delete());
    leftovers.wait();
    let (mut kept, mut dropped) = (Vec::new(), Vec::new());
    for _ in 0..BLOCKS {
        // The first one makes the network.
        lease_pair(net);
        kept.push(timed(200, || lease_pair(net)));
        net.settle();
        leftovers.wait();
        // Until the kernel is done, which otherwise leaves its part to whatever comes next.
        let began = Instant::now();
        for _ in 0..DROPPED {
            lease_pair(net);
            net.settle();
        }
        leftovers.wait();
        dropped.push(began.elapsed() / DROPPED);
    }
    let pair = Pair::of(kept, dropped);
    report.row(
        "N3",
        &format!("{:.1}x", pair.rate()),
        ">= 20x dropping each at once",
        pair.rate() >= 20.0,
        &format!(
            "{:.0} a second when dropped, {:.0} when the link is deleted too: {}",
            rate(pair.theirs()),
            rate(deleted),
            pair.medians()
        ),
    );
}

fn lease_pair(net: &Arc<Net>) {
    drop(net.lease(Shape::Pair, false).expect("a pair"));
}

fn tear_down(report: &mut Report, net: &Arc<Net>, leftovers: &mut Leftovers, captures: bool) {
    const HOSTS: u32 = 200;
    const ROUNDS: usize = 9;
    let allowed = Duration::from_millis(10) + Duration::from_micros(50) * HOSTS;
    let patience = Duration::from_secs(2);
    let (mut returned, mut gone) = (Vec::new(), Vec::new());
    let mut left = 0;
    for _ in 0..ROUNDS {
        let before = descriptors();
        let lease = net.lease(shape(HOSTS), captures).expect("a network");
        for host in 0..lease.addresses().len() {
            leftovers.watch(&lease.inside(host, namespace).expect("the host is there"));
        }
        let began = Instant::now();
        drop(lease);
        net.settle();
        returned.push(began.elapsed());
        let began = Instant::now();
        while leftovers.alive() > 0 && began.elapsed() < patience {
            thread::sleep(Duration::from_millis(1));
        }
        left = left.max(leftovers.alive()).max(descriptors().abs_diff(before));
        leftovers.wait();
        gone.push(began.elapsed());
    }
    let how = if captures { "with a capture" } else { "without a capture" };
    let (worst, middle) = (longest(&returned), median(returned));
    report.row(
        "N4",
        &millis(middle),
        &format!("<= {} until it returns", millis(allowed)),
        middle <= allowed,
        &format!("{HOSTS} hosts {how}: median of {ROUNDS}, the longest took {}", millis(worst)),
    );
    let worst = longest(&gone);
    report.row(
        "N4",
        &format!("{left} left"),
        "nothing left after 2 s",
        left == 0 && worst <= patience,
        &format!(
            "{HOSTS} hosts {how}: namespaces or descriptors held; the kernel was done after {} at \
             most, median {}",
            millis(worst),
            millis(median(gone))
        ),
    );
}

fn captures(report: &mut Report, net: &Arc<Net>, leftovers: &mut Leftovers) {
    const BLOCKS: u32 = 21;
    let (mut on, mut off) = (Vec::new(), Vec::new());
    let mut seen = Seen::default();
    for _ in 0..BLOCKS {
        for (captures, times) in [(true, &mut on), (false, &mut off)] {
            // Without a network that has ever captured, the kernel has nobody to tell of frames.
            times.push(exchanges(net, captures, &mut seen));
            net.settle();
            leftovers.wait();
        }
    }
    let pair = Pair::of(on, off);
    let times = 1.0 / pair.rate();
    report.row(
        "N5",
        &format!("{times:.2}x"),
        "<= 1.25x of capture off",
        times <= 1.25,
        &format!("P1 over a link with std: {}", pair.medians()),
    );
    let turns = BLOCKS * (EXCHANGES + 1);
    let wrong = seen.differences(turns);
    report.row(
        "N5",
        &format!("{wrong} missed"),
        "no packet missed",
        wrong == 0,
        &format!(
            "{turns} exchanges: {} SYN, {} SYN-ACK, {} with data, {} FIN were seen, {} told as lost",
            seen.openings, seen.answers, seen.data, seen.ends, seen.lost
        ),
    );
}

/// The same exchange as a case, which has a network of its own and all of its packets.
fn cases(report: &mut Report, net: &Arc<Net>, subject: &KernelSubject) {
    let limits = Limits::default();
    let witness = Witness::absent();
    let bench = Bench::new(subject, &limits, &witness);
    let case = case_on(Topology::Netns, Transport::Tcp4);
    let pair = Pair::measure(
        200,
        || {
            let finished = Trial::run(bench, &case, 1);
            assert_eq!(finished.verdict, Verdict::Pass, "{finished:?}");
        },
        || {
            let origin = Instant::now();
            let mut lease = net.lease(Shape::Pair, true).expect("a pair");
            half_close(&lease);
            drop(lease.captured(origin).expect("what was captured"));
        },
    );
    report.note(
        "N5",
        &format!("{:.2}x", pair.rate()),
        &format!(
            "P1 as a case on netns, by a lease, P1 with std and a capture: {}",
            pair.medians()
        ),
    );
}

/// How many exchanges make a block.
const EXCHANGES: u32 = 200;

/// The time of one exchange on a new network, its frames taken after each.
fn exchanges(net: &Arc<Net>, captures: bool, seen: &mut Seen) -> Duration {
    let mut lease = net.lease(Shape::Pair, captures).expect("a pair");
    let origin = Instant::now();
    // The first one lets the hosts find each other.
    half_close(&lease);
    let began = Instant::now();
    for _ in 0..EXCHANGES {
        half_close(&lease);
        if captures {
            seen.count(&lease.captured(origin).expect("what was captured"));
        }
    }
    let took = began.elapsed() / EXCHANGES;
    if captures {
        // The last end of a connection may be on its way when both sides have closed.
        thread::sleep(Duration::from_millis(20));
        seen.count(&lease.captured(origin).expect("what was captured"));
    }
    took
}

/// The half-close exchange between two hosts.
fn half_close(lease: &Lease) {
    let address = (lease.addresses()[1].links[0].ipv4, 0);
    let listener = lease.inside(1, || TcpListener::bind(address)).expect("the host is there");
    let listener = listener.expect("it listens");
    let address = listener.local_addr().expect("name");
    let client = lease.inside(0, || TcpStream::connect(address)).expect("the host is there");
    let mut client = client.expect("it connects");
    let (mut server, _) = listener.accept().expect("accept");
    drop(listener);
    let mut buffer = [0; 16];
    client.write_all(b"ping").expect("send");
    client.shutdown(Shutdown::Write).expect("shutdown");
    assert_eq!(server.read(&mut buffer).expect("recv"), 4);
    assert_eq!(server.read(&mut buffer).expect("recv"), 0);
    server.write_all(b"pong").expect("send");
    assert_eq!(client.read(&mut buffer).expect("recv"), 4);
}

/// What was captured of the connections that were made.
#[derive(Default)]
struct Seen {
    openings: u32,
    answers: u32,
    data: u32,
    ends: u32,
    lost: u64,
}

impl Seen {
    /// How many packets of so many exchanges were not seen, or seen too often, or told as lost.
    fn differences(&self, turns: u32) -> u64 {
        let apart = [
            self.openings.abs_diff(turns),
            self.answers.abs_diff(turns),
            self.data.abs_diff(2 * turns),
            self.ends.abs_diff(2 * turns),
        ];
        apart.into_iter().map(u64::from).sum::<u64>() + self.lost
    }

    fn count(&mut self, capture: &Capture) {
        const FIN: u8 = 1;
        const SYN: u8 = 2;
        const ACK: u8 = 16;
        self.lost += capture.lost;
        for (flags, data) in capture.frames.iter().filter_map(segment) {
            match flags & (SYN | ACK) {
                SYN => self.openings += 1,
                both if both == SYN | ACK => self.answers += 1,
                _ => self.ends += u32::from(flags & FIN != 0),
            }
            self.data += u32::from(data > 0);
        }
    }
}

/// The flags of the TCP segment in an IPv4 frame, and how much data it has.
fn segment(frame: &Frame) -> Option<(u8, usize)> {
    let packet = frame.bytes.get(14..34)?;
    if frame.bytes[12..14] != [8, 0] || packet[9] != 6 {
        return None;
    }
    let header = usize::from(packet[0] & 15) * 4;
    let segment = frame.bytes.get(14 + header..)?;
    let end = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let offset = usize::from(segment.get(12)? >> 4) * 4;
    Some((*segment.get(13)?, end.saturating_sub(header + offset)))
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn longest(times: &[Duration]) -> Duration {
    times.iter().max().copied().unwrap_or_default()
}

fn shape(hosts: u32) -> Shape {
    match hosts {
        2 => Shape::Pair,
        _ => Shape::Lan { hosts: hosts as usize },
    }
}

fn rate(time: Duration) -> f64 {
    1.0 / time.as_secs_f64()
}
