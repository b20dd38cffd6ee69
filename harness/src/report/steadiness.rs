use std::cmp::Reverse;
use std::fmt;

use super::elapsed::{Elapsed, Thousands};
use super::palette::{Painted, Palette};
use super::printable::{Many, Printable};
use super::standing::Standing;
use super::tally::{CaseTally, Tally};
use crate::run::Verdict;
use crate::vocabulary::CaseId;

/// How steady the cases of a repeated run were: how often all ran, and each case that did not come to
/// the same every time.
pub(crate) struct Steadiness<'a> {
    pub(crate) tally: &'a Tally,
    pub(crate) palette: Palette,
}

/// How many cases are named that are flaky.
const FLAKY_NAMED: usize = 50;
/// How many are named that only were late at times, or for which all is known.
const OTHERS_NAMED: usize = 10;
/// How wide a column may grow for the sake of one long name.
const WIDEST: usize = 120;

impl fmt::Display for Steadiness<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(run) = self.tally.started().filter(|run| run.repeat > 1) else { return Ok(()) };
        self.all(f, run.repeat)?;
        let mut unsteady: Vec<_> =
            self.tally.cases().filter(|(_, case)| !case.is_steady()).collect();
        unsteady.sort_by_key(|(_, case)| Reverse(is_flaky(case)));
        let flaky = unsteady.iter().filter(|(_, case)| is_flaky(case)).count();
        let (flaky, others) = unsteady.split_at(flaky);
        let named: Vec<_> =
            flaky.iter().take(FLAKY_NAMED).chain(others.iter().take(OTHERS_NAMED)).collect();
        let width = named.iter().map(|(id, _)| id.as_str().chars().count()).max().unwrap_or(0);
        for (id, case) in &named {
            self.row(f, id, case, width.min(WIDEST))?;
        }
        match unsteady.len() - named.len() {
            0 => Ok(()),
            more => {
                let text = format!("and {} more", Many(more as u64, "unsteady case"));
                writeln!(f, "{}", Painted(self.palette.faint, text))
            }
        }
    }
}

impl Steadiness<'_> {
    fn all(&self, f: &mut fmt::Formatter<'_>, repeat: u32) -> fmt::Result {
        let runs = Thousands(self.tally.runs());
        write!(f, "{} times each: {runs} runs", Thousands(repeat.into()))?;
        let sum = |of: fn(&CaseTally) -> u32| -> u64 {
            self.tally.cases().map(|(_, case)| u64::from(of(case))).sum()
        };
        let counts = [
            (sum(|case| case.times(Verdict::Slow)), "slow"),
            (sum(CaseTally::undecided), "not decided"),
            (self.tally.repetitions(), "run again"),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, ", {} {what}", Thousands(count))?;
        }
        let stall = self.tally.finished().map(|end| end.stall).unwrap_or_default();
        if stall.is_zero() {
            writeln!(f)
        } else {
            writeln!(f, "; longest stall {}", Elapsed(stall))
        }
    }

    fn row(
        &self,
        f: &mut fmt::Formatter<'_>,
        id: &CaseId,
        case: &CaseTally,
        width: usize,
    ) -> fmt::Result {
        let id = Printable(id.as_str()).to_string();
        let word = if is_flaky(case) { "flaky" } else { "unsteady" };
        write!(f, "{}: {id:width$} ", Painted(self.palette.odd, word))?;
        for verdict in Verdict::ALL.into_iter().filter(|verdict| case.times(*verdict) > 0) {
            write!(f, " {verdict} {}", Thousands(case.times(verdict).into()))?;
        }
        if case.undecided() > 0 {
            write!(f, " (not decided {})", Thousands(case.undecided().into()))?;
        }
        write!(f, ", longest {}", Elapsed(case.longest()))?;
        if case.stall().is_zero() {
            writeln!(f)
        } else {
            writeln!(f, ", stall {}", Elapsed(case.stall()))
        }
    }
}

fn is_flaky(case: &CaseTally) -> bool {
    case.standing() == Some(Standing::Flaky)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::fixture;
    use crate::run::event::{CaseFinished, Event};

    fn shown(events: &[Event]) -> String {
        let mut tally = Tally::default();
        for event in events {
            tally.event(event);
        }
        Steadiness { tally: &tally, palette: Palette::plain() }.to_string()
    }

    /// The repetitions of a case in a repeated run.
    fn change(events: &mut [Event], case: &str, change: impl Fn(&mut CaseFinished)) {
        for event in events {
            match event {
                Event::CaseFinished(finished) if finished.case.as_str().contains(case) => {
                    change(finished);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn each_case_that_changed_is_a_line_and_the_flaky_ones_come_first() {
        let mut events = fixture::repeated_run();
        change(&mut events, "[tcp4", |case| {
            if case.iteration == 80 {
                case.verdict = Verdict::Hang;
                case.took = Duration::from_secs(2);
            }
            if case.iteration == 9 {
                (case.stall, case.attempts) = (Duration::from_millis(71), 3);
            }
        });
        change(&mut events, "[tcp6", |case| {
            if case.iteration > 198 {
                case.verdict = Verdict::Slow;
                case.reason = Some("not decided".to_owned());
            }
        });
        insta::assert_snapshot!(shown(&events), @r"
        200 times each: 600 runs, 3 slow, 2 not decided, 2 run again; longest stall 3.1 ms
        flaky: halfclose/reverse-direction-stays-usable[tcp4,loopback]  pass 197 fail 2 hang 1, longest 2.00 s, stall 71 ms
        unsteady: halfclose/reverse-direction-stays-usable[tcp6,loopback]  pass 198 slow 2 (not decided 2), longest 1.4 ms
        unsteady: halfclose/reverse-direction-stays-usable[unix,loopback]  pass 199 slow 1, longest 41 ms
        ");
    }

    #[test]
    fn a_case_that_never_could_be_decided_is_not_steady() {
        let mut events = fixture::one_case(&[Verdict::Slow; 2], &[]);
        change(&mut events, "", |case| case.reason = Some("not decided".to_owned()));
        assert!(shown(&events).contains("slow 2 (not decided 2)"), "{}", shown(&events));
    }

    #[test]
    fn of_a_run_without_repetitions_nothing_is_said() {
        assert_eq!(shown(&fixture::run()), "");
    }

    #[test]
    fn the_flaky_ones_are_named_before_others_are_counted() {
        let mut events = fixture::one_case(&[Verdict::Pass, Verdict::Slow], &[]);
        let original = events.clone();
        for number in 0..80 {
            let mut copy = original.clone();
            let coordinates = [format!("n={number:02}")];
            change(&mut copy, "", |case| {
                case.case = CaseId::new(&case.scenario, &coordinates);
                if number >= 20 && case.verdict == Verdict::Slow {
                    case.verdict = Verdict::Fail;
                }
            });
            events.extend(copy.into_iter().filter(|one| matches!(one, Event::CaseFinished(_))));
        }
        let text = shown(&events);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + FLAKY_NAMED + OTHERS_NAMED + 1, "{text}");
        assert!(lines[1].starts_with("flaky: ") && lines[50].starts_with("flaky: "), "{text}");
        assert!(lines[51].starts_with("unsteady: "), "{text}");
        assert_eq!(lines.last(), Some(&"and 21 unsteady cases more"));
    }
}
