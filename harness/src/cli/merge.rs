use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::output::{complain, stdout};
use super::recordings::replay;
use crate::report::recording::RecordingWriter;
use crate::report::{Merged, Part, Printable, Reporter as _, merge};
use crate::run::event::Event;

/// Make one recording of the recordings of a run's parts.
///
/// It is what one run of all the cases had recorded, up to times, for `sockspec report` and all that
/// reads recordings. A part of a suite (`sockspec run --shard K/N`) that is missing is named, and the run
/// is marked as cut short.
#[derive(Debug, Args)]
#[command(after_long_help = EXITS)]
pub(super) struct Arguments {
    /// The recordings of the parts.
    #[arg(value_name = "PART.jsonl", required = true)]
    parts: Vec<PathBuf>,

    /// Write the recording to this file [default: standard output].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

const EXITS: &str = "\
Exit code:
  0  the recording is written; what the run comes to says `sockspec report`
  2  the command line is wrong, a recording cannot be read, or they are not parts of one run: another
     subject, version, option or text of a scenario, or a part or a case that is there twice
  3  the recording could not be written";

pub(super) fn merge_parts(arguments: &Arguments) -> io::Result<Exit> {
    let mut parts = Vec::new();
    for path in &arguments.parts {
        let mut events = Vec::new();
        if let Err(exit) = replay(path, &mut |event| events.push(event.clone())) {
            return Ok(exit);
        }
        parts.push(Part { name: path.display().to_string(), events });
    }
    let Merged { events, missing } = match merge(parts) {
        Ok(merged) => merged,
        Err(error) => {
            complain(&format!("error: {}\n", Printable(&error.to_string())));
            return Ok(Exit::Usage);
        }
    };
    for shard in BTreeSet::from_iter(missing) {
        complain(&format!("warning: part {shard} of the suite is missing\n"));
    }
    let written = match &arguments.output {
        None => write(stdout(), &events),
        Some(path) => File::create(path).and_then(|file| write(file, &events)).map_err(|error| {
            io::Error::new(error.kind(), format!("{} cannot be written: {error}", path.display()))
        }),
    };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(Exit::Good),
    }
}

fn write(writer: impl Write + Send, events: &[Event]) -> io::Result<()> {
    let mut recording = RecordingWriter::new(writer);
    events.iter().try_for_each(|event| recording.event(event))
}
