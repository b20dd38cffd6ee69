use askama::Template;

use super::change::ChangeLook;
use super::column::Column;
use super::detail::Detail;
use super::notice::Notice;
use super::policy::{self, SCRIPT, STYLE};
use super::sheet::{CaseRow, Count, ScenarioRow, Sheet};
use super::{block, filters};
use crate::report::bytes::BYTES_STYLE;
use crate::report::comparison::{Change, Comparison, RunDifference};
use crate::report::diagram::DIAGRAM_STYLE;
use crate::report::elapsed::Thousands;
use crate::report::printable::Many;
use crate::report::standing::Standing;
use crate::report::transcript::Transcript;
use crate::run::Verdict;
use crate::vocabulary::ScenarioId;

/// The HTML page of runs, each of which is a column: one file that needs no other. The same runs give
/// the same page.
pub fn page(runs: &[Transcript]) -> String {
    Document { sheet: &Sheet::of(Column::of(runs)) }.render().unwrap_or_default()
}

/// The HTML page of what changed from one run to the next.
pub fn comparison(old: &Transcript, new: &Transcript) -> String {
    let comparison = Comparison::of(old, new);
    let sheet = Sheet::comparison(Column::pair(old, new), &comparison);
    Document { sheet: &sheet }.render().unwrap_or_default()
}

/// The whole page.
#[derive(Template)]
#[template(path = "page/page.html")]
struct Document<'a> {
    sheet: &'a Sheet<'a>,
}

/// The matrix alone, which is all of the page that can be read without the script.
#[derive(Template)]
#[template(path = "page/matrix.html")]
pub(super) struct Matrix<'a> {
    pub(super) sheet: &'a Sheet<'a>,
}

/// How many scenarios are named that have another text.
const TEXTS_NAMED: usize = 12;

/// A button that chooses cases.
struct Chip {
    filter: &'static str,
    value: &'static str,
    words: &'static str,
    class: String,
    glyph: &'static str,
    number: Thousands,
}

/// A list from which one value is chosen.
struct Choice {
    filter: &'static str,
    any: &'static str,
    values: Vec<String>,
}

impl<'a> Document<'a> {
    fn title(&self) -> String {
        let name = |column: &Column| format!("{} {}", column.subject(), column.version);
        let names: Vec<_> =
            self.sheet.columns.iter().map(|column| name(column).trim_end().to_owned()).collect();
        if self.sheet.is_wide() {
            return Many(names.len() as u64, "subject").to_string();
        }
        if self.sheet.comparison.is_none() {
            return names.join(", ");
        }
        match &names[..] {
            [old, new] if old != new => format!("What changed from {old} to {new}"),
            _ => format!("What changed in {}", names[0]),
        }
    }

    /// What is not the same about the two runs of a comparison.
    fn differences(&self) -> &'a [RunDifference] {
        self.sheet.comparison.map_or(&[], |comparison| &comparison.differences)
    }

    /// The scenarios of a comparison that have another text.
    fn texts(&self) -> Option<String> {
        let texts = &self.sheet.comparison?.texts;
        let names: Vec<_> = texts.iter().take(TEXTS_NAMED).map(ScenarioId::as_str).collect();
        let more = texts.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!names.is_empty()).then(|| format!("{}{more}", names.join(", ")))
    }

    fn block(&self, scenario: &'a ScenarioRow<'a>) -> String {
        block::packed(&Detail::all(self.sheet, scenario))
    }

    /// What cases can be chosen by, each with how many there are.
    fn chips(&self) -> Vec<(&'static str, Vec<Chip>)> {
        let count = |is_meant: &dyn Fn(&CaseRow<'a>) -> bool| {
            self.sheet.cases().filter(|row| is_meant(row)).count()
        };
        let mut looks: Vec<_> = Change::ALL.into_iter().map(ChangeLook::of).collect();
        looks.push(ChangeLook::SAME);
        looks.retain(|_| self.sheet.comparison.is_some());
        let changes = looks.into_iter().map(|ChangeLook { glyph, word, words }| {
            let number = Thousands(count(&|row| row.look().word == word) as u64);
            Chip { filter: "change", value: word, words, class: format!("c-{word}"), glyph, number }
        });
        let standings = [
            Standing::Regression,
            Standing::Flaky,
            Standing::Mended,
            Standing::Known,
            Standing::Expected,
        ];
        let is_comparison = self.sheet.comparison.is_some();
        let standings = standings.into_iter().filter(|_| !is_comparison).map(|standing| {
            let Count { glyph, word, class, number } =
                Count::standing(standing, count(&|row| row.standings().contains(&standing)));
            let number = Thousands(number as u64);
            Chip { filter: "standing", value: word, words: word, class, glyph, number }
        });
        let verdicts = Verdict::ALL.into_iter().map(|verdict| {
            let Count { glyph, word, class, number } =
                Count::of(verdict, count(&|row| row.verdicts().contains(&verdict)));
            let number = Thousands(number as u64);
            Chip { filter: "verdict", value: word, words: word, class, glyph, number }
        });
        let there = |chips: &mut dyn Iterator<Item = Chip>| -> Vec<Chip> {
            chips.filter(|chip| chip.number.0 > 0).collect()
        };
        let groups = [
            ("What became of it", there(&mut changes.into_iter())),
            ("Standing", there(&mut standings.into_iter())),
            ("Verdict", there(&mut verdicts.into_iter())),
        ];
        groups.into_iter().filter(|(_, chips)| !chips.is_empty()).collect()
    }

    /// What else they can be chosen by.
    fn choices(&self) -> Vec<Choice> {
        let words = |of: &dyn Fn(&CaseRow<'a>) -> &'static str| {
            let mut words: Vec<_> = self.sheet.choices(|row| vec![of(row).to_owned()]);
            words.retain(|word| !word.is_empty());
            words
        };
        let areas = self.sheet.areas.iter().map(|area| area.name.to_owned()).collect();
        let choices = [
            ("area", "every area", areas),
            ("transport", "every transport", words(&CaseRow::transport)),
            ("topology", "every topology", words(&CaseRow::topology)),
            ("level", "every level", words(&|row| row.level().word())),
        ];
        let choices =
            choices.into_iter().map(|(filter, any, values)| Choice { filter, any, values });
        choices.filter(|choice| choice.values.len() > 1).collect()
    }

    /// Whether columns can differ.
    fn can_differ(&self) -> bool {
        self.sheet.columns.len() > 1 && self.sheet.comparison.is_none()
    }
}
