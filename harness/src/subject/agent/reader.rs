use std::io::{self, Read};

use super::Message;
use crate::framing::{FrameError, Framer, Inbox, Next, TerminatorFramer};

/// Reads the messages of an agent from bytes in whatever chunks they come.
///
/// It keeps no more than a line that is not too long, and what was pushed last. The first error is
/// the last: from then on nothing is kept, and every call gives it again.
///
/// # Examples
///
/// ```
/// use sockspec::subject::agent::{CallId, Message, Reader};
///
/// let mut reader = Reader::new(1 << 20);
/// reader.push(b"{\"kind\":\"started\",");
/// assert_eq!(reader.message(), Ok(None));
/// reader.push(b"\"id\":7}\n");
/// assert_eq!(reader.message(), Ok(Some(Message::Started { id: CallId::new(7), thread: None })));
/// reader.end();
/// assert_eq!(reader.message(), Ok(None));
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    inbox: Inbox,
    framer: TerminatorFramer,
    ended: bool,
    /// How many lines were read.
    lines: u64,
    /// Where the next line begins.
    offset: u64,
    failed: Option<ReadError>,
    /// The beginning of the line that is no message.
    rejected: Vec<u8>,
}

/// How much is kept of a line that is no message.
const REJECTED: usize = 512;

impl Reader {
    /// For lines of at most `limit` bytes, the line break not counted.
    pub const fn new(limit: usize) -> Self {
        Self {
            inbox: Inbox::new(),
            framer: TerminatorFramer::new(b'\n', limit),
            ended: false,
            lines: 0,
            offset: 0,
            failed: None,
            rejected: Vec::new(),
        }
    }

    /// The beginning of the line that is no message, once there was one.
    pub(super) fn rejected(&self) -> String {
        String::from_utf8_lossy(&self.rejected).into_owned()
    }

    /// Adds bytes that came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.inbox.push(bytes);
        }
    }

    /// Reads once from a source. Gives how many bytes came.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub(super) fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        if self.failed.is_none() { self.inbox.fill(source) } else { Ok(0) }
    }

    /// Says that nothing more will come.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    /// The next message; `None` where it is not there yet or, after [`Reader::end`], where there is
    /// none any more.
    ///
    /// # Errors
    /// When what came is no message: where that is, and what was found there.
    pub fn message(&mut self) -> Result<Option<Message>, ReadError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        match self.read() {
            Ok(message) => Ok(message),
            Err((at, found)) => {
                let error =
                    ReadError { line: self.lines + 1, offset: self.offset + at as u64, found };
                self.failed = Some(error.clone());
                self.inbox = Inbox::new();
                Err(error)
            }
        }
    }

    fn read(&mut self) -> Result<Option<Message>, (usize, Found)> {
        match self.inbox.next(&mut self.framer, self.ended) {
            Ok(Next::Message(line)) => {
                let message = Message::parse(line).inspect_err(|_| {
                    self.rejected = line[..line.len().min(REJECTED)].to_vec();
                })?;
                self.lines += 1;
                self.offset += line.len() as u64 + 1;
                Ok(Some(message))
            }
            Ok(Next::Need(_) | Next::End) => Ok(None),
            Err(FrameError::TooLong { limit, .. }) => Err((0, Found::TooLong { limit })),
            Err(FrameError::Truncated { held, .. }) => Err((0, Found::Truncated { held })),
            Err(other) => Err((0, Found::Malformed { why: other.to_string() })),
        }
    }

    /// How many bytes it has room for.
    pub(super) const fn capacity(&self) -> usize {
        self.inbox.capacity()
    }

    /// How many bytes it has looked at for the ends of lines.
    pub(super) fn examined(&self) -> u64 {
        self.framer.examined()
    }
}

/// What an agent said is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the agent, at byte {offset}: {found}")]
pub struct ReadError {
    /// Which line, from 1.
    pub line: u64,
    /// Where in all that the agent said, from 0; where only the line as a whole is wrong, its
    /// beginning.
    pub offset: u64,
    /// What is there.
    pub found: Found,
}

