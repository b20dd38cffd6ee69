use std::ffi::OsString;
use std::io;
use std::time::Duration;

use clap::Args;

use super::exit::Exit;
use super::output::{Colour, complain, print};
use super::run::time;
use super::subject::{START_TIME, guard};
use super::subjects::{manifest, prepared};
use crate::report::Printable;
use crate::subject::agent::check::{Checked, check};
use crate::subject::agent::{Placement, Start};

/// Say what an agent lacks: try about sixty exchanges of the protocol with it.
///
/// What it does not offer is not tried. What is in doubt (`?`) may be the agent's doing or that of its
/// sockets, which the suite is to judge. The exit code is 1 if it does something else than the protocol
/// says, and 3 if it cannot be started.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The agent of this subject, as `sockspec subjects` lists them.
    #[arg(long, value_name = "NAME", conflicts_with = "command")]
    subject: Option<String>,

    /// How long it may take until it says what it is [default: what its manifest says, else 10s].
    #[arg(long, value_parser = time, value_name = "TIME")]
    start_time: Option<Duration>,

    /// The agent: a program and its arguments.
    #[arg(last = true, required_unless_present = "subject", value_name = "CMD")]
    command: Vec<OsString>,
}

pub(super) fn agent_check(arguments: &Arguments, colour: Colour) -> io::Result<Exit> {
    let start = match start(arguments) {
        Ok(start) => start,
        Err(exit) => return Ok(exit),
    };
    let palette = colour.palette();
    let (mut held, mut failed, mut doubtful, mut left) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut written = Ok(());
    let checked = check(&start, &mut |exchange, checked| {
        let name = exchange.name;
        let line = match checked {
            Checked::Held => {
                held += 1;
                format!("{}  {name}\n", palette.good("ok  "))
            }
            Checked::Failed(why) => {
                failed += 1;
                format!("{}  {name}\n{}", palette.bad("FAIL"), indented(why))
            }
            Checked::Doubtful(why) => {
                doubtful += 1;
                format!("{}  {name}\n{}", palette.odd("?   "), indented(why))
            }
            Checked::NotOffered(word) => {
                left += 1;
                format!("{}  {name}: `{word}` is not offered\n", palette.faint("-   "))
            }
        };
        if written.is_ok() {
            written = print(&line);
        }
    });
    written?;
    if let Err(error) = checked {
        complain(&format!("error: {error}\n"));
        return Ok(Exit::Broken);
    }
    print("\n")?;
    if doubtful > 0 {
        print(
            "`?`: the agent does not pass it on, or its sockets do otherwise, which scenarios tell\n",
        )?;
    }
    print(&format!("{held} held, {failed} failed, {}{left} not offered\n", in_doubt(doubtful)))?;
    Ok(if failed > 0 { Exit::Failed } else { Exit::Good })
}

/// What was found, line by line.
fn indented(why: &str) -> String {
    let lines: Vec<_> = why.lines().map(|line| format!("        {}\n", Printable(line))).collect();
    lines.concat()
}

fn in_doubt(count: usize) -> String {
    if count > 0 { format!("{count} in doubt, ") } else { String::new() }
}

fn start(arguments: &Arguments) -> Result<Start, Exit> {
    let (command, patience) = match &arguments.subject {
        Some(name) => {
            let manifest = manifest(name)?;
            let command = prepared(&manifest)?.into_iter().map(OsString::from).collect();
            (command, manifest.start_time)
        }
        None => (arguments.command.clone(), START_TIME),
    };
    let patience = arguments.start_time.unwrap_or(patience);
    Ok(Start { guard: guard(), command, patience, placement: Placement::default() })
}
