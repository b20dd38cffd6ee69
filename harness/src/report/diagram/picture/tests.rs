use std::time::Duration;

use quick_xml::Reader;
use quick_xml::events::Event as Xml;

use super::*;
use crate::report::{CaseTranscript, Transcript, captured, fixture};
use crate::run::Verdict;
use crate::run::event::{Judgement, PacketReport, Packets, StepReport};
use crate::scenario::Place;
use crate::vocabulary::{Errno, Outcome, split_mix};

const REVERSE: &str = "halfclose/reverse-direction-stays-usable[tcp4,loopback]";

fn finished<'t>(transcript: &'t Transcript, id: &str) -> &'t CaseFinished {
    let mut cases = transcript.cases().into_iter().map(CaseTranscript::shown);
    cases.find(|case| case.case.as_str() == id).expect("the case ran")
}

fn drawn(transcript: &Transcript, case: &CaseFinished) -> String {
    let scenario = transcript.scenario(&case.scenario).expect("it was loaded");
    let elaborated = Elaborated::of(scenario, None);
    Diagram { case, scenario, elaborated: &elaborated }.to_string()
}

/// The diagram of a case of the fixture.
fn of_fixture(id: &str) -> String {
    let transcript = Transcript::of(&fixture::every_standing());
    drawn(&transcript, finished(&transcript, id))
}

/// The text of an element that must be well-formed, and have nothing in it that a page may not have
/// many of, or that its policy forbids.
fn text_of(svg: &str) -> String {
    let mut reader = Reader::from_str(svg);
    reader.config_mut().check_end_names = true;
    let (mut text, mut depth) = (String::new(), 0);
    loop {
        match reader.read_event().expect("it is well-formed") {
            Xml::Start(element) => {
                depth += 1;
                for attribute in element.attributes() {
                    let attribute = attribute.expect("attributes are well-formed");
                    let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
                    assert!(!["id", "style", "href"].contains(&&*key), "{key}");
                    assert!(!key.starts_with("on"), "{key}");
                }
                let name = element.name();
                let known = [&b"svg"[..], b"title", b"desc", b"g", b"text", b"tspan"];
                assert!(known.contains(&name.as_ref()), "{name:?}");
            }
            Xml::End(_) => depth -= 1,
            Xml::Empty(element) => {
                let known = [&b"rect"[..], b"path", b"circle"];
                assert!(known.contains(&element.name().as_ref()), "{element:?}");
            }
            Xml::Text(part) => text.push_str(&part.decode().expect("it is UTF-8")),
            Xml::GeneralRef(reference) => {
                let name = reference.decode().expect("it is UTF-8").into_owned();
                assert!(["lt", "gt", "amp", "quot", "#39"].contains(&&*name), "{name}");
                text.push(match &*name {
                    "lt" => '<',
                    "gt" => '>',
                    "amp" => '&',
                    "quot" => '"',
                    _ => '\'',
                });
            }
            Xml::Eof => break,
            other => panic!("an SVG without {other:?}"),
        }
    }
    assert_eq!(depth, 0, "every element ends");
    text
}

#[test]
fn a_reset_stands_before_the_call_that_it_fails() {
    insta::assert_snapshot!(of_fixture(REVERSE));
}

#[test]
fn a_broadcast_is_one_arrow_with_many_heads() {
    insta::assert_snapshot!(of_fixture("broadcast/reaches-every-host[lan,port=9]"));
}

#[test]
fn a_hang_is_a_bar_from_its_beginning_to_its_end() {
    insta::assert_snapshot!(of_fixture("timeouts/receive-timeout-restarts[udp4,loopback]"));
}

#[test]
fn a_crash_is_marked_at_its_step() {
    insta::assert_snapshot!(of_fixture("framing/large-message[tcp6,loopback]"));
}

#[test]
fn what_did_not_run_has_no_diagram() {
    for id in ["broadcast/reaches-every-host[netns]", "broadcast/reaches-every-host[routed]"] {
        assert_eq!(of_fixture(id), "");
    }
}

#[test]
fn every_diagram_says_in_words_what_it_shows() {
    let transcript = Transcript::of(&fixture::every_standing());
    for case in transcript.cases() {
        let svg = drawn(&transcript, case.shown());
        let text = text_of(&svg);
        for step in &case.shown().steps {
            if let Some(outcome) = step
                .outcome
                .as_ref()
                .filter(|outcome| matches!(outcome, Outcome::Failed { .. } | Outcome::EndOfStream))
            {
                // Once where it stands, and once for who listens.
                let times = text.matches(&outcome.to_string()).count();
                assert!(times >= 2, "{outcome} in {}", case.shown().case);
            }
        }
    }
}

#[test]
fn without_its_language_the_words_of_a_scenario_tell_who_acts() {
    let transcript = Transcript::of(&fixture::every_standing());
    let case = finished(&transcript, REVERSE);
    let scenario = transcript.scenario(&case.scenario).expect("it was loaded");
    let elaborated = Elaborated::default();
    let text = text_of(&Diagram { case, scenario, elaborated: &elaborated }.to_string());
    for words in ["client: send c \"ping\" → 4", "packet server to client: RST ACK"] {
        assert!(text.contains(words), "{words} in {text}");
    }
}

