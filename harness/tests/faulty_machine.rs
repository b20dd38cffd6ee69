//! A machine with a planted fault fails on the scenarios that the fault concerns, and on no other.

#[path = "program/child.rs"]
mod child;
#[path = "program/recording.rs"]
mod recording;
#[path = "program/skip.rs"]
mod skip;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use child::finish;
use recording::verdicts;
use skip::skip;
use sockspec::report::recording::read;
use sockspec::run::Verdict;
use sockspec::run::event::Event;
use sockspec::scenario::{Action, Alternative, Case, Document, Expectation, Expected, Suite};
use sockspec::vocabulary::{Errno, How, MessageFlags, Op, Pieces, Place, SocketOption};
use tempfile::TempDir;

/// Scenarios in which `SO_RCVTIMEO` is set and which rightly do not notice that it fires early.
const NOT_TIMED: [(&str, &str); 9] = [
    ("timeout/applies-per-call", "data comes well before the limit, also before an early one"),
    ("timeout/poll-ignores-rcvtimeo", "poll does not look at the limit"),
    ("timeout/python-accept-does-not-inherit", "nobody waits until the limit"),
    ("timeout/python-timeout-leaks-through-dup", "data comes well before the limit, also then"),
    ("timeout/python-waitall-lost-with-timeout", "data comes well before the limit, also then"),
    ("timeout/ready-data-beats-timeout", "data is there before the receive"),
    ("timeout/signal-interrupts-recv-with-timeout", "a signal comes seconds before the limit"),
    ("timeout/subtick-value-not-zero", "the limit is within a clock tick, as is what is left"),
    ("timeout/zero-means-forever", "no limit is left, and nothing can be early"),
];

/// Scenarios of framing that a wrong last byte leaves as they are.
const UNSPOILT: [(&str, &str); 2] = [
    ("framing/framings-do-not-mix", "no message comes of these bytes, nor of others"),
    ("framing/largest-length-is-refused", "another large length is refused just the same"),
];

/// Scenarios that the faults of broadcasting leave alone.
const NOT_IPV4: [(&str, &str); 1] =
    [("broadcast/ipv6-needs-multicast", "it sends over IPv6, where nothing is a broadcast")];

#[test]
fn a_machine_without_a_fault_passes() {
    let folder = tempfile::tempdir().expect("a folder for the recording");
    let run = Run::of(None, folder.path(), "**");
    assert_eq!(run.code, Some(0), "{}", run.said);
}

#[test]
fn a_shutdown_that_does_nothing_is_noticed() {
    let test = "a_shutdown_that_does_nothing_is_noticed";
    let Some(fault) = Fault::build(test, "shutdown_write_does_nothing.c") else { return };
    fault.is_noticed(DIRECT, &[], |op, _| matches!(op, Op::Shutdown { how: How::Write, .. }));
}

#[test]
fn a_receive_timeout_that_fires_early_is_noticed() {
    let test = "a_receive_timeout_that_fires_early_is_noticed";
    let Some(fault) = Fault::build(test, "receive_timeout_fires_early.c") else { return };
    fault.is_noticed(DIRECT, &NOT_TIMED, |op, _| {
        matches!(op, Op::SetOption { option: SocketOption::ReceiveTimeout, .. })
    });
}

#[test]
fn a_broadcast_that_is_sent_twice_is_noticed() {
    let test = "a_broadcast_that_is_sent_twice_is_noticed";
    let Some(fault) = Fault::build(test, "broadcast_is_sent_twice.c") else { return };
    fault.is_noticed(BROADCASTS, &NOT_IPV4, is_sent);
}

#[test]
fn a_broadcast_that_is_dropped_is_noticed() {
    let test = "a_broadcast_that_is_dropped_is_noticed";
    let Some(fault) = Fault::build(test, "broadcast_is_dropped.c") else { return };
    fault.is_noticed(BROADCASTS, &NOT_IPV4, is_sent);
}

#[test]
fn a_broadcast_without_permission_is_noticed() {
    let test = "a_broadcast_without_permission_is_noticed";
    let Some(fault) = Fault::build(test, "broadcast_needs_no_permission.c") else { return };
    fault.is_noticed(BROADCASTS, &[], |op, wanted| is_broadcast(op) && !is_sent(op, wanted));
}

