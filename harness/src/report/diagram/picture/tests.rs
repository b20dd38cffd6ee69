use std::fmt::Write as _;
use std::fs;

use super::*;
use crate::report::{Transcript, fixture};
use crate::run::event::Event;

fn drawn(transcript: &Transcript, id: &str) -> String {
    let case = transcript
        .cases()
        .into_iter()
        .map(crate::report::CaseTranscript::shown)
        .find(|case| case.case.as_str() == id)
        .expect("the case ran");
    let scenario = transcript.scenario(&case.scenario).expect("it was loaded");
    let elaborated = Elaborated::of(scenario, None);
    Diagram { case, scenario, elaborated: &elaborated }.to_string()
}

/// Writes a page with the diagrams of a recording, to be looked at: those of the cases whose ids
/// hold one of the words.
#[test]
#[ignore = "writes a page to look at"]
fn sample() {
    let recording = std::env::var("SAMPLE_OF").ok();
    let words = std::env::var("SAMPLE_CASES").unwrap_or_default();
    let theme = std::env::var("SAMPLE_THEME").unwrap_or_default();
    let events: Vec<Event> = match recording {
        Some(path) => fs::read_to_string(path)
            .expect("it can be read")
            .lines()
            .map(|line| serde_json::from_str(line).expect("it is an event"))
            .collect(),
        None => fixture::every_standing(),
    };
    let transcript = Transcript::of(&events);
    let mut page = format!(
        "<!doctype html><html data-theme=\"{theme}\"><meta charset=utf-8><style>{DIAGRAM_STYLE}
         body{{background:var(--d-ground);color:var(--d-ink);margin:12px}}</style><body>"
    );
    for case in transcript.cases() {
        let id = case.shown().case.as_str();
        if words.split(' ').any(|word| id.contains(word)) {
            let _ = write!(page, "<h4>{id}</h4>{}", drawn(&transcript, id));
        }
    }
    fs::write(std::env::var("SAMPLE").expect("SAMPLE names a file"), page).expect("there is room");
}
