use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, line_at, render_plain};
use super::document::{Document, LARGEST_FILE};
use crate::vocabulary::ScenarioId;

/// The scenarios of a folder, of single files or of the table within the binary, with all that is
/// wrong in any of them.
#[derive(Debug, Default)]
pub struct Suite {
    /// The scenarios without mistakes, in the order of their ids.
    pub documents: Vec<Document>,
    /// Every problem of every file, in the order of their paths.
    pub problems: Vec<Problem>,
}

impl Suite {
    /// Loads files, and folders with all `.scn` files below them. Entries that begin with a dot
    /// are left out.
    ///
    /// The id of a scenario is its path below the innermost folder named `scenarios`; where there
    /// is none, its path below the folder given, or the stem of the file given.
    pub fn load<P: AsRef<Path>>(paths: &[P]) -> Self {
        let mut loader = Loader::default();
        for path in paths {
            loader.path(path.as_ref());
        }
        loader.finish()
    }

    /// Loads a table of paths, relative to the suite's root, and contents.
    pub fn embedded<'t>(table: impl IntoIterator<Item = (&'t str, &'t [u8])>) -> Self {
        let mut loader = Loader::default();
        for (path, bytes) in table {
            let id = path.strip_suffix(".scn").unwrap_or(path).to_owned();
            loader.bytes(id, path.to_owned(), bytes);
        }
        loader.finish()
    }
}

/// Something wrong with a suite, for a person to read.
#[derive(Debug)]
pub enum Problem {
    /// A mistake in a scenario.
    Mistake {
        /// The file.
        path: String,
        /// Its text.
        source: Arc<str>,
        /// The mistake.
        diagnostic: Diagnostic,
    },
    /// A file or folder that cannot be read.
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// A file that is not UTF-8.
    NotText {
        /// The file.
        path: String,
        /// The line of the first byte that is wrong, from 1.
        line: usize,
        /// The position of that byte in the file, from 0.
        offset: usize,
    },
    /// A file that is too large to be a scenario. It was not read.
    TooLarge {
        /// The file.
        path: String,
        /// Its size.
        bytes: u64,
    },
    /// A folder that is reached a second time, as by a symbolic link to one above it.
    Repeated {
        /// The folder.
        path: String,
    },
    /// A folder without scenarios.
    Empty {
        /// The folder.
        path: String,
    },
    /// Two files with one id.
    Duplicate {
        /// The second file.
        path: String,
        /// The first one.
        first: String,
        /// The id of both.
        id: ScenarioId,
    },
}

impl Problem {
    /// The file or folder, as it is shown to a person.
    pub fn path(&self) -> &str {
        match self {
            Self::Mistake { path, .. }
            | Self::Unreadable { path, .. }
            | Self::NotText { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Repeated { path }
            | Self::Empty { path }
            | Self::Duplicate { path, .. } => path,
        }
    }

    /// Shows it. With `colour`, ANSI escapes are in the text.
    pub fn render(&self, colour: bool) -> String {
        let (message, help) = match self {
            Self::Mistake { path, source, diagnostic } => {
                return diagnostic.render(path, source, colour);
            }
            Self::Unreadable { cause, .. } => (
                format!("this cannot be read: {cause}"),
                Some("name a file or a folder that is there and that you may read"),
            ),
            Self::NotText { line, offset, .. } => (
                format!("line {line} is not UTF-8 text (byte {offset} of the file)"),
                Some("write other bytes within quotes as `\\xHH`"),
            ),
            Self::TooLarge { bytes, .. } => (
                format!("a scenario file has at most 1 MiB, and this one {bytes} bytes"),
                Some("write one behaviour a file, and long data as `bytes SIZE of SEED`"),
            ),
            Self::Repeated { .. } => (
                "this folder is reached a second time".to_owned(),
                Some("a symbolic link leads back to a folder that is part of the suite already"),
            ),
            Self::Empty { .. } => (
                "there are no scenarios in this folder".to_owned(),
                Some("a scenario is a file with the ending `.scn`"),
            ),
            Self::Duplicate { first, id, .. } => (
                format!("the id `{id}` is that of {first} already"),
                Some("give one of the two files another name"),
            ),
        };
        render_plain(self.path(), &message, help, colour)
    }
}

#[derive(Default)]
struct Loader {
    suite: Suite,
    /// The files that were read, without symbolic links.
    files: BTreeSet<PathBuf>,
}

impl Loader {
    fn path(&mut self, path: &Path) {
        match fs::metadata(path) {
            Err(cause) => self.unreadable(path, cause),
            Ok(data) if data.is_dir() => {
                let problems = self.suite.problems.len();
                if !self.folder(path) && self.suite.problems.len() == problems {
                    self.suite.problems.push(Problem::Empty { path: shown(path) });
                }
            }
            Ok(_) => {
                let root = path.parent().unwrap_or(path);
                self.file(path, root);
            }
        }
    }

