use std::time::Duration;

use super::*;
use crate::report::expectations::{Circumstances, Expectations};
use crate::report::{Tally, Transcript};
use crate::run::event::{
    CaseFinished, Event, FORMAT, Judgement, RunFinished, RunStarted, StepReport,
};
use crate::run::{Known, Verdict};
use crate::scenario::{Case, Document};
use crate::vocabulary::{Errno, Outcome, ScenarioId, split_mix};

use Verdict::{Broken, Crash, Fail, Hang, Pass, Skipped};

const ECHO: &str = r#""t"
over tcp4 tcp6 unix
pair client.c server.s

client  send c "ping"  => 4
server  recv s 16      => "ping"
"#;

const CUT: &str = r#""t"
over tcp4 unix
pair client.c server.s

vary cut 1..4
client  send c bytes $cut of 7  => $cut
server  recv s 16               => bytes $cut of 7
"#;

fn suite() -> Vec<Document> {
    [("a/echo", ECHO), ("a/cut", CUT), ("b/echo", ECHO)]
        .into_iter()
        .map(|(id, source)| {
            Document::parse(source, ScenarioId::new(id), id).expect("it has no mistakes")
        })
        .collect()
}

/// A run of these cases of the suite, those that are not named passed. Of several verdicts of a case
/// each is a repetition. What fails is a receive, with ECONNRESET.
fn run(named: &[(&str, &[Verdict])], known: Option<Known>) -> Vec<Event> {
    let suite = suite();
    let cases: Vec<Case> = suite.iter().flat_map(Document::cases).collect();
    for (id, _) in named {
        assert!(cases.iter().any(|case| case.id.as_str() == *id), "{id} is not part of the suite");
    }
    let mut events = vec![Event::RunStarted(RunStarted {
        format: FORMAT,
        sockspec: "0.1.0".to_owned(),
        subject: "stack-a".to_owned(),
        peer: None,
        command: Vec::new(),
        subject_version: "0.12".to_owned(),
        kernel: Some("6.18.44".to_owned()),
        suite: "scenarios/".to_owned(),
        paths: Vec::new(),
        hosts: None,
        shard: None,
        scenarios: 3,
        cases: u32::try_from(cases.len()).expect("they are few"),
        repeat: 1,
        jobs: 1,
        seed: None,
        stress: None,
        at: 1_795_600_000,
        known,
    })];
    let scenarios = suite.iter().map(|document| document.scenario().clone());
    events.extend(scenarios.map(Event::ScenarioLoaded));
    for case in &cases {
        let found = named.iter().find(|(id, _)| case.id.as_str() == *id);
        for (iteration, verdict) in (1..).zip(found.map_or(&[Pass][..], |(_, verdicts)| verdicts)) {
            events.push(Event::CaseFinished(Box::new(finished(case, iteration, *verdict))));
        }
    }
    events.push(Event::RunFinished(RunFinished {
        took: Duration::ZERO,
        stall: Duration::ZERO,
        cut_short: false,
        missing: Vec::new(),
        leaks: Vec::new(),
        made: None,
    }));
    events
}

fn finished(case: &Case, iteration: u32, verdict: Verdict) -> CaseFinished {
    let step = case.steps.last().expect("it has steps");
    let (outcome, judgement) = match verdict {
        Fail => (Some(Outcome::failed(Errno::ECONNRESET)), Judgement::Missed { detail: None }),
        Hang => (Some(Outcome::Blocked), Judgement::Hung),
        Crash => (None, Judgement::Met),
        _ => (Some(Outcome::Ok), Judgement::Met),
    };
    let line = u32::try_from(case.scenario.source.lines().count()).expect("it is short");
    let expected = case.scenario.source.lines().last().and_then(|last| last.find("=> "));
    let column = u32::try_from(expected.expect("it expects something") + 4).expect("short");
    let place = crate::scenario::Place { line, column: 1, length: 16 };
    let expected = crate::scenario::Place { line, column, length: 30 };
    assert_eq!(step.place.line, line);
    CaseFinished {
        case: case.id.clone(),
        scenario: case.scenario.id.clone(),
        variant: case.variant.clone(),
        iteration,
        level: case.scenario.level,
        verdict,
        reason: None,
        steps: vec![StepReport {
            place,
            expected: Some(expected),
            ending: outcome.as_ref().and_then(Outcome::ending),
            outcome,
            began: Duration::ZERO,
            took: Duration::ZERO,
            judgement,
            note: None,
            samples: None,
        }],
        took: Duration::ZERO,
        stall: Duration::ZERO,
        attempts: 1,
        packets: None,
    }
}

fn recorded(name: &str, events: &[Event]) -> Recorded {
    Recorded { name: name.to_owned(), transcript: Transcript::of(events) }
}

fn accept_all(text: &str, recordings: &[Recorded]) -> Result<Accepted, AcceptError> {
    let suite = suite();
    let scenarios: Vec<_> = suite.iter().map(|document| &**document.scenario()).collect();
    let cases: Vec<Case> = suite.iter().flat_map(Document::cases).collect();
    let acceptance = Acceptance {
        file: "stack-a.toml",
        text,
        scenarios: &scenarios,
        cases: &cases,
        is_whole: true,
        reason: None,
        source: None,
        until: None,
        incomplete: false,
    };
    acceptance.of(recordings)
}

