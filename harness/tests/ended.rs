//! A run that is asked to end does so at once, tells what has ended so far, and leaves nothing behind.

#[path = "program/lasting.rs"]
mod lasting;
#[path = "program/skip.rs"]
mod skip;

use std::fs;
use std::io::{self, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use lasting::{Run, wait_until};
use nix::sys::signal::{Signal, kill};
use rstest::rstest;
use skip::skip;
use sockspec::report::recording::read;
use sockspec::run::event::{Event, RunFinished};

#[rstest]
#[case::interrupted(Signal::SIGINT)]
#[case::terminated(Signal::SIGTERM)]
#[case::hung_up(Signal::SIGHUP)]
fn what_has_ended_is_told_and_nothing_stays_behind(#[case] signal: Signal) -> io::Result<()> {
    if is_ignored(signal)? {
        // Children inherit that, as they do in the background of a shell without job control, or by nohup.
        skip("what_has_ended_is_told", &format!("{signal} is ignored here"));
        return Ok(());
    }
    let mut run = Run::start(&["timeout/**[unix]"])?;
    run.wait_for("run.jsonl", r#""case-finished""#);
    kill(run.id(), signal)?;
    assert_eq!(run.wait().code(), Some(3));
    run.assert_nothing_is_left()?;

    let (ended, end) = recorded(&run.recording())?;
    assert!(end.cut_short && end.leaks.is_empty(), "{end:?}");
    let report = fs::read_to_string(run.file("report.txt"))?;
    assert!(report.contains(&format!("\ncut short: {ended} of ")), "{report}");
    let last = report.lines().last().unwrap_or_default();
    assert!(last.contains(" passed, 0 failed, 0 skipped"), "{report}");
    Ok(())
}

/// The number of cases that ended, and the end.
fn recorded(recording: &Path) -> io::Result<(usize, RunFinished)> {
    let events = read(BufReader::new(fs::File::open(recording)?));
    let mut events: Vec<Event> = events.map(|event| event.expect("it is whole")).collect();
    let Some(Event::RunFinished(end)) = events.pop() else { panic!("the run has no end") };
    let ended = events.iter().filter(|event| matches!(event, Event::CaseFinished(_))).count();
    Ok((ended, end))
}

/// A case that lasts for an hour, with a call that was started before.
const LONG: &str = "\"it lasts\"\nover tcp4\npair client.c server.s\n\n\
                    client  recv c 16 &r\nclient  recv c 16  => blocked for 3600s\n\
                    client  await r  => blocked\n";
/// A case that fails.
const WRONG: &str =
    "\"it fails\"\nover tcp4\npair client.c server.s\n\nclient  send c \"x\"  => 2\n";

#[test]
fn what_had_failed_before_counts() -> io::Result<()> {
    let suite = tempfile::tempdir()?;
    fs::write(suite.path().join("long.scn"), LONG)?;
    fs::write(suite.path().join("wrong.scn"), WRONG)?;
    let mut run = Run::start(&[suite.path().to_str().expect("a plain path")])?;
    run.wait_for("run.jsonl", r#""case-finished""#);
    kill(run.id(), Signal::SIGTERM)?;
    assert_eq!(run.wait().code(), Some(1));
    let report = fs::read_to_string(run.file("report.txt"))?;
    assert!(report.contains("FAIL  wrong[") && report.contains("\ncut short: "), "{report}");
    assert!(!report.contains("long["), "{report}");
    Ok(())
}

#[test]
fn the_second_signal_ends_the_process() -> io::Result<()> {
    if is_ignored(Signal::SIGHUP)? {
        skip("the_second_signal_ends_the_process", "SIGHUP is ignored here");
        return Ok(());
    }
    let mut run = Run::start(&["timeout/**[unix]"])?;
    run.wait_for("run.jsonl", r#""run-started""#);
    // So that both are there when it looks; that of the lower number comes first.
    for signal in [Signal::SIGSTOP, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGCONT] {
        kill(run.id(), signal)?;
    }
    assert_eq!(run.wait().signal(), Some(Signal::SIGTERM as i32));
    run.assert_nothing_is_left()
}

#[test]
fn a_signal_shows_each_step_that_is_pending() -> io::Result<()> {
    let suite = tempfile::tempdir()?;
    let path = suite.path().join("long.scn");
    fs::write(&path, LONG)?;
    let path = path.to_str().expect("a plain path");
    let mut run = Run::start(&[path, "--jobs", "1"])?;
    run.wait_for("run.jsonl", r#""run-started""#);
    let complaints = run.file("complaints.txt");
    wait_until("both calls are pending", || {
        kill(run.id(), Signal::SIGUSR1).expect("the run lasts");
        fs::read_to_string(&complaints).is_ok_and(|text| text.contains("pending: 2 steps\n"))
    });
    kill(run.id(), Signal::SIGTERM)?;
    assert_eq!(run.wait().code(), Some(3));
    let text = fs::read_to_string(&complaints)?;
    let (_, text) = text.split_once("pending: 2 steps\n").expect("it is there");
    let mut lines = text.lines();
    for step in [format!("client recv c 16 &r  {path}:5"), format!("client recv c 16  {path}:6")] {
        let line = lines.next().unwrap_or_default();
        assert!(line.contains(" long[tcp4,loopback]  ") && line.ends_with(&step), "{text}");
    }
    Ok(())
}

/// Whether this process, and so its children, ignore a signal.
fn is_ignored(signal: Signal) -> io::Result<bool> {
    let status = fs::read_to_string("/proc/self/status")?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    Ok(mask.is_some_and(|mask| mask & (1 << (signal as i32 - 1)) != 0))
}
