use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use similar::TextDiff;

use super::exit::Exit;
use super::known::{FOLDER, read, say};
use super::output::{Colour, complain, print, replace};
use super::recordings::replay;
use super::suite::Source;
use crate::report::{AcceptError, Acceptance, Printable, Recorded, Transcript};
use crate::run::event::RunStarted;
use crate::scenario::{Case, Document};
use crate::vocabulary::Date;

/// Edit a subject's expectations so that they say what was recorded.
///
/// What failed and is not known gets entries, as few as that takes, each with a reason drafted from what
/// happened; what is mended is taken out of its entries. The rest of the file stays as it is, entries that are past
/// their date included. What the harness failed in is never accepted. Reasons and sources of drafts are to be looked up by a person:
/// `sockspec expectations check` names those that were not.
#[derive(Debug, Args)]
#[command(after_long_help = EXITS)]
pub(super) struct Arguments {
    /// The recordings, of one subject; what is good in one and bad in another is a flake.
    #[arg(value_name = "RUN.jsonl", default_value = RECORDING)]
    recordings: Vec<PathBuf>,

    #[command(flatten)]
    source_of_suite: Source,

    /// The expectations file [default: `reports/SUBJECT.toml`].
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// The reason of what is added, instead of what happened.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Where that is laid down: a function of a source, a man page, a link to a bug.
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,

    /// The day from which on what is added has to be looked at again.
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,

    /// Accept incomplete recordings as far as they go.
    #[arg(long)]
    incomplete: bool,

    /// Change nothing: show what would change.
    #[arg(long)]
    dry_run: bool,
}

/// Where `ci/gate` leaves the recording of its run.
const RECORDING: &str = "sockspec-out/run.jsonl";

const EXITS: &str = "\
Exit code, the first of these that is so:
  2  the command line is wrong, the expectations file or the suite has mistakes, or a recording cannot
     be read or is of something else; nothing was changed
  3  the file cannot be written, or the harness failed in a case, which no entry can accept
  0  the file says what was recorded";

pub(super) fn accept(arguments: &Arguments, colour: Colour) -> io::Result<Exit> {
    let recordings = match recorded(&arguments.recordings) {
        Ok(recordings) => recordings,
        Err(exit) => return Ok(exit),
    };
    let started = recordings.first().and_then(|one| one.transcript.tally().started());
    let paths = started.map_or(&[][..], |run| &run.paths);
    let chosen = match arguments.source_of_suite.of_recordings(paths, colour) {
        Ok(chosen) => chosen,
        Err(exit) => return Ok(exit),
    };
    let path = match (&arguments.file, started) {
        (Some(path), _) => path.clone(),
        (None, started) => beside(started),
    };
    let name = path.display().to_string();
    let text = if path.exists() {
        match read(&path) {
            Ok(text) => text,
            Err(exit) => return Ok(exit),
        }
    } else {
        String::new()
    };
    let scenarios: Vec<_> = chosen.documents().map(|document| &**document.scenario()).collect();
    let cases: Vec<Case> = chosen.documents().flat_map(Document::cases).collect();
    let acceptance = Acceptance {
        file: &name,
        text: &text,
        scenarios: &scenarios,
        cases: &cases,
        is_whole: chosen.whole().is_some(),
        reason: arguments.reason.as_deref(),
        source: arguments.source.as_deref(),
        until: arguments.until,
        incomplete: arguments.incomplete,
    };
    let accepted = match acceptance.of(&recordings) {
        Ok(accepted) => accepted,
        Err(AcceptError::Mistakes { mistakes }) => {
            let said = say(&name, &text, mistakes, colour);
            return Ok(said.err().unwrap_or(Exit::Usage));
        }
        Err(error) => {
            complain(&format!("error: {}\n", Printable(&error.to_string())));
            return Ok(Exit::Usage);
        }
    };
    if accepted.text == text {
        print(&format!("{name} says so already\n"))?;
    } else if arguments.dry_run {
        print(
            &TextDiff::from_lines(&text, &accepted.text)
                .unified_diff()
                .header(&name, &name)
                .to_string(),
        )?;
    } else {
        write(&path, &accepted.text).map_err(|error| {
            io::Error::new(error.kind(), format!("{name} cannot be written: {error}"))
        })?;
        print(&(accepted.changes.join("\n") + "\n"))?;
    }
    for case in &accepted.broken {
        complain(&format!(
            "warning: the harness failed in {}, which is not accepted\n",
            Printable(case.as_str())
        ));
    }
    Ok(if accepted.broken.is_empty() { Exit::Good } else { Exit::Broken })
}

/// Reads recordings. Where the one that `ci/gate` leaves is not there, that is said.
fn recorded(paths: &[PathBuf]) -> Result<Vec<Recorded>, Exit> {
    let mut recordings = Vec::new();
    for path in paths {
        if path == Path::new(RECORDING) && !path.exists() {
            complain(&format!(
                "error: there is no {RECORDING}, which `ci/gate` leaves; give the recording that \
                 `sockspec run --record FILE` wrote\n"
            ));
            return Err(Exit::Usage);
        }
        let mut transcript = Transcript::default();
        replay(path, &mut |event| transcript.note(event))?;
        recordings.push(Recorded { name: path.display().to_string(), transcript });
    }
    Ok(recordings)
}

/// The file of a subject in this folder.
fn beside(started: Option<&RunStarted>) -> PathBuf {
    let subject = started.map_or("kernel", |run| run.subject.as_str());
    Path::new(FOLDER).join(format!("{}.toml", subject.replace('/', "-")))
}

/// Puts a text in the place of a file, or makes it with its folder.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if path.exists() {
        return replace(path, text);
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
