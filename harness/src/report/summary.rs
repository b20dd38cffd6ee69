use std::collections::BTreeMap;
use std::fmt;

use anstyle::Style;

use super::elapsed::{Elapsed, Thousands};
use super::palette::{Painted, Palette};
use super::printable::{Many, Printable};
use super::review::Review;
use super::steadiness::Steadiness;
use super::tally::{Counts, Tally};
use crate::run::Verdict;
use crate::run::event::{HostsMade, RunStarted};

/// What a run comes to, for a person; its last line always begins with `N passed, N failed, N
/// skipped`.
pub(crate) struct Summary<'a> {
    pub(crate) tally: &'a Tally,
    pub(crate) palette: Palette,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tally.runs() == 0 {
            writeln!(f, "no case was run")?;
        } else {
            self.table(f)?;
            writeln!(f)?;
            self.verdicts(f)?;
            if !self.is_repeated() {
                self.slow(f)?;
            }
            write!(f, "{}", Steadiness { tally: self.tally, palette: self.palette })?;
            self.reasons(f)?;
            write!(f, "{}", Review { tally: self.tally, palette: self.palette })?;
        }
        self.end(f)?;
        writeln!(f, "{}", self.tally.counts())
    }
}

impl Summary<'_> {
    /// Whether each case ran several times, which is told in a way of its own.
    fn is_repeated(&self) -> bool {
        self.tally.started().is_some_and(|run| run.repeat > 1)
    }

    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let areas: Vec<_> = self
            .tally
            .areas()
            .into_iter()
            .map(|(area, counts)| (Printable(area).to_string(), counts))
            .collect();
        let width =
            areas.iter().map(|(area, _)| area.chars().count()).max().unwrap_or(0).clamp(9, WIDEST);
        let Palette { bad, strong, .. } = self.palette;
        let has_known = self.tally.counts().known > 0;
        let more = if has_known { "  known" } else { "" };
        let heading = format!("{:width$}  passed  failed  skipped{more}", "area");
        writeln!(f, "{}", Painted(strong, heading))?;
        let mut row = |name: &str, Counts { passed, failed, skipped, known }: Counts| {
            let style = if failed > 0 { bad } else { Style::new() };
            let failed = Painted(style, format!("{failed:>6}"));
            write!(f, "{name:width$}  {passed:>6}  {failed}  {skipped:>7}")?;
            if has_known { writeln!(f, "  {known:>5}") } else { writeln!(f) }
        };
        areas.iter().try_for_each(|(area, counts)| row(area, *counts))?;
        if areas.len() > 1 { row("all", self.tally.counts()) } else { Ok(()) }
    }

    /// What stands behind the three columns.
    fn verdicts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Palette { bad, odd, .. } = self.palette;
        let mut others: Vec<_> = self
            .tally
            .verdicts()
            .into_iter()
            .filter(|(verdict, _)| {
                !matches!(verdict, Verdict::Pass | Verdict::Fail | Verdict::Skipped)
            })
            .map(|(verdict, count)| {
                let style = if verdict.is_bad() { bad } else { odd };
                Painted(style, format!("{verdict} {count}")).to_string()
            })
            .collect();
        let excused = self.tally.cases().filter(|(_, case)| case.is_excused()).count();
        if excused > 0 {
            others.push(Painted(odd, format!("excused {excused}")).to_string());
        }
        if others.is_empty() { Ok(()) } else { writeln!(f, "{}", others.join("  ")) }
    }

    fn slow(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut slow: Vec<_> =
            self.tally.cases().filter(|(_, case)| case.verdict() == Verdict::Slow).collect();
        // What could not be decided is no mere delay: it is never the part that is cut off.
        slow.sort_by_key(|(_, case)| case.reason().is_none());
        let width = slow
            .iter()
            .take(SLOW_NAMED)
            .map(|(id, _)| id.as_str().len())
            .max()
            .unwrap_or(0)
            .min(WIDEST);
        for (id, case) in slow.iter().take(SLOW_NAMED) {
            let id = Printable(id.as_str()).to_string();
            write!(f, "slow: {id:width$}  took {}", Elapsed(case.longest()))?;
            match case.reason() {
                Some(reason) => writeln!(f, ", {}", Printable(reason))?,
                None => writeln!(f)?,
            }
        }
        self.more(f, slow.len(), SLOW_NAMED, "slow case")
    }

    /// Why cases were not run, the most frequent reason first.
    fn reasons(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts: BTreeMap<(Verdict, &str), u64> = BTreeMap::new();
        for (_, case) in self.tally.cases() {
            let verdict = case.verdict();
            if matches!(verdict, Verdict::Skipped | Verdict::Unsupported) {
                *counts
                    .entry((verdict, case.reason().unwrap_or("no reason given")))
                    .or_default() += 1;
            }
        }
        let mut reasons: Vec<_> = counts.into_iter().collect();
        reasons.sort_by_key(|((verdict, reason), count)| {
            (std::cmp::Reverse(*count), *verdict, *reason)
        });
        let width = reasons.first().map_or(0, |(_, most)| Thousands(*most).to_string().len());
        for ((verdict, reason), count) in reasons.iter().take(REASONS) {
            writeln!(f, "{:>width$} {verdict}: {}", Thousands(*count), Printable(reason))?;
        }
        self.more(f, reasons.len(), REASONS, "reason")
    }

    /// The time, the stall, and what was left behind.
    fn end(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let odd = self.palette.odd;
        if let Some(end) = self.tally.finished() {
            for leak in &end.leaks {
                writeln!(f, "{}: {}", Painted(odd, "left behind"), Printable(leak))?;
            }
            write!(f, "took {}", Elapsed(end.took))?;
            if end.stall.is_zero() || self.is_repeated() {
                writeln!(f)?;
            } else {
                writeln!(f, ", the machine stalled for {} at worst", Elapsed(end.stall))?;
            }
            if let Some(HostsMade { hosts, took, leased }) = end.made.filter(|made| made.hosts > 0)
            {
                let each = Elapsed(took / hosts);
                let (hosts, runs) = (Many(hosts.into(), "host"), Many(leased.into(), "run"));
                writeln!(f, "{hosts} made in {}, {each} each, for {runs}", Elapsed(took))?;
            }
            let again = self.tally.repetitions();
            if again > 0 && !self.is_repeated() {
                let times = Many(again, "time");
                writeln!(f, "run again, having failed while the machine stalled: {times}")?;
            }
        }
        let missing = self.tally.finished().map_or(&[][..], |end| &end.missing);
        for shard in missing {
            let text = format!("cut short: part {shard} of the suite is missing");
            writeln!(f, "{}", Painted(odd, text))?;
        }
        if self.tally.is_incomplete() && missing.is_empty() {
            let run = self.tally.runs();
            let announced = self.tally.started().map_or(0, announced);
            let noun = if self.is_repeated() { "run" } else { "case" };
            let text = format!("cut short: {} of {} ended", Thousands(run), Many(announced, noun));
            writeln!(f, "{}", Painted(odd, text))?;
        }
        Ok(())
    }

    fn more(
        &self,
        f: &mut fmt::Formatter<'_>,
        all: usize,
        named: usize,
        noun: &'static str,
    ) -> fmt::Result {
        match all.checked_sub(named) {
            None | Some(0) => Ok(()),
            Some(more) => {
                let text = format!("and {} more", Many(more as u64, noun));
                writeln!(f, "{}", Painted(self.palette.faint, text))
            }
        }
    }
}

/// How many times a case is to end in a run, repetitions included.
pub(crate) fn announced(run: &RunStarted) -> u64 {
    u64::from(run.cases) * u64::from(run.repeat.max(1))
}

/// How many slow cases are named.
const SLOW_NAMED: usize = 5;
/// How many reasons are given.
const REASONS: usize = 10;
/// How wide a column may grow for the sake of one long name.
const WIDEST: usize = 120;
