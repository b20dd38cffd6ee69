use std::borrow::Borrow;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::unistd::dup;

use super::super::breaker::Breaker;
use super::super::{KernelSubject, signal, syscall};
use super::*;
use crate::vocabulary::{
    ByteOrder, Endpoint, Errno, FrameFault, Framing, MessageFlags, Payload, Pieces, Place, Port,
    PortId, Readiness, Signal, Width,
};

/// A session with a connected pair: socket 0 listens, 1 is connected to 2, more are free.
struct Rig {
    session: Box<KernelSession>,
    book: AddressBook,
    breaker: Arc<Breaker>,
}

const NEAR: usize = 1;
const FAR: usize = 2;
const OTHER: usize = 3;
/// How long a call is let wait that must not return.
const WATCH: Duration = Duration::from_millis(60);
/// How long a call may take that must return.
const ANSWER: Duration = Duration::from_secs(20);

fn id(socket: usize) -> SocketId {
    SocketId::new(socket)
}

fn here() -> Address {
    Address { place: Place::Actor(ActorId::new(0)), port: Port::Symbol(PortId::new(0)) }
}

fn receive(socket: usize, limit: usize, flags: MessageFlags) -> Op {
    Op::Receive { socket: id(socket), limit, flags, source: false }
}

fn send(socket: usize, data: Payload) -> Op {
    Op::Send { socket: id(socket), data, flags: MessageFlags::NONE, to: None }
}

const FRAMING: Framing = Framing::BinaryLength { width: Width::U32, order: ByteOrder::Big };

fn send_frame(socket: usize, data: Payload, pieces: Pieces) -> Op {
    let (socket, flags) = (id(socket), MessageFlags::NONE);
    Op::SendFrame { socket, data, framing: FRAMING, limit: 32 << 20, pieces, flags }
}

fn receive_frame(socket: usize) -> Op {
    Op::ReceiveFrame { socket: id(socket), framing: FRAMING, limit: 32 << 20 }
}

fn too_long(what: &str) -> Outcome {
    let text = format!("the frame at byte {what} bytes, more than the limit of 33554432");
    Outcome::BadFrame { fault: FrameFault::TooLong, text }
}

fn text(text: &str) -> Payload {
    Payload::Literal(text.as_bytes().into())
}

fn received(text: &str) -> Outcome {
    Outcome::Data { bytes: text.as_bytes().into(), source: None, truncated: false }
}

fn limit(socket: usize, option: SocketOption, millis: u64) -> Op {
    let value = OptionValue::Time(Duration::from_millis(millis));
    Op::SetOption { socket: id(socket), option, value, length: None }
}

fn poll(socket: usize, timeout: Option<Duration>) -> Op {
    Op::Poll { socket: id(socket), interest: Readiness::IN, by: Poller::Poll, timeout }
}

fn epoll(socket: usize, interest: Readiness, timeout: Option<Duration>) -> Op {
    Op::Poll { socket: id(socket), interest, by: Poller::Epoll, timeout }
}

fn select(socket: usize, interest: Readiness, timeout: Option<Duration>) -> Op {
    Op::Poll { socket: id(socket), interest, by: Poller::Select, timeout }
}

fn linger(socket: usize) -> Op {
    let value = OptionValue::Linger(Some(Duration::from_hours(1)));
    Op::SetOption { socket: id(socket), option: SocketOption::Linger, value, length: None }
}

impl Rig {
    /// A listening socket and nothing else.
    fn listening(transport: Transport) -> Self {
        KernelSubject::new().expect("this is Linux");
        let breaker = Arc::<Breaker>::default();
        let mut rig = Self {
            session: Box::new(KernelSession::new(8, 4, None, breaker.join())),
            breaker,
            book: AddressBook::on_loopback(2),
        };
        let open = Some(transport);
        let bind = Op::Bind { socket: id(0), open, address: here() };
        let taken = Outcome::failed(Errno::EADDRINUSE);
        // By an earlier run of these tests, for one.
        let outcome = (0..64)
            .map(|_| {
                rig.book.renew(PortId::new(0));
                rig.run(&bind, ANSWER).outcome
            })
            .find(|outcome| *outcome != taken);
        assert_eq!(outcome, Some(Outcome::Ok));
        rig.does(&Op::Listen { socket: id(0), backlog: 0 }, Outcome::Ok);
        rig
    }

    fn new(transport: Transport) -> Self {
        let mut rig = Self::listening(transport);
        rig.connected(NEAR, transport);
        rig.does(&Op::Accept { listener: id(0), socket: id(FAR) }, Outcome::Ok);
        rig
    }