#[test]
fn a_refusal_after_a_broadcast_is_noticed() {
    let test = "a_refusal_after_a_broadcast_is_noticed";
    let Some(fault) = Fault::build(test, "broadcast_is_refused_afterwards.c") else { return };
    fault.is_noticed(BROADCASTS, &NOT_IPV4, is_sent);
}

#[test]
fn a_send_that_spoils_a_byte_is_noticed() {
    let test = "a_send_that_spoils_a_byte_is_noticed";
    let Some(fault) = Fault::build(test, "send_spoils_the_last_byte.c") else { return };
    // Where the byte was a terminator, its frame is waited for until the deadline.
    fault.is_noticed("framing/**[unix]", &UNSPOILT, |op, _| match op {
        Op::Send { data, .. } => (2..=1_000).contains(&data.length()),
        Op::SendFrame {
            data,
            pieces: Pieces::Whole | Pieces::First(2..) | Pieces::Rest(_),
            ..
        } => data.length() <= 700,
        _ => false,
    });
}

#[test]
fn a_peek_that_takes_is_noticed() {
    let test = "a_peek_that_takes_is_noticed";
    let Some(fault) = Fault::build(test, "peek_takes_what_it_shows.c") else { return };
    fault.is_noticed(
        "framing/**",
        &[],
        |op, _| matches!(op, Op::Receive { flags, .. } if flags.contains(MessageFlags::PEEK)),
    );
}

#[test]
fn a_reset_that_looks_like_the_end_is_noticed() {
    let test = "a_reset_that_looks_like_the_end_is_noticed";
    let Some(fault) = Fault::build(test, "reset_is_taken_for_the_end.c") else { return };
    let reset = Expected::Failed { errno: Errno::ECONNRESET, signal: None };
    fault.is_noticed("framing/**", &[], |op, wanted| {
        let receives = matches!(op, Op::Receive { .. } | Op::ReceiveFrame { .. });
        receives && wanted.is_some_and(|wanted| wanted.allows(&reset))
    });
}

/// The scenarios that faults of all sockets are tried on. Those of proxies ask nothing else of a connection,
/// and give it so long that a lost end would be waited for by minutes.
const DIRECT: &str = "broadcast/** cumulative/** framing/** halfclose/** timeout/**";
/// The scenarios that the faults of broadcasting are tried on.
const BROADCASTS: &str = "broadcast/**";

/// Whether an operation sends a datagram to a broadcast address.
fn is_broadcast(op: &Op) -> bool {
    let places = |place| {
        matches!(place, Place::Broadcast | Place::SubnetBroadcast | Place::SubnetBroadcastOf(_))
    };
    matches!(op, Op::Send { to: Some(address), .. } if places(address.place))
}

/// Whether one does, and is expected to succeed.
fn is_sent(op: &Op, wanted: Option<&Expectation>) -> bool {
    let succeeds = |one: &Alternative| matches!(one.expected, Expected::Count { .. });
    is_broadcast(op) && wanted.is_some_and(|wanted| wanted.alternatives.iter().any(succeeds))
}

/// A library that stands in front of the system's calls.
struct Fault {
    name: &'static str,
    library: PathBuf,
    folder: TempDir,
}

