use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal as _, PipeReader, PipeWriter};
use std::os::fd::AsFd as _;
use std::thread::{self, JoinHandle};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};
use nix::unistd::{getpgrp, read, tcgetpgrp};

/// What a person can ask of that which goes on meanwhile.
pub(super) trait Attended: Send {
    /// Ends it before its time. This is asked again every few milliseconds until the end, since what
    /// can be ended may begin just after.
    fn end(&self);

    /// Whether it was asked to end.
    fn is_ending(&self) -> bool;

    /// Shows which steps are pending.
    fn show_pending(&self);

    /// Stops what does not stop with this process, before that does.
    fn stop(&self) {}

    /// Lets it go on, after this process does.
    fn go_on(&self) {}

    /// Says something to the person.
    fn say(&self, text: &str);
}

/// A thread that attends to the person who watches a run: signals, and where all three standard
/// streams are a terminal, the key `t`.
///
/// - `t` and SIGUSR1 show which steps are pending.
/// - SIGINT, SIGTERM and SIGHUP end the run before its time; the second one ends the process.
/// - Whatever stops or ends the process by a signal that can be caught leaves the terminal as it was.
///
/// A signal that was ignored when the program began stays so, as in the background of a shell.
pub(super) struct Attendant {
    /// The thread, where it has to be waited for.
    thread: Option<JoinHandle<()>>,
    /// Closed when there is nothing to attend to any more.
    end: Option<PipeWriter>,
}

/// What ends a run before its time.
const ENDS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
/// What else concerns the attendant.
const OTHERS: [Signal; 4] = [Signal::SIGUSR1, Signal::SIGQUIT, Signal::SIGTSTP, Signal::SIGCONT];

/// How many milliseconds pass before the run is asked to end once more.
const AGAIN: u8 = 2;

impl Attendant {
    /// Begins to attend. From then on the signals are blocked in this thread and in those that it
    /// starts, so that no call of a case is interrupted by them; programs that it starts inherit that.
    ///
    /// # Errors
    /// When the system refuses a descriptor or a thread.
    pub(super) fn start(attended: Box<dyn Attended>) -> io::Result<Self> {
        let ignored = ignored();
        let signals: SigSet =
            ENDS.into_iter().chain(OTHERS).filter(|one| !ignored.contains(one)).collect();
        signals.thread_block()?;
        let signals =
            SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let (ended, end) = io::pipe()?;
        let mut post = Post { signals, ended, keys: None, attended };
        let thread = thread::Builder::new()
            .name("attendant".to_owned())
            .stack_size(256 << 10)
            .spawn(move || post.attend())?;
        // Without a terminal there is nothing to give back, and so nothing to wait for.
        Ok(Self { thread: io::stdin().is_terminal().then_some(thread), end: Some(end) })
    }
}

impl Drop for Attendant {
    /// Ends the thread, which gives the terminal back. The signals stay blocked: the process is
    /// about to end, and shall do so by itself.
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It ends at once.
            let _ = thread.join();
        }
    }
}

/// What the thread attends to, and by what means.
struct Post {
    signals: SignalFd,
    ended: PipeReader,
    keys: Option<Keys>,
    attended: Box<dyn Attended>,
}

impl Post {
    fn attend(&mut self) {
        self.keys = Keys::take();
        while let Ok([signal, key, ended]) = self.wait() {
            if ended {
                break;
            }
            while signal && let Ok(Some(signal)) = self.signals.read_signal() {
                if let Ok(signal) = Signal::try_from(signal.ssi_signo.cast_signed()) {
                    self.signal(signal);
                }
            }
            // A signal may have given the terminal back, whose reads wait for a whole line then.
            if key && self.keys.is_some() {
                self.key();
            }
            if self.attended.is_ending() {
                self.attended.end();
            }
        }
        self.keys = None;
    }

    /// Waits until there is something to attend to: a signal, a key, the end.
    fn wait(&self) -> nix::Result<[bool; 3]> {
        let stdin = io::stdin();
        let mut waits = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.ended.as_fd(), PollFlags::POLLIN),
        ];
        if self.keys.is_some() {
            waits.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        let timeout = if self.attended.is_ending() { AGAIN.into() } else { PollTimeout::NONE };
        match poll(&mut waits, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
        let is_ready = |at: usize| waits.get(at).and_then(PollFd::any).unwrap_or(false);
        Ok([is_ready(0), is_ready(2), is_ready(1)])
    }

    fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::SIGUSR1 => self.attended.show_pending(),
            Signal::SIGCONT => self.take_keys(),
            Signal::SIGTSTP => {
                self.keys = None;
                self.attended.stop();
                obey(signal);
                self.attended.go_on();
                self.take_keys();
            }
            end if ENDS.contains(&end) => {
                self.attended.end();
                // The next one does what it does by default, even if nobody reads what is said here.
                self.keys = None;
                let _ = ENDS.into_iter().collect::<SigSet>().thread_unblock();
                self.attended.say(&format!(
                    "{end}: the run ends here, and what has ended so far is reported; once more ends \
                     it at once\n"
                ));
            }
            other => {
                self.keys = None;
                obey(other);
            }
        }
    }

    fn key(&mut self) {
        let mut typed = [0; 64];
        match read(io::stdin(), &mut typed) {
            Ok(0) => self.keys = self.keys.take().filter(|_| Keys::may_be_had()),
            Ok(length) if typed[..length].contains(&b't') => self.attended.show_pending(),
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(_) => self.keys = None,
        }
    }

    fn take_keys(&mut self) {
        // What was there before first, since that is what is remembered.
        self.keys = None;
        if !self.attended.is_ending() {
            self.keys = Keys::take();
        }
    }
}

/// Lets a signal do to this process what it does by default, which comes before this returns.
fn obey(signal: Signal) {
    let signals = SigSet::from(signal);
    // Neither can fail for a signal that exists.
    let _ = signals.thread_unblock().and_then(|()| raise(signal));
    let _ = signals.thread_block();
}

/// The signals that this process ignores.
fn ignored() -> BTreeSet<Signal> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    Signal::iterator().filter(|signal| mask & (1 << (*signal as i32 - 1)) != 0).collect()
}

/// The terminal that gives each key at once and does not show it; it becomes what it was when this is
/// dropped.
struct Keys {
    before: Termios,
}

impl Keys {
    /// Takes the terminal, where all three streams are one and this process is in its foreground:
    /// what is at the other end of a pipe may want the keys for itself.
    fn take() -> Option<Self> {
        if !Self::may_be_had() || !io::stdout().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let before = tcgetattr(io::stdin()).ok()?;
        let mut keys = before.clone();
        keys.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        // A read takes what there is.
        keys.control_chars[SpecialCharacterIndices::VMIN as usize] = 0;
        keys.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tcsetattr(io::stdin(), SetArg::TCSANOW, &keys).ok()?;
        Some(Self { before })
    }

    /// Whether this process may read from the terminal and change it.
    fn may_be_had() -> bool {
        io::stdin().is_terminal() && tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // In the background it is somebody else's.
        if Self::may_be_had() {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.before);
        }
    }
}
