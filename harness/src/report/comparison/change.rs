use std::fmt;

use crate::report::snapshot::unexpected_steps;
use crate::report::transcript::Transcript;
use crate::run::Verdict;
use crate::vocabulary::{CaseId, ScenarioId};

/// How a case of one run differs from the same case of an earlier one. The order is that in which they
/// are told: what is worse first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It fails, hangs or crashes, and did not.
    NewlyFailing,
    /// The earlier run did not have it, and it is bad.
    NewAndFailing,
    /// It was bad and is, at another step, with another outcome or another verdict.
    FailingOtherwise,
    /// It came to a verdict on the subject, and is now skipped, unsupported or broken; or it is for
    /// another of these reasons than before.
    NotRun,
    /// It passed, and passes too late.
    Slower,
    /// It was bad, and is good.
    Mended,
    /// It was skipped, unsupported or broken, and is good.
    RunAgain,
    /// The earlier run did not have it, and it is not bad.
    New,
    /// The later run does not have it.
    Gone,
}

impl Change {
    /// Every change, in the order in which they are told.
    pub const ALL: [Self; 9] = [
        Self::NewlyFailing,
        Self::NewAndFailing,
        Self::FailingOtherwise,
        Self::NotRun,
        Self::Slower,
        Self::Mended,
        Self::RunAgain,
        Self::New,
        Self::Gone,
    ];

    /// The words for it, as they stand above the cases that changed so.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NewlyFailing => "newly failing",
            Self::NewAndFailing => "new and failing",
            Self::FailingOtherwise => "failing otherwise",
            Self::NotRun => "not run any more",
            Self::Slower => "slower",
            Self::Mended => "mended",
            Self::RunAgain => "run again",
            Self::New => "new",
            Self::Gone => "gone",
        }
    }

    /// What became of a case; `None` where that is the same in both runs.
    pub(super) fn between(old: Option<&Came>, new: Option<&Came>) -> Option<Self> {
        let (old, new) = match (old, new) {
            (None, None) => return None,
            (Some(_), None) => return Some(Self::Gone),
            (None, Some(new)) if new.verdict.is_bad() => return Some(Self::NewAndFailing),
            (None, Some(_)) => return Some(Self::New),
            (Some(old), Some(new)) => (old, new),
        };
        let (before, after) = (old.verdict, new.verdict);
        let is_judged = |verdict: Verdict| verdict.is_good() || verdict.is_bad();
        if !is_judged(after) {
            (before != after).then_some(Self::NotRun)
        } else if after.is_bad() && before.is_bad() {
            (before != after || old.steps != new.steps).then_some(Self::FailingOtherwise)
        } else if after.is_bad() {
            Some(Self::NewlyFailing)
        } else if before.is_bad() {
            Some(Self::Mended)
        } else if !is_judged(before) {
            Some(Self::RunAgain)
        } else {
            (before == Verdict::Pass && after == Verdict::Slow).then_some(Self::Slower)
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// What a case came to in one run: the worst of its repetitions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Came {
    /// The verdict.
    pub verdict: Verdict,
    /// The steps that gave something else, each with what it gave, without what changes from run to
    /// run. Control characters are escaped; for HTML or Markdown it is to be escaped as any text.
    pub steps: Vec<String>,
    /// Why it was not run, where it was not.
    pub reason: Option<String>,
    /// In how many repetitions it failed or was broken, of how many; told where these differ.
    pub times: (u32, u32),
}

impl Came {
    pub(super) fn of(case: &CaseId, run: &Transcript) -> Option<Self> {
        let shown = run.case(case)?.shown();
        let tally = run.tally().case(case)?;
        let source = run.scenario(&shown.scenario).map_or("", |scenario| &scenario.source);
        let is_judged = shown.verdict.is_good() || shown.verdict.is_bad();
        Some(Self {
            verdict: shown.verdict,
            steps: if shown.verdict.is_bad() {
                unexpected_steps(shown, source)
            } else {
                Vec::new()
            },
            reason: shown.reason.clone().filter(|_| !is_judged),
            times: (tally.failed(), tally.runs()),
        })
    }

    /// Whether it was bad or broken in some repetitions only.
    pub const fn is_unsteady(&self) -> bool {
        self.times.0 > 0 && self.times.0 < self.times.1
    }
}

/// The verdict in words: `fail`, `fail, 3 of 200 times`, `unsupported: needs broadcast`. The reason is
/// as the subject or the machine gave it, and to be escaped.
impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        if self.is_unsteady() {
            write!(f, ", {} of {} times", self.times.0, self.times.1)?;
        }
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

/// A case that differs between two runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseChange {
    /// Which.
    pub case: CaseId,
    /// Its scenario.
    pub scenario: ScenarioId,
    /// How it differs.
    pub change: Change,
    /// What it came to in the earlier run, if that had it.
    pub old: Option<Came>,
    /// What it came to in the later run, if that had it.
    pub new: Option<Came>,
}

impl CaseChange {
    /// Whether the subject does worse: it is bad and was not, it hangs or crashes where it only
    /// failed or hung, or it does not support any more what it did.
    pub fn is_worse(&self) -> bool {
        match self.change {
            Change::NewlyFailing | Change::NewAndFailing => true,
            Change::FailingOtherwise => self.verdict(false) < self.verdict(true),
            Change::NotRun => self.verdict(true) == Some(Verdict::Unsupported),
            Change::Slower | Change::Mended | Change::RunAgain | Change::New | Change::Gone => {
                false
            }
        }
    }

    fn verdict(&self, later: bool) -> Option<Verdict> {
        let came = if later { &self.new } else { &self.old };
        came.as_ref().map(|came| came.verdict)
    }
}
