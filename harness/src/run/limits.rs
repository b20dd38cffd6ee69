use std::time::Duration;

use crate::scenario::{Alternative, Expectation, Expected};
use crate::vocabulary::Op;

/// How long calls may take: pure decisions, made before a call.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The deadline of an answer: a call that has not returned by then hangs.
    pub answer: Duration,
    /// By how much soft bounds and deadlines are stretched, at least 1.
    pub slack: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { answer: Duration::from_secs(2), slack: 1.0 }
    }
}

/// How long a call is watched that is expected not to return, unless the step says `for T`.
pub(super) const SILENCE: Duration = Duration::from_millis(100);

impl Limits {
    /// The deadline of a call with this expectation.
    pub(super) fn of(&self, op: Option<&Op>, expectation: Option<&Expectation>) -> Duration {
        let answer = self.answer.mul_f64(self.slack.max(1.0));
        let Some(expectation) = expectation else { return answer };
        let silence = expectation
            .alternatives
            .iter()
            .filter(|alternative| alternative.expected == Expected::Blocked)
            .map(|alternative| alternative.lasting.unwrap_or(SILENCE))
            .max();
        if let Some(silence) = silence {
            return silence;
        }
        let asked = match op {
            Some(Op::Poll { timeout: Some(timeout), .. }) => *timeout,
            _ => Duration::ZERO,
        };
        let longest = expectation.alternatives.iter().map(longest).max().unwrap_or_default();
        asked.max(longest) + answer
    }

    /// How long a soft bound is after stretching: by the slack, and by what the machine stalled.
    pub(super) fn stretched(&self, bound: Duration, stall: Duration) -> Duration {
        bound.mul_f64(self.slack.max(1.0)) + stall
    }
}

fn longest(alternative: &Alternative) -> Duration {
    let before = alternative.before.map(|before| before.limit);
    [alternative.after, before, alternative.lasting].into_iter().flatten().max().unwrap_or_default()
}
