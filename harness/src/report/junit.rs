use std::collections::BTreeMap;
use std::time::Duration;

use quick_junit::{
    FlakyOrRerun, NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite,
};

use super::account::{Account, Class};
use super::concern::Concern;
use super::failure::Failure;
use super::findings::{Findings, names};
use super::printable::Printable;
use super::transcript::Transcript;
use crate::run::Verdict;
use crate::run::event::RunStarted;
use crate::vocabulary::{Date, Topology};

/// Runs as JUnit XML: a suite for each subject on each topology, a test for each case, with its
/// scenario as the class and its variant as the name.
///
/// It fails whenever the program's exit code is not 0, and for the same reasons:
///
/// - A regression and a flaky case are failures of the type `fail`, `hang` or `crash`, a broken case is
///   an error. Of a flaky case, `flakyFailure` elements follow; of one that failed in several ways,
///   `rerunFailure` elements, one for each further verdict.
/// - A failure that the expectations know is skipped with the reason, so that a pipeline stays green. A
///   case that may pass as well as fail and did both has passed, with `flakyFailure` elements.
/// - Entries of the expectations that have to be looked at are failures in a suite of their own, with
///   the file and the line of the entry; a run that was cut short or left something behind is an error in
///   another.
///
/// The file is valid by the schemas of Jenkins (junit-10.xsd) and, suite by suite, of Maven Surefire,
/// but for the attributes `file` and `line` of a test, which neither has and which GitLab and others
/// read. With several runs the name of each stands before its classes, since readers such as GitLab
/// would take tests with equal class and name for one.
pub fn junit(runs: &[Transcript]) -> String {
    let mut report = Report::new("sockspec");
    for (run, name) in runs.iter().zip(names(runs)) {
        let findings = Findings::of(run);
        let prefix = if runs.len() > 1 { format!("{name}: ") } else { String::new() };
        for (topology, accounts) in by_topology(findings.accounts()) {
            let mut suite = TestSuite::new(format!("{name} {topology}"));
            suite.properties = properties(&findings);
            suite.set_time(accounts.iter().map(|account| account.case.took).sum());
            let tests = accounts.iter().map(|account| test(&findings, account, &prefix));
            suite.add_test_cases(tests);
            report.add_test_suite(suite);
        }
        let (harness, entries): (Vec<_>, Vec<_>) =
            findings.concerns().into_iter().partition(Concern::is_of_the_harness);
        for (what, concerns) in [("run", harness), ("expectations", entries)] {
            if concerns.is_empty() {
                continue;
            }
            let mut suite = TestSuite::new(format!("{name} {what}"));
            suite.properties = properties(&findings);
            suite.set_time(Duration::ZERO);
            suite.add_test_cases(concerns.iter().map(|concern| of_concern(concern, &prefix)));
            report.add_test_suite(suite);
        }
    }
    // Writing to memory cannot fail.
    let text = report.to_string().unwrap_or_default();
    // The root has no such attribute in the schema, and its first line is the only place where it is
    // not one of a suite.
    text.replacen(&format!(" skipped=\"{}\"", report.skipped), "", 1)
}