/// Numbers that look random, from a seed.
struct Numbers {
    seed: u64,
    drawn: u64,
    frames: Vec<PacketReport>,
}

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.drawn += 1;
        split_mix(self.seed, self.drawn) % end
    }

    fn time(&mut self) -> Duration {
        match self.below(8) {
            0 => Duration::ZERO,
            1 => Duration::MAX,
            2 => Duration::from_secs(self.below(5_000)),
            _ => Duration::from_nanos(self.below(3_000_000)),
        }
    }

    fn step(&mut self) -> StepReport {
        let short = |number: u64| u32::try_from(number).expect("it is small");
        let mut place = || Place {
            line: short(self.below(16)),
            column: short(self.below(20)),
            length: short(self.below(60)),
        };
        let (place, expected) = (place(), place());
        let outcome = match self.below(6) {
            0 => None,
            1 => Some(Outcome::Blocked),
            2 => Some(Outcome::Unsupported { why: "<b>\u{0}\u{202e}".repeat(40) }),
            3 => Some(Outcome::data(b"<script>&\xff")),
            _ => Some(Outcome::failed(Errno::EPIPE)),
        };
        let detail = Some("why <not>\n]]>\u{1b}[2J".repeat(9));
        let judgement = match self.below(8) {
            0 => Judgement::Missed { detail },
            1 => Judgement::Hung,
            2 => Judgement::Moot,
            3 => Judgement::Excused { detail },
            4 => Judgement::Slow { limit: self.time() },
            _ => Judgement::Met,
        };
        let (began, took) = (self.time(), self.time());
        let ending = outcome.as_ref().and_then(Outcome::ending);
        let note = (self.below(4) == 0).then(|| "as </title>\n good".repeat(9));
        StepReport {
            place,
            expected: Some(expected),
            outcome,
            began,
            took,
            judgement,
            ending,
            note,
            samples: None,
        }
    }

    fn frame(&mut self) -> PacketReport {
        let at = self.below(self.frames.len() as u64);
        let mut frame = self.frames[usize::try_from(at).expect("it is small")].clone();
        frame.at = self.time();
        let mut host = || match self.below(5) {
            0 => None,
            host => usize::try_from(host).ok(),
        };
        (frame.sender, frame.receiver) = (host(), host());
        if self.below(4) == 0 {
            let length = frame.bytes.len();
            let at = usize::try_from(self.below(length as u64)).expect("it is small");
            frame.bytes[at] ^= 0x41;
        }
        frame
    }
}

/// A case that no subject could have come to.
fn odd(transcript: &Transcript, seed: u64, steps: u64, frames: u64) -> CaseFinished {
    let mut case = finished(transcript, REVERSE).clone();
    let known = [captured::reset_connection(), captured::answered_broadcast()];
    let known = known.into_iter().flat_map(|packets| packets.frames).collect();
    let mut numbers = Numbers { seed, drawn: 0, frames: known };
    case.verdict = Verdict::ALL[usize::try_from(seed % 8).expect("it is small")];
    case.steps = (0..steps).map(|_| numbers.step()).collect();
    case.packets = (frames > 0).then(|| Packets {
        hosts: vec!["<host&>".to_owned(), "\"a\"".to_owned(), "\u{202e}".repeat(200)],
        began: 0,
        frames: (0..frames).map(|_| numbers.frame()).collect(),
        lost: seed,
    });
    case
}

/// Draws a case of a scenario whose words are odd too.
fn drawn_oddly(transcript: &Transcript, case: &CaseFinished) -> String {
    let mut scenario = transcript.scenario(&case.scenario).expect("it was loaded").clone();
    let odd = "<b> send &amp; \"x\" &r => ok\n'a' await r => 日本語\npair <b>.c 'a'.s\nwait\nwire";
    scenario.source = format!("{}\n{odd}\n\u{7}\u{fffe} x\n", scenario.source).into();
    let elaborated = Elaborated::of(&scenario, None);
    Diagram { case, scenario: &scenario, elaborated: &elaborated }.to_string()
}

#[test]
fn nothing_that_was_recorded_breaks_it() {
    let transcript = Transcript::of(&fixture::every_standing());
    for seed in 0..100 {
        let (steps, frames) = (seed % 13 * (seed % 5), seed % 7 * 9);
        let svg = drawn_oddly(&transcript, &odd(&transcript, seed, steps, frames));
        assert!(!text_of(&svg).contains('\u{202e}'), "{seed}");
    }
}

#[test]
fn it_is_bounded_however_much_there_is() {
    let transcript = Transcript::of(&fixture::every_standing());
    for (steps, frames) in [(5_000, 0), (0, 10_000), (2_000, 10_000)] {
        let svg = drawn_oddly(&transcript, &odd(&transcript, 3, steps, frames));
        assert!(svg.len() < LARGEST, "{} bytes", svg.len());
        text_of(&svg);
    }
}

/// What a diagram has at the most, in bytes.
const LARGEST: usize = 256 << 10;
