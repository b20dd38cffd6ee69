use std::io;
use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::output::{Colour, complain_of, print};
use super::outputs::Outputs;
use super::recordings::replay;
use super::status::Levels;
use crate::report::{Progress, Reporter as _, Reporters, Tally, Terminal, Transcript};

/// Report on runs that were recorded.
///
/// A recording (`sockspec run --record FILE`) is shown as its run was, unless other reports are asked
/// for: then those are written, one of each for all recordings together. The exit code is that of the
/// run, or the worst of theirs.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The recording; `-` is standard input.
    #[arg(value_name = "RUN.jsonl", required = true)]
    recordings: Vec<PathBuf>,

    #[command(flatten)]
    outputs: Outputs,

    #[command(flatten)]
    levels: Levels,
}

pub(super) fn report(arguments: &Arguments, colour: Colour) -> io::Result<Exit> {
    let mut outputs = match arguments.outputs.open() {
        Ok(outputs) => outputs,
        Err(exit) => return Ok(exit),
    };
    let mut files = Reporters::new();
    if let Some(packets) = outputs.packets.take() {
        files.add("a file of packets", packets);
    }
    let mut runs = Vec::new();
    let mut text = Vec::new();
    let mut exit = Exit::Good;
    for path in &arguments.recordings {
        let (status, last) = arguments.levels.recorded();
        let mut terminal =
            Terminal::new(&mut text, colour.palette(), Progress::Nothing).with_status(status, last);
        let mut tally = Tally::default();
        let mut transcript = outputs.needs_transcripts().then(Transcript::default);
        let mut written = Ok(());
        let told = replay(path, &mut |event| {
            tally.event(event);
            files.event(event);
            if let Some(transcript) = &mut transcript {
                transcript.note(event);
            }
            if written.is_ok() {
                written = terminal.event(event);
            }
        });
        if let Err(exit) = told {
            return Ok(exit);
        }
        written.and_then(|()| terminal.close())?;
        exit = exit.and(Exit::of(&tally));
        runs.extend(transcript);
    }
    files.close();
    if !arguments.outputs.is_any() {
        print(&String::from_utf8_lossy(&text))?;
    }
    let exit = exit.and(outputs.write(&runs));
    Ok(if complain_of(&files) { exit.and(Exit::Broken) } else { exit })
}
