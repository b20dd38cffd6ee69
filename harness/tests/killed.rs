//! Whatever ends a run, nothing of it stays behind: no process, no socket, no file; and the
//! recording says that it is not whole.

#[path = "program/lasting.rs"]
mod lasting;
#[path = "program/skip.rs"]
mod skip;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use lasting::{Run, wait_until};
use nix::sys::signal::{Signal, kill};
use skip::skip;
use sockspec::report::recording::read;
use sockspec::run::event::Event;

#[test]
fn a_run_that_is_killed_leaves_nothing_behind() -> io::Result<()> {
    let mut run = Run::start(&["timeout/**[unix]"])?;
    run.wait_for("run.jsonl", r#""case-started""#);
    // Otherwise there would be nothing that could stay behind.
    wait_until("a name is bound", || run.names().is_ok_and(|names| !names.is_empty()));

    kill(run.id(), Signal::SIGKILL)?;
    let status = run.wait();
    assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{status}");
    run.assert_nothing_is_left()?;
    assert_is_unfinished(&run.recording())
}

#[test]
fn hosts_are_gone_with_the_run_that_made_them() -> io::Result<()> {
    let mut run = Run::start(&["timeout/**[netns]"])?;
    run.wait_for("run.jsonl", r#""case-finished""#);
    let text = fs::read_to_string(run.recording())?;
    if text.contains("network namespaces are refused") {
        skip("hosts_are_gone_with_the_run_that_made_them", "this machine makes no hosts");
        return Ok(());
    }
    let interfaces = interfaces()?;
    let mut held = BTreeSet::new();
    // Its own, and those of two hosts.
    wait_until("there are hosts", || {
        held = namespaces_of(run.child.id());
        held.len() >= 3
    });

    kill(run.id(), Signal::SIGKILL)?;
    run.wait();

    wait_until("no namespace is left", || {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mounted = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        ids.flat_map(namespaces_of).all(|one| !held.contains(&one))
            && held.iter().all(|one| !mounted.contains(one.as_str()))
    });
    assert_eq!(self::interfaces()?, interfaces, "a link is left");
    Ok(())
}

/// The network namespaces that a process lives in or holds, but for that of this process.
fn namespaces_of(process: u32) -> BTreeSet<String> {
    let own = fs::read_link("/proc/self/ns/net").unwrap_or_default();
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    descriptors
        .map(|entry| entry.path())
        .chain([PathBuf::from(format!("/proc/{process}/ns/net"))])
        .filter_map(|path| fs::read_link(path).ok())
        .filter(|target| *target != own)
        .filter_map(|target| target.to_str().map(str::to_owned))
        .filter(|target| target.starts_with("net:"))
        .collect()
}

/// The network interfaces of this process's namespace.
fn interfaces() -> io::Result<BTreeSet<OsString>> {
    fs::read_dir("/sys/class/net")?.map(|entry| Ok(entry?.file_name())).collect()
}

/// The lines there are can be read, and behind them stands that the run has no end.
fn assert_is_unfinished(recording: &Path) -> io::Result<()> {
    let mut items: Vec<_> = read(BufReader::new(fs::File::open(recording)?)).collect();
    let Some(Err(error)) = items.pop() else { panic!("a run that was killed looks whole") };
    assert!(error.is_incomplete(), "{error}");
    assert!(error.to_string().contains("killed"), "{error}");
    let events: Vec<Event> = items.into_iter().map(|event| event.expect("it is whole")).collect();
    assert!(matches!(events.first(), Some(Event::RunStarted(_))));
    assert!(events.iter().any(|event| matches!(event, Event::CaseStarted { .. })));
    Ok(())
}
