//! The suite itself: every scenario is canonical text, stands for cases, and holds of this kernel;
//! and what the kernel does is the report that was accepted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use rstest::rstest;
use sockspec::report::accepted_report;
use sockspec::run::event::Event;
use sockspec::run::{Plan, RunOptions, Selection, Verdict, run};
use sockspec::scenario::{Document, Suite, format};
use sockspec::subject::kernel::KernelSubject;

/// One for the whole process: it installs handlers of signals.
static KERNEL: LazyLock<KernelSubject> =
    LazyLock::new(|| KernelSubject::new().expect("signal handlers and sockets are to be had"));

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

/// What happens when all cases of these scenarios run on the kernel.
fn events(documents: &[Document]) -> Vec<Event> {
    let plan = Plan::new(documents.iter().flat_map(Document::cases), &Selection::default());
    let mut events = Vec::new();
    run(plan, &*KERNEL, &RunOptions::default(), &mut |event| events.push(event));
    events
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
    let events = events(&scenarios(&file));
    let mut ended = 0;
    for event in &events {
        let Event::CaseFinished(case) = event else { continue };
        ended += 1;
        let is_bad = case.verdict.is_bad() || case.verdict == Verdict::Broken;
        assert!(
            !is_bad,
            "{}{}",
            accepted_report(events.iter()),
            case.reason.as_deref().unwrap_or_default()
        );
    }
    assert!(ended > 0, "nothing ran");
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
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        skip("the_kernels_report_is_the_accepted_one", "this host has no IPv6 loopback address");
        return;
    }
    let report = accepted_report(events(&scenarios(&folder())).iter());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../reports");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("kernel", report));
}

#[expect(clippy::print_stderr, reason = "who runs the tests is to know what was left out")]
fn skip(test: &str, why: &str) {
    eprintln!("{test} is skipped: {why}");
}