    fn connected(&mut self, socket: usize, transport: Transport) {
        self.does(&Op::Open { socket: id(socket), transport }, Outcome::Ok);
        self.does(&Op::Connect { socket: id(socket), address: here() }, Outcome::Ok);
    }

    fn run(&mut self, op: &Op, limit: Duration) -> Observation {
        self.session.perform(ActorId::new(0), op, &self.book, limit).expect("it can be tried")
    }

    #[track_caller]
    fn does(&mut self, op: &Op, outcome: impl Borrow<Outcome>) {
        assert_eq!(self.run(op, ANSWER).outcome, *outcome.borrow(), "{op:?}");
    }

    #[track_caller]
    fn blocks(&mut self, op: &Op) {
        let before = Instant::now();
        assert_eq!(self.run(op, WATCH).outcome, Outcome::Blocked, "{op:?}");
        assert!(before.elapsed() >= WATCH, "{op:?} after {:?}", before.elapsed());
    }

    fn start(&mut self, tag: usize, op: &Op) {
        self.session
            .start(ActorId::new(0), TagId::new(tag), op, &self.book, ANSWER)
            .expect("it is seen to block");
    }

    /// What a started call gave, or `None` while it is pending.
    fn finish(&mut self, tag: usize, limit: Duration, give_up: bool) -> Option<Outcome> {
        match self.session.finish(TagId::new(tag), limit, give_up).expect("it was started") {
            Awaited::Returned(observation) => Some(observation.outcome),
            Awaited::Pending { .. } => None,
        }
    }

    /// Sends the thread of a started call a signal that nobody asked for, until it has surely
    /// got one.
    fn disturb_once(&mut self, tag: usize) {
        let pending = self.session.pending(TagId::new(tag)).expect("it was started");
        pending.call.disturb();
        let member = self.breaker.join();
        pending.call.watch(ANSWER, &member).expect("it blocks again, or has returned");
    }

    fn disturb(&mut self, tag: usize) {
        for _ in 0..20 {
            let pending = self.session.pending(TagId::new(tag)).expect("it was started");
            pending.call.disturb();
            let member = self.breaker.join();
            pending.call.watch(ANSWER, &member).expect("it is seen to block again");
        }
    }
}

#[rstest::rstest]
fn a_call_that_does_not_return_is_broken_at_its_limit(
    #[values(Transport::Tcp4, Transport::Tcp6, Transport::Unix)] transport: Transport,
) {
    let mut rig = Rig::new(transport);
    let much = Payload::Generated { length: 32 << 20, seed: 0 };
    rig.blocks(&receive(NEAR, 16, MessageFlags::NONE));
    rig.blocks(&Op::Read { socket: id(NEAR), limit: 16 });
    rig.blocks(&Op::Drain { socket: id(NEAR) });
    rig.blocks(&poll(NEAR, Some(Duration::from_mins(1))));
    rig.blocks(&poll(NEAR, Some(Duration::from_micros(60_000_001))));
    rig.blocks(&epoll(NEAR, Readiness::IN, Some(Duration::from_mins(1))));
    rig.blocks(&select(NEAR, Readiness::IN, Some(Duration::from_mins(1))));
    rig.blocks(&epoll(NEAR, Readiness::NONE, Some(Duration::from_micros(60_000_001))));
    rig.blocks(&Op::Accept { listener: id(0), socket: id(OTHER) });
    rig.does(&send(FAR, text("abc")), Outcome::Count(3));
    rig.blocks(&receive(NEAR, 16, MessageFlags::WAITALL));
    rig.blocks(&send(NEAR, much.clone()));
    rig.blocks(&Op::Write { socket: id(NEAR), data: much });
}

#[test]
fn a_fill_that_is_not_over_by_its_limit_is_broken() {
    // Less than the time for which nothing must have been taken.
    Rig::new(Transport::Unix).blocks(&Op::Fill { socket: id(NEAR), seed: 0 });
}

#[test]
fn a_connect_that_waits_for_the_backlog_is_broken_at_its_limit() {
    let mut rig = Rig::listening(Transport::Unix);
    rig.connected(NEAR, Transport::Unix);
    rig.does(&Op::Open { socket: id(OTHER), transport: Transport::Unix }, Outcome::Ok);
    rig.blocks(&Op::Connect { socket: id(OTHER), address: here() });
}

