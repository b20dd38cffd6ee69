//! Runs that never took place, for the tests of the reports.

use std::sync::Arc;
use std::time::Duration;

use super::captured;
use crate::run::event::{
    CaseFinished, Event, FORMAT, Judgement, RunFinished, RunStarted, StepReport,
};
use crate::run::{Entry, EntryPattern, Known, Samples, Verdict};
use crate::scenario::{Place, Scenario, Variant};
use crate::vocabulary::{
    CaseId, Endpoint, Errno, Level, Outcome, ScenarioId, Signal, Topology, Transport,
};

const REVERSE: &str = r#""After shutdown(write) the other direction still carries data."
cite   RFC 9293 §3.6; POSIX.1-2024 shutdown()
level  must
over   tcp4 tcp6 unix
pair   client.c server.s

client  send c "ping"      => 4
client  shutdown c write   => ok
server  recv s 16          => eof
server  send s "pong"      => 4       # the other half still works
client  recv c 16          => "pong"
"#;

const ORDER: &str = r#""read+write, write+read and both leave the same socket behind"
cite   POSIX.1-2024 shutdown()
over   tcp4 unix
pair   client.c server.s

vary order
  case read-write:  client shutdown c read  => ok; client shutdown c write => ok
  case write-read:  client shutdown c write => ok; client shutdown c read  => ok

server  recv s 16          => eof
client  send c "x"         => EPIPE
"#;

const TIMEOUT: &str = r#""a receive timeout never fires early, and data restarts it"
level  should
over   tcp4 udp4
pair   client.c server.s

client  setopt c SO_RCVTIMEO 300ms  => ok
client  recv c 16          => timeout  after 300ms
client  recv c 16 &r                        # starts; the next line runs once it is blocked
wait    200ms
server  send s "x"         => 1
client  await r            => "x"      before 300ms
"#;

const LARGE: &str = r#""a large message arrives whole"
over   tcp4 unix
pair   client.c server.s

client  send c bytes 64KiB of 7   => 65536
server  drain s                   => bytes 64KiB of 7
"#;

const BROADCAST: &str = r#""a broadcast reaches every bound host"
cite   RFC 1122 §3.2.2 (no ICMP error for a broadcast)
on     lan a b d

b  bind u udp4 any:9999               => ok
a  open s udp4                        => ok
a  sendto s "hi" broadcast:9999       => EACCES
b  recvfrom u 16                      => "hi" from a
wire d -> a icmp                      => 0 for 300ms
"#;

const TIMERS: &str = r#""a wait is never shorter than asked"
over   tcp4 udp4
pair   client.c server.s

client  poll c in 20.5ms   => timeout after 20.5ms times 20
client  poll c in 99.9ms   => timeout after 99.9ms before 300ms times 20
"#;

/// A step: the line it stands on, what came of it, how long it took in microseconds, and what is
/// to be said of it.
type Told = (u32, Option<Outcome>, u64, Judgement);

fn met(line: u32, outcome: Outcome, micros: u64) -> Told {
    (line, Some(outcome), micros, Judgement::Met)
}

fn missed(line: u32, outcome: Outcome, micros: u64, detail: Option<&str>) -> Told {
    (line, Some(outcome), micros, Judgement::Missed { detail: detail.map(str::to_owned) })
}

fn data(bytes: &[u8]) -> Outcome {
    Outcome::Data { bytes: bytes.into(), source: None, truncated: false }
}

fn scenario(id: &str, source: &str) -> Arc<Scenario> {
    let header = |word: &str| {
        source.lines().find_map(|line| line.strip_prefix(word)).map(str::trim).unwrap_or_default()
    };
    Arc::new(Scenario {
        id: ScenarioId::new(id),
        path: format!("scenarios/{id}.scn"),
        title: source.lines().next().unwrap_or_default().trim_matches('"').to_owned(),
        cite: header("cite").split("; ").filter(|c| !c.is_empty()).map(str::to_owned).collect(),
        level: Level::from_word(header("level")).unwrap_or_default(),
        source: source.into(),
    })
}

