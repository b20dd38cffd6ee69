use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use super::baseline::Baseline;
use super::event::Event;
use super::plan::Plan;
use super::runner::{RunOptions, run};
use crate::subject::Subject;
use crate::subject::faulty::{Fault, FaultySubject};
use crate::vocabulary::{CaseId, ScenarioId};

/// How many batches of a scenario are run before the others are: most faults show in the first.
const ROUNDS: [usize; 3] = [1, 8, usize::MAX];

/// Runs a plan on a subject with each of several faults planted in it, several at a time, and hands
/// every event with the position of its fault to `sink`, on the calling thread.
///
/// With a fault only those cases run of which something goes through it: the others are as without.
/// Of a scenario that has noticed the fault, by a case that is worse than in `baseline`, no further
/// cases begin. What the machine's stalls made undecidable is run once more in the end, one fault
/// after the other. The subject is left as it is when all have ended; to settle it is up to the
/// caller.
pub fn run_faults(
    plan: &Plan,
    subject: &dyn Subject,
    faults: &[Fault],
    baseline: &Baseline,
    options: &RunOptions,
    at_once: usize,
    sink: &mut dyn FnMut(usize, Event),
) {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = channel();
    let options = &RunOptions { alone: false, ..options.clone() };
    let mut undecided: BTreeMap<usize, BTreeSet<CaseId>> = BTreeMap::new();
    thread::scope(|scope| {
        for _ in 0..at_once.clamp(1, faults.len().max(1)) {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                loop {
                    let position = next.fetch_add(1, Ordering::Relaxed);
                    let Some(fault) = faults.get(position) else { return };
                    let planted = FaultySubject::new(subject, *fault);
                    run_fault(plan, &planted, baseline, options, &mut |event| {
                        // The receiver lives until every sender is gone.
                        let _ = sender.send((position, event));
                    });
                }
            });
        }
        drop(sender);
        for (position, event) in receiver {
            if let Event::CaseFinished(case) = &event
                && case.is_undecided()
            {
                undecided.entry(position).or_default().insert(case.case.clone());
            }
            sink(position, event);
        }
    });
    for (position, cases) in undecided {
        let mut again = plan.clone();
        again.retain(|case| cases.contains(&case.id));
        let subject = FaultySubject::new(subject, faults[position]);
        run(again, &subject, options, &mut |event| sink(position, event));
    }
}

fn run_fault(
    plan: &Plan,
    subject: &FaultySubject<'_>,
    baseline: &Baseline,
    options: &RunOptions,
    sink: &mut dyn FnMut(Event),
) {
    let mut concerned = plan.clone();
    concerned.retain(|case| subject.fault().concerns(case));
    let mut noticed: BTreeSet<ScenarioId> = BTreeSet::new();
    let mut from = 0;
    for to in ROUNDS {
        let mut seen: BTreeMap<ScenarioId, usize> = BTreeMap::new();
        let mut round = concerned.clone();
        round.batches.retain(|batch| {
            let Some(scenario) = batch.cases.first().map(|case| &case.scenario.id) else {
                return false;
            };
            let position = seen.entry(scenario.clone()).or_default();
            *position += 1;
            (from..to).contains(&(*position - 1)) && !noticed.contains(scenario)
        });
        from = to;
        run(round, subject, options, &mut |event| {
            if let Event::CaseFinished(case) = &event
                && baseline.is_worse(case)
            {
                noticed.insert(case.scenario.clone());
            }
            sink(event);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Selection;
    use crate::run::scripted::{Act, Scripted, at_once, cases, millis};
    use crate::vocabulary::{Op, Outcome};

    fn fault(name: &str) -> Fault {
        Fault::all().find(|fault| fault.name() == name).expect("there is such a fault")
    }

    /// What came of each case with each fault, as `FAULT CASE VERDICT`, sorted.
    fn told(texts: &[&str], subject: &Scripted, faults: &[&str]) -> Vec<String> {
        let cases = texts.iter().enumerate().flat_map(|(at, text)| cases(&format!("a/{at}"), text));
        let plan = Plan::new(cases, &Selection::default());
        let faults: Vec<Fault> = faults.iter().map(|name| fault(name)).collect();
        let mut told = Vec::new();
        run_faults(
            &plan,
            subject,
            &faults,
            &Baseline::default(),
            &RunOptions::default(),
            2,
            &mut |position, event| {
                if let Event::CaseFinished(case) = event {
                    told.push(format!(
                        "{} {} {}",
                        faults[position].name(),
                        case.case,
                        case.verdict
                    ));
                }
            },
        );
        told.sort();
        told
    }

    const READS_END: &str = "\"t\"\nover tcp4\npair client.c server.s\n\nclient recv c 4 => eof\n";

    #[test]
    fn a_fault_changes_what_goes_through_it_and_nothing_else() {
        let sends = "\"t\"\nover tcp4\npair client.c server.s\n\nclient send c \"x\" => 1\n";
        let subject = Scripted::new(|_| None);
        let told =
            told(&[READS_END, sends], &subject, &["end-is-eagain", "broken-pipe-is-a-reset"]);
        assert_eq!(
            told,
            [
                "broken-pipe-is-a-reset a/1[tcp4,loopback] pass",
                "end-is-eagain a/0[tcp4,loopback] fail",
            ]
        );
    }

    #[test]
    fn no_further_case_begins_of_a_scenario_that_has_noticed() {
        let varied =
            READS_END.replace("\n\n", "\nvary size 4 5 6 7\n\n").replace(" 4 =>", " $size =>");
        let subject = Scripted::new(|_| None);
        assert_eq!(
            told(&[&varied], &subject, &["end-is-eagain"]),
            ["end-is-eagain a/0[tcp4,loopback,size=4] fail"]
        );
        assert_eq!(told(&[&varied], &subject, &["reset-is-end"]).len(), 4);
    }

    #[test]
    fn what_a_stall_left_open_is_run_once_more() {
        let text = format!("{READS_END}wait 100ms\nclient recv c 5 => \"x\"\n");
        let subject = Scripted {
            oversleep: millis(60),
            ..Scripted::new(|asked| match asked.op {
                Op::Receive { limit: 5, .. } => at_once(Outcome::EndOfStream),
                Op::Receive { .. } => Some(Act::Give(Outcome::EndOfStream, millis(1))),
                _ => None,
            })
        };
        let told = told(&[&text], &subject, &["reset-is-end"]);
        assert_eq!(told, ["reset-is-end a/0[tcp4,loopback] slow"; 2]);
    }
}
