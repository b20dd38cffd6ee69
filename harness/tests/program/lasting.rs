//! A run that lasts until somebody ends it, and what must not stay behind then.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::killpg;
use nix::unistd::Pid;
use tempfile::{TempDir, tempdir};

/// A run that lasts, with folders of its own.
pub(crate) struct Run {
    pub(crate) child: Child,
    working: TempDir,
    temporary: TempDir,
    record: TempDir,
}

impl Run {
    pub(crate) fn start(arguments: &[&str]) -> io::Result<Self> {
        let (working, temporary, record) = (tempdir()?, tempdir()?, tempdir()?);
        let child = Command::new(env!("CARGO_BIN_EXE_sockspec"))
            .arg("run")
            .args(arguments)
            .args(["--repeat", "1000", "--record"])
            .arg(record.path().join("run.jsonl"))
            .current_dir(working.path())
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(fs::File::create(record.path().join("report.txt"))?)
            .stderr(fs::File::create(record.path().join("complaints.txt"))?)
            .process_group(0)
            .spawn()?;
        Ok(Self { child, working, temporary, record })
    }

    /// The process, and its group.
    pub(crate) fn id(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a process id fits"))
    }

    pub(crate) fn recording(&self) -> PathBuf {
        self.file("run.jsonl")
    }

    /// A file that the run writes, by its name.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.record.path().join(name)
    }

    /// Waits until a file that the run writes holds some text.
    pub(crate) fn wait_for(&self, name: &str, text: &str) {
        wait_until(text, || {
            fs::read_to_string(self.file(name)).is_ok_and(|all| all.contains(text))
        });
    }

    /// The names in the abstract namespace that are its own.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let own = format!("@sockspec/{}/", self.child.id());
        let table = fs::read_to_string("/proc/net/unix")?;
        Ok(table.lines().filter(|line| line.contains(&own)).map(str::to_owned).collect())
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the run has ended", || {
            status = self.child.try_wait().expect("it is a child");
            status.is_some()
        });
        status.expect("it was waited for")
    }

    /// No process, no socket, no file, once it has been waited for.
    pub(crate) fn assert_nothing_is_left(&self) -> io::Result<()> {
        assert_eq!(killpg(self.id(), None), Err(Errno::ESRCH), "a process is left");
        // Sockets may be torn down a moment after their process.
        wait_until("no name is left", || self.names().is_ok_and(|names| names.is_empty()));
        for folder in [self.working.path(), self.temporary.path()] {
            assert_is_empty(folder)?;
        }
        Ok(())
    }
}

fn assert_is_empty(folder: &Path) -> io::Result<()> {
    let left: Vec<_> = folder.read_dir()?.collect::<io::Result<_>>()?;
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

impl Drop for Run {
    fn drop(&mut self) {
        // Where a test failed half-way; one that has been waited for is left alone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until something is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(1), "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