/// Where the `nth` step of a line stands, and its expectation, as elaboration would find them.
fn places(source: &str, line: u32, nth: usize) -> (Place, Option<Place>) {
    let text = source.lines().nth(line as usize - 1).expect("the fixture has that line");
    let text = text.split(" #").next().unwrap_or(text);
    let mut start = text.find(": ").map_or(0, |colon| colon + 1);
    let part = text[start..].split(';').nth(nth).expect("the fixture has that step");
    start += text[start..].split(';').take(nth).map(|part| part.len() + 1).sum::<usize>();
    let place = |from: usize, part: &str| {
        let from = from + (part.len() - part.trim_start().len());
        let column = text[..from].chars().count() + 1;
        Place {
            line,
            column: u32::try_from(column).expect("lines are short"),
            length: u32::try_from(part.trim().chars().count()).expect("lines are short"),
        }
    };
    match part.split_once("=>") {
        Some((step, expected)) => {
            (place(start, step), Some(place(start + step.len() + 2, expected)))
        }
        None => (place(start, part), None),
    }
}

fn case(
    scenario: &Scenario,
    coordinates: &[&str],
    verdict: Verdict,
    steps: &[Told],
) -> CaseFinished {
    let mut began = Duration::ZERO;
    let mut nth = 0;
    let reports: Vec<_> = steps
        .iter()
        .enumerate()
        .map(|(index, (line, outcome, micros, judgement))| {
            nth = if index > 0 && steps[index - 1].0 == *line && *line > 5 { nth + 1 } else { 0 };
            let (place, expected) = places(&scenario.source, *line, nth);
            let took = Duration::from_micros(*micros);
            let report = StepReport {
                place,
                expected,
                outcome: outcome.clone(),
                began,
                took,
                judgement: judgement.clone(),
                ending: outcome.as_ref().and_then(Outcome::ending),
                note: None,
                samples: None,
            };
            began += took;
            report
        })
        .collect();
    let coordinates: Vec<_> = coordinates.iter().map(|&part| part.to_owned()).collect();
    CaseFinished {
        case: CaseId::new(&scenario.id, &coordinates),
        scenario: scenario.id.clone(),
        variant: Variant {
            transport: coordinates.first().and_then(|word| Transport::from_word(word)),
            topology: Topology::Loopback,
            values: Vec::new(),
        },
        iteration: 1,
        level: scenario.level,
        verdict,
        reason: None,
        steps: reports,
        took: began + Duration::from_millis(1),
        stall: Duration::ZERO,
        attempts: 1,
        packets: None,
    }
}

fn because(mut case: CaseFinished, reason: &str) -> CaseFinished {
    case.reason = Some(reason.to_owned());
    case
}

fn start(scenarios: u32, cases: u32, repeat: u32) -> Event {
    Event::RunStarted(RunStarted {
        format: FORMAT,
        sockspec: "0.1.0".to_owned(),
        subject: if repeat > 1 { "stack-a" } else { "kernel" }.to_owned(),
        peer: None,
        command: Vec::new(),
        subject_version: if repeat > 1 { "0.12" } else { "Linux 6.18" }.to_owned(),
        kernel: Some("6.18.44".to_owned()),
        suite: "scenarios/".to_owned(),
        paths: Vec::new(),
        hosts: None,
        shard: None,
        scenarios,
        cases,
        repeat,
        jobs: 2,
        seed: (repeat > 1).then_some(7),
        stress: None,
        at: 1_700_000_000,
        known: None,
    })
}

/// The end of a run.
pub(super) fn end(cut_short: bool, leaks: &[&str]) -> Event {
    Event::RunFinished(RunFinished {
        took: Duration::from_micros(4_021_900),
        stall: Duration::from_micros(3_140),
        cut_short,
        missing: Vec::new(),
        leaks: leaks.iter().map(|&leak| leak.to_owned()).collect(),
        made: None,
    })
}

fn assemble(scenarios: &[&Arc<Scenario>], repeat: u32, cases: Vec<CaseFinished>) -> Vec<Event> {
    let count = |length: usize| u32::try_from(length).expect("fixtures are small");
    let mut events = vec![start(count(scenarios.len()), count(cases.len()) / repeat, repeat)];
    events.extend(scenarios.iter().map(|&scenario| Event::ScenarioLoaded(Arc::clone(scenario))));
    for case in cases {
        events.push(Event::CaseStarted { case: case.case.clone(), iteration: case.iteration });
        events.push(Event::CaseFinished(Box::new(case)));
    }
    events.push(end(false, &[]));
    events
}

