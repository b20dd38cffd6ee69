use crate::report::standing::Standing;
use crate::run::Verdict;
use crate::run::event::{Judgement, StepReport};

/// The sign of a verdict. All are in the fonts that every system has, and none is ever shown as a picture.
pub(super) const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Slow => "~",
        Verdict::Fail => "✗",
        Verdict::Hang => "∞",
        Verdict::Crash => "†",
        Verdict::Unsupported => "∅",
        Verdict::Skipped => "–",
        Verdict::Broken => "!",
    }
}

/// The sign of a standing.
pub(super) const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Expected => "=",
        Standing::Known => "≡",
        Standing::Regression => "▼",
        Standing::Mended => "▲",
        Standing::Flaky => "≈",
    }
}

/// The sign of a step, and the word that names its colours in the stylesheet.
pub(super) fn step(step: &StepReport) -> (&'static str, &'static str) {
    match step.judgement {
        Judgement::Moot => ("–", "moot"),
        Judgement::Met if step.expected.is_none() => ("·", "moot"),
        Judgement::Met => ("✓", "pass"),
        Judgement::Slow { .. } => ("~", "slow"),
        Judgement::Excused { .. } => ("≠", "slow"),
        Judgement::Missed { .. } | Judgement::Early { .. } => ("✗", "fail"),
        Judgement::Hung => ("∞", "hang"),
    }
}
