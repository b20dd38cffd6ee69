use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity, unshare};
use nix::unistd::Pid;
use socket2::{Domain, Protocol, Socket, Type};

use super::{FilterError, IPV6, probe};
use crate::wire::skip::skip;

/// The addresses of one family: whose packets are dropped, whose are not, who gets them.
pub(super) struct Addresses {
    pub(super) dropped: IpAddr,
    pub(super) other: IpAddr,
    pub(super) host: IpAddr,
}

pub(super) const FAMILIES: [Addresses; 2] = [
    Addresses { dropped: v4(2), other: v4(3), host: v4(1) },
    Addresses { dropped: v6(2), other: v6(3), host: v6(1) },
];

/// Longer than anything here takes.
pub(super) const LONG: Duration = Duration::from_secs(2);

/// An address of loopback.
pub(super) const fn v4(host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, host))
}

/// An address of IPv6 that loopback is given, when it is one of [`FAMILIES`].
pub(super) const fn v6(host: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host))
}

/// Runs on a thread that has a namespace of its own with addresses on loopback, and stays on one
/// processor, so that loopback delivers in the order of sending.
pub(super) fn inside(test: impl FnOnce() + Send + 'static) {
    let name = thread::current().name().unwrap_or_default().to_owned();
    let body = move || {
        if let Err(errno) = unshare(CloneFlags::CLONE_NEWNET) {
            skip(&name, &format!("a namespace is refused: {errno}"));
            return;
        }
        pin();
        if let Err(error) = probe() {
            let FilterError::Unsupported { .. } = error else { panic!("{error}") };
            assert!(!kernel_has_all(), "{error}");
            skip(&name, &error.to_string());
            return;
        }
        loopback_up();
        test();
    };
    if let Err(panic) = thread::spawn(body).join() {
        resume_unwind(panic);
    }
}

/// Whether what the kernel says it lacks is there, so that it must have been asked wrongly.
fn kernel_has_all() -> bool {
    let symbols = fs::read_to_string("/proc/kallsyms").unwrap_or_default();
    ["nf_tables_newrule", "nft_ng_inc_eval"].iter().all(|symbol| symbols.contains(symbol))
}

fn pin() {
    let allowed = sched_getaffinity(Pid::from_raw(0)).expect("a thread has processors");
    let first = (0..CpuSet::count())
        .find(|at| allowed.is_set(*at).unwrap_or(false))
        .expect("one processor at least");
    let mut set = CpuSet::new();
    set.set(first).expect("it is in range");
    sched_setaffinity(Pid::from_raw(0), &set).expect("it is allowed");
}

/// Lets the calling thread run on every processor again.
pub(super) fn unpin() {
    let mut set = CpuSet::new();
    for at in 0..CpuSet::count() {
        set.set(at).expect("it is in range");
    }
    sched_setaffinity(Pid::from_raw(0), &set).expect("those that exist are taken");
}

fn loopback_up() {
    const UP: u32 = 1;
    change_loopback(UP, &[]);
    for addresses in &FAMILIES {
        for address in [addresses.dropped, addresses.other, addresses.host] {
            // Of IPv4, loopback has every address already.
            if let IpAddr::V6(address) = address {
                add_to_loopback(address);
            }
        }
    }
}

/// Lets loopback carry no more than a link does.
pub(super) fn shrink_loopback() {
    // The attribute IFLA_MTU.
    let attribute = [8_u16.to_ne_bytes(), 4_u16.to_ne_bytes()].concat();
    change_loopback(1, &[attribute, 1500_u32.to_ne_bytes().to_vec()].concat());
}

fn change_loopback(flags: u32, attributes: &[u8]) {
    const NEW_LINK: u16 = 16;
    let words = [0, 1, flags, flags];
    let body: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
    route(NEW_LINK, 0x5, &[&body, attributes].concat());
}

fn add_to_loopback(address: Ipv6Addr) {
    const NEW_ADDRESS: u16 = 20;
    // Without duplicate detection and without a route that is not its own.
    const FLAGS: u32 = 0x2 | 0x200;
    let mut body = vec![IPV6, 128, 0, 0];
    body.extend(1_u32.to_ne_bytes());
    // The attributes IFA_LOCAL and IFA_FLAGS.
    body.extend([20_u16.to_ne_bytes(), 2_u16.to_ne_bytes()].concat());
    body.extend(address.octets());
    body.extend([8_u16.to_ne_bytes(), 8_u16.to_ne_bytes()].concat());
    body.extend(FLAGS.to_ne_bytes());
    route(NEW_ADDRESS, 0x605, &body);
    // The kernel makes its route a moment later.
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).expect("a socket");
    let began = Instant::now();
    while socket.connect((address, 9)).is_err() {
        assert!(began.elapsed() < LONG, "{address} gets no route");
        thread::yield_now();
    }
}

fn route(kind: u16, flags: u16, body: &[u8]) {
    let domain = Domain::from(libc::AF_NETLINK);
    let protocol = Protocol::from(libc::NETLINK_ROUTE);
    let socket = Socket::new(domain, Type::RAW, Some(protocol)).expect("a socket");
    let mut message = u32::try_from(16 + body.len()).expect("short").to_ne_bytes().to_vec();
    message.extend([kind.to_ne_bytes(), flags.to_ne_bytes()].concat());
    message.extend([0; 8]);
    message.extend(body);
    socket.send(&message).expect("the kernel takes it");
    let mut answer = [0; 20];
    (&socket).read_exact(&mut answer).expect("the kernel answers");
    assert_eq!(answer[16..], [0; 4], "the kernel refused message {kind}");
}
