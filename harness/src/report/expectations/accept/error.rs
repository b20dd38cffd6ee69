use crate::scenario::Diagnostic;
use crate::vocabulary::{CaseId, ScenarioId};

/// Why recordings cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// There are mistakes in the file.
    #[error("the expectations file has mistakes")]
    Mistakes {
        /// All of them.
        mistakes: Vec<Diagnostic>,
    },
    /// There is no recording, or one that does not begin.
    #[error("{name} holds no run")]
    Empty {
        /// The recording.
        name: String,
    },
    /// Recordings of two subjects were given.
    #[error(
        "{name} is of the subject {subject}, and {first} of {expected}: accept each for itself"
    )]
    OtherSubject {
        /// The recording that differs.
        name: String,
        /// Its subject.
        subject: String,
        /// The first recording.
        first: String,
        /// The subject of that.
        expected: String,
    },
    /// A recording does not hold all that its run announced.
    #[error(
        "{name} is incomplete: what did not run is not known; run it again, or accept what is there \
         with --incomplete"
    )]
    Incomplete {
        /// Which.
        name: String,
    },
    /// A scenario has another text now.
    #[error("{name} was recorded with another text of {scenario}: run it again")]
    OtherText {
        /// The recording.
        name: String,
        /// The scenario.
        scenario: ScenarioId,
    },
    /// A scenario is not part of the suite.
    #[error("{name} has cases of {scenario}, which is not part of the suite")]
    NoScenario {
        /// The recording.
        name: String,
        /// The scenario.
        scenario: ScenarioId,
    },
    /// A case is not part of the suite.
    #[error("{name} has the case {case}, which is not part of the suite")]
    NoCase {
        /// The recording.
        name: String,
        /// The case.
        case: CaseId,
    },
    /// An entry applies to one recording and not to another.
    #[error(
        "the entry at line {line} applies to some of the recordings and not to the others: accept \
         those of one kernel and version at a time"
    )]
    Mixed {
        /// The line of the entry.
        line: u32,
    },
    /// An entry for another kernel or version speaks of a case, and the recordings are not of one.
    #[error(
        "the entry at line {line} speaks of {case} elsewhere, and the recordings are not of one \
         kernel and version: accept those of one at a time"
    )]
    Elsewhere {
        /// The case.
        case: CaseId,
        /// The line of the entry.
        line: u32,
    },
    /// No pattern stands for a case alone.
    #[error("no pattern stands for {case} alone: write the entry by hand")]
    NoPattern {
        /// The case.
        case: CaseId,
    },
    /// The entries are not written as tables.
    #[error(
        "the entries are an array of inline tables, which is not edited: write each as \
         `[[expectation]]`"
    )]
    Inline,
}
