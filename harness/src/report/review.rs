use std::collections::BTreeMap;
use std::fmt;

use super::matrix::{products, variant};
use super::palette::{Painted, Palette};
use super::printable::{Many, Printable};
use super::remedy::{Mended, Past, mended};
use super::tally::{CaseTally, Tally};
use crate::run::Entry;
use crate::run::event::RunStarted;
use crate::vocabulary::{CaseId, ScenarioId};

/// What a run says of its subject's expectations: what stands as they say, and which of them has to
/// be looked at again.
pub(crate) struct Review<'a> {
    pub(crate) tally: &'a Tally,
    pub(crate) palette: Palette,
}

/// The cases of one entry, by their scenarios.
type ByScenario<'a> = BTreeMap<(u32, &'a ScenarioId), (&'a Entry, Vec<&'a CaseId>)>;

impl fmt::Display for Review<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.tally.started().and_then(|RunStarted { known, .. }| known.as_ref());
        let Some(known) = known else { return Ok(()) };
        let file = Printable(&known.file).to_string();
        self.known(f, &file)?;
        write!(f, "{}", MendedEntries { tally: self.tally, palette: self.palette })?;
        for past in self.tally.past().filter_map(Past::of) {
            writeln!(f, "{}: {file}:{past}", Painted(self.palette.odd, "stale"))?;
        }
        Ok(())
    }
}

impl Review<'_> {
    fn known(&self, f: &mut fmt::Formatter<'_>, file: &str) -> fmt::Result {
        let groups = self.known_by_scenario();
        let count: usize = groups.values().map(|(_, cases)| cases.len()).sum();
        if count == 0 {
            return Ok(());
        }
        writeln!(f, "known: {}, as {file} expects", Many(count as u64, "case"))?;
        for ((line, scenario), (entry, cases)) in groups {
            let gutter = Painted(self.palette.faint, format!("{line:>5} │"));
            let (scenario, cases) =
                (Printable(scenario.as_str()), Many(cases.len() as u64, "case"));
            writeln!(f, "{gutter} {scenario}, {cases}: {}", Printable(&entry.reason))?;
        }
        Ok(())
    }

    fn known_by_scenario(&self) -> ByScenario<'_> {
        let mut groups = ByScenario::new();
        for (id, case) in self.tally.known() {
            if let Some(entry) = self.tally.entry(id) {
                let group = groups.entry((entry.line, case.scenario()));
                group.or_insert_with(|| (entry, Vec::new())).1.push(id);
            }
        }
        groups
    }
}

/// What is to be done about entries of which cases are mended: each product of cases, the entry, and the
/// lines of the file.
#[derive(Clone, Copy, Debug)]
pub struct MendedEntries<'a> {
    /// The run, which tells what is known.
    pub tally: &'a Tally,
    /// The styles.
    pub palette: Palette,
}

impl fmt::Display for MendedEntries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.tally.started().and_then(|RunStarted { known, .. }| known.as_ref());
        let Some(known) = known else { return Ok(()) };
        let file = Printable(&known.file);
        for Mended { entry, cases, remedies } in mended(self.tally) {
            let word = Painted(self.palette.odd, "mended");
            for cases in cases.chunk_by(|one, other| self.scenario(one) == self.scenario(other)) {
                let Some(scenario) = cases.first().and_then(|case| self.scenario(case)) else {
                    continue;
                };
                let variants: Vec<&str> =
                    cases.iter().map(|case| variant(case, scenario)).collect();
                for product in products(&variants) {
                    let case = format!("{scenario}[{product}]");
                    writeln!(f, "{word}: {}", Printable(&case))?;
                }
            }
            writeln!(f, "  passed, and {file}:{} expects {}", entry.line, entry.words())?;
            for remedy in remedies {
                writeln!(f, "  {file}:{remedy}")?;
            }
        }
        Ok(())
    }
}

impl MendedEntries<'_> {
    fn scenario(&self, case: &CaseId) -> Option<&ScenarioId> {
        self.tally.case(case).map(CaseTally::scenario)
    }
}
