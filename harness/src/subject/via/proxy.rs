use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::process::{ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::folder::Folder;
use super::start::ProxyStart;
use super::words::Words;
use crate::subject::SubjectError;
use crate::subject::program::{Ending, Process, ended, kill_group, quoted, refusal};

/// How often it is looked whether an instance listens.
const TICK: Duration = Duration::from_millis(2);
/// How often an instance that has closed its outputs is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long a guard may take to end as its command has.
const LINGER: Duration = Duration::from_secs(5);
/// The flag of a process that is about to end, as /proc/PID/stat tells it; its descriptors are still open
/// when it is set.
const EXITING: u64 = 0x4;
/// How much is kept of what one says before it listens.
const KEPT: usize = 512;

/// One instance of a proxy, which is killed with all that it started, and its folder removed, when this
/// is dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    id: u32,
    /// The command itself, where it has a guard.
    command: Option<u32>,
    stop: Arc<AtomicBool>,
    /// Reads what it says, so that it never has to wait for that; gives back the process.
    keeper: Option<JoinHandle<Process>>,
    work: Option<TempDir>,
}

/// An instance that was started and does not listen yet.
#[derive(Debug)]
pub(super) struct Launched {
    process: Process,
    work: Option<TempDir>,
    said: Vec<u8>,
}

/// That an instance cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The system does not start it.
    #[error("the proxy cannot be started: {0}")]
    Spawn(String),
    /// It has nowhere to write to.
    #[error("a folder for the proxy cannot be made: {0}")]
    Folder(io::Error),
    /// There is no port for it.
    #[error("there is no free port for the proxy: {0}")]
    Port(io::Error),
    /// It ended instead of listening.
    #[error(
        "the proxy did not come to listen, and must not go into the background: {ending}{}",
        quoted(said)
    )]
    Ended {
        /// How.
        ending: Ending,
        /// The last lines of its standard error.
        said: Vec<String>,
    },
    /// It did not listen in time.
    #[error("the proxy was not seen to {what} within {limit:?}{}", quoted(said))]
    Silent {
        /// What it was to do.
        what: String,
        /// How long it was waited for.
        limit: Duration,
        /// The last lines of its standard error.
        said: Vec<String>,
    },
}

impl Launched {
    /// Starts an instance on the host that the calling thread is on.
    pub(super) fn start(
        start: &ProxyStart,
        folder: Option<&Folder>,
        mut words: Words,
        stdin: Stdio,
    ) -> Result<Self, ProxyError> {
        let work = folder.map(|folder| TempDir::new_in(folder.path())).transpose();
        let work = work.map_err(ProxyError::Folder)?;
        if let Some(folder) = &work {
            words.set("work", &folder.path().display());
            if let Some(text) = &start.config {
                let path = folder.path().join("config");
                fs::write(&path, words.fill(text)).map_err(ProxyError::Folder)?;
                words.set("config", &path.display());
            }
        }
        let command: Vec<OsString> =
            start.command.iter().map(|argument| words.fill(argument).into()).collect();
        let process = Process::start_with(&start.guard, &command, stdin)
            .map_err(|error| ProxyError::Spawn(error.to_string()))?;
        Ok(Self { process, work, said: Vec::new() })
    }

    /// Waits until it is seen to do `what`, at most for `patience`.
    pub(super) fn await_ready(
        mut self,
        what: &str,
        patience: Duration,
        abort: &AtomicBool,
        mut is_ready: impl FnMut() -> Result<bool, SubjectError>,
    ) -> Result<Proxy, SubjectError> {
        let deadline = Instant::now() + patience;
        loop {
            if abort.load(Ordering::SeqCst) {
                return Err(SubjectError::Aborted);
            }
            if let Some(ending) = self.process.ended() {
                return Err(self.why(ending).into());
            }
            if is_ready()? {
                return Ok(self.kept());
            }
            if Instant::now() >= deadline {
                let said = self.process.kill();
                let silent = ProxyError::Silent { what: what.to_owned(), limit: patience, said };
                return Err(silent.into());
            }
            let said = &mut self.said;
            self.process.exchange(&mut &[][..], |stdout| listen(stdout, said), TICK);
        }
    }

    fn why(&mut self, ending: Ending) -> ProxyError {
        let said = self.process.kill();
        let own = &mut self.said;
        self.process.exchange(&mut &[][..], |stdout| listen(stdout, own), Duration::ZERO);
        let first = String::from_utf8_lossy(&self.said);
        match first.lines().next().and_then(refusal) {
            Some(why) => ProxyError::Spawn(why.to_owned()),
            None => ProxyError::Ended { ending, said },
        }
    }

    fn kept(self) -> Proxy {
        let Self { mut process, work, .. } = self;
        let (id, stop) = (process.id(), Arc::<AtomicBool>::default());
        let told = Arc::clone(&stop);
        let keeper = thread::spawn(move || {
            while !told.load(Ordering::SeqCst) {
                process.exchange(&mut &[][..], discard, LOOK);
            }
            process
        });
        Proxy { id, command: child_of(id), stop, keeper: Some(keeper), work }
    }
}

impl Proxy {
    /// How it died, with its last words, if a signal has ended it. One that ends by itself may have done
    /// so because its connection has.
    pub(super) fn death(&mut self) -> Option<String> {
        self.keeper.as_ref()?;
        let deadline = Instant::now() + LINGER;
        // Its connections end before its guard has.
        while self.command.is_some_and(is_ending)
            && ended(self.id).is_none()
            && Instant::now() < deadline
        {
            thread::sleep(Duration::from_millis(1));
        }
        let ending = ended(self.id).filter(|ending| matches!(ending, Ending::Signal(_)))?;
        let said = self.end();
        Some(format!("the proxy died: {ending}{}", quoted(&said)))
    }

    fn end(&mut self) -> Vec<String> {
        let Some(keeper) = self.keeper.take() else { return Vec::new() };
        self.stop.store(true, Ordering::SeqCst);
        // Its keeper has not waited for it, so that its id is its own still.
        kill_group(self.id);
        keeper.join().map_or_else(|_| Vec::new(), |mut process| process.kill())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end();
        if let Some(work) = self.work.take() {
            // What it leaves there is of no use to anybody, and nobody could do anything about it.
            let _ = work.close();
        }
    }
}

/// The first process that another one has started.
fn child_of(process: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// Whether a process has begun to end, or is gone.
fn is_ending(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let mut words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let state = words.next();
    let flags = words.nth(5).and_then(|flags| flags.parse::<u64>().ok()).unwrap_or(0);
    matches!(state, None | Some("Z" | "X")) || flags & EXITING != 0
}

/// Reads what is said first.
fn listen(stdout: &mut ChildStdout, said: &mut Vec<u8>) -> io::Result<usize> {
    let mut buffer = [0; KEPT];
    let count = stdout.read(&mut buffer)?;
    let room = KEPT.saturating_sub(said.len()).min(count);
    said.extend_from_slice(&buffer[..room]);
    Ok(count)
}

fn discard(stdout: &mut ChildStdout) -> io::Result<usize> {
    let mut buffer = [0; 16 << 10];
    stdout.read(&mut buffer)
}
