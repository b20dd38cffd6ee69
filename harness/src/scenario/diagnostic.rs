use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::lexer::Span;

/// A mistake in a scenario file, for a person to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind of mistake, one of [`Diagnostic::CODES`].
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What stands under the caret: what was expected.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Other places that belong to it, each with what it is.
    pub related: Vec<(Span, String)>,
}

impl Diagnostic {
    pub(super) fn new(
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        let (message, label) = (message.into(), label.into());
        Self { code, message, span, label, help: None, related: Vec::new() }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Shows it: file, line and column, the line with a caret, what was expected, what to do.
    /// With `colour`, ANSI escapes are in the text.
    pub fn render(&self, path: &str, source: &str, colour: bool) -> String {
        let spans = || self.related.iter().map(|(span, _)| *span).chain([self.span]);
        let first = spans().map(|span| span.start).min().unwrap_or_default() as usize;
        let last = spans().map(|span| span.end).max().unwrap_or_default() as usize;
        let (first, last) = (first.min(source.len()), last.min(source.len()));
        let bytes = source.as_bytes();
        let start = bytes[..first].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let end = bytes[last..]
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(bytes.len(), |at| last + at);
        let line = line_at(source, start);
        let shift = |span: Span| {
            let clip = |at: u32| (at as usize).clamp(start, end) - start;
            clip(span.start)..clip(span.end)
        };
        let mut snippet = Snippet::source(source.get(start..end).unwrap_or_default())
            .line_start(line)
            .path(path)
            .annotation(AnnotationKind::Primary.span(shift(self.span)).label(self.label.as_str()));
        for (span, label) in &self.related {
            let context = AnnotationKind::Context.span(shift(*span)).label(label.as_str());
            snippet = snippet.annotation(context);
        }
        let mut group =
            Level::ERROR.primary_title(self.message.as_str()).id(self.code).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.term_width(WIDTH).render(&[group])
    }
}

/// Shows what is wrong with a file as a whole.
pub(super) fn render_plain(path: &str, message: &str, help: Option<&str>, colour: bool) -> String {
    let mut group =
        Group::with_title(Level::ERROR.primary_title(message)).element(Origin::path(path));
    if let Some(help) = help {
        group = group.element(Level::HELP.message(help));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

/// The line, from 1, that the byte at `offset` stands in.
pub(crate) fn line_at(source: &str, offset: usize) -> usize {
    source.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
}

/// How wide a shown line may be before it is cut around the caret.
const WIDTH: usize = 120;

macro_rules! codes {
    ($($constant:ident $code:literal $meaning:literal)*) => {
        /// The codes of all diagnostics.
        pub(super) mod code {
            $(pub(in crate::scenario) const $constant: &str = $code;)*
        }

        impl Diagnostic {
            /// Every code with what it means.
            pub const CODES: &'static [(&'static str, &'static str)] = &[$(($code, $meaning),)*];
        }
    };
}

codes! {
    BAD_ADDRESS "bad-address" "an address is not `PLACE` or `PLACE:PORT`"
    BAD_ESCAPE "bad-escape" "an escape within quotes that the language does not have"
    BAD_FRAMING "bad-framing" "a framing has other parameters than it takes"
    BAD_NAME "bad-name" "a name has other characters than letters, digits, `-` and `_`"
    BAD_NUMBER "bad-number" "a number, size or count was expected"
    BAD_RANGE "bad-range" "a range ends before it begins"
    BAD_TEXT "bad-text" "a text is empty, or holds a control character"
    BAD_TIME "bad-time" "a time was expected, with its unit"
    BAD_VALUE "bad-value" "a value does not fit its socket option"
    BUSY_SOCKET "busy-socket" "a frame is received while another one is still waited for"
    CLOSED_SOCKET "closed-socket" "a socket is used after it has been closed"
    CROSSED_BOUNDS "crossed-bounds" "`before` ends earlier than `after` begins"
    DUPLICATE_CASE "duplicate-case" "two `case` blocks of one `vary` have one name"
    DUPLICATE_CONDITION "duplicate-condition" "a condition stands twice behind one alternative"
    DUPLICATE_HEADER "duplicate-header" "a header line stands twice"
    DUPLICATE_VARY "duplicate-vary" "two `vary` lines have one name"
    DUPLICATE_WORD "duplicate-word" "a word stands twice in a list"
    EMPTY_CASE "empty-case" "a `case` of a `vary` has no steps in any block"
    EMPTY_FILE "empty-file" "a file has neither title nor steps"
    EMPTY_VARY "empty-vary" "a `vary` has neither values nor cases"
    EXTRA_WORD "extra-word" "a line goes on after its end"
    FEW_HOSTS "few-hosts" "a `lan` does not have the hosts it needs"
    FOREIGN_SOCKET "foreign-socket" "a step names a socket of another actor"
    FOREIGN_TAG "foreign-tag" "a step awaits what another actor started"
    IDLE_REASON "idle-reason" "a `not` line gives a reason that nothing needs"
    LATE_HEADER "late-header" "a header line stands after the first step"
    LATE_SOCKET "late-socket" "a socket is used before the step that makes it"
    MEMBER_NAME "member-name" "a host is named like a member of a group"
    MISFIT "misfit" "an expectation that the step can never meet"
    MISPLACED_SAME "misplaced-same" "`same across` stands before a step, or twice"
    MISSING_EXPECTATION "missing-expectation" "a step does not say what is expected of it"
    MISSING_TITLE "missing-title" "the first line is not a sentence in quotes"
    MISSING_TRANSPORT "missing-transport" "a step makes a socket and nothing says of which transport"
    MISSING_WORD "missing-word" "a line ends too early"
    MIXED_TAG "mixed-tag" "cases start different operations under one name"
    NO_CASE "no-case" "no transport of a scenario exists on any of its topologies"
    NO_FRAMING "no-framing" "a frame is sent or received and nothing says in which framing"
    NO_IPV4 "no-ipv4" "an address that only IPv4 has, without a socket of IPv4"
    NO_IPV6 "no-ipv6" "an address that only IPv6 has, without a socket of IPv6"
    NO_LINK "no-link" "something needs a link between hosts where there is none"
    NO_PACKETS "no-packets" "a `wire` step where no transport has packets"
    NO_STEPS "no-steps" "a scenario has no steps"
    NO_STREAM "no-stream" "a frame is sent or received over a transport of datagrams"
    NOTHING_TO_UNDO "nothing-to-undo" "a `wire` step undoes what no step before it has done"
    OUT_OF_RANGE "out-of-range" "a number or time is too small or too large"
    PARTIAL_SOCKET "partial-socket" "a socket is made in some cases only"
    PARTIAL_TAG "partial-tag" "a step is started or awaited in some cases only"
    READ_ONLY "read-only" "an option that cannot be set"
    RESERVED_NAME "reserved-name" "a word of the language is used as a name"
    STRAY_CASE "stray-case" "a `case` stands outside a `vary` block"
    STRAY_GROUP "stray-group" "a group of hosts stands where one host is wanted"
    TOO_LARGE "too-large" "a file, or what it stands for, is too large"
    TWICE_AWAITED "twice-awaited" "a started step is awaited a second time"
    TWICE_MADE "twice-made" "a socket's name is given a second time"
    TWICE_STARTED "twice-started" "a started step's name is given a second time"
    UNAWAITED "unawaited" "a started step is never awaited"
    UNCOUNTED_FRAMES "uncounted-frames" "`all of` a socket whose bytes were sent or received as frames"
    UNEXPECTED_EXPECTATION "unexpected-expectation" "an expectation on a step that has no outcome of its own"
    UNEXPECTED_TAG "unexpected-tag" "a step that cannot be started with `&`"
    UNEXPECTED_TOKEN "unexpected-token" "a sign or text where the language has none"
    UNKNOWN_ACTOR "unknown-actor" "a line begins with neither an actor nor a keyword"
    UNKNOWN_CAPABILITY "unknown-capability" "a capability that there is not"
    UNKNOWN_ERRNO "unknown-errno" "an errno that there is not"
    UNKNOWN_EXPECTATION "unknown-expectation" "a word that is no outcome"
    UNKNOWN_FLAG "unknown-flag" "a flag that the step does not take"
    UNKNOWN_FRAMING "unknown-framing" "a framing that there is not"
    UNKNOWN_HOST "unknown-host" "a place or host that the scenario does not have"
    UNKNOWN_LEVEL "unknown-level" "a level other than must, should and may"
    UNKNOWN_OPTION "unknown-option" "a socket option that there is not"
    UNKNOWN_PACKET "unknown-packet" "a kind of packet that there is not"
    UNKNOWN_SOCKET "unknown-socket" "a socket that no step makes"
    UNKNOWN_TAG "unknown-tag" "a started step that there is not"
    UNKNOWN_TOPOLOGY "unknown-topology" "a topology that there is not"
    UNKNOWN_TRANSPORT "unknown-transport" "a transport that there is not"
    UNKNOWN_VARIABLE "unknown-variable" "`$NAME` or `across NAME` without a `vary` of that name"
    UNKNOWN_VERB "unknown-verb" "a verb that there is not"
    UNKNOWN_WORD "unknown-word" "a `wire` line that begins with neither a host nor a word of its own"
    UNREPEATABLE "unrepeatable" "`times` on a step that cannot be performed a second time"
    UNTERMINATED_STRING "unterminated-string" "a text without its closing quote"
    UNUSED_FRAMING "unused-framing" "no step sends or receives a frame in a framing"
    UNUSED_VARY "unused-vary" "no step uses the values of a `vary`"
    WIRE_CYCLE "wire-cycle" "`wire` lines that no order of packets can satisfy"
}

/// A word from the file, fit to be shown within a message.
pub(crate) fn quoted(word: &str) -> String {
    let mut shown = String::from("`");
    for (at, character) in word.chars().enumerate() {
        if at == 40 {
            shown.push('…');
            break;
        }
        if character.is_control() {
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.push('`');
    shown
}

/// The candidate that `word` is most likely meant to be, where one is near.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let length = word.chars().count();
    if length > 40 {
        return None;
    }
    let lower = word.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
        let near = distance <= (length.max(candidate.len()) / 3).max(1) && distance < length;
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_word_is_suggested() {
        let verbs = ["send", "recv", "shutdown"];
        assert_eq!(nearest("sned", verbs), Some("send"));
        assert_eq!(nearest("shutdwn", verbs), Some("shutdown"));
        assert_eq!(nearest("RECV", verbs), Some("recv"));
        assert_eq!(nearest("x", verbs), None);
        assert_eq!(nearest("frobnicate", verbs), None);
    }

    #[test]
    fn codes_are_sorted_and_differ() {
        assert!(Diagnostic::CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn an_odd_word_is_shown_safely() {
        assert_eq!(quoted("a\u{1b}[31m"), "`a\\u{1b}[31m`");
        assert_eq!(quoted(&"x".repeat(50)).chars().count(), 43);
    }
}
