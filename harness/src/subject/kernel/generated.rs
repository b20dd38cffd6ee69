use std::iter;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::vocabulary::Payload;

/// A generated payload that some call still uses.
struct Shared {
    length: u64,
    seed: u64,
    bytes: Weak<[u8]>,
}

static SHARED: Mutex<Vec<Shared>> = Mutex::new(Vec::new());

/// The bytes of a generated payload, the same ones for every case that sends them meanwhile: the
/// variants of a scenario wait together, and a copy for each would add up.
pub(super) fn bytes(length: u64, seed: u64) -> Arc<[u8]> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.retain(|one| one.bytes.strong_count() > 0);
    let known = shared.iter().find(|one| one.length == length && one.seed == seed);
    if let Some(bytes) = known.and_then(|one| one.bytes.upgrade()) {
        return bytes;
    }
    let size = usize::try_from(length).expect("the language's limit keeps it far below");
    let mut bytes: Arc<[u8]> = iter::repeat_n(0, size).collect();
    if let Some(fresh) = Arc::get_mut(&mut bytes) {
        Payload::generate(seed, 0, fresh);
    }
    shared.push(Shared { length, seed, bytes: Arc::downgrade(&bytes) });
    bytes
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
        let kept = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(!kept.iter().any(|one| one.length == 99_991));
        drop(other);
    }
}
