use std::collections::{BTreeMap, BTreeSet};

use super::change::{ChangeLook, sentence};
use super::column::Column;
use crate::report::comparison::{CaseChange, Comparison};
use crate::report::elapsed::CaseTime;
use crate::report::matrix::variant;
use crate::report::natural::natural;
use crate::report::standing::Standing;
use crate::report::tally::CaseTally;
use crate::report::transcript::CaseTranscript;
use crate::run::Verdict;
use crate::scenario::{Scenario, Variant};
use crate::vocabulary::{CaseId, Level, ScenarioId};

/// All cases of all columns, by area and scenario.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    pub(super) columns: Vec<Column<'a>>,
    pub(super) areas: Vec<Area<'a>>,
    /// What differs, where its two columns are what was before and what is after.
    pub(super) comparison: Option<&'a Comparison>,
}

#[derive(Debug)]
pub(super) struct Area<'a> {
    pub(super) name: &'a str,
    pub(super) scenarios: Vec<ScenarioRow<'a>>,
}

#[derive(Debug)]
pub(super) struct ScenarioRow<'a> {
    /// Its number on the page, which its block has too.
    pub(super) number: usize,
    pub(super) id: &'a ScenarioId,
    /// What the last column knows of it.
    pub(super) scenario: Option<&'a Scenario>,
    pub(super) cases: Vec<CaseRow<'a>>,
}

#[derive(Debug)]
pub(super) struct CaseRow<'a> {
    pub(super) id: &'a CaseId,
    /// What came of it in each column, where it ran.
    pub(super) seen: Vec<Option<Seen<'a>>>,
    /// What became of it, where that is not the same in a comparison.
    pub(super) change: Option<&'a CaseChange>,
}

/// What came of a case in one column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) kept: &'a CaseTranscript,
    pub(super) tally: &'a CaseTally,
}

/// How many cases came to something, with the sign and the word of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) glyph: &'static str,
    pub(super) word: &'static str,
    /// What names its colours in the stylesheet.
    pub(super) class: String,
    pub(super) number: usize,
}

/// How many columns have room for words in their cells.
const ROOMY: usize = 4;

impl<'a> Sheet<'a> {
    pub(super) fn of(columns: Vec<Column<'a>>) -> Self {
        Self::filled(columns, None)
    }

    /// A sheet of what was before and what is after.
    pub(super) fn comparison(columns: Vec<Column<'a>>, comparison: &'a Comparison) -> Self {
        Self::filled(columns, Some(comparison))
    }

    fn filled(columns: Vec<Column<'a>>, comparison: Option<&'a Comparison>) -> Self {
        let changes = comparison.map_or(&[][..], |comparison| &comparison.changes);
        let changes: BTreeMap<_, _> = changes.iter().map(|change| (&change.case, change)).collect();
        let mut rows: BTreeMap<&ScenarioId, BTreeMap<&CaseId, Vec<Option<Seen>>>> = BTreeMap::new();
        for (position, column) in columns.iter().enumerate() {
            for (id, tally) in column.tally().cases() {
                let Some(kept) = column.transcript.case(id) else { continue };
                let cases = rows.entry(tally.scenario()).or_default();
                cases.entry(id).or_insert_with(|| vec![None; columns.len()])[position] =
                    Some(Seen { kept, tally });
            }
        }
        let mut areas: Vec<Area> = Vec::new();
        for (number, (id, cases)) in rows.into_iter().enumerate() {
            let scenario = columns.iter().rev().find_map(|column| column.transcript.scenario(id));
            let row = |(id, seen)| CaseRow { id, seen, change: changes.get(id).copied() };
            let mut cases: Vec<_> = cases.into_iter().map(row).collect();
            cases.sort_by(|one, other| natural(one.id.as_str(), other.id.as_str()));
            let row = ScenarioRow { number, id, scenario, cases };
            match areas.last_mut().filter(|area| area.name == id.area()) {
                Some(area) => area.scenarios.push(row),
                None => areas.push(Area { name: id.area(), scenarios: vec![row] }),
            }
        }
        Self { columns, areas, comparison }
    }

    /// Whether there are so many columns that their cells have signs only, and that of cases that came to the
    /// same in several of them the steps of one are kept.
    pub(super) fn is_wide(&self) -> bool {
        self.columns.len() > ROOMY
    }

