#![expect(
    unsafe_code,
    reason = "the few system calls that neither socket2 nor nix offers safely; nothing else is here"
)]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::epoll::{Epoll, EpollFlags};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{Pid, getpid};
use socket2::{SockAddr, SockAddrStorage};

use super::errno;

/// A plain-old-data value that a socket option can have.
///
/// # Safety
/// Every pattern of bits must be a valid value of the type.
unsafe trait OptionData: Copy {}

// SAFETY: an integer has no invalid patterns.
unsafe impl OptionData for libc::c_int {}
// SAFETY: two integers.
unsafe impl OptionData for libc::timeval {}
// SAFETY: two integers.
unsafe impl OptionData for libc::linger {}

/// Lends a descriptor to the safe interfaces.
///
/// Scenarios close descriptors while calls on them are pending, on purpose, so descriptors are
/// kept as numbers; a closed one gives `EBADF`, which is what the scenario is about.
pub(super) fn borrow(descriptor: RawFd) -> BorrowedFd<'static> {
    // SAFETY: the number is not -1 (it comes from a successful call), and the borrow is used for
    // one system call that tolerates a descriptor which has been closed meanwhile.
    unsafe { BorrowedFd::borrow_raw(descriptor) }
}

/// shutdown(2) with any number for the direction.
pub(super) fn shutdown(descriptor: RawFd, how: libc::c_int) -> nix::Result<()> {
    // SAFETY: takes no pointers.
    Errno::result(unsafe { libc::shutdown(descriptor, how) }).map(drop)
}

/// poll(2) on one descriptor, or ppoll(2) where the limit is no whole number of milliseconds; gives
/// the flags that came back. nix knows no `POLLRDHUP` and hides what it does not know.
pub(super) fn poll(
    descriptor: RawFd,
    events: libc::c_short,
    limit: Duration,
) -> nix::Result<libc::c_short> {
    let mut polled = libc::pollfd { fd: descriptor, events, revents: 0 };
    let whole = limit.subsec_nanos().is_multiple_of(1_000_000);
    let result = match libc::c_int::try_from(limit.as_millis()) {
        // SAFETY: the pointer is to one entry, which lives through the call.
        Ok(millis) if whole => unsafe { libc::poll(&raw mut polled, 1, millis) },
        _ => {
            let limit = timespec(limit);
            // SAFETY: as above; a null mask changes nothing.
            unsafe { libc::ppoll(&raw mut polled, 1, &raw const limit, std::ptr::null()) }
        }
    };
    Errno::result(result).map(|_| polled.revents)
}

/// pselect(2) on one descriptor, for reading, writing and exceptional conditions; which of them came.
/// A descriptor may have a higher number than an `fd_set` of the C library has room for.
pub(super) fn select(
    descriptor: RawFd,
    asked: [bool; 3],
    limit: Duration,
) -> nix::Result<[bool; 3]> {
    const BITS: usize = libc::c_ulong::BITS as usize;
    // What is too high for any process is no descriptor.
    let number = usize::try_from(descriptor).ok().filter(|number| *number < MOST_DESCRIPTORS);
    let number = number.ok_or(Errno::EBADF)?;
    let (word, bit) = (number / BITS, 1 << (number % BITS));
    let words = (word + 1).max(size_of::<libc::fd_set>() / size_of::<libc::c_ulong>());
    let mut sets: [Vec<libc::c_ulong>; 3] = asked.map(|asked| {
        let mut set = vec![0; words];
        set[word] = if asked { bit } else { 0 };
        set
    });
    let limit = timespec(limit);
    let [read, write, except] = &mut sets;
    // SAFETY: each set has room for every number below the first argument, at least as much as an
    // `fd_set`; they and the time live through the call. A null mask changes nothing.
    let result = unsafe {
        libc::pselect(
            descriptor + 1,
            read.as_mut_ptr().cast(),
            write.as_mut_ptr().cast(),
            except.as_mut_ptr().cast(),
            &raw const limit,
            std::ptr::null(),
        )
    };
    Errno::result(result).map(|_| sets.map(|set| set[word] & bit != 0))
}

