use std::io;

use clap::Args;

use super::exit::Exit;
use super::output::{Colour, print};
use super::suite::Choice;
use crate::scenario::Document;

/// Report every mistake in scenario files, without running them.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    choice: Choice,
}

pub(super) fn check(arguments: &Arguments, colour: Colour) -> io::Result<Exit> {
    let chosen = match arguments.choice.open(colour) {
        Ok(chosen) => chosen,
        Err(exit) => return Ok(exit),
    };
    let scenarios = chosen.documents().count();
    let cases: usize = chosen.documents().map(Document::count).sum();
    print(&format!("{scenarios} scenarios, {cases} cases, no mistakes\n"))?;
    Ok(Exit::Good)
}