#[test]
fn a_long_limit_is_never_cut_short_by_the_one_before() {
    let mut rig = Rig::new(Transport::Unix);
    let limit = Duration::from_millis(800);
    rig.does(&send(FAR, text("a")), Outcome::Count(1));
    assert_eq!(rig.run(&receive(NEAR, 1, MessageFlags::NONE), limit).outcome, received("a"));
    // Within the sixteenth by which the alarm may be late.
    thread::sleep(Duration::from_millis(40));
    let before = Instant::now();
    let second = rig.run(&receive(NEAR, 1, MessageFlags::NONE), limit);
    assert_eq!(second.outcome, Outcome::Blocked);
    assert!(before.elapsed() >= limit, "broken after {:?}", before.elapsed());
}

#[test]
fn a_wait_is_not_shortened_by_an_earlier_call() {
    let mut rig = Rig::new(Transport::Unix);
    rig.does(&poll(NEAR, Some(Duration::from_millis(1))), Outcome::Timeout);
    rig.blocks(&receive(NEAR, 1, MessageFlags::NONE));
    let before = rig.session.now();
    rig.session.wait(WATCH * 2);
    assert!(rig.session.now().saturating_sub(before) >= WATCH * 2);
}

/// A limit that no test waits for.
const NEVER: Duration = Duration::from_mins(5);

/// What something in a session comes to while the session's subject is told again and again that the
/// run is to end.
fn aborted<T>(act: impl FnOnce(&mut Rig) -> T) -> T {
    let mut rig = Rig::new(Transport::Tcp4);
    let receive = receive(NEAR, 1, MessageFlags::NONE);
    rig.start(0, &receive);
    let breaker = Arc::clone(&rig.breaker);
    let has_ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !has_ended.load(Ordering::Relaxed) {
                breaker.interrupt();
                thread::sleep(Duration::from_millis(1));
            }
        });
        let result = act(&mut rig);
        has_ended.store(true, Ordering::Relaxed);
        result
    })
}

#[test]
fn whatever_a_session_waits_in_is_broken_when_the_run_is_to_end() {
    let (actor, tag) = (ActorId::new(0), TagId::new(0));
    let calls = [
        receive(FAR, 1, MessageFlags::NONE),
        poll(FAR, Some(NEVER)),
        epoll(FAR, Readiness::IN, Some(NEVER)),
    ];
    for call in calls {
        let failed = aborted(|rig| rig.session.perform(actor, &call, &rig.book, NEVER));
        assert!(matches!(failed, Err(SubjectError::Aborted)), "{call:?}: {failed:?}");
    }
    for give_up in [false, true] {
        let failed = aborted(|rig| rig.session.finish(tag, NEVER, give_up));
        assert!(matches!(failed, Err(SubjectError::Aborted)), "{failed:?}");
    }
    let waited = aborted(|rig| {
        let before = rig.session.now();
        rig.session.wait(NEVER);
        rig.session.now().saturating_sub(before)
    });
    assert!(waited < NEVER, "{waited:?}");
}

#[test]
fn a_drain_keeps_to_its_limit_where_no_receive_has_to_wait() {
    let mut rig = Rig::new(Transport::Unix);
    rig.does(&send(FAR, text("x")), Outcome::Count(1));
    rig.does(&Op::Close { socket: id(FAR) }, Outcome::Ok);
    let drain = Op::Drain { socket: id(NEAR) };
    assert_eq!(rig.run(&drain, Duration::ZERO).outcome, Outcome::Blocked);
    rig.does(&drain, received("x"));
}

#[test]
fn a_started_call_returns_what_it_waited_for() {
    let mut rig = Rig::new(Transport::Tcp4);
    rig.start(0, &receive(NEAR, 16, MessageFlags::NONE));
    assert_eq!(rig.finish(0, Duration::ZERO, false), None);
    rig.does(&send(FAR, text("x")), Outcome::Count(1));
    assert_eq!(rig.finish(0, ANSWER, true), Some(received("x")));
}

#[test]
fn a_started_call_is_ended_when_it_is_given_up() {
    let mut rig = Rig::new(Transport::Tcp4);
    rig.start(0, &receive(NEAR, 16, MessageFlags::NONE));
    assert_eq!(rig.finish(0, WATCH, true), Some(Outcome::Blocked));
    // The socket is as it was.
    rig.does(&send(FAR, text("x")), Outcome::Count(1));
    rig.does(&receive(NEAR, 16, MessageFlags::NONE), received("x"));
}

