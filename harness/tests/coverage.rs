//! What the suite tests of all that there is to test: each behaviour is tested over each transport,
//! within one host and between hosts, or something says why not.

use std::fs;
use std::path::{Path, PathBuf};

use sockspec::scenario::{Cell, Coverage, Document, Suite, Why};
use sockspec::vocabulary::{Reach, ScenarioId, Topology, Transport};

const STEP: &str = "client open s => ok\n";

fn parse(header: &str, steps: &str) -> Result<Document, Vec<&'static str>> {
    let source = format!("\"a title\"\n{header}\n\n{steps}");
    Document::parse(&source, ScenarioId::new("test"), "test.scn")
        .map_err(|found| found.iter().map(|found| found.code).collect())
}

fn coverage(header: &str, steps: &str) -> Coverage {
    Coverage::of(&parse(header, steps).expect("it has no mistakes"))
}

fn codes(header: &str, steps: &str) -> Vec<&'static str> {
    parse(header, steps).err().unwrap_or_default()
}

fn why(coverage: &Coverage, transport: Transport, reach: Reach) -> String {
    let cell = coverage.cell(transport, reach);
    match &cell.why {
        None => cell.topologies.iter().map(|topology| topology.word()).collect(),
        Some(Why::Local) => "local".to_owned(),
        Some(Why::Refused(why)) => format!("refused: {why}"),
        Some(Why::Said(why)) => format!("said: {why}"),
        Some(Why::Unexplained) => "unexplained".to_owned(),
    }
}

#[test]
fn every_cell_of_the_suite_is_tested_or_says_why_not() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let Suite { documents, problems } = Suite::load(&[folder]);
    assert!(problems.is_empty() && !documents.is_empty());
    let mut silent = Vec::new();
    for document in &documents {
        let cells = Coverage::of(document).cells;
        assert_eq!(cells.len(), Transport::ALL.len() * Reach::ALL.len());
        for Cell { transport, reach, topologies, why } in cells {
            assert_eq!(topologies.is_empty(), why.is_some());
            if why == Some(Why::Unexplained) {
                silent.push(format!("{}: {transport} {reach:?}", document.scenario().id));
            }
        }
    }
    assert!(silent.is_empty(), "give the reason in a `not` line:\n{}", silent.join("\n"));
}

#[test]
fn the_links_of_the_index_lead_to_scenarios() {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let page = fs::read_to_string(folder.join("INDEX.md")).expect("the index is there");
    let links = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files: Vec<&str> = links.filter(|link| !link.starts_with('#')).collect();
    assert!(files.len() > 100, "only {} links", files.len());
    for file in files {
        assert!(folder.join(file).is_file(), "{file} is not there");
    }
}

#[test]
fn what_is_tested_has_no_reason() {
    let found = coverage("over tcp4 unix\non loopback routed", STEP);
    assert_eq!(why(&found, Transport::Tcp4, Reach::OneHost), "loopback");
    assert_eq!(why(&found, Transport::Tcp4, Reach::BetweenHosts), "routed");
    assert_eq!(why(&found, Transport::Unix, Reach::OneHost), "loopback");
    assert_eq!(why(&found, Transport::Unix, Reach::BetweenHosts), "local");
    assert_eq!(why(&found, Transport::Udp6, Reach::OneHost), "unexplained");
}

#[test]
fn what_the_language_refuses_needs_no_line() {
    let frames = "pair client.c server.s\nframing terminator limit 9\nover tcp4 unix";
    let found = coverage(frames, "client sendframe c \"x\" => ok\n");
    let refusal = "refused: `sendframe` needs a stream";
    assert_eq!(why(&found, Transport::Udp4, Reach::OneHost), refusal);
    assert_eq!(why(&found, Transport::UnixDgram, Reach::OneHost), refusal);
    assert_eq!(why(&found, Transport::UnixDgram, Reach::BetweenHosts), "local");
    assert_eq!(why(&found, Transport::Tcp6, Reach::OneHost), "unexplained");

    let dropped = coverage("over udp4\non netns", "wire drop client -> server udp\n");
    let refusal = "refused: `drop` needs a link between hosts";
    assert_eq!(why(&dropped, Transport::Udp4, Reach::OneHost), refusal);
    assert_eq!(why(&dropped, Transport::Unix, Reach::OneHost), refusal);

    let crowd = coverage("over udp4\non lan a others*2", "a open s => ok\n");
    let refusal = "refused: `loopback` has two actors, and this scenario more";
    assert_eq!(why(&crowd, Transport::Udp4, Reach::OneHost), refusal);
}

#[test]
fn steps_that_name_their_transport_are_held_against_the_others() {
    let steps = "a open s udp4 => ok\na sendto s \"x\" broadcast:p => 1\n";
    let found = coverage("on lan a b\nnot tcp4 \"one peer\"", steps);
    assert_eq!(why(&found, Transport::Udp4, Reach::BetweenHosts), "lan");
    let refusal = "refused: `broadcast` is an address of IPv4";
    assert_eq!(why(&found, Transport::Udp6, Reach::BetweenHosts), refusal);
    assert_eq!(why(&found, Transport::Tcp4, Reach::BetweenHosts), "said: one peer");
    assert_eq!(why(&found, Transport::Tcp4, Reach::OneHost), "said: one peer");
}

#[test]
fn what_a_scenario_says_holds_for_all_that_it_names() {
    let lines = "over tcp4\nnot udp4 udp6 \"no end\"\nnot netns \"nothing is sent\"";
    let found = coverage(lines, STEP);
    assert_eq!(why(&found, Transport::Udp4, Reach::OneHost), "said: no end");
    assert_eq!(why(&found, Transport::Udp6, Reach::BetweenHosts), "said: no end");
    assert_eq!(why(&found, Transport::Tcp4, Reach::BetweenHosts), "said: nothing is sent");
    assert_eq!(why(&found, Transport::Tcp6, Reach::BetweenHosts), "said: nothing is sent");
    assert_eq!(why(&found, Transport::Unix, Reach::OneHost), "unexplained");
}

#[test]
fn a_reason_that_nothing_needs_is_a_mistake() {
    let idle = |lines: &str| codes(lines, STEP);
    assert_eq!(idle("over tcp4\nnot tcp4 \"x\""), ["idle-reason"]);
    assert_eq!(idle("over tcp4\nnot loopback \"x\""), ["idle-reason"]);
    assert_eq!(idle("over tcp4\non lan client server\nnot netns \"x\""), ["idle-reason"]);
    assert_eq!(idle("over tcp4\non netns\nnot unix \"x\""), ["idle-reason"]);
    assert_eq!(idle("over unix\nnot netns \"x\""), ["idle-reason"]);
    assert_eq!(idle("over tcp4\nnot unix \"x\"\nnot netns \"x\""), [""; 0]);
    assert_eq!(codes("not udp4 \"x\"", "client open s udp4 => ok\n"), ["idle-reason"]);
}

#[test]
fn a_reach_is_that_of_its_topologies() {
    assert_eq!(
        Topology::ALL.map(Reach::of).map(Reach::plainest),
        [Topology::Loopback, Topology::Netns, Topology::Netns, Topology::Netns,]
    );
}
