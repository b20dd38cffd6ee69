use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::Args;
use include_dir::{Dir, include_dir};

use super::exit::Exit;
use super::output::{Colour, complain};
use crate::run::{Pattern, Plan, Selection};
use crate::scenario::{Document, Problem, Scenario, Suite};
use crate::vocabulary::ScenarioId;

/// The scenarios as they were when the program was built.
static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/scenarios");

/// The folder that is used where it is there.
const FOLDER: &str = "scenarios";

/// Where scenarios come from.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Source {
    /// The folder of the suite [default: `scenarios` in this folder if it holds any, else the suite
    /// that is built in].
    #[arg(long, value_name = "DIR")]
    suite: Option<PathBuf>,
}

/// Where scenarios come from, and which of them.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Choice {
    /// Files, folders, or patterns for cases.
    #[arg(
        value_name = "WHAT",
        help = "Files, folders, or patterns for cases: 'halfclose/**', \
                '{halfclose,cumulative}/**[tcp4]', a scenario's id, a case's id"
    )]
    what: Vec<String>,

    #[command(flatten)]
    source: Source,
}

/// A suite without mistakes, and the patterns that choose from it.
#[derive(Debug)]
pub(super) struct Chosen {
    /// Where the scenarios come from, for a person to read.
    pub(super) name: String,
    /// The files and folders they come from, where some were given.
    pub(super) paths: Vec<String>,
    /// The patterns.
    patterns: Vec<Pattern>,
    suite: Suite,
    extent: Extent,
}

/// What part of a suite was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// All of the folder we are in.
    Checkout,
    /// All of another folder.
    Whole,
    /// Of the built-in suite, what the patterns can name.
    BuiltIn,
    /// Files, or a part of a folder.
    Part,
}

impl Chosen {
    /// Whether it is the suite of the folder we are in.
    pub(super) fn is_checkout(&self) -> bool {
        self.extent == Extent::Checkout
    }

    /// The suite that was chosen from, before patterns; `None` where only a part of it was loaded.
    pub(super) fn whole(&self) -> Option<Vec<Document>> {
        match self.extent {
            Extent::Checkout | Extent::Whole => Some(self.suite.documents.clone()),
            Extent::BuiltIn => Some(built_in(&[]).documents),
            Extent::Part => None,
        }
    }

    /// The scenarios, in the order of their ids.
    pub(super) fn documents(&self) -> impl Iterator<Item = &Document> {
        self.suite.documents.iter()
    }

    /// The cases that were chosen, with a selection that says more than the patterns, and with
    /// groups grown to so many hosts. Each pattern must match one at least.
    pub(super) fn plan(&self, selection: Selection, hosts: Option<usize>) -> Result<Plan, Exit> {
        self.each_pattern_matches()?;
        let selection = Selection { patterns: self.patterns.clone(), ..selection };
        match hosts {
            None => Ok(Plan::of(self.documents(), &selection)),
            Some(hosts) => Plan::grown(self.documents(), &selection, hosts).map_err(|error| {
                complain(&format!("error: {error}\n"));
                Exit::Usage
            }),
        }
    }
}

impl Chosen {
    /// Says each pattern that matches no case. What the rest of a selection leaves out is no mistake
    /// in a pattern.
    fn each_pattern_matches(&self) -> Result<(), Exit> {
        if self.patterns.is_empty() {
            return Ok(());
        }
        let named = Selection { patterns: self.patterns.clone(), ..Selection::default() };
        let whole = Plan::of(self.documents(), &named);
        let unmatched = whole.unmatched(&self.patterns);
        for pattern in &unmatched {
            let is_file = Path::new(&pattern.to_string()).extension() == Some(OsStr::new("scn"));
            let no_file = if is_file { ", and there is no such file" } else { "" };
            complain(&format!(
                "error: nothing matches `{pattern}`{no_file}; `sockspec list` shows what there is\n"
            ));
        }
        if unmatched.is_empty() { Ok(()) } else { Err(Exit::Nothing) }
    }
}

impl Choice {
    /// The same, and where it chooses nothing of the suite itself, what this pattern does.
    pub(super) fn or(&self, pattern: Option<&str>) -> Self {
        let mut choice = self.clone();
        if choice.what.is_empty() {
            choice.what.extend(pattern.map(str::to_owned));
        }
        choice
    }

    /// Loads what was chosen. Every mistake in it is said, and none of it is run.
    pub(super) fn open(&self, colour: Colour) -> Result<Chosen, Exit> {
        let (paths, words): (Vec<_>, Vec<_>) = {
            let given = self.source.suite.is_some();
            self.what.iter().partition(|word| is_path(word, given))
        };
        let mut patterns = Vec::new();
        for word in words {
            match word.parse() {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => {
                    complain(&format!("error: {error}\n"));
                    return Err(Exit::Usage);
                }
            }
        }
        if let (Some(folder), Some(path)) = (&self.source.suite, paths.first()) {
            complain(&format!(
                "error: both {path} and `--suite {}` say where the scenarios are; give one of them\n",
                folder.display()
            ));
            return Err(Exit::Usage);
        }
        let chosen = if paths.is_empty() {
            self.source.open(&patterns, colour)?
        } else {
            let paths: Vec<String> = paths.into_iter().cloned().collect();
            let extent = if is_whole(&paths) { Extent::Whole } else { Extent::Part };
            without_mistakes(Suite::load(&paths), extent, paths.join(" "), paths, colour)?
        };
        Ok(Chosen { patterns, ..chosen })
    }
}

