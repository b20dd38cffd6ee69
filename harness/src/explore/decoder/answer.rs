use data_encoding::HEXLOWER_PERMISSIVE;

use crate::framing::Refusal;
use crate::vocabulary::FrameFault;

/// The first word that a program says, before the number of the protocol.
const GREETING: &str = "sockspec-decoder";
/// The protocol that is spoken here.
const VERSION: &str = "1";

/// One line that a program answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A message of the stream.
    Frame(Vec<u8>),
    /// That is all so far; a next chunk may come.
    More,
    /// The stream is over, and nothing of it is left.
    End,
    /// The bytes are no messages.
    Refused(Refusal),
}

/// What a program is asked, but for the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// A stream begins.
    New,
    /// Its next bytes.
    Chunk,
    /// It is over.
    End,
}

impl Answer {
    /// Reads a line, without what ends it; nothing where it is no answer.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (word, rest) = match line.iter().position(|byte| *byte == b' ') {
            Some(at) => (&line[..at], line[at + 1..].trim_ascii()),
            None => (line, &[][..]),
        };
        let fault = match word {
            b"frame" => return HEXLOWER_PERMISSIVE.decode(rest).ok().map(Self::Frame),
            b"more" if rest.is_empty() => return Some(Self::More),
            b"end" if rest.is_empty() => return Some(Self::End),
            b"error" => None,
            b"truncated" => Some(FrameFault::Truncated),
            b"too-long" => Some(FrameFault::TooLong),
            b"malformed" => Some(FrameFault::Malformed),
            _ => return None,
        };
        // A person is told something in any case.
        let text = if rest.is_empty() { word } else { rest };
        Some(Self::Refused(Refusal { fault, text: String::from_utf8_lossy(text).into_owned() }))
    }

    /// Whether it can stand in the answer to a request.
    pub(super) const fn fits(&self, request: Request) -> bool {
        match self {
            Self::Frame(_) | Self::Refused(_) => !matches!(request, Request::New),
            Self::More => !matches!(request, Request::End),
            Self::End => matches!(request, Request::End),
        }
    }
}

impl Request {
    /// The line that asks it, with these bytes where it is a chunk.
    pub(super) fn line(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::New => b"new\n".to_vec(),
            Self::End => b"end\n".to_vec(),
            Self::Chunk => {
                let mut line = b"chunk ".to_vec();
                let begin = line.len();
                line.resize(begin + 2 * bytes.len(), 0);
                HEXLOWER_PERMISSIVE.encode_mut(bytes, &mut line[begin..]);
                line.push(b'\n');
                line
            }
        }
    }

    /// What an answer to it ends with, for a person to read.
    pub(super) const fn wanted(self) -> &'static str {
        match self {
            Self::New => "`more`",
            Self::Chunk => "`frame HEX`, `more` or `error TEXT`",
            Self::End => "`frame HEX`, `end` or `error TEXT`",
        }
    }
}

/// What a program says of itself before anything else, behind the number of the protocol.
///
/// # Errors
/// The line, where it is no greeting, or one of another protocol.
pub(super) fn greeted(line: &[u8]) -> Result<String, String> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split_whitespace();
    if words.next() == Some(GREETING) && words.next() == Some(VERSION) {
        return Ok(words.collect::<Vec<_>>().join(" "));
    }
    Err(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("frame 00fF", Answer::Frame(vec![0, 255]))]
    #[case("frame", Answer::Frame(vec![]))]
    #[case("frame ", Answer::Frame(vec![]))]
    #[case("frame 61\r", Answer::Frame(vec![b'a']))]
    #[case("more", Answer::More)]
    #[case("end\r", Answer::End)]
    #[case("error", refused(None, "error"))]
    #[case("error too-long by far", refused(None, "too-long by far"))]
    #[case("too-long by far", refused(Some(FrameFault::TooLong), "by far"))]
    #[case("truncated", refused(Some(FrameFault::Truncated), "truncated"))]
    #[case("malformed \t x ", refused(Some(FrameFault::Malformed), "x"))]
    fn an_answer_is_a_word_and_what_is_behind_it(#[case] line: &str, #[case] answer: Answer) {
        assert_eq!(Answer::read(line.as_bytes()), Some(answer));
    }

    fn refused(fault: Option<FrameFault>, text: &str) -> Answer {
        Answer::Refused(Refusal { fault, text: text.to_owned() })
    }

    #[rstest]
    fn anything_else_is_no_answer(
        #[values(
            "",
            " more",
            "More",
            "more 1",
            "end.",
            "frame 0",
            "frame 0g",
            "frame 00 11",
            "debug"
        )]
        line: &str,
    ) {
        assert_eq!(Answer::read(line.as_bytes()), None);
    }

    #[test]
    fn a_request_is_one_line() {
        assert_eq!(Request::New.line(b""), b"new\n");
        assert_eq!(Request::Chunk.line(b"\x00\xffa"), b"chunk 00ff61\n");
        assert_eq!(Request::Chunk.line(b""), b"chunk \n");
        assert_eq!(Request::End.line(b""), b"end\n");
    }

    #[test]
    fn a_surplus_answer_does_not_fit_the_end_of_a_stream() {
        assert!(Answer::More.fits(Request::New) && Answer::More.fits(Request::Chunk));
        assert!(!Answer::More.fits(Request::End));
        assert!(Answer::End.fits(Request::End) && !Answer::End.fits(Request::New));
        assert!(!Answer::Frame(Vec::new()).fits(Request::New));
    }

    #[rstest]
    #[case("sockspec-decoder 1", Ok(""))]
    #[case("sockspec-decoder 1 my codec 0.3\r", Ok("my codec 0.3"))]
    #[case("sockspec-decoder 2", Err("sockspec-decoder 2"))]
    #[case("sockspec-decoder", Err("sockspec-decoder"))]
    #[case("Python 3.11", Err("Python 3.11"))]
    fn a_greeting_names_the_protocol(#[case] line: &str, #[case] greeting: Result<&str, &str>) {
        assert_eq!(greeted(line.as_bytes()), greeting.map(str::to_owned).map_err(str::to_owned));
    }
}
