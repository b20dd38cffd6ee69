//! Mistakes that are reported from several places.

use super::header::CASES;
use super::value::{Bad, BadText};
use crate::scenario::diagnostic::{Diagnostic, code, nearest, quoted};
use crate::scenario::lexer::Span;
use crate::vocabulary::Level;

pub(super) fn unknown(
    code: &'static str,
    what: &str,
    span: Span,
    word: &str,
    all: &[&str],
) -> Diagnostic {
    let near = nearest(word, all.iter().copied());
    let label =
        near.map_or_else(|| format!("expected a {what}"), |near| format!("did you mean `{near}`?"));
    Diagnostic::new(code, span, format!("there is no {what} {}", quoted(word)), label)
        .help(format!("expected one of `{}`", all.join("`, `")))
}

pub(super) fn unknown_level(span: Span, word: &str) -> Diagnostic {
    unknown(code::UNKNOWN_LEVEL, "level", span, word, &Level::ALL.map(Level::word))
}

/// A host that there is not, where `places` can stand too.
pub(super) fn unknown_host(span: Span, word: &str, actors: &[&str], places: &[&str]) -> Diagnostic {
    let shown = [&actors[..actors.len().min(12)], places].concat();
    unknown(code::UNKNOWN_HOST, "host", span, word, &shown)
}

/// A group where one host is wanted.
pub(super) fn stray_group(span: Span, word: &str) -> Diagnostic {
    Diagnostic::new(
        code::STRAY_GROUP,
        span,
        format!("{} is a group of hosts", quoted(word)),
        "expected one host",
    )
    .help("a group's name stands only at the beginning of a step; give a host a name of its own")
}

pub(super) fn duplicate_word(span: Span, word: &str, earlier: Span) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        code::DUPLICATE_WORD,
        span,
        format!("{} stands twice", quoted(word)),
        "leave one out",
    );
    if earlier == span { diagnostic } else { diagnostic.related(earlier, "the first one") }
}

pub(super) fn bad_name(span: Span, word: &str) -> Diagnostic {
    Diagnostic::new(
        code::BAD_NAME,
        span,
        format!("{} is not a name", quoted(word)),
        "expected letters, digits, `-` or `_`, with a letter first",
    )
}

pub(super) fn bad_range(span: Span) -> Diagnostic {
    Diagnostic::new(
        code::BAD_RANGE,
        span,
        "this range ends before it begins",
        "expected the smaller number first",
    )
}

pub(super) fn extra_word(span: Span) -> Diagnostic {
    Diagnostic::new(code::EXTRA_WORD, span, "the line goes on after its end", "this is too much")
}

pub(super) fn unexpected(span: Span, label: &str) -> Diagnostic {
    Diagnostic::new(code::UNEXPECTED_TOKEN, span, "this cannot stand here", label)
}

pub(super) fn too_many_cases(span: Span) -> Diagnostic {
    Diagnostic::new(
        code::TOO_LARGE,
        span,
        format!("a scenario has at most {CASES} cases"),
        "too many with this",
    )
    .help("each combination of transport, topology and values is a case")
}

pub(super) fn out_of_range(span: Span, word: &str, bounds: &str) -> Diagnostic {
    Diagnostic::new(
        code::OUT_OF_RANGE,
        span,
        format!("{} is out of range", quoted(word)),
        format!("expected {bounds}"),
    )
}

pub(super) fn bad_number(span: Span, word: &str, bad: Bad, what: &str, bounds: &str) -> Diagnostic {
    match bad {
        Bad::Range => out_of_range(span, word, bounds),
        Bad::Form => Diagnostic::new(
            code::BAD_NUMBER,
            span,
            format!("{} is not a {what}", quoted(word)),
            format!("expected a {what}"),
        )
        .help("a size is written `16`, `64KiB` or `1MiB`"),
    }
}

pub(super) fn bad_text(string: Span, bad: BadText) -> Diagnostic {
    let within = |from: usize, to: usize| {
        let from = Span::new(string.start as usize + from, string.start as usize + to);
        Span { start: from.start, end: from.end.min(string.end) }
    };
    match bad {
        BadText::Escape(from, to) => Diagnostic::new(
            code::BAD_ESCAPE,
            within(from, to),
            "there is no such escape",
            "expected `\\n`, `\\r`, `\\t`, `\\0`, `\\xHH`, `\\\\` or `\\\"`",
        ),
        BadText::Control(from, to) => Diagnostic::new(
            code::BAD_TEXT,
            within(from, to),
            "a control character cannot stand in a text as it is",
            "expected an escape, such as `\\t` or `\\x7f`",
        ),
    }
}
