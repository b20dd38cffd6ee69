use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal, killpg, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, getpgrp, getppid};

/// What a guard says where the command cannot be started, before the reason.
const REFUSED: &str = "cannot be started: ";

/// How often a folder is removed in which something new appears meanwhile.
const REMOVALS: usize = 16;

/// Why a guard could not start its command, if that is what a first line says.
pub(crate) fn refusal(line: &str) -> Option<&str> {
    line.strip_prefix(REFUSED)
}

/// Runs a command as the guard of its process group, for which it is a process of its own: where
/// `parent`, the process that started the guard, is gone for whatever reason, the whole group is
/// killed, and the folder `work`, if there is one, removed. Otherwise it ends as the command does, and
/// returns the exit code of that.
///
/// It must lead a process group of its own, since it kills that.
///
/// The signals that are blocked when it is started are those that a run attends to. They stay blocked for a
/// command that attends to them itself (`attends`), so that none ends it before it does; for any other
/// they are unblocked, as an agent could not interrupt its own calls then, and a proxy not be ended by SIGTERM.
///
/// # Errors
/// When the command cannot be waited for.
pub fn guard(
    parent: u32,
    work: Option<&Path>,
    attends: bool,
    command: &[OsString],
) -> io::Result<u8> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // The command inherits which signals are blocked.
    if !attends {
        unblock()?;
    }
    let mut child = match Command::new(program).args(arguments).spawn() {
        Ok(child) => child,
        Err(error) => {
            writeln!(io::stdout(), "{REFUSED}{}: {error}", program.display())?;
            return Ok(1);
        }
    };
    let signals: SigSet = [Signal::SIGTERM, Signal::SIGCHLD].into_iter().collect();
    signals.thread_block()?;
    set_pdeathsig(Signal::SIGTERM)?;
    let_go()?;
    wait(&mut child, &signals, parent, work).map(mirrored)
}

/// Unblocks all signals. What is pending is dropped: it came when this process, just forked, was still
/// of the group of the run, and was for that.
fn unblock() -> io::Result<()> {
    let blocked = SigSet::thread_get_mask()?;
    let pending = SignalFd::with_flags(&blocked, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    for _ in Signal::iterator() {
        if pending.read_signal()?.is_none() {
            break;
        }
    }
    Ok(SigSet::empty().thread_set_mask()?)
}

fn is_parent(parent: u32) -> bool {
    u32::try_from(getppid().as_raw()).is_ok_and(|current| current == parent)
}

/// Leaves standard input and output to the command alone, so that their ends are seen.
fn let_go() -> io::Result<()> {
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&nothing)?;
    dup2_stdout(&nothing)?;
    dup2_stderr(&nothing)?;
    Ok(())
}

fn wait(
    child: &mut Child,
    signals: &SigSet,
    parent: u32,
    work: Option<&Path>,
) -> io::Result<ExitStatus> {
    loop {
        if !is_parent(parent) {
            work.into_iter().for_each(remove);
            // This process is one of the group.
            killpg(getpgrp(), Signal::SIGKILL)?;
        }
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        signals.wait()?;
    }
}

/// Removes a folder that the command may still be writing to.
fn remove(folder: &Path) {
    for _ in 0..REMOVALS {
        if fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
    }
}

/// Ends as the command has ended: by the same signal, or with the exit code that is returned. Where
/// a signal cannot end this process, that is 128 and its number, as a shell says it.
fn mirrored(status: ExitStatus) -> u8 {
    if let Some(number) = status.signal() {
        // The command has left its own memory behind already, where that is wanted.
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
        let _ = SigSet::all().thread_unblock();
        if let Ok(signal) = Signal::try_from(number) {
            // The first one can end in a handler that is there for this process's own mistakes, and
            // is gone for the second.
            let _ = raise(signal).and_then(|()| raise(signal));
        }
        return u8::try_from(128 + number).unwrap_or(u8::MAX);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Puts the guard before a command: `guard` is what makes this program call [`guard`], and is
/// followed by the id of this process.
pub(super) fn guarded(guard: &[OsString], command: &[OsString]) -> Command {
    let own = OsString::from(std::process::id().to_string());
    let whole: Vec<&OsString> = match guard {
        [] => command.iter().collect(),
        guard => guard.iter().chain([&own]).chain(command).collect(),
    };
    let mut start = Command::new(whole.first().copied().cloned().unwrap_or_default());
    start.args(whole.iter().skip(1)).process_group(0);
    start
}

/// Kills a process group whose leader has not been waited for, so that its id is its own still.
pub(crate) fn kill_group(leader: u32) {
    if let Ok(leader) = i32::try_from(leader) {
        // Where nothing of it is left, nothing has to be done.
        let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
    }
}
