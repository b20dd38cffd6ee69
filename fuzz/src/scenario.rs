use std::sync::Arc;

use sockspec::scenario::{Document, Place, Scenario, TokenKind, format, lex};
use sockspec::vocabulary::ScenarioId;

/// More cases than this are not elaborated: they would only repeat the first.
const CASES: usize = 64;

/// Checks the front end of the scenario language with any bytes: tokens cover the source; parsing,
/// checking, elaboration and every diagnostic come to an end; and the printer keeps its laws.
///
/// # Panics
/// When one of these does not hold.
pub fn scenario(input: &[u8]) {
    let Ok(source) = std::str::from_utf8(input) else { return };
    lossless(source);
    let before = meaning(source);
    let Ok(printed) = format(source) else {
        assert!(before.is_err(), "what cannot be printed has cases");
        return;
    };
    assert_eq!(format(&printed).as_deref(), Ok(printed.as_str()), "printing again changes it");
    assert_eq!(words(source), words(&printed), "printing changes a word or a comment");
    assert_eq!(before, meaning(&printed), "printing changes the meaning");
}

fn lossless(source: &str) {
    let mut at = 0;
    for token in lex(source) {
        let range = token.span.range();
        assert_eq!(range.start, at, "tokens leave a gap or overlap");
        assert!(range.end > at, "a token is empty");
        assert!(source.get(range.clone()).is_some(), "a token cuts a character");
        at = range.end;
    }
    assert_eq!(at, source.len(), "tokens do not cover the source");
}

/// The cases without the places and the text, which a change of layout moves; or the codes of the
/// mistakes.
fn meaning(source: &str) -> Result<String, Vec<&'static str>> {
    let document = match Document::parse(source, ScenarioId::new("fuzz"), "fuzz.scn") {
        Ok(document) => document,
        Err(found) => {
            assert!(!found.is_empty(), "refused without a reason");
            for diagnostic in found.iter().take(8) {
                assert!(!diagnostic.render("fuzz.scn", source, true).is_empty());
            }
            let mut codes: Vec<_> = found.iter().map(|found| found.code).collect();
            codes.sort_unstable();
            return Err(codes);
        }
    };
    if document.count() > CASES {
        return Ok(document.count().to_string());
    }
    let mut cases = document.cases();
    assert_eq!(cases.len(), document.count());
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

/// Every word and comment, one a line.
fn words(source: &str) -> String {
    let mut words = String::new();
    for token in lex(source) {
        if !matches!(token.kind, TokenKind::Space | TokenKind::Newline) {
            words.push_str(source[token.span.range()].trim_end_matches([' ', '\t', '\r']));
            words.push('\n');
        }
    }
    words
}
