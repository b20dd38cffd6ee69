use super::diagnostic::{Diagnostic, code};
use super::lexer::{Span, Token, TokenKind, lex};
use super::syntax::{Key, Line, LineKind, Run, StepNode, Tree};

/// Parses a source into a tree. A mistake in one line does not hide those in the next.
pub(super) fn parse(source: &str) -> (Tree<'_>, Vec<Diagnostic>) {
    let tokens = lex(source);
    let mut parser = Parser {
        words: Vec::with_capacity(tokens.len() * 2 / 3),
        lines: Vec::with_capacity(32),
        steps: Vec::with_capacity(24),
        diagnostics: Vec::new(),
        source,
        first: true,
        stepped: false,
        block: Block::None,
    };
    let mut start = 0;
    for (at, token) in tokens.iter().enumerate() {
        if token.kind == TokenKind::Newline {
            parser.line(&tokens[start..at], token.span.start);
            start = at + 1;
        }
    }
    if start < tokens.len() {
        parser.line(&tokens[start..], Span::new(source.len(), source.len()).start);
    }
    parser.finish();
    let Parser { words, lines, steps, diagnostics, .. } = parser;
    (Tree { source, words, lines, steps }, diagnostics)
}

struct Parser<'s> {
    source: &'s str,
    words: Vec<Token>,
    lines: Vec<Line>,
    steps: Vec<StepNode>,
    diagnostics: Vec<Diagnostic>,
    /// Whether no line with words has been seen yet.
    first: bool,
    /// Whether a step has been seen.
    stepped: bool,
    block: Block,
}

/// Which part of a `vary` block the next line can belong to.
#[derive(Clone, Copy)]
enum Block {
    /// None.
    None,
    /// The block itself, which has no `case` yet; the span of its `vary` line.
    Vary(Span),
    /// A `case` that is indented so far.
    Case(u32),
}

