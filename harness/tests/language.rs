//! The language on whole files: what parses, what becomes of it, and the laws of the printer.

use std::time::Duration;

use sockspec::scenario::{Action, Case, Diagnostic, Document, Expected, format, laws};
use sockspec::vocabulary::{Errno, FrameFault, How, Level, Op, OptionValue, ScenarioId};

const EXAMPLES: [(&str, &str); 6] = [
    ("halfclose/eof-after-all-data", include_str!("language/eof-after-all-data.scn")),
    ("cumulative/rd-then-wr-equals-rdwr", include_str!("language/rd-then-wr-equals-rdwr.scn")),
    ("timeouts/restarts", include_str!("language/receive-timeout-restarts.scn")),
    ("broadcast/reaches-a-group", include_str!("language/broadcast-reaches-a-group.scn")),
    ("broadcast/reaches-every-host", include_str!("language/broadcast-reaches-every-host.scn")),
    ("framing/two-framings", include_str!("language/two-framings.scn")),
];

fn shown(source: &str, diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|found| found.render("test.scn", source, false) + "\n\n").collect()
}

fn cases(id: &str, source: &str) -> Vec<Case> {
    match Document::parse(source, ScenarioId::new(id), "test.scn") {
        Ok(document) => {
            let cases = document.cases();
            assert_eq!(cases.len(), document.count());
            cases
        }
        Err(diagnostics) => panic!("{}", shown(source, &diagnostics)),
    }
}

fn ids(cases: &[Case]) -> Vec<&str> {
    cases.iter().map(|case| case.id.as_str()).collect()
}

#[test]
fn each_variant_is_a_case_with_its_own_id() {
    let (id, source) = EXAMPLES[0];
    assert_eq!(
        ids(&cases(id, source)),
        [
            "halfclose/eof-after-all-data[tcp4,loopback]",
            "halfclose/eof-after-all-data[tcp4,netns]",
            "halfclose/eof-after-all-data[tcp6,loopback]",
            "halfclose/eof-after-all-data[tcp6,netns]",
            "halfclose/eof-after-all-data[unix,loopback]",
        ]
    );
    let (id, source) = EXAMPLES[1];
    let found = cases(id, source);
    assert_eq!(found.len(), 9);
    assert_eq!(found[8].id.as_str(), "cumulative/rd-then-wr-equals-rdwr[unix,loopback,order=both]");
    let same = found[8].same.as_ref().map(|same| (same.across.as_str(), same.others.as_str()));
    assert_eq!(same, Some(("order", "unix,loopback")));
}

#[test]
fn every_example_has_cases() {
    for (id, source) in EXAMPLES {
        assert!(!cases(id, source).is_empty(), "{id}");
    }
}

#[test]
fn the_examples_in_canonical_form() {
    let printed: Vec<String> = EXAMPLES
        .iter()
        .map(|(id, source)| {
            assert_eq!(laws::hold(source), Ok(()));
            format(source).unwrap_or_else(|found| panic!("{id}: {}", shown(source, &found)))
        })
        .collect();
    insta::assert_snapshot!(printed.join("\n"));
}

#[test]
fn printing_is_lawful_for_mutated_examples() {
    // SplitMix64, so that a failure can be had again.
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % below.max(1) as u64).unwrap_or_default()
    };
    let pieces = [
        " ",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "#",
        " # note",
        ";",
        "=>",
        "->",
        "&",
        "&r",
        "\"",
        "\\",
        "$wait",
        "case x:",
        "vary y",
        "vary z 1..3",
        "same across order",
        " or ",
        "level",
        "§",
        "\u{feff}",
        "wait 1ms",
        "cite",
        "    ",
        "\n\n\n",
        "0",
        "..",
        ":",
        "framing ",
        " limit 9",
        " for ",
        "$how",
        "recvframe",
        "sendframe",
    ];
    let mut lawful = 0;
    for round in 0..3_000 {
        let (_, source) = EXAMPLES[round % EXAMPLES.len()];
        let mut text: Vec<char> = source.chars().collect();
        for _ in 0..=random(3) {
            let at = random(text.len());
            match random(4) {
                0 => {
                    let end = (at + random(12)).min(text.len());
                    text.drain(at..end);
                }
                1 => {
                    let end = (at + random(40)).min(text.len());
                    let copy: Vec<char> = text[at..end].to_vec();
                    let to = random(text.len());
                    text.splice(to..to, copy);
                }
                _ => {
                    let piece = pieces[random(pieces.len())];
                    text.splice(at..at, piece.chars());
                }
            }
        }
        let text: String = text.into_iter().collect();
        lawful += usize::from(format(&text).is_ok());
        assert_eq!(laws::hold(&text), Ok(()), "of {text}");
    }
    assert!(lawful > 300, "only {lawful} mutations kept their structure");
}

