use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;

use clap::{Args, ValueEnum};

use super::exit::Exit;
use super::index;
use super::output::{Colour, print};
use super::suite::Choice;
use crate::run::Selection;

/// List the cases of a suite, or its scenarios.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    choice: Choice,

    /// One line for each scenario, with its level and title.
    #[arg(long, conflicts_with = "format")]
    scenarios: bool,

    /// How to write it.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The ids of the cases, one a line.
    #[default]
    Text,
    /// A table of the scenarios by transport and topology: what is tested, and why not the rest.
    Markdown,
    /// The same as one JSON object for each scenario.
    Json,
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
    if arguments.format != Format::Text {
        let scenarios = plan.scenarios();
        let named: BTreeSet<_> = scenarios.iter().map(|one| &one.id).collect();
        let documents: Vec<_> =
            chosen.documents().filter(|one| named.contains(&one.scenario().id)).collect();
        let text = match arguments.format {
            Format::Json => index::json(&documents)?,
            _ => index::markdown(&documents),
        };
        print(&text)?;
        return Ok(Exit::Good);
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
