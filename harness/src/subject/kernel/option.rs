use std::os::fd::RawFd;
use std::time::Duration;

use nix::libc;

use super::{errno, syscall};
use crate::vocabulary::{OptionKind, OptionValue, SocketOption, TcpState};

/// Sets an option by name.
pub(super) fn set(fd: RawFd, option: SocketOption, value: OptionValue) -> nix::Result<()> {
    let code = code(option);
    match value {
        OptionValue::Number(number) => syscall::set_number(fd, code, int(number)),
        OptionValue::Time(time) => match option.kind() {
            OptionKind::Seconds => syscall::set_number(fd, code, whole(time.as_secs().into())),
            OptionKind::Milliseconds => syscall::set_number(fd, code, whole(time.as_millis())),
            _ => syscall::set_time(
                fd,
                code,
                libc::timeval {
                    tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
                    tv_usec: time.subsec_micros().into(),
                },
            ),
        },
        OptionValue::Linger(time) => {
            let value = libc::linger {
                l_onoff: time.is_some().into(),
                l_linger: whole(time.unwrap_or_default().as_secs().into()),
            };
            syscall::set_linger(fd, code, value)
        }
        // The language lets nobody set what can only be read.
        OptionValue::Error(_) | OptionValue::State(_) => Err(nix::errno::Errno::ENOPROTOOPT),
        // A device has a name, which is set in another way.
        OptionValue::Device { .. } => Err(nix::errno::Errno::ENODEV),
    }
}

/// Sets an option whose value is a name.
pub(super) fn set_name(fd: RawFd, option: SocketOption, name: &str) -> nix::Result<()> {
    syscall::set_bytes(fd, code(option), name.as_bytes())
}

/// Passes only the first bytes of a value: of a number its own, of anything else zeros.
pub(super) fn set_short(
    fd: RawFd,
    option: SocketOption,
    value: OptionValue,
    length: u8,
) -> nix::Result<()> {
    let bytes = match value {
        OptionValue::Number(number) => int(number).to_ne_bytes(),
        _ => [0; size_of::<libc::c_int>()],
    };
    syscall::set_bytes(fd, code(option), &bytes[..bytes.len().min(length.into())])
}

/// Reads an option by name.
pub(super) fn get(fd: RawFd, option: SocketOption) -> nix::Result<OptionValue> {
    let code = code(option);
    Ok(match option.kind() {
        OptionKind::Flag | OptionKind::Number => {
            OptionValue::Number(syscall::number(fd, code)?.into())
        }
        OptionKind::Count => OptionValue::Number(syscall::unread(fd)?.into()),
        OptionKind::Timeout => OptionValue::Time(duration(syscall::time(fd, code)?)),
        OptionKind::Seconds => {
            OptionValue::Time(Duration::from_secs(unsigned(syscall::number(fd, code)?)))
        }
        OptionKind::Milliseconds => {
            OptionValue::Time(Duration::from_millis(unsigned(syscall::number(fd, code)?)))
        }
        OptionKind::Linger => {
            let value = syscall::linger(fd, code)?;
            OptionValue::Linger(
                (value.l_onoff != 0).then(|| Duration::from_secs(unsigned(value.l_linger))),
            )
        }
        // The language lets nobody read it.
        OptionKind::Device => return Err(nix::errno::Errno::ENOPROTOOPT),
        OptionKind::Error => OptionValue::Error(match syscall::number(fd, code)? {
            0 => None,
            number => Some(errno::named(nix::errno::Errno::from_raw(number))),
        }),
        OptionKind::State => OptionValue::State(state(syscall::tcp_state(fd)?)),
    })
}

/// Whether a limit is set that ends a blocking call of this socket.
pub(super) fn has_limit(fd: RawFd, option: SocketOption) -> bool {
    syscall::time(fd, code(option)).is_ok_and(|value| value.tv_sec != 0 || value.tv_usec != 0)
}

