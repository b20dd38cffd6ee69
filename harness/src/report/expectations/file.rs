use std::collections::BTreeSet;

use super::entry::Entry;
use super::mistake::{code, mistake, with_help};
use super::reader;
use crate::run::Known;
use crate::scenario::{Case, Diagnostic, Scenario, nearest, quoted};

/// What a subject is known to do otherwise than the scenarios say, as a file lays it down.
///
/// The file is TOML, a table `[[expectation]]` for each thing that is known:
///
/// ```toml
/// [[expectation]]
/// cases    = "halfclose/unconnected-send-errno[tcp?]" # a pattern, or a list of them
/// verdicts = ["fail"]           # what each of them comes to; several where it is one at a time
/// reason   = "TCP answers EPIPE instead of ENOTCONN"
/// source   = "net/ipv4/tcp.c tcp_sendmsg_locked()"    # where that is laid down
/// until    = 2027-01-01         # optional: from then on the entry has to be looked at again
/// ```
///
/// The verdicts that can be expected are `pass`, `fail`, `hang` and `crash`, one that is bad among
/// them. A file without entries is one, too: nothing is known.
#[derive(Debug)]
pub struct Expectations {
    name: String,
    entries: Vec<Entry>,
}

impl Expectations {
    /// Reads the text of a file, which is called `name` in reports, with every mistake in it. Of an
    /// entry with a mistake what could be understood is kept, so that [`Self::check`] finds the rest.
    pub fn read(name: impl Into<String>, source: &str) -> (Self, Vec<Diagnostic>) {
        let (entries, mistakes) = reader::read(source);
        (Self { name: name.into(), entries }, mistakes)
    }

    /// Whether any entry may speak of a case of this scenario, so that the others need not be
    /// elaborated.
    pub fn name_cases_of(&self, scenario: &Scenario) -> bool {
        let mut patterns = self.entries.iter().flat_map(|entry| &entry.cases);
        patterns.any(|(pattern, _)| pattern.names(&scenario.id))
    }

    /// Holds the entries against all cases of a suite: each pattern must stand for one at least, and
    /// no case may belong to two entries. The scenarios are all that there are, for what is near;
    /// the cases may lack those of which [`Self::name_cases_of`] is not true.
    pub fn check<'a>(
        &self,
        scenarios: impl IntoIterator<Item = &'a Scenario>,
        cases: &[Case],
    ) -> Vec<Diagnostic> {
        let mut mistakes = self.overlaps(cases);
        let ids: Vec<&str> = scenarios.into_iter().map(|scenario| scenario.id.as_str()).collect();
        for (pattern, span) in self.entries.iter().flat_map(|entry| &entry.cases) {
            if cases.iter().any(|case| pattern.matches(case)) {
                continue;
            }
            let named = cases.iter().find(|case| pattern.names(&case.scenario.id));
            let (label, help) = if let Some(case) = named {
                let label = "no case of the scenario has these coordinates".to_owned();
                (label, format!("one that there is: {}", case.id))
            } else {
                let text = pattern.to_string();
                let path = text.split('[').next().unwrap_or_default();
                let label = match nearest(path, ids.iter().copied()) {
                    Some(id) => format!("no scenario is called so; `{id}` is"),
                    None => "no scenario is called so".to_owned(),
                };
                (label, "remove it where the scenario is gone".to_owned())
            };
            let message = format!("no case matches {}", quoted(&pattern.to_string()));
            mistakes.push(with_help(mistake(code::UNUSED, *span, message, label), help));
        }
        mistakes
    }

    /// The cases of which two entries speak; of each two entries the first such case.
    pub fn overlaps<'a>(&self, cases: impl IntoIterator<Item = &'a Case>) -> Vec<Diagnostic> {
        let mut pairs = BTreeSet::new();
        let mut mistakes = Vec::new();
        for case in cases {
            let mut found =
                self.entries.iter().enumerate().filter(|(_, entry)| entry.speaks_of(case));
            let Some((first, earlier)) = found.next() else { continue };
            for (second, later) in found {
                if pairs.insert((first, second)) {
                    let message = format!("two entries speak of {}", case.id);
                    let label = "the second entry";
                    let mut overlap = mistake(code::OVERLAP, later.span, message, label);
                    overlap.related.push((earlier.span, "the first entry".to_owned()));
                    let help = "narrow one of them: what a case may come to is said once";
                    mistakes.push(with_help(overlap, help));
                }
            }
        }
        mistakes
    }

    /// What is known of these cases.
    pub fn of<'a>(&self, cases: impl IntoIterator<Item = &'a Case>) -> Known {
        let mut found = vec![Vec::new(); self.entries.len()];
        for case in cases {
            if let Some(entry) = self.entries.iter().position(|entry| entry.speaks_of(case)) {
                found[entry].push(case.id.clone());
            }
        }
        let entries = self.entries.iter().zip(found).filter(|(_, cases)| !cases.is_empty());
        let entries = entries.map(|(entry, cases)| entry.of(cases)).collect();
        Known { file: self.name.clone(), entries }
    }
}