#[test]
fn a_call_is_seen_to_block_no_longer_than_it_takes() {
    let mut rig = Rig::new(Transport::Tcp4);
    rig.start(0, &receive(NEAR, 16, MessageFlags::NONE));
    let tag = TagId::new(0);
    let seen = rig.session.finish(tag, Duration::ZERO, false).expect("it was started");
    let Awaited::Pending { began: seen_since, .. } = seen else { panic!("it blocks") };
    rig.does(&send(FAR, text("x")), Outcome::Count(1));
    let ended = rig.session.finish(tag, ANSWER, true).expect("it was started");
    let Awaited::Returned(observation) = ended else { panic!("it has data") };
    assert!(observation.began <= seen_since, "{:?}, {seen_since:?}", observation.began);
}

#[test]
fn a_session_ends_what_is_pending() {
    let mut rig = Rig::new(Transport::Tcp4);
    rig.start(0, &receive(NEAR, 16, MessageFlags::NONE));
    rig.start(1, &Op::Accept { listener: id(0), socket: id(OTHER) });
    rig.start(2, &poll(FAR, Some(Duration::from_hours(1))));
    assert_eq!(rig.session.close(), Vec::<String>::new());
}

#[test]
fn an_interrupted_receive_goes_on_unless_it_has_a_limit() {
    let mut rig = Rig::new(Transport::Tcp4);
    rig.start(0, &receive(NEAR, 16, MessageFlags::NONE));
    rig.session.interrupt(TagId::new(0)).expect("a signal can be sent");
    assert_eq!(rig.finish(0, WATCH, true), Some(Outcome::Blocked));
    rig.does(&limit(NEAR, SocketOption::ReceiveTimeout, 60_000), Outcome::Ok);
    rig.start(1, &receive(NEAR, 16, MessageFlags::NONE));
    rig.session.interrupt(TagId::new(1)).expect("a signal can be sent");
    assert_eq!(rig.finish(1, ANSWER, true), Some(Outcome::failed(Errno::EINTR)));
}

#[rstest::rstest]
fn a_signal_that_nobody_asked_for_changes_nothing(
    #[values(Transport::Tcp4, Transport::Unix)] transport: Transport,
) {
    let mut rig = Rig::new(transport);
    rig.start(0, &receive(NEAR, 16, MessageFlags::NONE));
    rig.start(1, &Op::Accept { listener: id(0), socket: id(OTHER) });
    rig.start(2, &poll(FAR, Some(Duration::from_mins(1))));
    for tag in 0..3 {
        rig.disturb(tag);
        assert_eq!(rig.finish(tag, Duration::ZERO, false), None, "call {tag}");
    }
    rig.does(&send(FAR, text("x")), Outcome::Count(1));
    assert_eq!(rig.finish(0, ANSWER, true), Some(received("x")));
    rig.connected(4, transport);
    assert_eq!(rig.finish(1, ANSWER, true), Some(Outcome::Ok));
    rig.does(&send(NEAR, text("y")), Outcome::Count(1));
    assert_eq!(rig.finish(2, ANSWER, true), Some(Outcome::Ready(Readiness::IN)));
}

#[test]
fn a_connect_that_waits_for_the_backlog_waits_on_after_a_signal() {
    let mut rig = Rig::listening(Transport::Unix);
    rig.connected(NEAR, Transport::Unix);
    rig.does(&Op::Open { socket: id(OTHER), transport: Transport::Unix }, Outcome::Ok);
    rig.start(0, &Op::Connect { socket: id(OTHER), address: here() });
    rig.disturb(0);
    assert_eq!(rig.finish(0, Duration::ZERO, false), None);
    rig.does(&Op::Accept { listener: id(0), socket: id(FAR) }, Outcome::Ok);
    assert_eq!(rig.finish(0, ANSWER, true), Some(Outcome::Ok));
}

#[test]
fn a_connect_that_began_before_a_signal_is_still_its_own() {
    let mut rig = Rig::listening(Transport::Tcp4);
    // The queue of connections is full, so that the next one is not answered.
    rig.connected(NEAR, Transport::Tcp4);
    rig.does(&Op::Open { socket: id(OTHER), transport: Transport::Tcp4 }, Outcome::Ok);
    rig.does(&limit(OTHER, SocketOption::SendTimeout, 300), Outcome::Ok);
    let connect = Op::Connect { socket: id(OTHER), address: here() };
    rig.start(0, &connect);
    rig.disturb_once(0);
    assert_eq!(rig.finish(0, ANSWER, true), Some(Outcome::failed(Errno::EINPROGRESS)));
    rig.start(1, &connect);
    rig.disturb_once(1);
    assert_eq!(rig.finish(1, ANSWER, true), Some(Outcome::failed(Errno::EALREADY)));
}

