use std::fmt::Write as _;
use std::io;

use clap::Args;

use super::exit::Exit;
use super::output::{Colour, complain, print};
use super::suite::Choice;
use crate::run::{Plan, Selection};
use crate::scenario::Document;

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
    let selection = Selection { patterns: chosen.patterns.clone(), ..Selection::default() };
    let plan = Plan::new(chosen.documents().flat_map(Document::cases), &selection);
    let unmatched = plan.unmatched(&selection.patterns);
    for pattern in &unmatched {
        complain(&format!("error: nothing matches `{pattern}`\n"));
    }
    if plan.is_empty() || !unmatched.is_empty() {
        return Ok(Exit::Nothing);
    }
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
