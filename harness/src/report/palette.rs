use std::fmt;

use anstyle::{AnsiColor, Style};

/// The styles of a report for people, by meaning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Palette {
    /// What the subject did right.
    pub(crate) good: Style,
    /// What it did wrong.
    pub(crate) bad: Style,
    /// What deserves a look: slow, broken, flaky.
    pub(crate) odd: Style,
    /// What a report is about: ids, headings.
    pub(crate) strong: Style,
    /// What surrounds it: numbers of lines, labels.
    pub(crate) faint: Style,
}

impl Palette {
    /// No style at all.
    pub fn plain() -> Self {
        Self::default()
    }

    /// Text for what is right.
    pub(crate) fn good(&self, text: &str) -> String {
        Painted(self.good, text).to_string()
    }

    /// Text for what is wrong.
    pub(crate) fn bad(&self, text: &str) -> String {
        Painted(self.bad, text).to_string()
    }

    /// Text for what deserves a look.
    pub(crate) fn odd(&self, text: &str) -> String {
        Painted(self.odd, text).to_string()
    }

    /// Text for what surrounds the rest.
    pub(crate) fn faint(&self, text: &str) -> String {
        Painted(self.faint, text).to_string()
    }

    /// Colours from the sixteen that every terminal has.
    pub const fn coloured() -> Self {
        Self {
            good: AnsiColor::Green.on_default(),
            bad: AnsiColor::Red.on_default().bold(),
            odd: AnsiColor::Yellow.on_default(),
            strong: Style::new().bold(),
            faint: Style::new().dimmed(),
        }
    }
}

/// A value in a style.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Painted<T>(pub(crate) Style, pub(crate) T);

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(style, value) = self;
        write!(f, "{style}{value}{style:#}")
    }
}
