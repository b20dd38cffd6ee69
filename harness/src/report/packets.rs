use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::excerpt::between;
use super::reporter::Reporter;
use crate::run::event::{CaseFinished, Event, Judgement, Packets, StepReport};
use crate::scenario::Scenario;
use crate::vocabulary::{Outcome, ScenarioId};
use crate::wire::{Frame, Pcapng};

/// Writes the packets of each case that has any as a pcapng file, with its steps as comments.
#[derive(Debug)]
pub struct PacketFiles {
    folder: PathBuf,
    application: String,
    scenarios: BTreeMap<ScenarioId, Arc<Scenario>>,
    names: BTreeSet<String>,
}

impl PacketFiles {
    /// Writes into a folder, which is made where it does not exist. Files of an earlier run are
    /// written over.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            application: String::new(),
            scenarios: BTreeMap::new(),
            names: BTreeSet::new(),
        })
    }

    fn case(&mut self, case: &CaseFinished, packets: &Packets) -> io::Result<()> {
        let name = self.name(case);
        let path = self.folder.join(format!("{name}.pcapng"));
        self.write(&path, case, packets)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }

    fn write(&self, path: &Path, case: &CaseFinished, packets: &Packets) -> io::Result<()> {
        let source = self.scenarios.get(&case.scenario).map_or("", |scenario| &*scenario.source);
        let mut writer = BufWriter::new(File::create(path)?);
        write_packets(&mut writer, &self.application, case, packets, source)?;
        writer.flush()
    }

    /// A name that no other file of this run has.
    fn name(&mut self, case: &CaseFinished) -> String {
        let mut name = file_name(case.case.as_str());
        if case.iteration > 1 {
            // Writing to a string cannot fail, here and below.
            let _ = write!(name, "-{}", case.iteration);
        }
        let others = (2..).map(|number| format!("{name}.{number}"));
        let free = std::iter::once(name.clone())
            .chain(others)
            .find(|name| !self.names.contains(name))
            .unwrap_or(name);
        self.names.insert(free.clone());
        free
    }
}

impl Reporter for PacketFiles {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::RunStarted(run) => self.application = format!("sockspec {}", run.sockspec),
            Event::ScenarioLoaded(scenario) => {
                self.scenarios.insert(scenario.id.clone(), Arc::clone(scenario));
            }
            Event::CaseFinished(case) => {
                if let Some(packets) = &case.packets {
                    self.case(case, packets)?;
                }
            }
            Event::CaseStarted { .. } | Event::RunFinished(_) => {}
        }
        Ok(())
    }
}

/// Writes the packets of a case as a pcapng file with its steps as comments. The application is what
/// recorded them, and the source that of the scenario.
pub(super) fn write_packets(
    writer: impl Write,
    application: &str,
    case: &CaseFinished,
    packets: &Packets,
    source: &str,
) -> io::Result<()> {
    let frames: Vec<_> = packets.frames.iter().cloned().map(Frame::from).collect();
    let mut notes: Vec<_> =
        case.steps.iter().filter_map(|step| Some((step.began, note(step, source)?))).collect();
    notes.sort_by_key(|(at, _)| *at);
    let pcapng = Pcapng {
        application,
        comment: case.case.as_str(),
        hosts: &packets.hosts,
        began: UNIX_EPOCH + Duration::from_nanos(packets.began),
        frames: &frames,
        lost: packets.lost,
        notes: &notes,
    };
    pcapng.write(writer)
}

/// A case's id as the name of a file, without its ending.
pub(super) fn file_name(case: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "._=-".contains(c);
    let name: String = case.chars().map(|c| if harmless(c) { c } else { '_' }).collect();
    name.trim_end_matches('_').chars().take(LONGEST_NAME).collect()
}

/// A file system takes names of 255 bytes, of which some are for what makes it unique.
const LONGEST_NAME: usize = 200;

