use std::time::Duration;

use super::Verdict;
use super::event::{CaseFinished, Judgement};
use super::limits::Limits;
use crate::scenario::Case;

/// How often a case is run at most before the machine counts as too busy to decide it.
pub(super) const ATTEMPTS: u32 = 3;

/// What scenarios leave room for between the moments that must not change places.
const MARGIN: Duration = Duration::from_millis(50);

/// Whether a failure may be the machine's doing: it did not let the harness act when the scenario
/// said, so that what came of it says nothing about the subject. What the harness failed at never
/// says anything about it.
///
/// A call that returned earlier than it may is never excused: no stall makes a call shorter.
pub(super) fn is_undecided(case: &Case, finished: &CaseFinished, limits: &Limits) -> bool {
    let early = finished.steps.iter().any(|step| matches!(step.judgement, Judgement::Early { .. }));
    match finished.verdict {
        Verdict::Fail => case.is_timed() && !early && finished.stall >= MARGIN,
        Verdict::Hang => finished.stall >= limits.answer / 4,
        // Most often a thread got no turn in time, which need not keep the witness from its own.
        Verdict::Broken => true,
        _ => false,
    }
}

/// Makes of a failure that could not be decided in any attempt what it is. A harness that fails
/// every time stays broken.
pub(super) fn give_up(finished: &mut CaseFinished) {
    if finished.verdict == Verdict::Broken {
        return;
    }
    finished.verdict = Verdict::Slow;
    finished.reason = Some(format!(
        "not decided: it failed in each of {ATTEMPTS} attempts while the machine stalled, the last \
         time for {:.0?}",
        finished.stall
    ));
}
