use std::fmt::{self, Write as _};
use std::ops::Range;

use super::diagram::Escaped;
use super::elaborated::Elaborated;
use super::elapsed::Thousands;
use super::printable::Many;
use crate::run::Ledger;
use crate::run::event::{CaseFinished, Judgement};
use crate::scenario::{Action, Alternative, Expected, Step};
use crate::vocabulary::{Op, Outcome, Received, TagId};

/// Bytes that were expected held against those that came, as hexadecimal rows: shown as an HTML table by
/// [`Display`](fmt::Display), and as text by [`text`](Self::text).
///
/// Of long payloads only the first 4,096 bytes are known on both sides; behind these it says which parts
/// differ.
#[derive(Clone, Debug)]
pub struct BytesDifference {
    expected: Received,
    actual: Received,
}

/// How many bytes a row has.
const ROW: usize = 16;
/// The most rows of the table; a row that differs counts once, though it is shown for both sides.
const MOST_ROWS: usize = 48;
/// The most rows of the text that differ: with their headings they are a dozen lines at most.
const MOST_TEXT_ROWS: usize = 4;
/// The most parts that are named of which only digests are known.
const MOST_PARTS: usize = 4;

impl BytesDifference {
    /// The difference in what a step received; `None` where it was not bytes that were expected, or
    /// not bytes that came, or where they are the same.
    pub fn of(case: &CaseFinished, step: usize, elaborated: &Elaborated) -> Option<Self> {
        let report = case.steps.get(step)?;
        if !matches!(report.judgement, Judgement::Missed { .. } | Judgement::Excused { .. }) {
            return None;
        }
        let steps = elaborated.steps(case);
        let alternatives = &steps.get(step)?.as_ref()?.expectation.as_ref()?.alternatives;
        let actual = match report.outcome.as_ref()? {
            Outcome::Data { bytes, .. } => bytes.clone(),
            Outcome::EndOfStream if alternatives.iter().any(is_all) => Received::default(),
            _ => return None,
        };
        let expected = |alternative: &Alternative| match &alternative.expected {
            Expected::Data { payload, .. } => Some(Received::from(payload)),
            Expected::AllOf(sender) => {
                let ledger = ledger(case, &steps[..=step], elaborated)?;
                let receiver = performed(&steps, step)?.socket();
                Some(ledger.outstanding(*sender, receiver, actual.length()))
            }
            _ => None,
        };
        // Of several that were allowed, the one that it is most like.
        let expected = alternatives
            .iter()
            .filter_map(expected)
            .max_by_key(|expected| alike(expected.head(), actual.head()))?;
        (expected != actual).then_some(Self { expected, actual })
    }

    /// The position of the first byte that is not the same in both, as far as it is known: within a
    /// part of which only a digest is known, the start of that part.
    fn first(&self) -> u64 {
        let alike = alike(self.expected.head(), self.actual.head());
        let known = self.known();
        if alike < known {
            return alike as u64;
        }
        let parts = self.actual.differing_parts(&self.expected);
        let shorter = self.expected.length().min(self.actual.length());
        parts.first().map_or(shorter, |part| part.start)
    }

    /// How many of the first bytes are known of both.
    fn known(&self) -> usize {
        self.expected.head().len().min(self.actual.head().len())
    }

    /// What there is to say first.
    fn heading(&self) -> String {
        let (expected, actual) = (self.expected.length(), self.actual.length());
        let is_known = alike(self.expected.head(), self.actual.head()) < self.known();
        let parts = self.actual.differing_parts(&self.expected);
        let mut heading = match (is_known, &parts[..]) {
            (true, _) => format!("first difference at byte {}", self.first()),
            (false, []) if expected == actual => {
                format!("a byte behind the first {} differs", Thousands(self.known() as u64))
            }
            (false, []) => "the same as far as it can be told".to_owned(),
            (false, parts) => {
                format!("the first {} are the same", Many(parts[0].start, "byte"))
            }
        };
        if expected != actual {
            let _ =
                write!(heading, ", {} instead of {}", Many(actual, "byte"), Thousands(expected));
        }
        match expected.abs_diff(actual) {
            0 => {}
            count if expected > actual => {
                let _ = write!(heading, ": {} missing", Thousands(count));
            }
            count => {
                let _ = write!(heading, ": {} too many", Thousands(count));
            }
        }
        heading
    }

