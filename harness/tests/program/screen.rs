//! A terminal with a program in it.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;

/// A program in the foreground of a terminal of its own.
pub(crate) struct Screen {
    child: Child,
    keys: File,
    /// The other side of the terminal, to ask for its modes.
    terminal: OwnedFd,
    shown: Arc<Mutex<String>>,
}

impl Screen {
    /// Starts a command there. `None` where this machine has no `setsid` to make it the leader of a
    /// session, which is who can have a terminal.
    pub(crate) fn start(command: &Command) -> io::Result<Option<Self>> {
        let pair = openpty(None, None)?;
        let mut leader = Command::new("setsid");
        leader.args(["--ctty", "--wait"]);
        // Tests may run in the background of a shell, where SIGINT and SIGQUIT are ignored from the start.
        let defaults = ["env", "--default-signal"];
        let status = Command::new(defaults[0]).args([defaults[1], "true"]).status();
        if status.is_ok_and(|status| status.success()) {
            leader.args(defaults);
        }
        leader.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => leader.env(name, value),
                None => leader.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            leader.current_dir(folder);
        }
        let end = || pair.slave.try_clone();
        let child = match leader.stdin(end()?).stdout(end()?).stderr(end()?).spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        drop(leader);
        let keys = File::from(pair.master);
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut reader, told) = (keys.try_clone()?, Arc::clone(&shown));
        thread::spawn(move || {
            let mut part = [0; 4_096];
            while let Ok(length @ 1..) = reader.read(&mut part) {
                let text = String::from_utf8_lossy(&part[..length]).into_owned();
                told.lock().expect("no panic").push_str(&text);
            }
        });
        Ok(Some(Self { child, keys, terminal: pair.slave, shown }))
    }

    pub(crate) fn id(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a process id fits"))
    }

    /// Everything that was shown so far.
    pub(crate) fn shown(&self) -> String {
        self.shown.lock().expect("no panic").clone()
    }

    pub(crate) fn press(&self, keys: &[u8]) {
        (&self.keys).write_all(keys).expect("the terminal takes keys");
    }

    /// Whether the terminal gives whole lines and shows what is typed, as shells want it.
    pub(crate) fn is_as_before(&self) -> bool {
        let modes = tcgetattr(&self.terminal).expect("it is a terminal");
        modes.local_flags.contains(LocalFlags::ICANON | LocalFlags::ECHO)
    }

    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(text, || self.shown().contains(text));
    }

    /// Presses keys until they are answered so: what they ask for may not be true at once.
    pub(crate) fn press_until(&self, keys: &[u8], answer: &str) {
        self.wait_until(answer, || {
            self.press(keys);
            self.shown().contains(answer)
        });
    }

    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            let shown = self.shown();
            assert!(began.elapsed() < Duration::from_mins(1), "in vain until {what}: {shown}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("it is a child");
        assert!(self.is_as_before(), "the terminal is not as it was");
        status
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Where a test failed half-way; one that has been waited for is left alone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
