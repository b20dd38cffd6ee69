use super::checker::{MISTAKES, refusal};
use super::header::{Header, Reader};
use super::mistake::{bad_text, duplicate_word, extra_word};
use super::value::text;

use crate::scenario::diagnostic::{Diagnostic, code, nearest, quoted};
use crate::scenario::lexer::{Span, Token, TokenKind};
use crate::scenario::syntax::Tree;
use crate::vocabulary::{Reach, Topology, Transport};

/// How a `not` line is written.
pub(super) const OMISSION: &str = "such as `not udp4 udp6 \"a datagram has no end of stream\"`";

/// A transport or topology that a scenario says it is not for.
#[derive(Clone, Debug)]
pub(in crate::scenario) struct Omission {
    pub(in crate::scenario) what: Omitted,
    /// Why it is not tested.
    pub(in crate::scenario) reason: String,
    pub(super) span: Span,
}

/// What is not tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) enum Omitted {
    Transport(Transport),
    Reach(Reach),
}

impl Omitted {
    fn from_word(word: &str) -> Option<Self> {
        let mut reaches = Reach::ALL.into_iter();
        let reach = || reaches.find(|reach| reach.plainest().word() == word).map(Self::Reach);
        Transport::from_word(word).map(Self::Transport).or_else(reach)
    }
}

/// The words that can stand in a `not` line: `netns` is there for all topologies of several hosts.
fn words() -> Vec<&'static str> {
    let reaches = Reach::ALL.map(|reach| reach.plainest().word());
    Transport::ALL.map(Transport::word).into_iter().chain(reaches).collect()
}

impl Reader<'_, '_> {
    /// `not TRANSPORT|TOPOLOGY ... "REASON"`
    pub(super) fn omission(&mut self, rest: &[Token]) {
        let is_text =
            |token: &Token| matches!(token.kind, TokenKind::String | TokenKind::OpenString);
        let end = rest.iter().position(is_text).unwrap_or(rest.len());
        let (names, rest) = rest.split_at(end);
        let mut found: Vec<Omission> = Vec::with_capacity(names.len().min(8));
        for token in names {
            if self.diagnostics.len() > MISTAKES {
                break;
            }
            let word = self.tree.text(token.span);
            let Some(what) = Omitted::from_word(word) else {
                self.report(unknown_word(token.span, word));
                continue;
            };
            let earlier = self.header.omissions.iter().chain(&found).find(|one| one.what == what);
            match earlier.map(|earlier| earlier.span) {
                Some(earlier) => self.report(duplicate_word(token.span, word, earlier)),
                None => found.push(Omission { what, reason: String::new(), span: token.span }),
            }
        }
        let Some((reason, extra)) = rest.split_first() else {
            if let Some(last) = names.last() {
                let message = "this line gives no reason";
                let label = "expected a reason in quotes";
                let diagnostic =
                    Diagnostic::new(code::MISSING_WORD, last.span.after(), message, label);
                self.report(diagnostic.help(OMISSION));
            }
            return;
        };
        if names.is_empty() {
            let message = "this line names nothing that it gives a reason for";
            let label = "expected a transport or topology before this";
            let diagnostic = Diagnostic::new(code::MISSING_WORD, reason.span, message, label);
            return self.report(diagnostic.help(OMISSION));
        }
        if let Some(extra) = extra.first() {
            self.report(extra_word(extra.span));
        }
        if reason.kind == TokenKind::OpenString {
            return;
        }
        match text(self.tree.text(reason.span)) {
            Err(bad) => self.report(bad_text(reason.span, bad)),
            Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => {
                let label = "expected why this is not tested";
                let message = "the reason is empty";
                self.report(Diagnostic::new(code::BAD_TEXT, reason.span, message, label));
            }
            Ok(bytes) => {
                let reason = String::from_utf8_lossy(&bytes).into_owned();
                let found = found.into_iter();
                self.header
                    .omissions
                    .extend(found.map(|one| Omission { reason: reason.clone(), ..one }));
            }
        }
    }
}

fn unknown_word(span: Span, word: &str) -> Diagnostic {
    let all = words();
    if let Some(topology) = Topology::from_word(word) {
        let message = format!("no reason is given for {}", quoted(topology.word()));
        return Diagnostic::new(code::UNKNOWN_TOPOLOGY, span, message, "expected `netns`").help(
            "`netns` stands for every topology between hosts: where one is tested, so are they all",
        );
    }
    let label = nearest(word, all.iter().copied()).map_or_else(
        || "expected a transport or topology".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    let message = format!("there is no transport or topology {}", quoted(word));
    Diagnostic::new(code::UNKNOWN_TRANSPORT, span, message, label)
        .help(format!("expected one of `{}`", all.join("`, `")))
}

/// The transports that a scenario's cases are over, each once: those of its `over` line, else those
/// that its steps name.
pub(super) fn tested(over: Option<&[Transport]>, opened: &[Transport]) -> Vec<Transport> {
    let some = over.unwrap_or(opened);
    Transport::ALL.into_iter().filter(|transport| some.contains(transport)).collect()
}

/// The reasons that nothing needs: what they are given for is tested, or could not be.
pub(super) fn idle(
    tree: &Tree<'_>,
    header: &Header<'_>,
    transports: &[Transport],
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for one in &header.omissions {
        let word = quoted(tree.text(one.span));
        let reached = |reach: Reach| reach.first_of(&header.topologies);
        let (is_tested, matrix, cells): (_, _, Vec<_>) = match one.what {
            Omitted::Transport(transport) => {
                let topologies = Reach::ALL.into_iter().filter_map(reached);
                let cells = topologies.map(|topology| (transport, topology));
                (transports.contains(&transport), header.matrix[0], cells.collect())
            }
            Omitted::Reach(reach) => {
                let topology = reach.plainest();
                let cells = transports.iter().map(|transport| (*transport, topology));
                (reached(reach).is_some(), header.matrix[1], cells.collect())
            }
        };
        let diagnostic =
            |message, label| Diagnostic::new(code::IDLE_REASON, one.span, message, label);
        if is_tested {
            let message = format!("{word} is tested, and needs no reason not to be");
            let mut diagnostic = diagnostic(message, "leave it out".to_owned());
            if one.what == Omitted::Reach(Reach::BetweenHosts) {
                diagnostic = diagnostic.help("`netns` stands for every topology between hosts");
            }
            found.push(match matrix {
                Some(line) => diagnostic.related(line, "what is tested"),
                None => diagnostic,
            });
            continue;
        }
        let why = |(transport, topology): (Transport, Topology)| {
            let is_apart = transport.is_local() && topology != Topology::Loopback;
            if is_apart { Some(LOCAL.to_owned()) } else { refusal(tree, transport, topology) }
        };
        let reasons: Option<Vec<String>> = cells.into_iter().map(why).collect();
        if let Some(reasons) = reasons {
            let reason = reasons.into_iter().next().unwrap_or_default();
            let message = format!("{word} could not be tested, and needs no reason of its own");
            let help = format!("`sockspec list --format markdown` gives this one: {reason}");
            found.push(diagnostic(message, "leave it out".to_owned()).help(help));
        }
    }
    found
}

/// Why a local transport has no case between hosts.
pub(in crate::scenario) const LOCAL: &str = "a local socket stays on its host";
