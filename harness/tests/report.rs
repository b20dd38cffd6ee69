//! What is told of recordings that are not whole, or are none.

#[path = "program/child.rs"]
mod child;

use std::fs;
use std::path::Path;
use std::process::Command;

use child::finish;
use rstest::rstest;

/// The recording that every test changes.
fn recording() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/every-standing.jsonl");
    fs::read_to_string(path).expect("it is part of the checkout")
}

/// The exit code, the report and the complaints about a recording of this text.
fn report(text: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("there is room");
    fs::write(folder.path().join("run.jsonl"), text).expect("there is room");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockspec"));
    let output = finish(command.args(["report", "run.jsonl"]).current_dir(folder.path()));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[rstest]
#[case::within_a_line(10, "is cut off")]
#[case::between_lines(0, "stops after line 39")]
fn a_recording_that_a_crash_cut_off_is_shown_as_far_as_it_goes(
    #[case] missing: usize,
    #[case] said: &str,
) {
    let mut text = recording().lines().take(39).collect::<Vec<_>>().join("\n");
    text.truncate(text.len() - missing);
    if missing == 0 {
        text.push('\n');
    }
    let (code, shown, complaints) = report(&text);
    assert_eq!(code, Some(1), "what failed before the crash counts");
    assert!(complaints.starts_with("warning: run.jsonl: ") && complaints.contains(said));
    assert!(shown.contains("\ncut short: ") && shown.contains("FAIL  "), "{shown}");
}

#[test]
fn a_run_of_which_nothing_is_wrong_so_far_is_not_good() {
    let recording = recording();
    let good =
        recording.lines().filter(|line| !line.contains("case-") && !line.contains("run-finished"));
    let (code, _, complaints) = report(&good.collect::<Vec<_>>().join("\n"));
    assert_eq!(code, Some(3));
    assert!(complaints.contains("without the run's end"), "{complaints}");
}

#[rstest]
#[case::damaged(r#"{"event":"case-started",,"#, "line 3, column 25 is not JSON")]
#[case::changed(r#"{"event":"case-started","case":7}"#, "because: invalid type: integer `7`")]
#[case::unknown(r#"{"event":"case-paused"}"#, "line 3 has the unknown event `case-paused`")]
fn damage_is_named_and_nothing_is_shown(#[case] line: &str, #[case] said: &str) {
    let text = recording();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[2] = line;
    let (code, shown, complaints) = report(&lines.join("\n"));
    assert_eq!((code, shown.as_str()), (Some(2), ""));
    assert!(
        complaints.starts_with("error: run.jsonl: ") && complaints.contains(said),
        "{complaints}"
    );
}

#[rstest]
#[case::empty("", "the recording is empty")]
#[case::newer(r#"{"event":"run-started","format":99}"#, "announces format 99")]
#[case::no_recording("{}", "does not begin a run")]
fn what_is_no_recording_of_this_format_is_refused(#[case] text: &str, #[case] said: &str) {
    let (code, shown, complaints) = report(text);
    assert_eq!((code, shown.as_str()), (Some(2), ""));
    assert!(complaints.contains(said), "{complaints}");
}
