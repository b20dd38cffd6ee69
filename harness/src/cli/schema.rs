use std::io;

use clap::{Args, ValueEnum};

use super::exit::Exit;
use super::output::print;
use crate::report::recording_schema;
use crate::subject::agent::agent_schema;

/// Print a JSON Schema: of recordings, or of the protocol of agents.
///
/// Each line of a recording (`sockspec run --record FILE`), or between sockspec and an agent, is valid
/// by it. Its `$id` ends with the format's number, which the first line of a recording has as `format`, or
/// with the protocol's version.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Of what.
    #[arg(value_enum, default_value_t)]
    of: Of,
}

/// What has a schema.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Of {
    /// Recordings.
    #[default]
    Recording,
    /// What is said between sockspec and an agent.
    Agent,
}

pub(super) fn schema(arguments: &Arguments) -> io::Result<Exit> {
    print(&match arguments.of {
        Of::Recording => recording_schema(),
        Of::Agent => agent_schema(),
    })?;
    Ok(Exit::Good)
}
