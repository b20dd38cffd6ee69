use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use crate::vocabulary::split_mix;

/// Threads that do nothing but compute, so that the cases beside them have to wait for a core.
///
/// They have the priority of every other thread. They are part of this process, so that nothing is
/// left of them however it ends.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    enough: AtomicBool,
    rounds: AtomicU64,
}

/// How much a thread computes before it looks whether that is enough: some ten microseconds.
const ROUND: u64 = 10_000;

impl Load {
    /// Starts so many threads.
    ///
    /// # Errors
    /// When the system refuses one. Those that were started have ended then.
    pub fn start(threads: u32) -> io::Result<Self> {
        let mut load = Self { shared: Arc::default(), threads: Vec::new() };
        for _ in 0..threads {
            let shared = Arc::clone(&load.shared);
            let builder = thread::Builder::new().name("stress".to_owned()).stack_size(64 << 10);
            load.threads.push(builder.spawn(move || shared.compute())?);
        }
        Ok(load)
    }

    /// How much they have computed.
    pub fn rounds(&self) -> u64 {
        self.shared.rounds.load(Ordering::Relaxed)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.enough.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It ends with its round.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn compute(&self) {
        let mut sum = 0;
        while !self.enough.load(Ordering::Relaxed) {
            for number in 0..ROUND {
                sum = black_box(split_mix(sum, number));
            }
            self.rounds.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The threads of this process that are the load.
    fn threads() -> usize {
        let tasks = fs::read_dir("/proc/self/task").expect("Linux tells").flatten();
        let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.trim_end() == "stress").count()
    }

    #[test]
    fn it_computes_until_it_is_dropped() {
        let load = Load::start(3).expect("threads can be had");
        // A thread gives itself its name.
        while threads() < 3 || load.rounds() < 10 {
            thread::yield_now();
        }
        let shared = Arc::clone(&load.shared);
        drop(load);
        // What each thread had of it is given back.
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
