//! The reports that a run writes beside what it shows in the terminal.

#[path = "program/child.rs"]
mod child;

use std::fs;
use std::path::Path;
use std::process::Command;

use child::finish;
use tempfile::tempdir;

/// Runs one short case, which is good on any Linux, with these arguments in a folder: the exit code,
/// standard output and standard error.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockspec"));
    let case = "timeout/ready-data-beats-timeout[tcp4,loopback*]";
    let output = finish(command.args(["run", case]).args(arguments).current_dir(folder));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_report_on_standard_output_moves_the_terminals_to_standard_error() {
    let folder = tempdir().expect("there is room");
    let (code, report, shown) = run(folder.path(), &["--tap", "-", "--junit", "junit.xml"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(report.starts_with("TAP version 14\n1..") && report.contains("\nok 1 - "), "{report}");
    assert!(shown.starts_with("sockspec ") && shown.ends_with(" passed, 0 failed, 0 skipped\n"));
    let junit = fs::read_to_string(folder.path().join("junit.xml")).expect("it was written");
    assert!(junit.contains("<testsuite name=\"kernel loopback\" "), "{junit}");
}

#[test]
fn what_is_shown_beside_annotations_is_taken_for_no_command() {
    let folder = tempdir().expect("there is room");
    let token = || {
        let (code, shown, _) = run(folder.path(), &["--github"]);
        assert_eq!(code, Some(0), "{shown}");
        let (first, rest) = shown.split_once('\n').expect("there are lines");
        let token = first.strip_prefix("::stop-commands::").expect("it stops them").to_owned();
        assert!(token.len() > 32 && rest.starts_with("sockspec "), "{shown}");
        assert!(rest.ends_with(&format!(" skipped\n::{token}::\n")), "{shown}");
        token
    };
    assert_ne!(token(), token(), "nobody can know it");
}

#[test]
fn a_folder_that_is_missing_is_an_error_before_the_run() {
    for flag in ["--junit", "--html", "--tap", "--markdown"] {
        let folder = tempdir().expect("there is room");
        let (code, shown, complaint) =
            run(folder.path(), &[flag, "missing/file", "--record", "run.jsonl"]);
        assert_eq!((code, shown.as_str()), (Some(2), ""));
        assert!(complaint.starts_with("error: missing/file cannot be written: "), "{complaint}");
        let recording = fs::read_to_string(folder.path().join("run.jsonl")).expect("it is there");
        assert_eq!(recording, "", "nothing was run");
    }
}

#[test]
fn one_that_cannot_be_written_keeps_no_other_from_being() {
    let folder = tempdir().expect("there is room");
    let (code, _, complaint) =
        run(folder.path(), &["--junit", "/dev/full", "--markdown", "summary.md"]);
    assert_eq!(code, Some(3), "the run was good, but a report is lost");
    assert!(complaint.contains("error: /dev/full could not be written: "), "{complaint}");
    let summary = fs::read_to_string(folder.path().join("summary.md")).expect("it was written");
    assert!(summary.starts_with("## ✅ sockspec · kernel "), "{summary}");
}
