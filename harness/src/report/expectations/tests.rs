use std::sync::Arc;

use super::mistake::CODES;
use super::*;
use crate::run::Verdict;
use crate::scenario::{Case, Diagnostic, Document};
use crate::vocabulary::{CaseId, Ending, Peer, ScenarioId};

const PONG: &str = r#""t"
over tcp4 tcp6 unix
pair client.c server.s

client  send c "ping"  => 4
"#;

fn document(id: &str) -> Document {
    Document::parse(PONG, ScenarioId::new(id), id).expect("it has no mistakes")
}

fn suite() -> Vec<Document> {
    vec![document("halfclose/ping"), document("halfclose/pong"), document("timeout/ping")]
}

fn cases() -> Vec<Case> {
    suite().iter().flat_map(Document::cases).collect()
}

/// Every mistake of a file, held against the suite.
fn mistakes(source: &str) -> Vec<Diagnostic> {
    let (expectations, mut mistakes) = Expectations::read("kernel.toml", source);
    let suite = suite();
    mistakes.extend(expectations.check(suite.iter().map(|one| &**one.scenario()), &cases()));
    mistakes.sort_by_key(|mistake| mistake.span.start);
    mistakes
}

fn shown(source: &str) -> String {
    let shown: Vec<_> =
        mistakes(source).iter().map(|one| one.render("kernel.toml", source, false)).collect();
    shown.join("\n\n")
}

const WRONG: &str = r#"# every mistake that there is, but one
[[expectation]]
cases    = ["halfclose/pnig", "timeout/ping[tcp9]", "halfclose/pong[x", "", "[tcp{4]"]
verdict  = ["fail"]
reason   = "  "
source   = 7
until    = "2027-01-01"

[[expectation]]
cases    = []
verdicts = ["fial", "fail", "fail", "slow", "broken", "skipped", "unsupported"]
reason   = "r"
source   = "s"
until    = 2027-01-01T10:00:00Z

[[expectation]]
cases    = "halfclose/pong"
verdicts = ["pass"]
reason   = "r"
source   = "s"

[[expectation]]
cases    = ["**[unix]", "halfclose/pong[unix]"]
verdicts = "hang"
reason   = "r"
source   = "s"
untl     = 2027-01-01

[expectations]

[[expectation]]
cases    = ["halfclose/ping[tcp4]", "halfclose/ping[tcp6]"]
verdicts = "fail"
kernel   = ">=6.8, 6.12"
version  = '<= 0.x'
on       = ["lan", "lan", "loopbakc"]
reason   = "r"
source   = "s"

[[expectation]]
cases    = "timeout/ping"
verdicts = "fail"
kernel   = ">=7, <6"
version  = "\u003e6"
on       = []
reason   = "r"
source   = "s"

[[expectation]]
cases    = "halfclose/ping[unix]"
verdicts = "fail"
kernel   = 6.8
version  = ">=\t6,7"
on       = "anywhere"
peer     = ["kernel", "kernl", "self", "self"]
reason   = "r"
source   = "s"

[[expectation]]
cases    = "halfclose/pong[tcp4]"
verdicts = "fail"
ending   = "end-of-steam"
reason   = "r"
source   = "s"

[[expectation]]
cases    = "halfclose/pong[tcp6]"
verdicts = ["hang", "crash"]
ending   = "reset"
reason   = "r"
source   = "s"

[[expectation]]
cases    = "timeout/pong[tcp6]"
verdicts = "fail"
ending   = ["reset"]
reason   = "r"
source   = "s"
"#;

#[test]
fn every_mistake_is_shown_at_its_place() {
    insta::assert_snapshot!(shown(WRONG));
}

#[test]
fn what_is_no_toml_is_shown_at_its_place() {
    insta::assert_snapshot!(shown("[[expectation]]\ncases = halfclose\nreason = \"x\n"));
}

#[test]
fn every_code_is_shown_by_a_test() {
    let found: Vec<_> = [WRONG, "cases = ", "[expectation]\n"]
        .into_iter()
        .flat_map(mistakes)
        .map(|mistake| mistake.code)
        .collect();
    for code in CODES {
        assert!(found.contains(code), "nothing shows {code}");
    }
}

const GOOD: &str = r#"
[[expectation]]
cases    = "halfclose/ping[tcp?,*]"
verdicts = ["fail"]
ending   = "end-of-stream"
reason   = """it says
              pong"""
source   = "tcp(7)"
until    = 2027-01-01

[[expectation]]
cases    = ["halfclose/ping[unix]", "timeout"]
verdicts = ["hang", "pass"]
reason   = "r"
source   = "s"
"#;

#[test]
fn an_entry_speaks_of_the_cases_of_the_run_that_it_matches() {
    assert_eq!(shown(GOOD), "");
    let (expectations, _) = Expectations::read("kernel.toml", GOOD);
    let cases = cases();
    let known = expectations.of(&cases);
    let ids =
        |entry: usize| known.entries[entry].cases.iter().map(CaseId::as_str).collect::<Vec<_>>();
    assert_eq!(ids(0), ["halfclose/ping[tcp4,loopback]", "halfclose/ping[tcp6,loopback]"]);
    assert_eq!(ids(1).len(), 4);
    let [first, second] = &known.entries[..] else { panic!("there are two") };
    assert_eq!((first.line, second.line), (2, 11));
    assert_eq!(first.reason, "it says pong");
    assert_eq!((first.ending, second.ending), (Some(Ending::EndOfStream), None));
    assert_eq!(first.words(), "fail (end-of-stream)");
    assert_eq!(second.verdicts, [Verdict::Hang, Verdict::Pass]);
    assert!(second.expects(Verdict::Slow) && !second.expects(Verdict::Fail));
    let day = |text: &str| text.parse().expect("a date");
    assert!(!first.is_past(day("2026-12-31")) && first.is_past(day("2027-01-01")));
    assert!(!second.is_past(day("9999-12-31")));
    let part = expectations.of(cases.iter().filter(|case| case.id.as_str().starts_with("timeout")));
    assert_eq!(part.entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [11]);
    assert_eq!(part.of(&cases[0].id), None);
}

