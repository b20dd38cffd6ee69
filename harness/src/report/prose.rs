use std::fmt::{self, Write as _};

use super::printable::{Cut, Printable};

/// A text up to a length in characters, as code. It is written as HTML, since a code span of Markdown
/// could be left by backticks, and a cell of a table by a bar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Code<'a> {
    pub(super) text: &'a str,
    pub(super) length: usize,
}

impl fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<code>{}</code>", Plain(&short(self.text, self.length)))
    }
}

/// A sentence, on one line and up to a length, in which nothing is read as Markdown, HTML, or a mention
/// of somebody or something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prose<'a>(pub(super) &'a str, pub(super) usize);

impl fmt::Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(f, "{}", Plain(&short(&text, self.1)))
    }
}

/// Printable text up to a length, which is cut before as well, since it may be long.
fn short(text: &str, length: usize) -> String {
    let text = Printable(&Cut { text, length }.to_string()).to_string();
    Cut { text: &text, length }.to_string()
}

/// Text with each character escaped that Markdown, HTML or GitHub would read.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = ' ';
        self.0.chars().try_for_each(|character| {
            let last = std::mem::replace(&mut before, character);
            match character {
                // As an element of its own it is no part of a name: `@somebody` and `#1` link to nothing.
                '@' | '#' => write!(f, "<span>&#{};</span>", u32::from(character)),
                // `www.` begins a link, and a colon behind `https` or before a picture's name.
                '.' if last.eq_ignore_ascii_case(&'w') => f.write_str("&#46;"),
                '&' | '<' | '>' | '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '|' | '~' | '$'
                | ':' => {
                    write!(f, "&#{};", u32::from(character))
                }
                other => f.write_char(other),
            }
        })
    }
}
