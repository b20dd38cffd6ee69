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
    /// Runs `ours` and `theirs` in alternating blocks of `turns`.
    pub(crate) fn measure(turns: u32, mut ours: impl FnMut(), mut theirs: impl FnMut()) -> Self {
        let mut pair = Self { ours: Vec::new(), theirs: Vec::new() };
        // The first block of each warms up and is not kept.
        for block in 0..=BLOCKS {
            let time = |run: &mut dyn FnMut()| {
                let began = Instant::now();
                for _ in 0..turns {
                    run();
                }
                began.elapsed() / turns
            };
            let (our, their) = (time(&mut ours), time(&mut theirs));
            if block > 0 {
                pair.ours.push(our);
                pair.theirs.push(their);
            }
        }
        pair.ours.sort();
        pair.theirs.sort();
        pair
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
            "best {} against {}, medians {} against {}, {BLOCKS} blocks",
            micros(self.ours[0]),
            micros(self.theirs[0]),
            median(&self.ours),
            median(&self.theirs)
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
