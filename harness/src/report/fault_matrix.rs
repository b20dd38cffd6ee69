use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::run::event::{CaseFinished, Event};
use crate::run::{Baseline, Verdict};
use crate::subject::faulty::Fault;
use crate::vocabulary::{CaseId, ScenarioId};

/// Which scenarios notice which planted faults.
///
/// A case notices a fault if it goes wrong with it, and not in the same step with the same outcome
/// without it. A scenario does if one of its cases does.
#[derive(Debug)]
pub struct FaultMatrix {
    faults: Vec<Fault>,
    /// Each scenario that took part, with the faults that it noticed.
    noticed: BTreeMap<ScenarioId, BTreeSet<usize>>,
    /// What goes wrong without a fault.
    baseline: Baseline,
    /// What was run with each fault.
    tried: Vec<u64>,
    /// Why cases were not run.
    skipped: BTreeMap<String, BTreeSet<CaseId>>,
    /// What the machine's stalls have left undecided, with the fault.
    undecided: BTreeSet<(usize, CaseId)>,
    /// What failed that is neither the subject nor a fault.
    broken: Vec<String>,
}

impl FaultMatrix {
    /// An empty matrix for these faults.
    pub fn new(faults: Vec<Fault>) -> Self {
        Self {
            tried: vec![0; faults.len()],
            faults,
            noticed: BTreeMap::new(),
            baseline: Baseline::default(),
            skipped: BTreeMap::new(),
            undecided: BTreeSet::new(),
            broken: Vec::new(),
        }
    }

    /// Takes note of an event of the run without a fault, which comes first.
    pub fn without(&mut self, event: &Event) {
        self.baseline.event(event);
        match event {
            Event::CaseFinished(case) => match case.verdict {
                // No fault could be noticed there.
                Verdict::Unsupported => {}
                Verdict::Skipped => {
                    let reason = case.reason.clone().unwrap_or_default();
                    self.skipped.entry(reason).or_default().insert(case.case.clone());
                }
                _ => {
                    self.noticed.entry(case.scenario.clone()).or_default();
                    self.look_for_breakage("without a fault", case);
                }
            },
            Event::RunFinished(end) => {
                self.broken.extend(end.leaks.iter().map(|leak| format!("without a fault: {leak}")));
            }
            _ => {}
        }
    }

    /// Takes note of an event of the run with the fault at this position.
    pub fn with(&mut self, fault: usize, event: &Event) {
        let Event::CaseFinished(case) = event else { return };
        if matches!(case.verdict, Verdict::Skipped | Verdict::Unsupported) {
            return;
        }
        self.tried[fault] += 1;
        self.look_for_breakage(self.faults[fault].name(), case);
        let key = (fault, case.case.clone());
        if case.is_undecided() {
            self.undecided.insert(key);
            return;
        }
        self.undecided.remove(&key);
        if self.baseline.is_worse(case) {
            self.noticed.entry(case.scenario.clone()).or_default().insert(fault);
        }
    }

    fn look_for_breakage(&mut self, fault: &str, case: &CaseFinished) {
        if case.verdict == Verdict::Broken {
            let reason = case.reason.as_deref().unwrap_or("without a reason");
            self.broken.push(format!("{fault}: {}: {reason}", case.case));
        }
    }

    /// What goes wrong without a fault.
    pub const fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// The faults that no scenario noticed, in their order.
    pub fn missed(&self) -> impl Iterator<Item = &Fault> {
        let seen: BTreeSet<usize> = self.noticed.values().flatten().copied().collect();
        let faults = self.faults.iter().enumerate();
        faults.filter(move |(position, _)| !seen.contains(position)).map(|(_, fault)| fault)
    }

    /// The scenarios that notice no fault, by their ids.
    pub fn blind(&self) -> impl Iterator<Item = &ScenarioId> {
        self.noticed.iter().filter(|(_, faults)| faults.is_empty()).map(|(scenario, _)| scenario)
    }

    /// The cases that could not be run here, by the reason.
    pub const fn skipped(&self) -> &BTreeMap<String, BTreeSet<CaseId>> {
        &self.skipped
    }

    /// What failed that is neither the subject nor a fault, or was never decided, for a person to
    /// read.
    pub fn broken(&self) -> Vec<String> {
        let undecided = self.undecided.iter().map(|(fault, case)| {
            format!(
                "{}: {case} was not decided: the machine stalls too much",
                self.faults[*fault].name()
            )
        });
        self.broken.iter().cloned().chain(undecided).collect()
    }