/// A run that holds every verdict, and failures of every kind.
pub(super) fn run() -> Vec<Event> {
    let reverse = scenario("halfclose/reverse-direction-stays-usable", REVERSE);
    let order = scenario("cumulative/rd-then-wr-equals-rdwr", ORDER);
    let timeout = scenario("timeouts/receive-timeout-restarts", TIMEOUT);
    let large = scenario("framing/large-message", LARGE);
    let broadcast = scenario("broadcast/reaches-every-host", BROADCAST);
    let cases = [
        reverse_cases(&reverse),
        order_cases(&order),
        timeout_cases(&timeout),
        large_cases(&large),
        broadcast_cases(&broadcast),
    ];
    assemble(&[&reverse, &order, &timeout, &large, &broadcast], 1, cases.concat())
}

/// Two variants that fail in the same way, the greater first, and one that passes.
fn reverse_cases(scenario: &Scenario) -> Vec<CaseFinished> {
    let reset = |transport: &str, micros| {
        let steps = [
            met(5, Outcome::Ok, 60),
            met(5, Outcome::Ok, 190),
            met(7, Outcome::Count(4), 40),
            met(8, Outcome::Ok, 12),
            met(9, Outcome::EndOfStream, 1_200),
            met(10, Outcome::Count(4), 130),
            missed(11, Outcome::failed(Errno::ECONNRESET), micros, None),
        ];
        case(scenario, &[transport, "loopback"], Verdict::Fail, &steps)
    };
    let passes = [met(7, Outcome::Count(4), 40), met(8, Outcome::Ok, 12)];
    let mut captured = reset("tcp4", 450);
    captured.packets = Some(captured::reset_connection());
    vec![
        reset("unix", 410),
        captured,
        case(scenario, &["tcp6", "loopback"], Verdict::Pass, &passes),
    ]
}

/// A failure within a `vary` case line, and one behind it.
fn order_cases(scenario: &Scenario) -> Vec<CaseFinished> {
    let within = [
        met(4, Outcome::Ok, 10),
        met(7, Outcome::Ok, 10),
        missed(7, Outcome::failed(Errno::ENOTCONN), 20, Some("the write half was shut already")),
    ];
    let behind = [
        met(8, Outcome::Ok, 10),
        met(8, Outcome::Ok, 10),
        met(10, Outcome::EndOfStream, 10),
        missed(
            11,
            Outcome::Failed { errno: Errno::EPIPE, signal: Some(Signal::Pipe) },
            20,
            Some("a signal came with it that was not asked for"),
        ),
    ];
    vec![
        case(scenario, &["tcp4", "loopback", "order=read-write"], Verdict::Fail, &within),
        case(scenario, &["unix", "loopback", "order=write-read"], Verdict::Fail, &behind),
    ]
}

/// A slow case and a hanging one.
fn timeout_cases(scenario: &Scenario) -> Vec<CaseFinished> {
    let mut late = met(10, Outcome::Count(1), 320_400);
    late.3 = Judgement::Slow { limit: Duration::from_millis(300) };
    let hangs = [
        met(6, Outcome::Ok, 20),
        met(7, Outcome::Timeout, 301_000),
        (8, None, 80, Judgement::Met),
        (9, None, 200_100, Judgement::Met),
        late.clone(),
        (11, Some(Outcome::Blocked), 2_000_300, Judgement::Hung),
    ];
    let slow = [met(6, Outcome::Ok, 20), late];
    vec![
        case(scenario, &["tcp4", "loopback"], Verdict::Slow, &slow),
        case(scenario, &["udp4", "loopback"], Verdict::Hang, &hangs),
    ]
}

