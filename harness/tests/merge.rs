//! The parts of a run, each recorded on its own, are together the run.

#[path = "program/child.rs"]
mod child;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use child::finish;
use rstest::rstest;
use sockspec::report::accepted_report;
use sockspec::report::recording::read;
use tempfile::tempdir;

/// The program in the folder of the crate, where `scenarios` leads to this checkout's suite.
fn sockspec(arguments: &[&str], files: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockspec"));
    command.args(arguments).args(files).current_dir(env!("CARGO_MANIFEST_DIR"));
    finish(&mut command)
}

/// Runs a part of the suite with these flags, to be recorded in that file.
fn run(flags: &[&str], recording: &Path) {
    let mut arguments = vec!["run", "cumulative", "halfclose", "--on", "loopback"];
    arguments.extend(flags);
    arguments.push("--record");
    let output = sockspec(&arguments, &[recording]);
    assert!(recording.exists(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn accepted(recording: &Path) -> String {
    let file = BufReader::new(File::open(recording).expect("it was written"));
    let events: Vec<_> = read(file).map(|event| event.expect("it is whole")).collect();
    accepted_report(events.iter())
}

/// The exit code and the report without what is another time in every run, and what only a busy
/// machine has.
fn shown(recording: &Path) -> (Option<i32>, Vec<String>) {
    let output = sockspec(&["report"], &[recording]);
    let text = String::from_utf8(output.stdout).expect("it is text");
    let varies = |line: &&str| {
        let starts = ["slow", "took ", "run again", "2 times each: "];
        starts.iter().any(|start| line.starts_with(start)) || line.contains(" hosts made in ")
    };
    let lines = text.lines().filter(|line| !varies(line)).map(timeless).collect();
    (output.status.code(), lines)
}

/// A line without the times in it.
fn timeless(line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    let is_unit = |at: usize| matches!(words.get(at), Some(&("ms" | "s")));
    let kept = (0..words.len()).filter(|at| !is_unit(*at) && !is_unit(at + 1));
    // A step that was late on a busy machine is as good as any other.
    let calm = kept.map(|at| if words[at] == "~" { "✓" } else { words[at] });
    calm.collect::<Vec<_>>().join(" ")
}

#[rstest]
#[case::known_failures(&[])]
#[case::failures(&["--expectations", "none", "--repeat", "2"])]
fn three_shards_are_the_whole(#[case] flags: &[&str]) {
    let folder = tempdir().expect("a folder for the recordings");
    let file = |name: &str| folder.path().join(name);
    run(flags, &file("whole.jsonl"));
    let parts: Vec<PathBuf> = (1..=3).map(|part| file(&format!("{part}.jsonl"))).collect();
    for (part, shard) in parts.iter().zip(["1/3", "2/3", "3/3"]) {
        run(&[flags, &["--shard", shard]].concat(), part);
    }
    let merged = file("merged.jsonl");
    let files: Vec<&Path> = [&merged].into_iter().chain(&parts).map(PathBuf::as_path).collect();
    let output = sockspec(&["merge", "--output"], &files);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(accepted(&merged), accepted(&file("whole.jsonl")));
    assert_eq!(shown(&merged), shown(&file("whole.jsonl")));
}

#[test]
fn a_missing_shard_is_named_and_the_run_marked_as_cut_short() {
    let folder = tempdir().expect("a folder for the recordings");
    let (part, merged) = (folder.path().join("2.jsonl"), folder.path().join("merged.jsonl"));
    run(&["--shard", "2/3"], &part);
    let output = sockspec(&["merge", "--output"], &[&merged, &part]);
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        said,
        "warning: part 1/3 of the suite is missing\nwarning: part 3/3 of the suite is missing\n"
    );
    let (code, report) = shown(&merged);
    assert_eq!(code, Some(3), "a good part is no good run");
    assert!(report.iter().any(|line| line == "cut short: part 1/3 of the suite is missing"));
    let twice = sockspec(&["merge", "--output"], &[&merged, &part, &part]);
    assert_eq!(twice.status.code(), Some(2));
    let said = String::from_utf8_lossy(&twice.stderr).into_owned();
    assert!(said.ends_with("are both part 2/3\n"), "{said}");
}
