use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// How long the thread of a case had to wait for a core, look by look.
///
/// A witness that sleeps is let in before threads that have just computed, so where many of these
/// want to run it does not see how long each has to wait. The kernel tells (proc_pid_schedstat(5)).
#[derive(Debug)]
pub(super) struct Delay {
    /// Where the kernel tells it of this thread; nothing where it does not.
    file: Option<File>,
    /// What it told last.
    told: Cell<Duration>,
    /// The longest of all.
    worst: Cell<Duration>,
}

/// What is shorter is no stall: it is what a busy machine is like, and scenarios have room for it.
const STARVED: Duration = Duration::from_millis(250);

impl Delay {
    /// Begins to count for the calling thread, if it is to.
    pub(super) fn of_this_thread(counts: bool) -> Self {
        let file = counts.then(|| File::open("/proc/thread-self/schedstat").ok()).flatten();
        let told = file.as_ref().map(waited).unwrap_or_default();
        Self { file, told: Cell::new(told), worst: Cell::default() }
    }

    /// Takes note of the end of a step, or of one of many looks.
    pub(super) fn look(&self) {
        if let Some(file) = &self.file {
            let told = waited(file);
            self.worst.set(self.worst.get().max(told.saturating_sub(self.told.replace(told))));
        }
    }

    /// How long it was kept from running at worst, where that was long.
    pub(super) fn starved(&self) -> Duration {
        Some(self.worst.get()).filter(|worst| *worst >= STARVED).unwrap_or_default()
    }
}

/// The second number: nanoseconds spent waiting to be run.
fn waited(file: &File) -> Duration {
    let mut line = [0; 64];
    let length = file.read_at(&mut line, 0).unwrap_or(0);
    let line = std::str::from_utf8(&line[..length]).unwrap_or_default();
    let nanos = line.split(' ').nth(1).and_then(|number| number.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_a_thread_waits_for_a_core_is_told() {
        if !std::path::Path::new("/proc/thread-self/schedstat").exists() {
            return;
        }
        let enough = AtomicBool::new(false);
        let competitors = 4 * thread::available_parallelism().map_or(1, usize::from);
        let worst = thread::scope(|scope| {
            for _ in 0..competitors {
                scope.spawn(|| {
                    while !enough.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let delay = Delay::of_this_thread(true);
            let since = Instant::now();
            // With so many that want to run, it has to wait before long; a bound for a broken test.
            while delay.worst.get().is_zero() && since.elapsed() < Duration::from_secs(20) {
                for _ in 0..100_000 {
                    std::hint::spin_loop();
                }
                delay.look();
            }
            enough.store(true, Ordering::Relaxed);
            delay.worst.get()
        });
        assert!(!worst.is_zero());
    }

    #[test]
    fn a_busy_machine_is_not_yet_a_stalled_one() {
        let delay = Delay::of_this_thread(false);
        for (worst, starved) in [(249, 0), (250, 250), (900, 900)] {
            delay.worst.set(Duration::from_millis(worst));
            assert_eq!(delay.starved(), Duration::from_millis(starved));
        }
    }

    #[test]
    fn what_is_not_counted_is_nothing() {
        let delay = Delay::of_this_thread(false);
        delay.look();
        assert_eq!(delay.worst.get(), Duration::ZERO);
    }
}
