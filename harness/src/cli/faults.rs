use std::io;
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use clap::Args;

use super::exit::Exit;
use super::output::{Colour, complain, is_watched, print};
use super::suite::Choice;
use crate::report::FaultMatrix;
use crate::run::event::Event;
use crate::run::{Limits, RunOptions, Selection, run, run_faults};
use crate::scenario::{Case, nearest, quoted};
use crate::subject::Subject as _;
use crate::subject::faulty::Fault;
use crate::subject::kernel::KernelSubject;

/// Plant faults in this machine's sockets and show which scenarios notice them.
///
/// The suite runs once as it is, and once with each fault: what a real stack, runtime, sandbox or
/// proxy once did wrong. The exit code is 1 if a fault is noticed by no scenario, or a scenario
/// notices no fault, and 3 if that may be because cases could not be run here.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    choice: Choice,

    /// Only these faults, by name or by area; may be repeated. Scenarios need not notice any then.
    #[arg(long, value_name = "NAME")]
    fault: Vec<String>,

    /// List the faults and run nothing.
    #[arg(long)]
    list: bool,

    /// Try this many faults side by side [default: four a core].
    #[arg(long, value_parser = super::run::positive, value_name = "N")]
    jobs: Option<usize>,
}

/// The deadline of an answer. Many faults make calls hang, and one that takes as long as this is
/// wrong enough.
const ANSWER: Duration = Duration::from_secs(1);
/// How many cases run side by side with one fault.
const SIDE_BY_SIDE: usize = 32;

pub(super) fn faults(arguments: &Arguments, colour: Colour) -> io::Result<Exit> {
    let faults = match wanted(&arguments.fault) {
        Ok(faults) => faults,
        Err(unknown) => {
            complain(&unknown);
            return Ok(Exit::Usage);
        }
    };
    if arguments.list {
        print(&listed(&faults))?;
        return Ok(Exit::Good);
    }
    let chosen = match arguments.choice.open(colour) {
        Ok(chosen) => chosen,
        Err(exit) => return Ok(exit),
    };
    let plan = match chosen.plan(Selection::default(), None) {
        Ok(plan) => plan,
        Err(exit) => return Ok(exit),
    };
    let subject = match KernelSubject::new() {
        Ok(subject) => subject,
        Err(error) => {
            complain(&format!("error: the subject kernel cannot be used: {error}\n"));
            return Ok(Exit::Broken);
        }
    };
    // Before the first thread of this process begins.
    let subject =
        if plan.cases().any(Case::needs_network) { subject.with_networks() } else { subject };
    drop(chosen);
    let options = RunOptions::default();
    let mut matrix = FaultMatrix::new(faults.clone());
    run(plan.clone(), &subject, &options, &mut |event| matrix.without(&event));
    let at_once = arguments
        .jobs
        .unwrap_or_else(|| 4 * thread::available_parallelism().map_or(1, NonZero::get));
    // A fault makes cases wait that otherwise compute.
    let limits = Limits { answer: ANSWER, ..Limits::default() };
    let options = RunOptions { limits, jobs: Some(SIDE_BY_SIDE), ..options };
    let baseline = matrix.baseline().clone();
    run_faults(&plan, &subject, &faults, &baseline, &options, at_once, &mut |fault, event| {
        matrix.with(fault, &event);
        if let Event::RunFinished(_) = event
            && is_watched()
        {
            complain(&format!("\r{} cases run with a fault", matrix.runs()));
        }
    });
    subject.settle();
    if is_watched() {
        complain("\r\x1b[K");
    }
    print(&matrix.to_string())?;
    for (reason, cases) in matrix.skipped() {
        complain(&format!("{} cases were not run: {reason}\n", cases.len()));
    }
    let broken = matrix.broken();
    for broken in &broken {
        complain(&format!("error: {broken}\n"));
    }
    let is_blind = arguments.fault.is_empty() && matrix.blind().next().is_some();
    let is_whole = !is_blind && matrix.missed().next().is_none();
    Ok(exit(!broken.is_empty(), is_whole, !matrix.skipped().is_empty()))
}

/// What a matrix comes to: whether something broke, whether everything is noticed, and whether cases
/// were left out that might have noticed what is not.
const fn exit(is_broken: bool, is_whole: bool, has_gaps: bool) -> Exit {
    match (is_broken, is_whole, has_gaps) {
        (false, true, _) => Exit::Good,
        (false, false, false) => Exit::Failed,
        _ => Exit::Broken,
    }
}

/// The faults that were asked for, or what to say of a word that stands for none.
fn wanted(words: &[String]) -> Result<Vec<Fault>, String> {
    let all: Vec<Fault> = Fault::all().collect();
    for word in words {
        if !all.iter().any(|fault| fault.name() == word || fault.area() == word) {
            let words = all.iter().flat_map(|fault| [fault.name(), fault.area()]);
            let meant = match nearest(word, words) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "`sockspec faults --list` shows what there is".to_owned(),
            };
            return Err(format!(
                "error: no fault and no area of faults is called {}; {meant}\n",
                quoted(word)
            ));
        }
    }
    let is_wanted = |fault: &Fault| {
        words.is_empty() || words.iter().any(|word| word == fault.name() || word == fault.area())
    };
    Ok(all.into_iter().filter(is_wanted).collect())
}

fn listed(faults: &[Fault]) -> String {
    let width = faults.iter().map(|fault| fault.name().len()).max().unwrap_or(0);
    let lines = faults
        .iter()
        .map(|fault| format!("{:11} {:width$}  {}\n", fault.area(), fault.name(), fault.summary()));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_may_have_been_what_is_missing() {
        assert_eq!(exit(false, true, true), Exit::Good);
        assert_eq!(exit(false, false, false), Exit::Failed);
        assert_eq!(exit(false, false, true), Exit::Broken);
        assert_eq!(exit(true, true, false), Exit::Broken);
    }

    #[test]
    fn a_word_that_is_nearly_a_fault_is_told_as_that() {
        let said = wanted(&["poll-is-eraly".to_owned()]).expect_err("there is no such fault");
        assert!(said.ends_with("did you mean `poll-is-early`?\n"), "{said}");
        assert_eq!(wanted(&["wire".to_owned()]).map(|faults| faults.len()), Ok(11));
    }
}
