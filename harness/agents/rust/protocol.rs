//! The protocol of ../README.md, for agents in Rust: requests out of lines, answers into lines, and payloads.
//! It knows of no sockets, and needs nothing but the standard library.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;

// --- requests

/// A value of JSON. What is no whole number is none of the protocol's.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(i128),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub fn parse(text: &str) -> Option<Json> {
        let mut rest = text.trim();
        let value = value(&mut rest, 0)?;
        rest.trim().is_empty().then_some(value)
    }

    /// What an object has under a key; null where there is none.
    pub fn key(&self, name: &str) -> &Json {
        let Json::Object(pairs) = self else { return &Json::Null };
        pairs.iter().find(|(key, _)| key == name).map_or(&Json::Null, |(_, value)| value)
    }

    pub fn text(&self) -> &str {
        if let Json::Text(text) = self { text } else { "" }
    }

    pub fn number(&self) -> Option<u64> {
        if let Json::Number(number) = self { u64::try_from(*number).ok() } else { None }
    }

    pub fn list(&self) -> &[Json] {
        if let Json::List(items) = self { items } else { &[] }
    }

    pub fn is_true(&self) -> bool {
        *self == Json::Bool(true)
    }

    /// The bytes of `data`.
    pub fn payload(&self) -> Vec<u8> {
        let made = self.key("generated");
        match (made.key("seed").number(), made.key("length").number()) {
            (Some(seed), Some(length)) => generated(seed, 0, length as usize),
            _ => decoded(self.key("bytes").text()),
        }
    }

    /// The address of an endpoint of IP.
    pub fn address(&self) -> Result<SocketAddr, Failure> {
        let parsed = self.key("inet").text().parse();
        parsed.map_err(|_| {
            Failure::Unsupported("an address without a name cannot be given".to_owned())
        })
    }
}

/// More deeply nothing of the protocol is nested.
const DEPTH: usize = 16;

fn value(rest: &mut &str, depth: usize) -> Option<Json> {
    *rest = rest.trim_start();
    if depth > DEPTH {
        return None;
    }
    for (word, value) in
        [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))]
    {
        if skip(rest, word) {
            return Some(value);
        }
    }
    if rest.starts_with('"') {
        return string(rest).map(Json::Text);
    }
    let (end, is_object) = match rest.chars().next()? {
        '[' => (']', false),
        '{' => ('}', true),
        _ => {
            let length = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
            let (number, behind) = rest.split_at(length);
            *rest = behind;
            return number.parse().ok().map(Json::Number);
        }
    };
    *rest = &rest[1..];
    let (mut items, mut pairs) = (Vec::new(), Vec::new());
    loop {
        *rest = rest.trim_start();
        if rest.starts_with(end) {
            *rest = &rest[1..];
            return Some(if is_object { Json::Object(pairs) } else { Json::List(items) });
        }
        if (!items.is_empty() || !pairs.is_empty()) && !skip(rest, ",") {
            return None;
        }
        if is_object {
            *rest = rest.trim_start();
            let key = string(rest)?;
            *rest = rest.trim_start();
            if !skip(rest, ":") {
                return None;
            }
            pairs.push((key, value(rest, depth + 1)?));
        } else {
            items.push(value(rest, depth + 1)?);
        }
    }
}

fn skip(rest: &mut &str, word: &str) -> bool {
    let found = rest.strip_prefix(word);
    *rest = found.unwrap_or(rest);
    found.is_some()
}

fn string(rest: &mut &str) -> Option<String> {
    let mut text = String::new();
    *rest = rest.strip_prefix('"')?;
    loop {
        let plain = rest.find(['"', '\\'])?;
        text.push_str(&rest[..plain]);
        *rest = &rest[plain..];
        if skip(rest, "\"") {
            return Some(text);
        }
        let escape = rest.chars().nth(1)?;
        *rest = &rest[1 + escape.len_utf8()..];
        text.push(match escape {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => unit(rest)?,
            other => other,
        });
    }
}

/// The rest of an escape with the number of a character, which may be two of them.
fn unit(rest: &mut &str) -> Option<char> {
    let mut four = || {
        let number = u32::from_str_radix(rest.get(..4)?, 16).ok()?;
        *rest = &rest[4..];
        Some(number)
    };
    let first = four()?;
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first);
    }
    *rest = rest.strip_prefix("\\u")?;
    let second = u32::from_str_radix(rest.get(..4)?, 16).ok()?.checked_sub(0xDC00)?;
    *rest = &rest[4..];
    char::from_u32(0x10000 + ((first - 0xD800) << 10) + second)
}

// --- answers

/// What a call that succeeded came to.
pub enum Answer {
    Nothing,
    Count(usize),
    Data {
        bytes: Vec<u8>,
        from: Option<String>,
    },
    /// Everything that was received to the end of a stream.
    All(Vec<u8>),
    End,
    /// An endpoint, as JSON.
    Name(String),
    /// The value of an option, as JSON.
    Value(String),
}

