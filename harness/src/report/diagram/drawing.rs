use std::fmt::{self, Write as _};
use std::time::Duration;

use super::arrow::Arrow;
use super::call::{Call, Role};
use super::lanes::{AXIS, BESIDE, Column, Lanes, Side};
use super::moment::{BREAK, Moments, Row, What};
use super::text::{Escaped, columns, cut};
use crate::report::elapsed::Elapsed;
use crate::report::printable::Many;
use crate::run::event::CaseFinished;

/// Rows, bars and arrows as SVG.
pub(super) struct Drawing<'a> {
    pub(super) case: &'a CaseFinished,
    pub(super) names: &'a [String],
    pub(super) lanes: &'a Lanes,
    pub(super) calls: &'a [Call],
    pub(super) moments: &'a Moments,
    /// How many packets the capture has lost.
    pub(super) lost: u64,
}

/// Where a row stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The middle of its first line.
    y: usize,
    top: usize,
    bottom: usize,
    /// How long nothing happened before it, where that is long.
    gap: Option<Duration>,
}

const HEAD: usize = 40;
const ROW: usize = 20;
const REMARK: usize = 16;
const GAP: usize = 26;
const FOOT: usize = 12;
/// Diagrams with more rows have the names of the lanes below them too.
const LONG: usize = 30;
/// How wide a character of a label on an arrow is, in hundredths.
const CHARACTER: usize = 665;
/// How far from a lane the cross of a packet stands that is dropped there.
const DROPPED: usize = 14;
/// How far the bar of a call reaches to each side of its lane.
const BAR: usize = 5;
/// How long a row is in words at the most.
const SENTENCE: usize = 240;
/// How much is told at the most of what there is no room for.
const WHOLE: usize = 400;
/// How long the stub of an arrow is whose other end is not known.
const STUB: usize = 46;

impl fmt::Display for Drawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.places();
        let end = places.last().map_or(HEAD, |place| place.bottom) + 4;
        let is_long = places.len() > LONG;
        let feet = if is_long { HEAD - 8 } else { 0 } + if self.lost > 0 { ROW } else { 0 };
        let (width, height) = (self.lanes.width, end + feet + FOOT);
        writeln!(
            f,
            "<svg class=\"d-diagram\" role=\"img\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\">"
        )?;
        self.words(f)?;
        self.backgrounds(f, &places)?;
        self.frame(f, end, is_long)?;
        for (call, (from, to)) in self.shown() {
            if let (Some(from), Some(to)) = (places.get(*from), places.get(*to)) {
                self.bar(f, call, *from, *to)?;
            }
        }
        for (index, place) in places.iter().enumerate() {
            self.row(f, index, *place)?;
        }
        if self.lost > 0 {
            let note = format!("{} lost by the capture", Many(self.lost, "packet"));
            let y = height - FOOT;
            writeln!(f, "<text class=\"d-note\" x=\"{}\" y=\"{y}\">{note}</text>", AXIS + 8)?;
        }
        f.write_str("</svg>\n")
    }
}

