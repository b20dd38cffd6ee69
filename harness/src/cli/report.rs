use std::io;
use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::output::{Colour, complain, complain_of, print};
use super::recordings::replay;
use crate::report::{
    PacketFiles, Progress, Reporter as _, Reporters, Tally, Terminal, Transcript, page,
};

/// Report on runs that were recorded.
///
/// A recording (`sockspec run --record FILE`) is shown as its run was. The exit code is that of the run.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The recording; `-` is standard input.
    #[arg(value_name = "RUN.jsonl", required = true)]
    recordings: Vec<PathBuf>,

    /// Write the packets of each case that has any to this folder, as pcapng files with the steps as
    /// comments.
    #[arg(long, value_name = "DIR")]
    pcapng: Option<PathBuf>,

    /// Write the runs as one HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) fn report(arguments: &Arguments, colour: Colour) -> io::Result<Exit> {
    let mut files = Reporters::new();
    if let Some(folder) = &arguments.pcapng {
        match PacketFiles::new(folder) {
            Ok(packets) => files.add("a file of packets", packets),
            Err(error) => {
                complain(&format!("error: {} cannot be made: {error}\n", folder.display()));
                return Ok(Exit::Usage);
            }
        }
    }
    let mut text = Vec::new();
    let mut exit = Exit::Good;
    let mut runs = Vec::new();
    for path in &arguments.recordings {
        let mut terminal = Terminal::new(&mut text, colour.palette(), Progress::Nothing);
        let mut tally = Tally::default();
        let mut written = Ok(());
        let mut transcript = Transcript::default();
        let told = replay(path, &mut |event| {
            tally.event(event);
            files.event(event);
            if arguments.html.is_some() {
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
        runs.push(transcript);
    }
    files.close();
    if let Some(path) = &arguments.html
        && let Err(error) = std::fs::write(path, page(&runs))
    {
        complain(&format!("error: {} cannot be written: {error}\n", path.display()));
        exit = exit.and(Exit::Broken);
    }
    print(&String::from_utf8_lossy(&text))?;
    Ok(if complain_of(&files) { exit.and(Exit::Broken) } else { exit })
}
