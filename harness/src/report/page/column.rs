use super::failing::Failing;
use crate::report::elapsed::{Elapsed, Thousands};
use crate::report::printable::Many;
use crate::report::tally::{Counts, Tally};
use crate::report::transcript::Transcript;
use crate::run::event::{CaseFinished, RunStarted};
use crate::vocabulary::Date;

/// A run as a column of the page.
#[derive(Clone, Debug)]
pub(super) struct Column<'a> {
    pub(super) transcript: &'a Transcript,
    /// What stands over it: the subject, with a number where another run has the same.
    pub(super) label: String,
    /// The subject's version.
    pub(super) version: &'a str,
}

/// How many cases of a run came to something.
#[derive(Debug)]
pub(super) struct Total {
    pub(super) number: Thousands,
    pub(super) word: &'static str,
    /// What names its colours in the stylesheet.
    pub(super) class: &'static str,
}

impl<'a> Column<'a> {
    /// A column for each run, named by its subject.
    pub(super) fn of(runs: &'a [Transcript]) -> Vec<Self> {
        let subjects: Vec<String> = runs.iter().map(subject).collect();
        let column = |(position, transcript): (usize, &'a Transcript)| {
            let subject = &subjects[position];
            let alike = |other: &&String| *other == subject;
            let label = match subjects.iter().filter(alike).count() {
                1 => subject.clone(),
                _ => format!("{subject} {}", subjects[..=position].iter().filter(alike).count()),
            };
            Self { transcript, label, version: version(transcript) }
        };
        runs.iter().enumerate().map(column).collect()
    }

    /// A column for what was before and one for what is after.
    pub(super) fn pair(old: &'a Transcript, new: &'a Transcript) -> Vec<Self> {
        let column = |label: &str, transcript| Self {
            transcript,
            label: label.to_owned(),
            version: version(transcript),
        };
        vec![column("before", old), column("after", new)]
    }

    pub(super) const fn tally(&self) -> &'a Tally {
        self.transcript.tally()
    }

    pub(super) fn started(&self) -> Option<&'a RunStarted> {
        self.tally().started()
    }

    /// The file of what is known of the subject.
    pub(super) fn file(&self) -> &'a str {
        self.started().and_then(|run| run.known.as_ref()).map_or("", |known| &known.file)
    }

    /// What is to be said of a case that is not good: where it failed and how, or why it was not run.
    pub(super) fn words(&self, case: &CaseFinished) -> Option<String> {
        let source = self.transcript.scenario(&case.scenario).map_or("", |one| &*one.source);
        match Failing::of(case, source).filter(|_| !case.verdict.is_good()) {
            Some(failing) => Some(failing.sentence()),
            None => {
                case.reason.as_ref().and_then(|reason| reason.lines().next()).map(str::to_owned)
            }
        }
    }

    /// The subject's name, with its peer where that is another.
    pub(super) fn subject(&self) -> String {
        subject(self.transcript)
    }

    /// What its cases came to.
    pub(super) fn totals(&self) -> Vec<Total> {
        let Counts { passed, failed, skipped, known } = self.tally().counts();
        let total = |number: usize, word, class| Total {
            number: Thousands(number as u64),
            word,
            class: if number > 0 { class } else { "faint" },
        };
        let mut totals = vec![
            total(passed, "passed", "v-pass"),
            total(failed, "failed", "v-fail"),
            total(skipped, "skipped", "faint"),
        ];
        totals.extend((known > 0).then(|| total(known, "known", "s-known")));
        totals
    }

    /// What was run and how, one fact after the other.
    pub(super) fn facts(&self) -> Vec<String> {
        let Some(run) = self.started() else { return Vec::new() };
        let scenarios = Many(run.scenarios.into(), "scenario");
        let mut facts = vec![
            utc(run.at),
            format!(
                "{scenarios} of {}",
                if run.paths.is_empty() { run.suite.clone() } else { run.paths.join(", ") }
            ),
        ];
        let cases = Many(run.cases.into(), "case");
        facts.push(match run.repeat {
            1 => cases.to_string(),
            times => format!("{cases}, {} times each", Thousands(times.into())),
        });
        if let Some(shard) = run.shard {
            facts.push(format!("part {shard}"));
        }
        if let Some(hosts) = run.hosts {
            facts.push(format!("lans of {hosts} hosts"));
        }
        if let Some(seed) = run.seed {
            facts.push(format!("seed {seed}"));
        }
        if let Some(threads) = run.stress {
            facts.push(format!("beside {}", Many(threads.into(), "busy thread")));
        }
        if let Some(end) = self.tally().finished() {
            facts.push(format!("took {}", Elapsed(end.took)));
            if !end.stall.is_zero() {
                facts.push(format!("longest stall {}", Elapsed(end.stall)));
            }
        }
        if let Some(known) = &run.known {
            facts.push(format!("held against {}", known.file));
        }
        facts.push(format!("sockspec {}", run.sockspec));
        facts
    }
}

fn subject(transcript: &Transcript) -> String {
    let started = transcript.tally().started();
    started.map_or_else(|| "unknown subject".to_owned(), RunStarted::label)
}

fn version(transcript: &Transcript) -> &str {
    transcript.tally().started().map_or("", |run| &run.subject_version)
}

/// A time of day in UTC, from the seconds since 1970.
fn utc(seconds: u64) -> String {
    let minutes = seconds / 60;
    format!("{} {:02}:{:02} UTC", Date::at(seconds), minutes / 60 % 24, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::run::event::Event;
    use crate::vocabulary::Peer;

    #[test]
    fn the_second_run_of_a_subject_is_told_from_the_first() {
        let mut peered = fixture::other_subject();
        if let Some(Event::RunStarted(run)) = peered.first_mut() {
            run.peer = Some(Peer::Kernel);
        }
        let [one, other, peered] =
            [fixture::run(), fixture::other_subject(), peered].map(|run| Transcript::of(&run));
        let runs = [one.clone(), other, one, peered, Transcript::default()];
        let labels: Vec<_> = Column::of(&runs).into_iter().map(|column| column.label).collect();
        let expected =
            ["kernel 1", "stack-a", "kernel 2", "stack-a (peer kernel)", "unknown subject"];
        assert_eq!(labels, expected);
    }

    #[test]
    fn the_date_is_that_of_the_run() {
        assert_eq!(utc(1_700_000_000), "2023-11-14 22:13 UTC");
    }
}
