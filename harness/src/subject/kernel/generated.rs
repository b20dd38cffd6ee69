use std::iter;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::vocabulary::Payload;

/// A generated payload that some call still uses, or is about to.
struct Shared {
    length: u64,
    seed: u64,
    bytes: Mutex<Weak<[u8]>>,
}

static SHARED: Mutex<Vec<Arc<Shared>>> = Mutex::new(Vec::new());

/// The bytes of a generated payload, the same ones for every case that sends them meanwhile: the
/// variants of a scenario wait together, and a copy for each would add up.
pub(super) fn bytes(length: u64, seed: u64) -> Arc<[u8]> {
    let shared = find(length, seed);
    // Who wants another payload does not wait while this one is made.
    let mut kept = locked(&shared.bytes);
    if let Some(bytes) = kept.upgrade() {
        return bytes;
    }
    let size = usize::try_from(length).expect("the language's limit keeps it far below");
    let mut bytes: Arc<[u8]> = iter::repeat_n(0, size).collect();
    if let Some(fresh) = Arc::get_mut(&mut bytes) {
        Payload::generate(seed, 0, fresh);
    }
    *kept = Arc::downgrade(&bytes);
    bytes
}

/// The place of a payload; those that nobody uses any more go.
fn find(length: u64, seed: u64) -> Arc<Shared> {
    let mut all = locked(&SHARED);
    all.retain(|one| Arc::strong_count(one) > 1 || locked(&one.bytes).strong_count() > 0);
    let known = all.iter().find(|one| one.length == length && one.seed == seed);
    if let Some(known) = known {
        return Arc::clone(known);
    }
    let none: Weak<[u8]> = Weak::<[u8; 0]>::new();
    let fresh = Arc::new(Shared { length, seed, bytes: Mutex::new(none) });
    all.push(Arc::clone(&fresh));
    fresh
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_is_shared_and_what_is_not_is_let_go() {
        // A length that no other test asks for, since they all share what is kept.
        let one = bytes(99_991, 41);
        assert_eq!(one[..], Payload::Generated { length: 99_991, seed: 41 }.bytes()[..]);
        let same = bytes(99_991, 41);
        assert!(Arc::ptr_eq(&one, &same));
        assert!(!Arc::ptr_eq(&one, &bytes(99_991, 42)));
        drop((one, same));
        let other = bytes(7, 41);
        let kept = locked(&SHARED);
        assert!(!kept.iter().any(|one| one.length == 99_991));
        drop(other);
    }
}
