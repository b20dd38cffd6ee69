use std::collections::BTreeMap;

use super::findings::names;
use super::natural::natural;
use super::snapshot::unexpected_steps;
use super::standing::Standing;
use super::tally::{CaseTally, Tally};
use super::transcript::{CaseTranscript, Transcript};
use crate::run::Verdict;
use crate::vocabulary::{CaseId, ScenarioId};

/// Where runs depart from the scenarios, by area and scenario, without anything that changes from one run
/// to the next.
#[derive(Debug)]
pub(super) struct Departures<'a> {
    /// What each run comes to, in the order of the runs.
    pub(super) subjects: Vec<Subject<'a>>,
    /// The areas in which one departs, sorted by name.
    pub(super) areas: Vec<Area<'a>>,
}

/// A run as a whole.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    /// What tells it from the others.
    pub(super) label: String,
    pub(super) version: &'a str,
    /// How many of its cases came to what.
    pub(super) total: Total,
    /// The same for each area in which it has cases.
    pub(super) areas: BTreeMap<&'a str, Total>,
    /// Whether not everything was run.
    pub(super) is_incomplete: bool,
}

/// How many cases came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) good: usize,
    /// Bad as it is known.
    pub(super) known: usize,
    /// Bad otherwise, or bad at times.
    pub(super) regressions: usize,
    /// Of which the harness or the environment failed.
    pub(super) broken: usize,
    pub(super) unsupported: usize,
    pub(super) skipped: usize,
}

/// The scenarios of an area in which a run departs.
#[derive(Debug)]
pub(super) struct Area<'a> {
    pub(super) name: &'a str,
    pub(super) rows: Vec<Row<'a>>,
    /// Why, each once, in the order in which cells refer to them.
    pub(super) reasons: Vec<Reason<'a>>,
}

/// A scenario in which a run departs.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) id: &'a ScenarioId,
    pub(super) title: &'a str,
    /// What became of it in each run.
    pub(super) cells: Vec<Cell>,
}

/// What became of a scenario in a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    /// How many of its cases were run.
    pub(super) run: usize,
    /// How many of these are not as the scenario says.
    pub(super) departing: usize,
    /// Whether one of these is not known.
    pub(super) is_unexpected: bool,
    /// Why: positions among the area's reasons.
    pub(super) reasons: Vec<usize>,
}

/// Why cases depart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason<'a> {
    /// It is known.
    Known { reason: &'a str, source: &'a str },
    /// It is not known: what came instead.
    Unknown(String),
    /// The harness or the environment failed.
    Broken,
}

impl<'a> Departures<'a> {
    /// Looks through runs.
    pub(super) fn of(runs: &'a [Transcript]) -> Self {
        let subjects = runs.iter().zip(names(runs)).map(|(run, label)| Subject::of(run, label));
        // The cases of each scenario, with the run that has them.
        let mut cases: BTreeMap<&ScenarioId, Vec<(usize, &CaseId, &CaseTally)>> = BTreeMap::new();
        for (position, run) in runs.iter().enumerate() {
            for (id, case) in run.tally().cases() {
                cases.entry(case.scenario()).or_default().push((position, id, case));
            }
        }
        let mut areas: Vec<Area<'a>> = Vec::new();
        for (id, mut cases) in cases {
            if !cases.iter().any(|(_, _, case)| departs(case)) {
                continue;
            }
            cases.sort_by(|(one, a, _), (other, b, _)| {
                one.cmp(other).then_with(|| natural(a.as_str(), b.as_str()))
            });
            if areas.last().is_none_or(|area| area.name != id.area()) {
                areas.push(Area { name: id.area(), rows: Vec::new(), reasons: Vec::new() });
            }
            let Some(area) = areas.last_mut() else { continue };
            let mut cells = vec![Cell::default(); runs.len()];
            for (position, case_id, case) in cases {
                let reason = departs(case).then(|| Reason::of(&runs[position], case_id, case));
                let reason = reason.map(|reason| area.number(reason));
                cells[position].note(case, reason);
            }
            let known = runs.iter().find_map(|run| run.scenario(id));
            area.rows.push(Row { id, title: known.map_or("", |one| &one.title), cells });
        }
        Self { subjects: subjects.collect(), areas }
    }
}

