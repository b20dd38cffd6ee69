use std::collections::BTreeMap;

use super::detail::Observation;
use super::failing::{Failing, cut, died_at, in_full};
use super::glyph;
use crate::report::elapsed::Elapsed;
use crate::run::event::{Judgement, StepReport};
use crate::scenario::Place;

/// The text of a scenario with what came of its steps beside it, a column for each observation.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    pub(super) labels: Vec<&'a str>,
    pub(super) lines: Vec<Line>,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u32,
    /// The text in pieces, of which those are marked that a failure is about.
    pub(super) pieces: Vec<(String, bool)>,
    /// What came of the steps on it, in each observation.
    pub(super) outcomes: Vec<Vec<Came>>,
    /// What is to be said of failures here.
    pub(super) messages: Vec<Message>,
}

/// What is said under a line.
#[derive(Debug)]
pub(super) struct Message {
    /// Which observations failed so.
    pub(super) labels: String,
    pub(super) words: String,
    pub(super) details: Vec<String>,
}

/// What came of a step, or of several on one line.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) glyph: &'static str,
    /// What names its colours in the stylesheet.
    pub(super) class: &'static str,
    pub(super) words: String,
    /// The whole of it, where the words are cut.
    pub(super) whole: Option<String>,
    pub(super) took: String,
}

/// How many steps of one line are shown each for itself.
const STEPS_SHOWN: usize = 3;
/// How many characters of an outcome are shown.
const OUTCOME_WIDTH: usize = 24;
/// How many of an outcome are there to be read where the words are cut.
const WHOLE_WIDTH: usize = 400;

impl<'a> Listing<'a> {
    /// A listing of each text of the scenario that an observation had; most have one.
    pub(super) fn of(observations: &'a [Observation<'a>]) -> Vec<Self> {
        let mut sources: Vec<&str> = Vec::new();
        let whole = || observations.iter().filter(|one| one.is_whole());
        for source in whole().filter_map(Observation::source) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        let listing = |source: &'a str| {
            let of_source = |one: &&Observation| one.source() == Some(source);
            let columns: Vec<_> = whole().filter(of_source).collect();
            Self::of_source(source, &columns)
        };
        sources.into_iter().map(listing).collect()
    }

    fn of_source(source: &'a str, observations: &[&'a Observation<'a>]) -> Self {
        let labels: Vec<_> = observations.iter().map(|one| one.label.as_str()).collect();
        let steps: Vec<_> = observations.iter().map(|one| by_line(&one.case.steps)).collect();
        let points: Vec<_> = observations.iter().map(|one| Failing::of(one.case, source)).collect();
        let line = |(number, text): (u32, &str)| {
            let outcomes = observations.iter().zip(&steps).map(|(observation, steps)| {
                let steps = steps.get(&number).map_or(&[][..], Vec::as_slice);
                came(steps, died_at(observation.case))
            });
            let here = || points.iter().flatten().filter(|one| one.place.line == number);
            let mut messages: Vec<(Vec<&str>, &Failing)> = Vec::new();
            for (label, point) in labels.iter().zip(&points) {
                let Some(point) = point.as_ref().filter(|one| one.place.line == number) else {
                    continue;
                };
                match messages.iter_mut().find(|(_, told)| *told == point) {
                    Some((labels, _)) => labels.push(label),
                    None => messages.push((vec![*label], point)),
                }
            }
            let messages = messages.into_iter().map(|(labels, point)| Message {
                labels: labels.join(", "),
                words: point.words.clone(),
                details: point.details.clone(),
            });
            let marked = here().map(|one| one.place);
            Line {
                number,
                pieces: pieces(text, &marked.collect::<Vec<_>>()),
                outcomes: outcomes.collect(),
                messages: messages.collect(),
            }
        };
        let lines = (1..).zip(source.lines()).map(line).collect();
        Self { labels, lines }
    }

    /// How many columns it has.
    pub(super) fn width(&self) -> usize {
        self.labels.len() + 2
    }
}

fn by_line(steps: &[StepReport]) -> BTreeMap<u32, Vec<&StepReport>> {
    let mut lines: BTreeMap<u32, Vec<&StepReport>> = BTreeMap::new();
    for step in steps {
        lines.entry(step.place.line).or_default().push(step);
    }
    lines
}

/// What came of the steps of a line, those that are as they must be in one where they are many, or
/// where nothing was expected of them.
fn came(steps: &[&StepReport], died: Option<&StepReport>) -> Vec<Came> {
    let is_dying = |step: &StepReport| died.is_some_and(|died| std::ptr::eq(step, died));
    let is_plain = |step: &StepReport| {
        let is_alike = steps.len() > STEPS_SHOWN || step.expected.is_none();
        step.judgement == Judgement::Met && is_alike && !is_dying(step)
    };
    let (plain, others): (Vec<&StepReport>, Vec<&StepReport>) =
        steps.iter().copied().partition(|step| is_plain(step));
    let others = others.into_iter().map(|step| Came::of(step, is_dying(step)));
    match plain[..] {
        [] => others.collect(),
        [step] => std::iter::once(Came::of(step, false)).chain(others).collect(),
        [first, ..] => {
            let (glyph, class) = glyph::step(first);
            let took = Elapsed(plain.iter().map(|step| step.took).sum()).to_string();
            let words = format!("{} steps", plain.len());
            let all = Came { glyph, class, words, whole: None, took };
            std::iter::once(all).chain(others).collect()
        }
    }
}

impl Came {
    fn of(step: &StepReport, died: bool) -> Self {
        let (glyph, class) = if died { ("†", "crash") } else { glyph::step(step) };
        let whole = step.outcome.as_ref().map(in_full).unwrap_or_default();
        let words = cut(&whole, OUTCOME_WIDTH);
        let whole = (words != whole).then(|| cut(&whole, WHOLE_WIDTH));
        let took = match step.judgement {
            Judgement::Moot => "did not apply".to_owned(),
            _ => Elapsed(step.took).to_string(),
        };
        Self { glyph, class, words, whole, took }
    }
}

/// A line in pieces: what stands at one of the places, and what stands between them.
fn pieces(text: &str, places: &[Place]) -> Vec<(String, bool)> {
    // A tab is one column in a scenario.
    let characters: Vec<char> =
        text.chars().map(|one| if one == '\t' { ' ' } else { one }).collect();
    let is_marked = |position: usize| {
        places.iter().any(|place| {
            let start = place.column.saturating_sub(1) as usize;
            (start..start.saturating_add(place.length as usize)).contains(&position)
        })
    };
    let mut pieces: Vec<(String, bool)> = Vec::new();
    for (position, character) in characters.into_iter().enumerate() {
        let marked = is_marked(position);
        match pieces.last_mut().filter(|(_, last)| *last == marked) {
            Some((piece, _)) => piece.push(character),
            None => pieces.push((character.into(), marked)),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_a_failure_points() {
        let place = |column, length| Place { line: 1, column, length };
        let shown = |places: &[Place]| pieces("a\t=> eof", places);
        assert_eq!(shown(&[]), [("a => eof".to_owned(), false)]);
        let expected = [("a => ".to_owned(), false), ("eof".to_owned(), true)];
        assert_eq!(shown(&[place(6, 3)]), expected);
        assert_eq!(shown(&[place(6, 3), place(7, 90)]), expected);
        assert_eq!(shown(&[place(0, 0), place(80, u32::MAX)]).len(), 1);
        assert_eq!(pieces("", &[place(1, 4)]), []);
    }
}
