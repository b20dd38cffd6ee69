//! The language on whole files: what parses, what becomes of it, and the laws of the printer.

use std::sync::Arc;

use sockspec::scenario::{Case, Diagnostic, Document, Place, Scenario, TokenKind, format, lex};
use sockspec::vocabulary::ScenarioId;

const EXAMPLES: [(&str, &str); 4] = [
    ("halfclose/eof-after-all-data", include_str!("language/eof-after-all-data.scn")),
    ("cumulative/rd-then-wr-equals-rdwr", include_str!("language/rd-then-wr-equals-rdwr.scn")),
    ("timeouts/restarts", include_str!("language/receive-timeout-restarts.scn")),
    ("broadcast/reaches-every-host", include_str!("language/broadcast-reaches-every-host.scn")),
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
            "halfclose/eof-after-all-data[unix,netns]",
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

/// Cases without the places and the text, which a change of layout moves.
fn meaning(source: &str) -> Result<String, Vec<&'static str>> {
    let document = Document::parse(source, ScenarioId::new("test"), "test.scn")
        .map_err(|found| found.iter().map(|found| found.code).collect::<Vec<_>>())?;
    let mut cases = document.cases();
    for case in &mut cases {
        case.scenario = Arc::new(Scenario { source: "".into(), ..(*case.scenario).clone() });
        if let Some(same) = &mut case.same {
            same.place = Place::default();
        }
        for step in &mut case.steps {
            step.place = Place::default();
            if let Some(expectation) = &mut step.expectation {
                expectation.place = Place::default();
                for alternative in &mut expectation.alternatives {
                    alternative.place = Place::default();
                }
            }
        }
    }
    Ok(format!("{cases:?}"))
}

/// The laws of the printer, for any text: what it prints, it prints again; it keeps the meaning,
/// or the mistakes; and every word and comment.
fn printing_is_lawful(source: &str) {
    let Ok(printed) = format(source) else { return };
    assert_eq!(format(&printed).as_deref(), Ok(printed.as_str()), "of {source}");
    let mut before = meaning(source);
    let mut after = meaning(&printed);
    for codes in [&mut before, &mut after] {
        if let Err(codes) = codes {
            codes.sort_unstable();
        }
    }
    assert_eq!(before, after, "of {source}\nprinted {printed}");
    let words = |text: &str| -> String {
        let tokens = lex(text).into_iter();
        let kept =
            tokens.filter(|token| !matches!(token.kind, TokenKind::Space | TokenKind::Newline));
        kept.map(|token| text[token.span.range()].trim_end().to_owned() + "\n").collect()
    };
    assert_eq!(words(source), words(&printed));
}

#[test]
fn the_examples_in_canonical_form() {
    let printed: Vec<String> = EXAMPLES
        .iter()
        .map(|(id, source)| {
            printing_is_lawful(source);
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
        printing_is_lawful(&text);
    }
    assert!(lawful > 300, "only {lawful} mutations kept their structure");
}
