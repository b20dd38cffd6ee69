use std::collections::BTreeMap;

use super::column::Column;
use super::failing::Failing;
use super::glyph;
use crate::report::matrix::{products, variant};
use crate::report::printable::Many;
use crate::report::standing::Standing;
use crate::report::tally::CaseTally;
use crate::run::Verdict;
use crate::vocabulary::{CaseId, ScenarioId};

/// Something of a run that has to be looked at.
#[derive(Debug)]
pub(super) struct Notice<'a> {
    pub(super) glyph: &'static str,
    /// What names its colours in the stylesheet.
    pub(super) class: String,
    pub(super) word: &'static str,
    /// The case that shows it.
    pub(super) case: Option<&'a CaseId>,
    pub(super) subject: String,
    pub(super) words: String,
}

/// How many notices of one kind are shown.
const SHOWN: usize = 12;

impl<'a> Notice<'a> {
    /// What has to be looked at first, by its weight.
    pub(super) fn all(column: &Column<'a>) -> Vec<Self> {
        let mut notices = Self::of_run(column);
        for standing in [Standing::Regression, Standing::Flaky] {
            notices.extend(Self::of_cases(column, Look::of(standing), |case| {
                case.standing() == Some(standing)
            }));
        }
        let broken = Look {
            glyph: glyph::verdict(Verdict::Broken),
            word: Verdict::Broken.word(),
            class: "v-broken",
        };
        notices.extend(Self::of_cases(column, broken, |case| case.times(Verdict::Broken) > 0));
        notices.extend(Self::of_cases(column, Look::of(Standing::Mended), |case| {
            case.standing() == Some(Standing::Mended)
        }));
        notices.extend(Self::stale(column));
        notices
    }

    /// What is wrong with the run as a whole.
    fn of_run(column: &Column<'a>) -> Vec<Self> {
        let tally = column.tally();
        let notice = |word, words| Notice {
            glyph: "!",
            class: "v-broken".to_owned(),
            word,
            case: None,
            subject: String::new(),
            words,
        };
        let Some(run) = tally.started() else {
            return vec![notice("incomplete", "the beginning of the run is missing".to_owned())];
        };
        let mut notices = Vec::new();
        if tally.is_incomplete() {
            let (there, all) = (tally.cases().count(), Many(run.cases.into(), "case"));
            let why = if tally.finished().is_some() { "cut short" } else { "without its end" };
            notices
                .push(notice("incomplete", format!("the run is {why}: {there} of {all} are here")));
        }
        let leaks = tally.finished().map_or(&[][..], |end| &end.leaks);
        notices.extend(leaks.iter().map(|leak| notice("leak", leak.clone())));
        notices
    }

    fn of_cases(
        column: &Column<'a>,
        look: Look,
        is_meant: impl Fn(&CaseTally) -> bool,
    ) -> Vec<Self> {
        let mut groups: BTreeMap<(&ScenarioId, String), Vec<&CaseId>> = BTreeMap::new();
        for (id, case) in column.tally().cases().filter(|(_, case)| is_meant(case)) {
            let words = column.words(id, case);
            groups.entry((case.scenario(), words)).or_default().push(id);
        }
        let more = groups.len().saturating_sub(SHOWN);
        let notice = |((scenario, words), cases): ((&ScenarioId, String), Vec<&'a CaseId>)| {
            let variants: Vec<_> = cases.iter().map(|case| variant(case, scenario)).collect();
            let products = products(&variants);
            let first = products.first().map_or("", String::as_str);
            let subject = match products.len() - 1 {
                0 => format!("{scenario}[{first}]"),
                more => format!("{scenario}[{first}] and {more} more"),
            };
            Notice { case: cases.first().copied(), subject, words, ..look.notice() }
        };
        let mut notices: Vec<_> = groups.into_iter().take(SHOWN).map(notice).collect();
        if more > 0 {
            let words = format!("and {} more", Many(more as u64, "line"));
            notices.push(Notice { words, ..look.notice() });
        }
        notices
    }

    /// The entries that had to be looked at again by the day of the run.
    fn stale(column: &Column<'a>) -> Vec<Self> {
        let file =
            column.started().and_then(|run| run.known.as_ref()).map_or("", |known| &known.file);
        let past = column.tally().past().map(|entry| Notice {
            glyph: "!",
            class: "s-mended".to_owned(),
            word: "stale",
            case: entry.cases.first(),
            subject: format!("{file}:{}", entry.line),
            words: match entry.until {
                Some(until) => format!("is past its date {until}: see whether it still holds"),
                None => "has to be looked at again".to_owned(),
            },
        });
        past.collect()
    }
}

/// What the notices of one kind have in common.
#[derive(Clone, Copy)]
struct Look {
    glyph: &'static str,
    word: &'static str,
    class: &'static str,
}

impl Look {
    const fn of(standing: Standing) -> Self {
        let class = match standing {
            Standing::Regression => "s-regression",
            Standing::Flaky => "s-flaky",
            Standing::Mended => "s-mended",
            Standing::Known => "s-known",
            Standing::Expected => "s-expected",
        };
        Self { glyph: glyph::standing(standing), word: standing.word(), class }
    }

    fn notice<'a>(self) -> Notice<'a> {
        let Self { glyph, word, class } = self;
        Notice {
            glyph,
            class: class.to_owned(),
            word,
            case: None,
            subject: String::new(),
            words: String::new(),
        }
    }
}

impl Column<'_> {
    /// Why a case has to be looked at, for a person to read.
    fn words(&self, id: &CaseId, tally: &CaseTally) -> String {
        let Some(case) = self.transcript.case(id).map(|kept| kept.shown()) else {
            return String::new();
        };
        if tally.standing() == Some(Standing::Mended) {
            let expects = self.tally().entry(id).map_or_else(String::new, |entry| entry.words());
            let file = self.started().and_then(|run| run.known.as_ref());
            let place = file.zip(self.tally().entry(id));
            let place = place.map_or_else(String::new, |(known, entry)| {
                format!("{}:{}", known.file, entry.line)
            });
            return format!("passed, and {place} expects {expects}");
        }
        let source = self.transcript.scenario(&case.scenario).map_or("", |one| &*one.source);
        let told = match (Failing::of(case, source), &case.reason) {
            (Some(failing), _) => failing.sentence(),
            (None, Some(reason)) => reason.lines().next().unwrap_or_default().to_owned(),
            (None, None) => String::new(),
        };
        match (tally.runs(), tally.failed()) {
            (1, _) => told,
            (runs, failed) => format!("{told} ({failed} of {runs} runs)"),
        }
    }
}
