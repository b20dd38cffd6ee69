use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Socket, Type};
use sockspec::run::event::{Event, Judgement, StepReport};
use sockspec::run::{Bench, Limits, Plan, RunOptions, Selection, Trial, Verdict, Witness, run};
use sockspec::scenario::{Case, Document};
use sockspec::subject::Subject;
use sockspec::subject::kernel::KernelSubject;
use sockspec::vocabulary::{Outcome, ScenarioId, Transport};
use std::os::fd::AsFd;

use crate::engine::case_over;
use crate::report::Report;
use crate::sample::median;

/// Waits of poll, and of a receive with a limit.
const WAITS: &str = r#""A wait ends when its time has come, never before."
over   tcp4 udp4 unix
pair   client.c server.s
vary   limit 1ms 2ms 3ms 5ms 8ms 13ms 20ms

vary call
  case poll:    client poll c in $limit => timeout after $limit
  case recv:
    client setopt c SO_RCVTIMEO $limit => ok
    client recv c 16 => timeout after $limit
"#;

/// A silence of twenty milliseconds.
const SILENCE: &str = r#""Nothing comes."
over   tcp4
pair   client.c server.s

client  recv c 16  => blocked for 20ms
"#;

/// How many waits of each kind are asked for at least.
const WAITED: u32 = 20_000;
/// How many healthy exchanges run beside busy processes.
const HEALTHY: u32 = 20_000;
/// How many processes keep the cores busy meanwhile.
const BUSY: usize = 8;
/// How many silences are kept.
const SILENCES: usize = 101;

pub(crate) fn measure(report: &mut Report) {
    let subject = KernelSubject::new().expect("the kernel can be used");
    if report.wants("T1") {
        early(report, &subject);
    }
    if report.wants("T2") {
        late(report, &subject);
    }
    if report.wants("T3") {
        overshoot(report, &subject);
    }
}

fn early(report: &mut Report, subject: &KernelSubject) {
    let cases = cases_of(WAITS);
    let each = u32::try_from(cases.len() / 2).unwrap_or(1);
    let repeat = WAITED.div_ceil(each);
    let plan = Plan::new(cases, &Selection::default());
    let options = RunOptions { repeat, ..RunOptions::default() };
    let tick = subject.granularity().socket;
    let mut counts = [Early::default(); 2];
    run(plan, subject, &options, &mut |event| {
        if let Event::CaseFinished(finished) = event {
            let kind = usize::from(finished.case.as_str().contains("call=recv"));
            counts[kind].note(finished.steps.last());
        }
    });
    for (count, (name, granted)) in counts
        .iter()
        .zip([("poll", "nothing".to_owned()), ("SO_RCVTIMEO", format!("a tick of {tick:?}"))])
    {
        report.row(
            "T1",
            &format!("{} of {}", count.early, count.waits),
            "no early alarm",
            count.early == 0 && count.waits >= WAITED,
            &format!("{name}, {granted} granted"),
        );
    }
}

#[derive(Clone, Copy, Default)]
struct Early {
    waits: u32,
    early: u32,
}

impl Early {
    fn note(&mut self, step: Option<&StepReport>) {
        let Some(step) = step else { return };
        self.waits += u32::from(step.outcome == Some(Outcome::Timeout));
        self.early += u32::from(matches!(step.judgement, Judgement::Missed { .. }));
    }
}

fn late(report: &mut Report, subject: &KernelSubject) {
    let busy = Busy::start(BUSY);
    let limits = Limits { answer: Duration::from_millis(250), ..Limits::default() };
    let witness = Witness::start().expect("a thread can be had");
    let bench = Bench::new(subject, &limits, &witness);
    let case = case_over(Transport::Tcp4);
    let mut late = 0;
    let mut worst = Duration::ZERO;
    for _ in 0..HEALTHY {
        let finished = Trial::run(bench, &case, 1);
        late += u32::from(finished.verdict != Verdict::Pass);
        worst = worst.max(finished.took);
    }
    drop(busy);
    report.row(
        "T2",
        &format!("{late} of {HEALTHY}"),
        "<= 1 in 10,000 late alarms",
        f64::from(late) <= f64::from(HEALTHY) * 1e-4,
        &format!(
            "P1 beside {BUSY} busy processes, deadline 250 ms; the longest took {:.0} ms, \
             the worst stall was {:.0} ms",
            worst.as_secs_f64() * 1e3,
            witness.worst().as_secs_f64() * 1e3
        ),
    );
}

fn overshoot(report: &mut Report, subject: &KernelSubject) {
    let limits = Limits::default();
    let witness = Witness::absent();
    let bench = Bench::new(subject, &limits, &witness);
    let case = cases_of(SILENCE).remove(0);
    let length = Duration::from_millis(20);
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("socket");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..SILENCES {
        let finished = Trial::run(bench, &case, 1);
        let silence = finished.steps.last().expect("the step ran");
        assert_eq!(silence.outcome, Some(Outcome::Blocked));
        ours.push(silence.took.saturating_sub(length));
        let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLPRI)];
        let began = Instant::now();
        let found = poll(&mut polled, PollTimeout::from(20_u8));
        assert_eq!(found, Ok(0));
        bare.push(began.elapsed().saturating_sub(length));
    }
    let (ours, bare) = (median(ours), median(bare));
    let times = ours.as_secs_f64() / bare.as_secs_f64().max(1e-9);
    report.row(
        "T3",
        &format!("{:.2} ms", ours.as_secs_f64() * 1e3),
        "<= 0.5 ms and <= 3x a bare poll",
        ours <= Duration::from_micros(500) && times <= 3.0,
        &format!(
            "median overshoot of {SILENCES} silences of 20 ms; a bare poll {:.2} ms, {times:.2}x",
            bare.as_secs_f64() * 1e3
        ),
    );
}

fn cases_of(source: &str) -> Vec<Case> {
    let document = Document::parse(source, ScenarioId::new("bench"), "bench.scn");
    document.expect("the scenario is right").cases()
}

/// Processes that compute until they are dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn start(count: usize) -> Self {
        let start = |_| {
            Command::new("sh")
                .args(["-c", "while :; do :; done"])
                .stdin(Stdio::null())
                .spawn()
                .expect("a shell runs")
        };
        Self((0..count).map(start).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It is ours and still there; what cannot be ended cannot be helped.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
