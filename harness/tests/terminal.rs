//! What a person at a terminal sees and can do: keys, lines beside the bar, colours where they are
//! wanted; and what becomes of the terminal.

#[path = "program/child.rs"]
mod child;
#[path = "program/screen.rs"]
mod screen;
#[path = "program/skip.rs"]
mod skip;

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use child::finish;
use nix::sys::signal::{Signal, kill};
use rstest::rstest;
use screen::Screen;
use skip::skip;
use tempfile::TempDir;

/// What each of these keys sends, by the terminal's own doing.
const INTERRUPT: &[u8] = b"\x03";
const SUSPEND: &[u8] = b"\x1a";
const QUIT: &[u8] = b"\x1c";

/// Two cases that last for an hour.
const LONG: &str = "\"they last\"\nover tcp4 unix\npair client.c server.s\n\n\
                    client  recv c 16  => blocked for 3600s\n";

/// A run of these cases on a screen of its own, by a shell where there is a script for it.
fn start(test: &str, script: Option<&str>) -> io::Result<Option<(Screen, TempDir)>> {
    let suite = tempfile::tempdir()?;
    std::fs::write(suite.path().join("long.scn"), LONG)?;
    let program = env!("CARGO_BIN_EXE_sockspec");
    let mut command = Command::new(if script.is_some() { "sh" } else { program });
    if let Some(script) = script {
        command.args(["-mc", script, "-", program]);
    }
    command.args(["run", "long.scn", "--status-level", "all"]).current_dir(suite.path());
    let Some(screen) = Screen::start(&command)? else {
        skip(test, "this machine has no setsid");
        return Ok(None);
    };
    screen.wait_for(" [        ] long[tcp4,loopback]");
    screen.wait_until("it has the keys", || !screen.is_as_before());
    Ok(Some((screen, suite)))
}

#[test]
fn a_key_shows_what_is_pending_and_the_terminal_is_given_back() -> io::Result<()> {
    let Some((mut screen, _suite)) = start("a_key_shows_what_is_pending", None)? else {
        return Ok(());
    };
    screen.press_until(b"xt", "pending: 2 steps");
    screen.wait_for("long[tcp4,loopback]");
    screen.press(INTERRUPT);
    screen.wait_for("SIGINT: the run ends here");
    screen.wait_for("cut short: 0 of 2 cases ended");
    assert_eq!(screen.wait().code(), Some(3));
    assert!(!screen.shown().contains("xt"), "keys are not shown");
    Ok(())
}

#[test]
fn the_terminal_is_given_back_whatever_ends_the_run() -> io::Result<()> {
    for (signal, keys) in [(Signal::SIGQUIT, Some(QUIT)), (Signal::SIGQUIT, None)] {
        let test = "the_terminal_is_given_back_whatever_ends_the_run";
        let Some((mut screen, _suite)) = start(test, None)? else { return Ok(()) };
        match keys {
            Some(keys) => screen.press(keys),
            None => kill(screen.id(), signal)?,
        }
        assert_eq!(screen.wait().signal(), Some(signal as i32));
    }
    Ok(())
}

#[test]
fn a_run_that_is_stopped_lends_the_terminal_to_the_shell() -> io::Result<()> {
    let script = "\"$@\"; echo stopped; read line; fg; echo ended";
    let test = "a_run_that_is_stopped_lends_the_terminal_to_the_shell";
    let Some((mut screen, _suite)) = start(test, Some(script))? else { return Ok(()) };
    screen.press(SUSPEND);
    screen.wait_for("stopped");
    assert!(screen.is_as_before(), "the shell reads lines");
    screen.press(b"\n");
    screen.wait_until("it has the keys again", || !screen.is_as_before());
    screen.press_until(b"t", "pending: 2 steps");
    screen.press(INTERRUPT);
    screen.wait_for("ended");
    assert!(screen.wait().success(), "that is how the shell ends");
    Ok(())
}