    pub(super) fn cases(&self) -> impl Iterator<Item = &CaseRow<'a>> {
        self.scenarios().flat_map(|scenario| &scenario.cases)
    }

    /// What is to be said of a case that is not good, once for all columns that say the same.
    pub(super) fn words(&self, row: &CaseRow<'a>) -> Option<String> {
        if self.comparison.is_some() || self.is_wide() {
            return None;
        }
        let mut said: Vec<(Vec<&str>, String)> = Vec::new();
        for (column, seen) in self.columns.iter().zip(&row.seen) {
            let Some(words) = seen.and_then(|seen| column.words(seen.kept.shown())) else {
                continue;
            };
            match said.iter_mut().find(|(_, other)| *other == words) {
                Some((labels, _)) => labels.push(&column.label),
                None => said.push((vec![&column.label], words)),
            }
        }
        match &said[..] {
            [] => None,
            [(_, words)] => Some(words.clone()),
            several => {
                let words =
                    several.iter().map(|(labels, words)| format!("{}: {words}", labels.join(", ")));
                Some(words.collect::<Vec<_>>().join("; "))
            }
        }
    }

    pub(super) fn scenarios(&self) -> impl Iterator<Item = &ScenarioRow<'a>> {
        self.areas.iter().flat_map(|area| &area.scenarios)
    }

    /// The distinct values that cases have, in their order: what there is to choose from.
    pub(super) fn choices<T: Ord>(&self, of: impl Fn(&CaseRow<'a>) -> Vec<T>) -> Vec<T> {
        self.cases().flat_map(of).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl<'a> Area<'a> {
    pub(super) fn cases(&self) -> impl Iterator<Item = &CaseRow<'a>> {
        self.scenarios.iter().flat_map(|scenario| &scenario.cases)
    }

    /// What its cases came to in each column.
    pub(super) fn counts(&self) -> Vec<Vec<Count>> {
        counts(|| self.cases())
    }
}

impl<'a> ScenarioRow<'a> {
    /// Its name within its area.
    pub(super) fn name(&self) -> &'a str {
        let id = self.id.as_str();
        id.split_once('/').map_or(id, |(_, name)| name)
    }

    /// What its cases came to in each column.
    pub(super) fn counts(&self) -> Vec<Vec<Count>> {
        counts(|| self.cases.iter())
    }
}

impl<'a> CaseRow<'a> {
    fn first(&self) -> Option<&'a CaseTranscript> {
        self.seen.iter().flatten().next_back().map(|seen| seen.kept)
    }

    /// What tells it from the other cases of its scenario.
    pub(super) fn variant(&self) -> &'a str {
        self.first().map_or(self.id.as_str(), |kept| variant(self.id, &kept.shown().scenario))
    }

    /// How what became of it is shown.
    pub(super) fn look(&self) -> ChangeLook {
        self.change.map_or(ChangeLook::SAME, |change| ChangeLook::of(change.change))
    }

    /// What happened to it, in words.
    pub(super) fn sentence(&self) -> Option<String> {
        self.change.map(sentence)
    }

    fn coordinates(&self) -> Option<&'a Variant> {
        self.first().map(|kept| &kept.shown().variant)
    }

    pub(super) fn transport(&self) -> &'static str {
        let transport = self.coordinates().and_then(|variant| variant.transport);
        transport.map_or("", |transport| transport.word())
    }

    pub(super) fn topology(&self) -> &'static str {
        self.coordinates().map_or("", |variant| variant.topology.word())
    }

    pub(super) fn level(&self) -> Level {
        self.first().map(|kept| kept.shown().level).unwrap_or_default()
    }

    /// What it came to in each column, each verdict once.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let of = |seen: &Seen| seen.tally.verdict();
        self.seen.iter().flatten().map(of).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// How it stands in each column, each standing once.
    pub(super) fn standings(&self) -> Vec<Standing> {
        let of = |seen: &Seen| seen.tally.standing();
        self.seen.iter().flatten().filter_map(of).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether it came to different verdicts in the columns in which it ran. Slow counts as a pass.
    pub(super) fn differs(&self) -> bool {
        let of = |verdict| if verdict == Verdict::Slow { Verdict::Pass } else { verdict };
        self.verdicts().into_iter().map(of).collect::<BTreeSet<_>>().len() > 1
    }
}

impl Seen<'_> {
    pub(super) fn verdict(&self) -> Count {
        Count::of(self.tally.verdict(), 1)
    }

    /// The one sign for it, where there is no room for more: how it stands, or else what it came to.
    pub(super) fn sign(&self) -> Count {
        self.standing().unwrap_or_else(|| self.verdict())
    }

    /// How it stands, where that deserves a look.
    pub(super) fn standing(&self) -> Option<Count> {
        let standing = self.tally.standing().filter(|one| *one != Standing::Expected);
        standing.map(|one| Count::standing(one, 1))
    }

    pub(super) fn took(&self) -> String {
        CaseTime(self.tally.longest()).to_string()
    }
}

/// What cases came to in each column: each verdict, then each standing that deserves a look.
fn counts<'r, 'a: 'r, I: Iterator<Item = &'r CaseRow<'a>>>(
    rows: impl Fn() -> I,
) -> Vec<Vec<Count>> {
    let columns = rows().next().map_or(0, |row| row.seen.len());
    let of_column = |column: usize| {
        let mut verdicts: BTreeMap<Verdict, usize> = BTreeMap::new();
        let mut standings: BTreeMap<Standing, usize> = BTreeMap::new();
        for seen in rows().filter_map(|row| row.seen[column]) {
            *verdicts.entry(seen.tally.verdict()).or_default() += 1;
            let standing = seen.tally.standing().filter(|one| *one != Standing::Expected);
            if let Some(standing) = standing {
                *standings.entry(standing).or_default() += 1;
            }
        }
        let verdicts = verdicts.into_iter().map(|(verdict, number)| Count::of(verdict, number));
        let standings =
            standings.into_iter().map(|(standing, number)| Count::standing(standing, number));
        verdicts.chain(standings).collect()
    };
    (0..columns).map(of_column).collect()
}

impl Count {
    pub(super) fn of(verdict: Verdict, number: usize) -> Self {
        let (glyph, word) = (super::glyph::verdict(verdict), verdict.word());
        Self { glyph, word, class: format!("v-{word}"), number }
    }

    pub(super) fn standing(standing: Standing, number: usize) -> Self {
        let (glyph, word) = (super::glyph::standing(standing), standing.word());
        Self { glyph, word, class: format!("s-{word}"), number }
    }
}