fn ops(case: &Case) -> Vec<String> {
    let ops = case.steps.iter().map(|step| match &step.action {
        Action::Perform { op, .. } | Action::Start { op, .. } => format!("{op:?}"),
        other => format!("{other:?}"),
    });
    ops.map(|op| op.split(' ').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_verb_can_be_written() {
    let source = include_str!("language/every-verb.scn");
    let found = cases("every-verb", source);
    assert_eq!(found.len(), (2 + 1) * 4 * 2 * 2);
    assert_eq!(laws::hold(source), Ok(()), "of {source}");
    let has = |case: &Case, wanted: &str| ops(case).iter().any(|op| op == wanted);
    assert!(has(&found[0], "Wire(Count(WireFact") && !has(&found[47], "Wire(Count(WireFact"));
    let last = &found[47];
    assert_eq!(last.id.as_str(), "every-verb[unix,loopback,limit=4,pause=20.5ms,end=both]");
    // The pause, and that of `fill`: every other step may be over at once.
    assert_eq!(last.least, Duration::from_micros(120_500));
}

#[test]
fn a_pair_is_made_by_steps_of_its_own() {
    let (id, source) = EXAMPLES[2];
    let found = cases(id, source);
    let [stream, datagram] = [&found[0], &found[3]];
    assert_eq!(ops(stream)[..6], ["Bind", "Listen", "Open", "Connect", "Accept", "Close"]);
    assert_eq!(ops(datagram)[..5], ["Bind", "Bind", "Connect", "Connect", "SetOption"]);
    assert_eq!(datagram.id.as_str(), "timeouts/restarts[udp4,loopback]");
    let place = stream.steps[0].place;
    assert_eq!((place.line, place.column, place.length), (3, 1, 24));
    assert!(stream.steps[..6].iter().all(|step| !step.compared));
    assert!(stream.sockets.iter().any(|socket| socket.name.contains(' ')));
    // 300 ms, 200 ms of waiting, and 300 ms again: the awaited receive ran beside the wait.
    assert_eq!(stream.least, Duration::from_millis(800));
}

#[test]
fn a_fill_waits_until_it_is_sure() {
    let least = |expected: &str| {
        let source = format!(
            "\"a title\"\nover tcp4\npair client.c server.s\n\nclient fill c => {expected}\n"
        );
        cases("fill", &source)[0].least
    };
    assert_eq!(least("1.."), Duration::from_millis(100));
    assert_eq!(least("1.. or EPIPE"), Duration::ZERO);
}

#[test]
fn a_repeated_step_is_one_step_that_takes_so_many_times_as_long() {
    let source = "\"t\"\nover tcp4 udp4\npair client.c server.s\nvary often 2 90\n\n\
                  client recv c 16 => timeout after 20.5ms level may times $often\n";
    let cases = cases("often", source);
    let steps = cases.iter().map(|case| case.steps.last().expect("it has steps"));
    let times: Vec<u32> = steps.map(|step| step.times).collect();
    assert_eq!(times, [2, 90, 2, 90]);
    let least: Vec<Duration> = cases.iter().map(|case| case.least).take(2).collect();
    assert_eq!(least, [Duration::from_millis(41), Duration::from_millis(1_845)]);
}

#[test]
fn values_stand_for_words() {
    let source = "\"values\"\nvary how read write 3\nvary text \"a\" \"b\\n\"\n\n\
                  client open s tcp4 => ok\nclient shutdown s $how => ENOTCONN\n\
                  client send s $text => EPIPE\n";
    let found = cases("values", source);
    assert_eq!(found.len(), 6);
    assert_eq!(found[5].id.as_str(), "values[loopback,how=3,text=\"b\\n\"]");
    assert_eq!(
        found[5].variant.values,
        [("how".to_owned(), "3".to_owned()), ("text".to_owned(), "\"b\\n\"".to_owned())]
    );
    let Action::Perform { op: Op::Shutdown { how, .. }, .. } = &found[5].steps[1].action else {
        panic!("{:?}", found[5].steps[1]);
    };
    assert_eq!(*how, How::Number(3));
    let Action::Perform { op: Op::Send { data, .. }, .. } = &found[5].steps[2].action else {
        panic!("{:?}", found[5].steps[2]);
    };
    assert_eq!(data.bytes().as_ref(), b"b\n");
}

#[test]
fn an_errno_is_the_value_of_so_error_only() {
    let source = "\"options\"\nover tcp4\npair client.c server.s\n\n\
                  client getopt c SO_ERROR => ECONNRESET or 0\n\
                  client getopt c SO_KEEPALIVE => off or ENOPROTOOPT\n\
                  client getopt c SO_LINGER => off or 0s..2s\n\
                  client getopt c SO_SNDBUF => 4KiB..\n";
    let found = cases("options", source);
    let expected = |step: usize| -> Vec<Expected> {
        let expectation = found[0].steps[6 + step].expectation.as_ref().expect("an expectation");
        expectation.alternatives.iter().map(|one| one.expected.clone()).collect()
    };
    let failed = |errno| Expected::Failed { errno, signal: None };
    let error = |errno| Expected::Value(OptionValue::Error(errno));
    assert_eq!(expected(0), [error(Some(Errno::ECONNRESET)), error(None)]);
    assert_eq!(expected(1), [Expected::Value(OptionValue::Number(0)), failed(Errno::ENOPROTOOPT)]);
    assert_eq!(
        expected(2),
        [
            Expected::Value(OptionValue::Linger(None)),
            Expected::TimeRange { least: Duration::ZERO, most: Duration::from_secs(2) }
        ]
    );
    assert_eq!(expected(3), [Expected::Count { least: 4096, most: None }]);
}

/// What the steps of a case do with frames: the framing, its limit and the pieces.
fn frames(case: &Case) -> Vec<String> {
    let ops = case.steps.iter().filter_map(|step| match &step.action {
        Action::Perform { op, .. } | Action::Start { op, .. } => Some(op),
        _ => None,
    });
    let frames = ops.filter_map(|op| match op {
        Op::SendFrame { framing, limit, pieces, .. } => {
            Some(format!("send {framing} {limit} {pieces:?}"))
        }
        Op::ReceiveFrame { framing, limit, .. } => Some(format!("receive {framing} {limit}")),
        _ => None,
    });
    frames.collect()
}

#[test]
fn a_framing_holds_for_every_actor_but_those_with_one_of_their_own() {
    let source = "\"framings\"\nover tcp4\npair client.c server.s\n\
                  framing escaped nul limit 64KiB\nframing base64 limit 3 for server\n\n\
                  client sendframe c \"x\" by 3 => ok\nserver recvframe s &r\n\
                  server await r => malformed\n";
    let found = cases("framings", source);
    let base64 = "receive base64 newline 3";
    assert_eq!(frames(&found[0]), ["send escaped nul 65536 By(3)", base64]);
    let expected = found[0].steps.last().and_then(|step| step.expectation.as_ref());
    let malformed = Expected::BadFrame(FrameFault::Malformed);
    assert!(expected.is_some_and(|expectation| expectation.allows(&malformed)));
}

#[test]
fn the_values_of_a_vary_line_stand_in_a_framing() {
    let source = "\"framings\"\nover tcp4\npair client.c server.s\n\
                  vary width u8 u16\nvary verb sendframe send\nvary at 1..2\n\
                  framing binary-length $width limit $size\n\
                  framing $other limit 9 for server\n\
                  vary other \"terminator nul\" announced\nvary size 3 1KiB\n\n\
                  client $verb c \"x\" => ok\nclient sendframe c \"x\" cut $at => ok\n\
                  server recvframe s => \"x\"\n";
    let found = cases("framings", source);
    assert_eq!(found.len(), 32);
    let of = |id: &str| {
        let case = found.iter().find(|case| case.id.as_str() == format!("framings[{id}]"));
        frames(case.unwrap_or_else(|| panic!("{:?}", ids(&found))))
    };
    assert_eq!(
        of("tcp4,loopback,width=u16,verb=sendframe,at=2,other=\"terminator nul\",size=1KiB"),
        [
            "send binary-length u16 big 1024 Whole",
            "send binary-length u16 big 1024 Cut(2)",
            "receive terminator nul 9"
        ]
    );
    assert_eq!(
        of("tcp4,loopback,width=u8,verb=send,at=1,other=announced,size=3"),
        ["send binary-length u8 big 3 Cut(1)", "receive announced 9"]
    );
}

#[test]
fn more_values_than_a_scenario_can_have_are_not_all_read() {
    let values = "0..9999";
    let source = format!(
        "\"framings\"\nover tcp4\npair client.c server.s\nvary a {values}\nvary b {values}\n\
         vary c {values}\nvary how terminator\nframing $how limit $a for client\n\
         framing \"binary-length u8\" limit $b for server\n\n\
         client sendframe c bytes $c cut $b => ok\nserver recvframe s => \"x\"\n"
    );
    let Err(found) = Document::parse(&source, ScenarioId::new("framings"), "test.scn") else {
        panic!("it stands for too many cases");
    };
    let codes: Vec<&str> = found.iter().map(|one| one.code).collect();
    assert_eq!(codes, ["too-large", "out-of-range"], "{}", shown(&source, &found));
}

#[test]
fn frames_of_one_socket_may_be_waited_for_one_after_the_other() {
    let source = "\"frames\"\nover tcp4\npair client.c server.s\nframing base64 limit 9\n\n\
                  vary call\n  case one: server recvframe s &r; server await r => eof\n  \
                  case two: server recvframe s &r; server await r => eof\n\
                  server recvframe s => eof\n";
    assert_eq!(ids(&cases("frames", source)).len(), 2);
    let source = "\"frames\"\nover tcp4\npair client.c server.s\nframing base64 limit 9\n\n\
                  vary call\n  case one: client sendframe c \"x\" => ok\n  \
                  case two: client send c \"x\" => 1; server drain s => all of client.c\n";
    assert_eq!(ids(&cases("frames", source)).len(), 2);
}

#[test]
fn places_count_characters() {
    let source = "\"places\"\n\nclient  open s tcp4   => ok # §\n\
                  client  send s \"§§\" => EPIPE or 2 before 1s  level may\n";
    let found = cases("places", source);
    let step = &found[0].steps[1];
    assert_eq!(step.level, Level::May);
    assert_eq!((step.place.line, step.place.column, step.place.length), (4, 1, 19));
    let expectation = step.expectation.as_ref().expect("an expectation");
    assert_eq!((expectation.place.column, expectation.place.length), (24, 20));
    let second = expectation.alternatives[1].place;
    assert_eq!((second.column, second.length), (33, 11));
}

#[test]
fn a_started_step_may_be_seen_blocked_before_it_is_awaited() {
    let source = "\"a title\"\nover tcp4\npair client.c server.s\n\nclient recv c 4 &r\n\
                  client await r => blocked for 5ms\nclient await r => blocked\n\
                  server send s \"x\" => 1\nclient await r => \"x\"\n";
    assert_eq!(ids(&cases("a", source)).len(), 1);
    let never_ended = "\"a title\"\nover tcp4\npair client.c server.s\n\nclient recv c 4 &r\n\
                       client await r => blocked\n";
    assert_eq!(ids(&cases("a", never_ended)).len(), 1);
}

#[test]
fn a_case_may_start_and_await_what_the_others_do_not() {
    let source = "\"a title\"\nover tcp4\npair client.c server.s\n\nvary call\n  \
                  case plain: client poll c => out\n  case started:\n    client recv c 4 &r\n    \
                  server send s \"x\" => 1\n    client await r => \"x\"\n";
    assert_eq!(ids(&cases("a", source)).len(), 2);
}

#[test]
fn what_a_closed_socket_accepted_can_still_be_expected() {
    let source = "\"a title\"\nover tcp4\npair client.c server.s\n\nclient send c \"x\" => 1\n\
                  client close c => ok\nserver drain s => all of client.c\n";
    assert_eq!(ids(&cases("a", source)).len(), 1);
}