/// Different data, a crash, and a failure that its level excuses.
fn large_cases(scenario: &Scenario) -> Vec<CaseFinished> {
    let bytes: Vec<u8> = (0..=255).cycle().take(65_536).collect();
    let detail = "byte 8192 of 65536 is the first that differs:\n03 instead of a7";
    let differs =
        [met(5, Outcome::Count(65_536), 900), missed(6, data(&bytes), 31_000, Some(detail))];
    let dies = [met(5, Outcome::Count(65_536), 900), (6, None, 12_000, Judgement::Met)];
    let last_words = "it was ended by signal 11 (SIGSEGV); its last words:\n\
                      \x1b[31mpanic\x1b[0m at stack.c:81\nabort";
    let excused = [(5, Some(Outcome::Count(65_000)), 20, Judgement::Excused { detail: None })];
    vec![
        case(scenario, &["tcp4", "loopback"], Verdict::Fail, &differs),
        because(case(scenario, &["tcp6", "loopback"], Verdict::Crash, &dies), last_words),
        case(scenario, &["unix", "loopback"], Verdict::Pass, &excused),
    ]
}

/// Data from a host, a count of packets, and all that is not a judgement on the subject.
fn broadcast_cases(scenario: &Scenario) -> Vec<CaseFinished> {
    let sender = Endpoint::Inet(([10, 83, 4, 1], 40_123).into());
    let from = |bytes: &[u8], truncated| Outcome::Data {
        bytes: bytes.into(),
        source: Some(sender.clone()),
        truncated,
    };
    let sent = [
        met(5, Outcome::Ok, 20),
        met(6, Outcome::Ok, 8),
        met(7, Outcome::failed(Errno::EACCES), 30),
    ];
    let cut = [&sent[..], &[missed(8, from(b"ho\n", true), 90, None)]].concat();
    let seen = [
        &sent[..],
        &[
            (8, None, 0, Judgement::Moot),
            missed(9, Outcome::Count(1), 300_020, Some("port unreachable, after 2.1 ms")),
        ],
    ]
    .concat();
    let bound = [met(5, Outcome::Ok, 20)];
    let mut captured = case(scenario, &["lan", "port=9"], Verdict::Fail, &seen);
    captured.packets = Some(captured::answered_broadcast());
    vec![
        case(scenario, &["lan"], Verdict::Fail, &cut),
        captured,
        because(
            case(scenario, &["netns"], Verdict::Skipped, &[]),
            "needs hosts on a link, and this machine refuses user namespaces",
        ),
        because(case(scenario, &["routed"], Verdict::Unsupported, &[]), "needs `broadcast`"),
        because(
            case(scenario, &["loopback"], Verdict::Broken, &bound),
            "the capture socket could not be opened: EMFILE",
        ),
    ]
}

/// A run of three cases, 200 times each: one fails in runs 17, 80 and 200, one is slow once.
pub(super) fn repeated_run() -> Vec<Event> {
    let reverse = scenario("halfclose/reverse-direction-stays-usable", REVERSE);
    let mut cases = Vec::new();
    for iteration in 1..=200 {
        for transport in ["tcp4", "tcp6", "unix"] {
            let fails = transport == "tcp4" && [17, 80, 200].contains(&iteration);
            let (verdict, last) = if fails {
                (Verdict::Fail, missed(9, Outcome::failed(Errno::ECONNRESET), 400, None))
            } else if transport == "unix" && iteration == 5 {
                (Verdict::Slow, met(9, Outcome::EndOfStream, 40_000))
            } else {
                (Verdict::Pass, met(9, Outcome::EndOfStream, 400))
            };
            let mut case =
                case(&reverse, &[transport, "loopback"], verdict, &[met(8, Outcome::Ok, 12), last]);
            case.iteration = iteration;
            cases.push(case);
        }
    }
    assemble(&[&reverse], 200, cases)
}