/// What was found instead of a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Found {
    /// A line with no end within the limit.
    #[error("the line is longer than {limit} bytes")]
    TooLong {
        /// How many bytes it may have.
        limit: u64,
    },
    /// A line with no end at all.
    #[error("the agent ended within the line, of which {held} bytes had come")]
    Truncated {
        /// How many bytes of it there were.
        held: u64,
    },
    /// What is not UTF-8.
    #[error("byte 0x{byte:02x} is not UTF-8")]
    NotUtf8 {
        /// The first byte that is not.
        byte: u8,
    },
    /// What is not JSON.
    #[error("this is not JSON: {why}")]
    NotJson {
        /// Why not.
        why: String,
    },
    /// JSON with a key that no message has, one that is there twice, or a value of the wrong type.
    #[error("this is no message: {why}")]
    Malformed {
        /// Why not.
        why: String,
    },
    /// A message without a key that it must have.
    #[error("the message has no `{key}`")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A kind that messages do not have.
    #[error("`{kind}` is none of `hello`, `started` and `done`")]
    UnknownKind {
        /// The kind.
        kind: String,
    },
    /// A key that messages of another kind have.
    #[error("a `{kind}` has no `{key}`")]
    Stray {
        /// The kind.
        kind: String,
        /// The key.
        key: &'static str,
    },
    /// A `hello` that offers nothing.
    #[error("`versions` is empty: one at least must be offered")]
    NoVersion,
    /// A `done` that does not say what came of it.
    #[error("a `done` needs one of `ok`, `err`, `threw` and `unsupported`")]
    NoResult,
    /// A `done` that says so more than once.
    #[error("a `done` has one result, not {}", keys.join(" and "))]
    ManyResults {
        /// The results it has.
        keys: Vec<&'static str>,
    },
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::subject::Granularity;
    use crate::subject::agent::{Answer, CallId, Class, Failure, Hello, Success, Thrown, Value};
    use crate::vocabulary::{Endpoint, Errno, ErrorClass, ErrorNames, Readiness};

    /// All messages, and the error behind them.
    fn read(stream: &str) -> (Vec<Message>, Option<ReadError>) {
        let mut reader = Reader::new(512);
        reader.push(stream.as_bytes());
        reader.end();
        let mut messages = Vec::new();
        loop {
            match reader.message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => return (messages, None),
                Err(error) => return (messages, Some(error)),
            }
        }
    }

    fn error(stream: &str) -> ReadError {
        read(stream).1.expect("it is wrong")
    }

    #[test]
    fn a_hello_says_what_the_agent_is() {
        let line = "{\"kind\":\"hello\",\"versions\":[1,2],\"name\":\"python\",\"version\":\"3.12\",\
                    \"offers\":[\"poll\",\"shutdown-read\"],\"lacks\":{\"dup\":\"no\"},\
                    \"granularity\":{\"poll\":0,\"socket\":4000000}}\r\n";
        let hello = Hello {
            versions: vec![1, 2],
            name: "python".to_owned(),
            version: "3.12".to_owned(),
            offers: vec!["poll".to_owned(), "shutdown-read".to_owned()],
            lacks: [("dup".to_owned(), "no".to_owned())].into(),
            granularity: Granularity { poll: Duration::ZERO, socket: Duration::from_millis(4) },
            names: ErrorNames::Exact,
        };
        assert_eq!(read(line), (vec![Message::Hello(hello.clone())], None));
        let line = line.replacen("\"lacks\"", "\"names\":\"class\",\"lacks\"", 1);
        let hello = Hello { names: ErrorNames::Class, ..hello };
        assert_eq!(read(&line), (vec![Message::Hello(hello)], None));
    }

    #[rstest]
    #[case("\"ok\":\"nothing\"", Answer::Ok(Success::Nothing))]
    #[case("\"ok\":{\"count\":4}", Answer::Ok(Success::Count(4)))]
    #[case(
        "\"ok\":{\"data\":{\"bytes\":\"AP8=\",\"from\":{\"inet\":\"[::1]:7\"},\"truncated\":true}}",
        Answer::Ok(Success::Data {
            bytes: vec![0, 255],
            from: Some(Endpoint::Inet("[::1]:7".parse().expect("an address"))),
            truncated: true,
        })
    )]
    #[case(
        "\"ok\":{\"data\":{\"bytes\":\"\"}}",
        Answer::Ok(Success::Data { bytes: vec![], from: None, truncated: false })
    )]
    #[case("\"ok\":\"end-of-stream\"", Answer::Ok(Success::EndOfStream))]
    #[case(
        "\"ok\":{\"ready\":[\"in\",\"hup\"]}",
        Answer::Ok(Success::Ready(Readiness::IN | Readiness::HUP))
    )]
    #[case(
        "\"ok\":{\"value\":{\"error\":\"EPIPE\"}}",
        Answer::Ok(Success::Value(Value::Error(Some(Errno::EPIPE))))
    )]
    #[case("\"ok\":{\"name\":\"unnamed\"}", Answer::Ok(Success::Name(Endpoint::Unnamed)))]
    #[case(
        "\"err\":{\"class\":\"EPIPE\",\"raw\":32,\"text\":\"Broken pipe\"}",
        Answer::Err(Failure {
            class: Class::Errno(Errno::EPIPE),
            raw: Some(32),
            text: "Broken pipe".to_owned(),
            signal: None,
        })
    )]
    #[case(
        "\"err\":{\"class\":\"send-refused\",\"text\":\"closed\"}",
        Answer::Err(Failure {
            class: Class::Portable(ErrorClass::SendRefused),
            raw: None,
            text: "closed".to_owned(),
            signal: None,
        })
    )]
    #[case(
        "\"err\":{\"class\":\"EWHATEVER\",\"text\":\"\"}",
        Answer::Err(Failure {
            class: Class::Unknown("EWHATEVER".to_owned()),
            raw: None,
            text: String::new(),
            signal: None,
        })
    )]
    #[case(
        "\"err\":{\"class\":\"timeout\",\"text\":\"\"}",
        Answer::Err(Failure { class: Class::Timeout, raw: None, text: String::new(), signal: None })
    )]
    #[case(
        "\"threw\":{\"type\":\"TypeError\",\"text\":\"no\\nway\"}",
        Answer::Threw(Thrown { kind: "TypeError".to_owned(), text: "no\nway".to_owned() })
    )]
    #[case(
        "\"unsupported\":{\"why\":\"no raw sockets\"}",
        Answer::Unsupported { why: "no raw sockets".to_owned() }
    )]
    fn a_done_says_what_came_of_a_call(#[case] result: &str, #[case] answer: Answer) {
        let line = format!("{{\"kind\":\"done\",\"id\":7,\"began\":5,\"took\":9,{result}}}\n");
        let done = Message::Done {
            id: CallId::new(7),
            began: Duration::from_nanos(5),
            took: Duration::from_nanos(9),
            answer,
        };
        assert_eq!(read(&line), (vec![done.clone()], None));
        assert_eq!(read(&format!("{}\n", done.line())), (vec![done], None));
    }

    #[rstest]
    #[case("{}", 0, "the message has no `kind`")]
    #[case("", 0, "this is not JSON: EOF while parsing a value")]
    #[case("{\"kind\":\"done\",", 14, "this is not JSON: EOF while parsing a value")]
    #[case("print here", 0, "this is not JSON: expected value")]
    #[case("[1]", 1, "this is no message: invalid type: integer `1`, expected a string")]
    #[case("{\"kind\":\"helo\"}", 0, "`helo` is none of `hello`, `started` and `done`")]
    #[case("{\"kind\":\"\\u001b[2J\"}", 0, "`\\u{1b}[2J` is none of `hello`, `started` and `done`")]
    #[case("{\"kind\":\"started\"}", 0, "the message has no `id`")]
    #[case(
        "{\"kind\":\"started\",\"id\":-1}",
        24,
        "this is no message: invalid value: integer `-1`, expected u64"
    )]
    #[case("{\"kind\":\"started\",\"id\":1,\"took\":2}", 0, "a `started` has no `took`")]
    #[case("{\"kind\":\"started\",\"id\":1,\"ok\":\"nothing\"}", 0, "a `started` has no `ok`")]
    #[case(
        "{\"kind\":\"started\",\"id\":1,\"id\":1}",
        28,
        "this is no message: duplicate field `id`"
    )]
    #[case("{\"kind\":\"done\",\"id\":1,\"took\":2}", 0, "the message has no `began`")]
    #[case(
        "{\"kind\":\"done\",\"id\":1,\"began\":2,\"took\":2,\"ok\":null}",
        0,
        "a `done` needs one of `ok`, `err`, `threw` and `unsupported`"
    )]
    #[case(
        "{\"kind\":\"done\",\"id\":1,\"began\":2,\"took\":2,\"ok\":\"nothing\",\"unsupported\":{\"why\":\"\"}}",
        0,
        "a `done` has one result, not ok and unsupported"
    )]
    #[case(
        "{\"kind\":\"hello\",\"versions\":[]}",
        0,
        "`versions` is empty: one at least must be offered"
    )]
    fn what_is_wrong_is_told_with_its_place(
        #[case] line: &str,
        #[case] at: u64,
        #[case] expected: &str,
    ) {
        let first = "{\"kind\":\"started\",\"id\":1}\n";
        let found = error(&format!("{first}{line}\n{first}"));
        assert_eq!(found.found.to_string(), expected);
        assert_eq!((found.line, found.offset), (2, first.len() as u64 + at));
    }

    #[test]
    fn what_is_no_text_is_told_with_its_place() {
        let mut reader = Reader::new(512);
        reader.push(b"{\"kind\":\"st\xff");
        assert_eq!(reader.message(), Ok(None));
        reader.push(b"\"}\n");
        let error = reader.message().expect_err("it is wrong");
        assert_eq!(error.to_string(), "line 1 of the agent, at byte 11: byte 0xff is not UTF-8");
        assert_eq!(reader.message(), Err(error));
    }

    #[test]
    fn a_line_without_an_end_is_an_error() {
        let truncated = error("{\"kind\":\"started\",\"id\":1}");
        assert_eq!((truncated.line, truncated.found), (1, Found::Truncated { held: 25 }));
        let mut reader = Reader::new(8);
        reader.push(b"12345678");
        assert_eq!(reader.message(), Ok(None));
        reader.push(b"9");
        let error = reader.message().expect_err("it is too long");
        assert_eq!(
            error.to_string(),
            "line 1 of the agent, at byte 0: the line is longer than 8 bytes"
        );
        assert_eq!(reader.capacity(), 0, "nothing is kept any more");
    }

    #[test]
    fn a_long_text_is_shown_in_part() {
        let found = error(&format!("{{\"kind\":\"{}\"}}\n", "x".repeat(400)));
        assert_eq!(found.found, Found::UnknownKind { kind: "x".repeat(80) + "…" });
    }
}
