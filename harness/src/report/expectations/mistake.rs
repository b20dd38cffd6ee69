use std::ops::Range;

use crate::scenario::{Diagnostic, Span};

macro_rules! codes {
    ($($constant:ident $code:literal)*) => {
        /// What kinds of mistakes there are in an expectations file.
        pub(super) mod code {
            $(pub(in crate::report::expectations) const $constant: &str = $code;)*
        }

        /// Every code.
        #[cfg(test)]
        pub(super) const CODES: &[&str] = &[$($code,)*];
    };
}

codes! {
    BAD_BOUND "bad-bound"
    BAD_DATE "bad-date"
    BAD_KIND "bad-kind"
    BAD_PATTERN "bad-pattern"
    BAD_TOML "bad-toml"
    DUPLICATE_PEER "duplicate-peer"
    DUPLICATE_TOPOLOGY "duplicate-topology"
    DUPLICATE_VERDICT "duplicate-verdict"
    EMPTY_LIST "empty-list"
    EMPTY_TEXT "empty-text"
    GOOD_ONLY "good-only"
    IDLE_ENDING "idle-ending"
    MISSING_KEY "missing-key"
    OVERLAP "overlap"
    UNEXPECTABLE "unexpectable-verdict"
    UNKNOWN_ENDING "unknown-ending"
    UNKNOWN_KEY "unknown-key"
    UNKNOWN_PEER "unknown-peer"
    UNKNOWN_TOPOLOGY "unknown-topology"
    UNKNOWN_VERDICT "unknown-verdict"
    UNUSED "unused-expectation"
}

/// A mistake at a place in the file.
pub(super) fn mistake(
    code: &'static str,
    span: Span,
    message: impl Into<String>,
    label: impl Into<String>,
) -> Diagnostic {
    let (message, label) = (message.into(), label.into());
    Diagnostic { code, message, span, label, help: None, related: Vec::new() }
}

/// The same with what to do about it.
pub(super) fn with_help(diagnostic: Diagnostic, help: impl Into<String>) -> Diagnostic {
    Diagnostic { help: Some(help.into()), ..diagnostic }
}

/// A place as a diagnostic has it.
pub(super) fn span(range: Range<usize>) -> Span {
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { start: narrow(range.start), end: narrow(range.end) }
}
