use std::time::Duration;

use super::arrow::{Arrow, is_plain, joined};
use super::call::{Call, Role};

/// A row of the diagram.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) at: Duration,
    pub(super) what: What,
}

/// What a row shows.
#[derive(Debug)]
pub(super) enum What {
    /// A call begins; it also says what came of it, unless that has a row of its own.
    Begin { call: usize, says_all: bool },
    /// A call returns.
    End { call: usize },
    /// A packet, or several alike.
    Packet(Box<Arrow>),
    /// Some rows are not shown.
    Left { count: usize },
}

impl Row {
    /// The call whose outcome it tells.
    pub(super) const fn tells(&self) -> Option<usize> {
        match self.what {
            What::Begin { call, says_all: true } | What::End { call } => Some(call),
            _ => None,
        }
    }
}

/// The rows of a diagram, and where each call stands among them.
#[derive(Debug, Default)]
pub(super) struct Moments {
    pub(super) rows: Vec<Row>,
    /// The rows from which and to which the bar of each call goes.
    pub(super) bars: Vec<(usize, usize)>,
}

/// Time that passes without a row is told from here on.
pub(super) const BREAK: Duration = Duration::from_millis(5);
/// How many rows are shown at most.
pub(super) const MOST_ROWS: usize = 160;
/// How many of these are the first ones.
const FIRST_ROWS: usize = 40;
/// How many rows are shown behind the one at which the case failed.
const AFTER_POINT: usize = 24;

/// A beginning or an end, before it is known which have a row.
#[derive(Debug)]
enum Moment {
    Begin(usize),
    End(usize),
    Packet(Arrow),
}

impl Moments {
    /// Puts calls and packets in the order of their times.
    pub(super) fn new(calls: &[Call], arrows: Vec<Arrow>) -> Self {
        let moments = in_order(calls, arrows);
        let has_own_end = own_ends(calls, &moments);
        let mut made = Self { rows: Vec::new(), bars: vec![(0, 0); calls.len()] };
        let mut plain: Vec<Arrow> = Vec::new();
        for (at, moment) in moments {
            match moment {
                Moment::Packet(arrow) if is_plain(&arrow) => plain.push(arrow),
                moment => {
                    made.packets(std::mem::take(&mut plain));
                    made.moment(at, moment, calls, &has_own_end);
                }
            }
        }
        made.packets(plain);
        let last = made.rows.len().saturating_sub(1);
        for (call, bar) in calls.iter().zip(&mut made.bars) {
            if call.is_open {
                bar.1 = last;
            }
        }
        let point = made.rows.iter().position(|row| {
            row.tells().and_then(|call| calls.get(call)).is_some_and(|call| call.is_point)
        });
        made.bounded(point);
        made
    }

    fn packets(&mut self, row: Vec<Arrow>) {
        let rows = joined(row).into_iter();
        self.rows
            .extend(rows.map(|arrow| Row { at: arrow.at, what: What::Packet(Box::new(arrow)) }));
    }

    fn moment(&mut self, at: Duration, moment: Moment, calls: &[Call], has_own_end: &[bool]) {
        let here = self.rows.len();
        let what = match moment {
            Moment::Begin(call) => {
                self.bars[call] = (here, here);
                if let Some(started) = calls[call].awaits {
                    self.bars[started].1 = here;
                }
                What::Begin { call, says_all: !has_own_end[call] }
            }
            Moment::End(call) if has_own_end[call] => {
                self.bars[call].1 = here;
                What::End { call }
            }
            Moment::End(call) => {
                self.bars[call].1 = here.saturating_sub(1);
                return;
            }
            Moment::Packet(arrow) => What::Packet(Box::new(arrow)),
        };
        self.rows.push(Row { at, what });
    }

    /// Leaves rows out where there are too many: of the first ones and of those around the failure
    /// the most are kept.
    fn bounded(&mut self, point: Option<usize>) {
        let count = self.rows.len();
        if count <= MOST_ROWS {
            return;
        }
        let end = point.map_or(count, |point| (point + 1 + AFTER_POINT).min(count)).max(MOST_ROWS);
        let start = end - (MOST_ROWS - FIRST_ROWS);
        let rows = std::mem::take(&mut self.rows);
        let mut places = Vec::with_capacity(count);
        for (index, row) in rows.into_iter().enumerate() {
            if index < FIRST_ROWS || (start..end).contains(&index) {
                self.rows.push(row);
            } else if let Some(Row { what: What::Left { count }, .. }) = self.rows.last_mut() {
                *count += 1;
            } else {
                self.rows.push(Row { at: row.at, what: What::Left { count: 1 } });
            }
            places.push(self.rows.len() - 1);
        }
        for (from, to) in &mut self.bars {
            (*from, *to) = (places[*from], places[*to]);
        }
    }
}

fn in_order(calls: &[Call], arrows: Vec<Arrow>) -> Vec<(Duration, Moment)> {
    let mut moments = Vec::with_capacity(2 * calls.len() + arrows.len());
    for (index, call) in calls.iter().enumerate() {
        match call.role {
            // What is looked at is known when it has been looked at.
            Role::Wire => moments.push((call.ended, Moment::Begin(index))),
            Role::Started | Role::Awaited => moments.push((call.began, Moment::Begin(index))),
            Role::Plain | Role::Wait | Role::Pair => {
                moments.push((call.began, Moment::Begin(index)));
                moments.push((call.ended, Moment::End(index)));
            }
        }
    }
    moments.extend(arrows.into_iter().map(|arrow| (arrow.at, Moment::Packet(arrow))));
    // What is at the same time stays in the order of the steps.
    moments.sort_by_key(|(at, _)| *at);
    moments
}

