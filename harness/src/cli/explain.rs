use std::fmt::Write as _;
use std::io;

use clap::{Args, ValueEnum};

use super::exit::Exit;
use super::grammar::{GRAMMAR, Word};
use super::output::{Colour, complain, print};
use super::reference::reference;
use super::suite::{Chosen, Source, many};
use crate::scenario::Document;
use crate::vocabulary::{
    Capability, Errno, ErrorClass, Level, MessageFlags, PacketKind, Readiness, SocketOption,
    TcpState, Topology, Transport, Verb,
};

/// Tell what a verb, an option, an errno, any other word of the language, or an id means.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The words, such as `shutdown`, `SO_RCVTIMEO`, `EPIPE` or `halfclose/eof-after-all-data`.
    #[arg(required_unless_present = "format", value_name = "WORD")]
    words: Vec<String>,

    /// Write every word of the language there is, as tables.
    #[arg(long, value_enum, conflicts_with = "words", value_name = "FORMAT")]
    format: Option<Format>,

    #[command(flatten)]
    source: Source,
}

/// How all words are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// The reference of the language, `scenarios/REFERENCE.md`.
    Markdown,
}

pub(super) fn explain(arguments: &Arguments, colour: Colour) -> io::Result<Exit> {
    if let Some(Format::Markdown) = arguments.format {
        print(&reference())?;
        return Ok(Exit::Good);
    }
    let mut exit = Exit::Good;
    let mut text = String::new();
    let mut suite: Option<Chosen> = None;
    for word in &arguments.words {
        let of_language = of_language(word);
        let mut found = of_language.join("\n");
        if of_language.is_empty() && suite.is_none() {
            match arguments.source.open(&[], colour) {
                Ok(chosen) => suite = Some(chosen),
                Err(exit) => return Ok(exit),
            }
        }
        if let (true, Some(suite)) = (of_language.is_empty(), &suite) {
            found = of_suite(word, suite);
        }
        if found.is_empty() {
            complain(&unknown(word, suite.as_ref()));
            exit = Exit::Usage;
        }
        text.push_str(&found);
    }
    print(&text)?;
    Ok(exit)
}

/// Every meaning that a word has in the language; `poll` may be a verb and a capability.
fn of_language(word: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(verb) = Verb::from_word(word) {
        found.push(format!(
            "{word}: a verb\n  {}\n  form     {}\n  success  {}\n",
            verb.meaning(),
            verb.form(),
            verb.outcome()
        ));
    }
    if let Some(option) = SocketOption::from_name(word) {
        let access = if option.kind().is_read_only() { ", read only" } else { "" };
        found.push(format!(
            "{word}: a socket option{access}\n  {}\n  value    {}\n",
            option.meaning(),
            option.kind().form()
        ));
    }
    if let Some(errno) = Errno::from_name(word) {
        let name = errno.to_string();
        let other = if name == word { String::new() } else { format!(", the same as {name}") };
        let class = match errno.class() {
            Some(class) => format!("  class    {class}: {}\n", class.meaning()),
            None => String::new(),
        };
        found.push(format!("{word}: an errno{other}\n  {}\n{class}", errno.meaning()));
    }
    if let Some(class) = ErrorClass::from_word(word) {
        let names: Vec<_> = class.errnos().iter().map(Errno::to_string).collect();
        let (meaning, names) = (class.meaning(), names.join(", "));
        found.push(format!("{word}: a class of errors\n  {meaning}\n  names    {names}\n"));
    }
    let plain: [(&str, Option<&str>); 7] = [
        ("a transport", Transport::from_word(word).map(Transport::meaning)),
        ("a topology", Topology::from_word(word).map(Topology::meaning)),
        ("a capability, for `needs`", Capability::from_word(word).map(Capability::meaning)),
        ("a level (RFC 2119)", Level::from_word(word).map(level)),
        ("a poll flag", Readiness::from_word(word).map(readiness)),
        ("a TCP state (RFC 9293 §3.3.2)", TcpState::from_name(word).map(|_| "value of TCP_INFO")),
        ("a kind of packet, for `wire`", packet(word)),
    ];
    for (kind, meaning) in plain {
        if let Some(meaning) = meaning {
            found.push(format!("{word}: {kind}\n  {meaning}\n"));
        }
    }
    found.extend(flag(word).map(|meaning| format!("{word}: a message flag\n  {meaning}\n")));
    found.extend(of_grammar(word));
    found
}

fn grammar() -> impl Iterator<Item = &'static Word> {
    GRAMMAR.iter().flat_map(|section| section.words)
}

fn of_grammar(word: &str) -> Option<String> {
    let found = grammar().find(|known| known.text == word)?;
    let form = match found.form {
        "" => String::new(),
        _ => format!("{}: ", found.written()),
    };
    Some(format!("{word}: {}\n  {form}{}\n", found.kind, found.meaning))
}

pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Must => "required by a standard, or universal",
        Level::Should => "recommended, or nearly universal",
        Level::May => "specific to implementations",
    }
}