    fn unreadable(&mut self, path: &Path, cause: io::Error) {
        self.suite.problems.push(Problem::Unreadable { path: shown(path), cause });
    }

    /// Walks a folder, without recursion, since its depth is not ours to choose. Gives whether it
    /// has any scenario.
    fn folder(&mut self, root: &Path) -> bool {
        let mut found = false;
        let mut left = vec![root.to_owned()];
        // The folders that were entered, without symbolic links.
        let mut entered = BTreeSet::new();
        while let Some(folder) = left.pop() {
            let fresh = match fs::canonicalize(&folder) {
                Ok(real) => entered.insert(real),
                Err(cause) => {
                    self.unreadable(&folder, cause);
                    continue;
                }
            };
            if !fresh {
                self.suite.problems.push(Problem::Repeated { path: shown(&folder) });
                continue;
            }
            let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            let mut entries = match entries {
                Ok(entries) => entries,
                Err(cause) => {
                    self.unreadable(&folder, cause);
                    continue;
                }
            };
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                if entry.file_name().as_encoded_bytes().starts_with(b".") {
                    continue;
                }
                let path = entry.path();
                let scenario = path.extension() == Some(OsStr::new("scn"));
                match fs::metadata(&path) {
                    Ok(data) if data.is_dir() => left.push(path),
                    _ if scenario => {
                        found = true;
                        self.file(&path, root);
                    }
                    _ => {}
                }
            }
        }
        found
    }

    fn file(&mut self, path: &Path, root: &Path) {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if !self.files.insert(real) {
            return;
        }
        match read(path) {
            Ok(Content::Bytes(bytes)) => self.bytes(id(path, root), shown(path), &bytes),
            Ok(Content::TooLarge(bytes)) => {
                self.suite.problems.push(Problem::TooLarge { path: shown(path), bytes });
            }
            Err(cause) => self.unreadable(path, cause),
        }
    }

    fn bytes(&mut self, id: String, path: String, bytes: &[u8]) {
        if bytes.len() > LARGEST_FILE {
            let bytes = bytes.len() as u64;
            return self.suite.problems.push(Problem::TooLarge { path, bytes });
        }
        let source = match std::str::from_utf8(bytes) {
            Ok(source) => source,
            Err(error) => {
                let offset = error.valid_up_to();
                let text = std::str::from_utf8(&bytes[..offset]).unwrap_or_default();
                let line = line_at(text, offset);
                return self.suite.problems.push(Problem::NotText { path, line, offset });
            }
        };
        match Document::parse(source, ScenarioId::new(id), &path) {
            Ok(document) => self.suite.documents.push(document),
            Err(diagnostics) => {
                let source: Arc<str> = source.into();
                self.suite.problems.extend(diagnostics.into_iter().map(|diagnostic| {
                    Problem::Mistake { path: path.clone(), source: Arc::clone(&source), diagnostic }
                }));
            }
        }
    }

    fn finish(self) -> Suite {
        let Suite { mut documents, mut problems } = self.suite;
        documents.sort_by(|one, other| one.scenario().id.cmp(&other.scenario().id));
        for pair in documents.windows(2) {
            let [first, second] = [pair[0].scenario(), pair[1].scenario()];
            if first.id == second.id {
                let (path, first) = (second.path.clone(), first.path.clone());
                problems.push(Problem::Duplicate { path, first, id: second.id.clone() });
            }
        }
        // The sort is stable: the mistakes of one file stay in their order.
        problems.sort_by(|one, other| one.path().cmp(other.path()));
        Suite { documents, problems }
    }
}

enum Content {
    Bytes(Vec<u8>),
    TooLarge(u64),
}

