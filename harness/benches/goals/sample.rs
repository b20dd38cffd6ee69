use std::time::{Duration, Instant};

/// Times per turn of two things done in turn, in blocks, so that a machine whose speed drifts
/// slows both alike.
pub(crate) struct Pair {
    ours: Vec<Duration>,
    theirs: Vec<Duration>,
}

/// How many blocks of each.
const BLOCKS: usize = 21;

impl Pair {
    /// Times per turn that were taken elsewhere, in turn.
    pub(crate) fn of(mut ours: Vec<Duration>, mut theirs: Vec<Duration>) -> Self {
        ours.sort();
        theirs.sort();
        Self { ours, theirs }
    }

    /// Runs `ours` and `theirs` in alternating blocks of `turns`.
    pub(crate) fn measure(turns: u32, ours: impl FnMut(), theirs: impl FnMut()) -> Self {
        Self::measure_in(BLOCKS, turns, ours, theirs)
    }

    /// The same in so many blocks of each.
    pub(crate) fn measure_in(
        blocks: usize,
        turns: u32,
        mut ours: impl FnMut(),
        mut theirs: impl FnMut(),
    ) -> Self {
        let (mut all_ours, mut all_theirs) = (Vec::new(), Vec::new());
        // The first block of each warms up and is not kept.
        for block in 0..=blocks {
            let time = |run: &mut dyn FnMut()| {
                let began = Instant::now();
                for _ in 0..turns {
                    run();
                }
                began.elapsed() / turns
            };
            let (our, their) = (time(&mut ours), time(&mut theirs));
            if block > 0 {
                all_ours.push(our);
                all_theirs.push(their);
            }
        }
        Self::of(all_ours, all_theirs)
    }

    /// Our best time.
    pub(crate) fn ours(&self) -> Duration {
        self.ours[0]
    }

    /// Their best time.
    pub(crate) fn theirs(&self) -> Duration {
        self.theirs[0]
    }

    /// Our rate as a part of theirs, by the best blocks of each.
    pub(crate) fn rate(&self) -> f64 {
        self.theirs[0].as_secs_f64() / self.ours[0].as_secs_f64()
    }

    /// The medians, for a person to read.
    pub(crate) fn medians(&self) -> String {
        let median = |times: &[Duration]| micros(times[times.len() / 2]);
        format!(
            "best {} against {}, medians {} against {}, {} blocks",
            micros(self.ours[0]),
            micros(self.theirs[0]),
            median(&self.ours),
            median(&self.theirs),
            self.ours.len()
        )
    }
}

/// A time in microseconds.
pub(crate) fn micros(time: Duration) -> String {
    format!("{:.1} us", time.as_secs_f64() * 1e6)
}

/// The middle one.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