fn by_topology(accounts: Vec<Account<'_>>) -> BTreeMap<Topology, Vec<Account<'_>>> {
    let mut suites: BTreeMap<Topology, Vec<Account<'_>>> = BTreeMap::new();
    for account in accounts {
        suites.entry(account.case.variant.topology).or_default().push(account);
    }
    suites
}

/// What was run and how, as properties of a suite.
fn properties(findings: &Findings<'_>) -> Vec<Property> {
    let Some(run) = findings.run() else { return Vec::new() };
    let RunStarted {
        sockspec,
        subject,
        subject_version,
        peer,
        kernel,
        suite,
        hosts,
        shard,
        repeat,
        seed,
        stress,
        at,
        ..
    } = run;
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let is_incomplete = findings.tally().is_incomplete();
    let texts = [
        ("sockspec", Some(sockspec.clone())),
        ("subject", Some(subject.clone())),
        ("subject-version", Some(subject_version.clone())),
        ("peer", peer.map(|peer| peer.to_string())),
        ("kernel", kernel.clone()),
        ("suite", Some(suite.clone())),
        ("shard", shard.map(|shard| shard.to_string())),
        ("date", Some(Date::at(*at).to_string())),
        ("repeat", number(Some(*repeat).filter(|repeat| *repeat > 1))),
        ("seed", seed.map(|seed| seed.to_string())),
        ("stress", number(*stress)),
        ("hosts", number(*hosts)),
        ("incomplete", is_incomplete.then(|| "true".to_owned())),
    ];
    let property = |(name, value): (&str, Option<String>)| {
        Some(Property::new(name, Printable(&value?).to_string()))
    };
    texts.into_iter().filter_map(property).collect()
}

fn test(findings: &Findings<'_>, account: &Account<'_>, prefix: &str) -> TestCase {
    let mut test =
        TestCase::new(Printable(account.variant()).to_string(), status(findings, account));
    let class = Printable(account.case.scenario.as_str());
    test.set_classname(format!("{prefix}{class}"));
    test.set_time(account.case.took);
    if let Some(scenario) = account.scenario {
        place(&mut test, &scenario.path, account.place().0);
    }
    test
}

/// Tells where to look.
fn place(test: &mut TestCase, file: &str, line: u32) {
    test.extra.insert("file".into(), Printable(file).to_string().into());
    test.extra.insert("line".into(), line.to_string().into());
}

fn status(findings: &Findings<'_>, account: &Account<'_>) -> TestCaseStatus {
    match account.class {
        Class::Good | Class::Mended(_) => TestCaseStatus::success(),
        Class::NotRun => skipped(&Printable(account.reason()).to_string()),
        // It was good as well as bad, and its entry says both.
        Class::Known(failure, _) if account.tally.is_good() => {
            let mut status = TestCaseStatus::success();
            let text = findings.shown(failure, &[]).to_string();
            status.add_rerun(rerun(findings, failure, text));
            status.add_reruns(further(findings, account, failure));
            status
        }
        Class::Known(_, entry) => skipped(&format!("known: {}", findings.known(entry))),
        Class::Regression(failure) | Class::Flaky(failure) | Class::Broken(failure) => {
            failed(findings, account, failure)
        }
    }
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    // GitLab shows the text, Jenkins the message.
    status.set_message(why).set_description(why);
    status
}

fn failed(findings: &Findings<'_>, account: &Account<'_>, failure: &Failure) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind(failure.verdict));
    let shown = findings.shown(failure, &[]);
    let mut message = failure.headline(account.source());
    let (failed, runs) = shown.times;
    if runs > 1 {
        message = format!("failed {failed} of {runs}: {message}");
    }
    status.set_message(message).set_type(failure.verdict.word());
    status.set_description(shown.to_string());
    if matches!(account.class, Class::Flaky(_)) {
        status.set_rerun_kind(FlakyOrRerun::Flaky);
        status.add_rerun(rerun(findings, failure, "as above".to_owned()));
    }
    status.add_reruns(further(findings, account, failure));
    status
}

/// The first repetition with each other verdict that the subject is to blame for.
fn further(findings: &Findings<'_>, account: &Account<'_>, failure: &Failure) -> Vec<TestRerun> {
    let all = std::iter::once(account.case).chain(account.others);
    let further = all.filter(|case| case.verdict.is_bad() && case.verdict != failure.verdict);
    further
        .map(|case| {
            let failure = Failure::of(case);
            let text = findings.shown(&failure, &[]).to_string();
            rerun(findings, &failure, text)
        })
        .collect()
}

/// A repetition. The schema of Maven Surefire wants its text in an element of its own.
fn rerun(findings: &Findings<'_>, failure: &Failure, text: String) -> TestRerun {
    let mut rerun = TestRerun::new(kind(failure.verdict));
    rerun.set_type(failure.verdict.word());
    rerun.set_message(failure.headline(findings.source(failure)));
    rerun.set_stack_trace(text);
    rerun
}

const fn kind(verdict: Verdict) -> NonSuccessKind {
    if verdict.is_bad() { NonSuccessKind::Failure } else { NonSuccessKind::Error }
}

