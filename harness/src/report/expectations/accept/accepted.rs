use std::fmt;

use super::decision::{Decision, Draft, Edit};
use super::edit::{drafted, edited};
use super::error::AcceptError;
use super::recorded::Recorded;
use super::seen::Seen;
use crate::report::expectations::conditions::Circumstances;
use crate::report::expectations::file::Expectations;
use crate::report::expectations::origin::drafted_on;
use crate::report::printable::{Many, Printable};
use crate::run::Verdict;
use crate::scenario::{Case, Scenario};
use crate::vocabulary::{CaseId, Date};

/// What recordings are accepted into.
#[derive(Clone, Copy, Debug)]
pub struct Acceptance<'a> {
    /// The expectations file, for a person to read.
    pub file: &'a str,
    /// Its text; empty where it is not there yet.
    pub text: &'a str,
    /// The scenarios of the suite.
    pub scenarios: &'a [&'a Scenario],
    /// All cases of the suite.
    pub cases: &'a [Case],
    /// Whether these are all that there are, so that a pattern that stands for none of them is a mistake.
    pub is_whole: bool,
    /// The reason of entries that are added, instead of what happened.
    pub reason: Option<&'a str>,
    /// Their source, instead of the recording.
    pub source: Option<&'a str>,
    /// The day from which on they have to be looked at again.
    pub until: Option<Date>,
    /// Whether incomplete recordings are accepted as far as they go.
    pub incomplete: bool,
}

/// An expectations file that says what was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The text of the file, the same where nothing had to be changed.
    pub text: String,
    /// What was changed, for a person to read, a line each.
    pub changes: Vec<String>,
    /// The cases in which the harness failed: no entry can accept that.
    pub broken: Vec<CaseId>,
}

