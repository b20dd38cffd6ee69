use std::fmt;

use super::failure::Failure;
use super::palette::{Painted, Palette};
use super::printable::Printable;
use crate::vocabulary::{CaseId, ScenarioId};

/// How many failures of one scenario are shown in full: what breaks one variant often breaks them
/// all, each at a line of its own.
pub(crate) const IN_FULL: usize = 3;

/// The further failures of a scenario, one line each.
pub(crate) struct Rest<'a> {
    pub(crate) scenario: &'a ScenarioId,
    pub(crate) failures: &'a [(&'a Failure, Vec<&'a CaseId>)],
    pub(crate) palette: Palette,
}

impl fmt::Display for Rest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Palette { bad, faint, .. } = self.palette;
        let count = self.failures.len();
        let ways = if count == 1 { "place" } else { "places" };
        let scenario = Printable(self.scenario.as_str());
        writeln!(f, "{}  {scenario} fails at {count} more {ways}:", Painted(bad, "MORE"))?;
        for (failure, same) in self.failures {
            let line = failure.place().map_or_else(String::new, |place| place.line.to_string());
            let case = failure.case.as_str();
            let variant = case.strip_prefix(self.scenario.as_str()).unwrap_or(case);
            write!(f, "  {} {}", Painted(faint, format!("{line:>5} │")), Printable(variant))?;
            if !same.is_empty() {
                write!(f, " and {} alike", same.len())?;
            }
            writeln!(f, ": {}", Printable(&failure.outcome()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::run::event::Event;

    #[test]
    fn each_further_failure_is_a_line() {
        let Event::CaseFinished(case) = fixture::failed_event() else {
            panic!("a case that failed")
        };
        let failure = Failure::of(&case);
        let failures = [(&failure, Vec::new()), (&failure, vec![&case.case, &case.case])];
        let rest =
            Rest { scenario: &case.scenario, failures: &failures, palette: Palette::plain() };
        insta::assert_snapshot!(rest, @r"
        MORE  halfclose/reverse-direction-stays-usable fails at 2 more places:
              7 │ [tcp4]: gave 3
              7 │ [tcp4] and 2 alike: gave 3
        ");
    }
}
