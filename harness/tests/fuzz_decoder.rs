//! Decoders that are wrong are found, by the law that they break, and the case is short. What is no
//! decoder at all is told clearly and in time, and nothing of it stays behind.

#[path = "program/child.rs"]
mod child;
#[path = "program/skip.rs"]
mod skip;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use child::finish;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use skip::skip;

/// What the decoders in `decoders/` read, but for the others.
const LENGTHS: [&str; 4] = ["--framing", "binary-length u32 big", "--limit", "1000"];
const LINES: [&str; 4] = ["--framing", "terminator newline", "--limit", "40"];

/// How a run ended and what it said.
struct Said {
    code: Option<i32>,
    out: String,
    error: String,
}

impl Said {
    /// The law that a finding names.
    fn law(&self) -> &str {
        let name = self.out.strip_prefix("FAIL  ").and_then(|rest| rest.split(':').next());
        name.unwrap_or_else(|| panic!("nothing was found: {}{}", self.out, self.error))
    }

    /// The case that a finding says to give again.
    fn case(&self) -> String {
        let (_, rest) = self.out.split_once(" --case ").expect("there is a case");
        let (case, _) = rest.split_once(" -- ").expect("there is a command");
        case.trim_matches('\'').to_owned()
    }
}

fn fuzz(options: &[&str], command: &[&str]) -> Said {
    let output = finish(fuzz_decoder().args(options).arg("--").args(command));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), error: text(&output.stderr) }
}

/// The program in the folder of the decoders, with nothing chosen yet.
fn fuzz_decoder() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockspec"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decoders");
    command.arg("fuzz-decoder").current_dir(folder).env("PYTHONDONTWRITEBYTECODE", "1");
    command
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
#[case("loses_split_frame.py", "chunks", 2, 4)]
#[case("loses_split_header.py", "chunks", 2, 4)]
#[case("drops_partial_frame.py", "truncation", 1, 4)]
#[case("returns_partial_frame.py", "truncation", 1, 4)]
#[case("limit_is_one_too_small.py", "model", 1, 1_004)]
#[case("crashes_on_boundary_length.py", "crash", 1, 260)]
#[case("answers_garbage.py", "garbage", 1, 5)]
#[case("answers_twice.py", "garbage", 1, 8)]
#[case("merges_frames.py", "model", 1, 8)]
#[case("gives_frame_late.py", "stall", 1, 4)]
#[case("forgets_refusal.py", "sticky", 1, 4)]
fn a_wrong_decoder_is_found_with_a_short_case(
    #[case] file: &str,
    #[case] law: &str,
    #[case] chunks: usize,
    #[case] bytes: usize,
) {
    if !has_python(&format!("a_wrong_decoder_is_found_with_a_short_case ({file})")) {
        return;
    }
    let said = fuzz(&LENGTHS, &["python3", file]);
    assert_eq!((said.code, said.law()), (Some(1), law), "{}{}", said.out, said.error);
    let case: sockspec::explore::Case = said.case().parse().expect("it is a case");
    assert_eq!((case.sizes().len(), case.stream().len()), (chunks, bytes), "{}", said.out);

    // The case alone shows the same.
    let case = said.case();
    let again = fuzz(&[&LENGTHS[..], &["--case", &case]].concat(), &["python3", file]);
    assert_eq!((again.code, again.law()), (Some(1), law), "{}{}", again.out, again.error);
}

#[test]
fn a_decoder_that_hangs_is_found_in_time() {
    if !has_python("a_decoder_that_hangs_is_found_in_time") {
        return;
    }
    let options = [&LENGTHS[..], &["--timeout", "500ms"]].concat();
    let said = fuzz(&options, &["python3", "hangs_on_empty_frame.py"]);
    assert_eq!((said.code, said.law()), (Some(1), "hang"), "{}{}", said.out, said.error);
    assert_eq!(said.case(), "00000000");
    assert!(said.out.contains("no answer within 500ms"), "{}", said.out);
    assert!(!said.out.contains("flush"), "it has answered before: {}", said.out);
}

#[test]
fn a_decoder_that_keeps_the_last_stream_is_found_without_a_case() {
    if !has_python("a_decoder_that_keeps_the_last_stream_is_found_without_a_case") {
        return;
    }
    let said = fuzz(&LENGTHS, &["python3", "keeps_last_stream.py"]);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.error);
    assert!(said.out.contains("`new` keeps something"), "{}", said.out);
    assert!(said.out.contains(" --seed 1 --runs "), "{}", said.out);
}

