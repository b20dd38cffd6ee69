use std::io;

use clap::Args;

use super::exit::Exit;
use super::output::print;
use crate::report::recording_schema;

/// Print the JSON Schema of recordings.
///
/// Each line of a recording (`sockspec run --record FILE`) is valid by it. Its `$id` ends with the
/// format's number, which the first line of a recording has as `format`.
#[derive(Debug, Args)]
pub(super) struct Arguments {}

pub(super) fn schema(_: &Arguments) -> io::Result<Exit> {
    print(&recording_schema())?;
    Ok(Exit::Good)
}
