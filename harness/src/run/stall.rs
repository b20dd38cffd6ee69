use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Sleeps a millisecond at a time beside the cases and keeps what each sleep lasted too long: how
/// long the machine let a thread wait that wanted to run. Soft bounds stretch by it.
#[derive(Debug)]
pub struct Witness {
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    enough: AtomicBool,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    /// When the last sleep began.
    asleep_since: Option<Instant>,
    stalls: VecDeque<Stall>,
    worst: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Stall {
    until: Instant,
    length: Duration,
}

/// How long each sleep is meant to last.
const NAP: Duration = Duration::from_millis(1);
/// What an idle machine's timers are late by; no stall.
const USUAL: Duration = Duration::from_millis(1);
/// How many stalls are remembered.
const REMEMBERED: usize = 4_096;

impl Witness {
    /// Starts watching.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start() -> std::io::Result<Self> {
        let seen = Arc::new(Seen::default());
        let thread =
            thread::Builder::new().name("witness".to_owned()).stack_size(64 << 10).spawn({
                let seen = Arc::clone(&seen);
                move || seen.watch()
            })?;
        Ok(Self { seen, thread: Some(thread) })
    }

    /// A witness that saw nothing: for cases without bounds.
    pub fn absent() -> Self {
        Self { seen: Arc::default(), thread: None }
    }

    /// The longest stall that overlapped the time since `from`, one that still lasts included.
    pub fn worst_since(&self, from: Instant) -> Duration {
        if self.thread.is_none() {
            return Duration::ZERO;
        }
        self.seen.record.lock().unwrap_or_else(PoisonError::into_inner).worst_since(from)
    }

    /// The longest stall of all.
    pub fn worst(&self) -> Duration {
        self.seen.record.lock().unwrap_or_else(PoisonError::into_inner).worst
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.seen.enough.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It ends within a nap.
            let _ = thread.join();
        }
    }
}

impl Seen {
    fn watch(&self) {
        while !self.enough.load(Ordering::Relaxed) {
            let began = Instant::now();
            self.record.lock().unwrap_or_else(PoisonError::into_inner).asleep_since = Some(began);
            thread::sleep(NAP);
            self.record.lock().unwrap_or_else(PoisonError::into_inner).wake(began, Instant::now());
        }
    }
}

impl Record {
    fn wake(&mut self, began: Instant, now: Instant) {
        self.asleep_since = None;
        let length = now.saturating_duration_since(began).saturating_sub(NAP);
        if length <= USUAL {
            return;
        }
        self.worst = self.worst.max(length);
        if self.stalls.len() == REMEMBERED {
            self.stalls.pop_front();
        }
        self.stalls.push_back(Stall { until: now, length });
    }

    fn worst_since(&self, from: Instant) -> Duration {
        let past =
            self.stalls.iter().rev().take_while(|stall| stall.until >= from).map(|s| s.length);
        let present = self
            .asleep_since
            .map(|since| since.elapsed().saturating_sub(NAP))
            .filter(|length| *length > USUAL);
        past.chain(present).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_counts_for_what_it_overlaps() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut record = Record::default();
        record.wake(at(0), at(1));
        record.wake(at(10), at(31));
        record.wake(at(40), at(46));
        assert_eq!(record.worst_since(at(0)), Duration::from_millis(20));
        assert_eq!(record.worst_since(at(30)), Duration::from_millis(20), "it lasted until 31");
        assert_eq!(record.worst_since(at(35)), Duration::from_millis(5));
        assert_eq!(record.worst_since(at(50)), Duration::ZERO);
        assert_eq!(record.worst, Duration::from_millis(20));
    }
}
