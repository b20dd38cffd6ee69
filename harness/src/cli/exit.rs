use std::process::ExitCode;

use crate::report::Tally;
use crate::subject::program::Ending;

/// What the program's exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything stands as expected.
    Good,
    /// Something failed that was not expected to.
    Failed,
    /// The command line, or a scenario, is wrong.
    Usage,
    /// The harness or the environment failed.
    Broken,
    /// Nothing was selected.
    Nothing,
    /// All that is wrong is an expectation that does not hold any more, or is past its date.
    Stale,
}

impl Exit {
    /// What a run comes to.
    pub(super) fn of(tally: &Tally) -> Self {
        match tally.exit_code() {
            0 => Self::Good,
            1 => Self::Failed,
            4 => Self::Nothing,
            5 => Self::Stale,
            _ => Self::Broken,
        }
    }

    /// What a run came to that was a process of its own.
    pub(super) fn of_process(ending: Ending) -> Self {
        match ending {
            Ending::Code(0) => Self::Good,
            Ending::Code(1) => Self::Failed,
            Ending::Code(2) => Self::Usage,
            Ending::Code(4) => Self::Nothing,
            Ending::Code(5) => Self::Stale,
            Ending::Code(_) | Ending::Signal(_) | Ending::Closed => Self::Broken,
        }
    }

    /// What several runs come to together, or one of which a report was lost: the first in the order
    /// in which `sockspec run` decides.
    pub(super) fn and(self, other: Self) -> Self {
        let rank = |exit| match exit {
            Self::Usage => 0,
            Self::Failed => 1,
            Self::Broken => 2,
            Self::Nothing => 3,
            Self::Stale => 4,
            Self::Good => 5,
        };
        if rank(other) < rank(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Good => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Broken => 3,
            Exit::Nothing => 4,
            Exit::Stale => 5,
        })
    }
}
