use std::fmt::Write as _;

use super::explain::{flag_meaning, level, readiness};
use super::grammar::{GRAMMAR, Section};
use crate::vocabulary::{
    Capability, Errno, Level, MessageFlags, PacketKind, Readiness, SocketOption, TcpState,
    Topology, Transport, Verb,
};

const ABOVE: &str = "\
# Every word of the scenario language

What each word means and how it is written, from the tables that the checker and `sockspec explain` read.
This page is what `sockspec explain --format markdown` writes; a test holds it current. How the words make
a scenario is told in [README.md](README.md#the-language).
";

/// Writes every word of the language as tables for people.
pub(super) fn reference() -> String {
    let mut text = ABOVE.to_owned();
    let (header, rest) = GRAMMAR.split_at(1);
    for section in header {
        grammar(&mut text, section);
    }
    let plain = |word: &str, meaning: &str| vec![format!("`{word}`"), meaning.to_owned()];
    let transports = Transport::ALL.map(|one| plain(one.word(), one.meaning()));
    table(&mut text, "Transports", &["transport", "meaning"], transports);
    let topologies = Topology::ALL.map(|one| plain(one.word(), one.meaning()));
    table(&mut text, "Topologies", &["topology", "meaning"], topologies);
    let capabilities = Capability::ALL.map(|one| plain(one.word(), one.meaning()));
    table(&mut text, "Capabilities", &["for `needs`", "meaning"], capabilities);
    let levels = Level::ALL.map(|one| plain(one.word(), level(one)));
    table(&mut text, "Levels", &["level", "meaning"], levels);
    let verbs = Verb::ALL.iter().map(|verb| {
        let form = format!("`{}`", verb.form());
        vec![format!("`{verb}`"), form, verb.outcome().to_owned(), verb.meaning().to_owned()]
    });
    table(&mut text, "Verbs", &["verb", "form", "outcome of success", "meaning"], verbs);
    let sending = MessageFlags::SEND_WORDS.into_iter();
    let receiving = MessageFlags::RECEIVE_WORDS.into_iter();
    let receiving = receiving.filter(|(flag, _)| *flag != MessageFlags::DONTWAIT);
    let flags = sending.chain(receiving).map(|(flag, word)| plain(word, flag_meaning(flag)));
    table(&mut text, "Message flags", &["flag", "meaning"], flags);
    for section in rest {
        grammar(&mut text, section);
    }
    let kinds = PacketKind::ALL.map(|one| plain(one.word(), one.meaning()));
    table(&mut text, "Kinds of packet", &["kind", "meaning"], kinds);
    let flags = Readiness::WORDS.map(|(flag, word)| plain(word, readiness(flag)));
    table(&mut text, "Poll flags", &["flag", "meaning"], flags);
    let options = SocketOption::ALL.iter().map(|option| {
        let access = if option.kind().is_read_only() { "; read only" } else { "" };
        let form = format!("{}{access}", option.kind().form());
        vec![format!("`{option}`"), form, option.meaning().to_owned()]
    });
    table(&mut text, "Socket options", &["option", "value", "meaning"], options);
    let states: Vec<String> = TcpState::ALL.iter().map(|state| format!("`{state}`")).collect();
    // Writing to a string does not fail, here and below.
    let _ = write!(text, "\nThe states of `TCP_INFO` are {}.\n", states.join(", "));
    let errnos = Errno::ALL.iter().map(|errno| plain(&errno.to_string(), errno.meaning()));
    table(&mut text, "Errnos", &["errno", "meaning"], errnos);
    text.push_str("\n`EWOULDBLOCK` is `EAGAIN`, and `ENOTSUP` is `EOPNOTSUPP`.\n");
    text
}

fn grammar(text: &mut String, section: &Section) {
    let rows = section.words.iter().map(|word| vec![word.written(), word.meaning.to_owned()]);
    table(text, section.title, &["written", "meaning"], rows);
}

fn table(
    text: &mut String,
    title: &str,
    heads: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) {
    let _ = write!(
        text,
        "\n## {title}\n\n| {} |\n|{}\n",
        heads.join(" | "),
        "---|".repeat(heads.len())
    );
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
}
