use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Verdict;
use super::event::CaseFinished;
use crate::vocabulary::{CaseId, Date, Ending};

/// What is known before a run of how its subject departs from the scenarios: the entries of its
/// expectations file that concern cases of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Known {
    /// The file, for a person to read.
    pub file: String,
    /// The entries, in the order of the file. No case belongs to two of them.
    pub entries: Vec<Entry>,
}

/// What is known of some cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// The line of the file at which it begins, from 1.
    pub line: u32,
    /// The line at which it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_line: Option<u32>,
    /// The cases of the run that it speaks of.
    pub cases: Vec<CaseId>,
    /// The patterns by which it does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<EntryPattern>,
    /// What each of them may come to.
    pub verdicts: Vec<Verdict>,
    /// How the step at which one of them fails ends its stream, where that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// Why.
    pub reason: String,
    /// Where that is laid down.
    pub source: String,
    /// The day from which on it has to be looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// The line of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_line: Option<u32>,
}

/// A pattern of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EntryPattern {
    /// The pattern as it stands in the file, without quotes.
    pub text: String,
    /// The line of the file on which it stands, from 1.
    pub line: u32,
    /// The cases of the run that it stands for, as positions among those of the entry.
    pub cases: Vec<u32>,
    /// How many cases of the suite it stands for, whether they take part in the run or not, where the
    /// whole suite was there to be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
}

impl Known {
    /// The entry that speaks of a case.
    pub fn of(&self, case: &CaseId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.cases.contains(case))
    }
}

impl Entry {
    /// Whether a case may come to this. What is slow counts as a pass.
    pub fn expects(&self, verdict: Verdict) -> bool {
        let verdict = if verdict == Verdict::Slow { Verdict::Pass } else { verdict };
        self.verdicts.contains(&verdict)
    }

    /// Whether what a case came to is what the entry says.
    pub fn bears_out(&self, case: &CaseFinished) -> bool {
        self.expects(case.verdict) && !case.fails_but_for(self.ending)
    }

    /// The verdicts, for a person to read: `fail or hang`, with the ending: `fail (end-of-stream)`.
    pub fn words(&self) -> String {
        let word = |verdict: &Verdict| match self.ending {
            Some(ending) if *verdict == Verdict::Fail => format!("{verdict} ({ending})"),
            _ => verdict.to_string(),
        };
        self.verdicts.iter().map(word).collect::<Vec<_>>().join(" or ")
    }

    /// Whether it has to be looked at again on that day.
    pub fn is_past(&self, day: Date) -> bool {
        self.until.is_some_and(|until| until <= day)
    }
}