    /// How many cases ran with a fault.
    pub fn runs(&self) -> u64 {
        self.tried.iter().sum()
    }

    fn legend(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.faults.iter().map(|fault| fault.name().len()).max().unwrap_or(0);
        let mut area = "";
        for (position, fault) in self.faults.iter().enumerate() {
            if fault.area() != area {
                area = fault.area();
                writeln!(f, "{area}")?;
            }
            let number = position + 1;
            writeln!(f, "  {number:>3}  {:width$}  {}", fault.name(), fault.summary())?;
        }
        Ok(())
    }

    /// The numbers of the faults, each from top to bottom.
    fn heading(&self, f: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
        for power in [100, 10, 1] {
            let digits = self.gaps().map(|(position, gap)| match (position + 1) / power {
                0 => format!("{gap} "),
                number => format!("{gap}{}", number % 10),
            });
            let line: String = digits.collect();
            if !line.trim().is_empty() {
                writeln!(f, "{:width$} {}", "", line.trim_end())?;
            }
        }
        Ok(())
    }

    /// The positions of the faults, each with what stands before its column.
    fn gaps(&self) -> impl Iterator<Item = (usize, &'static str)> {
        let areas = self.faults.iter().map(Fault::area);
        let before = [""].into_iter().chain(self.faults.iter().map(Fault::area));
        areas
            .zip(before)
            .enumerate()
            .map(|(position, (area, before))| (position, if area == before { "" } else { " " }))
    }
}

impl fmt::Display for FaultMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.legend(f)?;
        let width = self.noticed.keys().map(|id| id.as_str().len()).max().unwrap_or(0);
        writeln!(f)?;
        self.heading(f, width)?;
        for (scenario, noticed) in &self.noticed {
            write!(f, "{:width$} ", scenario.as_str())?;
            for (position, gap) in self.gaps() {
                write!(f, "{gap}{}", if noticed.contains(&position) { '#' } else { '.' })?;
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        for fault in self.missed() {
            writeln!(f, "no scenario notices {}: {}", fault.name(), fault.summary())?;
        }
        for scenario in self.blind() {
            writeln!(f, "no fault is noticed by {scenario}")?;
        }
        let (faults, missed) = (self.faults.len(), self.missed().count());
        let (scenarios, blind) = (self.noticed.len(), self.blind().count());
        writeln!(f, "{} of {faults} faults are noticed by a scenario", faults - missed)?;
        writeln!(f, "{} of {scenarios} scenarios notice a fault", scenarios - blind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn faults(names: &[&str]) -> Vec<Fault> {
        Fault::all().filter(|fault| names.contains(&fault.name())).collect()
    }

    /// A matrix of three faults: what is wrong without any is wrong with the first in the same way;
    /// the second goes unnoticed, the third is noticed by every case.
    fn matrix() -> FaultMatrix {
        let names = ["shut-write-closes-both", "both-is-write", "both-is-read"];
        let mut matrix = FaultMatrix::new(faults(&names));
        let run = fixture::run();
        for event in &run {
            matrix.without(event);
            matrix.with(0, event);
        }
        for event in &run {
            if let Event::CaseFinished(case) = event {
                let mut case = case.clone();
                case.verdict = Verdict::Hang;
                case.steps.clear();
                matrix.with(2, &Event::CaseFinished(case));
            }
        }
        matrix
    }

    #[test]
    fn a_matrix_shows_who_notices_what() {
        insta::assert_snapshot!(matrix());
    }

    #[test]
    fn what_is_wrong_without_a_fault_is_not_noticed() {
        let matrix = matrix();
        let missed: Vec<&str> = matrix.missed().map(Fault::name).collect();
        assert_eq!(missed, ["shut-write-closes-both", "both-is-write"]);
        assert_eq!(matrix.blind().count(), 0);
    }

    #[test]
    fn what_was_never_decided_is_told() {
        let mut matrix = FaultMatrix::new(faults(&["both-is-read"]));
        let slow = fixture::run_of(&[Verdict::Slow]).into_iter().map(|mut event| {
            if let Event::CaseFinished(case) = &mut event {
                case.reason = Some("not decided".to_owned());
            }
            event
        });
        slow.for_each(|event| matrix.with(0, &event));
        assert!(matrix.broken()[0].contains("was not decided"), "{:?}", matrix.broken());
        for event in fixture::run_of(&[Verdict::Pass]) {
            matrix.with(0, &event);
        }
        assert!(matrix.broken().is_empty(), "{:?}", matrix.broken());
    }
}
