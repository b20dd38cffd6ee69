//! The suite itself: every scenario is canonical text, stands for cases, and holds of this kernel
//! or differs as is known, and what the kernel does is the report that was accepted.

#[path = "program/child.rs"]
mod child;
#[path = "program/skip.rs"]
mod skip;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;

use child::finish;
use rstest::rstest;
use skip::skip;
use sockspec::report::recording::read;
use sockspec::report::{Expectations, Tally, accepted_report};
use sockspec::run::Verdict;
use sockspec::run::event::Event;
use sockspec::scenario::{Document, Suite, format};
use tempfile::tempdir;

/// The scenarios of a file or a folder, which have no mistakes.
fn scenarios(path: &Path) -> Vec<Document> {
    let Suite { documents, problems } = Suite::load(&[path]);
    let shown: Vec<String> = problems.iter().map(|problem| problem.render(false)).collect();
    assert!(shown.is_empty(), "{}", shown.join("\n\n"));
    documents
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

/// What happens when all cases of a file or a folder run on the kernel. The program does that, not
/// this process: as an ordinary user only a process without further threads can make hosts.
fn events(path: &Path) -> Vec<Event> {
    let folder = tempdir().expect("a folder for the recording");
    let recording = folder.path().join("run.jsonl");
    let output = finish(
        Command::new(env!("CARGO_BIN_EXE_sockspec"))
            .arg("run")
            .arg(path)
            .arg("--record")
            .arg(&recording),
    );
    let file = File::open(recording).unwrap_or_else(|error| {
        panic!("no recording: {error}\n{}", String::from_utf8_lossy(&output.stderr))
    });
    read(BufReader::new(file)).map(|event| event.expect("the recording is whole")).collect()
}

/// Why cases were skipped, each reason once.
fn reasons(events: &[Event]) -> BTreeSet<String> {
    let skipped = events.iter().filter_map(|event| match event {
        Event::CaseFinished(case) if case.verdict == Verdict::Skipped => case.reason.clone(),
        _ => None,
    });
    skipped.collect()
}

#[rstest]
fn it_is_canonical_and_stands_for_cases(#[files("../scenarios/**/*.scn")] file: PathBuf) {
    let documents = scenarios(&file);
    let [document] = &documents[..] else { panic!("one file is one scenario") };
    let source = &document.scenario().source;
    let canonical = format(source).expect("it has no mistakes");
    assert_eq!(**source, *canonical, "`sockspec fmt` would change {}", file.display());
    let cases = document.cases();
    assert!(!cases.is_empty(), "it stands for no case");
    assert_eq!(cases.len(), document.count());
    let ids: BTreeSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids.len(), cases.len(), "two of its cases have the same id");
}

#[rstest]
fn the_kernel_does_as_it_says(#[files("../scenarios/**/*.scn")] file: PathBuf) {
    let events = events(&file);
    for reason in reasons(&events) {
        skip(&format!("{}, in part", file.display()), &reason);
    }
    let mut tally = Tally::default();
    for event in &events {
        tally.event(event);
    }
    let needs_other = fs::read_to_string(&file).is_ok_and(|text| text.contains("\nneeds  proxy\n"));
    assert!(tally.runs() > 0 || needs_other, "nothing ran");
    // As the scenario says, or as `reports/kernel.toml` says, and nothing that does not hold any more.
    let reasons: Vec<_> = tally.cases().filter_map(|(_, case)| case.reason()).collect();
    let shown = format!("{}{}", accepted_report(events.iter()), reasons.join("\n"));
    assert_eq!(tally.exit_code(), 0, "{shown}");
}

#[rstest]
fn what_a_subject_is_known_to_do_speaks_of_the_suite(#[files("../reports/*.toml")] file: PathBuf) {
    let name = file.display().to_string();
    let source = fs::read_to_string(&file).expect("it can be read");
    let documents = scenarios(&folder());
    let cases: Vec<_> = documents.iter().flat_map(Document::cases).collect();
    let (expectations, mut mistakes) = Expectations::read(&name, &source);
    let scenarios = documents.iter().map(|one| &**one.scenario());
    mistakes.extend(expectations.check_everywhere(scenarios, &cases, true));
    let shown: Vec<_> = mistakes.iter().map(|one| one.render(&name, &source, false)).collect();
    assert!(shown.is_empty(), "{}", shown.join("\n\n"));
}

#[test]
fn no_two_scenarios_have_one_id() {
    let documents = scenarios(&folder());
    let ids: BTreeSet<&str> =
        documents.iter().map(|document| document.scenario().id.as_str()).collect();
    assert_eq!(ids.len(), documents.len());
    for id in ids {
        assert!(id.contains('/'), "{id} stands in no area");
    }
}

#[test]
fn the_kernels_report_is_the_accepted_one() {
    let events = events(&folder());
    if let Some(reason) = reasons(&events).first() {
        skip("the_kernels_report_is_the_accepted_one", reason);
        return;
    }
    let report = accepted_report(events.iter());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../reports");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("kernel", report));
}
