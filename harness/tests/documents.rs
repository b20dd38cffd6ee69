//! What is written for people says what the program does: every word of the language stands in the
//! reference and in the syntax files.

#[path = "program/child.rs"]
mod child;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use child::finish;
use sockspec::run::event::FORMAT;
use sockspec::scenario::{AMOUNT_WORDS, KEYWORDS, LINK_WORDS, PACKET_WORDS, PLACES};
use sockspec::vocabulary::{
    ByteOrder, Capability, Errno, FrameFault, Framing, MessageFlags, PacketKind, Padding, Pieces,
    Readiness, SocketOption, TcpState, Terminator, Topology, Transport, Verb, Width,
};

fn top(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(top(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let is_part = |other: Option<char>| other.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !is_part(text[..at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next())
    })
}

fn missing<'w>(text: &str, words: impl IntoIterator<Item = &'w str>) -> Vec<&'w str> {
    words.into_iter().filter(|word| !has_word(text, word)).collect()
}

/// The words of the language that are few enough to stand in its reference.
fn small_words() -> Vec<&'static str> {
    let transports = Transport::ALL.into_iter().map(Transport::word);
    let topologies = Topology::ALL.into_iter().map(Topology::word);
    let flags = Readiness::WORDS.into_iter().map(|(_, word)| word);
    let sending = MessageFlags::SEND_WORDS.into_iter().map(|(_, word)| word);
    let receiving = MessageFlags::RECEIVE_WORDS.into_iter().map(|(_, word)| word);
    let packets = PacketKind::ALL.into_iter().map(PacketKind::word);
    let verbs = Verb::ALL.iter().map(|verb| verb.word());
    let wire = LINK_WORDS.into_iter().chain(PACKET_WORDS).chain(AMOUNT_WORDS).chain(PLACES);
    let first = transports.chain(topologies).chain(flags);
    let first = first.chain(sending).chain(receiving).chain(packets).chain(verbs).chain(wire);
    first.chain(frame_words()).chain(KEYWORDS).collect()
}

/// The words with which frames are written.
fn frame_words() -> Vec<&'static str> {
    let framings = Framing::FORMS.into_iter().map(|(word, _)| word);
    let pieces = Pieces::WORDS.into_iter();
    let faults = FrameFault::ALL.iter().map(|fault| fault.word());
    let terminators = Terminator::ALL.iter().map(|terminator| terminator.word());
    let paddings = Padding::ALL.iter().map(|padding| padding.word());
    let widths = Width::ALL.iter().map(|width| width.word());
    let orders = ByteOrder::ALL.iter().map(|order| order.word());
    let parameters = terminators.chain(paddings).chain(widths).chain(orders);
    ["framing", "limit"]
        .into_iter()
        .chain(framings)
        .chain(pieces)
        .chain(faults)
        .chain(parameters)
        .collect()
}

fn large_words() -> Vec<&'static str> {
    let options = SocketOption::ALL.iter().map(|option| option.name());
    let errnos = Errno::ALL.iter().filter_map(|errno| errno.name());
    let states = TcpState::ALL.iter().map(|state| state.name());
    let capabilities = Capability::ALL.into_iter().map(Capability::word);
    options.chain(errnos).chain(states).chain(capabilities).collect()
}

#[test]
fn the_reference_has_every_word_and_every_form() {
    let reference = text("scenarios/REFERENCE.md");
    assert_eq!(
        missing(&reference, small_words().into_iter().chain(large_words())),
        Vec::<&str>::new()
    );
    let plain = reference.replace("\\|", "|");
    // `peername` is written like `name`.
    for verb in Verb::ALL.iter().filter(|verb| **verb != Verb::PeerName) {
        let form = format!("`{}`", verb.form());
        assert!(plain.contains(&form), "{form} is not in the reference");
    }
    for (_, form) in Framing::FORMS {
        assert!(plain.contains(&format!("`{form}`")), "`{form}` is not in the reference");
    }
}

/// Holds a page against the command that writes it.
fn is_current(page: &str, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockspec"));
    let output = finish(command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")));
    assert!(output.status.success());
    let now = String::from_utf8_lossy(&output.stdout).into_owned();
    let then = fs::read_to_string(top(page)).unwrap_or_default();
    let first = now.lines().zip(then.lines()).position(|(now, then)| now != then);
    let line = first.unwrap_or_else(|| now.lines().count().min(then.lines().count())) + 1;
    let command = arguments.join(" ");
    assert!(
        now == then,
        "{page} is out of date from line {line} on; renew it by\n  sockspec {command} > {page}"
    );
}

#[test]
fn the_index_is_current() {
    is_current("scenarios/INDEX.md", &["list", "--format", "markdown"]);
}

#[test]
fn the_reference_is_current() {
    is_current("scenarios/REFERENCE.md", &["explain", "--format", "markdown"]);
}

#[test]
fn the_schema_of_the_protocol_of_agents_is_current() {
    is_current("harness/schemas/agent-1.schema.json", &["schema", "agent"]);
}

#[test]
fn the_schema_of_recordings_is_current() {
    let page = format!("harness/schemas/recording-{FORMAT}.schema.json");
    is_current(&page, &["schema"]);
}

#[test]
fn the_syntax_files_have_every_word() {
    for path in ["ci/editors/sockspec.tmLanguage.json", "ci/editors/vim/syntax/sockspec.vim"] {
        let text = text(path);
        let words = small_words().into_iter().chain(large_words());
        assert_eq!(missing(&text, words), Vec::<&str>::new(), "in {path}");
    }
}

#[test]
fn a_word_that_is_missing_is_noticed() {
    assert_eq!(missing("open bind, recvfrom", ["open", "bind", "recv"]), ["recv"]);
}
