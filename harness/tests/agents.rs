//! Agents: the kernel's sockets through the protocol are as they are without it, and whatever an agent
//! does wrong is told clearly and in time, takes only its own case along, and leaves nothing behind.

#[path = "program/child.rs"]
mod child;
#[path = "program/recording.rs"]
mod recording;
#[path = "program/skip.rs"]
mod skip;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use child::finish;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use recording::verdicts;
use rstest::rstest;
use skip::skip;
use sockspec::run::Verdict;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sockspec");

/// A case with one receive that matters, and one that is none of its business.
const CASE: &str = "halfclose/eof-after-all-data[unix,loopback]";
const OTHER: &str = "broadcast/option-default-off-and-boolean[udp4,loopback]";

/// What came of running patterns with an agent.
struct Said {
    code: Option<i32>,
    out: String,
    error: String,
}

fn run(patterns: &[&str], arguments: &[&str], agent: &[&str], child: &Path) -> Said {
    let mut command = Command::new(PROGRAM);
    command.arg("run").args(patterns).args(arguments).arg("--").args(agent);
    command.env("CHILD", child).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = finish(command.current_dir(env!("CARGO_MANIFEST_DIR")));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), error: text(&output.stderr) }
}

fn misbehaving(fault: &'static str) -> [&'static str; 5] {
    ["python3", "tests/agents/misbehaving.py", fault, PROGRAM, "agent"]
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

#[test]
fn the_kernel_through_the_protocol_is_the_kernel() {
    let folder = tempfile::tempdir().expect("a folder");
    let patterns = ["cumulative/**", "halfclose/**[unix]", "timeout/**[unix]", "framing/**[unix]"];
    let mut found = Vec::new();
    for (name, agent) in [("direct", None), ("agent", Some([PROGRAM, "agent"]))] {
        let file = folder.path().join(name);
        let mut command = Command::new(PROGRAM);
        command.arg("run").args(patterns).arg("--record").arg(&file);
        command.args(agent.iter().flat_map(|agent| ["--", agent[0], agent[1]]));
        let output = finish(command.current_dir(env!("CARGO_MANIFEST_DIR")));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        found.push(verdicts(&file));
    }
    let (direct, through) = (&found[0], &found[1]);
    assert!(direct.len() > 500 && direct.len() == through.len(), "{} cases", direct.len());
    for (case, verdict) in direct {
        let other = through[case];
        // What a busy machine makes slow, or leaves undecided, says nothing.
        if *verdict != Verdict::Slow && other != Verdict::Slow {
            assert_eq!(*verdict, other, "{case}");
        }
    }
}

#[rstest]
#[case::garbage("garbage", "BROKEN", "this is not JSON: expected value", 3)]
#[case::dies("dies", "CRASH", "the agent died: it ended with exit code 7", 1)]
#[case::crashes("crashes", "CRASH", "the agent died: it was ended by SIGSEGV", 1)]
#[case::ends_within_a_line("ends-within-a-line", "CRASH", "it ended with exit code 0", 1)]
#[case::answers_another("answers-another", "BROKEN", "call 4711, which is not pending", 3)]
#[case::floods("floods", "BROKEN", "the line is longer than 16777216 bytes", 3)]
#[case::never_answers("never-answers", "HANG", "", 1)]
#[case::lies("lies-about-its-offers", "FAIL", "unsupported: not today", 1)]
fn a_misbehaviour_is_told_of_its_case(
    #[case] fault: &'static str,
    #[case] verdict: &str,
    #[case] said: &str,
    #[case] code: i32,
) {
    if !has_python(fault) {
        return;
    }
    let nobody = Path::new("/dev/null");
    let Said { code: found, out, error } =
        run(&[CASE], &["--deadline", "300ms"], &misbehaving(fault), nobody);
    assert_eq!(found, Some(code), "{out}{error}");
    assert!(out.contains(&format!("{verdict}  {CASE}")), "{out}");
    assert!(out.contains(said), "{out}");
    if matches!(verdict, "CRASH" | "BROKEN") {
        assert!(out.contains("| spoiling call "), "its last words are shown: {out}");
    }
}

#[test]
fn a_start_that_comes_when_all_is_over_is_overlooked() {
    if !has_python("a_start_that_comes_when_all_is_over_is_overlooked") {
        return;
    }
    let cases = "halfclose/eof-after-all-data[{tcp4,unix},loopback]";
    let folder = tempfile::tempdir().expect("a folder");
    let starts = folder.path().join("starts");
    let said = run(&[cases], &["--jobs", "1"], &misbehaving("starts-late"), &starts);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
    let starts = fs::read_to_string(&starts).expect("it has written it");
    assert_eq!(starts, "started\n", "it lives on");
}

#[test]
fn a_failure_says_how_it_is_run_again_with_an_agent_without_a_name() {
    if !has_python("a_failure_says_how_it_is_run_again") {
        return;
    }
    let agent = misbehaving("lies-about-its-offers");
    let said = run(&[CASE], &[], &agent, Path::new("/dev/null"));
    let again = format!("sockspec run '{CASE}' --peer self -- {}\n", agent.join(" "));
    assert!(said.out.contains(&again), "{again}: {}", said.out);
}

#[test]
fn a_second_answer_is_noticed() {
    if !has_python("a_second_answer_is_noticed") {
        return;
    }
    let nobody = Path::new("/dev/null");
    let Said { code, out, .. } = run(&[CASE], &[], &misbehaving("answers-twice"), nobody);
    assert_eq!(code, Some(3), "{out}");
    assert!(out.contains("which is not pending"), "{out}");
}

#[rstest]
#[case::said("has-classes", 0, None)]
#[case::hidden("hides-that-it-has-classes", 1, Some("it is of the class of EPIPE, but not named"))]
fn a_class_is_enough_for_who_says_that_it_has_no_names(
    #[case] fault: &'static str,
    #[case] code: i32,
    #[case] said: Option<&str>,
) {
    if !has_python(fault) {
        return;
    }
    let case = "halfclose/send-after-shut-wr-epipe[unix,loopback]";
    let Said { code: found, out, .. } =
        run(&[case], &[], &misbehaving(fault), Path::new("/dev/null"));
    assert_eq!(found, Some(code), "{out}");
    assert!(said.is_none_or(|said| out.contains(said)), "{out}");
}

#[test]
fn a_slow_agent_is_as_good_as_a_fast_one() {
    if !has_python("a_slow_agent_is_as_good_as_a_fast_one") {
        return;
    }
    let said = run(&[CASE], &[], &misbehaving("is-slow"), Path::new("/dev/null"));
    assert_eq!(said.code, Some(0), "{}", said.out);
}

#[test]
fn an_agent_may_take_its_time_to_generate_what_it_sends() {
    if !has_python("an_agent_may_take_its_time_to_generate_what_it_sends") {
        return;
    }
    // 48 MiB, which that agent begins to generate when the deadline is over already.
    let case = "proxy/blocked-sender-learns-of-reset[tcp4,loopback]";
    let agent = misbehaving("generates-slowly");
    let said = run(&[case], &["--deadline", "300ms"], &agent, Path::new("/dev/null"));
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
}

#[rstest]
#[case::hangs("hangs-before-hello", "3s", "did not answer at all within 3s\n  | still thinking")]
#[case::dies("dies-before-hello", "60s", "it ended with exit code 1\n  | no sockets here")]
#[case::garbage("garbage-before-hello", "60s", "the line is \"Welcome to my agent!\"")]
#[case::version("speaks-another-version", "60s", "speaks version 7, 9 of the protocol")]
fn what_does_not_say_hello_is_no_agent(
    #[case] fault: &'static str,
    #[case] patience: &str,
    #[case] said: &str,
) {
    if !has_python(fault) {
        return;
    }
    let Said { code, out, error } =
        run(&[CASE], &["--start-time", patience], &misbehaving(fault), Path::new("/dev/null"));
    assert_eq!((code, out.as_str()), (Some(3), ""), "{error}");
    assert!(error.contains(said), "{error}");
}

#[test]
fn what_cannot_be_started_is_told() {
    let Said { code, error, .. } = run(&[CASE], &[], &["/no/such/agent"], Path::new("/dev/null"));
    assert_eq!(code, Some(3));
    assert!(
        error.contains("the agent cannot be started: /no/such/agent: No such file or directory"),
        "{error}"
    );
}

#[test]
fn a_death_takes_only_its_own_case_along_and_three_end_the_matter() {
    if !has_python("a_death_takes_only_its_own_case_along") {
        return;
    }
    let nobody = Path::new("/dev/null");
    let one = run(&[CASE, OTHER], &["--jobs", "1"], &misbehaving("dies"), nobody);
    assert!(one.out.ends_with("1 passed, 1 failed, 0 skipped\n"), "{}", one.out);
    let pattern = "halfclose/**[unix,loopback]";
    let many = run(&[pattern], &["--jobs", "1"], &misbehaving("dies"), nobody);
    assert!(many.out.contains("3 agents in a row have died; the last: "), "{}", many.out);
    assert_eq!(many.code, Some(1));
}

#[test]
fn an_agent_finds_no_signal_blocked_whenever_it_is_started() {
    if !has_python("an_agent_finds_no_signal_blocked_whenever_it_is_started") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let blocked = folder.path().join("blocked");
    // The first is started before the run attends to signals, the second when the first has died. No
    // shell stands between: some of them unblock all signals.
    let script = "import os, signal, sys\n\
                  with open(os.environ['CHILD'], 'a') as file:\n    \
                      print(len(signal.pthread_sigmask(signal.SIG_BLOCK, [])), file=file)\n\
                  os.execvp(sys.argv[1], sys.argv[1:])";
    let agent = [&["python3", "-c", script][..], &misbehaving("dies")].concat();
    let cases = "halfclose/eof-after-all-data[{tcp4,unix},loopback]";
    let said = run(&[cases], &["--jobs", "1"], &agent, &blocked);
    let text = fs::read_to_string(&blocked).expect("it has written it");
    assert_eq!(text, "0\n0\n", "{}{}", said.out, said.error);
}

#[rstest]
#[case("forks")]
#[case("ignores-sigterm")]
#[case("outlives-its-input")]
fn nothing_of_an_agent_stays_behind(#[case] fault: &'static str) {
    if !has_python(fault) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let child = folder.path().join("child");
    let said = run(&[CASE], &[], &misbehaving(fault), &child);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
    let text = fs::read_to_string(&child).expect("it has written it");
    let process = Pid::from_raw(text.parse().expect("a process id"));
    // It is killed before the program ends; who reaps it may take a moment.
    let deadline = Instant::now() + Duration::from_secs(10);
    while kill(process, None).is_ok() && !is_zombie(process) {
        assert!(Instant::now() < deadline, "the agent, or what it started, is still there");
        thread::sleep(Duration::from_millis(1));
    }
}

/// What `agent-check` says of an agent.
fn check(agent: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    command.args(["agent-check", "--"]).args(agent).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = finish(command.current_dir(env!("CARGO_MANIFEST_DIR")));
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_kernels_agent_holds_every_exchange() {
    let (code, out) = check(&[PROGRAM, "agent"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.ends_with(" held, 0 failed, 0 not offered\n"), "{out}");
}

#[rstest]
#[case("garbage", "every byte value travels")]
#[case("answers-another", "every byte value travels")]
#[case("does-not-say-started", "a receive waits until there is something")]
#[case("invents-a-class", "a failure has a name or a class that there is")]
#[case("hides-that-it-has-classes", "a failure has a name or a class that there is")]
#[case("forgets-to-close", "a reset closes what was left open")]
#[case("generates-another-stream", "generated data is the published stream")]
#[case("is-early", "a limit ends a call, and never early")]
#[case("leaks", "a reset is answered when nothing is there")]
#[case("outlives-its-input", "it ends by itself, with exit code 0, when its input does")]
fn what_an_agent_lacks_is_named(#[case] fault: &'static str, #[case] exchange: &str) {
    if !has_python(fault) {
        return;
    }
    let (code, out) = check(&misbehaving(fault));
    // One that hides its hello or its resets cannot even be started.
    let is_named = out.lines().any(|line| line == format!("FAIL  {exchange}"));
    assert!(is_named, "{out}");
    assert_eq!(code, Some(1), "{out}");
}

/// What names each of these faults: all that there is of it.
#[rstest]
#[case("drops-flags", &[
    "FAIL  a look at bytes leaves them",
    "?     MSG_WAITALL waits for the whole amount",
    "?     MSG_TRUNC tells the length of a datagram",
    "?     MSG_MORE makes one datagram of two sends",
    "?     MSG_ERRQUEUE takes no data",
    "?     a send that may raise SIGPIPE tells that it did",
], 1)]
#[case("drops-lengths", &["?     a value that is too short is passed as short"], 0)]
#[case("counts-nothing", &["FAIL  what waits to be received is counted"], 1)]
#[case("knows-no-state", &["FAIL  the state of a connection is told"], 1)]
#[case(
    "asks-for-nothing",
    &["FAIL  epoll tells what is so now", "FAIL  select tells what is so now"],
    1
)]
fn whatever_is_not_passed_on_is_named(
    #[case] fault: &'static str,
    #[case] exchanges: &[&str],
    #[case] exit: i32,
) {
    if !has_python(fault) {
        return;
    }
    let (code, out) = check(&misbehaving(fault));
    let named = out.lines().filter(|line| line.starts_with("FAIL") || line.starts_with("? "));
    assert_eq!(named.collect::<Vec<_>>(), exchanges, "{out}");
    assert_eq!(code, Some(exit), "{out}");
}