#[test]
fn a_poll_that_is_interrupted_all_the_time_ends_in_its_time() {
    let mut rig = Rig::new(Transport::Tcp4);
    for limit in [Duration::from_millis(100), Duration::from_micros(99_900)] {
        let since = Instant::now();
        rig.start(0, &poll(NEAR, Some(limit)));
        // Waiting anew after each signal, it would never end.
        let outcome = loop {
            rig.session.pending(TagId::new(0)).expect("it was started").call.disturb();
            match rig.finish(0, Duration::from_millis(1), false) {
                None if since.elapsed() > ANSWER => break None,
                None => {}
                outcome => break outcome,
            }
        };
        assert_eq!(outcome, Some(Outcome::Timeout));
        assert!(since.elapsed() >= limit);
    }
}

#[test]
fn a_look_at_what_is_so_now_cannot_be_broken() {
    let mut rig = Rig::new(Transport::Unix);
    let enough = AtomicBool::new(false);
    let looker = pthread_self();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !enough.load(Ordering::Relaxed) {
                let _ = pthread_kill(looker, signal::DEADLINE);
            }
        });
        let disturbed = (0..20_000)
            .map(|_| rig.run(&poll(NEAR, None), ANSWER).outcome)
            .find(|outcome| *outcome != Outcome::Ready(Readiness::NONE));
        enough.store(true, Ordering::Relaxed);
        assert_eq!(disturbed, None);
    });
}

#[rstest::rstest]
fn epoll_tells_again_and_again_what_a_socket_is_registered_for_at_last(
    #[values(Transport::Tcp4, Transport::Unix)] transport: Transport,
) {
    let mut rig = Rig::new(transport);
    let soon = Some(Duration::from_micros(100));
    let ready = |flags| Outcome::Ready(flags);
    rig.does(&epoll(NEAR, Readiness::IN, soon), Outcome::Timeout);
    rig.start(0, &epoll(NEAR, Readiness::IN, Some(Duration::from_mins(1))));
    rig.does(&send(FAR, text("x")), Outcome::Count(1));
    assert_eq!(rig.finish(0, ANSWER, true), Some(ready(Readiness::IN)));
    rig.does(&epoll(NEAR, Readiness::IN, None), ready(Readiness::IN));
    rig.does(&epoll(NEAR, Readiness::NONE, None), ready(Readiness::NONE));
    rig.does(&epoll(NEAR, Readiness::NONE, soon), Outcome::Timeout);
    let both = Readiness::IN | Readiness::OUT;
    rig.does(&epoll(NEAR, both, soon), ready(both));
    // Another socket has a registration of its own.
    rig.does(&epoll(FAR, Readiness::OUT, None), ready(Readiness::OUT));
    rig.does(&epoll(NEAR, Readiness::IN, None), ready(Readiness::IN));
}

#[test]
fn select_knows_descriptors_beyond_the_room_of_a_set() {
    let mut rig = Rig::new(Transport::Unix);
    let ready = |flags| Outcome::Ready(flags);
    let both = Readiness::IN | Readiness::OUT;
    rig.does(&select(NEAR, both, None), ready(Readiness::OUT));
    rig.does(&send(FAR, text("x")), Outcome::Count(1));
    rig.does(&select(NEAR, both, None), ready(both));
    rig.does(&select(NEAR, Readiness::NONE, Some(Duration::from_micros(100))), Outcome::Timeout);
    // An `fd_set` has no room for this one.
    let high = 1_500;
    let fd = rig.session.sockets[NEAR].expect("it is open").fd;
    let Ok(copy) = fcntl(syscall::borrow(fd), FcntlArg::F_DUPFD_CLOEXEC(high)) else { return };
    assert!(copy >= high);
    assert_eq!(syscall::select(copy, [true, true, false], ANSWER), Ok([true, true, false]));
    nix::unistd::close(copy).expect("it is open");
}

