use std::fmt::{self, Write};

/// Text from a subject or a scenario, on one line and without what a terminal would obey: control
/// characters, and those that reorder or hide text, are shown as escapes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '"' | '\'' | '\\' => f.write_char(character),
            other => write!(f, "{}", other.escape_debug()),
        })
    }
}

/// Text as one word of a shell command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShellWord<'a>(pub(crate) &'a str);

impl fmt::Display for ShellWord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
        if !self.0.is_empty() && self.0.chars().all(harmless) {
            return f.write_str(self.0);
        }
        write!(f, "'{}'", Printable(&self.0.replace('\'', r"'\''")))
    }
}

/// A text up to a number of characters, with a mark where the rest is left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut<'a> {
    pub(crate) text: &'a str,
    pub(crate) length: usize,
}

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text.char_indices().nth(self.length) {
            Some((end, _)) => write!(f, "{}…", &self.text[..end]),
            None => f.write_str(self.text),
        }
    }
}

/// A count with its noun: `1 case`, `2 cases`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Many(pub(crate) u64, pub(crate) &'static str);

impl fmt::Display for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, noun) = self;
        write!(
            f,
            "{} {noun}{}",
            super::elapsed::Thousands(*count),
            if *count == 1 { "" } else { "s" }
        )
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a \"quoted\" back\\slash, §3.6", "a \"quoted\" back\\slash, §3.6")]
    #[case("\x1b[31mred\x07\r\n", r"\u{1b}[31mred\u{7}\r\n")]
    #[case("a\u{202e}b\u{200b}c", r"a\u{202e}b\u{200b}c")]
    fn nothing_reaches_the_terminal_that_it_obeys(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(Printable(text).to_string(), shown);
    }

    #[rstest]
    #[case("§§§", "§§§")]
    #[case("§§§§", "§§§…")]
    fn the_rest_of_a_long_text_is_left_out(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(Cut { text, length: 3 }.to_string(), shown);
    }

    #[rstest]
    #[case("kernel", "kernel")]
    #[case("a/b[tcp4]", "'a/b[tcp4]'")]
    #[case("it's", r"'it'\''s'")]
    #[case("", "''")]
    fn a_shell_reads_one_word(#[case] text: &str, #[case] quoted: &str) {
        assert_eq!(ShellWord(text).to_string(), quoted);
    }
}
