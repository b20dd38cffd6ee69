use super::column::Column;
use super::failing::Failing;
use super::sheet::Seen;
use crate::report::failure::Failure;
use crate::run::Verdict;

/// What became of a case from one run to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) kind: Kind,
    /// What happened, in words; empty where nothing did.
    pub(super) words: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It was good, or had come to no verdict, and is bad.
    Regressed,
    /// It was bad, and is good.
    Mended,
    /// It came to something else, neither of these.
    Otherwise,
    /// It did not run before.
    New,
    /// It does not run any more.
    Gone,
    /// It came to the same.
    Same,
}

impl Kind {
    pub(super) const ALL: [Self; 6] =
        [Self::Regressed, Self::Mended, Self::Otherwise, Self::New, Self::Gone, Self::Same];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::Mended => "mended",
            Self::Otherwise => "otherwise",
            Self::New => "new",
            Self::Gone => "gone",
            Self::Same => "same",
        }
    }

    /// What it is called where there is room.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Otherwise => "changed otherwise",
            Self::Same => "unchanged",
            other => other.word(),
        }
    }

    pub(super) const fn glyph(self) -> &'static str {
        match self {
            Self::Regressed => "▼",
            Self::Mended => "▲",
            Self::Otherwise => "≠",
            Self::New => "+",
            Self::Gone => "−",
            Self::Same => "=",
        }
    }
}

impl Change {
    /// What became of a case that was seen so before and after.
    pub(super) fn of(columns: &[Column], seen: &[Option<Seen>]) -> Self {
        let told = |position: usize| {
            let seen = seen.get(position).copied().flatten()?;
            Some((seen, in_words(&columns[position], seen)))
        };
        let (kind, words) = match (told(0), told(1)) {
            (None, None) => (Kind::Same, String::new()),
            (None, Some((_, words))) => (Kind::New, words),
            (Some((_, words)), None) => (Kind::Gone, format!("was {words}")),
            (Some((old, was)), Some((new, is))) => {
                let kind = Kind::of(old, new);
                (
                    kind,
                    if kind == Kind::Same { String::new() } else { format!("was {was}, is {is}") },
                )
            }
        };
        Self { kind, words }
    }
}

impl Kind {
    fn of(old: Seen, new: Seen) -> Self {
        let [was, is] = [old, new].map(|seen| seen.tally.verdict());
        let [was_flaky, is_flaky] = [old, new].map(|seen| !seen.tally.is_steady());
        let [key, next] = [old, new].map(|seen| Failure::of(seen.kept.shown()).key());
        match (was.is_bad(), is.is_bad()) {
            (false, true) => Self::Regressed,
            (true, false) if is.is_good() => Self::Mended,
            _ if was != is || was_flaky != is_flaky => Self::Otherwise,
            (true, true) if (key.2, key.3) != (next.2, next.3) => Self::Otherwise,
            _ => Self::Same,
        }
    }
}

/// What a case came to: `pass`, or `fail at line 11: ECONNRESET`.
fn in_words(column: &Column, seen: Seen) -> String {
    let case = seen.kept.shown();
    let mut words = seen.tally.verdict().word().to_owned();
    if !seen.tally.is_steady() {
        let runs = seen.tally.runs();
        words = match seen.tally.failed() {
            0 => format!("{words} at times"),
            failed => format!("{words} in {failed} of {runs} runs"),
        };
    }
    let source = column.transcript.scenario(&case.scenario).map_or("", |one| &*one.source);
    match (Failing::of(case, source), &case.reason) {
        (Some(failing), _) if case.verdict.is_bad() => format!("{words} at {}", failing.sentence()),
        (_, Some(reason)) if case.verdict != Verdict::Pass => {
            format!("{words}: {}", reason.lines().next().unwrap_or_default())
        }
        _ => words,
    }
}