/// A run of two cases that take samples: of one all are as expected, of the other the seventh is early.
pub(super) fn sampled_run() -> Vec<Event> {
    let timers = scenario("timeout/timers", TIMERS);
    let of = |micros: u64, over: &[i64]| {
        let over = over.iter().map(|micros| micros * 1_000).collect();
        Some(Samples { wanted: 20, asked: Duration::from_micros(micros), over })
    };
    let spread: Vec<i64> = (0..19).map(|one| 50 + one * one).chain([2_100]).collect();
    let steps = [met(5, Outcome::Timeout, 412_000), met(6, Outcome::Timeout, 2_000_000)];
    let mut good = case(&timers, &["tcp4", "loopback"], Verdict::Pass, &steps);
    good.steps[0].samples = of(20_500, &spread);
    good.steps[1].samples = of(99_900, &spread[5..]);
    let detail = "earlier than 20.5ms allows".to_owned();
    let steps = [(5, Some(Outcome::Timeout), 18_496, Judgement::Early { detail })];
    let mut early = case(&timers, &["udp4", "loopback"], Verdict::Fail, &steps);
    early.steps[0].samples = of(20_500, &[-2_004, 40, 51, 52, 60, 75, 130]);
    assemble(&[&timers], 1, vec![good, early])
}

/// A run of one case for each of these verdicts.
pub(super) fn run_of(verdicts: &[Verdict]) -> Vec<Event> {
    let reverse = scenario("halfclose/reverse-direction-stays-usable", REVERSE);
    let cases = verdicts
        .iter()
        .enumerate()
        .map(|(index, verdict)| case(&reverse, &[&format!("n={index}")], *verdict, &[]))
        .collect();
    assemble(&[&reverse], 1, cases)
}

/// A run of one case that came to these verdicts, one in each repetition, and of which an entry
/// speaks where any verdict is expected.
pub(super) fn one_case(verdicts: &[Verdict], expects: &[Verdict]) -> Vec<Event> {
    let reverse = scenario("halfclose/reverse-direction-stays-usable", REVERSE);
    let of = |(iteration, verdict): (u32, &Verdict)| {
        let steps = [met(7, Outcome::Count(4), 40)];
        let mut case = case(&reverse, &["tcp4", "loopback"], *verdict, &steps);
        case.iteration = iteration;
        case
    };
    let cases: Vec<_> = (1..).zip(verdicts).map(of).collect();
    let repeat = u32::try_from(verdicts.len()).expect("fixtures are small");
    let ids: Vec<_> = cases.iter().map(|case| case.case.clone()).take(1).collect();
    let mut events = assemble(&[&reverse], repeat, cases);
    if !expects.is_empty() {
        know(&mut events, vec![entry(2, ids, expects, None)]);
    }
    events
}

/// An entry as a file would have it from that line on, with a pattern for each scenario.
fn entry(line: u32, cases: Vec<CaseId>, verdicts: &[Verdict], until: Option<&str>) -> Entry {
    let mut patterns: Vec<EntryPattern> = Vec::new();
    for (position, case) in (0..).zip(&cases) {
        let scenario = case.as_str().split('[').next().unwrap_or_default();
        match patterns.iter_mut().find(|pattern| pattern.text == scenario) {
            Some(pattern) => pattern.cases.push(position),
            None => patterns.push(EntryPattern {
                text: scenario.to_owned(),
                line: line + 1,
                cases: vec![position],
                of: None,
            }),
        }
    }
    for pattern in &mut patterns {
        pattern.of = u32::try_from(pattern.cases.len()).ok();
    }
    Entry {
        line,
        last_line: Some(line + 5),
        cases,
        patterns,
        verdicts: verdicts.to_vec(),
        ending: None,
        reason: format!("the reason that stands\nfrom line {line} on"),
        source: "tcp(7)".to_owned(),
        until: until.map(|until| until.parse().expect("a date")),
        until_line: until.map(|_| line + 5),
    }
}

fn know(events: &mut [Event], entries: Vec<Entry>) {
    let Event::RunStarted(run) = &mut events[0] else { panic!("a run starts") };
    run.known = Some(Known { file: "reports/kernel.toml".to_owned(), entries });
}