#[test]
fn a_line_above_the_bar_stays_whole() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let cuts: Vec<String> = (1..=200).map(|cut| cut.to_string()).collect();
    let text = format!(
        "\"many\"\nover unix\npair client.c server.s\nvary size {}\n\n\
         client  recv c $size MSG_DONTWAIT  => EAGAIN\n",
        cuts.join(" ")
    );
    std::fs::write(folder.path().join("many.scn"), text)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockspec"));
    command.args(["run", "many.scn", "--status-level", "pass", "--color", "never"]);
    let Some(mut screen) = Screen::start(command.current_dir(folder.path()))? else {
        skip("a_line_above_the_bar_stays_whole", "this machine has no setsid");
        return Ok(());
    };
    screen.wait_for("200 passed, 0 failed, 0 skipped");
    assert!(screen.wait().success());
    let shown = screen.shown();
    // What stands on a line in the end: what follows the last return to its beginning, or erasure.
    let lines = shown.split("\r\n").map(|line| line.rsplit(['\r', 'K']).next().unwrap_or(line));
    let lines: Vec<&str> = lines.filter(|line| line.contains("many[")).collect();
    for size in &cuts {
        let end = format!("ms] many[unix,loopback,size={size}]");
        let whole = |line: &&&str| line.starts_with("       PASS [") && line.ends_with(&end);
        assert_eq!(lines.iter().filter(whole).count(), 1, "size={size}: {shown:?}");
    }
    Ok(())
}

/// A case that fails.
const WRONG: &str =
    "\"it fails\"\nover tcp4\npair client.c server.s\n\nclient  send c \"x\"  => 2\n";
const ESCAPE: char = '\x1b';

/// A run of a case that fails, with nothing in its environment but this.
fn run(folder: &TempDir, color: Option<&str>, variables: &[(&str, &str)]) -> Command {
    std::fs::write(folder.path().join("wrong.scn"), WRONG).expect("there is room");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockspec"));
    command.args(["run", "wrong.scn", "--status-level", "all", "--record", "run.jsonl"]);
    command.args(color.iter().flat_map(|color| ["--color", color]));
    command.current_dir(folder.path());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "TERM"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm").envs(variables.iter().copied());
    command
}

#[rstest]
#[case::by_itself(None, &[], false)]
#[case::forced(None, &[("CLICOLOR_FORCE", "1")], true)]
#[case::forced_and_refused(None, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false)]
#[case::always(Some("always"), &[], true)]
#[case::always_is_an_order(Some("always"), &[("NO_COLOR", "1")], true)]
#[case::never(Some("never"), &[("CLICOLOR_FORCE", "1")], false)]
#[case::auto(Some("auto"), &[], false)]
fn in_a_pipe(
    #[case] color: Option<&str>,
    #[case] variables: &[(&str, &str)],
    #[case] is_coloured: bool,
) {
    let folder = tempfile::tempdir().expect("there is room");
    let output = finish(&mut run(&folder, color, variables));
    let report = String::from_utf8(output.stdout).expect("it is text");
    assert!(report.contains("wrong[tcp4,loopback]"), "{report}");
    assert_eq!(report.contains(ESCAPE), is_coloured, "{report}");
    let recording = std::fs::read(folder.path().join("run.jsonl")).expect("it was written");
    assert!(!recording.contains(&(ESCAPE as u8)), "a file has no colours");
}

#[rstest]
#[case::by_itself(None, &[], true)]
#[case::refused(None, &[("NO_COLOR", "1")], false)]
#[case::refused_by_nothing(None, &[("NO_COLOR", "")], true)]
#[case::never(Some("never"), &[], false)]
#[case::dumb(None, &[("TERM", "dumb")], false)]
fn on_a_terminal(
    #[case] color: Option<&str>,
    #[case] variables: &[(&str, &str)],
    #[case] is_coloured: bool,
) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let Some(mut screen) = Screen::start(&run(&folder, color, variables))? else {
        skip("on_a_terminal", "this machine has no setsid");
        return Ok(());
    };
    screen.wait_for("0 passed, 1 failed, 0 skipped");
    assert_eq!(screen.wait().code(), Some(1));
    let shown = screen.shown();
    // A bar moves the cursor, which is no colour: that ends with the letter m.
    let codes = shown.split(ESCAPE).skip(1);
    let ends = codes.filter_map(|code| code.chars().find(char::is_ascii_alphabetic));
    assert_eq!(ends.filter(|end| *end == 'm').count() > 0, is_coloured, "{shown:?}");
    Ok(())
}
