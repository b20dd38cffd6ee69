use std::fmt;
use std::time::Duration;

use super::elapsed::Elapsed;
use super::palette::{Painted, Palette};
use super::printable::Printable;
use crate::run::event::{Judgement, StepReport};
use crate::scenario::Place;

/// Lines of a scenario with what came of them, the last with carets and a message under it.
pub(crate) struct Excerpt<'a> {
    /// The text of the file.
    pub(crate) source: &'a str,
    /// The lines that went before.
    pub(crate) before: &'a [LineMark],
    /// Where the carets stand.
    pub(crate) point: Option<Place>,
    /// What is said beside the carets, line by line.
    pub(crate) message: &'a [String],
    /// The styles.
    pub(crate) palette: Palette,
}

/// What came of the steps on one line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineMark {
    /// Which line.
    pub(crate) number: u32,
    mark: Mark,
    took: Option<Duration>,
}

/// The sign beside a line; of several steps on it, the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    /// Nothing was expected, or it did not apply.
    Silent,
    Met,
    Slow,
    Excused,
}

impl LineMark {
    /// The marks of some steps, those that stand on one line together, at most the last few lines.
    pub(crate) fn of(steps: &[StepReport]) -> Vec<Self> {
        let mut marks: Vec<Self> = Vec::new();
        for step in steps {
            let next = Self::of_step(step);
            match marks.last_mut().filter(|last| last.number == next.number) {
                Some(last) => {
                    last.mark = last.mark.max(next.mark);
                    last.took =
                        last.took.into_iter().chain(next.took).reduce(Duration::saturating_add);
                }
                None => marks.push(next),
            }
        }
        marks.drain(..marks.len().saturating_sub(LINES_BEFORE));
        marks
    }

    const fn of_step(step: &StepReport) -> Self {
        let (mark, took) = match step.judgement {
            Judgement::Moot => (Mark::Silent, None),
            Judgement::Slow { .. } => (Mark::Slow, Some(step.took)),
            Judgement::Excused { .. } => (Mark::Excused, Some(step.took)),
            Judgement::Met if step.expected.is_none() => (Mark::Silent, Some(step.took)),
            Judgement::Met
            | Judgement::Missed { .. }
            | Judgement::Early { .. }
            | Judgement::Hung => (Mark::Met, Some(step.took)),
        };
        Self { number: step.place.line, mark, took }
    }

    fn glyph(self, palette: Palette) -> Painted<char> {
        match self.mark {
            Mark::Silent => Painted(palette.faint, '·'),
            Mark::Met => Painted(palette.good, '✓'),
            Mark::Slow => Painted(palette.odd, '~'),
            Mark::Excused => Painted(palette.odd, '≠'),
        }
    }
}

/// How many lines before a failure are shown.
const LINES_BEFORE: usize = 8;
/// How much of a line is shown, in characters.
const WIDTH: usize = 120;

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Palette { faint, bad, .. } = self.palette;
        let shown: Vec<_> =
            self.before.iter().map(|mark| (mark, Cut::new(self.source, mark.number, 0))).collect();
        let times: Vec<_> = self
            .before
            .iter()
            .map(|mark| mark.took.map(|took| Elapsed(took).to_string()))
            .collect();
        let time_width = times.iter().flatten().map(String::len).max().unwrap_or(0);
        let point = self.point.map(|place| (place, Cut::around(self.source, place)));
        let numbers = self.before.iter().map(|mark| mark.number);
        let gutter = numbers
            .chain(self.point.map(|place| place.line))
            .max()
            .map_or(1, |number| number.to_string().len())
            .max(2);
        let text_width = shown
            .iter()
            .map(|(_, cut)| cut)
            .chain(point.as_ref().map(|(_, cut)| cut))
            .map(|cut| cut.text.chars().count())
            .max()
            .unwrap_or(0);

        for ((mark, cut), time) in shown.iter().zip(&times) {
            let number = Painted(faint, format!("{:>gutter$} │", mark.number));
            let glyph = mark.glyph(self.palette);
            write!(f, "  {number} {:<text_width$}  {glyph}", cut.text)?;
            match time {
                Some(time) => writeln!(f, "  {time:>time_width$}")?,
                None => writeln!(f)?,
            }
        }
        let Some((place, cut)) = point else { return Ok(()) };
        writeln!(f, "  {} {}", Painted(faint, format!("{:>gutter$} │", place.line)), cut.text)?;
        let bar = Painted(faint, format!("{:gutter$} │", ""));
        let (indent, length) = cut.span(place);
        for (index, line) in self.message.iter().enumerate() {
            let text = Printable(line);
            if index == 0 {
                let marked = format!("{} {text}", "^".repeat(length));
                writeln!(f, "  {bar} {:indent$}{}", "", Painted(bad, marked))?;
            } else {
                // Below the carets, since beside them there is often no room for a sentence.
                writeln!(f, "  {bar} {:indent$}{text}", "")?;
            }
        }
        Ok(())
    }
}

/// The part of a line that is shown.
struct Cut {
    text: String,
    /// The characters of the source from which `text` was made, from this one on.
    start: usize,
    source: Vec<char>,
}

