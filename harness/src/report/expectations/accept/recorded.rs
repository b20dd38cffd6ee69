use std::collections::{BTreeMap, BTreeSet};

use super::error::AcceptError;
use crate::report::expectations::conditions::Circumstances;
use crate::report::transcript::Transcript;
use crate::scenario::{Case, Scenario};
use crate::vocabulary::{CaseId, ScenarioId};

/// A recording, as it is held against an expectations file.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its file, for a person to read.
    pub name: String,
    /// What it tells.
    pub transcript: Transcript,
}

impl Recorded {
    /// Where it was made.
    pub fn circumstances(&self) -> Circumstances {
        let run = self.transcript.tally().started();
        Circumstances {
            kernel: run.and_then(|run| run.kernel.clone()),
            version: run.map(|run| run.subject_version.clone()).unwrap_or_default(),
            peer: run.and_then(|run| run.peer).unwrap_or_default(),
        }
    }

    /// Makes sure that it is of a suite: of scenarios that have the same text, and of cases that there
    /// are.
    ///
    /// # Errors
    /// Names the first scenario or case that is not the same.
    pub fn is_of(&self, scenarios: &[&Scenario], cases: &[Case]) -> Result<(), AcceptError> {
        let scenarios: BTreeMap<&ScenarioId, &Scenario> =
            scenarios.iter().map(|one| (&one.id, *one)).collect();
        for scenario in self.transcript.scenarios() {
            let (name, id) = (self.name.clone(), scenario.id.clone());
            match scenarios.get(&scenario.id) {
                Some(own) if own.source == scenario.source => {}
                Some(_) => return Err(AcceptError::OtherText { name, scenario: id }),
                None => return Err(AcceptError::NoScenario { name, scenario: id }),
            }
        }
        let cases: BTreeSet<&CaseId> = cases.iter().map(|case| &case.id).collect();
        match self.transcript.tally().cases().find(|(id, _)| !cases.contains(id)) {
            Some((case, _)) => {
                Err(AcceptError::NoCase { name: self.name.clone(), case: case.clone() })
            }
            None => Ok(()),
        }
    }
}
