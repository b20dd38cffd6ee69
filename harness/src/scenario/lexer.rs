use std::ops::Range;

/// A range of bytes of a source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start: narrow(start), end: narrow(end) }
    }

    /// An empty span at the end of this one.
    pub(super) const fn after(self) -> Self {
        Self { start: self.end, end: self.end }
    }

    /// From the start of this one to the end of `last`.
    pub(super) const fn to(self, last: Self) -> Self {
        Self { start: self.start, end: last.end }
    }

    /// The range as an index into the source.
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The text it covers.
    pub(super) fn of(self, source: &str) -> &str {
        source.get(self.range()).unwrap_or_default()
    }
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Spaces and tabs (and a byte order mark at the very start).
    Space,
    /// The end of a line.
    Newline,
    /// From `#` to the end of the line.
    Comment,
    /// Anything else up to white space: a name, a keyword, a number, an address, `$name`.
    Word,
    /// Text in quotes.
    String,
    /// Text whose closing quote is missing, to the end of the line.
    OpenString,
    /// The text of a `cite` line.
    Text,
    /// `&name`.
    Tag,
    /// `=>`.
    Arrow,
    /// `->`.
    To,
    /// `;`.
    Semicolon,
}

/// A token: its kind and the bytes it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

impl Token {
    /// Whether it is white space or a comment.
    pub(super) const fn is_trivia(self) -> bool {
        matches!(self.kind, TokenKind::Space | TokenKind::Newline | TokenKind::Comment)
    }
}

/// Cuts a source of at most 4 GiB into tokens that cover every byte of it.
pub fn lex(source: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        bytes: source.as_bytes(),
        at: 0,
        tokens: Vec::with_capacity(source.len() / 3 + 4),
        fresh: true,
        cite: false,
    };
    if source.starts_with('\u{feff}') {
        lexer.push(TokenKind::Space, '\u{feff}'.len_utf8());
    }
    while lexer.at < lexer.bytes.len() {
        lexer.token();
    }
    lexer.tokens
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    tokens: Vec<Token>,
    /// Whether the line has no word yet.
    fresh: bool,
    /// Whether the line's first word was `cite`.
    cite: bool,
}

impl Lexer<'_> {
    fn push(&mut self, kind: TokenKind, end: usize) {
        self.tokens.push(Token { kind, span: Span::new(self.at, end) });
        self.at = end;
    }

    fn peek(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(b'\n')
    }

    fn token(&mut self) {
        let (at, byte) = (self.at, self.peek(self.at));
        let next = self.peek(at + 1);
        match byte {
            b'\n' => {
                self.push(TokenKind::Newline, at + 1);
                (self.fresh, self.cite) = (true, false);
            }
            b'\r' if next == b'\n' && at + 1 < self.bytes.len() => {
                self.push(TokenKind::Newline, at + 2);
                (self.fresh, self.cite) = (true, false);
            }
            b' ' | b'\t' | b'\r' => {
                let end = self.run(at, |byte| matches!(byte, b' ' | b'\t'));
                self.push(TokenKind::Space, end.max(at + 1));
            }
            b'#' if self.tokens.last().is_none_or(|last| last.is_trivia()) => {
                self.push(TokenKind::Comment, self.line_end(at));
            }
            _ if self.cite => self.push(TokenKind::Text, self.text_end()),
            _ => {
                let fresh = std::mem::replace(&mut self.fresh, false);
                match (byte, next) {
                    (b'"', _) => self.string(),
                    (b'=', b'>') => self.push(TokenKind::Arrow, at + 2),
                    (b'-', b'>') => self.push(TokenKind::To, at + 2),
                    (b';', _) => self.push(TokenKind::Semicolon, at + 1),
                    (b'&', _) => self.push(TokenKind::Tag, self.word_end(at + 1)),
                    _ => {
                        let end = self.word_end(at + 1);
                        self.cite = fresh && &self.bytes[at..end] == b"cite";
                        self.push(TokenKind::Word, end);
                    }
                }
            }
        }
    }

    /// The end of the bytes from `at` on for which `holds` is true.
    fn run(&self, at: usize, holds: impl Fn(u8) -> bool) -> usize {
        self.bytes[at..].iter().position(|&byte| !holds(byte)).map_or(self.bytes.len(), |n| at + n)
    }

    /// The end of the line, without a carriage return before the line feed.
    fn line_end(&self, at: usize) -> usize {
        let end = self.run(at, |byte| byte != b'\n');
        if end < self.bytes.len() && end > at && self.bytes[end - 1] == b'\r' {
            end - 1
        } else {
            end
        }
    }

    fn word_end(&self, from: usize) -> usize {
        let mut end = from;
        while let Some(&byte) = self.bytes.get(end) {
            let stop = match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b'"' | b';' | b'&' => true,
                b'=' | b'-' => self.peek(end + 1) == b'>',
                _ => false,
            };
            if stop {
                break;
            }
            end += 1;
        }
        end
    }

    fn string(&mut self) {
        let mut end = self.at + 1;
        while let Some(&byte) = self.bytes.get(end) {
            match byte {
                b'"' => return self.push(TokenKind::String, end + 1),
                b'\n' => break,
                b'\\' if !matches!(self.peek(end + 1), b'\n' | b'\r') => end += 2,
                _ => end += 1,
            }
        }
        self.push(TokenKind::OpenString, self.line_end(self.at));
    }

    /// The end of a citation: of its last character before a comment or the end of the line.
    fn text_end(&self) -> usize {
        let mut end = self.at;
        let mut space = false;
        for (at, &byte) in self.bytes.iter().enumerate().skip(self.at) {
            match byte {
                b'\n' => break,
                b'#' if space => break,
                b' ' | b'\t' | b'\r' => space = true,
                _ => (end, space) = (at + 1, false),
            }
        }
        end
    }
}

