use std::io::IoSliceMut;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    getsockopt, recvmsg, setsockopt, socket, sockopt,
};
use nix::{cmsg_space, getsockopt_impl, libc, sockopt_impl};
use socket2::{SockFilter, Socket};

use super::host::denied;
use super::wiring::{LOOPBACK, ROUTER, interface, port};
use super::{NetError, Shape, sieve};
use crate::wire::{Capture, Frame};

/// A packet socket that sees every frame of a network from one place.
pub(super) struct Tap {
    socket: Socket,
    shape: Shape,
    /// Whether it takes frames for somebody.
    listens: bool,
    control: Vec<u8>,
}

/// A frame's way: the host that sent it and the one that it goes to, as far as the place tells.
type Way = (Option<usize>, Option<usize>);

sockopt_impl!(
    /// What a packet socket has taken and lost since this was asked for the last time.
    PacketStatistics,
    GetOnly,
    libc::SOL_PACKET,
    libc::PACKET_STATISTICS,
    libc::tpacket_stats
);

impl Tap {
    /// How many bytes of frames wait, with the kernel's own share, until they are taken.
    const ROOM: usize = 4 << 20;

    /// The most frames that are taken at once: more come while these are read.
    const MOST: usize = 1 << 18;

    /// The position of the namespace from which everything on the network is seen.
    pub(super) const fn place(shape: Shape) -> usize {
        match shape {
            Shape::Alone | Shape::Pair => 0,
            Shape::Lan { hosts } => hosts,
            Shape::Routed => 2,
        }
    }

    /// Opens one in the namespace that the calling thread is in, which is the shape's place.
    pub(super) fn open(shape: Shape) -> Result<Self, NetError> {
        let what = "open a packet socket";
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let descriptor = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)
            .map_err(|errno| denied(what)(errno.into()))?;
        // Only root of the machine may have more than the machine's limit; what others get instead
        // is less and not wrong, since what is lost is counted.
        if setsockopt(&descriptor, sockopt::RcvBufForce, &Self::ROOM).is_err() {
            setsockopt(&descriptor, sockopt::RcvBuf, &Self::ROOM)
                .map_err(|errno| denied(what)(errno.into()))?;
        }
        setsockopt(&descriptor, sockopt::ReceiveTimestampns, &true)
            .map_err(|errno| denied(what)(errno.into()))?;
        let control = cmsg_space!(libc::timespec);
        let tap = Self { socket: descriptor.into(), shape, listens: true, control };
        tap.attach(&sieve::frames(shape))?;
        Ok(tap)
    }

    /// Prepares it for a lease: with captures, what was seen before is forgotten; without, it
    /// sees nothing, so that no memory is taken by frames that nobody asks for.
    pub(super) fn begin(&mut self, captures: bool) -> Result<(), NetError> {
        if captures != self.listens {
            let frames = if captures { sieve::frames(self.shape) } else { sieve::nothing() };
            self.attach(&frames)?;
            self.listens = captures;
        }
        self.read(|_, _, _| {})?;
        self.lost().map(drop)
    }

    /// Takes what was seen since the last time; the frames' times count from `origin`.
    pub(super) fn captured(&mut self, origin: Instant) -> Result<Capture, NetError> {
        let mut frames = Vec::new();
        if self.listens {
            let clocks = Clocks::sample(origin);
            self.read(|(sender, receiver), seen, (length, bytes)| {
                frames.push(Frame {
                    at: clocks.since_origin(seen),
                    sender,
                    receiver,
                    length: u32::try_from(length).unwrap_or(u32::MAX),
                    bytes: bytes.into(),
                });
            })?;
        }
        Ok(Capture { frames, lost: self.lost()? })
    }

    /// Takes the frames that wait: the way of each, when it was seen on the wall clock, its length
    /// and its first bytes.
    fn read(
        &mut self,
        mut take: impl FnMut(Way, Duration, (usize, &[u8])),
    ) -> Result<(), NetError> {
        let mut bytes = [0; Frame::KEPT];
        for _ in 0..Self::MOST {
            let mut parts = [IoSliceMut::new(&mut bytes)];
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            let descriptor = self.socket.as_raw_fd();
            let (length, address, seen) =
                match recvmsg::<LinkAddr>(descriptor, &mut parts, Some(&mut self.control), flags) {
                    Ok(message) => {
                        let seen = message
                            .cmsgs()
                            .ok()
                            .and_then(|mut all| all.find_map(|message| timestamp(&message)));
                        (message.bytes, message.address, seen)
                    }
                    Err(Errno::EAGAIN) => return Ok(()),
                    // An interface that went down is told once, with the frames left as they are.
                    Err(Errno::EINTR | Errno::ENETDOWN) => continue,
                    Err(errno) => return Err(denied("read captured frames")(errno.into())),
                };
            let way = address.and_then(|address| way(self.shape, &address));
            if let (Some(way), Some(seen)) = (way, seen) {
                take(way, seen, (length, &bytes[..length.min(Frame::KEPT)]));
            }
        }
        Ok(())
    }

    fn lost(&self) -> Result<u64, NetError> {
        getsockopt(&self.socket, PacketStatistics)
            .map(|statistics| statistics.tp_drops.into())
            .map_err(|errno| denied("count lost frames")(errno.into()))
    }

    fn attach(&self, program: &[SockFilter]) -> Result<(), NetError> {
        self.socket.attach_filter(program).map_err(denied("filter captured frames"))
    }
}

/// Both clocks at one moment: frames are stamped by the wall clock, and told by the steady one.
struct Clocks {
    wall: Duration,
    steady: Duration,
}

impl Clocks {
    fn sample(origin: Instant) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { wall, steady: Instant::now().saturating_duration_since(origin) }
    }

    fn since_origin(&self, seen: Duration) -> Duration {
        (self.steady + seen).saturating_sub(self.wall)
    }
}

fn timestamp(message: &ControlMessageOwned) -> Option<Duration> {
    let ControlMessageOwned::ScmTimestampns(time) = *message else { return None };
    Some(time.into())
}

/// What a frame's interface and direction tell at the shape's place.
fn way(shape: Shape, address: &LinkAddr) -> Option<Way> {
    let index = u32::try_from(address.ifindex()).ok()?;
    let leaves = address.pkttype() == libc::PACKET_OUTGOING;
    let between = |here, there| {
        if leaves { (Some(here), Some(there)) } else { (Some(there), Some(here)) }
    };
    match shape {
        Shape::Alone => (index == LOOPBACK).then_some((Some(0), Some(0))),
        Shape::Pair => (index == interface(0, 0)).then_some(between(0, 1)),
        Shape::Lan { hosts } => {
            let host = usize::try_from(index.checked_sub(port(0))?).ok()?;
            let way = if leaves { (None, Some(host)) } else { (Some(host), None) };
            (host < hosts).then_some(way)
        }
        Shape::Routed => {
            let host = usize::try_from(index.checked_sub(interface(ROUTER, 0))?).ok()?;
            (host < 2).then_some(between(ROUTER, host))
        }
    }
}