#[test]
fn a_format_that_is_not_known_is_tested_with_samples() {
    if !has_python("a_format_that_is_not_known_is_tested_with_samples") {
        return;
    }
    let samples = ["--sample", "netstrings/hello", "--sample", "netstrings/short"];
    let said = fuzz(&[&samples[..], &["--runs", "100"]].concat(), &["python3", "netstrings.py"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
    assert!(said.out.starts_with("held: 100 streams, "), "{}", said.out);
    let said = fuzz(&samples, &["python3", "netstrings.py", "forgetful"]);
    assert_eq!((said.code, said.law()), (Some(1), "chunks"), "{}{}", said.out, said.error);
    assert_eq!(said.case(), "35|3a61616161612c");
}

#[test]
fn the_example_holds_as_the_pages_say() {
    if !has_python("the_example_holds_as_the_pages_say") {
        return;
    }
    let options = [&LENGTHS[..2], &["--limit", "64KiB"]].concat();
    let said = fuzz(&options, &["python3", "../../decoders/example.py"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
    let (counts, _) = said.out.split_once(", seed 1; laws ").expect("it held");
    assert_pages_show(counts);

    let said = fuzz(&options, &["python3", "loses_split_frame.py"]);
    assert_eq!(said.code, Some(1), "{}", said.error);
    assert_pages_show(&said.out);
}

fn assert_pages_show(text: &str) {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in ["decoders/README.md", "../README.md"] {
        let page = crate_folder.join(page);
        let content = fs::read_to_string(&page).expect("the page can be read");
        assert!(content.contains(text), "{} does not show this:\n{text}", page.display());
    }
}

#[test]
fn a_shell_script_can_be_a_decoder() {
    let right = fuzz(&[&LINES[..], &["--runs", "100"]].concat(), &["sh", "lines.sh"]);
    assert_eq!(right.code, Some(0), "{}{}", right.out, right.error);
    let wrong = fuzz(&LINES, &["sh", "lines.sh", "forgetful"]);
    assert_eq!((wrong.code, wrong.law()), (Some(1), "chunks"), "{}{}", wrong.out, wrong.error);
    assert_eq!(wrong.case(), "61|0a");
    assert!(wrong.out.contains("(lines.sh forgetful)"), "{}", wrong.out);
}

#[test]
fn the_same_seed_says_the_same_and_another_something_else() {
    let said =
        |seed| fuzz(&[&LINES[..], &["--seed", seed]].concat(), &["sh", "lines.sh", "forgetful"]);
    assert_eq!(said("7").out, said("7").out);
    assert_ne!(said("7").out, said("8").out);
    let held = |seed| {
        let options = [&LINES[..], &["--runs", "40", "--seed", seed]].concat();
        fuzz(&options, &["sh", "lines.sh"]).out
    };
    assert_eq!(held("7"), held("7"));
}

#[test]
fn only_the_laws_that_are_asked_for_are_held() {
    for (options, law) in [
        (&["--only", "truncation"][..], "truncation"),
        (&["--only", "sticky,stall"], "stall"),
        (&["--except", "chunks"], "stall"),
    ] {
        let said = fuzz(&[&LINES[..], options].concat(), &["sh", "lines.sh", "forgetful"]);
        if law == "truncation" {
            assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
            continue;
        }
        assert_eq!((said.code, said.law()), (Some(1), law), "{}", said.out);
        assert!(said.out.contains(&format!("{} ", options.join(" "))), "{}", said.out);
    }
}

#[test]
fn a_case_that_is_right_is_told_so() {
    let said = fuzz(&[&LINES[..], &["--case", "61|0a"]].concat(), &["sh", "lines.sh"]);
    assert_eq!(said.code, Some(0), "{}", said.error);
    assert!(said.out.starts_with("held: the case keeps the laws model, chunks"), "{}", said.out);
}

#[test]
fn an_answer_that_is_late_once_is_no_finding() {
    let folder = tempfile::tempdir().expect("a folder for the mark");
    let mark = folder.path().join("late");
    let script = "if [ ! -e \"$0\" ]; then : >\"$0\"; echo sockspec-decoder 1; sleep 100; fi
        exec sh lines.sh";
    let options = [&LINES[..], &["--runs", "10", "--timeout", "1s"]].concat();
    let said = fuzz(&options, &["sh", "-c", script, mark.to_str().expect("a plain path")]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.error);
    assert!(said.out.contains("but: 1 answer took more than 1s"), "{}", said.out);
}

#[rstest]
#[case::missing(&["no-such-decoder"], "the decoder cannot be started: no-such-decoder: No such file")]
#[case::ends(&["sh", "-c", "echo oops >&2; exit 3"], "it ended with exit code 3\n  | oops\n")]
#[case::another(&["sh", "-c", "echo hello; sleep 100"], "must be `sockspec-decoder 1`; it is \"hello\"")]
#[case::newer(&["sh", "-c", "echo sockspec-decoder 2; sleep 100"], "it is \"sockspec-decoder 2\"")]
#[case::floods(&["yes"], "it is \"y\"")]
#[case::floods_one_line(&["sh", "-c", "exec tr '\\0' x </dev/zero"], "it is \"xxxx")]
fn what_is_no_decoder_is_told(#[case] command: &[&str], #[case] told: &str) {
    let said = fuzz(&LINES, command);
    assert_eq!(said.code, Some(3), "{}{}", said.out, said.error);
    assert!(said.error.starts_with("error: ") && said.error.contains(told), "{}", said.error);
    assert!(said.error.len() < 1_000, "{}", said.error);
}

#[rstest]
#[case::echoes("exec cat", "garbage", "the answer \"new\" is not `more`")]
#[case::floods("read x; echo more; exec tr '\\0' x </dev/zero", "flood", "more than")]
#[case::gives_too_much(
    "read x; echo more; while :; do echo frame; done",
    "flood",
    "more messages than bytes"
)]
#[case::is_killed("kill -SEGV $$", "crash", "it was ended by SIGSEGV")]
#[case::says_nothing("echo why >&2; exit 9", "crash", "exit code 9")]
#[case::closes("read x; exec >&-; sleep 100", "crash", "it closed its standard output")]
#[case::never_flushes("sleep 100", "hang", "does not flush")]
#[case::floods_errors("while :; do echo y >&2; done", "hang", "...")]
fn what_a_program_does_instead_of_answering_is_a_finding(
    #[case] script: &str,
    #[case] law: &str,
    #[case] told: &str,
) {
    let script = format!("echo sockspec-decoder 1; {script}");
    let options = [&LINES[..], &["--timeout", "500ms"]].concat();
    let said = fuzz(&options, &["sh", "-c", &script]);
    assert_eq!((said.code, said.law()), (Some(1), law), "{}{}", said.out, said.error);
    assert!(said.out.contains(told), "{}", said.out);
    assert!(said.out.len() < 4_000, "{}", said.out);
}

/// A decoder that ignores signals, has children, and answers nothing.
const STUBBORN: &str = "trap '' TERM INT HUP; echo sockspec-decoder 1; sleep 1000 & sleep 1000 &
    while :; do sleep 1000; done";

#[test]
fn nothing_of_a_decoder_stays_behind() {
    let mark = Mark::new("end");
    let output = finish(
        fuzz_decoder()
            .args(LINES)
            .args(["--timeout", "200ms", "--", "sh", "-c", STUBBORN])
            .env(Mark::NAME, &mark.0),
    );
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    wait_until("nothing is left", || mark.processes().is_empty());
}

#[rstest]
#[case::killed(Signal::SIGKILL)]
#[case::terminated(Signal::SIGTERM)]
fn nothing_of_a_decoder_outlives_a_run_that_is_ended(#[case] signal: Signal) {
    let mark = Mark::new(signal.as_str());
    let mut run = fuzz_decoder()
        .args(LINES)
        .args(["--timeout", "600s", "--", "sh", "-c", STUBBORN])
        .env(Mark::NAME, &mark.0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    // The run, its guard, the decoder and what that has started.
    wait_until("the decoder runs", || mark.processes().len() >= 6);
    kill(Pid::from_raw(run.id().try_into().expect("an id fits")), signal).expect("it runs");
    run.wait().expect("it is a child");
    wait_until("nothing is left", || mark.processes().is_empty());
}

/// What marks the processes of one run: a variable in their environment.
struct Mark(String);

impl Mark {
    const NAME: &str = "SOCKSPEC_TEST_MARK";

    fn new(what: &str) -> Self {
        Self(format!("{}-{what}", std::process::id()))
    }

    fn processes(&self) -> Vec<String> {
        let wanted = format!("{}={}", Self::NAME, self.0);
        let is_marked = |id: &String| {
            let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes())
        };
        let entries = fs::read_dir("/proc").expect("there is /proc").flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            .filter(is_marked)
            .collect()
    }
}

/// Looks again and again until something is so.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(1), "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[rstest]
#[case::nothing_known(&[], "give its framing and limit")]
#[case::no_limit(&["--framing", "terminator"], "--limit <SIZE>")]
#[case::no_framing(&["--limit", "5"], "--framing <FRAMING>")]
#[case::unknown_framing(&["--framing", "lines", "--limit", "5"], "there is no framing `lines`")]
#[case::unknown_law(&["--only", "speed"], "expected one of model, chunks")]
#[case::no_law(&["--sample", "netstrings/hello", "--only", "model"], "no law is left")]
#[case::no_sample(&["--sample", "nowhere"], "the sample nowhere cannot be read")]
#[case::no_case(&["--case", "0x"], "`0x` is not in hexadecimal")]
fn a_wrong_command_line_is_told(#[case] options: &[&str], #[case] told: &str) {
    let said = fuzz(options, &["sh", "lines.sh"]);
    assert_eq!(said.code, Some(2), "{}{}", said.out, said.error);
    assert!(said.error.contains(told), "{}", said.error);
}
