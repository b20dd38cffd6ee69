use std::fmt;

use super::change::{Came, Change};
use super::compared::{ChangeGroup, Comparison};
use crate::report::palette::{Painted, Palette};
use crate::report::printable::{Many, Printable};

impl Comparison {
    /// The comparison for a terminal, in these styles.
    pub fn text(&self, palette: Palette) -> impl fmt::Display + '_ {
        Text { comparison: self, palette }
    }
}

struct Text<'a> {
    comparison: &'a Comparison,
    palette: Palette,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Palette { strong, odd, .. } = self.palette;
        let [old, new] = &self.comparison.runs;
        writeln!(f, "{}", Painted(strong, format!("old: {}", Printable(old))))?;
        writeln!(f, "{}", Painted(strong, format!("new: {}", Printable(new))))?;
        for one in &self.comparison.differences {
            let (old, new) = (Printable(&one.old), Printable(&one.new));
            writeln!(f, "{}: {old} -> {new}", Painted(odd, one.what))?;
        }
        for scenario in &self.comparison.texts {
            writeln!(f, "{}: {}", Painted(odd, "another text"), Printable(scenario.as_str()))?;
        }
        for change in Change::ALL {
            let groups = self.comparison.groups(change);
            if groups.is_empty() {
                continue;
            }
            let count: usize = groups.iter().map(|group| group.count).sum();
            let heading = format!("{change}: {}", Many(count as u64, "case"));
            writeln!(f, "\n{}", Painted(self.style(change), heading))?;
            groups.iter().try_for_each(|group| self.group(f, group))?;
        }
        writeln!(f)?;
        let mut counts: Vec<_> = self
            .comparison
            .counts()
            .into_iter()
            .map(|(change, count)| format!("{count} {change}"))
            .collect();
        if counts.is_empty() {
            counts.push("no case changed".to_owned());
        }
        writeln!(f, "{}, {} the same", counts.join(", "), self.comparison.same)
    }
}

impl Text<'_> {
    fn group(&self, f: &mut fmt::Formatter<'_>, group: &ChangeGroup<'_>) -> fmt::Result {
        let first = group.first;
        for variant in &group.variants {
            let cases = format!("{}[{variant}]", first.scenario);
            writeln!(f, "  {}", Painted(self.palette.strong, Printable(&cases)))?;
        }
        let said = |came: &Option<Came>| {
            came.as_ref().map_or_else(|| "not there".to_owned(), ToString::to_string)
        };
        let (old, new) = (said(&first.old), said(&first.new));
        writeln!(f, "      {} -> {}", Printable(&old), Printable(&new))?;
        for (word, came) in [("was", &first.old), ("is", &first.new)] {
            for step in came.iter().flat_map(|came| &came.steps) {
                let word = Painted(self.palette.faint, format!("{word:>5}"));
                writeln!(f, "  {word}  {step}")?;
            }
        }
        Ok(())
    }

    const fn style(&self, change: Change) -> anstyle::Style {
        match change {
            Change::NewlyFailing | Change::NewAndFailing | Change::FailingOtherwise => {
                self.palette.bad
            }
            Change::NotRun | Change::Slower | Change::Gone => self.palette.odd,
            Change::Mended | Change::RunAgain | Change::New => self.palette.good,
        }
    }
}