#[test]
fn every_manifest_is_understood_and_its_files_are_there() {
    let mut command = Command::new(PROGRAM);
    let output = finish(command.args(["subjects"]).current_dir(env!("CARGO_MANIFEST_DIR")));
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = [
        "kernel",
        "gvisor",
        "go",
        "java",
        "lwip",
        "lwip-link",
        "madsim",
        "native-c",
        "node",
        "python",
        "python-asyncio",
        "rust",
        "rust-tokio",
        "turmoil",
        "uml",
        "winsock",
    ];
    for name in names {
        assert!(out.lines().any(|line| line.split(' ').next() == Some(name)), "{name}: {out}");
    }
}

#[test]
fn a_subject_that_there_is_not_is_told_with_what_is_near() {
    let mut command = Command::new(PROGRAM);
    command.args(["run", CASE, "--subject", "pythn"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = finish(&mut command);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("there is no subject `pythn`; did you mean `python`?"), "{error}");
}

#[test]
fn an_adapter_is_built_and_run_by_its_name() {
    let has_compiler = Command::new("cc").arg("--version").stdout(Stdio::null()).status();
    if !has_compiler.is_ok_and(|status| status.success()) {
        return skip("an_adapter_is_built_and_run_by_its_name", "cc cannot be started");
    }
    let cache = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(PROGRAM);
    command.args(["run", "halfclose/**[unix]", "--subject", "native-c", "--peer", "self"]);
    command.args(["--expectations", "reports/kernel.toml"]).env("XDG_CACHE_HOME", cache.path());
    let output = finish(command.current_dir(env!("CARGO_MANIFEST_DIR")));
    let out = String::from_utf8_lossy(&output.stdout);
    // What native-c's sockets do is what the kernel's do.
    assert_eq!(output.status.code(), Some(0), "{out}{}", String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("native-c Linux"), "{out}");
}

#[test]
fn nothing_of_wine_is_left_when_a_run_is_killed() {
    let test = "nothing_of_wine_is_left_when_a_run_is_killed";
    let needed = ["/usr/lib/wine/wine64", "/usr/bin/x86_64-w64-mingw32-gcc"];
    if !needed.iter().all(|program| Path::new(program).is_file()) {
        return skip(test, "Wine or mingw-w64 is not installed");
    }
    let cache = tempfile::tempdir().expect("a folder");
    let mark = cache.path().display().to_string();
    let mut command = Command::new(PROGRAM);
    command.args(["run", "timeout/**[tcp4,loopback]", "--subject", "winsock"]);
    command.args(["--expectations", "none"]).env("XDG_CACHE_HOME", cache.path());
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut run = command.spawn().expect("it starts");

    // What starts Wine's server by itself leaves the group of processes that the run can kill.
    let has_server = || started_with(&mark).iter().any(|name| name.starts_with("wineserver"));
    let has_come = within(Duration::from_mins(2), has_server);
    run.kill().expect("it is a child");
    run.wait().expect("it ends");
    let has_gone = within(Duration::from_secs(10), || started_with(&mark).is_empty());
    assert!(has_come, "Wine's server was never there");
    assert!(has_gone, "{:?} are left", started_with(&mark));
}

/// The names of processes that have a word in their environment.
fn started_with(word: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("proc is mounted").filter_map(Result::ok);
    let of_it = processes.filter(|process| {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(word)
    });
    of_it.filter_map(|process| fs::read_to_string(process.path().join("comm")).ok()).collect()
}

/// Whether something becomes true in time.
fn within(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while !is_so() {
        if begin.elapsed() > limit {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

#[rstest]
#[case::first("kernel")]
#[case::others("kernel-first")]
#[case::both("self")]
fn a_stack_takes_over_the_link_of_its_host(#[case] peer: &str) {
    let test = "a_stack_takes_over_the_link_of_its_host";
    if !Path::new("/usr/include/lwip/lwip/sockets.h").is_file() {
        return skip(test, "liblwip-dev is not installed");
    }
    let cache = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(PROGRAM);
    command.args(["run", "halfclose/fin-follows-data-on-wire[netns]", "--subject", "lwip-link"]);
    command.args(["halfclose/one-fin-on-wire[netns]", "--expectations", "none"]);
    command.args(["--peer", peer]).env("XDG_CACHE_HOME", cache.path());
    let output = finish(command.current_dir(env!("CARGO_MANIFEST_DIR")));
    let out = String::from_utf8_lossy(&output.stdout);
    if out.contains("network namespaces") {
        return skip(test, "this machine refuses network namespaces");
    }
    assert_eq!(output.status.code(), Some(0), "{out}{}", String::from_utf8_lossy(&output.stderr));
}

#[rstest]
#[case::first("kernel")]
#[case::others("kernel-first")]
fn an_agent_meets_the_kernel(#[case] peer: &str) {
    let patterns = ["halfclose/**[tcp4,loopback]", "halfclose/**[unix]"];
    let mut command = Command::new(PROGRAM);
    command.arg("run").args(patterns).args(["--peer", peer, "--expectations"]);
    command.args(["reports/kernel.toml", "--", PROGRAM, "agent"]);
    let output = finish(command.current_dir(env!("CARGO_MANIFEST_DIR")));
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}");
}

fn is_zombie(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}
