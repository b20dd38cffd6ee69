use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{CommandFactory as _, Parser, Subcommand};

use super::exit::Exit;
use super::output::{Colour, complain};
use super::{
    accept, agent, agent_check, check, compare, doctor, expectations, explain, faults, fmt,
    fuzz_decoder, list, merge, report, run, schema, subjects,
};

/// A conformance harness for the socket API.
///
/// Runs scenario files, each of which says step by step what sockets must do, and reports where
/// this machine's sockets do something else.
#[derive(Debug, Parser)]
#[command(name = "sockspec", version, max_term_width = 100)]
struct Command {
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Colour,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Run(Box<run::Arguments>),
    Report(report::Arguments),
    Merge(merge::Arguments),
    Compare(compare::Arguments),
    Accept(accept::Arguments),
    Expectations(expectations::Arguments),
    Check(check::Arguments),
    Fmt(fmt::Arguments),
    List(list::Arguments),
    Explain(explain::Arguments),
    Schema(schema::Arguments),
    Doctor(doctor::Arguments),
    Faults(faults::Arguments),
    Subjects(subjects::Arguments),
    Agent(agent::Arguments),
    AgentCheck(agent_check::Arguments),
    FuzzDecoder(Box<fuzz_decoder::Arguments>),
    #[command(hide = true)]
    Guard(fuzz_decoder::GuardArguments),
}

/// The arguments of a subcommand on the command line of this process, less some of them, such that the
/// same subcommand of another process takes them for the same.
pub(super) fn arguments_of(subcommand: &str, without: &[&str]) -> Vec<OsString> {
    let mut command = Command::command();
    command.build();
    let Ok(matches) = command.clone().try_get_matches_from(env::args_os()) else {
        return Vec::new();
    };
    let (Some(matches), Some(command)) =
        (matches.subcommand_matches(subcommand), command.find_subcommand(subcommand))
    else {
        return Vec::new();
    };
    let (mut options, mut words) = (Vec::new(), Vec::new());
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        let is_given = matches.value_source(id) == Some(ValueSource::CommandLine);
        if !is_given || without.contains(&id) {
            continue;
        }
        let values = matches.get_raw(id).into_iter().flatten().map(OsString::from);
        match argument.get_long() {
            None => words.extend(values),
            Some(long) if argument.get_action().takes_values() => {
                for value in values {
                    let mut option = OsString::from(format!("--{long}="));
                    option.push(value);
                    options.push(option);
                }
            }
            Some(long) => options.push(format!("--{long}").into()),
        }
    }
    [options, words].concat()
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let command = match Command::try_parse() {
        Ok(command) => command,
        Err(error) => {
            // Help and version are printed to standard output, errors to the other; a closed one
            // leaves nothing to say.
            let _ = error.print();
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Good };
            return exit.into();
        }
    };
    let colour = command.color;
    let result = match command.action {
        Action::Run(arguments) => Ok(run::run(&arguments, colour)),
        Action::Report(arguments) => report::report(&arguments, colour),
        Action::Merge(arguments) => merge::merge_parts(&arguments),
        Action::Compare(arguments) => compare::compare(&arguments, colour),
        Action::Accept(arguments) => accept::accept(&arguments, colour),
        Action::Expectations(arguments) => expectations::expectations(&arguments, colour),
        Action::Check(arguments) => check::check(&arguments, colour),
        Action::Fmt(arguments) => fmt::fmt(&arguments, colour),
        Action::List(arguments) => list::list(&arguments, colour),
        Action::Explain(arguments) => explain::explain(&arguments, colour),
        Action::Schema(arguments) => schema::schema(&arguments),
        Action::Doctor(arguments) => doctor::doctor(&arguments, colour),
        Action::Faults(arguments) => faults::faults(&arguments, colour),
        Action::Subjects(arguments) => subjects::subjects(&arguments),
        Action::Agent(arguments) => agent::agent(&arguments),
        Action::AgentCheck(arguments) => agent_check::agent_check(&arguments, colour),
        Action::FuzzDecoder(arguments) => fuzz_decoder::fuzz_decoder(&arguments, colour),
        Action::Guard(arguments) => match fuzz_decoder::guarded(&arguments) {
            Ok(code) => return ExitCode::from(code),
            Err(error) => Err(error),
        },
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            complain(&format!("error: {error}\n"));
            Exit::Broken.into()
        }
    }
}
