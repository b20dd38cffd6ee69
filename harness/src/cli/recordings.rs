use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::exit::Exit;
use super::output::complain;
use crate::report::recording;
use crate::run::event::Event;

/// Hands every event of a recording on, as it did in the run; `-` is standard input. What is wrong
/// with the recording is said. One that was cut off by a crash is told as far as it goes.
pub(super) fn replay(path: &Path, sink: &mut dyn FnMut(&Event)) -> Result<(), Exit> {
    let name =
        if path == Path::new("-") { "standard input".into() } else { path.display().to_string() };
    let reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        match File::open(path) {
            Ok(file) => Box::new(BufReader::new(file)),
            Err(error) => {
                complain(&format!("error: {name} cannot be read: {error}\n"));
                return Err(Exit::Usage);
            }
        }
    };
    replay_from(&name, reader, sink)
}

/// The same from whatever can be read.
pub(super) fn replay_from(
    name: &str,
    reader: impl BufRead,
    sink: &mut dyn FnMut(&Event),
) -> Result<(), Exit> {
    for event in recording::read(reader) {
        match event {
            Ok(event) => sink(&event),
            Err(error) if error.is_incomplete() => {
                complain(&format!(
                    "warning: {name}: {error}; what follows is the part that is there\n"
                ));
            }
            Err(error) => {
                let mut text = format!("error: {name}: {error}");
                let mut cause = std::error::Error::source(&error);
                while let Some(error) = cause {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "\n  because: {error}");
                    cause = error.source();
                }
                complain(&format!("{text}\n"));
                return Err(Exit::Usage);
            }
        }
    }
    Ok(())
}
