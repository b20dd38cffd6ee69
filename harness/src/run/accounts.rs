//! What the process holds at one moment, so that what a run leaves behind is noticed.

use std::time::{Duration, Instant};
use std::{fs, thread};

/// The sockets, network namespaces and threads of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accounts {
    sockets: usize,
    namespaces: usize,
    threads: usize,
}

/// How long what is still going may take to be gone, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait before counting again.
const PAUSE: Duration = Duration::from_millis(1);

impl Accounts {
    /// Counts them now. `None` where the system does not tell.
    pub(super) fn take() -> Option<Self> {
        let threads = fs::read_dir("/proc/self/task").ok()?.count();
        let mut accounts = Self { sockets: 0, namespaces: 0, threads };
        let entries = fs::read_dir("/proc/self/fd").ok()?.filter_map(Result::ok);
        for target in entries.filter_map(|entry| fs::read_link(entry.path()).ok()) {
            let target = target.as_os_str().as_encoded_bytes();
            accounts.sockets += usize::from(target.starts_with(b"socket:"));
            accounts.namespaces += usize::from(target.starts_with(b"net:"));
        }
        Some(accounts)
    }

    /// What there is now that was not there then, for a person to read.
    ///
    /// A thread that was joined is still listed until the kernel has taken it down, so what is too
    /// much gets a moment to go.
    pub(super) fn surplus(self) -> Vec<String> {
        self.surplus_of(Self::take)
    }

    fn surplus_of(self, mut take: impl FnMut() -> Option<Self>) -> Vec<String> {
        let since = Instant::now();
        loop {
            let surplus = take().map(|now| now.beyond(self)).unwrap_or_default();
            if surplus.is_empty() || since.elapsed() >= PATIENCE {
                return surplus;
            }
            thread::sleep(PAUSE);
        }
    }

    fn beyond(self, before: Self) -> Vec<String> {
        let more = |now: usize, before: usize, what: &str| {
            (now > before).then(|| format!("{} {what} more than before the run", now - before))
        };
        [
            more(self.sockets, before.sockets, "open sockets"),
            more(self.namespaces, before.namespaces, "network namespaces"),
            more(self.threads, before.threads, "threads"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_before_is_told() {
        let before = Accounts { sockets: 2, namespaces: 1, threads: 3 };
        assert_eq!(before.beyond(before), Vec::<String>::new());
        let now = Accounts { sockets: 1, namespaces: 1, threads: 5 };
        assert_eq!(now.beyond(before), ["2 threads more than before the run"]);
        let now = Accounts { sockets: 4, namespaces: 1, threads: 3 };
        assert_eq!(now.beyond(before), ["2 open sockets more than before the run"]);
        let now = Accounts { sockets: 2, namespaces: 4, threads: 3 };
        assert_eq!(now.beyond(before), ["3 network namespaces more than before the run"]);
    }

    #[test]
    fn what_is_still_going_away_is_no_surplus() {
        let before = Accounts { sockets: 2, namespaces: 1, threads: 3 };
        let mut threads = 9;
        let surplus = before.surplus_of(|| {
            threads -= 1;
            Some(Accounts { sockets: 2, namespaces: 1, threads })
        });
        assert_eq!((surplus, threads), (Vec::new(), 3));
    }

    #[test]
    fn where_the_system_does_not_tell_nothing_is_claimed() {
        assert_eq!(
            Accounts { sockets: 0, namespaces: 0, threads: 0 }.surplus_of(|| None),
            Vec::<String>::new()
        );
    }
}