/// More than any process may have open (proc_sys_fs(5), nr_open).
const MOST_DESCRIPTORS: usize = 1 << 20;

/// epoll_pwait2(2) for one event, whose limit may be no whole number of milliseconds; gives the flags
/// that came back, none where the time ran out. nix does not offer it.
pub(super) fn epoll_wait_finely(epoll: &Epoll, limit: Duration) -> nix::Result<EpollFlags> {
    let limit = timespec(limit);
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: the pointers are to one event and one time, which live through the call; a null mask
    // changes nothing.
    let result = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.0.as_raw_fd(),
            &raw mut event,
            1 as libc::c_int,
            &raw const limit,
            std::ptr::null::<libc::sigset_t>(),
            size_of::<libc::c_ulong>(),
        )
    };
    Errno::result(result).map(|_| EpollFlags::from_bits_retain(event.events.cast_signed()))
}

/// recvmsg(2) into one buffer: how many bytes, from whom, and whether a datagram was cut.
///
/// The sender stays empty where the kernel tells none, which is how the end after a shutdown
/// differs from an empty datagram.
pub(super) fn receive_message(
    descriptor: RawFd,
    buffer: &mut [u8],
    flags: libc::c_int,
) -> nix::Result<(usize, SockAddr, bool)> {
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut cut = false;
    let receive = |storage: *mut SockAddrStorage, length: *mut libc::socklen_t| {
        // SAFETY: all zeros is a message without parts.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_name = storage.cast();
        // SAFETY: `try_init` passes a pointer to the length of its storage.
        message.msg_namelen = unsafe { *length };
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        // SAFETY: every pointer in the message is to memory of the length given beside it, which
        // lives through the call.
        let count = unsafe { libc::recvmsg(descriptor, &raw mut message, flags) };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        // SAFETY: as above.
        unsafe { *length = message.msg_namelen };
        cut = message.msg_flags & libc::MSG_TRUNC != 0;
        Ok(count)
    };
    // SAFETY: the storage was zeroed, and the kernel wrote the length that it filled.
    let (count, source) = unsafe { SockAddr::try_init(receive) }.map_err(|e| errno::raw(&e))?;
    Ok((count, source, cut))
}

/// setsockopt(2) with a number.
pub(super) fn set_number(
    descriptor: RawFd,
    (level, name): (libc::c_int, libc::c_int),
    value: libc::c_int,
) -> nix::Result<()> {
    set(descriptor, level, name, value)
}

/// setsockopt(2) with a time.
pub(super) fn set_time(
    descriptor: RawFd,
    (level, name): (libc::c_int, libc::c_int),
    value: libc::timeval,
) -> nix::Result<()> {
    set(descriptor, level, name, value)
}

/// setsockopt(2) with a linger value.
pub(super) fn set_linger(
    descriptor: RawFd,
    (level, name): (libc::c_int, libc::c_int),
    value: libc::linger,
) -> nix::Result<()> {
    set(descriptor, level, name, value)
}

/// setsockopt(2) with any bytes.
pub(super) fn set_bytes(
    descriptor: RawFd,
    (level, name): (libc::c_int, libc::c_int),
    value: &[u8],
) -> nix::Result<()> {
    let length = libc::socklen_t::try_from(value.len()).unwrap_or(0);
    // SAFETY: the kernel reads at most `length` bytes, which lives through the call.
    let result =
        unsafe { libc::setsockopt(descriptor, level, name, value.as_ptr().cast(), length) };
    Errno::result(result).map(drop)
}

/// ioctl(2) FIONREAD: how many bytes wait to be received.
pub(super) fn unread(descriptor: RawFd) -> nix::Result<libc::c_int> {
    let mut count: libc::c_int = 0;
    // SAFETY: the pointer is to a live int, which is what this request writes.
    let result = unsafe { libc::ioctl(descriptor, libc::FIONREAD, &raw mut count) };
    Errno::result(result).map(|_| count)
}