/// The file that comes of it. What it has to be always is checked: accepting again changes nothing, and
/// a run that does the same again is good.
fn accept(text: &str, named: &[(&str, &[Verdict])]) -> String {
    let recording = [recorded("run.jsonl", &run(named, None))];
    let accepted = accept_all(text, &recording).expect("it can be accepted").text;
    let again = accept_all(&accepted, &recording).expect("it can be accepted again");
    assert_eq!((again.text.as_str(), again.changes.len()), (accepted.as_str(), 0), "from\n{text}");
    let (expectations, mistakes) = Expectations::read("stack-a.toml", &accepted);
    assert_eq!(mistakes, [], "{accepted}");
    let kernel = Some("6.18.44".to_owned());
    let here = Circumstances { kernel, version: "0.12".to_owned(), ..Circumstances::default() };
    let cases: Vec<Case> = suite().iter().flat_map(Document::cases).collect();
    let known = expectations.here(&here).of(&cases);
    let mut tally = Tally::default();
    for event in &run(named, Some(known)) {
        tally.event(event);
    }
    assert_eq!(tally.exit_code(), 0, "{accepted}");
    accepted
}

const KNOWN: &str = r#"# What stack-a does otherwise.

# It has no IPv6 worth the name.
[[expectation]]
cases    = ["a/echo[tcp6]", "b/echo"]   # everywhere
verdicts = ["fail"]
reason   = "r"
source   = "s"

[[expectation]]
cases    = "a/cut[tcp4]"
verdicts = ["fail", "pass"]
reason   = "a race"
source   = "s"
"#;

/// What is said in [`KNOWN`].
const AS_KNOWN: &[(&str, &[Verdict])] = &[
    ("a/echo[tcp6,loopback]", &[Fail]),
    ("b/echo[tcp4,loopback]", &[Fail]),
    ("b/echo[tcp6,loopback]", &[Fail]),
    ("b/echo[unix,loopback]", &[Fail]),
];

#[test]
fn what_is_as_it_was_said_changes_nothing() {
    assert_eq!(accept(KNOWN, AS_KNOWN), KNOWN);
    assert_eq!(accept("", &[]), "");
}

#[test]
fn failures_get_entries() {
    let named: &[(&str, &[Verdict])] = &[
        ("a/echo[tcp4,loopback]", &[Fail]),
        ("b/echo[tcp4,loopback]", &[Fail]),
        ("a/echo[unix,loopback]", &[Hang]),
        ("b/echo[unix,loopback]", &[Fail, Pass]),
        ("a/cut[tcp4,loopback,cut=1]", &[Crash]),
        ("a/cut[tcp4,loopback,cut=3]", &[Crash]),
        ("a/cut[unix,loopback,cut=1]", &[Fail]),
        ("a/cut[unix,loopback,cut=2]", &[Fail]),
        ("a/cut[unix,loopback,cut=3]", &[Fail]),
        ("a/cut[unix,loopback,cut=4]", &[Fail]),
    ];
    insta::assert_snapshot!(accept("", named));
}

#[test]
fn entries_follow_what_is_mended_and_what_comes_otherwise() {
    let without = |ids: &[&str]| -> Vec<(&'static str, &'static [Verdict])> {
        AS_KNOWN.iter().copied().filter(|(id, _)| !ids.contains(id)).collect()
    };
    let two = without(&["a/echo[tcp6,loopback]", "b/echo[unix,loopback]"]);
    insta::assert_snapshot!("partly-mended", accept(KNOWN, &two));
    insta::assert_snapshot!("mended", accept(KNOWN, &[]));
    let mut other = without(&["b/echo[unix,loopback]"]);
    other.push(("b/echo[unix,loopback]", &[Crash]));
    insta::assert_snapshot!("otherwise", accept(KNOWN, &other));
    let mut flaky = AS_KNOWN.to_vec();
    for (_, verdicts) in &mut flaky {
        *verdicts = &[Fail, Pass];
    }
    insta::assert_snapshot!("flaky-now", accept(KNOWN, &flaky));
    let mut third = AS_KNOWN.to_vec();
    third.push(("a/cut[tcp4,loopback,cut=2]", &[Hang]));
    insta::assert_snapshot!("a-third-way", accept(KNOWN, &third));
}

#[test]
fn an_entry_for_elsewhere_is_left_alone_and_not_overlapped() {
    let elsewhere =
        KNOWN.replace("verdicts = [\"fail\"]\n", "verdicts = [\"fail\"]\nkernel   = \"<6\"\n");
    insta::assert_snapshot!(accept(&elsewhere, &AS_KNOWN[1..]));
}