const CONDITIONAL: &str = r#"
[[expectation]]
cases    = "halfclose/ping"
verdicts = ["fail"]
kernel   = "<6.12"
reason   = "r"
source   = "s"

[[expectation]]
cases    = "halfclose/ping[tcp?]"
verdicts = ["hang"]
kernel   = ">=6.12"
reason   = "r"
source   = "s"

[[expectation]]
cases    = "halfclose/pong"
verdicts = ["fail"]
version  = ">=0.12"
on       = "loopback"
reason   = "r"
source   = "s"

[[expectation]]
cases    = "halfclose/pong"
verdicts = ["hang"]
peer     = ["kernel", "kernel-first"]
version  = "<0.12"
reason   = "r"
source   = "s"
"#;

#[test]
fn an_entry_applies_where_its_conditions_hold() {
    let cases = cases();
    let lines_with = |kernel: Option<&str>, version: &str, peer: Peer| -> Vec<u32> {
        let (kernel, version) = (kernel.map(str::to_owned), version.to_owned());
        let here = Circumstances { kernel, version, peer };
        let (expectations, mistakes) = Expectations::read("kernel.toml", CONDITIONAL);
        assert_eq!(mistakes, []);
        let expectations = expectations.here(&here);
        assert_eq!(expectations.overlaps(&cases), [], "of those that apply no two overlap");
        expectations.of(&cases).entries.iter().map(|entry| entry.line).collect()
    };
    let lines = |kernel, version| lines_with(kernel, version, Peer::Own);
    assert_eq!(lines(Some("6.11.9-generic"), "Linux 6.11.9"), [2, 16]);
    assert_eq!(lines(Some("6.12"), "0.1"), [9]);
    assert_eq!(lines(None, "no number"), [0_u32; 0]);
    assert_eq!(lines_with(None, "0.11", Peer::Kernel), [24]);
    assert_eq!(lines_with(None, "0.11", Peer::KernelFirst), [24]);
    let (expectations, _) = Expectations::read("kernel.toml", CONDITIONAL);
    assert_eq!(expectations.overlaps(&cases).len(), 2, "without a place all apply");
}

#[test]
fn a_pattern_stands_for_cases_on_the_topologies_of_its_entry() {
    let elsewhere = CONDITIONAL.replace("\"loopback\"", "[\"netns\", \"lan\"]");
    let (expectations, _) = Expectations::read("kernel.toml", &elsewhere);
    let suite = suite();
    let unmatched = expectations.unmatched(suite.iter().map(|one| &**one.scenario()), &cases());
    let shown: Vec<_> =
        unmatched.iter().map(|one| one.render("kernel.toml", &elsewhere, false)).collect();
    insta::assert_snapshot!(shown.join("\n\n"), @r#"
    error[unused-expectation]: no case matches `halfclose/pong`
      --> kernel.toml:17:12
       |
    17 | cases    = "halfclose/pong"
       |            ^^^^^^^^^^^^^^^^ no case that it stands for is on a topology of the entry
       |
       = help: one that is on another: halfclose/pong[tcp4,loopback]
    "#);
}

#[test]
fn a_run_is_told_where_patterns_stand_and_of_how_many_cases() {
    let (expectations, _) = Expectations::read("kernel.toml", GOOD);
    let cases = cases();
    let part: Vec<_> = cases.iter().filter(|case| !case.id.as_str().contains("tcp4")).collect();
    let known = expectations.counted(&cases).of(part);
    let told: Vec<_> = known.entries[1]
        .patterns
        .iter()
        .map(|one| (one.text.as_str(), one.line, one.cases.clone(), one.of))
        .collect();
    assert_eq!(
        told,
        [("halfclose/ping[unix]", 12, vec![0], Some(1)), ("timeout", 12, vec![1, 2], Some(3))]
    );
    let lines = |entry: usize| (known.entries[entry].last_line, known.entries[entry].until_line);
    assert_eq!((lines(0), lines(1)), ((Some(9), Some(9)), (Some(15), None)));
}

#[test]
fn a_file_without_entries_is_one() {
    for empty in ["", "# nothing\n", "expectation = []\n"] {
        assert_eq!(shown(empty), "", "{empty}");
        assert!(Expectations::read("kernel.toml", empty).0.of(&cases()).entries.is_empty());
    }
}

#[test]
fn only_scenarios_that_are_named_need_elaboration() {
    let (expectations, _) = Expectations::read("kernel.toml", GOOD);
    let suite = suite();
    let named: Vec<bool> =
        suite.iter().map(|one| expectations.name_cases_of(&Arc::clone(one.scenario()))).collect();
    assert_eq!(named, [true, false, true]);
}