impl Drawing<'_> {
    fn places(&self) -> Vec<Place> {
        let mut top = HEAD;
        let mut before: Option<Duration> = None;
        let mut places = Vec::with_capacity(self.moments.rows.len());
        for row in &self.moments.rows {
            let gap =
                before.map(|before| row.at.saturating_sub(before)).filter(|gap| *gap >= BREAK);
            top += if gap.is_some() { GAP } else { 0 };
            let remarks = self.call_that_ends(row).map_or(0, |call| self.remarks(call).len());
            let bottom = top + ROW + remarks * REMARK;
            places.push(Place { y: top + ROW / 2, top, bottom, gap });
            top = bottom;
            before = Some(match &row.what {
                What::Packet(arrow) => arrow.until,
                _ => row.at,
            });
        }
        places
    }

    /// The calls that have a row, with the first and the last of their rows.
    fn shown(&self) -> impl Iterator<Item = (&Call, &(usize, usize))> {
        let is_left_out = |row: usize| {
            matches!(self.moments.rows.get(row), Some(Row { what: What::Left { .. }, .. }))
        };
        let calls = self.calls.iter().zip(&self.moments.bars);
        calls.filter(move |(_, (from, to))| from != to || !is_left_out(*from))
    }

    /// The call whose outcome a row tells.
    fn call_that_ends(&self, row: &Row) -> Option<&Call> {
        row.tells().and_then(|call| self.calls.get(call))
    }

    /// What else there is to say of a call, in lines for which there is room.
    fn remarks(&self, call: &Call) -> Vec<String> {
        let (_, _, room) = self.beside(call);
        call.remarks.iter().flat_map(|remark| wrapped(remark, room)).collect()
    }

    /// Where the words of a call stand, on which side of that, and how many columns they have.
    fn beside(&self, call: &Call) -> (usize, Side, usize) {
        match call.actor.and_then(|actor| self.lanes.of(actor)) {
            Some(Column { x, side: Side::Left, room, .. }) => (x - BESIDE, Side::Left, *room),
            Some(Column { x, room, .. }) => (x + BESIDE, Side::Right, *room),
            None => (AXIS + 10, Side::Right, (self.lanes.width - AXIS) * 100 / 725 - 4),
        }
    }

    /// The same in words.
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CaseFinished { case, verdict, .. } = self.case;
        let case = Escaped(case.as_str());
        writeln!(f, "<title>Sequence diagram of {case}: {verdict}</title>")?;
        f.write_str("<desc>Times are in milliseconds from the start of the case.")?;
        for row in &self.moments.rows {
            let mut words = String::new();
            self.sentence(&mut words, row)?;
            write!(f, "\n{} {}.", Millis(row.at), Escaped(&cut(&words, SENTENCE)))?;
        }
        f.write_str("</desc>\n")
    }

    fn sentence(&self, words: &mut String, row: &Row) -> fmt::Result {
        let whose = |call: &Call| match call.actor.and_then(|actor| self.names.get(actor)) {
            Some(name) => format!("{name}: {}", call.words),
            None => call.words.clone(),
        };
        match &row.what {
            What::Begin { call, says_all } => {
                let Some(call) = self.calls.get(*call) else { return Ok(()) };
                words.push_str(&whose(call));
                if *says_all { outcome(words, call) } else { Ok(()) }
            }
            What::End { call } => {
                let Some(call) = self.calls.get(*call) else { return Ok(()) };
                write!(words, "{} returns", whose(call))?;
                outcome(words, call)
            }
            What::Packet(arrow) => {
                write!(words, "packet {}: {}", arrow.route(self.names), arrow.label)?;
                words.push_str(if arrow.is_lost() { ", lost" } else { "" });
                Ok(())
            }
            What::Left { count } => write!(words, "{} left out", Many(*count as u64, "row")),
        }
    }

    /// What lies behind everything: the row at which the case failed, and what nobody in particular
    /// does.
    fn backgrounds(&self, f: &mut fmt::Formatter<'_>, places: &[Place]) -> fmt::Result {
        let width = self.lanes.width - AXIS;
        let mut bands = Vec::new();
        for (call, (from, to)) in self.shown() {
            let (Some(first), Some(last)) = (places.get(*from), places.get(*to)) else { continue };
            let (class, top, bottom) = match call.role {
                _ if call.is_point => continue,
                // Time that passes until the next row belongs to the wait.
                Role::Wait => {
                    let next = places.get(to + 1).map_or(last.bottom, |next| next.top);
                    ("d-band", first.top, next)
                }
                Role::Pair | Role::Wire => ("d-band", first.top, last.bottom),
                _ => continue,
            };
            bands.push((class, top, bottom));
        }
        for (row, place) in self.moments.rows.iter().zip(places) {
            if self.call_that_ends(row).is_some_and(|call| call.is_point) {
                bands.push(("d-point", place.top, place.bottom));
            }
        }
        for (class, top, bottom) in bands {
            let height = bottom.saturating_sub(top + 2);
            writeln!(
                f,
                "<rect class=\"{class}\" x=\"{AXIS}\" y=\"{}\" width=\"{width}\" height=\"{height}\"/>",
                top + 1
            )?;
        }
        Ok(())
    }

    /// The axis, and the lanes with their names.
    fn frame(&self, f: &mut fmt::Formatter<'_>, end: usize, is_long: bool) -> fmt::Result {
        writeln!(f, "<text class=\"d-time\" x=\"{}\" y=\"24\">ms</text>", AXIS - 8)?;
        writeln!(f, "<path class=\"d-axis\" d=\"M{AXIS} {}V{end}\"/>", HEAD - 6)?;
        let count = self.lanes.columns.len();
        let apart = match &self.lanes.columns[..] {
            [first, second, ..] => second.x - first.x - 8,
            _ => 400,
        };
        let room = (apart * 100 / 760).clamp(6, 30);
        for column in &self.lanes.columns {
            let Column { name, x, .. } = column;
            writeln!(f, "<path class=\"d-lane\" d=\"M{x} {}V{end}\"/>", HEAD - 8)?;
            let shown = cut(name, room);
            let width = columns(&shown) * 8 + 16;
            let (left, text) = (x.saturating_sub(width / 2), Escaped(&shown));
            let title = if shown == *name || count == 0 {
                String::new()
            } else {
                format!("<title>{}</title>", Escaped(&cut(name, WHOLE)))
            };
            for top in [8, end].into_iter().take(if is_long { 2 } else { 1 }) {
                writeln!(
                    f,
                    "<g>{title}<rect class=\"d-head\" x=\"{left}\" y=\"{top}\" width=\"{width}\" \
                     height=\"24\" rx=\"4\"/><text class=\"d-name\" x=\"{x}\" y=\"{}\">{text}</text></g>",
                    top + 16
                )?;
            }
        }
        Ok(())
    }

    /// A call from its beginning to its end.
    fn bar(&self, f: &mut fmt::Formatter<'_>, call: &Call, from: Place, to: Place) -> fmt::Result {
        let Some(lane) = call.actor.and_then(|actor| self.lanes.of(actor)) else { return Ok(()) };
        let (class, offset, width) = match call.role {
            Role::Awaited | Role::Wait | Role::Wire | Role::Pair => return Ok(()),
            Role::Plain if call.is_point && from.y == to.y => return Ok(()),
            Role::Started => ("d-beside", 6 + 9 * call.slot, 7),
            Role::Plain if call.took >= BREAK => ("d-blocked", 0, 9),
            Role::Plain => ("d-call", 0, 9),
        };
        // Beside the lane, on the side on which no words stand.
        let x = match lane.side {
            Side::Left => lane.x + offset,
            Side::Right => lane.x.saturating_sub(offset + if offset > 0 { width } else { 0 }),
        };
        let x = if offset == 0 { x - width / 2 } else { x };
        let bad = if call.is_point || call.fails_later { " d-worst" } else { "" };
        let (top, bottom) = (from.y - 6, if call.is_open { to.bottom + 2 } else { to.y + 6 });
        writeln!(
            f,
            "<rect class=\"{class}{bad}\" x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{}\" rx=\"2\"/>",
            bottom.saturating_sub(top)
        )
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, index: usize, place: Place) -> fmt::Result {
        let row = &self.moments.rows[index];
        if let Some(gap) = place.gap {
            self.gap(f, gap, place.top)?;
        }
        let y = place.y + 4;
        writeln!(
            f,
            "<text class=\"d-time\" x=\"{}\" y=\"{y}\">{}</text>",
            AXIS - 8,
            Millis(row.at)
        )?;
        match &row.what {
            What::Begin { call, says_all } => match self.calls.get(*call) {
                Some(call) => self.call(f, call, &call.words, *says_all, place),
                None => Ok(()),
            },
            What::End { call } => match self.calls.get(*call) {
                Some(call) => {
                    let verb = call.words.split(' ').next().unwrap_or_default();
                    self.call(f, call, verb, true, place)
                }
                None => Ok(()),
            },
            What::Packet(arrow) => self.arrow(f, arrow, index, place.y),
            What::Left { count } => {
                let count = Many(*count as u64, "row");
                let x = AXIS + 10;
                writeln!(f, "<text class=\"d-note\" x=\"{x}\" y=\"{y}\">⋮ {count} left out</text>")
            }
        }
    }

    /// Time that passes without a row.
    fn gap(&self, f: &mut fmt::Formatter<'_>, gap: Duration, top: usize) -> fmt::Result {
        let y = top - GAP / 2;
        let (left, right) = (AXIS + 68, self.lanes.width);
        writeln!(
            f,
            "<path class=\"d-break\" d=\"M{} {}l8 -5M{} {}l8 -5M{left} {y}H{right}\"/>\
             <text class=\"d-gap\" x=\"{}\" y=\"{}\">{}</text>",
            AXIS - 4,
            y + 1,
            AXIS - 4,
            y + 5,
            AXIS + 10,
            y + 4,
            Elapsed(gap)
        )
    }

    /// The words of a call and of what came of it.
    fn call(
        &self,
        f: &mut fmt::Formatter<'_>,
        call: &Call,
        words: &str,
        says_all: bool,
        place: Place,
    ) -> fmt::Result {
        let lane = call.actor.and_then(|actor| self.lanes.of(actor));
        let (x, side, room) = self.beside(call);
        let anchor = if side == Side::Left { " d-left" } else { "" };
        let mut words = words.to_owned();
        if let Some(name) = call.actor.and_then(|actor| self.names.get(actor))
            && lane.is_some_and(|lane| lane.is_shared)
        {
            words = format!("{name} {words}");
        }
        let kind = match call.role {
            _ if call.is_point && says_all => "d-words d-hot",
            Role::Wait | Role::Wire | Role::Pair => "d-band-words",
            _ => "d-words",
        };
        let told = Told::new(call, &words, says_all, room);
        let open = if told.is_cut {
            format!("<g><title>{}</title>", Escaped(&told.whole))
        } else {
            String::new()
        };
        write!(f, "{open}<text class=\"{kind}{anchor}\" x=\"{x}\" y=\"{}\">", place.y + 4)?;
        write!(f, "{}", Escaped(&told.words))?;
        if !told.outcome.is_empty() {
            let class = call.sign.class();
            write!(f, "<tspan class=\"{class}\">{}</tspan>", Escaped(&told.outcome))?;
        }
        if !told.took.is_empty() {
            write!(f, "<tspan class=\"d-faint\">{}</tspan>", Escaped(&told.took))?;
        }
        writeln!(f, "</text>{}", if told.is_cut { "</g>" } else { "" })?;
        if says_all {
            for (index, remark) in self.remarks(call).iter().enumerate() {
                let y = place.y + 4 + (index + 1) * REMARK;
                let class = if call.is_point { "d-remark d-hot" } else { "d-note" };
                let remark = Escaped(remark);
                writeln!(f, "<text class=\"{class}{anchor}\" x=\"{x}\" y=\"{y}\">{remark}</text>")?;
            }
            if let (true, Some(lane)) = (call.is_point, lane) {
                cross(f, "d-cross", lane.x, place.y, 6)?;
                writeln!(f)?;
            }
        }
        Ok(())
    }

    fn arrow(
        &self,
        f: &mut fmt::Formatter<'_>,
        arrow: &Arrow,
        index: usize,
        y: usize,
    ) -> fmt::Result {
        let x_of = |actor: usize| self.lanes.of(actor).map(|lane| lane.x);
        let from = arrow.from.and_then(x_of);
        let mut ends: Vec<(usize, bool)> = arrow
            .to
            .iter()
            .filter_map(|arrival| Some((x_of(arrival.actor)?, arrival.is_dropped)))
            .collect();
        ends.sort_unstable();
        ends.dedup_by_key(|(x, _)| *x);
        let many = if arrow.count > 1 { " d-many" } else { "" };
        let lost = if arrow.is_lost() { " d-lost" } else { "" };
        let class = arrow.kind.class();
        let title = format!("#{} {}: {}", arrow.number, arrow.route(self.names), arrow.label);
        let title = Escaped(&cut(&title, WHOLE)).to_string();
        write!(f, "<g class=\"d-packet {class}{many}{lost}\"><title>{title}</title>")?;
        let label = label(arrow, from.is_some());
        let width = (columns(&label) * CHARACTER).div_ceil(100);
        let line = Line::new(from, &ends, y);
        let is_busy = |x: usize| {
            self.shown().any(|(call, (first, last))| {
                (call.role == Role::Plain || call.is_point)
                    && (*first..=*last).contains(&index)
                    && call.actor.and_then(x_of) == Some(x)
            })
        };
        // In the middle where there is room, which the line leaves free; else behind it, or before.
        let is_within = line.right - line.left >= width + 34 && ends.len() == 1;
        let middle = line.left.midpoint(line.right);
        let (x, anchor) = if is_within {
            (middle, " d-middle")
        } else if line.right + 12 + width < self.lanes.width || line.left < width + AXIS + 12 {
            (line.right + 12, "")
        } else {
            (line.left - 12, " d-left")
        };
        let free = is_within.then(|| (middle - width / 2 - 5, middle + width / 2 + 5));
        line.draw(f, free, is_busy)?;
        writeln!(
            f,
            "<text class=\"d-label{anchor}\" x=\"{x}\" y=\"{}\">{}</text></g>",
            y + 4,
            Escaped(&label)
        )
    }
}

