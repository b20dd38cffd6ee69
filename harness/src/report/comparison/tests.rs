use std::sync::Arc;

use rstest::rstest;

use super::*;
use crate::report::{Palette, Transcript, fixture};
use crate::run::Verdict;
use crate::run::event::{CaseFinished, Event};
use crate::vocabulary::{CaseId, Outcome};

fn compare(old: &[Event], new: &[Event]) -> Comparison {
    Comparison::of(&Transcript::of(old), &Transcript::of(new))
}

fn cases(events: &mut [Event]) -> impl Iterator<Item = &mut CaseFinished> {
    events.iter_mut().filter_map(|event| match event {
        Event::CaseFinished(case) => Some(&mut **case),
        _ => None,
    })
}

/// The same run with one change of each kind, on another kernel and with one text changed.
fn later() -> Vec<Event> {
    let mut events = fixture::run();
    events.retain(|event| match event {
        Event::CaseFinished(case) => case.case.as_str() != "broadcast/reaches-every-host[lan]",
        _ => true,
    });
    let mut extra = Vec::new();
    for case in cases(&mut events) {
        match case.case.as_str() {
            "halfclose/reverse-direction-stays-usable[tcp6,loopback]" => {
                let mut new = case.clone();
                new.case = CaseId::new(&case.scenario, &["tcp9".to_owned()]);
                extra.push(new.clone());
                (new.case, new.verdict) =
                    (CaseId::new(&case.scenario, &["udp9".to_owned()]), Verdict::Fail);
                extra.push(new);
                case.verdict = Verdict::Hang;
            }
            "halfclose/reverse-direction-stays-usable[unix,loopback]" => {
                let last = case.steps.last_mut().expect("it has steps");
                last.outcome = Some(Outcome::EndOfStream);
            }
            "cumulative/rd-then-wr-equals-rdwr[tcp4,loopback,order=read-write]"
            | "cumulative/rd-then-wr-equals-rdwr[unix,loopback,order=write-read]"
            | "timeouts/receive-timeout-restarts[tcp4,loopback]"
            | "broadcast/reaches-every-host[netns]" => case.verdict = Verdict::Pass,
            "framing/large-message[unix,loopback]" => case.verdict = Verdict::Slow,
            "timeouts/receive-timeout-restarts[udp4,loopback]" => {
                case.verdict = Verdict::Unsupported;
                case.reason = Some("needs `receive-timeout`".to_owned());
            }
            _ => {}
        }
    }
    events.extend(extra.into_iter().map(|case| Event::CaseFinished(Box::new(case))));
    for event in &mut events {
        match event {
            Event::RunStarted(run) => {
                run.subject_version = "Linux 6.19".to_owned();
                run.kernel = Some("6.19.0".to_owned());
                run.at += 86_400;
            }
            Event::ScenarioLoaded(scenario) if scenario.id.area() == "framing" => {
                let mut changed = (**scenario).clone();
                changed.source = format!("{}\n# more\n", changed.source).into();
                *scenario = Arc::new(changed);
            }
            _ => {}
        }
    }
    events
}

#[test]
fn every_kind_of_change_is_told() {
    let comparison = compare(&fixture::run(), &later());
    assert_eq!(comparison.counts().into_keys().collect::<Vec<_>>(), Change::ALL);
    assert!(comparison.is_worse());
    insta::assert_snapshot!("terminal", comparison.text(Palette::plain()));
    insta::assert_snapshot!("markdown", comparison.markdown());
}

#[test]
fn a_run_is_the_same_as_itself() {
    for events in [fixture::run(), fixture::every_standing(), fixture::repeated_run()] {
        let comparison = compare(&events, &events);
        assert!(comparison.is_empty() && !comparison.is_worse());
        let text = comparison.text(Palette::plain()).to_string();
        assert!(text.ends_with(&format!("no case changed, {} the same\n", comparison.same)));
        assert!(comparison.markdown().to_string().contains("- no case changed\n"));
    }
}

#[test]
fn times_and_slowness_that_ends_are_no_change() {
    let mut events = fixture::run();
    for case in cases(&mut events) {
        case.took *= 3;
        if case.verdict == Verdict::Slow {
            case.verdict = Verdict::Pass;
        }
    }
    assert!(compare(&fixture::run(), &events).is_empty());
}

#[rstest]
#[case(Verdict::Pass, Verdict::Fail, Some(Change::NewlyFailing), true)]
#[case(Verdict::Slow, Verdict::Crash, Some(Change::NewlyFailing), true)]
#[case(Verdict::Skipped, Verdict::Fail, Some(Change::NewlyFailing), true)]
#[case(Verdict::Fail, Verdict::Hang, Some(Change::FailingOtherwise), true)]
#[case(Verdict::Crash, Verdict::Fail, Some(Change::FailingOtherwise), false)]
#[case(Verdict::Fail, Verdict::Fail, None, false)]
#[case(Verdict::Pass, Verdict::Unsupported, Some(Change::NotRun), true)]
#[case(Verdict::Fail, Verdict::Skipped, Some(Change::NotRun), false)]
#[case(Verdict::Skipped, Verdict::Skipped, None, false)]
#[case(Verdict::Hang, Verdict::Slow, Some(Change::Mended), false)]
#[case(Verdict::Broken, Verdict::Pass, Some(Change::RunAgain), false)]
#[case(Verdict::Pass, Verdict::Slow, Some(Change::Slower), false)]
#[case(Verdict::Slow, Verdict::Pass, None, false)]
fn a_change_follows_from_both_verdicts(
    #[case] old: Verdict,
    #[case] new: Verdict,
    #[case] change: Option<Change>,
    #[case] is_worse: bool,
) {
    let comparison = compare(&fixture::run_of(&[old]), &fixture::run_of(&[new]));
    let found = comparison.changes.first();
    assert_eq!(found.map(|one| one.change), change);
    assert_eq!(comparison.is_worse(), is_worse);
}

#[test]
fn a_case_that_fails_now_and_then_fails_newly() {
    let once = |verdicts: &[Verdict]| fixture::one_case(verdicts, &[]);
    let comparison =
        compare(&once(&[Verdict::Pass, Verdict::Pass]), &once(&[Verdict::Pass, Verdict::Fail]));
    let new = comparison.changes[0].new.as_ref().map(ToString::to_string);
    assert_eq!(new.as_deref(), Some("fail, 1 of 2 times"));
}

#[test]
fn nothing_from_a_subject_is_markup() {
    let mut events = fixture::run_of(&[Verdict::Unsupported]);
    for case in cases(&mut events) {
        case.reason = Some("` <b>``</details>\n::error::\u{202e}`".to_owned());
    }
    for event in &mut events {
        if let Event::RunStarted(run) = event {
            run.subject_version = "`<img>`".to_owned();
        }
    }
    let comparison = compare(&fixture::run_of(&[Verdict::Pass]), &events);
    insta::assert_snapshot!(comparison.markdown());
}