impl Acceptance<'_> {
    /// Edits the file so that it says what the recordings say, with as few entries and patterns as that
    /// takes:
    ///
    /// - a case that was bad and of which no entry speaks gets one, with the others of its scenario that
    ///   came to the same, or those in which the same step gave the same;
    /// - one that was good at times gets one that says both;
    /// - what was good every time is taken out of its entry, and an entry of which nothing is left goes;
    /// - what came to something else than its entry says gets another entry, or its entry says more where
    ///   that holds of all its cases.
    ///
    /// Everything else stays as it is, byte for byte. Accepting the same again changes nothing.
    ///
    /// # Errors
    /// When the file has mistakes, or the recordings are incomplete, of several subjects, or of another
    /// suite.
    pub fn of(&self, recordings: &[Recorded]) -> Result<Accepted, AcceptError> {
        let here = self.circumstances(recordings)?;
        let expectations = self.expectations(&here)?;
        let seen = Seen::of(recordings.iter().map(|one| &one.transcript));
        let suite: Vec<&Case> = self.cases.iter().collect();
        let decision = Decision::of(&expectations, &suite, &seen, &here)?;
        let day =
            recordings.iter().filter_map(|one| one.transcript.tally().started()?.at.into()).max();
        let drafted_on = drafted_on(Date::at(day.unwrap_or(0)));
        let drafts: Vec<Draft> = (decision.drafts.iter().cloned())
            .map(|draft| Draft { reason: self.reason.map_or(draft.reason, str::to_owned), ..draft })
            .collect();
        let mut text = edited(self.text, &decision.edits)?;
        let more = drafted(&drafts, self.source.unwrap_or(&drafted_on), self.until);
        let is_new = text.is_empty();
        if !is_new && !text.ends_with('\n') && !more.is_empty() {
            text.push('\n');
        }
        let more = if text.contains("\r\n") { more.replace('\n', "\r\n") } else { more };
        text.push_str(if is_new { more.trim_start() } else { &more });
        let broken = seen.iter().filter(|(_, seen)| seen.is_broken).map(|(id, _)| id.clone());
        Ok(Accepted {
            text,
            changes: self.changes(&expectations, &decision.edits, &drafts),
            broken: broken.collect(),
        })
    }

    /// Where each recording was made, once all of them are what can be accepted.
    fn circumstances(&self, recordings: &[Recorded]) -> Result<Vec<Circumstances>, AcceptError> {
        let mut here = Vec::new();
        let mut first: Option<(&str, String)> = None;
        for recorded in recordings {
            let Recorded { name, transcript } = recorded;
            let name = || name.clone();
            let tally = transcript.tally();
            let Some(run) = tally.started() else {
                return Err(AcceptError::Empty { name: name() });
            };
            // With another peer the same subject may do something else, which is no flake.
            let subject = run.label();
            match &first {
                Some((first, expected)) if *expected != subject => {
                    let (first, expected) = ((*first).to_owned(), expected.clone());
                    return Err(AcceptError::OtherSubject {
                        name: name(),
                        subject,
                        first,
                        expected,
                    });
                }
                Some(_) => {}
                None => first = Some((recordings[0].name.as_str(), subject)),
            }
            if tally.is_incomplete() && !self.incomplete {
                return Err(AcceptError::Incomplete { name: name() });
            }
            recorded.is_of(self.scenarios, self.cases)?;
            here.push(recorded.circumstances());
        }
        if here.is_empty() {
            return Err(AcceptError::Empty { name: "an empty list".to_owned() });
        }
        Ok(here)
    }

    /// The entries of the file, which has no mistakes, as they apply where the recordings were made.
    fn expectations(&self, here: &[Circumstances]) -> Result<Expectations, AcceptError> {
        let (expectations, mut mistakes) = Expectations::read(self.file, self.text);
        let applying = |here: &Circumstances| -> Vec<bool> {
            let entries = expectations.entries().iter();
            entries.map(|entry| entry.conditions.hold(here)).collect()
        };
        let each: Vec<Vec<bool>> = here.iter().map(applying).collect();
        for (position, entry) in expectations.entries().iter().enumerate() {
            if each.iter().any(|one| one[position] != each[0][position]) {
                return Err(AcceptError::Mixed { line: entry.lines.0 });
            }
        }
        let expectations = expectations.here(&here[0]);
        mistakes.extend(if self.is_whole {
            expectations.check(self.scenarios.iter().copied(), self.cases)
        } else {
            expectations.overlaps(self.cases)
        });
        if mistakes.is_empty() { Ok(expectations) } else { Err(AcceptError::Mistakes { mistakes }) }
    }

    /// What is changed, in words.
    fn changes(
        &self,
        expectations: &Expectations,
        edits: &[Edit],
        drafts: &[Draft],
    ) -> Vec<String> {
        let mut changes = Vec::new();
        for (entry, edit) in expectations.entries().iter().zip(edits) {
            let (first, last) = entry.lines;
            let at = format!("{}:{first}", Printable(self.file));
            match edit {
                Edit::Keep => {}
                Edit::Remove => changes.push(format!("{at}: lines {first} to {last} are removed")),
                Edit::Narrow(patterns) => {
                    for (placed, replaced) in entry.cases.iter().zip(patterns) {
                        let Some(replaced) = replaced else { continue };
                        let at = format!("{}:{}", Printable(self.file), placed.line);
                        let text = placed.pattern.to_string();
                        changes.push(match &replaced[..] {
                            [] => format!("{at}: \"{}\" is removed", Printable(&text)),
                            replaced => {
                                let by = Printable(&replaced.join("\", \"")).to_string();
                                format!("{at}: \"{}\" is narrowed to \"{by}\"", Printable(&text))
                            }
                        });
                    }
                }
                Edit::Verdicts(verdicts) => {
                    changes.push(format!("{at}: expects {}", Words(verdicts)));
                }
            }
        }
        for draft in drafts {
            let patterns = Printable(&draft.patterns.join("\", \"")).to_string();
            let (count, words) = (Many(draft.count as u64, "case"), Words(&draft.verdicts));
            let reason = Printable(&draft.reason);
            changes.push(format!("added: {count} of \"{patterns}\": {words}: {reason}"));
        }
        changes
    }
}

/// Verdicts for a person to read.
struct Words<'a>(&'a [Verdict]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().copied().map(Verdict::word).collect();
        f.write_str(&words.join(" or "))
    }
}
