use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::output::{complain, print};
use crate::report::{PacketFiles, Transcript, annotations, junit, markdown, matrix, page, tap};

/// The reports that `run` and `report` write beside what a person reads in the terminal.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Reports")]
pub(super) struct Outputs {
    /// Write JUnit XML; `-` is standard output, here and below.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Write one HTML page, for a browser, that needs nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write the Test Anything Protocol, version 14.
    #[arg(long, value_name = "FILE")]
    tap: Option<PathBuf>,

    /// Write a summary as Markdown, of less than 1 MiB, such as GitHub shows of a job.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    /// Write as Markdown in which scenarios which of the subjects depart, and why.
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,

    /// Print annotations for a GitHub workflow.
    #[arg(long)]
    github: bool,

    /// Write the packets of each case that has any to this folder, as pcapng files with the steps as
    /// comments; `run` keeps those of cases that failed.
    #[arg(long, value_name = "DIR")]
    pcapng: Option<PathBuf>,
}

/// A report that is made when all is over.
type Format = fn(&[Transcript]) -> String;

impl Outputs {
    /// Whether any of them is asked for.
    pub(super) fn is_any(&self) -> bool {
        self.github || self.pcapng.is_some() || self.files().next().is_some()
    }

    /// Whether one of them is standard output, so that nothing else may be written there.
    pub(super) fn takes_standard_output(&self) -> bool {
        self.files().any(|(path, _)| is_standard_output(path))
    }

    /// The folder that packets are written to.
    pub(super) fn packets(&self) -> Option<&Path> {
        self.pcapng.as_deref()
    }

    fn files(&self) -> impl Iterator<Item = (&Path, Format)> {
        let formats: [(&Option<PathBuf>, Format); 5] = [
            (&self.junit, junit),
            (&self.html, page),
            (&self.tap, tap),
            (&self.markdown, markdown),
            (&self.matrix, matrix),
        ];
        formats.into_iter().filter_map(|(path, format)| Some((path.as_deref()?, format)))
    }

    /// Opens every file, before anything is run. What is wrong with them is said.
    pub(super) fn open(&self) -> Result<Opened, Exit> {
        let mut files: Vec<Opening> = Vec::new();
        for (path, format) in self.files() {
            if files.iter().any(|file| file.path == path) {
                let name = name(path);
                complain(&format!("error: {name} cannot be several reports at once\n"));
                return Err(Exit::Usage);
            }
            let file = if is_standard_output(path) {
                None
            } else {
                match File::create(path) {
                    Ok(file) => Some(file),
                    Err(error) => {
                        complain(&format!(
                            "error: {} cannot be written: {error}\n",
                            path.display()
                        ));
                        return Err(Exit::Usage);
                    }
                }
            };
            files.push(Opening { path: path.to_owned(), file, format });
        }
        let packets = match self.pcapng.as_ref().map(PacketFiles::new).transpose() {
            Ok(packets) => packets,
            Err(error) => {
                let folder = self.pcapng.as_deref().unwrap_or(Path::new("")).display();
                complain(&format!("error: {folder} cannot be made: {error}\n"));
                return Err(Exit::Usage);
            }
        };
        let is_silent = self.takes_standard_output();
        Ok(Opened { files, packets, annotates: self.github, is_silent, token: None })
    }
}

/// Reports that can be written.
pub(super) struct Opened {
    files: Vec<Opening>,
    /// Where packets are written to, until somebody takes it.
    pub(super) packets: Option<PacketFiles>,
    annotates: bool,
    /// Whether standard output belongs to one of them.
    is_silent: bool,
    /// What lets GitHub's runner take commands again.
    token: Option<String>,
}

struct Opening {
    path: PathBuf,
    /// `None` is standard output.
    file: Option<File>,
    format: Format,
}

impl Opened {
    /// Whether whole runs have to be kept for them.
    pub(super) fn needs_transcripts(&self) -> bool {
        self.annotates || !self.files.is_empty()
    }

    /// Where annotations are asked for: tells GitHub's runner to take nothing for a command that is
    /// printed until they are written. Text of a subject stands in there.
    pub(super) fn begin(&mut self) {
        if self.annotates {
            let random = || RandomState::new().hash_one(std::process::id());
            let token = format!("sockspec-{:016x}{:016x}", random(), random());
            // Who reads nothing of it obeys nothing in it.
            let _ = self.say(&format!("::stop-commands::{token}\n"));
            self.token = Some(token);
        }
    }

    /// Prints where the terminal's report is printed, too.
    fn say(&self, text: &str) -> io::Result<()> {
        if self.is_silent {
            complain(text);
            Ok(())
        } else {
            print(text)
        }
    }

    /// Writes them all, also when one fails, which is said.
    pub(super) fn write(mut self, runs: &[Transcript]) -> Exit {
        let mut exit = Exit::Good;
        for Opening { path, file, format } in std::mem::take(&mut self.files) {
            let text = format(runs);
            let written = match file {
                Some(mut file) => file.write_all(text.as_bytes()),
                None => print(&text),
            };
            exit = exit.and(after(&name(&path), written));
        }
        if self.annotates {
            let go_on =
                self.token.take().map_or_else(String::new, |token| format!("::{token}::\n"));
            let written = self.say(&(go_on + &annotations(runs)));
            exit = exit.and(after("the annotations", written));
        }
        exit
    }
}

fn after(name: &str, written: io::Result<()>) -> Exit {
    match written {
        Ok(()) => Exit::Good,
        Err(error) => {
            complain(&format!("error: {name} could not be written: {error}\n"));
            Exit::Broken
        }
    }
}

fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

fn name(path: &Path) -> String {
    if is_standard_output(path) { "standard output".to_owned() } else { path.display().to_string() }
}
