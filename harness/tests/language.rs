//! The language on whole files: what parses, what becomes of it, and the laws of the printer.

use sockspec::scenario::{Case, Diagnostic, Document};
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
