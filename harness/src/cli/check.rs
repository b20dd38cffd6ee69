use std::io;

use clap::Args;

use super::exit::Exit;
use super::output::{Colour, print};
use super::suite::{Choice, many};
use crate::run::Selection;

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
    let plan = match chosen.plan(Selection::default(), None) {
        Ok(plan) => plan,
        Err(exit) => return Ok(exit),
    };
    let (scenarios, cases) = (plan.scenarios().len(), plan.len());
    print(&format!("{}, {}, no mistakes\n", many(scenarios, "scenario"), many(cases, "case")))?;
    Ok(Exit::Good)
}