    /// What is known of the bytes that are not shown.
    fn notes(&self) -> Vec<String> {
        let parts = self.actual.differing_parts(&self.expected);
        let mut notes: Vec<String> = parts
            .iter()
            .take(MOST_PARTS)
            .map(|part| {
                let (first, last) = (Thousands(part.start), Thousands(part.end - 1));
                format!("a byte from {first} to {last} differs: only a digest of them was kept")
            })
            .collect();
        match parts.len().saturating_sub(MOST_PARTS) {
            0 => {}
            more => notes.push(format!("and so in {}", Many(more as u64, "further part"))),
        }
        notes
    }

    /// The rows that are shown, with runs of those that are the same left out, and how many that
    /// differ do not fit.
    fn rows(&self, most: usize) -> (Vec<Shown>, usize) {
        let (expected, actual) = (self.expected.head(), self.actual.head());
        // Where one side is known further than the other although it has more, nothing differs there.
        let end = |side: &Received| match side.length() {
            length if length > side.head().len() as u64 => None,
            _ => Some(side.head().len()),
        };
        let count = match (end(&self.expected), end(&self.actual)) {
            (Some(_), Some(_)) => expected.len().max(actual.len()),
            (Some(_), None) => actual.len(),
            (None, Some(_)) => expected.len(),
            (None, None) => expected.len().min(actual.len()),
        };
        let rows: Vec<Range<usize>> =
            (0..count).step_by(ROW).map(|from| from..(from + ROW).min(count)).collect();
        let is_same = |row: &Range<usize>| part(expected, row) == part(actual, row);
        let first = rows.iter().position(|row| !is_same(row)).unwrap_or(rows.len());
        let (mut shown, mut differing, mut hidden) = (Vec::new(), 0, 0);
        for (index, row) in rows.into_iter().enumerate() {
            if !is_same(&row) {
                if differing == most {
                    hidden += 1;
                    continue;
                }
                differing += 1;
                shown.push(Shown::Differing(row));
            } else if index + 1 == first {
                // One row of what went before tells where one is.
                shown.push(Shown::Same(row));
            } else if let Some(Shown::Left(count)) = shown.last_mut() {
                *count += 1;
            } else {
                shown.push(Shown::Left(1));
            }
        }
        if hidden > 0 && matches!(shown.last(), Some(Shown::Left(_))) {
            shown.pop();
        }
        (shown, hidden)
    }

    /// The same as plain text, a dozen lines at most, without what a terminal would obey.
    pub fn text(&self) -> String {
        let mut text = self.heading();
        let (rows, hidden) = self.rows(MOST_TEXT_ROWS);
        for row in rows {
            match row {
                // There is little room: where the rows are says their offset.
                Shown::Same(_) | Shown::Left(_) => {}
                Shown::Differing(row) => {
                    for (sign, side) in [('-', self.expected.head()), ('+', self.actual.head())] {
                        let bytes = part(side, &row);
                        if !bytes.is_empty() {
                            let _ = write!(text, "\n{:08x} {sign} ", row.start);
                            for byte in bytes {
                                let _ = write!(text, " {byte:02x}");
                            }
                            let gap = (ROW - bytes.len()) * 3 + 2;
                            let _ = write!(text, "{:gap$}{}", "", Ascii(bytes));
                        }
                    }
                }
            }
        }
        if hidden > 0 {
            let _ = write!(text, "\nand {} that differ", Many(hidden as u64, "further row"));
        }
        let notes = self.notes();
        if let [first, others @ ..] = &notes[..] {
            let _ = write!(text, "\n{first}");
            if !others.is_empty() {
                text.push_str(", and others");
            }
        }
        text
    }
}

/// A row as it is shown.
enum Shown {
    Same(Range<usize>),
    Differing(Range<usize>),
    /// So many rows are the same.
    Left(usize),
}

impl fmt::Display for BytesDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heading = self.heading();
        writeln!(f, "<table class=\"x-bytes\"><caption>{}</caption>", Escaped(&heading))?;
        f.write_str(
            "<thead><tr><th scope=\"col\">offset</th><th scope=\"col\">side</th>\
             <th scope=\"col\">bytes</th><th scope=\"col\">text</th></tr></thead>\n<tbody>\n",
        )?;
        let (rows, hidden) = self.rows(MOST_ROWS);
        for row in rows {
            match row {
                Shown::Same(row) => {
                    let bytes = part(self.expected.head(), &row);
                    one_side(f, row.start, ("x-same", "both", "ins"), bytes, bytes)?;
                }
                Shown::Differing(row) => {
                    let (expected, actual) =
                        (part(self.expected.head(), &row), part(self.actual.head(), &row));
                    one_side(f, row.start, ("x-expected", "expected", "del"), expected, actual)?;
                    one_side(f, row.start, ("x-actual", "received", "ins"), actual, expected)?;
                }
                Shown::Left(count) => {
                    note(f, &format!("{} the same", Many(count as u64, "row")))?;
                }
            }
        }
        if hidden > 0 {
            note(f, &format!("and {} that differ", Many(hidden as u64, "further row")))?;
        }
        self.notes().iter().try_for_each(|text| note(f, text))?;
        f.write_str("</tbody></table>\n")
    }
}