/// Whether a case is not as its scenario says.
fn departs(case: &CaseTally) -> bool {
    case.failed() > 0
}

impl<'a> Subject<'a> {
    fn of(run: &'a Transcript, label: String) -> Self {
        let mut areas: BTreeMap<_, Total> = BTreeMap::new();
        for (_, case) in run.tally().cases() {
            areas.entry(case.scenario().area()).or_default().add(case);
        }
        let started = run.tally().started();
        let version = started.map_or("", |run| run.subject_version.as_str());
        let total = Total::of(run.tally());
        Self { label, version, total, areas, is_incomplete: run.tally().is_incomplete() }
    }
}

impl Total {
    /// What all cases of a run came to.
    pub(super) fn of(tally: &Tally) -> Self {
        let mut total = Self::default();
        tally.cases().for_each(|(_, case)| total.add(case));
        total
    }

    fn add(&mut self, case: &CaseTally) {
        *match case.verdict() {
            Verdict::Pass | Verdict::Slow => &mut self.good,
            Verdict::Broken => &mut self.broken,
            Verdict::Unsupported => &mut self.unsupported,
            Verdict::Skipped => &mut self.skipped,
            _ if case.standing() == Some(Standing::Known) => &mut self.known,
            _ => &mut self.regressions,
        } += 1;
    }

    /// How many were run.
    pub(super) const fn run(&self) -> usize {
        self.good + self.departing()
    }

    /// How many are not as their scenarios say.
    pub(super) const fn departing(&self) -> usize {
        self.known + self.regressions + self.broken
    }
}

impl<'a> Area<'a> {
    /// The position of a reason, which is added where it is new.
    fn number(&mut self, reason: Reason<'a>) -> usize {
        self.reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
            self.reasons.push(reason);
            self.reasons.len() - 1
        })
    }

    /// The runs that depart somewhere in it; those that do the same everywhere stand together.
    pub(super) fn columns(&self) -> Vec<Vec<usize>> {
        let runs = self.rows.first().map_or(0, |row| row.cells.len());
        let mut columns: Vec<Vec<usize>> = Vec::new();
        for run in 0..runs {
            if self.rows.iter().all(|row| row.cells[run].departing == 0) {
                continue;
            }
            let is_same = |column: &&mut Vec<usize>| {
                self.rows.iter().all(|row| row.cells[column[0]].is_like(&row.cells[run]))
            };
            match columns.iter_mut().find(is_same) {
                Some(column) => column.push(run),
                None => columns.push(vec![run]),
            }
        }
        columns
    }
}

impl Cell {
    /// Takes note of a case, with the reason why it departs if it does.
    fn note(&mut self, case: &CaseTally, reason: Option<usize>) {
        if matches!(case.verdict(), Verdict::Unsupported | Verdict::Skipped) {
            return;
        }
        self.run += 1;
        if let Some(reason) = reason {
            self.departing += 1;
            self.is_unexpected |= case.standing() != Some(Standing::Known);
            if !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
    }

    /// Whether it says the same. Where nothing departs it does not matter how much was run.
    fn is_like(&self, other: &Self) -> bool {
        let said = |cell: &Self| (cell.departing, cell.run, cell.is_unexpected);
        let is_calm = |cell: &Self| cell.run > 0 && cell.departing == 0;
        is_calm(self) && is_calm(other)
            || said(self) == said(other) && self.reasons == other.reasons
    }
}

impl<'a> Reason<'a> {
    fn of(run: &'a Transcript, id: &CaseId, case: &CaseTally) -> Self {
        let tally: &Tally = run.tally();
        if case.standing() == Some(Standing::Known)
            && let Some(entry) = tally.entry(id)
        {
            return Self::Known { reason: &entry.reason, source: &entry.source };
        }
        if case.verdict() == Verdict::Broken {
            return Self::Broken;
        }
        let shown = run.case(id).map(CaseTranscript::shown);
        let steps = shown.map(|shown| {
            let source = run.scenario(&shown.scenario).map_or("", |scenario| &scenario.source);
            unexpected_steps(shown, source)
        });
        let first = steps.and_then(|steps| steps.into_iter().next());
        Self::Unknown(first.unwrap_or_else(|| case.verdict().word().to_owned()))
    }
}
