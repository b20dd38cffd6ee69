use std::hint::black_box;
use std::time::Duration;

use sockspec::run::{Bench, Limits, Pending, Stop, Trial, Verdict, Witness};
use sockspec::scenario::{Case, Document};
use sockspec::subject::kernel::KernelSubject;
use sockspec::vocabulary::{ScenarioId, Topology, Transport};

use crate::raw::HalfClose;
use crate::report::Report;
use crate::sample::{Pair, micros};

/// The half-close exchange as a scenario: what the raw loop does, with an expectation a step.
const P1: &str = r#""After shutdown(write) the peer reads end of stream; the other direction still carries data."
cite   RFC 9293 §3.6; POSIX.1-2024 shutdown()
level  must
over   tcp4 tcp6 unix                 # one case for each
on     loopback
pair   client.c server.s              # a connected pair, before step 1

client  send c "ping"      => 4
client  shutdown c write   => ok
server  recv s 16          => "ping"
server  recv s 16          => eof
server  send s "pong"      => 4       # the other half still works
client  recv c 16          => "pong"
client  close c            => ok
server  close s            => ok
"#;

/// A call that never returns, of every kind that a case can make.
const HANGS: &str = r#""Calls that never return end by their deadline."
over   tcp4 tcp6 unix
pair   client.c server.s

vary call
  case recv:    client recv c 16 => "x"
  case waitall: client recv c 16 MSG_WAITALL => "x"
  case drain:   client drain c => "x"
  case read:    client read c 16 => "x"
  case poll:    client poll c in => in
  case send:    client send c bytes 64MiB => 67108864
  case accept:
    server open l              => ok
    server bind l server:p     => ok
    server listen l            => ok
    server accept l x          => ok
  case started:
    client recv c 16 &r
    client await r             => "x"
"#;

pub(crate) fn measure(report: &mut Report) {
    let subject = KernelSubject::new().expect("the kernel can be used");
    let limits = Limits::default();
    let witness = Witness::absent();
    let (pending, stop) = (Pending::default(), Stop::default());
    // As the program runs cases.
    let bench = Bench {
        pending: Some(&pending),
        stop: Some(&stop),
        ..Bench::new(&subject, &limits, &witness)
    };
    for transport in [Transport::Tcp4, Transport::Tcp6, Transport::Unix] {
        let (goal, least) = if transport == Transport::Unix { ("S2", 0.55) } else { ("S1", 0.70) };
        if report.wants(goal) {
            rate(report, bench, transport, goal, least);
        }
    }
    if report.wants("S4") {
        parsing(report, bench);
    }
    if report.wants("S6") {
        deadlines(report, &subject);
    }
}

fn rate(report: &mut Report, bench: Bench<'_>, transport: Transport, goal: &str, least: f64) {
    let case = case_over(transport);
    let mut raw = HalfClose::over(transport);
    let pair = Pair::measure(
        200,
        || {
            let finished = Trial::run(bench, black_box(&case), 1);
            assert_eq!(finished.verdict, Verdict::Pass, "{finished:?}");
        },
        || raw.run(),
    );
    report.row(
        goal,
        &format!("{:.2}x", pair.rate()),
        &format!(">= {least:.2}x the raw loop"),
        pair.rate() >= least,
        &format!("{transport}: {}", pair.medians()),
    );
}

fn parsing(report: &mut Report, bench: Bench<'_>) {
    let case = case_over(Transport::Tcp4);
    let id = ScenarioId::new("halfclose/p1");
    let pair = Pair::measure(
        200,
        || {
            let parsed = Document::parse(black_box(P1), id.clone(), "p1.scn");
            assert!(parsed.is_ok());
        },
        || drop(black_box(Trial::run(bench, &case, 1))),
    );
    let part = pair.ours().as_secs_f64() / pair.theirs().as_secs_f64();
    report.row(
        "S4",
        &format!("{part:.2}"),
        "<= 0.25 of the P1 it describes",
        part <= 0.25,
        &format!(
            "parse and check {}, run over tcp4 {}",
            micros(pair.ours()),
            micros(pair.theirs())
        ),
    );
}

fn deadlines(report: &mut Report, subject: &KernelSubject) {
    let limits = Limits { answer: Duration::from_millis(300), ..Limits::default() };
    let witness = Witness::absent();
    let bench = Bench::new(subject, &limits, &witness);
    let document = Document::parse(HANGS, ScenarioId::new("hangs"), "hangs.scn");
    let cases = document.expect("the scenario is right").cases();
    let mut worst = Duration::ZERO;
    for case in &cases {
        let finished = Trial::run(bench, case, 1);
        assert!(finished.verdict.is_bad(), "{}: {:?}", finished.case, finished.verdict);
        worst = worst.max(finished.took.saturating_sub(limits.answer));
    }
    report.row(
        "S6",
        &format!("{:.1} ms", worst.as_secs_f64() * 1e3),
        "<= 250 ms past the deadline",
        worst <= Duration::from_millis(250),
        &format!("the worst of {} cases that hang, a deadline of 300 ms", cases.len()),
    );
}

/// The case of the half-close exchange over one transport, on the loopback interface.
pub(crate) fn case_over(transport: Transport) -> Case {
    case_on(Topology::Loopback, transport)
}

/// The case of the half-close exchange over one transport on one topology.
pub(crate) fn case_on(topology: Topology, transport: Transport) -> Case {
    let source = P1.replace("loopback", &topology.to_string());
    let document = Document::parse(&source, ScenarioId::new("halfclose/p1"), "p1.scn");
    let cases = document.expect("the scenario is right").cases();
    let mut cases = cases.into_iter().filter(|case| case.variant.transport == Some(transport));
    cases.next().expect("the scenario runs over this transport")
}
