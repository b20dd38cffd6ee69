use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use sockspec::report::recording::read;
use sockspec::run::Verdict;
use sockspec::run::event::Event;
use sockspec::scenario::{Document, Suite};
use sockspec::vocabulary::{CaseId, Transport};

use crate::raw::HalfClose;
use crate::report::Report;
use crate::sample::{Pair, median};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sockspec");

/// How often the whole suite is run.
const SUITES: usize = 15;

pub(crate) fn measure(report: &mut Report) {
    if report.wants("S7") {
        start(report);
    }
    if report.wants("S5") {
        suite(report);
    }
    if report.wants("S8") {
        memory(report);
    }
    if report.wants("T4") {
        flips(report);
    }
}

fn start(report: &mut Report) {
    let mut raw = HalfClose::over(Transport::Tcp4);
    let one = "halfclose/send-after-shut-wr-epipe[tcp4,loopback]";
    // Where there is no folder of scenarios, the suite that is built in is used.
    let elsewhere = tempfile::tempdir().expect("a folder can be made");
    let pair = Pair::measure(
        20,
        || run_in(elsewhere.path(), &["run", one]),
        || {
            let status = Command::new("/bin/true").status().expect("an empty program runs");
            assert!(status.success());
            raw.run();
        },
    );
    let times = 1.0 / pair.rate();
    report.row(
        "S7",
        &format!("{times:.2}x"),
        "<= 3x an empty program and P1",
        times <= 3.0,
        &format!("a whole run of one case: {}", pair.medians()),
    );
}

fn suite(report: &mut Report) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let scratch = tempfile::tempdir().expect("a folder for the recording");
    let recording = scratch.path().join("run.jsonl");
    let mut cases = 0;
    let (mut walls, mut overs) = (Vec::new(), Vec::new());
    for _ in 0..SUITES {
        let began = Instant::now();
        let folder = folder.to_string_lossy();
        run(&["run", "--suite", &folder, "--record", &recording.to_string_lossy()]);
        let wall = began.elapsed();
        let waits = waits(&recording);
        cases = waits.len();
        let longest = waits.into_iter().max().unwrap_or_default();
        walls.push(wall);
        overs.push(wall.saturating_sub(longest));
    }
    let best = overs.iter().min().copied().unwrap_or_default();
    let allowed = Duration::from_millis(150) + Duration::from_micros(250) * many(cases);
    report.row(
        "S5",
        &format!("{:.3} s", best.as_secs_f64()),
        &format!("<= {:.3} s over the wait", allowed.as_secs_f64()),
        best <= allowed,
        &format!(
            "{cases} cases; over the longest of them median {:.3} s of {SUITES}, wall median {:.3} s",
            median(overs).as_secs_f64(),
            median(walls).as_secs_f64()
        ),
    );
}

/// How long each case of a run took from its first step to its last.
fn waits(recording: &Path) -> Vec<Duration> {
    let file = File::open(recording).expect("the run wrote it");
    let events = read(BufReader::new(file)).map(|event| event.expect("the recording is whole"));
    events
        .filter_map(|event| match event {
            Event::CaseFinished(case) => Some(case),
            _ => None,
        })
        .map(|case| case.steps.iter().map(|step| step.began + step.took).max().unwrap_or_default())
        .collect()
}

fn memory(report: &mut Report) {
    const GOAL: usize = 1_000;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let documents = Suite::load(&[&folder]).documents;
    let all: usize = documents.iter().map(Document::count).sum();
    // The smallest part of the suite that has as many cases as the goal speaks of.
    let parts = (all / GOAL).max(1);
    let peak = |parts: usize| {
        let shard = format!("1/{parts}");
        run(&["run", "--shard", &shard, "--suite", &folder.to_string_lossy()]);
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage is told");
        let kibibytes = u32::try_from(usage.max_rss()).expect("less than a tebibyte");
        f64::from(kibibytes) / 1024.0
    };
    // What children took at most can only grow, so the smaller run comes first.
    let (part, whole) = (peak(parts), peak(1));
    report.row(
        "S8",
        &format!("{part:.1} MiB"),
        "<= 24 MiB for 1,000 cases",
        part <= 24.0,
        &format!(
            "a part of about {} cases; the whole suite's {all} take {whole:.1} MiB",
            all / parts
        ),
    );
}

/// Runs the whole suite again and again, and looks for cases that did not come to the same verdict
/// each time. A run with one case at a time takes minutes, so there are fewer of these.
fn flips(report: &mut Report) {
    const SIDE_BY_SIDE: usize = 8;
    const ONE_AT_A_TIME: usize = 2;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let folder = folder.to_string_lossy();
    let scratch = tempfile::tempdir().expect("a folder for the recording");
    let recording = scratch.path().join("run.jsonl");
    let mut verdicts: BTreeMap<CaseId, BTreeSet<Verdict>> = BTreeMap::new();
    let mut runs = 0;
    for load in [&[][..], &["--stress", "8"]] {
        for (jobs, times) in [(&[][..], SIDE_BY_SIDE), (&["--jobs", "1"], ONE_AT_A_TIME)] {
            for _ in 0..times {
                let recording = recording.to_string_lossy();
                let basic = ["run", "--suite", &folder, "--record", &recording];
                run(&[&basic[..], load, jobs].concat());
                for (case, verdict) in ended(Path::new(&*recording)) {
                    verdicts.entry(case).or_default().insert(verdict);
                }
                runs += 1;
            }
        }
    }
    let flipped: Vec<_> = verdicts.iter().filter(|(_, came)| came.len() > 1).collect();
    let which: Vec<_> = flipped.iter().take(3).map(|(case, _)| case.as_str()).collect();
    report.row(
        "T4",
        &format!("{} of {}", flipped.len(), verdicts.len()),
        "no verdict flips",
        flipped.is_empty(),
        &format!(
            "{runs} runs: {SIDE_BY_SIDE} side by side and {ONE_AT_A_TIME} one at a time, idle and \
             beside 8 busy threads {}",
            which.join(" ")
        ),
    );
}

/// What each case of a run came to.
fn ended(recording: &Path) -> Vec<(CaseId, Verdict)> {
    let file = File::open(recording).expect("the run wrote it");
    let events = read(BufReader::new(file)).map(|event| event.expect("the recording is whole"));
    events
        .filter_map(|event| match event {
            Event::CaseFinished(case) => Some((case.case, case.verdict)),
            _ => None,
        })
        .collect()
}

fn run(arguments: &[&str]) {
    run_in(Path::new("."), arguments);
}

fn run_in(folder: &Path, arguments: &[&str]) {
    let status = Command::new(PROGRAM)
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the program runs");
    assert!(status.success(), "{arguments:?}: {status}");
}

fn many(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