fn of_concern(concern: &Concern<'_>, prefix: &str) -> TestCase {
    let kind =
        if concern.is_of_the_harness() { NonSuccessKind::Error } else { NonSuccessKind::Failure };
    let mut status = TestCaseStatus::non_success(kind);
    let message = concern.to_string();
    status.set_message(message.as_str()).set_description(message.as_str());
    status.set_type(concern.word());
    let mut test = TestCase::new(concern.title(), status);
    let class = concern.place().map_or("sockspec", |(file, _)| file);
    test.set_classname(format!("{prefix}{}", Printable(class)));
    test.set_time(Duration::ZERO);
    if let Some((file, line)) = concern.place() {
        place(&mut test, file, line);
    }
    test
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::hostile::hostile_run;
    use crate::run::event::Event;

    fn of(events: &[Event]) -> String {
        junit(&[Transcript::of(events)])
    }

    /// The failures and errors that the root counts.
    fn wrong(text: &str) -> usize {
        let root = text.lines().nth(1).expect("there is a root");
        let number = |name: &str| -> usize {
            let (_, rest) = root.split_once(&format!(" {name}=\"")).expect("it is counted");
            rest.split('"').next().and_then(|text| text.parse().ok()).expect("it is a number")
        };
        number("failures") + number("errors")
    }

    #[test]
    fn every_standing_is_a_test() {
        let runs = [fixture::every_standing(), fixture::other_subject()];
        insta::assert_snapshot!(junit(&runs.map(|run| Transcript::of(&run))));
    }

    #[test]
    fn a_suite_is_a_subject_on_a_topology() {
        let mut events = fixture::run_of(&[Verdict::Pass; 5]);
        let mut topologies = Topology::ALL.into_iter().cycle();
        for event in &mut events {
            if let Event::CaseFinished(case) = event {
                case.variant.topology = topologies.next().expect("they go round");
            }
        }
        let text = of(&events);
        for (topology, tests) in [("loopback", 2), ("netns", 1), ("lan", 1), ("routed", 1)] {
            let suite = format!("<testsuite name=\"kernel {topology}\" tests=\"{tests}\"");
            assert!(text.contains(&suite), "{text}");
        }
    }

    #[test]
    fn of_repetitions_each_further_verdict_is_told() {
        use Verdict::{Fail, Hang, Pass};
        let counted = |verdicts: &[Verdict], expects: &[Verdict]| {
            let text = of(&fixture::one_case(verdicts, expects));
            let count = |tag: &str| text.matches(&format!("<{tag} ")).count();
            (count("failure"), count("rerunFailure"), count("flakyFailure"), count("skipped"))
        };
        assert_eq!(counted(&[Fail, Hang, Fail], &[]), (1, 1, 0, 0), "bad every time");
        assert_eq!(counted(&[Fail, Pass, Hang], &[]), (1, 0, 2, 0), "flaky");
        assert_eq!(counted(&[Fail, Pass], &[Fail, Pass]), (0, 0, 1, 0), "known to be either");
        assert_eq!(counted(&[Fail, Fail], &[Fail]), (0, 0, 0, 1), "known");
        assert_eq!(counted(&[Pass, Pass], &[]), (0, 0, 0, 0), "good");
    }

    #[test]
    fn it_fails_whenever_the_exit_code_does() {
        for (verdicts, expects) in [
            (&[Verdict::Pass][..], &[][..]),
            (&[Verdict::Slow, Verdict::Pass], &[]),
            (&[Verdict::Fail], &[]),
            (&[Verdict::Fail], &[Verdict::Fail]),
            (&[Verdict::Hang], &[Verdict::Fail]),
            (&[Verdict::Pass], &[Verdict::Fail]),
            (&[Verdict::Pass, Verdict::Fail], &[]),
            (&[Verdict::Broken], &[]),
            (&[Verdict::Broken, Verdict::Fail], &[Verdict::Fail]),
            (&[Verdict::Skipped, Verdict::Unsupported], &[]),
        ] {
            let run = Transcript::of(&fixture::one_case(verdicts, expects));
            let code = run.tally().exit_code();
            let text = junit(&[run]);
            assert_eq!(wrong(&text) == 0, code == 0, "{verdicts:?} {expects:?}: {text}");
        }
        let events = fixture::run_of(&[Verdict::Pass, Verdict::Pass]);
        assert_eq!(wrong(&of(&events)), 0);
        assert_eq!(wrong(&of(&events[..events.len() - 1])), 1, "its end is missing");
        assert_eq!(wrong(&of(&fixture::run_of(&[]))), 1, "nothing was selected");
        let mut leaking = events;
        leaking.pop();
        leaking.push(fixture::end(false, &["socket 7"]));
        assert_eq!(wrong(&of(&leaking)), 1, "something was left behind");
    }

    #[test]
    fn text_stays_text() {
        let (plain, hostile) = (of(&fixture::every_standing()), junit(&[hostile_run()]));
        let tags = |text: &str| text.matches('<').count();
        // What was left behind is a test in a suite of its own, with seven properties.
        assert_eq!(tags(&hostile), tags(&plain) + 8 + 7);
        let is_wrong =
            |c: char| c.is_control() && c != '\n' || "\u{202e}\u{ffff}\u{2028}".contains(c);
        assert!(!hostile.contains(is_wrong));
        assert!(!hostile.contains("]]>") && hostile.contains("]]&gt;"));
    }
}