/// Why a call did not succeed.
pub enum Failure {
    Error(io::Error),
    /// A limit that was set by the scenario ran out.
    Timeout(String),
    /// The limit of the call ran out, or it was cancelled.
    Blocked,
    Unsupported(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Error(error)
    }
}

pub fn unsupported<T>(why: &str) -> Result<T, Failure> {
    Err(Failure::Unsupported(why.to_owned()))
}

/// An error of a name that the system has, without a number of the system's.
pub fn error<T>(kind: io::ErrorKind, text: &str) -> Result<T, Failure> {
    Err(Failure::Error(io::Error::new(kind, text)))
}

/// A socket that a program has dropped: it has no name for it any more.
pub fn dropped<T>() -> Result<T, Failure> {
    Err(Failure::Error(io::Error::from_raw_os_error(9)))
}

pub fn started(id: u64) {
    say(&format!(r#"{{"kind":"started","id":{id}}}"#));
}

/// Answers a call; times in nanoseconds.
pub fn done(id: u64, began: u64, took: u64, outcome: Result<Answer, Failure>) {
    let text = match outcome {
        Ok(answer) => format!(r#""ok":{}"#, of_answer(answer)),
        Err(failure) => of_failure(&failure),
    };
    say(&format!(r#"{{"kind":"done","id":{id},"began":{began},"took":{took},{text}}}"#));
}

/// Answers a call that panicked.
pub fn threw(id: u64, began: u64, took: u64, text: &str) {
    let text = quoted(text);
    say(&format!(
        r#"{{"kind":"done","id":{id},"began":{began},"took":{took},"threw":{{"type":"panic","text":{text}}}}}"#
    ));
}

/// Answers a reset.
pub fn was_reset(id: u64, began: u64, took: u64, leaks: &[String]) {
    let leaks: Vec<_> = leaks.iter().map(|leak| quoted(leak)).collect();
    let leaks = leaks.join(",");
    say(&format!(
        r#"{{"kind":"done","id":{id},"began":{began},"took":{took},"ok":{{"reset":{{"leaks":[{leaks}]}}}}}}"#
    ));
}

/// What an agent is.
pub struct Hello<'a> {
    pub name: &'a str,
    pub version: &'a str,
    /// Words.
    pub offers: &'a str,
    /// For what is not offered the reason, many words at a time.
    pub lacks: &'a [(&'a str, &'a str)],
    /// In nanoseconds.
    pub granularity: u64,
}

impl Hello<'_> {
    pub fn say(&self) {
        let offers: Vec<_> = self.offers.split_whitespace().map(quoted).collect();
        let lacks = self
            .lacks
            .iter()
            .flat_map(|(words, why)| words.split_whitespace().map(move |word| (word, why)));
        let lacks: Vec<_> =
            lacks.map(|(word, why)| format!("{}:{}", quoted(word), quoted(why))).collect();
        say(&format!(
            r#"{{"kind":"hello","versions":[1],"name":{},"version":{},"offers":[{}],"lacks":{{{}}},"granularity":{{"poll":0,"socket":{}}}}}"#,
            quoted(self.name),
            quoted(self.version),
            offers.join(","),
            lacks.join(","),
            self.granularity
        ));
    }
}

/// The release of the kernel below.
pub fn kernel() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Linux {}", release.trim())
}

/// The version of a package in a Cargo.lock.
pub fn version_of<'a>(name: &str, lock: &'a str) -> &'a str {
    let behind = lock
        .split_once(&format!("name = \"{name}\"\nversion = \""))
        .map_or("", |(_, behind)| behind);
    behind.split('"').next().unwrap_or_default()
}

fn say(line: &str) {
    let mut output = io::stdout().lock();
    if writeln!(output, "{line}").and_then(|()| output.flush()).is_err() {
        std::process::exit(1); // nobody listens any more
    }
}