/// The label of an arrow.
fn label(arrow: &Arrow, is_from_somebody: bool) -> String {
    let mut label = match arrow.count {
        1 => format!("#{} {}", arrow.number, arrow.label),
        _ => arrow.label.clone(),
    };
    if arrow.is_for_all && arrow.to.len() > 1 {
        label.push_str(" to all");
    }
    if !arrow.to.is_empty() && arrow.is_lost() {
        label.push_str(", dropped");
    } else if arrow.to.is_empty() && is_from_somebody {
        label.push_str(", not seen to arrive");
    }
    label
}

/// The line of an arrow: where it begins and where it ends.
struct Line<'e> {
    from: Option<usize>,
    /// Each end, and whether the packet is dropped there.
    ends: &'e [(usize, bool)],
    y: usize,
    left: usize,
    right: usize,
}

impl<'e> Line<'e> {
    fn new(from: Option<usize>, ends: &'e [(usize, bool)], y: usize) -> Self {
        let (left, right) = match (from, ends) {
            (None, []) => (AXIS + 2, AXIS + 2),
            (Some(from), []) => (from, from + STUB),
            (Some(from), [(to, _)]) if from == *to => (from, from + 26),
            (from, ends) => {
                let origin = from.unwrap_or_else(|| ends[0].0.saturating_sub(STUB));
                let all = || ends.iter().map(|(x, _)| *x).chain([origin]);
                (all().min().unwrap_or(origin), all().max().unwrap_or(origin))
            }
        };
        Self { from, ends, y, left, right }
    }

