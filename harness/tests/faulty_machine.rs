//! A machine with a planted fault fails on the scenarios that the fault concerns, and on no other.

#[path = "program/child.rs"]
mod child;
#[path = "program/recording.rs"]
mod recording;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use child::finish;
use recording::verdicts;
use sockspec::run::Verdict;
use sockspec::scenario::{Action, Case, Document, Suite};
use sockspec::vocabulary::{How, Op, SocketOption};
use tempfile::TempDir;

/// Scenarios in which `SO_RCVTIMEO` is set and which rightly do not notice that it fires early.
const NOT_TIMED: [(&str, &str); 6] = [
    ("timeout/applies-per-call", "data comes well before the limit, also before an early one"),
    ("timeout/poll-ignores-rcvtimeo", "poll does not look at the limit"),
    ("timeout/ready-data-beats-timeout", "data is there before the receive"),
    ("timeout/signal-interrupts-recv-with-timeout", "a signal comes seconds before the limit"),
    ("timeout/subtick-value-not-zero", "the limit is within a clock tick, as is what is left"),
    ("timeout/zero-means-forever", "no limit is left, and nothing can be early"),
];

#[test]
fn a_machine_without_a_fault_passes() {
    let folder = tempfile::tempdir().expect("a folder for the recording");
    let run = Run::of(None, folder.path());
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert_eq!(run.failed(), BTreeSet::new());
}

#[test]
fn a_shutdown_that_does_nothing_is_noticed() {
    let test = "a_shutdown_that_does_nothing_is_noticed";
    let Some(fault) = Fault::build(test, "shutdown_write_does_nothing.c") else { return };
    fault.is_noticed(&[], |op| matches!(op, Op::Shutdown { how: How::Write, .. }));
}

#[test]
fn a_receive_timeout_that_fires_early_is_noticed() {
    let test = "a_receive_timeout_that_fires_early_is_noticed";
    let Some(fault) = Fault::build(test, "receive_timeout_fires_early.c") else { return };
    fault.is_noticed(&NOT_TIMED, |op| {
        matches!(op, Op::SetOption { option: SocketOption::ReceiveTimeout, .. })
    });
}

/// A library that stands in front of the system's calls.
struct Fault {
    name: &'static str,
    library: PathBuf,
    folder: TempDir,
}

impl Fault {
    /// Compiles one, where there is a compiler.
    fn build(test: &str, source: &'static str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder for the library");
        let library = folder.path().join("fault.so");
        let source_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/preload").join(source);
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source_file])
            .arg("-ldl")
            .stdin(Stdio::null())
            .status();
        match compiled {
            Ok(status) => assert!(status.success(), "{source} does not compile"),
            Err(error) => {
                skip(test, &format!("the C compiler cannot be started: {error}"));
                return None;
            }
        }
        let name = source.strip_suffix(".c").unwrap_or(source);
        Some(Self { name, library, folder })
    }

    /// Runs the suite on the faulty machine and holds what failed against the cases with a step
    /// that the fault concerns.
    fn is_noticed(&self, exempt: &[(&str, &str)], concerns: impl Fn(&Op) -> bool) {
        let run = Run::of(Some(&self.library), self.folder.path());
        assert_eq!(run.code, Some(1), "{}", run.said);
        let suite = suite();
        let cases = suite.iter().flat_map(Document::cases);
        let concerned: Vec<Case> = cases.filter(|case| ops(case).any(&concerns)).collect();

        // No case fails that has no such step.
        let names: BTreeSet<&str> = concerned.iter().map(|case| case.id.as_str()).collect();
        for case in run.bad_cases() {
            assert!(names.contains(case), "{case} failed, which the fault does not concern");
        }

        // Every scenario with such a step fails, but for those that are known to have a reason.
        let failed = run.failed();
        let unnoticed: BTreeSet<&str> = concerned
            .iter()
            .filter(|case| run.ran(case.id.as_str()))
            .map(|case| case.scenario.id.as_str())
            .filter(|scenario| !failed.contains(*scenario))
            .collect();
        let exempt: BTreeSet<&str> = exempt.iter().map(|(scenario, _)| *scenario).collect();
        assert_eq!(unnoticed, exempt, "scenarios that do not notice the fault");

        let list: Vec<&str> = failed.iter().map(String::as_str).collect();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("preload");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(self.name, list.join("\n")));
    }
}

/// A run of the checkout's suite.
struct Run {
    code: Option<i32>,
    said: String,
    verdicts: Vec<(String, Verdict)>,
}

impl Run {
    fn of(fault: Option<&Path>, folder: &Path) -> Self {
        let recording = folder.join("run.jsonl");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockspec"));
        command
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .args(["run", "--deadline", "1s", "--jobs", "32", "--record"])
            .arg(&recording);
        if let Some(library) = fault {
            command.env("LD_PRELOAD", library);
        }
        let output = finish(&mut command);
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let verdicts = verdicts(&recording).into_iter().collect();
        Self { code: output.status.code(), said, verdicts }
    }

    fn bad_cases(&self) -> impl Iterator<Item = &str> {
        let bad = self.verdicts.iter().filter(|(_, verdict)| {
            assert_ne!(*verdict, Verdict::Broken, "{}", self.said);
            verdict.is_bad()
        });
        bad.map(|(case, _)| case.as_str())
    }

    /// The scenarios with a case that failed.
    fn failed(&self) -> BTreeSet<String> {
        let scenario = |case: &str| case.split('[').next().unwrap_or(case).to_owned();
        self.bad_cases().map(scenario).collect()
    }

    /// Whether a case was neither skipped nor unsupported.
    fn ran(&self, case: &str) -> bool {
        self.verdicts
            .iter()
            .any(|(name, verdict)| name == case && (verdict.is_good() || verdict.is_bad()))
    }
}

fn suite() -> Vec<Document> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let suite = Suite::load(&[folder]);
    assert!(suite.problems.is_empty(), "the suite has mistakes");
    suite.documents
}

/// What the steps of a case do.
fn ops(case: &Case) -> impl Iterator<Item = &Op> {
    case.steps.iter().filter_map(|step| match &step.action {
        Action::Perform { op, .. } | Action::Start { op, .. } => Some(op),
        _ => None,
    })
}

#[expect(clippy::print_stderr, reason = "who runs the tests is to know what was left out")]
fn skip(test: &str, why: &str) {
    eprintln!("{test} is skipped: {why}");
}
