use std::fmt;
use std::io;

use crate::run::event::Event;

/// Something that is told what happens in a run and makes a report of it.
pub trait Reporter: Send {
    /// Takes note of one event.
    ///
    /// # Errors
    /// When the report cannot be written. A reporter that has failed is not told anything more.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// Is told that no event follows, whether the run has ended or was cut off before.
    ///
    /// # Errors
    /// When the rest of the report cannot be written.
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<R: Reporter + ?Sized> Reporter for Box<R> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        (**self).event(event)
    }

    fn close(&mut self) -> io::Result<()> {
        (**self).close()
    }
}

/// Several reporters that hear the same events and cannot hurt one another.
///
/// One that fails (a broken pipe, a full disk) is dropped and its error kept; the others go on.
#[derive(Default)]
pub struct Reporters {
    members: Vec<(String, Box<dyn Reporter>)>,
    failures: Vec<(String, io::Error)>,
}

impl Reporters {
    /// No reporter yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a reporter under the name by which its failure is reported, such as the path of its
    /// file.
    pub fn add(&mut self, name: impl Into<String>, reporter: impl Reporter + 'static) {
        self.members.push((name.into(), Box::new(reporter)));
    }

    /// Tells every reporter that still works.
    pub fn event(&mut self, event: &Event) {
        self.tell(|reporter| reporter.event(event));
    }

    /// Tells every reporter that still works that no event follows.
    pub fn close(&mut self) {
        self.tell(|reporter| reporter.close());
    }

    fn tell(&mut self, tell: impl Fn(&mut dyn Reporter) -> io::Result<()>) {
        let failures = &mut self.failures;
        self.members.retain_mut(|(name, reporter)| match tell(&mut **reporter) {
            Ok(()) => true,
            Err(error) => {
                failures.push((std::mem::take(name), error));
                false
            }
        });
    }

    /// Each reporter that failed, by name, with its error, in the order in which they failed.
    pub fn failures(&self) -> &[(String, io::Error)] {
        &self.failures
    }
}

impl fmt::Debug for Reporters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.members.iter().map(|(name, _)| name).collect();
        f.debug_struct("Reporters")
            .field("members", &names)
            .field("failures", &self.failures)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::report::fixture;
    use crate::report::recording::RecordingWriter;

    /// Counts events, and fails from one of them on.
    struct Counting {
        heard: Arc<Mutex<usize>>,
        fails_at: usize,
    }

    impl Reporter for Counting {
        fn event(&mut self, _: &Event) -> io::Result<()> {
            let mut heard = self.heard.lock().expect("no other user panicked");
            *heard += 1;
            if *heard == self.fails_at { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
        }
    }

    /// A disk without room.
    struct Full;

    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_ends_the_recording_and_nothing_else() {
        let heard = Arc::new(Mutex::new(0));
        let mut reporters = Reporters::new();
        reporters.add("run.jsonl", RecordingWriter::new(Full));
        reporters.add("file", Counting { heard: Arc::clone(&heard), fails_at: 0 });
        let events = fixture::run();
        for event in &events {
            reporters.event(event);
        }
        assert_eq!(*heard.lock().expect("no panic"), events.len());
        let [(name, error)] = reporters.failures() else { panic!("one failed") };
        assert_eq!((name.as_str(), error.kind()), ("run.jsonl", io::ErrorKind::StorageFull));
    }

    #[test]
    fn a_failing_reporter_is_dropped_and_the_others_go_on() {
        let (pipe, file) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        let mut reporters = Reporters::new();
        reporters.add("pipe", Counting { heard: Arc::clone(&pipe), fails_at: 3 });
        reporters.add("file", Counting { heard: Arc::clone(&file), fails_at: 0 });
        let events = fixture::run();
        for event in &events {
            reporters.event(event);
        }

        assert_eq!(*pipe.lock().expect("no panic"), 3);
        assert_eq!(*file.lock().expect("no panic"), events.len());
        let failures: Vec<_> = reporters
            .failures()
            .iter()
            .map(|(name, error)| (name.as_str(), error.kind()))
            .collect();
        assert_eq!(failures, [("pipe", io::ErrorKind::BrokenPipe)]);
    }
}