    /// Draws it, with nothing between two places where a label stands, and up to the bar of a call on
    /// a lane that is busy.
    fn draw(
        &self,
        f: &mut fmt::Formatter<'_>,
        free: Option<(usize, usize)>,
        is_busy: impl Fn(usize) -> bool,
    ) -> fmt::Result {
        let Self { from, ends, y, left, right } = *self;
        match (from, ends) {
            (None, []) => return Ok(()),
            (Some(from), []) => {
                write!(f, "<path d=\"M{from} {y}H{right}\"/>")?;
                return cross(f, "d-x", right, y, 4);
            }
            (Some(from), [(to, _)]) if from == *to => {
                write!(f, "<path d=\"M{from} {}h26v8H{}\"/>", y - 4, from + 2)?;
                return head(f, from, y + 4, false);
            }
            _ => {}
        }
        let origin = from.unwrap_or(left);
        // A line to a cross ends there.
        let short = |x: usize| match ends.iter().find(|(end, _)| *end == x) {
            Some((_, true)) if x > origin => x - DROPPED,
            Some((_, true)) if x < origin => x + DROPPED,
            _ => x,
        };
        let (first, last) = (short(left), short(right));
        match free {
            Some((here, there)) => {
                write!(f, "<path d=\"M{first} {y}H{here}M{there} {y}H{last}\"/>")?;
            }
            None => write!(f, "<path d=\"M{first} {y}H{last}\"/>")?,
        }
        if ends.len() > 1 {
            write!(f, "<circle cx=\"{origin}\" cy=\"{y}\" r=\"3\"/>")?;
        }
        for (x, is_dropped) in ends.iter().filter(|(x, _)| *x != origin) {
            if *is_dropped {
                cross(f, "d-x", short(*x), y, 4)?;
            } else {
                let bar = if is_busy(*x) { BAR } else { 0 };
                head(f, if *x > origin { x - bar } else { x + bar }, y, *x > origin)?;
            }
        }
        Ok(())
    }
}

