use std::sync::atomic::{AtomicBool, Ordering};

/// Asks a run to end before its time, from any thread.
///
/// No further case begins then, and what cases wait in is broken as far as the subject can do that
/// ([`Subject::abort`]). Nothing is told of the cases that were on their way: what they came to is
/// not the subject's doing.
///
/// [`Subject::abort`]: crate::subject::Subject::abort
#[derive(Debug, Default)]
pub struct Stop {
    asked: AtomicBool,
}

impl Stop {
    /// Asks for it. There is no way back.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    /// Whether somebody has asked for it.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}
