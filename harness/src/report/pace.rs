use std::time::{Duration, Instant};

/// Says when something that may be done at most once an interval is due again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    interval: Duration,
    last: Option<Instant>,
}

impl Pace {
    /// Due at most once an interval, and not before the first has passed.
    pub(crate) const fn every(interval: Duration) -> Self {
        Self { interval, last: None }
    }

    /// Whether it is due. The first call starts the clock; each yes starts it again.
    pub(crate) fn due(&mut self, now: Instant) -> bool {
        match self.last {
            Some(last) if now.duration_since(last) < self.interval => false,
            last => {
                self.last = Some(now);
                last.is_some()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_once_an_interval() {
        let start = Instant::now();
        let mut pace = Pace::every(Duration::from_secs(10));
        let due = [0, 9, 10, 11, 19, 35, 44, 45]
            .map(|seconds| pace.due(start + Duration::from_secs(seconds)));
        assert_eq!(due, [false, false, true, false, false, true, false, true]);
    }
}