/// [`run`], of which much is known: most failures, one of them with an entry past its date, one case
/// that is good now, and one that fails in another way than was known.
pub(super) fn known_run() -> Vec<Event> {
    let mut events = run();
    let id = |text: &str| {
        let (scenario, variant) = text.split_once('[').expect("a case's id");
        let variant = variant.trim_end_matches(']').to_owned();
        CaseId::new(&ScenarioId::new(scenario), &[variant])
    };
    let ids = |texts: &[&str]| texts.iter().map(|text| id(text)).collect();
    let reverse = [
        "halfclose/reverse-direction-stays-usable[tcp4,loopback]",
        "halfclose/reverse-direction-stays-usable[tcp6,loopback]",
        "halfclose/reverse-direction-stays-usable[unix,loopback]",
    ];
    let order = [
        "cumulative/rd-then-wr-equals-rdwr[tcp4,loopback,order=read-write]",
        "cumulative/rd-then-wr-equals-rdwr[unix,loopback,order=write-read]",
    ];
    let others = [
        "broadcast/reaches-every-host[lan]",
        "broadcast/reaches-every-host[loopback]",
        "framing/large-message[tcp6,loopback]",
    ];
    let timeout = ["timeouts/receive-timeout-restarts[udp4,loopback]"];
    know(
        &mut events,
        vec![
            entry(4, ids(&reverse), &[Verdict::Fail], None),
            entry(11, ids(&order), &[Verdict::Fail, Verdict::Pass], Some("2023-11-14")),
            entry(18, ids(&others), &[Verdict::Fail, Verdict::Crash], Some("2023-11-15")),
            entry(25, ids(&timeout), &[Verdict::Fail], None),
        ],
    );
    events
}

/// [`known_run`] twice over, with each case in two repetitions: holds every verdict and every standing,
/// one case that is flaky, and one that is flaky though it is known to fail.
pub(super) fn every_standing() -> Vec<Event> {
    let mut events = Vec::new();
    for event in known_run() {
        match event {
            Event::RunStarted(mut run) => {
                run.repeat = 2;
                events.push(Event::RunStarted(run));
            }
            Event::CaseFinished(case) => {
                let mut again = case.clone();
                (again.iteration, again.packets) = (2, None);
                let is_flaky = [
                    "halfclose/reverse-direction-stays-usable[unix,loopback]",
                    "broadcast/reaches-every-host[lan,port=9]",
                ];
                if is_flaky.contains(&case.case.as_str()) {
                    again.verdict = Verdict::Pass;
                    again.steps.retain(|step| step.judgement == Judgement::Met);
                }
                let (id, iteration) = (again.case.clone(), again.iteration);
                events.push(Event::CaseFinished(case));
                events.push(Event::CaseStarted { case: id, iteration });
                events.push(Event::CaseFinished(again));
            }
            event => events.push(event),
        }
    }
    events
}

/// [`run`] on another subject that does more of it right, without two of its scenarios.
pub(super) fn other_subject() -> Vec<Event> {
    let mut events = run();
    let left_out = ["timeouts/receive-timeout-restarts", "framing/large-message"];
    events.retain(|event| match event {
        Event::ScenarioLoaded(scenario) => !left_out.contains(&scenario.id.as_str()),
        Event::CaseStarted { case, .. } => !left_out.iter().any(|id| case.as_str().starts_with(id)),
        Event::CaseFinished(case) => !left_out.contains(&case.scenario.as_str()),
        Event::RunStarted(_) | Event::RunFinished(_) => true,
    });
    for event in &mut events {
        match event {
            Event::RunStarted(run) => {
                (run.subject, run.subject_version) = ("stack-a".to_owned(), "0.12".to_owned());
                (run.scenarios, run.cases) = (3, 10);
            }
            Event::CaseFinished(case) if case.scenario.area() == "cumulative" => {
                case.verdict = Verdict::Pass;
                case.steps.retain(|step| step.judgement == Judgement::Met);
            }
            _ => {}
        }
    }
    events
}

/// A case that passed.
pub(super) fn passed_event() -> Event {
    let reverse = scenario("halfclose/reverse-direction-stays-usable", REVERSE);
    let steps = [met(7, Outcome::Count(4), 40)];
    Event::CaseFinished(Box::new(case(&reverse, &["tcp4"], Verdict::Pass, &steps)))
}

/// A case that failed.
pub(super) fn failed_event() -> Event {
    let reverse = scenario("halfclose/reverse-direction-stays-usable", REVERSE);
    let steps = [missed(7, Outcome::Count(3), 40, None)];
    Event::CaseFinished(Box::new(case(&reverse, &["tcp4"], Verdict::Fail, &steps)))
}
