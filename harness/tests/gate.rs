//! The gate of pipelines, `ci/gate`, in every shell that is there.

#[path = "program/child.rs"]
mod child;
#[path = "program/skip.rs"]
mod skip;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use child::finish;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use skip::skip;
use tempfile::TempDir;

const GOOD: &str =
    "\"it holds\"\nover tcp4\npair client.c server.s\n\nclient  send c \"x\"  => 1\n";
const WRONG: &str =
    "\"it fails\"\nover tcp4\npair client.c server.s\n\nclient  send c \"x\"  => 2\n";
const LONG: &str = "\"it lasts\"\nover tcp4\npair client.c server.s\n\n\
                    client  recv c 16  => blocked for 3600s\n";

/// What the gate writes, packets aside.
const FILES: [&str; 5] = ["exit-code", "junit.xml", "report.txt", "run.jsonl", "summary.md"];

/// A folder with scenarios, and the gate in a shell.
struct Gate {
    folder: TempDir,
    shell: Vec<&'static str>,
}

impl Gate {
    /// `None`, which is said, where the shell or the checkout is not there.
    fn new(shell: &'static str) -> Option<Self> {
        let shell = if shell == "busybox" { vec!["busybox", "sh"] } else { vec![shell] };
        let is_there = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", ":"])
            .stdin(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !is_there || !script().is_file() {
            skip("the gate", &format!("{} or {} is not there", shell[0], script().display()));
            return None;
        }
        let folder = tempfile::tempdir().expect("there is room");
        for (name, text) in [("good.scn", GOOD), ("wrong.scn", WRONG), ("long.scn", LONG)] {
            fs::write(folder.path().join(name), text).expect("there is room");
        }
        Some(Self { folder, shell })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.shell[0]);
        command.args(&self.shell[1..]).arg(script()).args(arguments);
        command.current_dir(self.folder.path()).env("SOCKSPEC", env!("CARGO_BIN_EXE_sockspec"));
        for name in ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"] {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        finish(&mut self.command(arguments))
    }

    /// The text of a file in the gate's folder, or nothing where there is none.
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join("sockspec-out").join(name)).unwrap_or_default()
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci/gate")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[rstest]
fn every_report_is_written_and_the_exit_code_kept(
    #[values("sh", "dash", "bash", "busybox")] shell: &'static str,
    #[values(("good.scn", 0), ("wrong.scn", 1))] (suite, code): (&str, i32),
) {
    let Some(gate) = Gate::new(shell) else { return };
    let output = gate.run(&[suite]);
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    assert_eq!(gate.read("exit-code"), format!("{code}\n"));
    for file in FILES {
        assert!(!gate.read(file).is_empty(), "{file} is missing");
    }
    assert_eq!(gate.read("report.txt"), text(&output.stdout), "what was shown is kept");
    assert_eq!(gate.read("junit.xml").contains("<failure"), code == 1);
}

#[test]
fn what_was_there_before_does_not_stay() {
    let Some(gate) = Gate::new("sh") else { return };
    assert!(gate.run(&["good.scn"]).status.success());
    assert_eq!(gate.run(&["good.scn", "--jobs", "none"]).status.code(), Some(2));
    assert_eq!(gate.read("exit-code"), "2\n");
    assert_eq!(gate.read("report.txt"), "nothing was run: exit code 2\n");
    assert!(gate.read("junit.xml").is_empty() && gate.read("run.jsonl").is_empty());
}

#[test]
fn its_own_options_come_first() {
    let Some(gate) = Gate::new("sh") else { return };
    assert!(gate.run(&["--out=elsewhere", "good.scn"]).status.success());
    assert!(gate.folder.path().join("elsewhere/summary.md").is_file());
    for wrong in [&["--out"][..], &["--out", ""], &["--merge"]] {
        assert_eq!(gate.run(wrong).status.code(), Some(2), "{wrong:?}");
    }
    let help = gate.run(&["--help"]);
    assert!(text(&help.stdout).contains("\n  --out DIR ") && help.stderr.is_empty());
    let missing = finish(gate.command(&["good.scn"]).env("SOCKSPEC", "no-such-program"));
    assert_eq!(missing.status.code(), Some(3));
    assert!(text(&missing.stderr).contains("no-such-program"));
}

#[test]
fn a_workflow_of_github_gets_annotations_and_a_summary() {
    let Some(gate) = Gate::new("sh") else { return };
    let summary = gate.folder.path().join("job.md");
    fs::write(&summary, "before\n").expect("there is room");
    let mut command = gate.command(&["wrong.scn"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
    let output = finish(&mut command);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("\n::error "), "{}", text(&output.stdout));
    let summary = fs::read_to_string(summary).expect("it is there");
    assert_eq!(summary, format!("before\n{}", gate.read("summary.md")));
}

/// A program that puts recordings together by taking the first, and does the rest as sockspec.
const STAND_IN: &str = "#!/bin/sh
[ \"$1\" != merge ] || { shift; [ \"$1\" = --output ] && exec cp \"$3\" \"$2\"; exit 2; }
exec \"$REAL\" \"$@\"
";

#[test]
fn shards_are_reported_on_together() {
    let Some(gate) = Gate::new("sh") else { return };
    let stand_in = gate.folder.path().join("stand-in");
    fs::write(&stand_in, STAND_IN).expect("there is room");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&stand_in, executable).expect("it is this test's own");
    assert_eq!(gate.run(&["--out", "parts/1", "wrong.scn"]).status.code(), Some(1));
    let mut command = gate.command(&["--merge", "parts/1/run.jsonl"]);
    command.env("SOCKSPEC", &stand_in).env("REAL", env!("CARGO_BIN_EXE_sockspec"));
    let output = finish(&mut command);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    for file in FILES {
        assert!(!gate.read(file).is_empty(), "{file} is missing");
    }
    assert_eq!(gate.read("report.txt"), text(&output.stdout));
    let mut command = gate.command(&["--merge", "parts/2/run.jsonl"]);
    command.env("SOCKSPEC", &stand_in).env("REAL", env!("CARGO_BIN_EXE_sockspec"));
    assert_eq!(finish(&mut command).status.code(), Some(1), "cp cannot");
    assert_eq!(gate.read("report.txt"), "nothing was run: exit code 1\n");
}

#[rstest]
fn a_signal_to_the_shell_alone_ends_the_run_with_its_reports(
    #[values("sh", "dash", "bash", "busybox")] shell: &'static str,
) {
    let Some(gate) = Gate::new(shell) else { return };
    let mut command = gate.command(&["long.scn"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the shell starts");
    let began = Instant::now();
    while gate.read("run.jsonl").is_empty() {
        assert!(began.elapsed() < Duration::from_mins(1), "the run does not begin");
        thread::sleep(Duration::from_millis(2));
    }
    let id = Pid::from_raw(child.id().try_into().expect("it fits"));
    kill(id, Signal::SIGTERM).expect("it is a child");
    assert_eq!(child.wait().expect("it is a child").code(), Some(3));
    assert_eq!(gate.read("exit-code"), "3\n");
    assert!(gate.read("report.txt").contains("\ncut short: 0 of 1 case ended\n"));
    assert!(!gate.read("summary.md").is_empty());
}
