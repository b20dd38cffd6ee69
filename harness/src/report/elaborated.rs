use std::collections::BTreeMap;

use crate::run::event::CaseFinished;
use crate::scenario::{Case, Document, Scenario, Step};
use crate::vocabulary::CaseId;

/// The cases of a scenario, made once more from its recorded text, so that a report knows who acted
/// and what was expected, and not only the words. One serves all cases of its scenario.
///
/// It is empty where the text is that of another version's language.
#[derive(Debug, Default)]
pub struct Elaborated {
    cases: BTreeMap<CaseId, Case>,
}

impl Elaborated {
    /// Elaborates a scenario, with groups grown to so many hosts where the run had grown them.
    pub fn of(scenario: &Scenario, hosts: Option<u32>) -> Self {
        let document = Document::parse(&scenario.source, scenario.id.clone(), &scenario.path).ok();
        let cases = document.and_then(|document| match hosts {
            None => Some(document.cases()),
            Some(hosts) => document.cases_with(hosts as usize).ok(),
        });
        let named = |case: Case| (case.id.clone(), case);
        Self { cases: cases.into_iter().flatten().map(named).collect() }
    }

    /// The case that ran.
    pub(super) fn case(&self, case: &CaseFinished) -> Option<&Case> {
        self.cases.get(&case.case)
    }

    /// The step behind each of the reports on a case; `None` where there is none at its place.
    pub(super) fn steps(&self, case: &CaseFinished) -> Vec<Option<&Step>> {
        let steps = self.case(case).map_or(&[][..], |case| &case.steps);
        let mut next = 0;
        let find = |place| {
            let found = steps[next..].iter().position(|step| step.place == place)?;
            next += found + 1;
            Some(&steps[next - 1])
        };
        case.steps.iter().map(|report| report.place).map(find).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Transcript;
    use crate::report::fixture;
    use crate::scenario::Action;

    #[test]
    fn the_step_behind_each_report_is_found() {
        let transcript = Transcript::of(&fixture::every_standing());
        let mut found = 0;
        for case in transcript.cases() {
            let case = case.shown();
            let scenario = transcript.scenario(&case.scenario).expect("it was loaded");
            let elaborated = Elaborated::of(scenario, None);
            for (step, report) in elaborated.steps(case).into_iter().zip(&case.steps) {
                assert!(step.is_none_or(|step| step.place == report.place));
                found += usize::from(step.is_some());
            }
        }
        assert!(found > 30, "{found}");
    }

    #[test]
    fn groups_are_grown_as_in_the_run() {
        let text = "\"t\"\non lan a b*2\n\nb open s udp4 => ok\n";
        let document = Document::parse(text, crate::vocabulary::ScenarioId::new("t"), "t.scn")
            .expect("it has no mistake");
        let scenario = document.scenario();
        let actors = |hosts| {
            let elaborated = Elaborated::of(scenario, hosts);
            let case = elaborated.cases.values().next().expect("it has a case");
            assert!(matches!(case.steps[0].action, Action::Perform { .. }));
            (case.actors.len(), case.steps.len())
        };
        assert_eq!((actors(None), actors(Some(7))), ((3, 2), (7, 6)));
    }

    #[test]
    fn a_text_of_another_language_has_no_cases() {
        let mut scenario = Scenario {
            id: crate::vocabulary::ScenarioId::new("t"),
            path: String::new(),
            title: String::new(),
            cite: Vec::new(),
            level: crate::vocabulary::Level::Must,
            source: "\"t\"\nclient teleport c => ok\n".into(),
        };
        assert!(Elaborated::of(&scenario, None).cases.is_empty());
        scenario.source = "".into();
        assert!(Elaborated::of(&scenario, Some(3)).cases.is_empty());
    }
}