#[test]
fn what_is_given_is_written_instead_of_what_is_drafted() {
    let suite = suite();
    let scenarios: Vec<_> = suite.iter().map(|document| &**document.scenario()).collect();
    let cases: Vec<Case> = suite.iter().flat_map(Document::cases).collect();
    let acceptance = Acceptance {
        file: "stack-a.toml",
        text: "# Nothing yet.\n",
        scenarios: &scenarios,
        cases: &cases,
        is_whole: true,
        reason: Some("it says \"no\""),
        source: Some("stack-a/tcp.c"),
        until: "2027-01-01".parse().ok(),
        incomplete: false,
    };
    let recording = [recorded("run.jsonl", &run(&AS_KNOWN[..1], None))];
    let accepted = acceptance.of(&recording).expect("it can be accepted");
    assert_eq!(accepted.changes.len(), 1);
    insta::assert_snapshot!(accepted.text);
}

#[test]
fn several_recordings_tell_a_flake() {
    let one = recorded("1.jsonl", &run(&[("a/echo[tcp4,loopback]", &[Fail])], None));
    let other = recorded("2.jsonl", &run(&[("a/echo[unix,loopback]", &[Skipped])], None));
    let accepted = accept_all("", &[one, other]).expect("it can be accepted");
    insta::assert_snapshot!(accepted.text, @r#"
    [[expectation]]
    cases    = "a/echo[tcp4]"
    verdicts = ["fail", "pass"]
    reason   = 'at times, line 6: gave ECONNRESET instead of "ping"'
    source   = "sockspec accept, 2026-11-25: not looked up"
    "#);
}

#[test]
fn what_the_harness_failed_in_is_never_accepted() {
    let named: &[(&str, &[Verdict])] = &[("a/echo[tcp4,loopback]", &[Broken])];
    let accepted =
        accept_all(KNOWN, &[recorded("run.jsonl", &run(&[AS_KNOWN, named].concat(), None))]);
    let accepted = accepted.expect("the rest can be");
    assert_eq!(accepted.text, KNOWN);
    assert_eq!(accepted.broken.len(), 1);
}

#[test]
fn what_cannot_be_accepted_is_refused_by_name() {
    let change = |change: fn(&mut Event)| {
        let mut events = run(&[], None);
        events.iter_mut().for_each(change);
        recorded("new.jsonl", &events)
    };
    let good = recorded("old.jsonl", &run(&[], None));
    let refused = |text: &str, recordings: &[Recorded]| {
        accept_all(text, recordings).expect_err("it is refused").to_string()
    };
    let subject = change(|event| {
        if let Event::RunStarted(run) = event {
            run.subject = "stack-b".to_owned();
        }
    });
    let peer = change(|event| {
        if let Event::RunStarted(run) = event {
            run.peer = Some(crate::vocabulary::Peer::Kernel);
        }
    });
    let elsewhere = change(|event| {
        if let Event::RunStarted(run) = event {
            run.kernel = Some("5.4".to_owned());
        }
    });
    let cut = change(|event| {
        if let Event::RunFinished(end) = event {
            end.cut_short = true;
        }
    });
    let text = change(|event| {
        if let Event::ScenarioLoaded(scenario) = event {
            let source = scenario.source.replace("ping", "pong").into();
            *scenario = crate::scenario::Scenario { source, ..(**scenario).clone() }.into();
        }
    });
    let scenario = change(|event| {
        if let Event::ScenarioLoaded(scenario) = event {
            let id = ScenarioId::new("z/echo");
            *scenario = crate::scenario::Scenario { id, ..(**scenario).clone() }.into();
        }
    });
    let case = change(|event| {
        if let Event::CaseFinished(case) = event {
            case.case = crate::vocabulary::CaseId::new(&case.scenario, &["tcp9".to_owned()]);
        }
    });
    let conditional = KNOWN.replace("reason   = \"r\"", "reason   = \"r\"\nkernel   = \">=6\"");
    let said = [
        refused("", &[]),
        refused("", &[recorded("empty.jsonl", &[])]),
        refused("", &[good.clone(), subject]),
        refused("", &[good.clone(), peer]),
        refused("", &[cut]),
        refused("", &[text]),
        refused("", &[scenario]),
        refused("", &[case]),
        refused(&conditional, &[good.clone(), elsewhere]),
        refused("[[expectation]]\n", &[good]),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

/// Whatever a subject does, and whatever had been accepted before: [`accept`] checks the rest.
#[test]
fn any_run_can_be_accepted_into_any_file() {
    let ids: Vec<String> =
        suite().iter().flat_map(Document::cases).map(|case| case.id.to_string()).collect();
    let ways: [&[Verdict]; 8] =
        [&[Pass], &[Pass], &[Fail], &[Fail], &[Hang], &[Fail, Pass], &[Skipped], &[Crash]];
    for seed in 0..30_u64 {
        let mut text = if seed % 2 == 0 { KNOWN.to_owned() } else { String::new() };
        for round in 0..4_u64 {
            let way = |position: usize| {
                let number = split_mix(seed * 10 + round, position as u64 / (1 + seed % 3));
                ways[usize::try_from(number % 8).expect("it is small")]
            };
            let named: Vec<(&str, &[Verdict])> =
                ids.iter().enumerate().map(|(at, id)| (id.as_str(), way(at))).collect();
            text = accept(&text, &named);
        }
    }
}
