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

/// The rules of style that its tables need, once on a page, with the colours of
/// [`DIAGRAM_STYLE`](super::DIAGRAM_STYLE).
pub const BYTES_STYLE: &str = include_str!("bytes.css");

/// How many bytes a row has.
const ROW: usize = 16;
/// The most rows of the table; a row that differs counts once, though it is shown for both sides.
const MOST_ROWS: usize = 16;
/// The most rows of the text that differ: with their headings they are a dozen lines at most.
const MOST_TEXT_ROWS: usize = 4;
/// The most rows of which one side has nothing.
const MOST_ONE_SIDED: usize = 2;
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

    /// How many of the first bytes are known of both.
    fn known(&self) -> usize {
        self.expected.head().len().min(self.actual.head().len())
    }

    /// What there is to say first.
    fn heading(&self) -> String {
        let (expected, actual) = (self.expected.length(), self.actual.length());
        let first = alike(self.expected.head(), self.actual.head());
        let mut parts = Vec::new();
        if first < self.known() {
            parts.push(format!("first difference at byte {first}"));
        } else if let alike @ 1.. = self.alike() {
            let (is, s) = if alike == 1 { ("is", "") } else { ("are", "s") };
            parts.push(format!("the first {} byte{s} {is} the same", Thousands(alike)));
        }
        if expected != actual {
            let difference = Thousands(expected.abs_diff(actual));
            let which = if expected > actual { "missing" } else { "too many" };
            let (actual, expected) = (Many(actual, "byte"), Thousands(expected));
            parts.push(format!("{actual} instead of {expected}: {difference} {which}"));
        }
        parts.join(", ")
    }

    /// How many of the first bytes are known to be the same, where those known on both sides are.
    fn alike(&self) -> u64 {
        let shorter = self.expected.length().min(self.actual.length());
        let known = self.known() as u64;
        match self.actual.differing_parts(&self.expected).first() {
            Some(part) => part.start,
            None if shorter <= known || self.expected.length() == self.actual.length() => shorter,
            None => known.max(shorter / Received::BLOCK * Received::BLOCK),
        }
    }

    /// What is known of the bytes that are not shown, in so many notes and one for the others.
    fn notes(&self, most: usize) -> Vec<String> {
        let parts = self.actual.differing_parts(&self.expected);
        let note = |part: &Range<u64>| {
            let (first, last) = (Thousands(part.start), Thousands(part.end - 1));
            format!("a byte from {first} to {last} differs; only a digest of them was kept")
        };
        let mut notes: Vec<String> = parts.iter().take(most).map(note).collect();
        let more = parts.len().saturating_sub(most);
        if more > 0 {
            notes.push(format!("and so it is in {}", Many(more as u64, "further part")));
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
        let both = self.known().div_ceil(ROW);
        for (index, row) in rows.into_iter().enumerate() {
            if !is_same(&row) {
                if differing == most || index >= both + MOST_ONE_SIDED {
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
        for note in self.notes(1) {
            let _ = write!(text, "\n{note}");
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
        self.notes(MOST_PARTS).iter().try_for_each(|text| note(f, text))?;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::report::{Transcript, fixture};
    use crate::run::event::{Event, StepReport};
    use crate::scenario::{Document, Place};
    use crate::vocabulary::{Payload, ScenarioId};

    fn difference(expected: &[u8], actual: &[u8]) -> BytesDifference {
        BytesDifference { expected: expected.into(), actual: actual.into() }
    }

    fn generated(length: u64) -> Vec<u8> {
        Payload::Generated { length, seed: 7 }.bytes().into_owned()
    }

    /// Bytes with some of them changed.
    fn changed(bytes: &[u8], places: &[usize]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for at in places {
            bytes[*at] ^= 0x80;
        }
        bytes
    }

    #[test]
    fn a_literal_is_shown_with_what_is_missing() {
        let found = difference(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.0\r\nHost:");
        insta::assert_snapshot!(found.text(), @r"
        first difference at byte 13, 21 bytes instead of 27: 6 missing
        00000000 -  47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..
        00000000 +  47 45 54 20 2f 20 48 54 54 50 2f 31 2e 30 0d 0a  GET / HTTP/1.0..
        00000010 -  48 6f 73 74 3a 20 61 0d 0a 0d 0a                 Host: a....
        00000010 +  48 6f 73 74 3a                                   Host:
        ");
        insta::assert_snapshot!(found.to_string());
    }

    #[test]
    fn surplus_bytes_are_shown_too() {
        insta::assert_snapshot!(difference(b"pong", b"pong<script>&\"\xff").text(), @r#"
        the first 4 bytes are the same, 15 bytes instead of 4: 11 too many
        00000000 -  70 6f 6e 67                                      pong
        00000000 +  70 6f 6e 67 3c 73 63 72 69 70 74 3e 26 22 ff     pong<script>&".
        "#);
        insta::assert_snapshot!(difference(b"pong", b"pong<script>&\"\xff").to_string());
    }

    #[test]
    fn rows_that_are_the_same_are_left_out() {
        let bytes = generated(1_000);
        let found = difference(&bytes, &changed(&bytes, &[200, 201, 700]));
        insta::assert_snapshot!(found.text(), @r"
        first difference at byte 200
        000000c0 -  30 ce 49 5d df d6 0c e7 e9 b9 1f 3a 33 1f d8 f5  0.I].......:3...
        000000c0 +  30 ce 49 5d df d6 0c e7 69 39 1f 3a 33 1f d8 f5  0.I]....i9.:3...
        000002b0 -  f6 70 6b 75 b8 91 c6 a3 ed ee 61 b5 5e ee 3e 4b  .pku......a.^.>K
        000002b0 +  f6 70 6b 75 b8 91 c6 a3 ed ee 61 b5 de ee 3e 4b  .pku......a...>K
        ");
        insta::assert_snapshot!(found.to_string());
    }

    #[test]
    fn where_only_digests_are_known_the_part_is_told() {
        let bytes = generated(100_000);
        let behind = difference(&bytes, &changed(&bytes, &[20_000, 99_000]));
        insta::assert_snapshot!(behind.text(), @r"
        the first 16,384 bytes are the same
        a byte from 16,384 to 32,767 differs; only a digest of them was kept
        and so it is in 1 further part
        ");
        let both = difference(&bytes, &changed(&bytes, &[17, 20_000]));
        insta::assert_snapshot!(both.text(), @r"
        first difference at byte 17
        00000010 -  02 2a b1 ba 80 40 98 e6 cb 29 3e 67 70 eb 3a 95  .*...@...)>gp.:.
        00000010 +  02 aa b1 ba 80 40 98 e6 cb 29 3e 67 70 eb 3a 95  .....@...)>gp.:.
        a byte from 16,384 to 32,767 differs; only a digest of them was kept
        ");
        let shorter = difference(&bytes, &bytes[..60_000]);
        insta::assert_snapshot!(shorter.text(), @"the first 49,152 bytes are the same, 60,000 bytes instead of 100,000: 40,000 missing");
        let few = difference(&bytes, &bytes[..20]);
        insta::assert_snapshot!(few.text(), @r"
        the first 20 bytes are the same, 20 bytes instead of 100,000: 99,980 missing
        00000010 -  02 2a b1 ba 80 40 98 e6 cb 29 3e 67 70 eb 3a 95  .*...@...)>gp.:.
        00000010 +  02 2a b1 ba                                      .*..
        00000020 -  da 21 1e 6a 66 3b d3 73 11 aa be cb 86 be da 3f  .!.jf;.s.......?
        00000030 -  f6 d0 c2 33 a1 c4 cb 77 fe be 02 3d 51 d6 fc 53  ...3...w...=Q..S
        and 252 further rows that differ
        ");
    }

    #[test]
    fn it_is_bounded_however_many_differ() {
        let bytes = generated(1 << 20);
        let every: Vec<usize> = (0..1 << 20).collect();
        let found = difference(&bytes, &changed(&bytes, &every));
        insta::assert_snapshot!(found.text(), @r"
        first difference at byte 0
        00000000 -  d7 0d 32 59 e4 e1 cb 63 1c 66 3c f4 d7 3c 4c 04  ..2Y...c.f<..<L.
        00000000 +  57 8d b2 d9 64 61 4b e3 9c e6 bc 74 57 bc cc 84  W...daK....tW...
        00000010 -  02 2a b1 ba 80 40 98 e6 cb 29 3e 67 70 eb 3a 95  .*...@...)>gp.:.
        00000010 +  82 aa 31 3a 00 c0 18 66 4b a9 be e7 f0 6b ba 15  ..1:...fK....k..
        00000020 -  da 21 1e 6a 66 3b d3 73 11 aa be cb 86 be da 3f  .!.jf;.s.......?
        00000020 +  5a a1 9e ea e6 bb 53 f3 91 2a 3e 4b 06 3e 5a bf  Z.....S..*>K.>Z.
        00000030 -  f6 d0 c2 33 a1 c4 cb 77 fe be 02 3d 51 d6 fc 53  ...3...w...=Q..S
        00000030 +  76 50 42 b3 21 44 4b f7 7e 3e 82 bd d1 56 7c d3  vPB.!DK.~>...V|.
        and 252 further rows that differ
        a byte from 16,384 to 32,767 differs; only a digest of them was kept
        and so it is in 62 further parts
        ");
        assert!(found.text().lines().count() <= 12);
        let table = found.to_string();
        assert!(table.len() < 64 << 10, "{} bytes", table.len());
        assert_eq!(table.matches("<tr").count(), 1 + 2 * MOST_ROWS + 1 + MOST_PARTS + 1);
    }

    /// What a made-up run gives for the last of some steps, which all follow a pair.
    fn of(steps: &str, outcomes: &[Outcome]) -> Option<BytesDifference> {
        let text = format!("\"t\"\nover tcp4\npair client.c server.s\n\n{steps}\n");
        let document =
            Document::parse(&text, ScenarioId::new("t"), "t.scn").expect("it has no mistake");
        let elaborated = Elaborated::of(document.scenario(), None);
        let made = document.cases().remove(0);
        let mut case = fixture::every_standing()
            .into_iter()
            .find_map(|event| match event {
                Event::CaseFinished(case) => Some(*case),
                _ => None,
            })
            .expect("the fixture has cases");
        case.case = made.id.clone();
        let pair = made.steps.iter().take_while(|step| step.place.line == 3).count();
        let outcomes = std::iter::repeat_n(&Outcome::Ok, pair).chain(outcomes);
        case.steps = made
            .steps
            .iter()
            .zip(outcomes)
            .map(|(step, outcome)| StepReport {
                place: step.place,
                expected: Some(Place::default()),
                outcome: (!matches!(step.action, Action::Start { .. })).then(|| outcome.clone()),
                began: Duration::ZERO,
                took: Duration::ZERO,
                judgement: Judgement::Missed { detail: None },
                ending: None,
                note: None,
                samples: None,
            })
            .collect();
        BytesDifference::of(&case, case.steps.len() - 1, &elaborated)
    }

    fn data(text: &str) -> Outcome {
        Outcome::data(text.as_bytes())
    }

    #[rstest]
    #[case("client recv c 16 => \"ping\"", &[data("pong")], Some("first difference at byte 1"))]
    #[case("client recv c 16 => \"pin\" or \"ponk\"", &[data("pong")], Some("first difference at byte 3"))]
    #[case("client recv c 16 => eof or \"ping\"", &[data("p")], Some("1 byte instead of 4: 3 missing"))]
    #[case("client recv c 16 => \"ping\"", &[data("ping")], None)]
    #[case("client recv c 16 => \"ping\"", &[Outcome::EndOfStream], None)]
    #[case("client recv c 16 => eof", &[data("ping")], None)]
    #[case("client recv c 16 => bytes 8 of 7", &[data("ping")], Some("4 bytes instead of 8"))]
    fn it_is_made_where_bytes_were_expected_and_others_came(
        #[case] steps: &str,
        #[case] outcomes: &[Outcome],
        #[case] heading: Option<&str>,
    ) {
        let found = of(steps, outcomes).map(|found| found.heading());
        match (&found, heading) {
            (Some(found), Some(heading)) => assert!(found.contains(heading), "{found}"),
            (found, heading) => assert_eq!(found.as_deref(), heading),
        }
    }

    #[test]
    fn what_was_accepted_and_not_yet_received_is_expected() {
        let steps = "client send c \"abcdef\" => 1..\nserver recv s 2 => \"ab\"\n\
                     server drain s &all\nserver await all => all of client.c";
        let before = [Outcome::Count(4), data("ab"), Outcome::Ok];
        let with = |last: Outcome| of(steps, &[&before[..], &[last]].concat());
        assert!(with(data("cd")).is_none());
        let found = with(data("cx")).expect("that is another");
        assert_eq!((found.expected.head(), found.actual.head()), (&b"cd"[..], &b"cx"[..]));
        let found = with(Outcome::EndOfStream).expect("nothing is not enough");
        assert_eq!(found.heading(), "0 bytes instead of 2: 2 missing");
    }

    #[test]
    fn nothing_that_was_recorded_breaks_it() {
        let transcript = Transcript::of(&fixture::every_standing());
        for case in transcript.cases() {
            let case = case.shown();
            let scenario = transcript.scenario(&case.scenario).expect("it was loaded");
            for elaborated in [Elaborated::of(scenario, None), Elaborated::default()] {
                for step in 0..=case.steps.len() {
                    if let Some(found) = BytesDifference::of(case, step, &elaborated) {
                        assert!(found.text().lines().count() <= 12);
                    }
                }
            }
        }
        let mut odd = [0, 1, 17, 4_096, 4_097, 40_000].map(generated).to_vec();
        odd.push(vec![9; 40_000]);
        for (expected, actual) in odd.iter().flat_map(|one| odd.iter().map(move |two| (one, two))) {
            let found = difference(expected, actual);
            assert!(found.text().lines().count() <= 12);
            assert!(found.to_string().ends_with("</tbody></table>\n"));
        }
    }
}