pub(super) fn readiness(flag: Readiness) -> &'static str {
    match flag {
        Readiness::IN => "POLLIN: a receive would not block",
        Readiness::PRI => "POLLPRI: an exceptional condition, such as urgent data",
        Readiness::OUT => "POLLOUT: a send would not block",
        Readiness::RDHUP => "POLLRDHUP: the peer has shut its write half, or the own read half is",
        Readiness::HUP => "POLLHUP: both directions are finished",
        Readiness::ERR => "POLLERR: an error is pending",
        _ => "POLLNVAL: the descriptor is not open",
    }
}

fn packet(word: &str) -> Option<&'static str> {
    PacketKind::from_word(word).map(PacketKind::meaning)
}

fn flag(word: &str) -> Option<&'static str> {
    let words = MessageFlags::SEND_WORDS.into_iter().chain(MessageFlags::RECEIVE_WORDS);
    let (flag, _) = words.into_iter().find(|(_, name)| *name == word)?;
    Some(flag_meaning(flag))
}

pub(super) fn flag_meaning(flag: MessageFlags) -> &'static str {
    match flag {
        MessageFlags::DONTWAIT => "fail with EAGAIN rather than wait (send(2), recv(2))",
        MessageFlags::ERRQUEUE => "take from the queue of errors, without waiting (recv(2))",
        MessageFlags::PEEK => "leave the bytes in place (recv(2))",
        MessageFlags::WAITALL => "wait for the whole amount (recv(2))",
        MessageFlags::TRUNC => "give the real length of a datagram (recv(2))",
        MessageFlags::MORE => "more is coming, hold partial segments back (send(2))",
        _ => "send without MSG_NOSIGNAL, so that SIGPIPE may be raised",
    }
}

/// What an id means: of a scenario, of one of its cases, or of an area.
fn of_suite(word: &str, chosen: &Chosen) -> String {
    let id = word.split('[').next().unwrap_or(word).trim_end_matches(".scn");
    let Some(document) = chosen.documents().find(|one| one.scenario().id.as_str() == id) else {
        return of_area(word.trim_end_matches('/'), chosen);
    };
    let scenario = document.scenario();
    let mut cases = document.cases();
    let all = cases.len();
    let kind = if word.contains('[') {
        cases.retain(|case| case.id.as_str() == word);
        if cases.is_empty() {
            return String::new();
        }
        format!("one of {all} cases of a scenario")
    } else {
        format!("a scenario of {}", many(all, "case"))
    };
    let (title, level) = (&scenario.title, scenario.level);
    let mut text = format!("{word}: {kind}\n  {title}\n  level    {level}\n");
    for cite in &scenario.cite {
        // Writing to a string does not fail, here and below.
        let _ = writeln!(text, "  cite     {cite}");
    }
    let _ = writeln!(text, "  file     {}", scenario.path);
    if all > 1 && !word.contains('[') {
        for case in &cases {
            let _ = writeln!(text, "  case     {}", case.id);
        }
    }
    let _ = write!(text, "\n{}", scenario.source);
    text
}

fn of_area(word: &str, chosen: &Chosen) -> String {
    let scenarios = chosen.documents().map(Document::scenario);
    let inside: Vec<_> = scenarios.filter(|scenario| scenario.id.area() == word).collect();
    if inside.is_empty() {
        return String::new();
    }
    let mut text = format!("{word}: an area of {}\n", many(inside.len(), "scenario"));
    for scenario in inside {
        let _ = writeln!(text, "  {}\n    {}", scenario.id, scenario.title);
    }
    text
}

fn unknown(word: &str, chosen: Option<&Chosen>) -> String {
    let ids = chosen.into_iter().flat_map(Chosen::documents).map(|one| one.scenario().id.as_str());
    let nearest = words()
        .into_iter()
        .chain(ids)
        .map(|known| {
            (strsim::damerau_levenshtein(&known.to_lowercase(), &word.to_lowercase()), known)
        })
        .min()
        .filter(|(distance, _)| *distance <= word.chars().count().div_ceil(3));
    match nearest {
        Some((_, known)) => {
            format!("error: `{word}` means nothing here; did you mean `{known}`?\n")
        }
        None => format!(
            "error: `{word}` means nothing here; it can be a word of the language or a \
             scenario's id (`sockspec list`)\n"
        ),
    }
}

fn words() -> Vec<&'static str> {
    let verbs = Verb::ALL.iter().map(|verb| verb.word());
    let options = SocketOption::ALL.iter().map(|option| option.name());
    let errnos = Errno::ALL.iter().filter_map(|errno| errno.name());
    let classes = ErrorClass::ALL.iter().map(|class| class.word());
    let transports = Transport::ALL.into_iter().map(Transport::word);
    let topologies = Topology::ALL.into_iter().map(Topology::word);
    let capabilities = Capability::ALL.into_iter().map(Capability::word);
    let grammar = grammar().map(|word| word.text);
    let kinds = transports.chain(topologies).chain(capabilities).chain(grammar);
    verbs.chain(options).chain(errnos).chain(classes).chain(kinds).collect()
}