/// The words of a row, cut to the room that there is.
struct Told {
    words: String,
    outcome: String,
    took: String,
    whole: String,
    is_cut: bool,
}

impl Told {
    fn new(call: &Call, words: &str, says_all: bool, room: usize) -> Self {
        let said = call.said.as_deref().filter(|_| says_all).map(|said| format!(" → {said}"));
        let said = said.unwrap_or_default();
        let glyph = if says_all { call.sign.glyph() } else { "" };
        let waits = if says_all || call.role == Role::Started { "" } else { " …" };
        let is_told = says_all
            && (call.is_point || call.took >= Duration::from_millis(1))
            && match call.role {
                Role::Wait | Role::Started => false,
                Role::Wire => call.said.is_some(),
                _ => !call.said.as_deref().is_some_and(|said| said.contains(" after ")),
            };
        let took = if is_told { format!("  {}", Elapsed(call.took)) } else { String::new() };
        let whole = cut(&format!("{words}{waits}{said} {glyph}{took}"), WHOLE);
        let left = room.saturating_sub(columns(&took) + 2);
        let needed = columns(words) + columns(waits) + columns(&said);
        if needed <= left {
            let outcome = format!("{said} {glyph}");
            let outcome = outcome.trim_end().to_owned();
            return Self { words: format!("{words}{waits}"), outcome, took, whole, is_cut: false };
        }
        let said = cut(&said, (left / 2).max(left.saturating_sub(columns(words))));
        let words = cut(words, left.saturating_sub(columns(&said)));
        let outcome = format!("{said} {glyph}").trim_end().to_owned();
        Self { words, outcome, took, whole, is_cut: true }
    }
}