#[test]
fn a_closed_socket_is_no_descriptor() {
    let mut rig = Rig::new(Transport::Tcp4);
    rig.does(&Op::Close { socket: id(NEAR) }, Outcome::Ok);
    // Whoever opens something now may get the number that it had.
    rig.does(&Op::Open { socket: id(OTHER), transport: Transport::Tcp4 }, Outcome::Ok);
    let closed = Outcome::failed(Errno::EBADF);
    rig.does(&send(NEAR, text("x")), &closed);
    rig.does(&receive(NEAR, 1, MessageFlags::NONE), &closed);
    rig.does(&Op::Close { socket: id(NEAR) }, &closed);
    rig.does(&Op::Dup { socket: id(NEAR), duplicate: id(5) }, &closed);
    rig.does(&poll(NEAR, None), Outcome::Ready(Readiness::NVAL));
    rig.does(&epoll(NEAR, Readiness::IN, None), &closed);
    rig.does(&select(NEAR, Readiness::IN, None), &closed);
    rig.start(0, &receive(NEAR, 1, MessageFlags::NONE));
    assert_eq!(rig.finish(0, ANSWER, true), Some(closed));
    assert_eq!(rig.session.close(), Vec::<String>::new());
}

#[test]
fn a_started_close_closes_once() {
    let mut rig = Rig::new(Transport::Tcp4);
    rig.start(0, &Op::Close { socket: id(NEAR) });
    assert_eq!(rig.finish(0, ANSWER, true), Some(Outcome::Ok));
    rig.does(&receive(FAR, 1, MessageFlags::NONE), Outcome::EndOfStream);
    assert_eq!(rig.session.close(), Vec::<String>::new());
}

#[test]
fn a_started_call_stays_with_its_socket_when_that_is_closed() {
    let mut rig = Rig::new(Transport::Tcp4);
    rig.start(0, &receive(NEAR, 16, MessageFlags::NONE));
    rig.does(&Op::Close { socket: id(NEAR) }, Outcome::Ok);
    rig.does(&send(FAR, text("mine")), Outcome::Count(4));
    assert_eq!(rig.finish(0, ANSWER, true), Some(received("mine")));
}

#[rstest::rstest]
#[case(receive(NEAR, 16, MessageFlags::NONE), Outcome::failed(Errno::EBADF))]
#[case(Op::Drain { socket: id(NEAR) }, received("mine"))]
#[case(receive_frame(NEAR), too_long("0 announces 1835626085"))]
fn a_started_call_never_takes_what_is_a_strangers(#[case] op: Op, #[case] outcome: Outcome) {
    let mut rig = Rig::new(Transport::Tcp4);
    rig.start(0, &op);
    let number = rig.session.sockets[NEAR].map(|target| target.fd);
    rig.does(&Op::Close { socket: id(NEAR) }, Outcome::Ok);
    // Somebody else's data under the number that the socket had.
    let (mut one, other) = std::os::unix::net::UnixStream::pair().expect("a pair");
    one.write_all(b"stranger").expect("it is connected");
    let mut copies = Vec::new();
    while copies.last().map(std::os::fd::AsRawFd::as_raw_fd) < number && copies.len() < 64 {
        copies.push(dup(&other).expect("a descriptor is left"));
    }
    rig.disturb_once(0);
    rig.does(&send(FAR, text("mine")), Outcome::Count(4));
    rig.does(&Op::Close { socket: id(FAR) }, Outcome::Ok);
    assert_eq!(rig.finish(0, ANSWER, true), Some(outcome));
}

#[test]
fn the_last_close_ends_the_connection_although_a_call_was_started() {
    let mut rig = Rig::new(Transport::Tcp4);
    rig.does(&send(FAR, text("x")), Outcome::Count(1));
    rig.start(0, &receive(NEAR, 1, MessageFlags::NONE));
    assert_eq!(rig.finish(0, ANSWER, true), Some(received("x")));
    rig.does(&Op::Close { socket: id(NEAR) }, Outcome::Ok);
    rig.does(&receive(FAR, 1, MessageFlags::NONE), Outcome::EndOfStream);
}

/// A session with a socket that is connected to one which lies outside of it.
fn with_outsider() -> (Rig, TcpStream) {
    let mut rig = Rig::listening(Transport::Tcp4);
    let Some(Target { fd, .. }) = rig.session.sockets[0] else { panic!("it was opened") };
    let listener = TcpListener::from(dup(syscall::borrow(fd)).expect("a descriptor is left"));
    rig.connected(NEAR, Transport::Tcp4);
    let (outsider, _) = listener.accept().expect("it is connected");
    (rig, outsider)
}

#[test]
fn a_session_that_is_dropped_closes_too() {
    let (mut rig, mut outsider) = with_outsider();
    rig.start(0, &receive(NEAR, 16, MessageFlags::NONE));
    drop(rig);
    assert_eq!(outsider.read(&mut [0; 16]).ok(), Some(0));
}

