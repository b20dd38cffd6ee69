use std::fmt;

use super::change::{Came, Change};
use super::compared::Comparison;
use crate::report::printable::{Many, Printable};

impl Comparison {
    /// The comparison as Markdown, for release notes.
    ///
    /// Whatever comes from a subject or a scenario stands within code spans, so that nothing of it is
    /// markup.
    pub fn markdown(&self) -> impl fmt::Display + '_ {
        Markdown(self)
    }
}

struct Markdown<'a>(&'a Comparison);

impl fmt::Display for Markdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comparison = self.0;
        let [old, new] = &comparison.runs;
        writeln!(f, "What changed from {} to {}:\n", Code(old), Code(new))?;
        for one in &comparison.differences {
            writeln!(f, "- {}: {}, was {}", one.what, Code(&one.new), Code(&one.old))?;
        }
        for scenario in &comparison.texts {
            writeln!(f, "- another text: {}", Code(scenario.as_str()))?;
        }
        if comparison.changes.is_empty() {
            writeln!(f, "- no case changed")?;
        }
        let same = Many(comparison.same as u64, "case");
        writeln!(f, "- {same} came to the same")?;
        for change in Change::ALL {
            let groups = comparison.groups(change);
            if groups.is_empty() {
                continue;
            }
            let count: usize = groups.iter().map(|group| group.count).sum();
            let words = change.words();
            let (first, rest) = words.split_at(1);
            let heading = format!("{}{rest}", first.to_uppercase());
            writeln!(f, "\n### {heading}: {}\n", Many(count as u64, "case"))?;
            for group in groups {
                let scenario = &group.first.scenario;
                let cases: Vec<_> = group
                    .variants
                    .iter()
                    .map(|variant| Code(&format!("{scenario}[{variant}]")).to_string())
                    .collect();
                let (old, new) = (Said(group.first.old.as_ref()), Said(group.first.new.as_ref()));
                writeln!(f, "- {}: {old} → {new}", cases.join(", "))?;
                for (word, came) in [("was", &group.first.old), ("is", &group.first.new)] {
                    for step in came.iter().flat_map(|came| &came.steps) {
                        writeln!(f, "  - {word} {}", Code(step))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What a case came to.
struct Said<'a>(Option<&'a Came>);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("not there"),
            Some(came) if came.reason.is_none() => write!(f, "{came}"),
            Some(came) => write!(f, "{}", Code(&came.to_string())),
        }
    }
}

/// Text as a code span on one line, between more backticks than stand together within it.
struct Code<'a>(&'a str);

impl fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Printable(self.0).to_string();
        let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest + 1);
        // A backtick at either end would belong to the fence; one space beside each fence is taken
        // away again.
        let needs_space = text.starts_with('`') || text.ends_with('`') || text.is_empty();
        let space = if needs_space { " " } else { "" };
        write!(f, "{fence}{space}{text}{space}{fence}")
    }
}