/// Which calls return in a row of their own: those that take long, and those during which another call
/// begins or returns.
fn own_ends(calls: &[Call], moments: &[(Duration, Moment)]) -> Vec<bool> {
    let mut own = vec![false; calls.len()];
    for (at, (_, moment)) in moments.iter().enumerate() {
        let Moment::Begin(call) = moment else { continue };
        if matches!(calls[*call].role, Role::Wire | Role::Started | Role::Awaited | Role::Wait) {
            continue;
        }
        let next =
            moments[at + 1..].iter().find(|(_, moment)| !matches!(moment, Moment::Packet(_)));
        let is_next = matches!(next, Some((_, Moment::End(other))) if other == call);
        // Where it failed is told in the order of time.
        let has_packets = !matches!(moments.get(at + 1), Some((_, Moment::End(_))));
        let is_point = calls[*call].is_point && has_packets;
        own[*call] = !is_next || is_point || calls[*call].took >= BREAK;
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::diagram::arrow::Kind;
    use crate::report::diagram::call::Sign;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn call(role: Role, began: u64, ended: u64) -> Call {
        Call {
            role,
            actor: Some(0),
            words: "recv c 16".to_owned(),
            said: None,
            sign: Sign::Met,
            remarks: Vec::new(),
            began: millis(began),
            ended: millis(ended),
            took: millis(ended - began),
            is_open: false,
            is_point: false,
            fails_later: false,
            awaits: None,
            slot: 0,
        }
    }

    fn packet(at: u64, kind: Kind) -> Arrow {
        Arrow {
            at: millis(at),
            number: 1,
            from: Some(0),
            to: Vec::new(),
            is_for_all: false,
            kind,
            label: String::new(),
            bytes: 0,
            count: 1,
            until: millis(at),
        }
    }

    /// Each row in a word, with the number of its call.
    fn told(moments: &Moments) -> String {
        let word = |row: &Row| match &row.what {
            What::Begin { call, says_all: true } => format!("all{call}"),
            What::Begin { call, .. } => format!("begin{call}"),
            What::End { call } => format!("end{call}"),
            What::Packet(_) => "packet".to_owned(),
            What::Left { count } => format!("left{count}"),
        };
        moments.rows.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_short_call_has_one_row_and_a_bar_over_its_packets() {
        let calls = [call(Role::Plain, 0, 4), call(Role::Plain, 7, 8)];
        let packets = vec![packet(1, Kind::Control), packet(2, Kind::Data), packet(5, Kind::Data)];
        let moments = Moments::new(&calls, packets);
        assert_eq!(told(&moments), "all0 packet packet packet all1");
        assert_eq!(moments.bars, [(0, 2), (4, 4)]);
    }

    #[test]
    fn a_long_call_ends_in_a_row_of_its_own() {
        let moments = Moments::new(&[call(Role::Plain, 0, 300)], Vec::new());
        assert_eq!(told(&moments), "begin0 end0");
        assert_eq!(moments.bars, [(0, 1)]);
    }

    #[test]
    fn a_failure_stands_behind_the_packet_that_caused_it() {
        let failed = Call { is_point: true, ..call(Role::Plain, 0, 2) };
        let moments = Moments::new(&[failed], vec![packet(1, Kind::Reset), packet(3, Kind::Data)]);
        assert_eq!(told(&moments), "begin0 packet end0 packet");
    }

    #[test]
    fn calls_beside_each_other_stand_in_the_order_of_time() {
        let started = Call { is_open: true, ..call(Role::Started, 0, 9) };
        let awaited = Call { awaits: Some(0), ..call(Role::Awaited, 6, 6) };
        let calls = [started, call(Role::Plain, 1, 2), call(Role::Wait, 2, 6), awaited];
        let moments = Moments::new(&calls, vec![packet(7, Kind::Data)]);
        assert_eq!(told(&moments), "all0 all1 all2 all3 packet");
        assert_eq!(moments.bars[0], (0, 4), "it has not returned");
        let mut calls = calls;
        calls[0].is_open = false;
        assert_eq!(Moments::new(&calls, Vec::new()).bars[0], (0, 3));
        let across = [call(Role::Plain, 0, 3), call(Role::Plain, 1, 2)];
        assert_eq!(told(&Moments::new(&across, Vec::new())), "begin0 all1 end0");
    }

    #[test]
    fn of_many_rows_the_first_and_those_around_the_failure_are_kept() {
        let mut calls: Vec<_> =
            (0..1_000).map(|at| call(Role::Plain, 2 * at, 2 * at + 1)).collect();
        let moments = Moments::new(&calls, Vec::new());
        assert_eq!(moments.rows.len(), MOST_ROWS + 1);
        assert!(told(&moments).ends_with("all999"), "{}", told(&moments));
        calls[500].is_point = true;
        let moments = Moments::new(&calls, Vec::new());
        let words = told(&moments);
        assert_eq!(moments.rows.len(), MOST_ROWS + 2);
        assert!(words.contains(" all39 left365 all405 ") && words.contains(" all500 "), "{words}");
        assert!(words.ends_with("all524 left475"), "{words}");
    }
}