impl Parser<'_> {
    fn line(&mut self, tokens: &[Token], end: u32) {
        let from = self.words.len();
        let mut comment = None;
        for &token in tokens {
            match token.kind {
                TokenKind::Comment => comment = Some(token.span),
                TokenKind::Space | TokenKind::Newline => {}
                kind => {
                    if kind == TokenKind::OpenString {
                        self.diagnostics.push(open_string(token.span));
                    } else if kind == TokenKind::Word && self.text(token).starts_with('#') {
                        self.diagnostics.push(glued_comment(token.span));
                        break;
                    }
                    self.words.push(token);
                }
            }
        }
        let words = Run::new(from, self.words.len());
        let start = tokens.first().map_or(end, |token| token.span.start);
        let span = Span { start, end };
        let kind = match self.words.get(from).copied() {
            None => LineKind::Blank,
            Some(word) => self.kind(word, words, self.indent(tokens)),
        };
        self.lines.push(Line { kind, span, words, comment });
    }

    fn text(&self, token: Token) -> &str {
        token.span.of(self.source)
    }

    /// How far the line is indented: a tab goes to the next multiple of eight.
    fn indent(&self, tokens: &[Token]) -> u32 {
        let spaces = tokens.first().filter(|token| token.kind == TokenKind::Space);
        spaces.map_or(0, |&token| {
            let text = self.text(token).bytes();
            text.fold(
                0,
                |column, byte| if byte == b'\t' { (column / 8 + 1) * 8 } else { column + 1 },
            )
        })
    }

    fn kind(&mut self, first: Token, words: Run, indent: u32) -> LineKind {
        if std::mem::replace(&mut self.first, false) {
            if matches!(first.kind, TokenKind::String | TokenKind::OpenString) {
                self.only_title(words);
                return LineKind::Title;
            }
            self.diagnostics.push(
                Diagnostic::new(
                    code::MISSING_TITLE,
                    first.span,
                    "the title is missing",
                    "expected a sentence in quotes before this",
                )
                .help("say in one sentence what must hold: `\"after close the peer reads eof\"`"),
            );
        }
        let word = first.span.of(self.source);
        let inside = matches!(self.block, Block::Case(column) if indent > column);
        match word {
            "case" => return self.case(first, words, indent),
            "vary" if words.range().len() <= 2 => {
                if inside {
                    self.unexpected(first.span, "a `vary` cannot stand within a `case`", "here");
                }
                self.open_block(Block::Vary(first.span));
                self.stepped = true;
                return LineKind::Vary;
            }
            "same" => {
                self.open_block(Block::None);
                return LineKind::Same;
            }
            _ => {}
        }
        if let Some(key) = Key::from_word(word) {
            self.open_block(Block::None);
            if self.stepped {
                self.diagnostics.push(
                    Diagnostic::new(
                        code::LATE_HEADER,
                        first.span,
                        format!("`{word}` stands after the first step"),
                        "a header line",
                    )
                    .help("header lines stand between the title and the first step"),
                );
            }
            return LineKind::Header(key);
        }
        if !inside {
            self.open_block(Block::None);
        }
        if matches!(first.kind, TokenKind::String | TokenKind::OpenString) {
            self.unexpected(
                first.span,
                "a text cannot begin a line here",
                "expected a header line or a step",
            );
            return LineKind::Broken;
        }
        let steps = self.split(words, first.span, inside);
        let begun = |step: &StepNode| step.arrow.is_some() || step.tag.is_some();
        self.stepped |=
            matches!(word, "wait" | "wire") || self.steps[steps.range()].iter().any(begun);
        LineKind::Steps { steps, inside }
    }

    /// A title is alone on its line.
    fn only_title(&mut self, words: Run) {
        if let Some(&extra) = self.words[words.range()].get(1) {
            self.diagnostics.push(Diagnostic::new(
                code::EXTRA_WORD,
                extra.span,
                "the title stands alone on its line",
                "this is too much",
            ));
        }
    }

    /// Leaves the current block for another, or for none.
    fn open_block(&mut self, next: Block) {
        if let Block::Vary(span) = std::mem::replace(&mut self.block, next) {
            self.diagnostics.push(
                Diagnostic::new(
                    code::EMPTY_VARY,
                    span,
                    "this `vary` has neither values nor cases",
                    "expected values on its line, or `case` lines below",
                )
                .help("write `vary size 1 64KiB`, or `case NAME: STEP; STEP` lines below it"),
            );
        }
    }

    fn case(&mut self, first: Token, words: Run, indent: u32) -> LineKind {
        if matches!(self.block, Block::None) {
            self.diagnostics.push(
                Diagnostic::new(
                    code::STRAY_CASE,
                    first.span,
                    "a `case` without a `vary`",
                    "belongs to no block",
                )
                .help("begin the block with a line `vary NAME`"),
            );
        }
        self.block = Block::Case(indent);
        let rest = words.range().start + 1..words.range().end;
        let name = self.words.get(rest.start).copied().filter(|_| !rest.is_empty());
        let Some(name) = name.filter(|token| token.kind == TokenKind::Word) else {
            let span = name.map_or(first.span.after(), |token| token.span);
            self.diagnostics.push(
                Diagnostic::new(
                    code::MISSING_WORD,
                    span,
                    "this `case` has no name",
                    "expected `NAME:`",
                )
                .help("a case is written `case NAME: STEP; STEP`"),
            );
            return LineKind::Broken;
        };
        let mut span = name.span;
        if self.text(name).ends_with(':') {
            span.end -= 1;
        } else {
            self.diagnostics.push(
                Diagnostic::new(
                    code::MISSING_WORD,
                    span.after(),
                    "the name of a `case` ends with a colon",
                    "expected `:`",
                )
                .help("a case is written `case NAME: STEP; STEP`"),
            );
        }
        let steps = if rest.len() > 1 {
            self.split(Run::new(rest.start + 1, rest.end), name.span, true)
        } else {
            Run::new(self.steps.len(), self.steps.len())
        };
        LineKind::Case { name: Some(span), steps }
    }

    /// Cuts words into steps at each `;`.
    fn split(&mut self, words: Run, before: Span, inside: bool) -> Run {
        let from = self.steps.len();
        let mut start = words.range().start;
        let mut last = before;
        for at in words.range() {
            let Token { kind, span } = self.words[at];
            if kind != TokenKind::Semicolon {
                last = span;
                continue;
            }
            if !inside {
                self.unexpected(
                    span,
                    "`;` separates steps only within a `case`",
                    "write the next step on its own line",
                );
            }
            self.step(start, at, last);
            start = at + 1;
            last = span;
        }
        self.step(start, words.range().end, last);
        Run::new(from, self.steps.len())
    }

    fn step(&mut self, start: usize, end: usize, before: Span) {
        if start == end {
            self.diagnostics.push(Diagnostic::new(
                code::MISSING_WORD,
                before.after(),
                "a step is missing here",
                "expected a step",
            ));
            return;
        }
        let words = &self.words[start..end];
        let arrow = words.iter().position(|word| word.kind == TokenKind::Arrow);
        let split = arrow.map_or(end, |at| start + at);
        let after = arrow.map_or(end, |at| start + at + 1);
        let second = self.words[after..end].iter().find(|word| word.kind == TokenKind::Arrow);
        if let Some(span) = second.map(|word| word.span) {
            self.unexpected(span, "a step has one `=>`", "this is the second one");
        }
        let tag =
            self.words[start..split].last().copied().filter(|word| word.kind == TokenKind::Tag);
        if start + usize::from(tag.is_some()) == split {
            self.diagnostics.push(Diagnostic::new(
                code::MISSING_WORD,
                self.words[start].span,
                "a step is missing before this",
                "expected an actor and a verb",
            ));
            return;
        }
        let left = Run::new(start, split - usize::from(tag.is_some()));
        let arrow = arrow.map(|at| self.words[start + at].span);
        self.steps.push(StepNode { left, tag, arrow, right: Run::new(after, end) });
    }

    fn unexpected(&mut self, span: Span, message: &str, label: &str) {
        self.diagnostics.push(Diagnostic::new(code::UNEXPECTED_TOKEN, span, message, label));
    }

    fn finish(&mut self) {
        self.open_block(Block::None);
        if self.first {
            let span = Span::new(self.source.len(), self.source.len());
            self.diagnostics.push(
                Diagnostic::new(
                    code::EMPTY_FILE,
                    span,
                    "this file has no scenario",
                    "expected a title, header lines and steps",
                )
                .help("a scenario begins with its title: one sentence in quotes"),
            );
        }
    }
}

fn open_string(span: Span) -> Diagnostic {
    Diagnostic::new(
        code::UNTERMINATED_STRING,
        span,
        "this text has no closing quote",
        "expected `\"` before the end of the line",
    )
    .help("a quote within a text is written `\\\"`, a line feed `\\n`")
}

fn glued_comment(span: Span) -> Diagnostic {
    Diagnostic::new(
        code::UNEXPECTED_TOKEN,
        span,
        "a comment begins after a space",
        "expected a space before `#`",
    )
}