/// A row of one side, with the bytes marked that the other side has not.
fn one_side(
    f: &mut fmt::Formatter<'_>,
    offset: usize,
    (class, side, element): (&str, &str, &str),
    bytes: &[u8],
    other: &[u8],
) -> fmt::Result {
    write!(f, "<tr class=\"{class}\"><th scope=\"row\">{offset:08x}</th><td>{side}</td><td>")?;
    if bytes.is_empty() {
        f.write_str("<span class=\"x-none\">nothing</span>")?;
    }
    let runs = runs(bytes, other);
    for (index, (range, is_same)) in runs.iter().enumerate() {
        let hex: Vec<_> = bytes[range.clone()].iter().map(|byte| format!("{byte:02x}")).collect();
        f.write_str(if index > 0 { " " } else { "" })?;
        marked(f, element, *is_same, &hex.join(" "))?;
    }
    f.write_str("</td><td>")?;
    for (range, is_same) in &runs {
        marked(f, element, *is_same, &Ascii(&bytes[range.clone()]).to_string())?;
    }
    f.write_str("</td></tr>\n")
}

fn marked(f: &mut fmt::Formatter<'_>, element: &str, is_same: bool, text: &str) -> fmt::Result {
    let text = Escaped(text);
    if is_same { write!(f, "{text}") } else { write!(f, "<{element}>{text}</{element}>") }
}

fn note(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    writeln!(f, "<tr class=\"x-note\"><td colspan=\"4\">{}</td></tr>", Escaped(text))
}

/// Runs of bytes that are the same in both, or are not.
fn runs(bytes: &[u8], other: &[u8]) -> Vec<(Range<usize>, bool)> {
    let mut runs: Vec<(Range<usize>, bool)> = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        let is_same = other.get(at) == Some(byte);
        match runs.last_mut().filter(|(_, last)| *last == is_same) {
            Some((range, _)) => range.end = at + 1,
            None => runs.push((at..at + 1, is_same)),
        }
    }
    runs
}

/// The bytes of a row that a side has.
fn part<'b>(bytes: &'b [u8], row: &Range<usize>) -> &'b [u8] {
    &bytes[row.start.min(bytes.len())..row.end.min(bytes.len())]
}

/// How many of the first bytes are the same.
fn alike(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

const fn is_all(alternative: &Alternative) -> bool {
    matches!(alternative.expected, Expected::AllOf(_))
}

/// What the sockets had accepted and given out when the last of these steps was done.
fn ledger(case: &CaseFinished, steps: &[Option<&Step>], elaborated: &Elaborated) -> Option<Ledger> {
    let mut ledger = Ledger::new(elaborated.case(case)?.sockets.len());
    for (index, report) in case.steps.iter().take(steps.len()).enumerate() {
        if let (Some(op), Some(outcome)) = (performed(steps, index), &report.outcome) {
            ledger.note(op, outcome);
        }
    }
    Some(ledger)
}

/// The operation whose outcome a step has: its own, or the one that it waits for.
fn performed<'s>(steps: &[Option<&'s Step>], index: usize) -> Option<&'s Op> {
    match &steps.get(index)?.as_ref()?.action {
        Action::Perform { op, .. } => Some(op),
        Action::Await { tag, .. } => started(&steps[..index], *tag),
        _ => None,
    }
}

/// The last operation that was started by a name.
fn started<'s>(steps: &[Option<&'s Step>], wanted: TagId) -> Option<&'s Op> {
    steps.iter().rev().flatten().find_map(|step| match &step.action {
        Action::Start { op, tag, .. } if *tag == wanted => Some(op),
        _ => None,
    })
}

/// Bytes as text, with a dot for each that is not printable ASCII.
struct Ascii<'b>(&'b [u8]);

impl fmt::Display for Ascii<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| {
            f.write_char(if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' })
        })
    }
}
