//! Requests as they come, and the time of the world outside, which a simulation is to follow. Neither this nor
//! what it is used in looks at a clock meanwhile: one of the simulations has its own instead of the system's.

use std::io::{self, BufRead as _};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::protocol::Json;

/// How far the simulation may lag behind.
const TICK: Duration = Duration::from_millis(1);

pub struct Pace {
    events: Receiver<(Duration, Option<Json>)>,
    ticker: Thread,
    ticks: Arc<AtomicBool>,
}

impl Pace {
    /// Begins to read requests. When they end, so does the process.
    pub fn begin() -> Pace {
        let origin = Instant::now();
        let (sender, events) = channel();
        let ticks = Arc::new(AtomicBool::new(false));
        let (to_tick, ticking) = (sender.clone(), Arc::clone(&ticks));
        let ticker = thread::spawn(move || tick(origin, &to_tick, &ticking)).thread().clone();
        thread::spawn(move || {
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                let Some(request) = Json::parse(&line) else {
                    eprintln!("no request: {line:.200}");
                    process::exit(2);
                };
                if sender.send((origin.elapsed(), Some(request))).is_err() {
                    break;
                }
            }
            process::exit(0); // whatever is pending
        });
        Pace { events, ticker, ticks }
    }

    /// The next request, or none when time has gone on, and what the time is. Where nothing waits for time
    /// nothing comes but requests.
    pub fn next(&self, waits: bool) -> (Duration, Option<Json>) {
        if self.ticks.swap(waits, Ordering::SeqCst) != waits && waits {
            self.ticker.unpark();
        }
        self.events.recv().unwrap_or_else(|_| process::exit(0))
    }
}

fn tick(origin: Instant, to: &Sender<(Duration, Option<Json>)>, ticking: &AtomicBool) {
    loop {
        while !ticking.load(Ordering::SeqCst) {
            thread::park();
        }
        thread::sleep(TICK);
        if to.send((origin.elapsed(), None)).is_err() {
            return;
        }
    }
}
