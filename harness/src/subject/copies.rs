use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the start of a program waits for closes that go on: one that takes longer lingers, and has
/// long let go of its descriptor.
const ENTERED: Duration = Duration::from_millis(50);

/// Those of this process.
static COPIES: Copies =
    Copies { going_on: Mutex::new(GoingOn { starts: 0, closes: 0 }), changed: Condvar::new() };

/// Keeps the starts of programs and the closes of sockets apart. A program that is started has a copy of
/// every descriptor of this process until it executes, and a close is not the last one meanwhile: it
/// does not linger, no FIN is sent, and the port stays taken.
#[derive(Debug)]
struct Copies {
    going_on: Mutex<GoingOn>,
    changed: Condvar,
}

/// How many of each there are.
#[derive(Debug, PartialEq, Eq)]
struct GoingOn {
    starts: usize,
    closes: usize,
}

/// Starts a program while no socket is closed.
pub(super) fn starting<T>(start: impl FnOnce() -> T) -> T {
    let starting = COPIES.start();
    let started = start();
    drop(starting);
    started
}

/// That a socket is closed: no program is started until this is dropped, or has long been going on.
pub(super) fn closing() -> Closing {
    COPIES.close()
}

/// A close that goes on.
#[must_use]
#[derive(Debug)]
pub(super) struct Closing(&'static Copies);

/// A start that goes on.
struct Starting(&'static Copies);

impl Copies {
    fn start(&'static self) -> Starting {
        let mut going_on = self.going_on();
        // No close begins from here on.
        going_on.starts += 1;
        let waited = self.changed.wait_timeout_while(going_on, ENTERED, |now| now.closes > 0);
        drop(waited);
        Starting(self)
    }

    fn close(&'static self) -> Closing {
        let going_on = self.going_on();
        let waited = self.changed.wait_while(going_on, |now| now.starts > 0);
        waited.unwrap_or_else(PoisonError::into_inner).closes += 1;
        Closing(self)
    }

    fn going_on(&self) -> MutexGuard<'_, GoingOn> {
        self.going_on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.going_on().starts -= 1;
        self.0.changed.notify_all();
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.going_on().closes -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixListener};
    use std::process::{Command, Stdio};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    /// How many sockets are closed while programs are started.
    const SOCKETS: usize = 3_000;

    /// How many names of sockets are still taken right behind their closes.
    fn taken() -> usize {
        let still_is = |socket: &usize| {
            let name = format!("sockspec-copies-{}-{socket}", std::process::id());
            let address = SocketAddr::from_abstract_name(name).expect("it is a name");
            let listener = UnixListener::bind_addr(&address).expect("the name is free");
            let closing = closing();
            drop(listener);
            drop(closing);
            UnixListener::bind_addr(&address).is_err()
        };
        (0..SOCKETS).filter(still_is).count()
    }

    #[test]
    fn a_name_is_free_as_soon_as_its_socket_is_closed() {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let mut program = Command::new("true");
                    let child = starting(|| program.stdin(Stdio::null()).spawn());
                    child.and_then(|mut child| child.wait()).expect("true can be started");
                }
            });
            // Another test of this process may start a program that is not kept apart.
            let is_free = (0..3).any(|_| taken() == 0);
            is_over.store(true, Ordering::Relaxed);
            assert!(is_free, "a program had a copy of a socket, again and again");
        });
    }

    #[test]
    fn a_close_that_lingers_holds_up_no_start() {
        static OWN: Copies = Copies {
            going_on: Mutex::new(GoingOn { starts: 0, closes: 0 }),
            changed: Condvar::new(),
        };
        let lingering = OWN.close();
        drop(OWN.start());
        drop(lingering);
        drop(OWN.close());
        assert_eq!(*OWN.going_on(), GoingOn { starts: 0, closes: 0 });
    }
}
