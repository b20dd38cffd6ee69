use std::fmt;

use super::chunks::lengths;

/// What always holds of decoding or encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Law {
    /// A frame takes at least one byte and no more than there are, and its body lies within it.
    Progress,
    /// Before as many bytes as were asked for there is neither a frame nor an error, and at least one
    /// is asked for.
    Hint,
    /// A call with nothing new gives the same again, and changes nothing.
    Stall,
    /// The first error is given again by every later call.
    Sticky,
    /// Every byte of a stream is part of a message's frame or of what the error is about.
    Conservation,
    /// The end of the stream within a frame is an error.
    Truncation,
    /// No message is larger than the limit, and none is refused for it that is not.
    Limit,
    /// The messages and the end are those of the naive model.
    Model,
    /// How a stream was cut into chunks changes neither messages nor the end.
    Chunks,
    /// No more bytes are looked at than 3 for each that came and 64 for each call.
    Cost,
    /// A byte moves within an inbox a bounded number of times.
    Moves,
    /// No more memory is taken than what came needs, whatever was announced.
    Memory,
    /// What was encoded is decoded again.
    RoundTrip,
    /// An encoder refuses what its framing cannot carry, and only that.
    Encoding,
    /// A message that is refused leaves nothing behind.
    Untouched,
}

impl Law {
    /// Every law.
    pub const ALL: [Self; 15] = [
        Self::Progress,
        Self::Hint,
        Self::Stall,
        Self::Sticky,
        Self::Conservation,
        Self::Truncation,
        Self::Limit,
        Self::Model,
        Self::Chunks,
        Self::Cost,
        Self::Moves,
        Self::Memory,
        Self::RoundTrip,
        Self::Encoding,
        Self::Untouched,
    ];

    /// Its name, in few words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Progress => "progress",
            Self::Hint => "hint",
            Self::Stall => "stall",
            Self::Sticky => "sticky",
            Self::Conservation => "conservation",
            Self::Truncation => "truncation",
            Self::Limit => "limit",
            Self::Model => "model",
            Self::Chunks => "chunks",
            Self::Cost => "cost",
            Self::Moves => "moves",
            Self::Memory => "memory",
            Self::RoundTrip => "round trip",
            Self::Encoding => "encoding",
            Self::Untouched => "untouched",
        }
    }

    /// What it says.
    pub const fn statement(self) -> &'static str {
        match self {
            Self::Progress => "a frame takes at least one byte, and no more than there are",
            Self::Hint => "what was asked for is needed, for a frame and for an error",
            Self::Stall => "a call with nothing new gives the same again and changes nothing",
            Self::Sticky => "the first error is given again by every later call",
            Self::Conservation => "every byte is part of a frame or of what the error is about",
            Self::Truncation => "the end of the stream within a frame is an error",
            Self::Limit => "messages up to the limit are given, and no larger ones",
            Self::Model => "messages and end are those of the naive model",
            Self::Chunks => "how a stream is cut into chunks changes neither messages nor the end",
            Self::Cost => "bytes looked at are at most 3 for each that came and 64 for each call",
            Self::Moves => "a byte moves within an inbox a bounded number of times",
            Self::Memory => "memory follows what came, and not what was announced",
            Self::RoundTrip => "what was encoded is decoded again",
            Self::Encoding => "what a framing cannot carry is refused, and only that",
            Self::Untouched => "a message that is refused leaves nothing behind",
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A law that does not hold, with what shows it, for a person to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which law.
    pub law: Law,
    /// The stream, or the message that was to be encoded.
    pub stream: Vec<u8>,
    /// The lengths of its chunks; the last ones were given again and again, none means all at once.
    pub sizes: Vec<usize>,
    /// What differed.
    pub told: String,
}

impl Broken {
    pub(super) fn new(law: Law, stream: &[u8], sizes: &[usize], told: String) -> Self {
        Self { law, stream: stream.to_vec(), sizes: sizes.to_vec(), told }
    }
}

impl std::error::Error for Broken {}

/// Of longer streams only the beginning is shown.
const BYTES: usize = 512;
/// Of more chunks only the first.
const CHUNKS: usize = 64;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the law `{}` is broken: {}", self.law, self.law.statement())?;
        writeln!(f, "  {}", self.told)?;
        writeln!(f, "  stream, {} bytes: {}", self.stream.len(), Quoted(&self.stream))?;
        write!(f, "  chunks:")?;
        let chunks = lengths(self.stream.len(), &self.sizes);
        for length in chunks.iter().take(CHUNKS) {
            write!(f, " {length}")?;
        }
        if chunks.len() > CHUNKS { write!(f, " ...") } else { Ok(()) }
    }
}

/// Bytes between quotes.
pub(super) struct Quoted<'a>(pub(super) &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(BYTES)];
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if shown.len() < self.0.len() { write!(f, "...") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_what_was_broken_and_by_what() {
        let told = "message 1 is \"d\", not \"cd\"".to_owned();
        let broken = Broken::new(Law::Chunks, b"ab\ncd\n", &[3, 1], told);
        assert_eq!(
            broken.to_string(),
            "the law `chunks` is broken: how a stream is cut into chunks changes neither messages \
             nor the end\n  message 1 is \"d\", not \"cd\"\n  stream, 6 bytes: \"ab\\ncd\\n\"\n  \
             chunks: 3 1 2"
        );
    }
}
