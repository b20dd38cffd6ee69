use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A lock that is had in the order in which it was asked for: who has to wait longest afterwards
/// asks first, and must not be overtaken.
#[derive(Default)]
pub(super) struct Turns {
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    /// The number of the next who asks.
    next: u64,
    /// The number whose turn it is.
    served: u64,
    /// Those who wait, each woken by its own signal.
    waiting: VecDeque<Arc<Condvar>>,
}

/// Somebody's turn, until it is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
}

impl Turns {
    /// Waits until everybody who asked before has had their turn.
    pub(super) fn take(&self) -> Turn<'_> {
        let mut line = self.line();
        let own = line.next;
        line.next += 1;
        if line.served != own {
            let signal = Arc::new(Condvar::new());
            line.waiting.push_back(Arc::clone(&signal));
            while line.served != own {
                line = signal.wait(line).unwrap_or_else(PoisonError::into_inner);
            }
        }
        Turn { turns: self }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut line = self.turns.line();
        line.served += 1;
        if let Some(next) = line.waiting.pop_front() {
            next.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn nobody_is_overtaken() {
        let turns = Turns::default();
        let served = Mutex::new(Vec::new());
        thread::scope(|scope| {
            let first = turns.take();
            for number in 0..20 {
                let (turns, served) = (&turns, &served);
                scope.spawn(move || {
                    let _turn = turns.take();
                    served.lock().expect("nobody panicked").push(number);
                });
                // Until it has asked, the next one must not.
                while turns.line().waiting.len() <= number {
                    thread::yield_now();
                }
            }
            drop(first);
        });
        let served = served.into_inner().expect("nobody panicked");
        assert_eq!(served, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_turn_ends_with_a_panic_too() {
        let turns = Turns::default();
        let taken = thread::scope(|scope| {
            let panics = scope.spawn(|| {
                let _turn = turns.take();
                panic!("as the test wants it");
            });
            panics.join()
        });
        assert!(taken.is_err());
        drop(turns.take());
    }
}