/// Reads a file, but not one that is too large, nor anything that is no file.
fn read(path: &Path) -> io::Result<Content> {
    let data = fs::metadata(path)?;
    if !data.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    if data.len() > LARGEST_FILE as u64 {
        return Ok(Content::TooLarge(data.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(data.len()).unwrap_or_default());
    fs::File::open(path)?.take(LARGEST_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Content::Bytes(bytes))
}

/// The id of a file: its path below the innermost folder named `scenarios`, or else below `root`.
fn id(path: &Path, root: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let suite = absolute
        .ancestors()
        .skip(1)
        .find(|above| above.file_name() == Some(OsStr::new("scenarios")));
    let below = match suite {
        Some(suite) => absolute.strip_prefix(suite).unwrap_or(&absolute),
        None => path.strip_prefix(root).unwrap_or(path),
    };
    let parts = below.with_extension("");
    let parts: Vec<_> = parts.iter().map(OsStr::to_string_lossy).collect();
    parts.join("/")
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = b"\"a socket opens\"\nclient open s tcp4 => ok\n";

    fn ids(suite: &Suite) -> Vec<&str> {
        suite.documents.iter().map(|document| document.scenario().id.as_str()).collect()
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder for the test")
    }

    fn write(path: PathBuf, bytes: &[u8]) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        fs::write(path, bytes).expect("the file is written");
    }

    #[test]
    fn ids_are_paths_below_the_suite() {
        let folder = folder();
        write(folder.path().join("b/two.scn"), GOOD);
        write(folder.path().join("a/deep/one.scn"), GOOD);
        write(folder.path().join("a/.hidden.scn"), GOOD);
        write(folder.path().join("README.md"), b"not a scenario");
        let suite = Suite::load(&[folder.path()]);
        assert!(suite.problems.is_empty(), "{:?}", suite.problems);
        assert_eq!(ids(&suite), ["a/deep/one", "b/two"]);
        let suite = Suite::load(&[folder.path().join("b/two.scn")]);
        assert_eq!(ids(&suite), ["two"]);
    }

    #[test]
    fn a_part_of_a_suite_keeps_its_ids() {
        let folder = folder();
        let suite = folder.path().join("scenarios");
        write(suite.join("half/one.scn"), GOOD);
        assert_eq!(ids(&Suite::load(&[suite.join("half/one.scn")])), ["half/one"]);
        assert_eq!(ids(&Suite::load(&[suite.join("half")])), ["half/one"]);
        let twice = Suite::load(&[suite.join("half"), suite.clone()]);
        assert_eq!(ids(&twice), ["half/one"]);
        assert!(twice.problems.is_empty(), "{:?}", twice.problems);
    }

    #[test]
    fn all_that_is_wrong_is_reported() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        write(at("bad.scn"), b"client opne s => ok\n");
        write(at("bytes.scn"), b"\"title\"\n# \xff\n");
        write(at("large.scn"), &vec![b'#'; LARGEST_FILE + 1]);
        write(at("folder.scn/one.scn"), GOOD);
        std::os::unix::fs::symlink(".", at("again")).expect("a link is made");
        std::os::unix::fs::symlink("nowhere", at("gone.scn")).expect("a link is made");
        let suite = Suite::load(&[folder.path(), &at("missing.scn")]);
        assert_eq!(ids(&suite), ["folder.scn/one"]);
        let found: Vec<String> = suite.problems.iter().map(|found| found.render(false)).collect();
        let parts = [
            "this folder is reached a second time",
            "the title is missing",
            "there is no verb",
            "line 2 is not UTF-8 text (byte 10 of the file)",
            "this cannot be read: No such file",
            "and this one 1048577 bytes",
            "this cannot be read: No such file",
        ];
        assert_eq!(found.len(), parts.len(), "{found:#?}");
        for (found, part) in found.iter().zip(parts) {
            assert!(found.contains(part), "{found}\ndoes not say: {part}");
        }
    }

    #[test]
    fn a_folder_without_scenarios_is_reported() {
        let folder = folder();
        let suite = Suite::load(&[folder.path()]);
        assert!(matches!(suite.problems[..], [Problem::Empty { .. }]));
    }

    #[test]
    fn an_embedded_table_is_a_suite() {
        let suite = Suite::embedded([("b/x.scn", GOOD), ("a/y.scn", GOOD), ("a/y.scn", GOOD)]);
        assert_eq!(ids(&suite), ["a/y", "a/y", "b/x"]);
        assert!(matches!(suite.problems[..], [Problem::Duplicate { .. }]));
    }
}