#[test]
fn a_session_closes_at_once_whatever_lingers() {
    let (mut rig, _outsider) = with_outsider();
    rig.run(&Op::Fill { socket: id(NEAR), seed: 0 }, ANSWER);
    rig.does(&linger(NEAR), Outcome::Ok);
    let before = Instant::now();
    assert_eq!(rig.session.close(), Vec::<String>::new());
    assert!(before.elapsed() < ANSWER);
}

#[test]
fn a_close_that_lingers_too_long_is_broken() {
    let (mut rig, _outsider) = with_outsider();
    rig.run(&Op::Fill { socket: id(NEAR), seed: 0 }, ANSWER);
    rig.does(&linger(NEAR), Outcome::Ok);
    rig.blocks(&Op::Close { socket: id(NEAR) });
    assert_eq!(rig.session.close(), Vec::<String>::new());
}

#[test]
fn only_the_limit_of_the_socket_makes_a_timeout() {
    let mut rig = Rig::new(Transport::Unix);
    let again = Outcome::failed(Errno::EAGAIN);
    rig.does(&receive(NEAR, 1, MessageFlags::DONTWAIT), &again);
    rig.does(&limit(NEAR, SocketOption::ReceiveTimeout, 40), Outcome::Ok);
    rig.does(&receive(NEAR, 1, MessageFlags::DONTWAIT), &again);
    let observation = rig.run(&receive(NEAR, 1, MessageFlags::NONE), ANSWER);
    assert_eq!(observation.outcome, Outcome::Timeout);
    assert!(observation.took >= Duration::from_millis(30), "{:?}", observation.took);
    rig.does(&Op::Drain { socket: id(NEAR) }, Outcome::Timeout);
    rig.does(&Op::Nonblocking { socket: id(NEAR), on: true }, Outcome::Ok);
    rig.does(&receive(NEAR, 1, MessageFlags::NONE), again);
}

#[test]
fn a_signal_is_seen_where_it_is_asked_for_and_goes_no_further() {
    let mut rig = Rig::new(Transport::Unix);
    rig.does(&Op::Close { socket: id(FAR) }, Outcome::Ok);
    let raised = Outcome::Failed { errno: Errno::EPIPE, signal: Some(Signal::Pipe) };
    let loud = Op::Send { socket: id(NEAR), data: text("x"), flags: MessageFlags::RAISE, to: None };
    rig.does(&loud, &raised);
    rig.does(&Op::Write { socket: id(NEAR), data: text("x") }, raised);
    rig.does(&send(NEAR, text("x")), Outcome::failed(Errno::EPIPE));
    assert!(!syscall::take_pending(nix::sys::signal::Signal::SIGPIPE));
}

#[test]
fn a_unix_name_leaves_no_file() {
    let mut rig = Rig::listening(Transport::Unix);
    let named = rig.run(&Op::Name { socket: id(0) }, ANSWER).outcome;
    let Outcome::Name(Endpoint::Local(name)) = named else { panic!("{named:?}") };
    assert!(name.starts_with("sockspec/"), "{name}");
    assert!(!std::path::Path::new(&name).exists());
}

#[test]
fn a_large_buffer_takes_only_what_is_received() {
    let mut rig = Rig::new(Transport::Unix);
    let resident = || {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        number.expect("the system tells")
    };
    rig.does(&send(FAR, text("x")), Outcome::Count(1));
    let before = resident();
    rig.does(&receive(NEAR, 512 << 20, MessageFlags::NONE), received("x"));
    // Other tests of this process need memory too, but not that much.
    assert!(resident() < before + (400 << 10), "{} KiB more", resident() - before);
}

#[rstest::rstest]
fn a_frame_that_does_not_come_or_go_is_broken_at_its_limit(
    #[values(Transport::Tcp4, Transport::Tcp6, Transport::Unix)] transport: Transport,
) {
    let mut rig = Rig::new(transport);
    rig.does(&send_frame(FAR, text("abc"), Pieces::First(5)), Outcome::Ok);
    rig.blocks(&receive_frame(NEAR));
    // What came before the limit is not lost.
    rig.does(&send_frame(FAR, text("abc"), Pieces::Rest(5)), Outcome::Ok);
    rig.does(&receive_frame(NEAR), received("abc"));
    let much = Payload::Generated { length: 32 << 20, seed: 0 };
    rig.blocks(&send_frame(NEAR, much, Pieces::Whole));
}

