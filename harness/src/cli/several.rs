use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, Seek as _, SeekFrom};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::attendant::{Attendant, Attended};
use super::columns::Column;
use super::command::arguments_of;
use super::exit::Exit;
use super::output::{complain, print};
use super::outputs::Outputs;
use super::recordings::replay_from;
use super::subject::guard_of_run;
use crate::report::recording::RecordingWriter;
use crate::report::{Reporter as _, SubjectRun, SubjectTable, Tally, Transcript};
use crate::run::event::{Event, RunStarted};
use crate::subject::program::Attached;

/// Several runs, one after the other, each of which is a process of its own: it makes itself namespaces while
/// it has one thread, and what becomes of it concerns no other.
pub(super) struct Several<'a> {
    pub(super) columns: Vec<Column>,
    /// Whether one that cannot be run here is passed over, and no failure.
    pub(super) is_lenient: bool,
    /// Whether the first that fails is the last.
    pub(super) fail_fast: bool,
    /// The folder of their recordings.
    pub(super) record: Option<&'a Path>,
    pub(super) outputs: &'a Outputs,
    /// What a run tells of itself that could not tell anything.
    pub(super) announced: RunStarted,
}

/// What a run makes its own, or what is made of all together.
const OWN: [&str; 10] = [
    "subject",
    "all_subjects",
    "peer",
    "record",
    "junit",
    "html",
    "tap",
    "markdown",
    "matrix",
    "github",
];
const PACKETS: &str = "pcapng";

/// The standard input of a run, which is the file of its recording: without a name it is gone with the last
/// process that has it, whatever ends them.
const RECORDING: &str = "/proc/self/fd/0";

impl Several<'_> {
    pub(super) fn run(self) -> Exit {
        let mut outputs = match self.outputs.open() {
            Ok(outputs) => outputs,
            Err(exit) => return exit,
        };
        if let Some(folder) = self.record
            && let Err(error) = fs::create_dir_all(folder)
        {
            complain(&format!("error: {} cannot be made: {error}\n", folder.display()));
            return Exit::Usage;
        }
        let relay = Relay::default();
        let attendant = match Attendant::start(Box::new(relay.clone())) {
            Ok(attendant) => attendant,
            Err(error) => {
                complain(&format!("error: signals cannot be attended to: {error}\n"));
                return Exit::Broken;
            }
        };
        outputs.begin();
        let mut gathered = Gathered::new(outputs.needs_transcripts());
        let mut is_over = false;
        for (position, column) in self.columns.iter().enumerate() {
            is_over |= relay.is_ending();
            let came = match &column.missing {
                Some(why) => self.pass_over(column, why, &mut gathered),
                None if is_over => {
                    gathered.note(&self.announcement(column));
                    gathered.end(column, |_| SubjectRun::NotBegun, Exit::Broken)
                }
                None => {
                    let place = format!("{} of {}", position + 1, self.columns.len());
                    self.say(&format!("\n=== {} ({place}) ===\n", column.label));
                    let began = Instant::now();
                    let came = self.column(column, &relay, &mut |event| gathered.note(event));
                    let came = came.unwrap_or_else(|error| {
                        complain(&format!("error: {} cannot be run: {error}\n", column.label));
                        if gathered.tally.started().is_none() {
                            gathered.note(&self.announcement(column));
                        }
                        Exit::Broken
                    });
                    gathered.end(column, |tally| SubjectRun::of(tally, began.elapsed()), came)
                }
            };
            is_over |= self.fail_fast && came == Exit::Failed;
        }
        self.say(&format!("\n{}", gathered.table));
        let exit = gathered.exit.and(outputs.write(&gathered.transcripts));
        drop(attendant);
        exit
    }

    fn pass_over(&self, column: &Column, why: &str, gathered: &mut Gathered) -> Exit {
        gathered.table.add(&column.label, SubjectRun::Missing(why.to_owned()));
        if !self.is_lenient {
            complain(&format!("error: the subject {} {why}\n", column.label));
            gathered.exit = gathered.exit.and(Exit::Broken);
        }
        Exit::Good
    }

    /// Runs one, and hands on what its recording tells.
    fn column(
        &self,
        column: &Column,
        relay: &Relay,
        sink: &mut dyn FnMut(&Event),
    ) -> io::Result<Exit> {
        let (name, mut recording) = match self.record {
            None => ("the recording".to_owned(), tempfile::tempfile()?),
            Some(folder) => {
                let path = folder.join(column.file());
                let options =
                    File::options().read(true).write(true).create(true).truncate(true).open(&path);
                (path.display().to_string(), options?)
            }
        };
        let mut command = vec![env::current_exe()?.into_os_string(), "run".into()];
        command.extend(column.arguments.iter().cloned());
        command.extend(["--record", RECORDING].map(OsString::from));
        if let Some(folder) = self.outputs.packets() {
            let folder = folder.join(column.file()).with_extension("");
            command.extend(["--pcapng".into(), folder.into_os_string()]);
        }
        command.extend(arguments_of("run", &[&OWN[..], &[PACKETS]].concat()));
        let stdout = if self.outputs.takes_standard_output() {
            Stdio::from(io::stderr().as_fd().try_clone_to_owned()?)
        } else {
            Stdio::inherit()
        };
        let process = Attached::start(&guard_of_run(), &command, recording.try_clone()?, stdout)?;
        relay.concerns(process.group());
        let ended = process.wait();
        relay.concerns(None);
        drop(process);
        let exit = Exit::of_process(ended?);
        recording.seek(SeekFrom::Start(0))?;
        let mut is_told = false;
        if recording.metadata()?.len() > 0 {
            let told = replay_from(&name, BufReader::new(&recording), &mut |event| {
                is_told = true;
                sink(event);
            });
            if let Err(told) = told {
                return Ok(exit.and(told));
            }
        }
        if !is_told {
            let announcement = self.announcement(column);
            let mut writer = RecordingWriter::new(recording);
            writer.event(&announcement).and_then(|()| writer.close())?;
            sink(&announcement);
        }
        Ok(exit)
    }

    /// That a run would have begun.
    fn announcement(&self, column: &Column) -> Event {
        Event::RunStarted(RunStarted { subject: column.label.clone(), ..self.announced.clone() })
    }

    /// Prints where the reports of the runs are printed, too. Who has stopped reading wants no more.
    fn say(&self, text: &str) {
        if self.outputs.takes_standard_output() {
            complain(text);
        } else if let Err(error) = print(text) {
            complain(&format!("error: standard output cannot be written: {error}\n"));
        }
    }
}

