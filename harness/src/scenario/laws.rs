//! What always holds of the language's front end, for any text: plain functions that the fuzz target,
//! the tests and the replay of the corpus all call.

use std::sync::Arc;

use super::{Coverage, Diagnostic, Document, Place, Scenario, TokenKind, format, lex};
use crate::vocabulary::{Reach, ScenarioId, Transport};

/// More cases than this are not elaborated: they would only repeat the first.
const CASES: usize = 64;

/// More steps than this are not either: groups make many of few.
const STEPS: usize = 4_000;

/// With more steps than this it is not asked what a text covers: for that it is checked many times.
const COVERED: usize = 200;

/// How many diagnostics of a text are shown.
const SHOWN: usize = 8;

/// Whether every law holds for a text.
///
/// # Errors
/// The law that does not hold, for a person to read.
pub fn hold(source: &str) -> Result<(), String> {
    lossless(source)?;
    printing(source, &format)
}

/// The tokens of a text cover every byte of it, one behind the other.
fn lossless(source: &str) -> Result<(), String> {
    let mut at = 0;
    for token in lex(source) {
        let range = token.span.range();
        if range.start != at || range.end <= at || source.get(range.clone()).is_none() {
            return Err(format!("the token at {range:?} leaves a gap, or cuts a character"));
        }
        at = range.end;
    }
    if at == source.len() { Ok(()) } else { Err("the tokens end before the text".to_owned()) }
}

/// What is printed is printed the same again, and has the same words, comments and meaning.
fn printing(
    source: &str,
    print: &dyn Fn(&str) -> Result<String, Vec<Diagnostic>>,
) -> Result<(), String> {
    let before = meaning(source)?;
    let Ok(printed) = print(source) else {
        let refused = before.is_err();
        return if refused { Ok(()) } else { Err("what has cases is not printed".to_owned()) };
    };
    if print(&printed).as_deref() != Ok(printed.as_str()) {
        return Err(format!("printing again changes\n{printed}"));
    }
    if words(source) != words(&printed) {
        return Err(format!("printing changes a word or a comment:\n{printed}"));
    }
    if before != meaning(&printed)? {
        return Err(format!("printing changes the meaning:\n{printed}"));
    }
    Ok(())
}

/// The cases of a text without the places and the text itself, which a change of layout moves; or
/// the codes of its mistakes.
type Meaning = Result<String, Vec<&'static str>>;

fn meaning(source: &str) -> Result<Meaning, String> {
    let document = match Document::parse(source, ScenarioId::new("law"), "law.scn") {
        Ok(document) => document,
        Err(found) => {
            let is_shown = |one: &Diagnostic| !one.render("law.scn", source, true).is_empty();
            if found.is_empty() || !found.iter().take(SHOWN).all(is_shown) {
                return Err("the text is refused without a reason".to_owned());
            }
            let mut codes: Vec<_> = found.iter().map(|found| found.code).collect();
            codes.sort_unstable();
            return Ok(Err(codes));
        }
    };
    covering(&document)?;
    if document.count() > CASES || document.most_steps() > STEPS {
        return Ok(Ok(format!("{} cases, {} steps", document.count(), document.most_steps())));
    }
    let mut cases = document.cases();
    if cases.len() != document.count() {
        return Err(format!("{} cases are counted, {} there", document.count(), cases.len()));
    }
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
    Ok(Ok(format!("{cases:?}")))
}

/// What a scenario covers is said of every transport, within one host and between hosts.
fn covering(document: &Document) -> Result<(), String> {
    if document.most_steps() > COVERED {
        return Ok(());
    }
    let cells = Coverage::of(document).cells;
    let is_whole = cells.len() == Transport::ALL.len() * Reach::ALL.len();
    if !is_whole || cells.iter().any(|cell| cell.topologies.is_empty() != cell.why.is_some()) {
        return Err(format!("what is tested has a reason not to be, or none: {cells:?}"));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\"a title\"\nover tcp4\npair client.c server.s\n\n\
                        client send c \"x\" => 1 # a comment\nserver recv s 4 => \"x\"\n";

    fn broken_by(change: impl Fn(String) -> String) -> String {
        let print = |text: &str| format(text).map(&change);
        printing(TEXT, &print).expect_err("the law notices")
    }

    #[test]
    fn the_laws_hold_for_a_scenario_and_for_a_mistake() {
        assert_eq!(hold(TEXT), Ok(()));
        assert_eq!(hold("\"a title\"\nclient snd c => 1\n"), Ok(()));
        assert_eq!(hold(""), Ok(()));
    }

    #[test]
    fn a_printer_that_is_wrong_breaks_a_law() {
        let again = broken_by(|text| text + "# more\n");
        assert!(again.starts_with("printing again changes"), "{again}");
        let comment = broken_by(|text| text.replace("  # a comment", ""));
        assert!(comment.starts_with("printing changes a word"), "{comment}");
        let word = broken_by(|text| text.replace("=> 1", "=> 2"));
        assert!(word.starts_with("printing changes a word"), "{word}");
        let refusal = printing(TEXT, &|_| Err(Vec::new())).expect_err("the law notices");
        assert_eq!(refusal, "what has cases is not printed");
    }
}
