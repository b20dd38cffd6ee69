//! What the suite notices: the accepted matrix of planted faults, and the command that makes it.

#[path = "program/child.rs"]
mod child;
#[path = "program/skip.rs"]
mod skip;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use std::{env, fs};

use child::{finish, finish_within};
use skip::skip;

/// How long every fault may take together, on however busy a machine.
const ALL_OF_THEM: Duration = Duration::from_mins(20);

/// The program; the gate gives another build of it, which is faster.
fn sockspec(arguments: &[&str]) -> Command {
    let program = env::var_os("SOCKSPEC").unwrap_or_else(|| env!("CARGO_BIN_EXE_sockspec").into());
    let mut command = Command::new(program);
    command.arg("faults").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Why not all cases can be run here, if so.
fn lacking(output: &Output) -> Option<String> {
    let complaints = text(&output.stderr);
    complaints.lines().find(|line| line.contains("cases were not run")).map(str::to_owned)
}

/// The rows of a matrix: which faults each scenario notices.
fn rows(matrix: &str) -> BTreeMap<&str, &str> {
    let rows = matrix.lines().filter_map(|line| line.split_once(' '));
    rows.filter(|(id, cells)| {
        id.contains('/') && cells.chars().all(|cell| matches!(cell, ' ' | '#' | '.'))
    })
    .map(|(id, cells)| (id, cells.trim_start()))
    .collect()
}

fn accepted() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/faults.snap");
    fs::read_to_string(file).expect("the accepted matrix is there")
}

/// What a snapshot's file has behind its head.
fn contents(snapshot: &str) -> &str {
    let (_head, contents) = snapshot.split_once("\n---\n").expect("a snapshot has a head");
    contents
}

/// The positions of the faults that a row has noticed.
fn noticed(cells: &str) -> BTreeSet<usize> {
    let cells = cells.chars().filter(|cell| *cell != ' ').enumerate();
    cells.filter(|(_, cell)| *cell == '#').map(|(at, _)| at).collect()
}

/// Scenarios that between them notice most of the faults, and wait for little.
fn telling<'a>(rows: &BTreeMap<&'a str, &'a str>) -> Vec<&'a str> {
    let quick = || rows.iter().filter(|(id, _)| !id.starts_with("timeout/"));
    let mut left: BTreeSet<usize> = quick().flat_map(|(_, cells)| noticed(cells)).collect();
    let mut chosen = Vec::new();
    while !left.is_empty() && chosen.len() < 12 {
        let gain = |cells: &str| noticed(cells).intersection(&left).count();
        let (id, cells) = quick().max_by_key(|(_, cells)| gain(cells)).expect("there are rows");
        left = &left - &noticed(cells);
        chosen.push(*id);
    }
    chosen
}

#[test]
fn a_few_scenarios_notice_what_the_matrix_says() {
    let accepted = accepted();
    let accepted = rows(&accepted);
    let chosen = telling(&accepted);
    let output = finish_within(sockspec(&["--jobs", "24"]).args(&chosen), ALL_OF_THEM);
    if let Some(why) = lacking(&output) {
        skip("a_few_scenarios_notice_what_the_matrix_says", &why);
        return;
    }
    let shown = text(&output.stdout);
    let shown = rows(&shown);
    for id in chosen {
        // What is noticed besides depends on how busy the machine is; reviews look at it.
        let missing = noticed(accepted[id]).difference(&noticed(shown[id])).count();
        assert_eq!(missing, 0, "{id}\n{}\n{}", accepted[id], shown[id]);
    }
}

/// Whether a matrix has the faults and scenarios of the accepted one, and notices all that it does.
/// What it notices besides depends on how busy the machine is; it is no reason for a review.
fn holds(shown: &str, accepted: &str) -> bool {
    let legend = |matrix: &str| -> Vec<String> {
        let lines = matrix.lines().map(str::trim_start);
        let numbered = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
        numbered.filter(|line| line.contains("  ")).map(str::to_owned).collect()
    };
    let (rows, accepted_rows) = (rows(shown), rows(accepted));
    legend(shown) == legend(accepted)
        && rows.keys().eq(accepted_rows.keys())
        && accepted_rows.iter().all(|(id, cells)| noticed(cells).is_subset(&noticed(rows[id])))
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn the_matrix_is_the_accepted_one() {
    let output = finish_within(&mut sockspec(&[]), ALL_OF_THEM);
    if let Some(why) = lacking(&output) {
        skip("the_matrix_is_the_accepted_one", &why);
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut shown = text(&output.stdout);
    let accepted = accepted();
    if holds(&shown, &accepted) {
        // What is noticed besides is not for a review, but insta has to note that this was compared.
        shown = contents(&accepted).to_owned();
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../reports");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("faults", shown));
}

#[test]
fn a_matrix_that_lacks_something_is_not_the_accepted_one() {
    let accepted = "a\n    1  x  does x\n    2  y  does y\n\n    12\na/b #.\na/c .#\n";
    assert!(holds(accepted, accepted));
    assert!(holds(&accepted.replace("a/b #.", "a/b ##"), accepted), "more is noticed");
    for other in [
        accepted.replace("a/b #.", "a/b .."),
        accepted.replace("a/c .#\n", ""),
        accepted.replace("a/c", "a/d"),
        accepted.replace("does y", "does z"),
    ] {
        assert!(!holds(&other, accepted), "{other}");
    }
}

#[test]
fn a_scenario_that_notices_nothing_is_a_failure() {
    let folder = tempfile::tempdir().expect("a folder for the suite");
    let file = folder.path().join("blind.scn");
    fs::write(&file, "\"nothing is asked\"\n\nclient open s udp4 => ok\n")
        .expect("it can be written");
    let file = file.to_string_lossy();
    let output = finish(&mut sockspec(&[&file]));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(shown.contains("no fault is noticed by"), "{shown}");
    assert!(shown.ends_with("0 of 1 scenarios notice a fault\n"), "{shown}");
}

#[test]
fn a_fault_that_is_chosen_has_to_be_noticed() {
    let blind = "cumulative/rd-then-wr-equals-rdwr";
    let noticed = finish(&mut sockspec(&["--fault", "both-is-read", blind]));
    assert_eq!(noticed.status.code(), Some(0), "{}", text(&noticed.stdout));
    let missed = finish(&mut sockspec(&["--fault", "poll-is-early", blind]));
    assert_eq!(missed.status.code(), Some(1), "{}", text(&missed.stdout));
    assert!(text(&missed.stdout).contains("no scenario notices poll-is-early: poll returns"));
}

#[test]
fn an_unknown_fault_is_said() {
    let output = finish(&mut sockspec(&["--fault", "clock-runs-backwards"]));
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("is called `clock-runs-backwards`; `sockspec faults --list` shows"),
        "{said}"
    );
}

#[test]
fn faults_can_be_listed() {
    let output = finish(&mut sockspec(&["--list", "--fault", "cumulative"]));
    assert_eq!(output.status.code(), Some(0));
    let listed = text(&output.stdout);
    assert!(listed.lines().count() >= 5, "{listed}");
    assert!(listed.lines().all(|line| line.starts_with("cumulative ")), "{listed}");
}