/// What came of a call, for a sentence.
fn outcome(words: &mut String, call: &Call) -> fmt::Result {
    if let Some(said) = &call.said {
        write!(words, " → {said}")?;
    }
    if !call.sign.word().is_empty() {
        write!(words, ", {}", call.sign.word())?;
    }
    call.remarks.iter().try_for_each(|remark| write!(words, "; {remark}"))
}

/// Breaks text into lines of at most so many columns, between words where that is possible.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut line = lines.pop().unwrap_or_default();
        if !line.is_empty() && columns(&line) + 1 + columns(word) > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&cut(word, room));
        lines.push(line);
    }
    lines
}

/// The head of an arrow, with its point there.
fn head(f: &mut fmt::Formatter<'_>, x: usize, y: usize, goes_right: bool) -> fmt::Result {
    let sign = if goes_right { "-" } else { "" };
    write!(f, "<path class=\"d-tip\" d=\"M{x} {y}l{sign}8 -4v8z\"/>")
}

fn cross(f: &mut fmt::Formatter<'_>, class: &str, x: usize, y: usize, half: usize) -> fmt::Result {
    let (left, top, size) = (x - half, y - half, 2 * half);
    write!(
        f,
        "<path class=\"{class}\" d=\"M{left} {top}l{size} {size}m0 -{size}l-{size} {size}\"/>"
    )
}

/// A time on the axis, to the microsecond.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        write!(f, "{}.{:03}", micros / 1_000, micros % 1_000)
    }
}
