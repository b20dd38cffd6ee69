use std::process::ExitCode;

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
