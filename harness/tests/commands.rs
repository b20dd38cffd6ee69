//! What a person sees of each command: the transcripts in `commands/`, reviewed, and what takes
//! more than one command to show.

#[path = "program/child.rs"]
mod child;
#[path = "program/recording.rs"]
mod recording;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;

use child::finish;
use recording::verdicts;
use sockspec::run::Verdict;

#[test]
fn transcripts() {
    let transcripts = trycmd::TestCases::new();
    // How wide help is must not depend on the terminal that the tests are started from.
    transcripts.env("COLUMNS", "100");
    transcripts.insert_var("[VERSION]", env!("CARGO_PKG_VERSION")).expect("a good name");
    transcripts.case("tests/commands/*.trycmd").case("tests/commands/*.toml");
}

/// The program in the folder of the crate, where `scenarios` leads to this checkout's suite.
fn sockspec(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockspec"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn lines(arguments: &[&str]) -> Vec<String> {
    let output = finish(&mut sockspec(arguments));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// What came of a run that is good, case by case.
fn outcome(arguments: &[&str]) -> BTreeMap<String, Verdict> {
    let folder = tempfile::tempdir().expect("a folder for the recording");
    let file = folder.path().join("run.jsonl");
    let output = finish(sockspec(&["run"]).args(arguments).arg("--record").arg(&file));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    verdicts(&file)
}

#[test]
fn shards_run_each_case_of_the_list_once() {
    let mut ran: Vec<String> = Vec::new();
    for shard in ["1/3", "2/3", "3/3"] {
        let part = outcome(&["cumulative", "timeout", "--shard", shard]);
        assert!(part.len() > 1, "{shard} is no third");
        ran.extend(part.into_keys());
    }
    ran.sort_unstable();
    let mut listed = lines(&["list", "cumulative", "timeout"]);
    listed.sort_unstable();
    assert_eq!(ran, listed);
}

#[test]
fn a_seed_changes_the_order_and_nothing_else() {
    // Slow is a matter of the machine, and as good as pass.
    let verdicts = |arguments: &[&str]| -> BTreeMap<String, Verdict> {
        let calm = |verdict| if verdict == Verdict::Slow { Verdict::Pass } else { verdict };
        outcome(arguments).into_iter().map(|(case, verdict)| (case, calm(verdict))).collect()
    };
    let plain = verdicts(&["cumulative"]);
    for seed in ["1", "42"] {
        assert_eq!(verdicts(&["cumulative", "--seed", seed]), plain, "--seed {seed}");
    }
}

#[test]
fn the_suite_that_is_built_in_is_that_of_the_checkout() {
    let empty = tempfile::tempdir().expect("an empty folder");
    let output = finish(sockspec(&["list"]).current_dir(empty.path()));
    let built_in = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(built_in.lines().collect::<Vec<_>>(), lines(&["list"]));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() -> io::Result<()> {
    let (reader, writer) = io::pipe()?;
    drop(reader);
    for arguments in [&["list"][..], &["run", "timeout/ready-data-beats-timeout"]] {
        let status = sockspec(arguments).stdout(writer.try_clone()?).status()?;
        assert!(status.success(), "{arguments:?}: {status}");
    }
    Ok(())
}

#[test]
fn formatting_a_suite_leaves_it_canonical() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("loose.scn");
    let link = folder.path().join("link");
    std::fs::write(&file, "\"a socket opens\"\nclient open   s tcp4   => ok # comment\n")?;
    std::os::unix::fs::symlink(&file, &link)?;
    let path = folder.path().to_str().expect("a plain path");
    let code = |arguments: &[&str]| finish(&mut sockspec(arguments)).status.code();
    assert_eq!(code(&["fmt", "--check", path]), Some(1));
    assert_eq!(code(&["fmt", path]), Some(0));
    assert_eq!(code(&["fmt", "--check", path]), Some(0));
    let canonical = "\"a socket opens\"\n\nclient  open s tcp4  => ok  # comment\n";
    assert_eq!(std::fs::read_to_string(&file)?, canonical);
    assert_eq!(entries(folder.path())?, ["link", "loose.scn"], "no other file stays behind");
    Ok(())
}

fn entries(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in folder.read_dir()? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}
