use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::natural::natural;
use crate::run::event::{CaseFinished, Event, HostsMade, RunFinished, RunStarted};
use crate::run::{Entry, EntryPattern, Known, Shard};
use crate::scenario::Scenario;
use crate::vocabulary::{CaseId, ScenarioId};

/// A recording that is to be merged with others.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its file, for a person to read.
    pub name: String,
    /// Its events. The end may be missing.
    pub events: Vec<Event>,
}

/// Several recordings as one.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The events, the cases in the order in which reports have them.
    pub events: Vec<Event>,
    /// The parts of the suite that no recording has. Then the run is marked as cut short.
    pub missing: Vec<Shard>,
}

/// Why recordings are not parts of one run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// A recording does not begin.
    #[error("{name} holds no run")]
    Empty {
        /// Which.
        name: String,
    },
    /// The recordings differ in something that one run has only once.
    #[error("{name} is no part of the run of {first}: its {what} is {value}, not {expected}")]
    Different {
        /// In what.
        what: String,
        /// The recording that differs from the first.
        name: String,
        /// What it has.
        value: String,
        /// The first recording.
        first: String,
        /// What that has.
        expected: String,
    },
    /// A scenario has another text.
    #[error("the text of {scenario} in {name} is another than in {first}: run one of them again")]
    Text {
        /// Which.
        scenario: ScenarioId,
        /// The recording that differs.
        name: String,
        /// The one before it.
        first: String,
    },
    /// A part of the suite was given twice.
    #[error("{name} and {first} are both part {shard}")]
    PartTwice {
        /// Which.
        shard: Shard,
        /// The second recording.
        name: String,
        /// The first one.
        first: String,
    },
    /// Two recordings have the same case.
    #[error("{case} ran in both {first} and {name}: only runs of different cases can be merged")]
    CaseTwice {
        /// Which.
        case: CaseId,
        /// The second recording.
        name: String,
        /// The first one.
        first: String,
    },
}

/// Makes of the recordings of parts of a run the recording that one run of them all had given, up to
/// times: it took as long as the longest of them and began with the first.
///
/// Parts of a divided suite (`--shard`) must all be there, or the run is marked as cut short. Recordings
/// of whole runs can be merged, too, where no two have the same case.
///
/// # Errors
/// When they differ in subject, version, options, expectations or the text of a scenario, or when a part
/// or a case is there twice.
pub fn merge(parts: Vec<Part>) -> Result<Merged, MergeError> {
    let mut merging = Merging::default();
    for part in parts {
        merging.add(part)?;
    }
    Ok(merging.finish())
}

#[derive(Default)]
struct Merging {
    /// The first recording's name and what it announced, brought up to what all announced.
    started: Option<(String, RunStarted)>,
    finished: Vec<RunFinished>,
    /// How many recordings have no end.
    endless: usize,
    /// The recording of each part.
    shards: BTreeMap<Shard, String>,
    /// Each scenario with the recording that had it first.
    scenarios: BTreeMap<ScenarioId, (Arc<Scenario>, String)>,
    /// The repetitions of each case, and its recording.
    cases: BTreeMap<CaseId, (Vec<CaseFinished>, String)>,
}

impl Merging {
    fn add(&mut self, part: Part) -> Result<(), MergeError> {
        let Part { name, events } = part;
        let mut has_start = false;
        let mut has_end = false;
        let mut own: BTreeSet<CaseId> = BTreeSet::new();
        for event in events {
            match event {
                Event::RunStarted(run) => {
                    has_start = true;
                    self.start(run, &name)?;
                }
                Event::ScenarioLoaded(scenario) => self.scenario(scenario, &name)?,
                Event::CaseStarted { .. } => {}
                Event::CaseFinished(case) => {
                    let (repetitions, first) = self
                        .cases
                        .entry(case.case.clone())
                        .or_insert_with(|| (Vec::new(), name.clone()));
                    if own.insert(case.case.clone()) && !repetitions.is_empty() {
                        let (case, first) = (case.case.clone(), first.clone());
                        return Err(MergeError::CaseTwice { case, name, first });
                    }
                    repetitions.push(*case);
                }
                Event::RunFinished(end) => {
                    has_end = true;
                    self.finished.push(end);
                }
            }
        }
        self.endless += usize::from(!has_end);
        if has_start { Ok(()) } else { Err(MergeError::Empty { name }) }
    }

    fn scenario(&mut self, scenario: Arc<Scenario>, name: &str) -> Result<(), MergeError> {
        match self.scenarios.get(&scenario.id) {
            Some((before, first)) if before.source != scenario.source => Err(MergeError::Text {
                scenario: scenario.id.clone(),
                name: name.to_owned(),
                first: first.clone(),
            }),
            Some(_) => Ok(()),
            None => {
                self.scenarios.insert(scenario.id.clone(), (scenario, name.to_owned()));
                Ok(())
            }
        }
    }