/// A step as a comment on the packets that follow it; `None` where it did not run.
fn note(step: &StepReport, source: &str) -> Option<String> {
    if step.judgement == Judgement::Moot {
        return None;
    }
    let text = between(source, step.place, step.place);
    let mut note = format!("line {}: {text}", step.place.line).trim_end().to_owned();
    if let Some(outcome) = &step.outcome {
        let _ = write!(note, " => {outcome}");
        if let Outcome::Data { source: Some(sender), .. } = outcome {
            let _ = write!(note, " from {sender}");
        }
    }
    let is_bad = matches!(
        step.judgement,
        Judgement::Missed { .. } | Judgement::Early { .. } | Judgement::Hung
    );
    if let Some(expected) = step.expected.filter(|_| is_bad) {
        let _ = write!(note, ", expected {}", between(source, expected, expected));
    }
    Some(note)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tempfile::TempDir;

    use super::*;
    use crate::report::fixture;
    use crate::vocabulary::CaseId;

    fn told(events: &[Event]) -> TempDir {
        let folder = tempfile::tempdir().expect("there is room");
        let mut files = PacketFiles::new(folder.path().join("new/folder")).expect("it can be made");
        for event in events {
            files.event(event).expect("there is room");
        }
        folder
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path().join("new/folder")).expect("it was made");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = entries.flatten().map(name).collect();
        names.sort();
        names
    }

    /// The case with packets of the fixture, as often as asked.
    fn captured(count: usize) -> Vec<CaseFinished> {
        let case = fixture::run().into_iter().find_map(|event| match event {
            Event::CaseFinished(case) if case.packets.is_some() => Some(*case),
            _ => None,
        });
        vec![case.expect("the fixture has one"); count]
    }

    fn finished(cases: Vec<CaseFinished>) -> Vec<Event> {
        cases.into_iter().map(|case| Event::CaseFinished(Box::new(case))).collect()
    }

    #[test]
    fn a_case_with_packets_has_a_file_and_no_other() {
        assert_eq!(
            names(&told(&fixture::run())),
            [
                "broadcast_reaches-every-host_lan_port=9.pcapng",
                "halfclose_reverse-direction-stays-usable_tcp4_loopback.pcapng",
            ]
        );
        let events = [finished(captured(1)), fixture::run_of(&[])].concat();
        assert_eq!(names(&told(&events)).len(), 1);
    }

    #[test]
    fn the_file_tells_what_the_steps_did() {
        let folder = told(&fixture::run());
        let name = "halfclose_reverse-direction-stays-usable_tcp4_loopback.pcapng";
        let bytes = fs::read(folder.path().join("new/folder").join(name)).expect("it was written");
        let text = String::from_utf8_lossy(&bytes);
        for part in [
            "sockspec 0.1.0",
            "halfclose/reverse-direction-stays-usable[tcp4,loopback]",
            "line 8: client shutdown c write => ok",
            "line 9: server recv s 16 => eof",
            "line 11: client recv c 16 => ECONNRESET, expected \"pong\"",
        ] {
            assert!(text.contains(part), "{part}");
        }
    }

    #[test]
    fn repetitions_and_ids_that_look_alike_have_files_of_their_own() {
        let mut cases = captured(4);
        cases[1].iteration = 2;
        let scenario = ScenarioId::new("a/b");
        cases[2].case = CaseId::new(&scenario, &["cut:9".to_owned()]);
        cases[3].case = CaseId::new(&scenario, &["cut/9".to_owned()]);
        let names = names(&told(&finished(cases)));
        assert_eq!(
            names,
            [
                "a_b_cut_9.2.pcapng",
                "a_b_cut_9.pcapng",
                "halfclose_reverse-direction-stays-usable_tcp4_loopback-2.pcapng",
                "halfclose_reverse-direction-stays-usable_tcp4_loopback.pcapng",
            ]
        );
    }

    #[rstest]
    #[case("a/b[c]", "a_b_c")]
    #[case("../../etc/passwd[x]", ".._.._etc_passwd_x")]
    #[case("é\0[]", "")]
    fn a_name_stays_within_its_folder(#[case] case: &str, #[case] name: &str) {
        assert_eq!(file_name(case), name);
        assert!(file_name(&case.repeat(100)).len() <= LONGEST_NAME);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("packets");
        let mut files = PacketFiles::new(&path).expect("it can be made");
        fs::remove_dir(&path).expect("it is empty");
        let event = &finished(captured(1))[0];
        let error = files.event(event).expect_err("the folder is gone");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("usable_tcp4_loopback.pcapng: "), "{error}");
    }
}