/// Sources are limited to 1 MiB long before this could cut anything.
fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<(TokenKind, &str)> {
        let tokens = lex(source);
        let whole: String = tokens.iter().map(|token| token.span.of(source)).collect();
        assert_eq!(whole, source);
        tokens
            .into_iter()
            .filter(|token| token.kind != TokenKind::Space)
            .map(|token| (token.kind, token.span.of(source)))
            .collect()
    }

    #[test]
    fn words_break_before_signs() {
        use TokenKind::{Arrow, Semicolon, String, Tag, To, Word};
        assert_eq!(
            kinds(r#"a-b->c=>4;x"y"&r&"#),
            [
                (Word, "a-b"),
                (To, "->"),
                (Word, "c"),
                (Arrow, "=>"),
                (Word, "4"),
                (Semicolon, ";"),
                (Word, "x"),
                (String, r#""y""#),
                (Tag, "&r"),
                (Tag, "&"),
            ]
        );
    }

    #[test]
    fn a_comment_begins_after_white_space_only() {
        use TokenKind::{Comment, Newline, Word};
        assert_eq!(
            kinds("#a\nb#c #d\r\n \t# e"),
            [
                (Comment, "#a"),
                (Newline, "\n"),
                (Word, "b#c"),
                (Comment, "#d"),
                (Newline, "\r\n"),
                (Comment, "# e")
            ]
        );
    }

    #[test]
    fn a_citation_is_one_token_up_to_a_comment() {
        use TokenKind::{Comment, Newline, Text, Word};
        assert_eq!(
            kinds("  cite  RFC 9293 §3.6; \"x\" => a#b  # why\ncite\n"),
            [
                (Word, "cite"),
                (Text, "RFC 9293 §3.6; \"x\" => a#b"),
                (Comment, "# why"),
                (Newline, "\n"),
                (Word, "cite"),
                (Newline, "\n"),
            ]
        );
    }

    #[test]
    fn strings_end_at_their_quote_or_with_the_line() {
        use TokenKind::{Newline, OpenString, String};
        assert_eq!(
            kinds("\"a\\\"b\" \"c\\\\\" \"d\\\r\n\"e\\"),
            [
                (String, r#""a\"b""#),
                (String, r#""c\\""#),
                (OpenString, "\"d\\"),
                (Newline, "\r\n"),
                (OpenString, "\"e\\"),
            ]
        );
    }

    #[test]
    fn a_byte_order_mark_is_space() {
        assert_eq!(lex("\u{feff}a")[0].kind, TokenKind::Space);
        assert_eq!(kinds("\u{feff}# b"), [(TokenKind::Comment, "# b")]);
    }
}