impl Fault {
    /// Compiles one, where there is a compiler.
    fn build(test: &str, source: &'static str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder for the library");
        let library = folder.path().join("fault.so");
        let source_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/preload").join(source);
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source_file])
            .arg("-ldl")
            .stdin(Stdio::null())
            .status();
        match compiled {
            Ok(status) => assert!(status.success(), "{source} does not compile"),
            Err(error) => {
                skip(test, &format!("the C compiler cannot be started: {error}"));
                return None;
            }
        }
        let name = source.strip_suffix(".c").unwrap_or(source);
        Some(Self { name, library, folder })
    }

    /// Runs the suite on the faulty machine and holds what failed against the cases with a step
    /// that the fault concerns.
    fn is_noticed(
        &self,
        pattern: &str,
        exempt: &[(&str, &str)],
        concerns: impl Fn(&Op, Option<&Expectation>) -> bool,
    ) {
        let run = Run::of(Some(&self.library), self.folder.path(), pattern);
        if run.ran_nothing() {
            skip(self.name, "this machine makes no hosts");
            return;
        }
        assert_eq!(run.code, Some(1), "{}", run.said);
        let suite = suite();
        let cases = suite.iter().flat_map(Document::cases);
        let cases = cases.filter(|case| !run.known.contains(case.id.as_str()));
        let concerned: Vec<Case> =
            cases.filter(|case| ops(case).any(|(op, wanted)| concerns(op, wanted))).collect();

        // No case fails that has no such step.
        let names: BTreeSet<&str> = concerned.iter().map(|case| case.id.as_str()).collect();
        for case in run.bad_cases() {
            assert!(names.contains(case), "{case} failed, which the fault does not concern");
        }

        // Every scenario with such a step fails, but for those that are known to have a reason.
        let failed = run.failed();
        let unnoticed: BTreeSet<&str> = concerned
            .iter()
            .filter(|case| run.ran(case.id.as_str()))
            .map(|case| case.scenario.id.as_str())
            .filter(|scenario| !failed.contains(*scenario))
            .collect();
        let exempt: BTreeSet<&str> = exempt.iter().map(|(scenario, _)| *scenario).collect();
        assert_eq!(unnoticed, exempt, "scenarios that do not notice the fault");

        if run.skipped_some() {
            skip(&format!("the list of {}", self.name), "this machine skips some cases");
            return;
        }
        let list: Vec<&str> = failed.iter().map(String::as_str).collect();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("preload");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(self.name, list.join("\n")));
    }
}

/// The cases of a recorded run that were known to fail before it.
fn known(recording: &Path) -> BTreeSet<String> {
    let file = File::open(recording).expect("the run wrote a recording");
    let started = read(BufReader::new(file)).find_map(|event| match event {
        Ok(Event::RunStarted(started)) => Some(started),
        _ => None,
    });
    let entries = started.and_then(|started| started.known).map(|known| known.entries);
    let cases = entries.into_iter().flatten().flat_map(|entry| entry.cases);
    cases.map(|case| case.to_string()).collect()
}

/// A run of the checkout's suite.
struct Run {
    code: Option<i32>,
    said: String,
    verdicts: Vec<(String, Verdict)>,
    /// The cases that the machine is known to fail without a fault.
    known: BTreeSet<String>,
}

impl Run {
    fn of(fault: Option<&Path>, folder: &Path, pattern: &str) -> Self {
        let recording = folder.join("run.jsonl");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockspec"));
        command
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .arg("run")
            .args(pattern.split(' '))
            .args(["--deadline", "1s", "--jobs", "32", "--record"])
            .arg(&recording);
        if let Some(library) = fault {
            command.env("LD_PRELOAD", library);
        }
        let output = finish(&mut command);
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let verdicts = verdicts(&recording).into_iter().collect();
        Self { code: output.status.code(), said, verdicts, known: known(&recording) }
    }

    fn bad_cases(&self) -> impl Iterator<Item = &str> {
        let bad = self.verdicts.iter().filter(|(_, verdict)| {
            assert_ne!(*verdict, Verdict::Broken, "{}", self.said);
            verdict.is_bad()
        });
        bad.map(|(case, _)| case.as_str()).filter(|case| !self.known.contains(*case))
    }

    /// The scenarios with a case that failed.
    fn failed(&self) -> BTreeSet<String> {
        self.bad_cases().map(|case| scenario(case).to_owned()).collect()
    }

    fn ran_nothing(&self) -> bool {
        self.verdicts.iter().all(|(_, verdict)| *verdict == Verdict::Skipped)
    }

    fn skipped_some(&self) -> bool {
        self.verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Skipped)
    }

    /// Whether a case was neither skipped nor unsupported.
    fn ran(&self, case: &str) -> bool {
        self.verdicts
            .iter()
            .any(|(name, verdict)| name == case && (verdict.is_good() || verdict.is_bad()))
    }
}

/// The scenario that a case's id names.
fn scenario(case: &str) -> &str {
    case.split('[').next().unwrap_or(case)
}

fn suite() -> Vec<Document> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let suite = Suite::load(&[folder]);
    assert!(suite.problems.is_empty(), "the suite has mistakes");
    suite.documents
}

/// What the steps of a case do.
fn ops(case: &Case) -> impl Iterator<Item = (&Op, Option<&Expectation>)> {
    case.steps.iter().filter_map(|step| match &step.action {
        Action::Perform { op, .. } | Action::Start { op, .. } => {
            Some((op, step.expectation.as_ref()))
        }
        _ => None,
    })
}
