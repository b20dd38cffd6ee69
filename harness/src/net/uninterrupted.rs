use std::io::{self, ErrorKind};

/// Makes a call until no signal has come before it: one that a deadline left behind, or of a debugger.
pub(super) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_interruption_is_made_up_for() {
        let mut results = vec![Ok(7), Err(ErrorKind::Interrupted.into())];
        assert_eq!(uninterrupted(|| results.pop().expect("not so often")).ok(), Some(7));
        let refused = uninterrupted(|| Err::<(), _>(ErrorKind::PermissionDenied.into()));
        assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::PermissionDenied));
    }
}