/// What was told of the runs so far.
struct Gathered {
    table: SubjectTable,
    transcripts: Vec<Transcript>,
    exit: Exit,
    /// What is told of the run that is under way.
    tally: Tally,
    /// The same to be kept, where somebody wants it.
    transcript: Option<Transcript>,
}

impl Gathered {
    fn new(keeps_transcripts: bool) -> Self {
        Self {
            table: SubjectTable::default(),
            transcripts: Vec::new(),
            exit: Exit::Good,
            tally: Tally::default(),
            transcript: keeps_transcripts.then(Transcript::default),
        }
    }

    fn note(&mut self, event: &Event) {
        self.tally.event(event);
        if let Some(transcript) = &mut self.transcript {
            transcript.note(event);
        }
    }

    /// Ends a run. What was told of it counts also where its process could not tell how it ended.
    fn end(&mut self, column: &Column, row: impl FnOnce(&Tally) -> SubjectRun, came: Exit) -> Exit {
        let tally = std::mem::take(&mut self.tally);
        let came = came.and(Exit::of(&tally));
        self.table.add(&column.label, row(&tally));
        self.exit = self.exit.and(came);
        self.transcripts.extend(self.transcript.as_mut().map(std::mem::take));
        came
    }
}

/// Hands on to the run that is under way what a person asks for.
#[derive(Clone, Default)]
struct Relay {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    is_ending: bool,
    /// The process group of the run that is under way.
    group: Option<Pid>,
    /// Whether it was told to end: a second time would end it without a report.
    is_told: bool,
}

impl Relay {
    /// Says which run is under way. Its id must remain its own until this is told of another.
    fn concerns(&self, group: Option<Pid>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.group, state.is_told) = (group, false);
    }

    /// Sends a signal to the run that is under way, which attends to it, as its guard does not.
    fn hand_on(&self, signal: Signal) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = state.group {
            // Where it has ended meanwhile there is nothing to tell.
            let _ = killpg(group, signal);
        }
    }
}

impl Attended for Relay {
    fn end(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_ending = true;
        if let (Some(group), false) = (state.group, state.is_told) {
            // Its guard lets this pass. Where it has ended meanwhile there is nothing to tell.
            let _ = killpg(group, Signal::SIGTERM);
            state.is_told = true;
        }
    }

    fn is_ending(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_ending
    }

    fn show_pending(&self) {
        self.hand_on(Signal::SIGUSR1);
    }

    fn stop(&self) {
        self.hand_on(Signal::SIGTSTP);
    }

    fn go_on(&self) {
        self.hand_on(Signal::SIGCONT);
    }

    fn say(&self, text: &str) {
        complain(text);
    }
}
