//! Proxies between the actors: a right one is not noticed, a wrong one is, and whatever one does instead
//! of listening is told clearly and in time; nothing of it stays behind.

#[path = "program/child.rs"]
mod child;
#[path = "program/lasting.rs"]
mod lasting;
#[path = "program/skip.rs"]
mod skip;

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use child::finish;
use lasting::{Run, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use skip::skip;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sockspec");

/// Cases that take little time, and notice most of what a proxy can do wrong.
const HALF_CLOSE: &str = "proxy/client-half-close-is-answered[tcp4,loopback]";
const RESET: &str = "proxy/reset-by-client-is-no-end[tcp4,loopback]";
const LATE: &str = "proxy/late-data-after-server-end[tcp4,loopback]";
const BYTES: &str = "proxy/every-byte-is-data[tcp4,loopback]";
const NOBODY: &str = "proxy/nobody-behind-the-proxy[tcp4,loopback]";
const OVER_IPV6: &str = "proxy/connections-do-not-mix[tcp6,loopback]";

/// What came of a run.
struct Said {
    code: Option<i32>,
    out: String,
    error: String,
}

fn sockspec(arguments: &[&str], child: &Path) -> Said {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env("CHILD", child).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = finish(command.current_dir(env!("CARGO_MANIFEST_DIR")));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), error: text(&output.stderr) }
}

/// Runs cases through the proxy with a fault.
fn through(fault: &str, cases: &[&str], arguments: &[&str], child: &Path) -> Said {
    let proxy = ["--via", "--", "python3", "tests/proxies/proxy.py", fault, "{listen}", "{target}"];
    // However busy the machine is, and unless the case says otherwise.
    let patience = ["--start-time", "40s"];
    let patience = if arguments.is_empty() { &patience[..] } else { arguments };
    sockspec(&[&["run"][..], cases, patience, &proxy].concat(), child)
}

/// Whether this machine has Python; says that a test is skipped where it has not.
fn has_python(test: &str) -> bool {
    let started = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    let is_there = started.is_ok_and(|status| status.success());
    if !is_there {
        skip(test, "python3 cannot be started");
    }
    is_there
}

#[rstest]
#[case::right("right")]
#[case::loud("floods")]
fn a_right_proxy_is_not_noticed(#[case] fault: &str) {
    if !has_python(fault) {
        return;
    }
    let cases = [HALF_CLOSE, RESET, LATE, NOBODY, OVER_IPV6];
    let Said { code, out, error } = through(fault, &cases, &[], Path::new("/dev/null"));
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(out.contains("via-proxy python3"), "{out}");
    assert!(out.ends_with("5 passed, 0 failed, 0 skipped\n"), "{out}");
}

#[rstest]
#[case::half_close("forgets-half-close", HALF_CLOSE, "FAIL")]
#[case::reset("takes-reset-for-end", RESET, "FAIL")]
#[case::data("loses-a-byte", BYTES, "HANG")]
#[case::refused("keeps-refused", NOBODY, "HANG")]
#[case::crash("crashes", HALF_CLOSE, "CRASH")]
fn a_wrong_proxy_is_noticed(#[case] fault: &str, #[case] case: &str, #[case] verdict: &str) {
    if !has_python(fault) {
        return;
    }
    let Said { code, out, error } = through(fault, &[case], &[], Path::new("/dev/null"));
    assert_eq!(code, Some(1), "{out}{error}");
    assert!(out.contains(&format!("{verdict}  {case}")), "{out}");
    if verdict == "CRASH" {
        assert!(out.contains("the proxy died: it was ended by SIGSEGV"), "{out}");
        assert!(out.contains("| about to crash"), "its last words are shown: {out}");
    }
}

#[rstest]
#[case::dies("dies", "10s", "it ended with exit code 7\n", "| no port for me")]
#[case::hangs("never-listens", "4s", "was not seen to listen at 127.", "| still thinking")]
#[case::floods("floods-and-never-listens", "4s", "was not seen to listen at 127.", "| xxxx")]
#[case::daemon("goes-into-the-background", "10s", "must not go into the background", "")]
fn what_does_not_listen_is_no_proxy(
    #[case] fault: &str,
    #[case] patience: &str,
    #[case] said: &str,
    #[case] last_words: &str,
) {
    if !has_python(fault) {
        return;
    }
    let arguments = ["--start-time", patience, "--jobs", "1"];
    let cases =
        ["proxy/*[tcp4,loopback]", "proxy/half-closed-and-idle[tcp4,loopback,ended=client]"];
    let Said { code, out, error } = through(fault, &cases, &arguments, Path::new("/dev/null"));
    assert_eq!(code, Some(3), "{out}{error}");
    assert!(out.contains(said) && out.contains(last_words), "{out}");
    // It is not tried for ever.
    assert!(out.contains("3 proxies in a row could not be used; the last: "), "{out}");
}

#[test]
fn what_cannot_be_started_is_told() {
    let proxy = ["run", HALF_CLOSE, "--via", "--", "/no/such/proxy", "{listen}", "{target}"];
    let Said { code, out, .. } = sockspec(&proxy, Path::new("/dev/null"));
    assert_eq!(code, Some(3), "{out}");
    assert!(
        out.contains("the proxy cannot be started: /no/such/proxy: No such file or directory"),
        "{out}"
    );
}

