use std::fs;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use tempfile::NamedTempFile;

use crate::report::{Palette, Reporters};

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    fn choice(self) -> ColorChoice {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::AlwaysAnsi,
            Self::Never => ColorChoice::Never,
        }
    }

    /// Whether standard output gets colours.
    pub(super) fn on_stdout(self) -> bool {
        decided(self, AutoStream::choice(&io::stdout()))
    }

    /// Whether standard error gets colours.
    pub(super) fn on_stderr(self) -> bool {
        decided(self, AutoStream::choice(&io::stderr()))
    }

    /// The styles of a report on standard output.
    pub(super) fn palette(self) -> Palette {
        if self.on_stdout() { Palette::coloured() } else { Palette::plain() }
    }

    /// The styles of a report on standard error.
    pub(super) fn error_palette(self) -> Palette {
        if self.on_stderr() { Palette::coloured() } else { Palette::plain() }
    }
}

fn decided(colour: Colour, detected: ColorChoice) -> bool {
    let choice = if colour == Colour::Auto { detected } else { colour.choice() };
    choice != ColorChoice::Never
}

/// Standard output, written in large pieces.
pub(super) fn stdout() -> impl Write + Send {
    BufWriter::new(io::stdout())
}

/// Standard error, written in large pieces.
pub(super) fn stderr() -> impl Write + Send {
    BufWriter::new(io::stderr())
}

/// Whether a person watches standard error, so that a bar may move there.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Writes a text to standard output. A reader that has gone away is no failure.
///
/// # Errors
/// When it cannot be written for another reason.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes a text to standard error, where nothing is left to be done if that fails.
pub(super) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Says which reports could not be written. Gives whether one of them is lost: who closes the pipe
/// has read enough.
pub(super) fn complain_of(reporters: &Reporters) -> bool {
    let mut is_lost = false;
    for (name, error) in reporters.failures() {
        if error.kind() != io::ErrorKind::BrokenPipe {
            is_lost = true;
            complain(&format!("error: {name} could not be written: {error}\n"));
        }
    }
    is_lost
}

/// Puts a text in a file's place at once: whatever happens meanwhile, the file is the old one or
/// the new one.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A symbolic link stays one; what it leads to is replaced.
    let path = fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut fresh = NamedTempFile::new_in(folder)?;
    fresh.write_all(text.as_bytes())?;
    fresh.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
    fresh.persist(&path).map_err(|error| error.error)?;
    Ok(())
}