fn of_answer(answer: Answer) -> String {
    match answer {
        Answer::Nothing => "\"nothing\"".to_owned(),
        Answer::Count(count) => format!(r#"{{"count":{count}}}"#),
        Answer::End => "\"end-of-stream\"".to_owned(),
        Answer::Name(name) => format!(r#"{{"name":{name}}}"#),
        Answer::Value(value) => format!(r#"{{"value":{value}}}"#),
        Answer::All(bytes) => digested(&bytes),
        Answer::Data { bytes, from } => {
            let from = from.map_or_else(String::new, |from| format!(r#","from":{from}"#));
            format!(r#"{{"data":{{"bytes":"{}","truncated":false{from}}}}}"#, encoded(&bytes))
        }
    }
}

fn of_failure(failure: &Failure) -> String {
    let err = |class: &str, raw: String, text: &str| {
        format!(r#""err":{{"class":"{class}"{raw},"text":{}}}"#, quoted(text))
    };
    match failure {
        Failure::Unsupported(why) => format!(r#""unsupported":{{"why":{}}}"#, quoted(why)),
        Failure::Timeout(text) => err("timeout", String::new(), text),
        Failure::Blocked => err("blocked", String::new(), "it was given up"),
        Failure::Error(error) => {
            let raw =
                error.raw_os_error().map_or_else(String::new, |raw| format!(r#","raw":{raw}"#));
            err(class(error), raw, &error.to_string())
        }
    }
}

/// The POSIX name of an error: by its number, or of its kind where it has none.
pub fn class(error: &io::Error) -> &'static str {
    use io::ErrorKind as Kind;
    if let Some(raw) = error.raw_os_error() {
        return NAMES.iter().find(|(number, _)| *number == raw).map_or("other", |(_, name)| name);
    }
    match error.kind() {
        Kind::AddrInUse => "EADDRINUSE",
        Kind::AddrNotAvailable => "EADDRNOTAVAIL",
        Kind::BrokenPipe => "EPIPE",
        Kind::ConnectionAborted => "ECONNABORTED",
        Kind::ConnectionRefused => "ECONNREFUSED",
        Kind::ConnectionReset => "ECONNRESET",
        Kind::InvalidInput => "EINVAL",
        Kind::NotConnected => "ENOTCONN",
        Kind::PermissionDenied => "EACCES",
        Kind::TimedOut => "ETIMEDOUT",
        Kind::WouldBlock => "EAGAIN",
        _ => "other",
    }
}

const NAMES: [(i32, &str); 33] = [
    (1, "EPERM"),
    (2, "ENOENT"),
    (9, "EBADF"),
    (11, "EAGAIN"),
    (13, "EACCES"),
    (22, "EINVAL"),
    (24, "EMFILE"),
    (32, "EPIPE"),
    (88, "ENOTSOCK"),
    (89, "EDESTADDRREQ"),
    (90, "EMSGSIZE"),
    (91, "EPROTOTYPE"),
    (92, "ENOPROTOOPT"),
    (95, "EOPNOTSUPP"),
    (97, "EAFNOSUPPORT"),
    (98, "EADDRINUSE"),
    (99, "EADDRNOTAVAIL"),
    (100, "ENETDOWN"),
    (101, "ENETUNREACH"),
    (102, "ENETRESET"),
    (103, "ECONNABORTED"),
    (104, "ECONNRESET"),
    (105, "ENOBUFS"),
    (106, "EISCONN"),
    (107, "ENOTCONN"),
    (108, "ESHUTDOWN"),
    (110, "ETIMEDOUT"),
    (111, "ECONNREFUSED"),
    (112, "EHOSTDOWN"),
    (113, "EHOSTUNREACH"),
    (114, "EALREADY"),
    (115, "EINPROGRESS"),
    (12, "ENOMEM"),
];

/// An IP endpoint, as JSON.
pub fn inet(address: SocketAddr) -> String {
    format!(r#"{{"inet":"{address}"}}"#)
}

/// A unix endpoint of a name in the abstract namespace, as JSON.
pub fn local(name: Option<&[u8]>) -> String {
    match name {
        None => "\"unnamed\"".to_owned(),
        Some(name) => format!(r#"{{"local":{}}}"#, quoted(&String::from_utf8_lossy(name))),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", c as u32); // a string takes anything
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

// --- payloads and digests

/// How much is sent or received at a time where nothing else is said.
pub const CHUNK: usize = 64 << 10;

const HEAD: usize = 4 << 10;
const BLOCK: usize = 16 << 10;

/// Bytes of the stream of a seed.
pub fn generated(seed: u64, offset: usize, length: usize) -> Vec<u8> {
    let skipped = offset % 8;
    let first = (offset / 8) as u64;
    let blocks = (skipped + length).div_ceil(8) as u64;
    let mut bytes = Vec::with_capacity(blocks as usize * 8);
    for block in first..first + blocks {
        let mut z = seed.wrapping_add((block + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bytes.extend((z ^ (z >> 31)).to_le_bytes());
    }
    bytes.drain(..skipped);
    bytes.truncate(length);
    bytes
}

fn digested(bytes: &[u8]) -> String {
    let head = encoded(&bytes[..bytes.len().min(HEAD)]);
    let blocks = bytes.chunks(BLOCK).map(|block| {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
        format!("\"{:016x}\"", block.iter().fold(0xCBF2_9CE4_8422_2325, step))
    });
    let blocks = match bytes.len() > HEAD {
        true => format!(r#","blocks":[{}]"#, blocks.collect::<Vec<_>>().join(",")),
        false => String::new(),
    };
    format!(r#"{{"received":{{"length":{},"head":"{head}"{blocks}}}}}"#, bytes.len())
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * place)) as usize & 63];
            text.push(if place > three.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

fn decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut word, mut bits) = (Vec::with_capacity(text.len() / 4 * 3), 0u32, 0);
    for digit in text.bytes() {
        let Some(six) = ALPHABET.iter().position(|known| *known == digit) else { break };
        word = word << 6 | six as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits) as u8);
        }
    }
    bytes
}
