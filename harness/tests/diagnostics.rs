//! What a person sees of each mistake: one file for each code, whose name is the code, and the
//! text that is shown for it, reviewed.

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;
use sockspec::scenario::{Diagnostic, Document};
use sockspec::vocabulary::ScenarioId;

fn mistakes(path: &str, source: &str) -> Vec<Diagnostic> {
    match Document::parse(source, ScenarioId::new("test"), path) {
        Ok(_) => panic!("{path} has no mistake"),
        Err(diagnostics) => diagnostics,
    }
}

#[rstest]
fn a_mistake_is_shown_where_it_stands(#[files("tests/diagnostics/*.scn")] file: PathBuf) {
    let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
    let source = fs::read_to_string(&file).expect("the file is read");
    let shown_path = format!("{name}.scn");
    let found = mistakes(&shown_path, &source);
    let shown: Vec<String> =
        found.iter().map(|found| found.render(&shown_path, &source, false)).collect();
    let known = Diagnostic::CODES.iter().any(|(code, _)| *code == name);
    assert!(
        !known || found.iter().any(|found| found.code == name),
        "{name}.scn does not make the mistake it is named after:\n{}",
        shown.join("\n\n")
    );
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("diagnostics/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, shown.join("\n\n")));
}

#[test]
fn every_code_has_a_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    for (code, _) in Diagnostic::CODES {
        assert!(folder.join(format!("{code}.scn")).is_file(), "no file makes the mistake {code}");
    }
}

#[test]
fn ten_mistakes_are_all_reported() {
    let source = include_str!("diagnostics/ten-at-once.scn");
    let mut codes: Vec<&str> =
        mistakes("test.scn", source).iter().map(|found| found.code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), 11, "{codes:?}");
}

#[test]
fn a_long_line_is_cut_around_the_caret() {
    let long = "x".repeat(5_000);
    let source = format!(
        "\"title\"\nover tcp4\n\nclient open s => ok\nclient send s \"{long}\" => EPIPPE # {long}\n"
    );
    let found = mistakes("test.scn", &source);
    let shown = found[0].render("test.scn", &source, false);
    assert!(
        shown.contains("EPIPPE") && shown.lines().all(|line| line.chars().count() < 160),
        "{shown}"
    );
}

#[test]
fn colour_is_only_there_when_asked_for() {
    let found = mistakes("test.scn", "over");
    assert!(found[0].render("test.scn", "over", true).contains('\u{1b}'));
    assert!(!found[0].render("test.scn", "over", false).contains('\u{1b}'));
}
