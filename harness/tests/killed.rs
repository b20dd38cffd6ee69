//! Whatever ends a run, nothing of it stays behind: no process, no socket, no file; and the
//! recording says that it is not whole.

#[path = "program/skip.rs"]
mod skip;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use rstest::rstest;
use skip::skip;
use sockspec::report::recording::read;
use sockspec::run::event::Event;
use tempfile::{TempDir, tempdir};

#[rstest]
#[case::killed(Signal::SIGKILL)]
#[case::terminated(Signal::SIGTERM)]
#[case::interrupted(Signal::SIGINT)]
fn a_run_that_is_ended_leaves_nothing_behind(#[case] signal: Signal) -> io::Result<()> {
    if is_ignored(signal)? {
        // Children inherit that, as they do in the background of a shell without job control.
        skip("a_run_that_is_ended_leaves_nothing_behind", &format!("{signal} is ignored here"));
        return Ok(());
    }
    let mut run = Run::start("timeout/**[unix]")?;
    wait_until("a case has started", || {
        fs::read_to_string(run.recording()).is_ok_and(|text| text.contains(r#""case-started""#))
    });
    // Otherwise there would be nothing that could stay behind.
    wait_until("a name is bound", || run.names().is_ok_and(|names| !names.is_empty()));

    kill(run.id(), signal)?;
    let status = run.wait();
    assert_eq!(status.signal(), Some(signal as i32), "{status}");

    assert_eq!(killpg(run.id(), None), Err(Errno::ESRCH), "a process is left");
    // Sockets may be torn down a moment after their process.
    wait_until("no name is left", || run.names().is_ok_and(|names| names.is_empty()));
    for folder in [run.working.path(), run.temporary.path()] {
        let left: Vec<_> = folder.read_dir()?.collect::<io::Result<_>>()?;
        assert!(left.is_empty(), "{left:?}");
    }
    assert_is_unfinished(&run.recording())
}

#[test]
fn hosts_are_gone_with_the_run_that_made_them() -> io::Result<()> {
    let mut run = Run::start("timeout/**[netns]")?;
    wait_until("a case has ended", || {
        fs::read_to_string(run.recording()).is_ok_and(|text| text.contains(r#""case-finished""#))
    });
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

/// A run that lasts, with folders of its own.
struct Run {
    child: Child,
    working: TempDir,
    temporary: TempDir,
    record: TempDir,
}

impl Run {
    fn start(pattern: &str) -> io::Result<Self> {
        let (working, temporary, record) = (tempdir()?, tempdir()?, tempdir()?);
        let child = Command::new(env!("CARGO_BIN_EXE_sockspec"))
            .args(["run", pattern, "--repeat", "1000", "--record"])
            .arg(record.path().join("run.jsonl"))
            .current_dir(working.path())
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { child, working, temporary, record })
    }

    /// The process, and its group.
    fn id(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a process id fits"))
    }

    fn recording(&self) -> PathBuf {
        self.record.path().join("run.jsonl")
    }

    /// The names in the abstract namespace that are its own.
    fn names(&self) -> io::Result<Vec<String>> {
        let own = format!("@sockspec/{}/", self.child.id());
        let table = fs::read_to_string("/proc/net/unix")?;
        Ok(table.lines().filter(|line| line.contains(&own)).map(str::to_owned).collect())
    }

    fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the run has ended", || {
            status = self.child.try_wait().expect("it is a child");
            status.is_some()
        });
        status.expect("it was waited for")
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Where a test failed half-way; one that has been waited for is left alone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until something is so.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(1), "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Whether this process, and so its children, ignore a signal.
fn is_ignored(signal: Signal) -> io::Result<bool> {
    let status = fs::read_to_string("/proc/self/status")?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    Ok(mask.is_some_and(|mask| mask & (1 << (signal as i32 - 1)) != 0))
}
