/// The last part of what a program writes to its standard error.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    cut: bool,
}

/// How many bytes of it are kept.
const KEPT: usize = 4 << 10;
/// How many lines of it are shown.
const SHOWN: usize = 12;

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > KEPT {
            self.bytes.drain(..self.bytes.len() - KEPT);
            self.cut = true;
        }
    }

    /// Its last lines; where something before them was left out, the first says so.
    pub(super) fn lines(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.bytes);
        let all: Vec<&str> =
            text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        let skipped = all.len().saturating_sub(SHOWN);
        let mut lines = Vec::new();
        if self.cut || skipped > 0 {
            lines.push("...".to_owned());
        }
        lines.extend(all[skipped..].iter().map(|line| (*line).to_owned()));
        lines
    }
}

/// The lines of a standard error, below what is said.
pub(crate) fn quoted(said: &[String]) -> String {
    let mut text = String::new();
    for line in said {
        text.push_str("\n  | ");
        text.extend(line.escape_debug());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut tail = Tail::default();
        assert_eq!(tail.lines(), Vec::<String>::new());
        tail.push(b"one\n\ntw");
        tail.push(b"o\n");
        assert_eq!(tail.lines(), ["one", "two"]);
        for number in 0..5_000 {
            tail.push(format!("line {number}\n").as_bytes());
        }
        let lines = tail.lines();
        assert_eq!(lines.len(), SHOWN + 1);
        assert_eq!((lines[0].as_str(), lines[SHOWN].as_str()), ("...", "line 4999"));
        assert!(tail.bytes.len() <= KEPT);
    }
}
