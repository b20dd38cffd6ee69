use super::lexer::{Span, Token};

/// A scenario's text as a tree of lines. It loses nothing but the space between words: each line,
/// blank ones too, knows its words and its comment.
#[derive(Clone, Debug)]
pub(super) struct Tree<'s> {
    pub(super) source: &'s str,
    /// The tokens that are neither white space nor comment.
    pub(super) words: Vec<Token>,
    pub(super) lines: Vec<Line>,
    pub(super) steps: Vec<StepNode>,
}

impl<'s> Tree<'s> {
    pub(super) fn text(&self, span: Span) -> &'s str {
        span.of(self.source)
    }

    pub(super) fn words(&self, run: Run) -> &[Token] {
        &self.words[run.range()]
    }

    pub(super) fn steps(&self, run: Run) -> &[StepNode] {
        &self.steps[run.range()]
    }
}

/// Consecutive elements of one of the tree's vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    start: u32,
    end: u32,
}

impl Run {
    pub(super) fn new(start: usize, end: usize) -> Self {
        let Span { start, end } = Span::new(start, end);
        Self { start, end }
    }

    pub(super) const fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(super) const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// A line of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// What it is.
    pub(super) kind: LineKind,
    /// From its first byte to before its line end.
    pub(super) span: Span,
    /// Its words.
    pub(super) words: Run,
    /// The comment at its end, or that is all of it.
    pub(super) comment: Option<Span>,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    /// Nothing, or only a comment.
    Blank,
    /// The sentence it starts with.
    Title,
    /// A header line.
    Header(Key),
    /// `vary NAME`, with `case` lines to follow.
    Vary,
    /// `case NAME: STEP; STEP`.
    Case {
        /// The name, without its colon; `None` where it is missing.
        name: Option<Span>,
        /// The steps on the same line.
        steps: Run,
    },
    /// A step; within a `case`, any number of them.
    Steps {
        /// Which.
        steps: Run,
        /// Whether they belong to the `case` above.
        inside: bool,
    },
    /// `same across NAME`.
    Same,
    /// A line that is no line of the language, and was reported.
    Broken,
}

/// The keyword of a header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Cite,
    Level,
    Needs,
    Over,
    On,
    /// `not TRANSPORT|TOPOLOGY ... "REASON"`
    Not,
    Pair,
    /// `framing SPEC limit SIZE [for ACTOR]`
    Framing,
    /// `vary NAME VALUE ...`
    Vary,
}

impl Key {
    pub(super) fn from_word(word: &str) -> Option<Self> {
        match word {
            "cite" => Some(Self::Cite),
            "level" => Some(Self::Level),
            "needs" => Some(Self::Needs),
            "over" => Some(Self::Over),
            "on" => Some(Self::On),
            "not" => Some(Self::Not),
            "pair" => Some(Self::Pair),
            "framing" => Some(Self::Framing),
            "vary" => Some(Self::Vary),
            _ => None,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Cite => "cite",
            Self::Level => "level",
            Self::Needs => "needs",
            Self::Over => "over",
            Self::On => "on",
            Self::Not => "not",
            Self::Pair => "pair",
            Self::Framing => "framing",
            Self::Vary => "vary",
        }
    }
}

/// The words that a line can begin with and that no host can have as its name.
pub const KEYWORDS: [&str; 13] = [
    "cite", "level", "needs", "over", "on", "not", "pair", "framing", "vary", "case", "same",
    "wait", "wire",
];

/// The places that are no hosts: names with a meaning of their own in an address.
pub const PLACES: [&str; 5] = ["any", "broadcast", "subnet-broadcast", "all-nodes", "nobody"];

/// The words behind `wire` that do something to the packets or to a link, instead of looking at it.
pub const LINK_WORDS: [&str; 7] = ["mark", "drop", "pass", "down", "up", "mtu", "route"];

/// The words behind the kind of packet of a `wire` line.
pub const PACKET_WORDS: [&str; 7] =
    ["at", "via", "ttl", "seq", "ack", "port-unreachable", "before"];

/// The words behind the kind of packet that is dropped.
pub const AMOUNT_WORDS: [&str; 2] = ["first", "nth"];

/// A step: what is done and what is expected of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepNode {
    /// The words before `=>` and before the tag.
    pub(super) left: Run,
    /// `&TAG`.
    pub(super) tag: Option<Token>,
    /// `=>`.
    pub(super) arrow: Option<Span>,
    /// The words after `=>`.
    pub(super) right: Run,
}