impl Source {
    /// The suite that recordings were made with: that of `--suite`, else the files and folders that they
    /// tell, else the one that a run takes here.
    pub(super) fn of_recordings(&self, paths: &[String], colour: Colour) -> Result<Chosen, Exit> {
        if self.suite.is_some() || paths.is_empty() {
            return self.open(&[], colour);
        }
        let paths = paths.to_vec();
        let extent = if is_whole(&paths) { Extent::Whole } else { Extent::Part };
        without_mistakes(Suite::load(&paths), extent, paths.join(" "), paths, colour)
    }

    /// Loads the suite: of the one that is built in, only what the patterns can name, since nothing
    /// in it can have changed since it was tested.
    pub(super) fn open(&self, patterns: &[Pattern], colour: Colour) -> Result<Chosen, Exit> {
        let mut paths = Vec::new();
        let (suite, extent, name) = if let Some(folder) = &self.suite {
            let name = folder.display().to_string();
            paths.push(name.clone());
            (Suite::load(&[folder]), Extent::Whole, name)
        } else if let Some(suite) = checkout() {
            (suite, Extent::Checkout, format!("{FOLDER}/"))
        } else {
            (built_in(patterns), Extent::BuiltIn, "built in".to_owned())
        };
        without_mistakes(suite, extent, name, paths, colour)
    }
}

/// The part of the built-in suite that patterns can name; all of it without any.
fn built_in(patterns: &[Pattern]) -> Suite {
    let mut files = Vec::new();
    let mut folders = vec![&BUILT_IN];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        files.extend(folder.files().filter_map(|file| {
            let path = file.path().to_str()?;
            let is_scenario = Path::new(path).extension().is_some_and(|ending| ending == "scn");
            let id = ScenarioId::new(path.strip_suffix(".scn").unwrap_or(path));
            let is_named = patterns.is_empty() || patterns.iter().any(|one| one.names(&id));
            (is_scenario && is_named).then_some((path, file.contents()))
        }));
    }
    files.sort_unstable();
    Suite::embedded(files)
}

/// Whether a scenario is one of the built-in suite, word for word.
pub(super) fn is_built_in(scenario: &Scenario) -> bool {
    let file = BUILT_IN.get_file(format!("{}.scn", scenario.id));
    file.is_some_and(|file| file.contents() == scenario.source.as_bytes())
}

/// Whether paths are a folder that is a suite of its own, rather than files or a part of one.
fn is_whole(paths: &[String]) -> bool {
    let [path] = paths else { return false };
    let absolute = std::path::absolute(path).unwrap_or_default();
    let is_part =
        absolute.ancestors().skip(1).any(|above| above.file_name() == Some(OsStr::new(FOLDER)));
    Path::new(path).is_dir() && !is_part
}

/// The suite of the folder we are in, if it has one.
fn checkout() -> Option<Suite> {
    if !Path::new(FOLDER).is_dir() {
        return None;
    }
    let suite = Suite::load(&[FOLDER]);
    let is_empty = matches!(suite.problems.as_slice(), [Problem::Empty { .. }]);
    (!is_empty).then_some(suite)
}

fn without_mistakes(
    suite: Suite,
    extent: Extent,
    name: String,
    paths: Vec<String>,
    colour: Colour,
) -> Result<Chosen, Exit> {
    if suite.problems.is_empty() {
        return Ok(Chosen { name, paths, patterns: Vec::new(), suite, extent });
    }
    let coloured = colour.on_stderr();
    for problem in &suite.problems {
        complain(&format!("{}\n\n", problem.render(coloured)));
    }
    let mut paths: Vec<&str> = suite.problems.iter().map(Problem::path).collect();
    paths.sort_unstable();
    paths.dedup();
    complain(&format!(
        "{} in {}\n",
        many(suite.problems.len(), "mistake"),
        many(paths.len(), "file")
    ));
    Err(Exit::Usage)
}

/// A count with its noun: `1 file`, `2 files`.
pub(super) fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Whether a word names a file or a folder rather than cases. Where the suite's folder is given, it
/// does so only if it cannot be anything else.
fn is_path(word: &str, suite_is_given: bool) -> bool {
    let path = Path::new(word);
    let is_file = path.extension().is_some_and(|ending| ending == "scn") && path.exists();
    let is_there = !suite_is_given && (is_file || path.is_dir());
    is_there || ["/", "./", "../"].iter().any(|start| word.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_the_same_word_for_word_is_built_in() {
        let suite = built_in(&[]);
        let scenario = &**suite.documents.first().expect("the suite is not empty").scenario();
        assert!(is_built_in(scenario));
        let source = format!("{}\n", scenario.source);
        assert!(!is_built_in(&Scenario { source: source.into(), ..scenario.clone() }));
        let id = ScenarioId::new("no/such-scenario");
        assert!(!is_built_in(&Scenario { id, ..scenario.clone() }));
    }

    #[test]
    fn a_folder_is_whole_unless_it_lies_within_a_suite() {
        let folder = tempfile::tempdir().expect("a folder");
        let part = folder.path().join("scenarios/area");
        std::fs::create_dir_all(&part).expect("it is made");
        let is_whole = |paths: &[&Path]| {
            let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
            is_whole(&paths)
        };
        assert!(is_whole(&[folder.path()]));
        assert!(is_whole(&[&folder.path().join("scenarios")]));
        assert!(!is_whole(&[&part]));
        assert!(!is_whole(&[folder.path(), &part]));
        assert!(!is_whole(&[&folder.path().join("one.scn")]));
    }
}
