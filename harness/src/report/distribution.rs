use std::fmt;

use super::printable::Many;
use crate::run::Samples;

/// How the times of many calls are distributed, as the distance of each from what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Distribution {
    /// How many there were.
    pub(super) count: usize,
    pub(super) earliest: Over,
    pub(super) median: Over,
    /// No more than one in a hundred was later.
    pub(super) most: Over,
    pub(super) latest: Over,
}

impl Distribution {
    /// That of nanoseconds in any order; nothing is distributed in no way.
    pub(super) fn of(mut over: Vec<i64>) -> Option<Self> {
        over.sort_unstable();
        let rank = |percent: usize| (over.len() * percent).div_ceil(100).saturating_sub(1);
        let at = |index: usize| over.get(index).copied().map(Over);
        Some(Self {
            count: over.len(),
            earliest: at(0)?,
            median: at(rank(50))?,
            most: at(rank(99))?,
            latest: at(rank(100))?,
        })
    }

    /// That of the calls of one step.
    pub(super) fn of_step(samples: &Samples) -> Option<Self> {
        Self::of(samples.over.clone())
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, earliest, median, most, latest } = self;
        let samples = Many(*count as u64, "sample");
        write!(f, "{samples}: earliest {earliest}, median {median}, 99 % {most}, latest {latest}")
    }
}

/// By how many nanoseconds something came later than asked for: `+0.05 ms`, `-2.00 ms`.
///
/// It is rounded down, so that what came early never looks as if it had come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Over(pub(super) i64);

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.0.div_euclid(10_000);
        let sign = if hundredths < 0 { '-' } else { '+' };
        let size = hundredths.unsigned_abs();
        write!(f, "{sign}{}.{:02} ms", size / 100, size % 100)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "+0.00 ms")]
    #[case(9_999, "+0.00 ms")]
    #[case(50_000, "+0.05 ms")]
    #[case(-1, "-0.01 ms")]
    #[case(-2_000_000, "-2.00 ms")]
    #[case(12_345_678, "+12.34 ms")]
    #[case(i64::MIN, "-9223372036854.78 ms")]
    #[case(i64::MAX, "+9223372036854.77 ms")]
    fn what_is_early_never_looks_in_time(#[case] nanos: i64, #[case] shown: &str) {
        assert_eq!(Over(nanos).to_string(), shown);
    }

    #[test]
    fn a_rank_is_the_least_that_so_many_do_not_exceed() {
        let all = |last: i64| Distribution::of((1..=last).rev().collect());
        let ranks = |last| all(last).map(|all| (all.median.0, all.most.0, all.latest.0));
        assert_eq!(ranks(1), Some((1, 1, 1)));
        assert_eq!(ranks(20), Some((10, 20, 20)));
        assert_eq!(ranks(100), Some((50, 99, 100)));
        assert_eq!(ranks(1_000), Some((500, 990, 1_000)));
        assert_eq!(Distribution::of(Vec::new()), None);
    }

    #[test]
    fn it_is_told_on_one_line() {
        let over = [110_000, -20_000, 400_000, 2_100_000];
        let told = Distribution::of(over.to_vec()).map(|all| all.to_string());
        insta::assert_snapshot!(told.unwrap_or_default(), @"4 samples: earliest -0.02 ms, median +0.11 ms, 99 % +2.10 ms, latest +2.10 ms");
    }
}