impl Cut {
    fn new(source: &str, number: u32, start: usize) -> Self {
        let line: Vec<char> = line(source, number).chars().collect();
        let part = &line[start.min(line.len())..];
        let before = if start > 0 { "…" } else { "" };
        let after = if part.len() > WIDTH { "…" } else { "" };
        let part = &part[..part.len().min(WIDTH)];
        let text: String = part.iter().collect();
        Self {
            text: format!("{before}{}{after}", Printable(&untabbed(&text))),
            start,
            source: part.to_vec(),
        }
    }

    /// The part of a line in which a place can be seen.
    fn around(source: &str, place: Place) -> Self {
        let column = place.column.saturating_sub(1) as usize;
        let start = if column + 20 < WIDTH { 0 } else { column.saturating_sub(40) };
        Self::new(source, place.line, start)
    }

    /// How far a place is indented in the shown text, and how long it is there.
    fn span(&self, place: Place) -> (usize, usize) {
        let width = |from: usize, to: usize| -> usize {
            let clamp = |index: usize| index.saturating_sub(self.start).min(self.source.len());
            let part: String = self.source[clamp(from)..clamp(to)].iter().collect();
            Printable(&untabbed(&part)).to_string().chars().count()
        };
        let column = place.column.saturating_sub(1) as usize;
        let end = column.saturating_add(place.length as usize);
        (usize::from(self.start > 0) + width(0, column), width(column, end).max(1))
    }
}

/// A tab is one column in a scenario, and many in a terminal.
fn untabbed(text: &str) -> String {
    text.replace('\t', " ")
}

/// A line of a scenario without its comment, by its number.
pub(crate) fn line(source: &str, number: u32) -> &str {
    let index = (number as usize).saturating_sub(1);
    without_comment(source.lines().nth(index).unwrap_or_default())
}

/// The text between two places of one line, each run of spaces as one.
pub(crate) fn between(source: &str, from: Place, to: Place) -> String {
    let start = from.column.saturating_sub(1) as usize;
    let end = to.column.saturating_sub(1).saturating_add(to.length) as usize;
    let text: String =
        line(source, from.line).chars().skip(start).take(end.saturating_sub(start)).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `#` at the start or after a space begins a comment, but not inside quotes.
fn without_comment(line: &str) -> &str {
    let (mut quoted, mut escaped, mut after_space) = (false, false, true);
    for (index, character) in line.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '#' if !quoted && after_space => return line[..index].trim_end(),
            _ => {}
        }
        after_space = character.is_whitespace();
    }
    line.trim_end()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("client  send c \"x\"  => 1   # why", "client  send c \"x\"  => 1")]
    #[case(r#"client  send c " # \" # "  => 1 # why"#, r#"client  send c " # \" # "  => 1"#)]
    #[case("# all of it", "")]
    #[case("a#b", "a#b")]
    fn a_comment_is_left_out(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(without_comment(text), shown);
    }

    fn excerpt(source: &str, point: Place) -> String {
        let message = ["eof after 31 ms".to_owned(), "4 bytes are missing".to_owned()];
        Excerpt {
            source,
            before: &[],
            point: Some(point),
            message: &message,
            palette: Palette::plain(),
        }
        .to_string()
    }

    #[test]
    fn carets_stand_right_behind_what_had_to_be_escaped() {
        let source = "client\trecv c 16 => \"§\u{1b}\"";
        insta::assert_snapshot!(excerpt(source, Place { line: 1, column: 21, length: 4 }), @r#"
           1 │ client recv c 16 => "§\u{1b}"
             │                     ^^^^^^^^^ eof after 31 ms
             │                     4 bytes are missing
        "#);
    }

    #[test]
    fn a_long_line_is_cut_around_its_point() {
        let source = format!("client  send c \"{}\"  => 400 # why", "x".repeat(400));
        let column = 1 + u32::try_from(source.find("400").expect("it is there")).expect("short");
        insta::assert_snapshot!(excerpt(&source, Place { line: 1, column, length: 3 }), @r#"
           1 │ …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"  => 400
             │                                          ^^^ eof after 31 ms
             │                                          4 bytes are missing
        "#);
    }

    #[test]
    fn no_more_than_eight_lines_go_before() {
        let step = |line| StepReport {
            place: Place { line, column: 1, length: 1 },
            expected: None,
            outcome: None,
            began: Duration::ZERO,
            took: Duration::from_millis(1),
            judgement: Judgement::Met,
            ending: None,
            note: None,
            samples: None,
        };
        let steps: Vec<_> = (1..=20).flat_map(|line| [step(line), step(line)]).collect();
        let marks = LineMark::of(&steps);
        assert_eq!(
            marks.iter().map(|mark| mark.number).collect::<Vec<_>>(),
            (13..=20).collect::<Vec<_>>()
        );
        assert!(marks.iter().all(|mark| mark.took == Some(Duration::from_millis(2))));
    }

    #[test]
    fn a_place_outside_the_file_is_no_harm() {
        insta::assert_snapshot!(excerpt("", Place { line: 9, column: u32::MAX, length: u32::MAX }), @r"
           9 │ …
             │  ^ eof after 31 ms
             │  4 bytes are missing
        ");
    }
}
