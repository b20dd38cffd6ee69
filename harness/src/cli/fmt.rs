use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use similar::TextDiff;

use super::exit::Exit;
use super::output::{Colour, complain, print, replace};
use super::suite::many;
use crate::scenario::{Diagnostic, LARGEST_FILE, Problem, Suite, format};

/// Give scenario files their canonical form.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Files or folders; `-` alone reads standard input and writes to standard output.
    #[arg(value_name = "PATH", default_value = "scenarios")]
    paths: Vec<PathBuf>,

    /// Change nothing: show what would change, and exit with 1 where anything would.
    #[arg(long)]
    check: bool,
}

pub(super) fn fmt(arguments: &Arguments, colour: Colour) -> io::Result<Exit> {
    if arguments.paths == [Path::new("-")] {
        return standard_input(arguments.check, colour);
    }
    let suite = Suite::load(&arguments.paths);
    let mut changed = 0;
    for document in &suite.documents {
        let scenario = document.scenario();
        let (path, source) = (Path::new(&scenario.path), &*scenario.source);
        let canonical = match format(source) {
            Ok(canonical) => canonical,
            Err(mistakes) => return Ok(refuse(&mistakes, &scenario.path, source, colour)),
        };
        if canonical == source {
            continue;
        }
        changed += 1;
        if arguments.check {
            print(&difference(&scenario.path, source, &canonical))?;
        } else {
            replace(path, &canonical).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?;
        }
    }
    for problem in &suite.problems {
        complain(&format!("{}\n\n", problem.render(colour.on_stderr())));
    }
    let files = suite.documents.len();
    let what = if arguments.check { "would change" } else { "changed" };
    complain(&format!("{changed} of {} {what}\n", many(files, "file")));
    Ok(match changed {
        _ if !suite.problems.is_empty() => Exit::Usage,
        0 => Exit::Good,
        _ if arguments.check => Exit::Failed,
        _ => Exit::Good,
    })
}

fn standard_input(check: bool, colour: Colour) -> io::Result<Exit> {
    const NAME: &str = "(standard input)";
    let mut bytes = Vec::new();
    // One byte more than may be there tells that it is too much.
    io::stdin().take(LARGEST_FILE as u64 + 1).read_to_end(&mut bytes)?;
    let source = match String::from_utf8(bytes) {
        Ok(source) => source,
        Err(error) => {
            let offset = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..offset].split(|byte| *byte == b'\n').count();
            let problem = Problem::NotText { path: NAME.to_owned(), line, offset };
            complain(&format!("{}\n\n", problem.render(colour.on_stderr())));
            return Ok(Exit::Usage);
        }
    };
    match format(&source) {
        Err(mistakes) => Ok(refuse(&mistakes, NAME, &source, colour)),
        Ok(canonical) if !check => print(&canonical).map(|()| Exit::Good),
        Ok(canonical) if canonical == source => Ok(Exit::Good),
        Ok(canonical) => {
            print(&difference(NAME, &source, &canonical))?;
            Ok(Exit::Failed)
        }
    }
}

fn refuse(mistakes: &[Diagnostic], path: &str, source: &str, colour: Colour) -> Exit {
    for mistake in mistakes {
        complain(&format!("{}\n\n", mistake.render(path, source, colour.on_stderr())));
    }
    Exit::Usage
}

fn difference(path: &str, source: &str, canonical: &str) -> String {
    TextDiff::from_lines(source, canonical)
        .unified_diff()
        .header(path, &format!("{path} (canonical)"))
        .to_string()
}
