//! The program as a child that cannot outlast its test.

use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long any command may take, on however busy a machine.
const ENOUGH: Duration = Duration::from_mins(1);

/// Runs a command to its end, and kills it and fails where it does not end by itself.
pub(crate) fn finish(command: &mut Command) -> Output {
    finish_within(command, ENOUGH)
}

/// The same for a command that may take so long.
pub(crate) fn finish_within(command: &mut Command, enough: Duration) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let process = Pid::from_raw(child.id().try_into().expect("a process id fits"));
    let (sender, receiver) = channel();
    let reader = thread::spawn(move || sender.send(child.wait_with_output()));
    let output = receiver.recv_timeout(enough).unwrap_or_else(|_| {
        // It has not been waited for, so the id is its own still.
        let _ = kill(process, Signal::SIGKILL);
        panic!("{command:?} did not end within {enough:?}");
    });
    reader.join().expect("no panic").expect("the test waits for it");
    output.expect("its output can be read")
}
