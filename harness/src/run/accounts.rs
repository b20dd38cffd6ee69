//! What the process holds at one moment, so that what a run leaves behind is noticed.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// How long something may take to go, and how often it is looked for.
const GRACE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_micros(500);

/// The sockets and threads of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accounts {
    sockets: usize,
    threads: usize,
}

impl Accounts {
    /// Counts them now. `None` where the system does not tell.
    pub(super) fn take() -> Option<Self> {
        let threads = fs::read_dir("/proc/self/task").ok()?.count();
        let sockets = fs::read_dir("/proc/self/fd")
            .ok()?
            .filter_map(Result::ok)
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .filter(|target| target.as_os_str().as_encoded_bytes().starts_with(b"socket:"))
            .count();
        Some(Self { sockets, threads })
    }

    /// What there is now that was not there before, for a person to read. A thread that has just
    /// been joined may take a moment to go.
    pub(super) fn left_behind(self) -> Vec<String> {
        let since = Instant::now();
        loop {
            let surplus = Self::take().map(|now| now.surplus(self)).unwrap_or_default();
            if surplus.is_empty() || since.elapsed() > GRACE {
                return surplus;
            }
            thread::sleep(LOOK);
        }
    }

    fn surplus(self, before: Self) -> Vec<String> {
        let more = |now: usize, before: usize, what: &str| {
            (now > before).then(|| format!("{} {what} more than before the run", now - before))
        };
        [
            more(self.sockets, before.sockets, "open sockets"),
            more(self.threads, before.threads, "threads"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
