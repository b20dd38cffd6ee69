use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::output::{Colour, complain, print};
use super::recordings::replay;
use crate::report::{Comparison, Transcript, comparison as comparison_page};

/// Show what changed between two recorded runs, case by case.
///
/// Cases that changed in the same way stand together. Of what is bad in both runs the step and what it
/// gave are compared, and no times: a case is slower only if it passes too late now.
#[derive(Debug, Args)]
#[command(after_long_help = EXITS)]
pub(super) struct Arguments {
    /// The recording of the earlier run; `-` is standard input.
    #[arg(value_name = "OLD.jsonl")]
    old: PathBuf,

    /// The recording of the later run.
    #[arg(value_name = "NEW.jsonl")]
    new: PathBuf,

    /// Write what changed as Markdown, for release notes; `-` is standard output, instead of the
    /// comparison for people.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    /// Write what changed as an HTML page, with the details of every case.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

const EXITS: &str = "\
Exit code, the first of these that is so:
  2  the command line is wrong, or a recording cannot be read
  3  what was asked for could not be written
  1  a case is worse: it is bad and was not, hangs where it failed, crashes where it hung or failed,
     or is not supported any more
  0  no case is worse";

pub(super) fn compare(arguments: &Arguments, colour: Colour) -> io::Result<Exit> {
    let (mut old, mut new) = (Transcript::default(), Transcript::default());
    for (path, transcript) in [(&arguments.old, &mut old), (&arguments.new, &mut new)] {
        if let Err(exit) = replay(path, &mut |event| transcript.note(event)) {
            return Ok(exit);
        }
    }
    let comparison = Comparison::of(&old, &new);
    let exit = if comparison.is_worse() { Exit::Failed } else { Exit::Good };
    if let Some(path) = &arguments.html
        && let Err(error) = fs::write(path, comparison_page(&old, &new))
    {
        complain(&format!("error: {} cannot be written: {error}\n", path.display()));
        return Ok(Exit::Broken);
    }
    match &arguments.markdown {
        Some(path) if path.as_os_str() == "-" => {
            print(&comparison.markdown().to_string())?;
            return Ok(exit);
        }
        Some(path) => {
            if let Err(error) = fs::write(path, comparison.markdown().to_string()) {
                complain(&format!("error: {} cannot be written: {error}\n", path.display()));
                return Ok(Exit::Broken);
            }
        }
        None => {}
    }
    print(&comparison.text(colour.palette()).to_string())?;
    Ok(exit)
}
