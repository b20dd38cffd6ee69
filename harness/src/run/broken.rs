use super::Verdict;
use crate::subject::SubjectError;

/// Why a case could not go on.
pub(super) struct Broken {
    /// What it comes to: broken, unless the subject is gone.
    pub(super) verdict: Verdict,
    pub(super) reason: String,
}

impl Broken {
    /// The harness failed.
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Broken, reason: reason.into() }
    }
}

impl From<SubjectError> for Broken {
    fn from(error: SubjectError) -> Self {
        let verdict = match error {
            SubjectError::Died { .. } => Verdict::Crash,
            SubjectError::Stuck => Verdict::Hang,
            _ => Verdict::Broken,
        };
        Self { verdict, reason: error.to_string() }
    }
}

impl From<&str> for Broken {
    fn from(reason: &str) -> Self {
        Self::new(reason)
    }
}
