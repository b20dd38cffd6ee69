use std::fmt::{self, Write};

use crate::report::printable::Printable;

/// Text from a subject or a scenario as the content of an XML element or attribute: on one line, without
/// control characters or markup.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Printable(self.0).to_string();
        text.chars().try_for_each(|character| match character {
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '&' => f.write_str("&amp;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}

/// Cuts text to so many columns, with an ellipsis as the last one where something is missing.
pub(super) fn cut(text: &str, room: usize) -> String {
    let text = Printable(text).to_string();
    if columns(&text) <= room {
        return text;
    }
    let mut left = room.saturating_sub(1);
    let mut shown = String::new();
    for character in text.chars() {
        match left.checked_sub(width(character)) {
            Some(rest) => left = rest,
            None => break,
        }
        shown.push(character);
    }
    shown.push('…');
    shown
}

/// How many columns of a fixed width a text takes.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// Ideographs and what else is drawn twice as wide.
const fn width(character: char) -> usize {
    if character as u32 >= 0x1100 && !matches!(character as u32, 0x1200..=0x2E7F) { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;")]
    #[case("\u{0}\x1b[m\u{202e}\u{fffe}\n", r"\0\u{1b}[m\u{202e}\u{fffe}\n")]
    fn text_is_no_markup(#[case] text: &str, #[case] written: &str) {
        assert_eq!(Escaped(text).to_string(), written);
    }

    #[rstest]
    #[case("abcdef", 6, "abcdef")]
    #[case("abcdef", 5, "abcd…")]
    #[case("日本語", 6, "日本語")]
    #[case("日本語", 5, "日本…")]
    #[case("abc", 0, "…")]
    fn long_text_is_cut(#[case] text: &str, #[case] room: usize, #[case] shown: &str) {
        assert_eq!(cut(text, room), shown);
    }
}
