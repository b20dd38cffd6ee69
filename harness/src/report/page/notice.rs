use std::collections::BTreeMap;

use super::column::Column;
use super::glyph;
use crate::report::matrix::{products, variant};
use crate::report::printable::Many;
use crate::report::remedy::{Mended, Past, mended};
use crate::report::standing::Standing;
use crate::report::tally::CaseTally;
use crate::report::transcript::CaseTranscript;
use crate::run::Verdict;
use crate::vocabulary::{CaseId, ScenarioId};

/// Something of a run that has to be looked at.
#[derive(Debug)]
pub(super) struct Notice<'a> {
    pub(super) glyph: &'static str,
    /// What names its colours in the stylesheet.
    pub(super) class: &'static str,
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
        notices.extend(Self::mended(column));
        notices.extend(Self::stale(column));
        notices
    }

    /// What is wrong with the run as a whole.
    fn of_run(column: &Column<'a>) -> Vec<Self> {
        let tally = column.tally();
        let notice = |word, words| Notice {
            glyph: "!",
            class: "v-broken",
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
            let shown = column.transcript.case(id).map(CaseTranscript::shown);
            let words = shown.and_then(|shown| column.words(shown)).unwrap_or_default();
            let words = match (case.runs(), case.failed()) {
                (1, _) => words,
                (runs, failed) => format!("{words} ({failed} of {runs} runs)"),
            };
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

    /// The entries of which cases are mended, with what is to be done about them.
    fn mended(column: &Column<'a>) -> Vec<Self> {
        let file = column.file();
        let notice = |Mended { entry, cases, remedies }: Mended<'a>| {
            let case = cases.first().copied();
            let more = match cases.len() {
                0 | 1 => String::new(),
                number => format!(" and {} more", number - 1),
            };
            let subject = case.map_or_else(String::new, |case| format!("{case}{more}"));
            let remedies: Vec<_> =
                remedies.iter().map(|remedy| format!("{file}:{remedy}")).collect();
            let words =
                format!("passed, and {} was expected; {}", entry.words(), remedies.join("; "));
            Notice { case, subject, words, ..Look::of(Standing::Mended).notice() }
        };
        mended(column.tally()).into_iter().map(notice).collect()
    }

    /// The entries that had to be looked at again by the day of the run.
    fn stale(column: &Column<'a>) -> Vec<Self> {
        let file =
            column.started().and_then(|run| run.known.as_ref()).map_or("", |known| &known.file);
        let past = column.tally().past().filter_map(Past::of).map(|past| Notice {
            glyph: "!",
            class: "s-mended",
            word: "stale",
            case: None,
            subject: String::new(),
            words: format!("{file}:{past}"),
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
        Notice { glyph, class, word, case: None, subject: String::new(), words: String::new() }
    }
}
