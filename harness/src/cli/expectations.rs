use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};

use super::exit::Exit;
use super::known::{BUILT_IN, FOLDER, read, say};
use super::output::{Colour, complain, print};
use super::recordings::replay;
use super::suite::{Chosen, Source, many};
use crate::report::{Expectations, MendedEntries, Printable, Recorded, Tally, Transcript};
use crate::run::event::Event;
use crate::scenario::{Case, Document, Scenario};
use crate::vocabulary::Date;

/// Look after what subjects are known to do otherwise.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Check(CheckArguments),
}

/// Report what is wrong with expectations files, and which entries have to be looked at.
///
/// Mistakes are those that `sockspec run` refuses, wherever it may run: among them patterns that stand
/// for no case, and entries that speak of the same case on some kernel. To be looked at are entries past
/// their date, drafts whose source nobody looked up, patterns that add nothing, and with a recording what
/// is mended.
#[derive(Debug, Args)]
#[command(after_long_help = EXITS)]
struct CheckArguments {
    /// The files [default: those in `reports` in this folder, or with a recording that of its subject;
    /// where there are none, what is built in].
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    source: Source,

    /// Hold the entries against this recorded run.
    #[arg(long, value_name = "RUN.jsonl")]
    recording: Option<PathBuf>,
}

const EXITS: &str = "\
Exit code, the first of these that is so:
  2  a file or the suite has mistakes, or a recording cannot be read or is of another suite
  5  an entry has to be looked at
  0  nothing is wrong";

pub(super) fn expectations(arguments: &Arguments, colour: Colour) -> io::Result<Exit> {
    match &arguments.action {
        Action::Check(arguments) => check(arguments, colour),
    }
}

fn check(arguments: &CheckArguments, colour: Colour) -> io::Result<Exit> {
    let mut recording = match arguments.recording.as_deref().map(Run::read).transpose() {
        Ok(recording) => recording,
        Err(exit) => return Ok(exit),
    };
    let paths = recording.as_ref().map_or(&[][..], Run::paths);
    let chosen = match arguments.source.of_recordings(paths, colour) {
        Ok(chosen) => chosen,
        Err(exit) => return Ok(exit),
    };
    let suite = Everything::of(&chosen);
    let texts = match texts(&arguments.files, recording.as_ref()) {
        Ok(texts) => texts,
        Err(exit) => return Ok(exit),
    };
    if let Some(run) = &recording
        && let Err(error) = run.recorded.is_of(&suite.scenarios, &suite.cases)
    {
        complain(&format!("error: {}\n", Printable(&error.to_string())));
        return Ok(Exit::Usage);
    }
    let mut exit = Exit::Good;
    let mut shown = String::new();
    for (name, text) in &texts {
        let (expectations, mut mistakes) = Expectations::read(name, text);
        let scenarios = suite.scenarios.iter().copied();
        mistakes.extend(expectations.check_everywhere(scenarios, &suite.cases, suite.is_whole));
        if let Err(usage) = say(name, text, mistakes, colour) {
            exit = exit.and(usage);
            continue;
        }
        // Writing to a string does not fail.
        for finding in expectations.findings(&suite.cases, today()) {
            let _ = writeln!(shown, "{}: {}:{finding}", finding.word(), Printable(name));
            exit = exit.and(Exit::Stale);
        }
        if let Some(run) = &mut recording {
            let tally = run.held_against(expectations, &suite.cases);
            let mended = MendedEntries { tally: &tally, palette: colour.palette() }.to_string();
            exit = if mended.is_empty() { exit } else { exit.and(Exit::Stale) };
            shown.push_str(&mended);
        }
    }
    if exit == Exit::Good {
        shown = format!("{}, nothing to be looked at\n", many(texts.len(), "file"));
    }
    print(&shown)?;
    Ok(exit)
}

/// A suite in which every case is elaborated.
struct Everything<'a> {
    scenarios: Vec<&'a Scenario>,
    cases: Vec<Case>,
    is_whole: bool,
}

impl<'a> Everything<'a> {
    fn of(chosen: &'a Chosen) -> Self {
        Self {
            scenarios: chosen.documents().map(|document| &**document.scenario()).collect(),
            cases: chosen.documents().flat_map(Document::cases).collect(),
            is_whole: chosen.whole().is_some(),
        }
    }
}

/// A recorded run.
struct Run {
    recorded: Recorded,
    events: Vec<Event>,
}

impl Run {
    fn read(path: &Path) -> Result<Self, Exit> {
        let mut events = Vec::new();
        replay(path, &mut |event| events.push(event.clone()))?;
        let transcript = Transcript::of(&events);
        let recorded = Recorded { name: path.display().to_string(), transcript };
        Ok(Self { recorded, events })
    }

    fn paths(&self) -> &[String] {
        self.recorded.transcript.tally().started().map_or(&[], |run| &run.paths)
    }

    /// What the run adds up to if this is what was known of its subject.
    fn held_against(&mut self, expectations: Expectations, cases: &[Case]) -> Tally {
        let here = self.recorded.circumstances();
        let tally = self.recorded.transcript.tally();
        let ran = cases.iter().filter(|case| tally.case(&case.id).is_some());
        let known = expectations.here(&here).counted(cases).of(ran);
        let mut tally = Tally::default();
        for event in &mut self.events {
            if let Event::RunStarted(run) = event {
                run.known = Some(known.clone());
            }
            tally.event(event);
        }
        tally
    }
}

/// The files, each with its name and text.
fn texts(files: &[PathBuf], recording: Option<&Run>) -> Result<Vec<(String, String)>, Exit> {
    let mut paths = files.to_vec();
    if paths.is_empty() {
        paths = beside();
        if let Some(run) = recording.and_then(|run| run.recorded.transcript.tally().started()) {
            paths.retain(|path| path.file_stem() == Some(OsStr::new(&run.subject)));
        }
    }
    if paths.is_empty() {
        let built_in = BUILT_IN.iter();
        let named =
            built_in.map(|(name, text)| (format!("{FOLDER}/{name}.toml"), (*text).to_owned()));
        return Ok(named.collect());
    }
    paths.iter().map(|path| Ok((path.display().to_string(), read(path)?))).collect()
}

/// The files in this folder, by their names.
fn beside() -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(FOLDER) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = folder
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension() == Some(OsStr::new("toml")))
        .collect();
    paths.sort_unstable();
    paths
}

fn today() -> Date {
    Date::at(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}
