use crate::report::comparison::{Came, CaseChange, Change};

/// How a page shows and names what became of a case.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChangeLook {
    pub(super) glyph: &'static str,
    /// The word in an address, and in what names its colours in the stylesheet.
    pub(super) word: &'static str,
    pub(super) words: &'static str,
}

impl ChangeLook {
    /// That of a case that came to the same.
    pub(super) const SAME: Self = Self { glyph: "=", word: "same", words: "unchanged" };

    pub(super) const fn of(change: Change) -> Self {
        let (glyph, word) = match change {
            Change::NewlyFailing => ("▼", "newly-failing"),
            Change::NewAndFailing => ("▼", "new-and-failing"),
            Change::FailingOtherwise => ("≠", "failing-otherwise"),
            Change::NotRun => ("–", "not-run"),
            Change::Slower => ("~", "slower"),
            Change::Mended => ("▲", "mended"),
            Change::RunAgain => ("▲", "run-again"),
            Change::New => ("+", "new"),
            Change::Gone => ("−", "gone"),
        };
        Self { glyph, word, words: change.words() }
    }
}

/// What happened to a case, in words: `was fail (client recv c 16 => "pong" gave ECONNRESET), is pass`.
pub(super) fn sentence(change: &CaseChange) -> String {
    let old = change.old.as_ref().map(|came| format!("was {}", in_words(came)));
    let new = change.new.as_ref().map(|came| format!("is {}", in_words(came)));
    old.into_iter().chain(new).collect::<Vec<_>>().join(", ")
}

fn in_words(came: &Came) -> String {
    match &came.steps[..] {
        [] => came.to_string(),
        [step] => format!("{came} ({step})"),
        [step, others @ ..] => format!("{came} ({step}, and {} more)", others.len()),
    }
}