#[test]
fn a_large_frame_goes_through_in_as_many_calls_as_it_takes() {
    let mut rig = Rig::new(Transport::Unix);
    let data = Payload::Generated { length: 8 << 20, seed: 3 };
    rig.start(0, &send_frame(NEAR, data.clone(), Pieces::By(100_000)));
    let bytes = (&data).into();
    rig.does(&receive_frame(FAR), Outcome::Data { bytes, source: None, truncated: false });
    assert_eq!(rig.finish(0, ANSWER, true), Some(Outcome::Ok));
}

#[test]
fn what_was_read_ahead_stays_with_the_socket_and_its_duplicates() {
    let mut rig = Rig::new(Transport::Tcp4);
    rig.does(&Op::Dup { socket: id(NEAR), duplicate: id(OTHER) }, Outcome::Ok);
    for word in ["one", "", "three"] {
        rig.does(&send_frame(FAR, text(word), Pieces::Whole), Outcome::Ok);
    }
    rig.does(&receive_frame(NEAR), received("one"));
    let nothing = Outcome::failed(Errno::EAGAIN);
    rig.does(&receive(NEAR, 16, MessageFlags::DONTWAIT), nothing);
    rig.does(&receive_frame(OTHER), received(""));
    rig.does(&Op::Close { socket: id(OTHER) }, Outcome::Ok);
    rig.does(&receive_frame(NEAR), received("three"));
    rig.does(&Op::Close { socket: id(FAR) }, Outcome::Ok);
    rig.does(&receive_frame(NEAR), Outcome::EndOfStream);
    rig.does(&receive_frame(NEAR), Outcome::EndOfStream);
}

#[test]
fn a_bad_frame_is_told_again_and_again() {
    let mut rig = Rig::new(Transport::Tcp4);
    rig.does(&send(FAR, Payload::Literal([2, 0, 0, 1].into())), Outcome::Count(4));
    let bad = too_long("0 announces 33554433");
    rig.does(&receive_frame(NEAR), &bad);
    rig.does(&receive_frame(NEAR), &bad);
}

#[test]
fn a_message_that_cannot_be_written_is_not_sent() {
    let mut rig = Rig::new(Transport::Tcp4);
    let data = Payload::Generated { length: (32 << 20) + 1, seed: 0 };
    let refused = rig.run(&send_frame(FAR, data, Pieces::Whole), ANSWER).outcome;
    assert!(matches!(refused, Outcome::BadFrame { fault: FrameFault::TooLong, .. }), "{refused}");
    rig.does(&poll(NEAR, None), Outcome::Ready(Readiness::NONE));
}

#[test]
fn a_frame_is_ended_by_the_limit_of_the_socket() {
    let mut rig = Rig::new(Transport::Unix);
    rig.does(&limit(NEAR, SocketOption::ReceiveTimeout, 40), Outcome::Ok);
    rig.does(&send_frame(FAR, text("abc"), Pieces::First(5)), Outcome::Ok);
    rig.does(&receive_frame(NEAR), Outcome::Timeout);
    rig.does(&Op::Nonblocking { socket: id(NEAR), on: true }, Outcome::Ok);
    rig.does(&receive_frame(NEAR), Outcome::failed(Errno::EAGAIN));
    rig.does(&send_frame(FAR, text("abc"), Pieces::Rest(5)), Outcome::Ok);
    rig.does(&receive_frame(NEAR), received("abc"));
}

#[test]
fn a_started_frame_survives_signals_and_is_interrupted_where_that_is_asked_for() {
    let mut rig = Rig::new(Transport::Tcp4);
    rig.does(&send_frame(FAR, text("abc"), Pieces::First(5)), Outcome::Ok);
    rig.start(0, &receive_frame(NEAR));
    rig.disturb(0);
    rig.does(&limit(NEAR, SocketOption::ReceiveTimeout, 60_000), Outcome::Ok);
    rig.does(&send_frame(FAR, text("abc"), Pieces::Rest(5)), Outcome::Ok);
    assert_eq!(rig.finish(0, ANSWER, true), Some(received("abc")));
    rig.start(1, &receive_frame(NEAR));
    rig.session.interrupt(TagId::new(1)).expect("a signal can be sent");
    assert_eq!(rig.finish(1, ANSWER, true), Some(Outcome::failed(Errno::EINTR)));
    rig.start(2, &receive_frame(NEAR));
    assert_eq!(rig.session.close(), Vec::<String>::new());
}
