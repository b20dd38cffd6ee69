use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::pthread::pthread_kill;
use nix::unistd::gettid;

use super::bound::{Bound, Flags};
use super::breaker::Member;
use super::call::{self, Means, Reply, Target};
use super::signal::{DEADLINE, INTERRUPT};
use crate::subject::SubjectError;
use crate::subject::copies;
use crate::subject::thread_state::ThreadState;
use crate::vocabulary::Op;

/// An operation that runs on a thread of its own while the case goes on.
#[derive(Debug)]
pub(super) struct Started {
    shared: Arc<Shared>,
    launched: Instant,
    /// When it was first seen to block.
    blocked: Option<Instant>,
    reply: Receiver<Reply>,
    /// Whether it is made on the case's own descriptor.
    borrows: bool,
    returned: Option<Reply>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    flags: Flags,
    /// The kernel's number of the thread, 0 until it is known.
    thread: AtomicI32,
    /// 0 before the call, then one of the constants below.
    phase: AtomicU8,
}

const IN_CALL: u8 = 1;
const AFTER_CALL: u8 = 2;

/// What a thread needs for one call and its buffers on the heap.
const STACK: usize = 128 << 10;
/// How long the signal is repeated before a thread counts as beyond help.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is repeated.
const REPEAT: Duration = Duration::from_millis(1);
/// How often who waits for a reply looks whether the run is to end.
const LOOK: Duration = Duration::from_millis(50);

impl Started {
    /// Starts an operation on its own thread.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(super) fn launch(op: Op, target: Target, means: Means) -> Result<Self, SubjectError> {
        let shared = Arc::new(Shared::default());
        let (target, own) = own(&op, target)?;
        let borrows = own.is_none();
        let (sender, reply) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("started".to_owned())
            .stack_size(STACK)
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.run(&op, target, own, &means, &sender)
            })
            .map_err(|source| SubjectError::Refused { what: "starting a thread", source })?;
        let launched = Instant::now();
        Ok(Self {
            shared,
            launched,
            blocked: None,
            reply,
            borrows,
            returned: None,
            thread: Some(thread),
        })
    }

    /// Since when it blocks for certain: how long it was seen to block is never more than how long it
    /// took.
    pub(super) fn blocks_since(&self) -> Instant {
        self.blocked.unwrap_or(self.launched)
    }

    /// The kernel's number of its thread, once that runs.
    pub(super) fn thread(&self) -> Option<i32> {
        Some(self.shared.thread.load(Ordering::Acquire)).filter(|number| *number != 0)
    }

    /// Watches it until its call has blocked or returned.
    ///
    /// # Errors
    /// When neither was seen within `limit`, or the run is to end.
    pub(super) fn watch(&mut self, limit: Duration, member: &Member) -> Result<(), SubjectError> {
        let mut state = None;
        let mut pause = Duration::from_micros(20);
        while self.launched.elapsed() < limit && !member.is_broken() {
            let number = self.shared.thread.load(Ordering::Acquire);
            let found = (state.is_none() && number != 0).then(|| ThreadState::own(number));
            if self.shared.phase.load(Ordering::Acquire) == AFTER_CALL {
                return Ok(());
            }
            if let Some(found) = found {
                state = Some(found.map_err(|source| {
                    let what = "looking at a thread in /proc";
                    SubjectError::Refused { what, source }
                })?);
            }
            // Within the call both before and after the look.
            if self.shared.phase.load(Ordering::Acquire) == IN_CALL
                && state.as_ref().is_some_and(ThreadState::is_blocked)
                && self.shared.phase.load(Ordering::Acquire) == IN_CALL
            {
                self.blocked.get_or_insert_with(Instant::now);
                return Ok(());
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(1));
        }
        Err(SubjectError::NotSeenToBlock { limit })
    }

    /// Waits for it at most `limit`, or until the run is to end; whether it has returned.
    pub(super) fn wait_unless_broken(&mut self, limit: Duration, member: &Member) -> bool {
        let since = Instant::now();
        loop {
            let left = limit.saturating_sub(since.elapsed());
            // No signal ends the wait for a reply.
            if self.wait(left.min(LOOK)) || left <= LOOK || member.is_broken() {
                return self.returned.is_some();
            }
        }
    }

    fn wait(&mut self, limit: Duration) -> bool {
        if self.returned.is_none() {
            self.returned = self.reply.recv_timeout(limit).ok();
        }
        self.returned.is_some()
    }

    /// Tells it that the descriptor it was started on is closed.
    pub(super) fn orphan(&self) {
        if self.borrows {
            self.shared.flags.closed.store(true, Ordering::Release);
        }
    }

    /// Sends it the scenario's signal.
    pub(super) fn interrupt(&self) -> nix::Result<()> {
        self.shared.flags.interrupted.store(true, Ordering::Release);
        self.signal(INTERRUPT)
    }

    /// Ends it and gives what it came to.
    ///
    /// # Errors
    /// When it does not end although it is interrupted again and again.
    pub(super) fn end(mut self) -> Result<Reply, SubjectError> {
        let since = Instant::now();
        while !self.wait(Duration::ZERO) {
            if since.elapsed() > PATIENCE {
                // The thread cannot be joined; leaving it is all that is left to do.
                self.thread = None;
                return Err(SubjectError::NotEnded { limit: PATIENCE });
            }
            self.shared.flags.cancelled.store(true, Ordering::Release);
            // One signal can fall just before the call, so it is repeated.
            let _ = self.signal(DEADLINE);
            self.wait(REPEAT);
        }
        if let Some(thread) = self.thread.take() {
            // It has sent its reply, so it is at its end.
            let _ = thread.join();
        }
        let Reply { timed, made } =
            self.returned.take().ok_or(SubjectError::NotEnded { limit: PATIENCE })?;
        // A thread that a tracer holds up may seem to block before it has looked at the clock.
        Ok(Reply { timed: timed.begun_by(self.blocked), made })
    }

    /// Sends it a signal that means nothing, as a debugger might.
    #[cfg(test)]
    pub(super) fn disturb(&self) {
        let _ = self.signal(DEADLINE);
    }

    fn signal(&self, signal: nix::sys::signal::Signal) -> nix::Result<()> {
        match &self.thread {
            Some(thread) if !thread.is_finished() => pthread_kill(thread.as_pthread_t(), signal),
            _ => Ok(()),
        }
    }
}