/// getsockopt(2) of a number.
pub(super) fn number(
    descriptor: RawFd,
    (level, name): (libc::c_int, libc::c_int),
) -> nix::Result<libc::c_int> {
    get(descriptor, level, name, 0)
}

/// getsockopt(2) of a time.
pub(super) fn time(
    descriptor: RawFd,
    (level, name): (libc::c_int, libc::c_int),
) -> nix::Result<libc::timeval> {
    get(descriptor, level, name, libc::timeval { tv_sec: 0, tv_usec: 0 })
}

/// getsockopt(2) of a linger value.
pub(super) fn linger(
    descriptor: RawFd,
    (level, name): (libc::c_int, libc::c_int),
) -> nix::Result<libc::linger> {
    get(descriptor, level, name, libc::linger { l_onoff: 0, l_linger: 0 })
}

/// The first byte of `TCP_INFO`: the state of the connection.
pub(super) fn tcp_state(descriptor: RawFd) -> nix::Result<u8> {
    let mut state = 0_u8;
    let mut length: libc::socklen_t = 1;
    // SAFETY: the kernel writes at most `length` bytes, which is the size of `state`.
    let result = unsafe {
        libc::getsockopt(
            descriptor,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut state).cast(),
            &raw mut length,
        )
    };
    Errno::result(result).map(|_| state)
}

/// Takes a pending signal of the calling thread out of the queue; whether there was one.
pub(super) fn take_pending(signal: Signal) -> bool {
    let mut only = SigSet::empty();
    only.add(signal);
    let none = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both pointers are to live values; a null second argument means no information.
    unsafe { libc::sigtimedwait(only.as_ref(), std::ptr::null_mut(), &raw const none) > 0 }
}

/// tgkill(2): sends a signal to one thread of this process, by its number. One that is gone is an error,
/// where pthread_kill(3) may do anything.
pub(super) fn signal_thread(thread: Pid, signal: Signal) -> nix::Result<()> {
    // SAFETY: takes no pointers.
    let result = unsafe {
        libc::syscall(libc::SYS_tgkill, getpid().as_raw(), thread.as_raw(), signal as libc::c_int)
    };
    Errno::result(result).map(drop)
}

/// Lets all threads share two heaps. By default hundreds of threads get one heap for every eighth of
/// them, and each keeps what one thread once needed.
#[cfg(target_env = "gnu")]
pub(super) fn share_heaps() {
    // SAFETY: takes no pointers. What it answers changes nothing: the default works too.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 2) };
}

/// Other C libraries have one heap anyway.
#[cfg(not(target_env = "gnu"))]
pub(super) fn share_heaps() {}

/// Installs a handler that does nothing, so that the signal only interrupts.
pub(super) fn handle_silently(signal: Signal, flags: SaFlags) -> nix::Result<()> {
    extern "C" fn nothing(_: libc::c_int) {}
    let action = SigAction::new(SigHandler::Handler(nothing), flags, SigSet::empty());
    // SAFETY: the handler touches nothing and so is safe at any point of any thread.
    unsafe { sigaction(signal, &action) }.map(drop)
}

fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

fn set<T: OptionData>(
    descriptor: RawFd,
    level: libc::c_int,
    name: libc::c_int,
    value: T,
) -> nix::Result<()> {
    // SAFETY: the kernel reads exactly the size of `value`, which lives through the call.
    let result = unsafe {
        libc::setsockopt(descriptor, level, name, (&raw const value).cast(), length_of::<T>())
    };
    Errno::result(result).map(drop)
}

fn get<T: OptionData>(
    descriptor: RawFd,
    level: libc::c_int,
    name: libc::c_int,
    mut value: T,
) -> nix::Result<T> {
    let mut length = length_of::<T>();
    // SAFETY: the kernel writes at most `length` bytes, the size of `value`, and every pattern of
    // bits is valid for it.
    let result = unsafe {
        libc::getsockopt(descriptor, level, name, (&raw mut value).cast(), &raw mut length)
    };
    Errno::result(result).map(|_| value)
}

fn length_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0)
}
