use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::scenario::{Cell, Coverage, Document, Why};
use crate::vocabulary::{Level, Reach, ScenarioId, Transport};

/// What stands above the tables.
const LEGEND: &str = "\
# What is tested

Each behaviour of the suite by transport and topology: where it is tested, and why not where it is not.
This page is what `sockspec list --format markdown` writes; a test holds it current.

| in a cell | means |
|---|---|
| `lo` | tested within one host, through its loopback interface (`on loopback`) |
| `netns`, `lan`, `routed` | tested between hosts: two on a link, several on a link, with a router between \
them. Where a behaviour is tested on one of these, the others are covered with it |
| – | not tested over this transport |
| a number | the reason, below the table, why it is not tested: within one host where `lo` is missing, \
between hosts where only `lo` stands, nowhere beside – |

`unix` and `unix-dgram` have no cases between hosts, since a local socket stays on its host. Reasons in \
italics are derived: the language refuses the scenario over that transport, or on that topology, with this \
mistake. The others stand in the scenario, in its `not` lines.
";

/// Writes which transports and topologies the scenarios are tested on, as tables for people.
pub(super) fn markdown(documents: &[&Document]) -> String {
    let mut areas: BTreeMap<&str, Vec<Entry<'_>>> = BTreeMap::new();
    for document in documents {
        let entry = Entry { document, coverage: Coverage::of(document) };
        areas.entry(document.scenario().id.area()).or_default().push(entry);
    }
    // Writing to a string does not fail, here and below.
    let mut text = LEGEND.to_owned();
    let _ = write!(text, "\n| area | behaviours | cases |");
    heads(&mut text, 3);
    for (area, entries) in &areas {
        let cases: usize = entries.iter().map(|entry| entry.document.count()).sum();
        let _ = write!(text, "| [{area}](#{area}) | {} | {cases} |", entries.len());
        for transport in Transport::ALL {
            let tested = |reach| {
                let is_tested = |entry: &&Entry<'_>| entry.cell(transport, reach).why.is_none();
                entries.iter().filter(is_tested).count()
            };
            let [one, between] = Reach::ALL.map(tested);
            let _ = match (one, transport.is_local()) {
                (0, true) => write!(text, " – |"),
                (_, true) => write!(text, " {one} |"),
                (0, false) if between == 0 => write!(text, " – |"),
                (_, false) => write!(text, " {one} + {between} |"),
            };
        }
        text.push('\n');
    }
    text.push_str(
        "\nUnder a transport: how many behaviours are tested within one host + between hosts.\n",
    );
    for (area, entries) in &areas {
        let _ = write!(text, "\n## {area}\n\n| behaviour |");
        heads(&mut text, 1);
        let mut reasons = Reasons::default();
        for entry in entries {
            text.push_str(&entry.row(&mut reasons));
        }
        text.push_str(&reasons.list());
    }
    text
}

/// The transports as the further heads of a table, and the line below the heads.
fn heads(text: &mut String, before: usize) {
    for transport in Transport::ALL {
        let _ = write!(text, " {transport} |");
    }
    let _ = writeln!(text, "\n|{}", "---|".repeat(before + Transport::ALL.len()));
}

struct Entry<'d> {
    document: &'d Document,
    coverage: Coverage,
}

impl Entry<'_> {
    fn cell(&self, transport: Transport, reach: Reach) -> &Cell {
        self.coverage.cell(transport, reach)
    }

    fn row(&self, reasons: &mut Reasons) -> String {
        let scenario = self.document.scenario();
        let (_, name) = scenario.id.as_str().rsplit_once('/').unwrap_or(("", scenario.id.as_str()));
        let title = cell_text(&scenario.title);
        let mut row = format!("| [{name}]({}.scn): {title} |", scenario.id);
        for transport in Transport::ALL {
            let cells = Reach::ALL.map(|reach| self.cell(transport, reach));
            let tested = cells.iter().flat_map(|cell| &cell.topologies);
            let words: Vec<&str> = tested
                .map(|topology| match Reach::of(*topology) {
                    Reach::OneHost => "lo",
                    Reach::BetweenHosts => topology.word(),
                })
                .collect();
            let why = cells.iter().filter_map(|cell| cell.why.as_ref());
            let mut notes: Vec<usize> =
                why.filter(|why| **why != Why::Local).map(|why| reasons.number(why)).collect();
            notes.sort_unstable();
            notes.dedup();
            let notes: Vec<String> = notes.iter().map(usize::to_string).collect();
            row.push(' ');
            row.push_str(&if words.is_empty() { "–".to_owned() } else { words.join(" ") });
            if !notes.is_empty() {
                let _ = write!(row, " <sup>{}</sup>", notes.join(" "));
            }
            row.push_str(" |");
        }
        row.push('\n');
        row
    }
}

/// The reasons of an area, numbered as they come.
#[derive(Default)]
struct Reasons {
    found: Vec<Why>,
}

impl Reasons {
    fn number(&mut self, why: &Why) -> usize {
        let known = self.found.iter().position(|known| known == why);
        known.unwrap_or_else(|| {
            self.found.push(why.clone());
            self.found.len() - 1
        }) + 1
    }

    fn list(&self) -> String {
        let mut text = String::new();
        for (at, why) in self.found.iter().enumerate() {
            let reason = cell_text(why.text());
            let _ = match why {
                Why::Said(_) => writeln!(text, "{}. {reason}", at + 1),
                _ => writeln!(text, "{}. *{reason}*", at + 1),
            };
        }
        if text.is_empty() { text } else { format!("\n{text}") }
    }
}

/// A text on one line, with nothing in it that a table or a page would take for its own.
fn cell_text(text: &str) -> String {
    text.replace(char::is_control, " ").replace('|', "\\|").replace('<', "&lt;")
}

/// A scenario as a line of JSON.
#[derive(Serialize)]
struct Line<'d> {
    id: &'d ScenarioId,
    title: &'d str,
    level: Level,
    cite: &'d [String],
    cases: usize,
    cells: Vec<Cell>,
}

/// Writes the same, and what else an index of the scenarios needs, as one JSON object a line.
pub(super) fn json(documents: &[&Document]) -> serde_json::Result<String> {
    let mut text = String::new();
    for document in documents {
        let scenario = document.scenario();
        let line = Line {
            id: &scenario.id,
            title: &scenario.title,
            level: scenario.level,
            cite: &scenario.cite,
            cases: document.count(),
            cells: Coverage::of(document).cells,
        };
        text.push_str(&serde_json::to_string(&line)?);
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_within_its_cell() {
        assert_eq!(cell_text("a|b\n<c>"), "a\\|b &lt;c>");
    }

    #[test]
    fn each_reason_of_an_area_has_one_number() {
        let source = "\"a title\"\nover tcp4\nnot udp4 udp6 \"no end\"\n\nclient open s => ok\n";
        let document = Document::parse(source, ScenarioId::new("a/b"), "b.scn");
        let document = document.expect("it has no mistakes");
        let page = markdown(&[&document]);
        let row = "| [b](a/b.scn): a title | lo <sup>1</sup> | – <sup>1</sup> | – <sup>1</sup> | \
                   – <sup>1</sup> | – <sup>2</sup> | – <sup>2</sup> |\n";
        assert!(page.contains(row), "{page}");
        assert!(page.ends_with("\n1. *nobody has said why not*\n2. no end\n"), "{page}");
    }
}