impl Shared {
    fn run(
        &self,
        op: &Op,
        target: Target,
        own: Option<OwnedFd>,
        means: &Means,
        reply: &SyncSender<Reply>,
    ) {
        let _closing = call::closing(op);
        self.thread.store(gettid().as_raw(), Ordering::Release);
        self.phase.store(IN_CALL, Ordering::Release);
        let result = call::perform(op, target, means, &Bound::Flags(&self.flags));
        // Before anybody knows that the call has returned: a close of the case's own descriptor
        // must then be the last one.
        if let Some(own) = own {
            let _closing = copies::closing();
            drop(own);
        }
        self.phase.store(AFTER_CALL, Ordering::Release);
        // The channel holds one reply and gets one.
        let _ = reply.send(result);
    }
}

/// A descriptor of its own for an operation that makes many calls, since the scenario may close the
/// one it was started on, and the next socket, of another case perhaps, gets that number. A single
/// call is made on the descriptor itself: that it is closed meanwhile may be the point.
fn own(op: &Op, target: Target) -> Result<(Target, Option<OwnedFd>), SubjectError> {
    let makes_many = matches!(
        op,
        Op::Fill { .. }
            | Op::Drain { .. }
            | Op::SendFrame { .. }
            | Op::SendAll { .. }
            | Op::ReceiveFrame { .. }
    );
    if !makes_many {
        return Ok((target, None));
    }
    match call::duplicate(target.fd) {
        Ok(own) => Ok((Target { fd: own.as_raw_fd(), ..target }, Some(own))),
        // It is closed already, which is for the call to find.
        Err(Errno::EBADF) => Ok((target, None)),
        Err(raw) => Err(SubjectError::Refused { what: "making a descriptor", source: raw.into() }),
    }
}