/// What the subject makes of a limit of one microsecond: its tick.
pub(super) fn tick(fd: RawFd) -> nix::Result<Duration> {
    let code = code(SocketOption::ReceiveTimeout);
    syscall::set_time(fd, code, libc::timeval { tv_sec: 0, tv_usec: 1 })?;
    syscall::time(fd, code).map(duration)
}

fn duration(value: libc::timeval) -> Duration {
    let seconds = u64::try_from(value.tv_sec).unwrap_or(0);
    let micros = u64::try_from(value.tv_usec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}

fn int(number: i64) -> libc::c_int {
    libc::c_int::try_from(number).unwrap_or(if number < 0 {
        libc::c_int::MIN
    } else {
        libc::c_int::MAX
    })
}

fn whole(number: u128) -> libc::c_int {
    libc::c_int::try_from(number).unwrap_or(libc::c_int::MAX)
}

fn unsigned(number: libc::c_int) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The numbers of Linux's `tcp_states.h`.
fn state(number: u8) -> TcpState {
    match number {
        1 => TcpState::Established,
        2 => TcpState::SynSent,
        3 => TcpState::SynReceived,
        4 => TcpState::FinWait1,
        5 => TcpState::FinWait2,
        6 => TcpState::TimeWait,
        8 => TcpState::CloseWait,
        9 => TcpState::LastAck,
        10 => TcpState::Listen,
        11 => TcpState::Closing,
        _ => TcpState::Close,
    }
}

fn code(option: SocketOption) -> (libc::c_int, libc::c_int) {
    use SocketOption as O;
    let socket = |name| (libc::SOL_SOCKET, name);
    let tcp = |name| (libc::IPPROTO_TCP, name);
    match option {
        O::AcceptConn => socket(libc::SO_ACCEPTCONN),
        O::BindToDevice => socket(libc::SO_BINDTODEVICE),
        O::Broadcast => socket(libc::SO_BROADCAST),
        O::DontRoute => socket(libc::SO_DONTROUTE),
        O::Error => socket(libc::SO_ERROR),
        O::KeepAlive => socket(libc::SO_KEEPALIVE),
        O::Linger => socket(libc::SO_LINGER),
        O::OobInline => socket(libc::SO_OOBINLINE),
        O::ReceiveBuffer => socket(libc::SO_RCVBUF),
        O::ReceiveLowWater => socket(libc::SO_RCVLOWAT),
        O::ReceiveTimeout => socket(libc::SO_RCVTIMEO),
        O::ReuseAddress => socket(libc::SO_REUSEADDR),
        O::ReusePort => socket(libc::SO_REUSEPORT),
        O::SendBuffer => socket(libc::SO_SNDBUF),
        O::SendTimeout => socket(libc::SO_SNDTIMEO),
        O::TcpCork => tcp(libc::TCP_CORK),
        O::TcpInfo => tcp(libc::TCP_INFO),
        O::TcpKeepCount => tcp(libc::TCP_KEEPCNT),
        O::TcpKeepIdle => tcp(libc::TCP_KEEPIDLE),
        O::TcpKeepInterval => tcp(libc::TCP_KEEPINTVL),
        O::TcpLinger2 => tcp(libc::TCP_LINGER2),
        O::TcpMaxSegment => tcp(libc::TCP_MAXSEG),
        O::TcpNoDelay => tcp(libc::TCP_NODELAY),
        O::TcpQuickAck => tcp(libc::TCP_QUICKACK),
        O::TcpSynCount => tcp(libc::TCP_SYNCNT),
        O::TcpUserTimeout => tcp(libc::TCP_USER_TIMEOUT),
        // An ioctl, which never comes here.
        O::Unread => (libc::SOL_SOCKET, -1),
        O::IpReceiveError => (libc::IPPROTO_IP, libc::IP_RECVERR),
        O::Ipv6ReceiveError => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
        O::IpTimeToLive => (libc::IPPROTO_IP, libc::IP_TTL),
        O::Ipv6Only => (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY),
    }
}