#[test]
fn nothing_of_a_proxy_stays_behind() {
    if !has_python("nothing_of_a_proxy_stays_behind") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let children = folder.path().join("children");
    let said = through("forks", &[HALF_CLOSE, RESET], &[], &children);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
    let text = fs::read_to_string(&children).expect("it has written it");
    assert_eq!(text.lines().count(), 2, "one a case");
    for line in text.lines() {
        let process: u32 = line.parse().expect("a process id");
        wait_until("what the proxy started is gone", || is_gone(process));
    }
}

#[test]
fn a_run_that_is_killed_leaves_no_proxy_and_no_folder() -> io::Result<()> {
    let ready = sockspec(&["subjects", "--ready"], Path::new("/dev/null"));
    if !ready.out.lines().any(|name| name == "via-haproxy") {
        skip("a_run_that_is_killed_leaves_no_proxy_and_no_folder", "haproxy is not installed");
        return Ok(());
    }
    let mut run = Run::start(&["--via", "haproxy", "proxy/idle-connection-stays"])?;
    run.wait_for("run.jsonl", r#""case-finished""#);
    let mut held = Vec::new();
    wait_until("a proxy runs", || {
        held = running(&run);
        !held.is_empty()
    });
    kill(run.id(), Signal::SIGKILL)?;
    run.wait();
    wait_until("no proxy is left", || held.iter().all(|process| is_gone(*process)));
    assert!(!fs::read_to_string(run.recording())?.contains("run-finished"));
    run.assert_nothing_is_left()
}

/// The guards of the proxies of a run, and the proxies.
fn running(run: &Run) -> Vec<u32> {
    let guards = children_of(&[run.child.id()]);
    let proxies = children_of(&guards);
    if proxies.is_empty() { proxies } else { [guards, proxies].concat() }
}

fn children_of(parents: &[u32]) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has_parent = |process: &u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        parent.and_then(|id| id.parse().ok()).is_some_and(|id: u32| parents.contains(&id))
    };
    ids.filter(has_parent).collect()
}

fn is_gone(process: u32) -> bool {
    let exists = kill(Pid::from_raw(process.try_into().expect("it fits")), None).is_ok();
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Who reaps it may take a moment.
    !exists || stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

#[rstest]
#[case(&["--via"], "`--via` needs the name of a proxy, or a command behind `--`")]
#[case(&["--via", "--", "x", "{listen}"], "`{target}`, or `{target-port}`, stands nowhere")]
#[case(&["--via", "--", "x", "{target}"], "`{listen}`, or `{listen-port}`, stands nowhere")]
#[case(&["--via", "--subject", "--", "x", "{listen}", "{target}"], "either an agent or a proxy")]
#[case(&["--via", "ngnix"], "there is no proxy `ngnix`; did you mean `nginx`?")]
#[case(&["--subject", "via-ngnix"], "there is no proxy `ngnix`; did you mean `nginx`?")]
fn what_is_no_proxy_is_refused(#[case] arguments: &[&str], #[case] said: &str) {
    let arguments = [&["run", HALF_CLOSE][..], arguments].concat();
    let Said { code, out, error } = sockspec(&arguments, Path::new("/dev/null"));
    assert_eq!((code, out.as_str()), (Some(2), ""), "{error}");
    assert!(error.contains(said), "{error}");
}

#[test]
fn what_no_proxy_carries_is_unsupported() {
    if !has_python("what_no_proxy_carries_is_unsupported") {
        return;
    }
    let cases = [HALF_CLOSE, "halfclose/eof-after-all-data[unix,loopback]"];
    let Said { code, out, .. } = through("right", &cases, &[], Path::new("/dev/null"));
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("1 unsupported: a proxy carries TCP connections"), "{out}");
}

#[test]
fn an_agents_sockets_go_through_a_proxy() {
    let ready = sockspec(&["subjects", "--ready"], Path::new("/dev/null"));
    if !ready.out.lines().any(|name| name == "via-socat") {
        return skip("an_agents_sockets_go_through_a_proxy", "socat is not installed");
    }
    let arguments = ["run", HALF_CLOSE, LATE, "--via", "socat-t30", "--", PROGRAM, "agent"];
    let Said { code, out, error } = sockspec(&arguments, Path::new("/dev/null"));
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(out.contains("kernel-via-socat-t30") || out.contains("via-socat-t30"), "{out}");
}

#[test]
fn every_manifest_is_understood() {
    let Said { code, out, error } = sockspec(&["subjects", "--names"], Path::new("/dev/null"));
    assert_eq!(code, Some(0), "{error}");
    for name in [
        "haproxy",
        "nginx",
        "nginx-half-close",
        "pasta",
        "rinetd",
        "slirp4netns",
        "socat",
        "socat-t30",
        "ssh",
        "systemd-socket-proxyd",
    ] {
        assert!(out.lines().any(|line| line == format!("via-{name}")), "{name}: {out}");
    }
}