    fn start(&mut self, run: RunStarted, name: &str) -> Result<(), MergeError> {
        if let Some(shard) = run.shard
            && let Some(first) = self.shards.insert(shard, name.to_owned())
        {
            return Err(MergeError::PartTwice { shard, name: name.to_owned(), first });
        }
        let Some((first, all)) = &mut self.started else {
            self.started = Some((name.to_owned(), run));
            return Ok(());
        };
        let differing =
            options(all).into_iter().zip(options(&run)).find(|(one, other)| one != other);
        if let Some(((what, expected), (_, value))) = differing {
            let (what, name, first) = (what.to_owned(), name.to_owned(), first.clone());
            return Err(MergeError::Different { what, name, value, first, expected });
        }
        if let (Some(known), Some(more)) = (&mut all.known, run.known) {
            unite(known, more).map_err(|(line, expected, value)| MergeError::Different {
                what: format!("expectation at line {line}"),
                name: name.to_owned(),
                value,
                first: first.clone(),
                expected,
            })?;
        }
        if all.kernel != run.kernel {
            all.kernel = None;
        }
        all.cases = all.cases.saturating_add(run.cases);
        all.jobs = all.jobs.max(run.jobs);
        all.at = all.at.min(run.at);
        Ok(())
    }

    fn finish(self) -> Merged {
        let Some((_, mut started)) = self.started else {
            return Merged { events: Vec::new(), missing: Vec::new() };
        };
        let shard = started.shard.take();
        let missing: Vec<Shard> = shard
            .into_iter()
            .flat_map(Shard::siblings)
            .filter(|shard| !self.shards.contains_key(shard))
            .collect();
        let mut end = together(&self.finished);
        end.cut_short |= self.endless > 0 || !missing.is_empty();
        end.missing.extend(&missing);
        started.scenarios = u32::try_from(self.scenarios.len()).unwrap_or(u32::MAX);
        let mut events = vec![Event::RunStarted(started)];
        events.extend(self.scenarios.into_values().map(|(one, _)| Event::ScenarioLoaded(one)));
        let mut cases: Vec<_> = self.cases.into_iter().collect();
        cases.sort_by(|(one, _), (other, _)| natural(one.as_str(), other.as_str()));
        for (id, (mut repetitions, _)) in cases {
            repetitions.sort_by_key(|case| case.iteration);
            for case in repetitions {
                let iteration = case.iteration;
                events.push(Event::CaseStarted { case: id.clone(), iteration });
                events.push(Event::CaseFinished(Box::new(case)));
            }
        }
        events.push(Event::RunFinished(end));
        Merged { events, missing }
    }
}

