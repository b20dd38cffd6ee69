use std::fmt;
use std::time::Duration;

use super::departures::Total;
use super::elapsed::{Elapsed, Thousands};
use super::printable::Printable;
use super::tally::Tally;

/// What became of several runs, a line for each: the end of what a person reads of them.
#[derive(Clone, Debug, Default)]
pub struct SubjectTable {
    rows: Vec<(String, SubjectRun)>,
}

/// What became of one of them.
#[derive(Clone, Debug)]
pub enum SubjectRun {
    /// It was run.
    Ran(SubjectTotal),
    /// It cannot be run here, for this reason.
    Missing(String),
    /// The others ended before it began.
    NotBegun,
}

/// What a run came to, and how long it took.
#[derive(Clone, Copy, Debug)]
pub struct SubjectTotal {
    total: Total,
    took: Duration,
    is_incomplete: bool,
}

impl SubjectRun {
    /// One that took so long.
    pub fn of(tally: &Tally, took: Duration) -> Self {
        let (total, is_incomplete) = (Total::of(tally), tally.is_incomplete());
        Self::Ran(SubjectTotal { total, took, is_incomplete })
    }
}

impl SubjectTable {
    /// Adds a line at the end.
    pub fn add(&mut self, label: &str, run: SubjectRun) {
        self.rows.push((Printable(label).to_string(), run));
    }
}

impl fmt::Display for SubjectTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.rows.iter().map(|(label, _)| label.chars().count());
        let width = labels.chain(["subject".len()]).max().unwrap_or(0);
        writeln!(
            f,
            "{:width$}  passed  known  regressions  broken  unsupported  skipped  time",
            "subject"
        )?;
        for (label, run) in &self.rows {
            write!(f, "{label:width$}  ")?;
            match run {
                SubjectRun::Ran(ran) => writeln!(f, "{ran}")?,
                SubjectRun::Missing(why) => writeln!(f, "skipped: {}", Printable(why))?,
                SubjectRun::NotBegun => f.write_str("not begun\n")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for SubjectTotal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Total { good, known, regressions, broken, unsupported, skipped } = self.total;
        let [good, known, regressions, broken, unsupported, skipped] =
            [good, known, regressions, broken, unsupported, skipped]
                .map(|number| Thousands(number as u64));
        write!(f, "{good:>6}  {known:>5}  {regressions:>11}  {broken:>6}  {unsupported:>11}  ")?;
        write!(f, "{skipped:>7}  {}", Elapsed(self.took))?;
        if self.is_incomplete { f.write_str("  incomplete") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::transcript::Transcript;

    #[test]
    fn each_run_is_a_line() {
        let [whole, part] = [fixture::every_standing(), fixture::other_subject()];
        let [whole, part] = [Transcript::of(&whole), Transcript::of(&part[..part.len() - 1])];
        let mut table = SubjectTable::default();
        table.add("kernel", SubjectRun::of(whole.tally(), Duration::from_millis(3_210)));
        table.add("stack-a (peer kernel)", SubjectRun::of(part.tally(), Duration::ZERO));
        let why = "needs go: apt-get install golang-go".to_owned();
        table.add("go", SubjectRun::Missing(why));
        table.add("node", SubjectRun::NotBegun);
        insta::assert_snapshot!(table);
    }
}
