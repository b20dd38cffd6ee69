use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long the calls took of a step that is performed several times in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Samples {
    /// How often the step was to be performed.
    #[schemars(range(min = 2))]
    pub wanted: u32,
    /// How long each had to take at the least.
    pub asked: Duration,
    /// By how many nanoseconds each took longer than that, in rising order; less than zero is
    /// shorter. One that is not as expected ends the step, and then there are fewer than wanted.
    #[schemars(length(max = 1_000))]
    pub over: Vec<i64>,
}

impl Samples {
    /// No sample so far.
    pub(super) const fn new(wanted: u32, asked: Duration) -> Self {
        Self { wanted, asked, over: Vec::new() }
    }

    /// Adds how long a call took.
    pub(super) fn add(&mut self, took: Duration) {
        let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let over = nanos(took) - nanos(self.asked);
        let at = self.over.partition_point(|other| *other <= over);
        self.over.insert(at, over);
    }

    /// How long a call took that was neither among the shorter nor among the longer half.
    pub(super) fn median(&self) -> Duration {
        let over = self.over.get(self.over.len().saturating_sub(1) / 2).copied().unwrap_or(0);
        let distance = Duration::from_nanos(over.unsigned_abs());
        if over < 0 { self.asked.saturating_sub(distance) } else { self.asked + distance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn samples_are_kept_in_order_by_how_much_longer_they_took() {
        let mut samples = Samples::new(3, millis(20));
        assert_eq!(samples.median(), millis(20));
        for took in [25, 19, 21] {
            samples.add(millis(took));
        }
        assert_eq!(samples.over, [-1_000_000, 1_000_000, 5_000_000]);
        assert_eq!(samples.median(), millis(21));
    }

    #[test]
    fn the_median_of_an_even_number_is_the_lower_one() {
        let mut samples = Samples::new(2, millis(20));
        samples.add(millis(22));
        samples.add(millis(18));
        assert_eq!(samples.median(), millis(18));
    }
}
