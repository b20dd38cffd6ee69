use super::header::Header;
use crate::scenario::lexer::{Span, Token, TokenKind};

/// A word of a line, with `$NAME` replaced by the value chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Atom<'a> {
    pub(super) kind: TokenKind,
    pub(super) text: &'a str,
    /// Where the text stands; for a value, in its `vary` line.
    pub(super) span: Span,
    /// Where the `$NAME` stands that it replaces.
    pub(super) used: Option<Span>,
}

impl Atom<'_> {
    /// Where it stands in the line that is read.
    pub(super) fn here(&self) -> Span {
        self.used.unwrap_or(self.span)
    }

    pub(super) fn is_word(&self) -> bool {
        self.kind == TokenKind::Word
    }

    pub(super) fn is_string(&self) -> bool {
        matches!(self.kind, TokenKind::String | TokenKind::OpenString)
    }
}

/// Reads the words of a line one after another.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a, 's> {
    source: &'s str,
    words: &'a [Token],
    at: usize,
    /// Where a word that is missing would stand.
    before: Span,
    header: &'a Header<'s>,
    choice: &'a [Choice],
}

/// One value chosen for a `vary` line: the positions of the line and of the value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) axis: usize,
    pub(super) value: usize,
}

impl<'a, 's: 'a> Cursor<'a, 's> {
    pub(super) fn new(
        source: &'s str,
        words: &'a [Token],
        before: Span,
        header: &'a Header<'s>,
        choice: &'a [Choice],
    ) -> Self {
        Self { source, words, at: 0, before, header, choice }
    }

    /// Which value of a `vary` line stands here, by its position.
    pub(super) fn chosen(&self, axis: usize) -> usize {
        let chosen = self.choice.iter().find(|choice| choice.axis == axis);
        chosen.map_or(0, |choice| choice.value)
    }

    /// How many words are left.
    pub(super) fn left(&self) -> usize {
        self.words.len() - self.at
    }

    pub(super) fn peek(&self) -> Option<Atom<'a>> {
        let token = self.words.get(self.at)?;
        let text = token.span.of(self.source);
        let whole = Atom { kind: token.kind, text, span: token.span, used: None };
        if self.choice.is_empty() || token.kind != TokenKind::Word {
            return Some(whole);
        }
        let Some(name) = text.strip_prefix('$') else { return Some(whole) };
        let chosen = self.choice.iter().find(|choice| self.header.axes[choice.axis].name == name);
        Some(chosen.map_or(whole, |choice| {
            let value = &self.header.axes[choice.axis].values[choice.value];
            Atom { kind: value.kind, text: &value.text, span: value.span, used: Some(token.span) }
        }))
    }

    pub(super) fn next(&mut self) -> Option<Atom<'a>> {
        let atom = self.peek()?;
        self.before = self.words[self.at].span;
        self.at += 1;
        Some(atom)
    }

    /// Takes the next word if it is `word`.
    pub(super) fn take(&mut self, word: &str) -> Option<Atom<'a>> {
        let atom = self.peek().filter(|atom| atom.is_word() && atom.text == word)?;
        self.next();
        Some(atom)
    }

    /// Where the last word that was read stands.
    pub(super) fn last(&self) -> Span {
        self.before
    }
}
