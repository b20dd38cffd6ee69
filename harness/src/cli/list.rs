use std::fmt::Write as _;
use std::io;

use clap::Args;

use super::exit::Exit;
use super::output::{Colour, print};
use super::suite::Choice;
use crate::run::Selection;

/// List the cases of a suite, or its scenarios.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    choice: Choice,

    /// One line for each scenario, with its level and title.
    #[arg(long)]
    scenarios: bool,
}

pub(super) fn list(arguments: &Arguments, colour: Colour) -> io::Result<Exit> {
    let chosen = match arguments.choice.open(colour) {
        Ok(chosen) => chosen,
        Err(exit) => return Ok(exit),
    };
    let plan = match chosen.plan(Selection::default(), None) {
        Ok(plan) => plan,
        Err(exit) => return Ok(exit),
    };
    let mut text = String::new();
    // Writing to a string does not fail.
    if arguments.scenarios {
        let width = plan.scenarios().iter().map(|one| one.id.as_str().len()).max().unwrap_or(0);
        for scenario in plan.scenarios() {
            let (id, level) = (scenario.id.as_str(), scenario.level.word());
            let _ = writeln!(text, "{id:width$}  {level:6}  {}", scenario.title);
        }
    } else {
        for case in plan.cases() {
            let _ = writeln!(text, "{}", case.id);
        }
    }
    print(&text)?;
    Ok(Exit::Good)
}
