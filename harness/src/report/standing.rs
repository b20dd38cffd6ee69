use std::fmt;

use super::tally::CaseTally;
use crate::run::Verdict;

/// How a case stands against what its subject's expectations file says of it.
///
/// A case that came to no verdict on the subject in any repetition (unsupported, skipped, broken)
/// has no standing: it neither bears out an entry nor refutes it. Neither does a repetition that was
/// not decided, or in which a step was excused for its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It was good, and no entry speaks of it.
    Expected,
    /// It came to what its entry says, and to nothing else.
    Known,
    /// It was bad in a way that no entry says.
    Regression,
    /// Its entry says that it is bad, and it was good every time.
    Mended,
    /// It was good once and bad another time, and its entry does not say both.
    Flaky,
}

impl Standing {
    /// The word a report shows.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Known => "known",
            Self::Regression => "regression",
            Self::Mended => "mended",
            Self::Flaky => "flaky",
        }
    }

    /// Whether it is what a run fails for.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Regression | Self::Flaky)
    }

    /// Weighs all repetitions of a case.
    pub(super) fn of(case: &CaseTally) -> Option<Self> {
        let expects = |verdict| case.expects(verdict);
        let bad = [Verdict::Fail, Verdict::Hang, Verdict::Crash];
        let is_surprise =
            case.ends_otherwise() || bad.iter().any(|bad| case.times(*bad) > 0 && !expects(*bad));
        let is_bad = bad.iter().any(|bad| case.times(*bad) > 0);
        match (case.entry(), case.is_good_for_certain(), is_bad) {
            (_, true, true) if is_surprise || !expects(Verdict::Pass) => Some(Self::Flaky),
            (_, _, true) if is_surprise => Some(Self::Regression),
            (_, _, true) => Some(Self::Known),
            (None, _, false) if case.is_good() => Some(Self::Expected),
            (Some(_), true, false) if !expects(Verdict::Pass) => Some(Self::Mended),
            (Some(_), _, false) if case.is_good() => Some(Self::Known),
            _ => None,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::report::fixture;
    use crate::report::tally::Tally;
    use crate::run::event::{Event, Judgement};
    use crate::vocabulary::Ending;

    const PASS: Verdict = Verdict::Pass;
    const SLOW: Verdict = Verdict::Slow;
    const FAIL: Verdict = Verdict::Fail;
    const HANG: Verdict = Verdict::Hang;
    const SKIPPED: Verdict = Verdict::Skipped;
    const BROKEN: Verdict = Verdict::Broken;

    /// How a case stands that came to these verdicts, one in each repetition.
    fn standing(
        verdicts: &[Verdict],
        expects: &[Verdict],
        change: impl Fn(&mut Event),
    ) -> Option<Standing> {
        let mut events = fixture::one_case(verdicts, expects);
        events.iter_mut().for_each(change);
        let mut tally = Tally::default();
        for event in &events {
            tally.event(event);
        }
        let (_, case) = tally.cases().next().expect("there is a case");
        case.standing()
    }

    /// How a case stands that fails in these endings, of which its entry says that they are resets.
    fn standing_by_ending(verdicts: &[Verdict], endings: &[Option<Ending>]) -> Option<Standing> {
        let ending = std::cell::Cell::new(endings.iter());
        standing(verdicts, &[FAIL], |event| match event {
            Event::RunStarted(run) => {
                let known = run.known.as_mut().expect("an entry is given");
                known.entries[0].ending = Some(Ending::Reset);
            }
            Event::CaseFinished(case) if case.verdict == FAIL => {
                let mut rest = ending.take();
                case.steps[0].judgement = Judgement::Missed { detail: None };
                case.steps[0].ending = *rest.next().expect("one for each");
                ending.set(rest);
            }
            _ => {}
        })
    }

    #[rstest]
    #[case::as_said(&[FAIL, FAIL], &[Some(Ending::Reset); 2], Standing::Known)]
    #[case::otherwise(&[FAIL], &[Some(Ending::EndOfStream)], Standing::Regression)]
    #[case::not_at_all(&[FAIL], &[None], Standing::Regression)]
    #[case::once_otherwise(
        &[FAIL, FAIL],
        &[Some(Ending::Reset), Some(Ending::Timeout)],
        Standing::Regression
    )]
    #[case::good_and_otherwise(&[PASS, FAIL], &[Some(Ending::Other)], Standing::Flaky)]
    fn a_failure_that_ends_otherwise_is_not_known(
        #[case] verdicts: &[Verdict],
        #[case] endings: &[Option<Ending>],
        #[case] expected: Standing,
    ) {
        assert_eq!(standing_by_ending(verdicts, endings), Some(expected));
    }

    #[rstest]
    #[case::good(&[PASS, SLOW], &[], Some(Standing::Expected))]
    #[case::bad(&[FAIL], &[], Some(Standing::Regression))]
    #[case::bad_every_time(&[FAIL, HANG], &[], Some(Standing::Regression))]
    #[case::both(&[PASS, FAIL], &[], Some(Standing::Flaky))]
    #[case::slow_is_good(&[SLOW, HANG], &[], Some(Standing::Flaky))]
    #[case::as_said(&[FAIL, FAIL], &[FAIL], Some(Standing::Known))]
    #[case::bad_otherwise(&[HANG], &[FAIL], Some(Standing::Regression))]
    #[case::bad_in_one_way_more(&[FAIL, HANG], &[FAIL], Some(Standing::Regression))]
    #[case::either_is_said(&[FAIL, HANG], &[FAIL, HANG], Some(Standing::Known))]
    #[case::good_at_last(&[PASS, PASS], &[FAIL], Some(Standing::Mended))]
    #[case::slow_at_last(&[SLOW], &[FAIL], Some(Standing::Mended))]
    #[case::good_now_and_then(&[PASS, FAIL], &[FAIL], Some(Standing::Flaky))]
    #[case::both_are_said(&[PASS, FAIL], &[FAIL, PASS], Some(Standing::Known))]
    #[case::both_are_said_and_one_came(&[PASS], &[FAIL, PASS], Some(Standing::Known))]
    #[case::both_and_another(&[PASS, FAIL, HANG], &[FAIL, PASS], Some(Standing::Flaky))]
    #[case::not_run(&[SKIPPED], &[], None)]
    #[case::not_run_says_nothing(&[SKIPPED], &[FAIL], None)]
    #[case::broken_says_nothing(&[BROKEN], &[FAIL], None)]
    #[case::broken_takes_nothing_away(&[BROKEN, FAIL], &[FAIL], Some(Standing::Known))]
    #[case::nor_adds_anything(&[BROKEN, PASS], &[FAIL], Some(Standing::Mended))]
    fn it_follows_from_what_came_and_what_was_said(
        #[case] verdicts: &[Verdict],
        #[case] expects: &[Verdict],
        #[case] found: Option<Standing>,
    ) {
        assert_eq!(standing(verdicts, expects, |_| {}), found);
    }

    /// Makes what is slow something that could not be decided.
    fn undecided(event: &mut Event) {
        if let Event::CaseFinished(case) = event
            && case.verdict == Verdict::Slow
        {
            case.reason = Some("not decided".to_owned());
        }
    }

    /// Makes what is good something of which a step was excused.
    fn excused(event: &mut Event) {
        if let Event::CaseFinished(case) = event
            && case.verdict.is_good()
        {
            case.steps[0].judgement = Judgement::Excused { detail: None };
        }
    }

    #[test]
    fn what_was_overlooked_refutes_no_entry() {
        for (verdicts, change) in
            [(&[SLOW, FAIL], undecided as fn(&mut Event)), (&[PASS, FAIL], excused)]
        {
            assert_eq!(standing(verdicts, &[FAIL], change), Some(Standing::Known));
            assert_eq!(standing(&verdicts[..1], &[FAIL], change), Some(Standing::Known));
            assert_eq!(standing(&verdicts[..1], &[], change), Some(Standing::Expected));
            assert_eq!(standing(verdicts, &[], change), Some(Standing::Regression));
        }
    }
}
