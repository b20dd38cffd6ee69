use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::subject::Aborter;

/// Asks a run to end before its time, from any thread.
///
/// No further case begins then, and what cases wait in is broken as far as the subject can do that.
/// Nothing is told of the cases that were on their way: what they came to is not the subject's doing.
#[derive(Default)]
pub struct Stop {
    asked: AtomicBool,
    abort: Mutex<Option<Aborter>>,
}

impl Stop {
    /// Asks for it. There is no way back. To be repeated every few milliseconds until the run has
    /// ended, since a case may begin to wait just after.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
        let abort = self.abort.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(abort) = abort {
            abort();
        }
    }

    /// Whether somebody has asked for it.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Says by what the calls of the run are broken, while it lasts.
    pub(super) fn concerns(&self, abort: Option<Aborter>) {
        *self.abort.lock().unwrap_or_else(PoisonError::into_inner) = abort;
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("asked", &self.asked).finish_non_exhaustive()
    }
}
