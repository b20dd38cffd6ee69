use std::collections::BTreeSet;

use super::conditions::Circumstances;
use super::entry::{Entry, Placed};
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
/// An entry may apply under conditions only, all of which must hold: `kernel` and `version` are bounds
/// on the release of the machine's kernel and on the version of the subject, as in `">=6.8, <6.12"`;
/// `peer` is who plays the actors, as `--peer` says it, or a list of them; `on` is a topology, or a list
/// of them. Where it does not apply it is as if it did not stand there.
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

    /// The entries, in the order of the file.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Lets only those entries apply whose conditions hold here. Without this all do.
    #[must_use]
    pub fn here(mut self, circumstances: &Circumstances) -> Self {
        for entry in &mut self.entries {
            entry.applies = entry.conditions.hold(circumstances);
        }
        self
    }

    /// Remembers how many cases of a suite each pattern stands for, so that what is told of a run can
    /// say whether it ran them all. The cases may lack those of which [`Self::name_cases_of`] is not
    /// true.
    #[must_use]
    pub fn counted(mut self, cases: &[Case]) -> Self {
        for entry in &mut self.entries {
            let counts: Vec<_> = (entry.cases.iter())
                .map(|one| cases.iter().filter(|case| entry.speaks_by(one, case)).count())
                .collect();
            for (one, count) in entry.cases.iter_mut().zip(counts) {
                one.of = u32::try_from(count).ok();
            }
        }
        self
    }

    /// Whether any entry may speak of a case of this scenario, so that the others need not be
    /// elaborated.
    pub fn name_cases_of(&self, scenario: &Scenario) -> bool {
        let mut patterns = self.entries.iter().flat_map(|entry| &entry.cases);
        patterns.any(|one| one.pattern.names(&scenario.id))
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
        mistakes.extend(self.unmatched(scenarios, cases));
        mistakes
    }

    /// The patterns that stand for no case of a suite, whether their entries apply or not.
    pub(super) fn unmatched<'a>(
        &self,
        scenarios: impl IntoIterator<Item = &'a Scenario>,
        cases: &[Case],
    ) -> Vec<Diagnostic> {
        let ids: Vec<&str> = scenarios.into_iter().map(|scenario| scenario.id.as_str()).collect();
        let patterns =
            self.entries.iter().flat_map(|entry| entry.cases.iter().map(move |one| (entry, one)));
        patterns
            .filter(|(entry, one)| !cases.iter().any(|case| entry.speaks_by(one, case)))
            .map(|(_, one)| without_a_case(one, &ids, cases))
            .collect()
    }

    /// The cases of which two entries speak that apply; of each two entries the first such case.
    pub fn overlaps<'a>(&self, cases: impl IntoIterator<Item = &'a Case>) -> Vec<Diagnostic> {
        self.shared(cases, |one, other| one.applies && other.applies)
    }

    /// The cases of which two entries speak that meet; of each two entries the first such case.
    pub(super) fn shared<'a>(
        &self,
        cases: impl IntoIterator<Item = &'a Case>,
        meet: impl Fn(&Entry, &Entry) -> bool,
    ) -> Vec<Diagnostic> {
        let mut pairs = BTreeSet::new();
        let mut mistakes = Vec::new();
        for case in cases {
            let found: Vec<_> = self
                .entries
                .iter()
                .enumerate()
                .filter(|(_, entry)| entry.speaks_of(case))
                .collect();
            for (position, (second, later)) in found.iter().enumerate().skip(1) {
                let earlier = found[..position].iter().find(|(_, entry)| meet(entry, later));
                let Some((first, earlier)) = earlier else { continue };
                if pairs.insert((*first, *second)) {
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
            let speaks = |entry: &Entry| entry.applies && entry.speaks_of(case);
            if let Some(entry) = self.entries.iter().position(speaks) {
                found[entry].push(case);
            }
        }
        let entries = self.entries.iter().zip(found).filter(|(_, cases)| !cases.is_empty());
        let entries = entries.map(|(entry, cases)| entry.of(&cases)).collect();
        Known { file: self.name.clone(), entries }
    }
}

/// Says of a pattern that it stands for no case.
fn without_a_case(placed: &Placed, ids: &[&str], cases: &[Case]) -> Diagnostic {
    let text = placed.pattern.to_string();
    let elsewhere = cases.iter().find(|case| placed.pattern.matches(case));
    let named = cases.iter().find(|case| placed.pattern.names(&case.scenario.id));
    let (label, help) = if let Some(case) = elsewhere {
        let label = "no case that it stands for is on a topology of the entry".to_owned();
        (label, format!("one that is on another: {}", case.id))
    } else if let Some(case) = named {
        let label = "no case of the scenario has these coordinates".to_owned();
        (label, format!("one that there is: {}", case.id))
    } else {
        let path = text.split('[').next().unwrap_or_default();
        let label = match nearest(path, ids.iter().copied()) {
            Some(id) => format!("no scenario is called so; `{id}` is"),
            None => "no scenario is called so".to_owned(),
        };
        (label, "remove it where the scenario is gone".to_owned())
    };
    let message = format!("no case matches {}", quoted(&text));
    with_help(mistake(code::UNUSED, placed.span, message, label), help)
}