/// What all parts of a run have in common, in the order in which a difference is told.
fn options(run: &RunStarted) -> [(&'static str, String); 12] {
    let said = |number: Option<u64>| number.map_or_else(|| "none".to_owned(), |n| n.to_string());
    [
        ("subject", run.subject.clone()),
        ("version", run.subject_version.clone()),
        ("peer (--peer)", run.peer.unwrap_or_default().to_string()),
        ("version of sockspec", run.sockspec.clone()),
        ("suite", run.suite.clone()),
        (
            "choice of files",
            if run.paths.is_empty() { "none".to_owned() } else { run.paths.join(" ") },
        ),
        ("number of parts (--shard)", said(run.shard.map(|shard| shard.of() as u64))),
        ("number of hosts (--hosts)", said(run.hosts.map(u64::from))),
        ("number of repetitions (--repeat)", run.repeat.to_string()),
        ("seed (--seed)", said(run.seed)),
        ("number of busy threads (--stress)", said(run.stress.map(u64::from))),
        (
            "file of expectations",
            run.known.as_ref().map_or_else(|| "none".to_owned(), |k| k.file.clone()),
        ),
    ]
}

/// Adds what is known of further cases. Gives the line of an entry that is not the same in both, with
/// what stands there.
fn unite(known: &mut Known, more: Known) -> Result<(), (u32, String, String)> {
    for entry in more.entries {
        let Some(own) = known.entries.iter_mut().find(|own| own.line == entry.line) else {
            known.entries.push(entry);
            continue;
        };
        let said = |entry: &Entry| {
            let until = entry.until.map_or_else(String::new, |until| format!(" until {until}"));
            format!("{}{until}: {} ({})", entry.words(), entry.reason, entry.source)
        };
        let (one, other) = (said(own), said(&entry));
        if one != other {
            return Err((own.line, one, other));
        }
        let offset = u32::try_from(own.cases.len()).unwrap_or(u32::MAX);
        own.cases.extend(entry.cases);
        for mut pattern in entry.patterns {
            pattern.cases.iter_mut().for_each(|case| *case = case.saturating_add(offset));
            let is_same =
                |one: &&mut EntryPattern| one.line == pattern.line && one.text == pattern.text;
            match own.patterns.iter_mut().find(is_same) {
                Some(one) => one.cases.extend(pattern.cases),
                None => own.patterns.push(pattern),
            }
        }
    }
    known.entries.sort_by_key(|entry| entry.line);
    Ok(())
}

/// The ends of several runs as that of one.
fn together(ends: &[RunFinished]) -> RunFinished {
    let longest = |of: fn(&RunFinished) -> Duration| ends.iter().map(of).max().unwrap_or_default();
    let made = ends.iter().filter_map(|end| end.made).reduce(|one, other| HostsMade {
        hosts: one.hosts.saturating_add(other.hosts),
        took: one.took.saturating_add(other.took),
        leased: one.leased.saturating_add(other.leased),
    });
    RunFinished {
        took: longest(|end| end.took),
        stall: longest(|end| end.stall),
        cut_short: ends.iter().any(|end| end.cut_short),
        missing: ends.iter().flat_map(|end| end.missing.iter().copied()).collect(),
        leaks: ends.iter().flat_map(|end| end.leaks.iter().cloned()).collect(),
        made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Palette, Progress, Reporter as _, Terminal, accepted_report, fixture};
    use crate::vocabulary::Peer;

    /// A run divided into so many parts, case by case.
    fn divided(events: &[Event], of: usize) -> Vec<Part> {
        let first: Shard = format!("1/{of}").parse().expect("it is one");
        let ids: Vec<CaseId> = events
            .iter()
            .filter_map(|event| match event {
                Event::CaseFinished(case) if case.iteration == 1 => Some(case.case.clone()),
                _ => None,
            })
            .collect();
        first
            .siblings()
            .map(|shard| {
                let holds = |case: &CaseId| {
                    shard.holds(ids.iter().position(|id| id == case).expect("it is one of them"))
                };
                let mut events = events.to_vec();
                events.retain(|event| match event {
                    Event::CaseStarted { case, .. } => holds(case),
                    Event::CaseFinished(case) => holds(&case.case),
                    _ => true,
                });
                for event in &mut events {
                    if let Event::RunStarted(run) = event {
                        run.shard = Some(shard);
                        run.cases = u32::try_from(ids.iter().filter(|id| holds(id)).count())
                            .expect("they are few");
                        keep(run, holds);
                    }
                }
                Part { name: format!("{shard}.jsonl"), events }
            })
            .collect()
    }

    /// Leaves of what is known only what concerns some of the cases.
    fn keep(run: &mut RunStarted, holds: impl Fn(&CaseId) -> bool) {
        let Some(known) = &mut run.known else { return };
        for entry in &mut known.entries {
            let before = entry.cases.clone();
            entry.cases.retain(&holds);
            let position = |case: u32| {
                let id = &before[case as usize];
                let position = entry.cases.iter().position(|one| one == id)?;
                u32::try_from(position).ok()
            };
            for pattern in &mut entry.patterns {
                pattern.cases = pattern.cases.iter().filter_map(|case| position(*case)).collect();
            }
        }
        known.entries.retain(|entry| !entry.cases.is_empty());
    }

    fn shown(events: &[Event]) -> String {
        let mut text = Vec::new();
        let mut terminal = Terminal::new(&mut text, Palette::plain(), Progress::Nothing);
        for event in events {
            terminal.event(event).expect("memory can be written to");
        }
        terminal.close().expect("memory can be written to");
        drop(terminal);
        String::from_utf8(text).expect("it is text")
    }

    #[test]
    fn the_parts_of_a_run_together_are_the_run() {
        for run in [fixture::every_standing(), fixture::known_run(), fixture::repeated_run()] {
            for of in [1, 2, 3, 7] {
                let Merged { events, missing } = merge(divided(&run, of)).expect("they fit");
                assert_eq!(missing, []);
                assert_eq!(shown(&events), shown(&run), "of {of} parts");
                assert_eq!(accepted_report(events.iter()), accepted_report(run.iter()));
            }
        }
    }

    #[test]
    fn a_part_that_is_missing_is_named() {
        let mut parts = divided(&fixture::known_run(), 3);
        parts.remove(1);
        let Merged { events, missing } = merge(parts).expect("they fit");
        assert_eq!(missing.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2/3"]);
        let shown = shown(&events);
        assert!(shown.contains("\ncut short: part 2/3 of the suite is missing\n"), "{shown}");
    }

    #[test]
    fn a_part_that_was_cut_short_cuts_the_whole_short() {
        let mut parts = divided(&fixture::known_run(), 2);
        parts[1].events.pop();
        let Merged { events, .. } = merge(parts).expect("they fit");
        assert!(matches!(events.last(), Some(Event::RunFinished(end)) if end.cut_short));
    }

    fn refused(change: impl FnOnce(&mut RunStarted)) -> String {
        let mut parts = divided(&fixture::known_run(), 2);
        let Some(Event::RunStarted(run)) = parts[1].events.first_mut() else {
            panic!("a run starts")
        };
        change(run);
        merge(parts).expect_err("they are not parts of one run").to_string()
    }

    #[test]
    fn runs_that_differ_are_refused_by_what_they_differ_in() {
        let said = [
            refused(|run| run.subject = "stack-a".to_owned()),
            refused(|run| run.subject_version = "Linux 7".to_owned()),
            refused(|run| run.peer = Some(Peer::Kernel)),
            refused(|run| run.sockspec = "0.2.0".to_owned()),
            refused(|run| run.suite = "other/".to_owned()),
            refused(|run| run.paths = vec!["a.scn".to_owned()]),
            refused(|run| run.shard = None),
            refused(|run| run.shard = "2/5".parse().ok()),
            refused(|run| run.hosts = Some(5)),
            refused(|run| run.repeat = 3),
            refused(|run| run.seed = Some(1)),
            refused(|run| run.stress = Some(4)),
            refused(|run| run.known = None),
            refused(|run| {
                run.known.iter_mut().for_each(|known| known.entries[0].reason = "other".to_owned());
            }),
            refused(|run| run.shard = "1/2".parse().ok()),
        ];
        insta::assert_snapshot!(said.join("\n"), @r"
        2/2.jsonl is no part of the run of 1/2.jsonl: its subject is stack-a, not kernel
        2/2.jsonl is no part of the run of 1/2.jsonl: its version is Linux 7, not Linux 6.18
        2/2.jsonl is no part of the run of 1/2.jsonl: its peer (--peer) is kernel, not self
        2/2.jsonl is no part of the run of 1/2.jsonl: its version of sockspec is 0.2.0, not 0.1.0
        2/2.jsonl is no part of the run of 1/2.jsonl: its suite is other/, not scenarios/
        2/2.jsonl is no part of the run of 1/2.jsonl: its choice of files is a.scn, not none
        2/2.jsonl is no part of the run of 1/2.jsonl: its number of parts (--shard) is none, not 2
        2/2.jsonl is no part of the run of 1/2.jsonl: its number of parts (--shard) is 5, not 2
        2/2.jsonl is no part of the run of 1/2.jsonl: its number of hosts (--hosts) is 5, not none
        2/2.jsonl is no part of the run of 1/2.jsonl: its number of repetitions (--repeat) is 3, not 1
        2/2.jsonl is no part of the run of 1/2.jsonl: its seed (--seed) is 1, not none
        2/2.jsonl is no part of the run of 1/2.jsonl: its number of busy threads (--stress) is 4, not none
        2/2.jsonl is no part of the run of 1/2.jsonl: its file of expectations is none, not reports/kernel.toml
        2/2.jsonl is no part of the run of 1/2.jsonl: its expectation at line 4 is fail: other (tcp(7)), not fail: the reason that stands
        from line 4 on (tcp(7))
        2/2.jsonl and 1/2.jsonl are both part 1/2
        ");
    }

    #[test]
    fn another_text_and_a_case_that_ran_twice_are_refused() {
        let mut parts = divided(&fixture::run(), 2);
        for event in &mut parts[1].events {
            if let Event::ScenarioLoaded(scenario) = event {
                let source = format!("{} ", scenario.source).into();
                *scenario = Arc::new(Scenario { source, ..(**scenario).clone() });
            }
        }
        let text = merge(parts).expect_err("the text differs").to_string();
        let whole = |name: &str| Part { name: name.to_owned(), events: fixture::run() };
        let twice = merge(vec![whole("a"), whole("b")]).expect_err("each case twice").to_string();
        let empty = merge(vec![Part { name: "c".to_owned(), events: Vec::new() }]);
        let empty = empty.expect_err("nothing is there").to_string();
        insta::assert_snapshot!([text, twice, empty].join("\n"), @r"
        the text of halfclose/reverse-direction-stays-usable in 2/2.jsonl is another than in 1/2.jsonl: run one of them again
        halfclose/reverse-direction-stays-usable[unix,loopback] ran in both a and b: only runs of different cases can be merged
        c holds no run
        ");
    }
}
