use std::borrow::Cow;

use super::checker::{MISTAKES, STEPS};
use super::mistake::{
    bad_name, bad_range, bad_text, duplicate_word, extra_word, stray_group, too_many_cases,
    unexpected, unknown, unknown_host, unknown_level,
};
use super::omission::{OMISSION, Omission};
use super::value::{is_name, range, size, text};
use crate::scenario::diagnostic::{Diagnostic, code, quoted};
use crate::scenario::groups::Groups;
use crate::scenario::lexer::{Span, Token, TokenKind};
use crate::scenario::syntax::{Key, Line, LineKind, Tree};
use crate::vocabulary::{ActorId, Capability, Level, Topology, Transport};

/// What stands above the steps, and the names of the `vary` blocks among them.
#[derive(Debug, Default)]
pub(super) struct Header<'s> {
    pub(super) title: String,
    pub(super) cite: Vec<String>,
    pub(super) level: Level,
    pub(super) needs: Vec<Capability>,
    /// The transports of the `over` line, where there is one.
    pub(super) over: Option<Vec<Transport>>,
    pub(super) topologies: Vec<Topology>,
    /// What the `not` lines give reasons for.
    pub(super) omissions: Vec<Omission>,
    /// The keywords of the `over` line and of the `on` line.
    pub(super) matrix: [Option<Span>; 2],
    /// The hosts, and behind them the groups of hosts.
    pub(super) actors: Vec<&'s str>,
    pub(super) groups: Groups,
    /// Whether the `on` line was wrong, so that any actor may have been meant.
    pub(super) any_actor: bool,
    pub(super) pairs: Vec<Pair<'s>>,
    /// The `framing` lines, which may hold values of `vary` lines below them.
    pub(super) framings: Vec<Line>,
    pub(super) axes: Vec<Axis<'s>>,
}

impl Header<'_> {
    /// The names of the single hosts.
    pub(super) fn hosts(&self) -> &[&str] {
        let end = if self.groups.sizes.is_empty() { self.actors.len() } else { self.groups.first };
        &self.actors[..end]
    }
}

/// A `pair` line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'s> {
    /// The connecting end, and the accepting one.
    pub(super) ends: [(ActorId, &'s str, Span); 2],
    /// The words of the line.
    pub(super) span: Span,
    /// Which line of the file it is, from 0.
    pub(super) line: usize,
}

/// A `vary` line, with its values or the names of its cases.
#[derive(Debug)]
pub(super) struct Axis<'s> {
    pub(super) name: &'s str,
    pub(super) span: Span,
    pub(super) values: Vec<Value<'s>>,
    pub(super) block: bool,
}

/// A value of a `vary` line, or the name of a case.
#[derive(Debug)]
pub(super) struct Value<'s> {
    pub(super) kind: TokenKind,
    pub(super) text: Cow<'s, str>,
    pub(super) span: Span,
}

/// The most cases that a scenario can stand for.
pub(super) const CASES: usize = 10_000;
/// The most `case` blocks of a `vary`.
const BLOCKS: usize = 1_000;
/// The most `vary` lines.
const AXES: usize = 32;

/// Reads everything but the steps.
pub(super) fn header<'s>(tree: &Tree<'s>, diagnostics: &mut Vec<Diagnostic>) -> Header<'s> {
    let mut reader =
        Reader { tree, diagnostics, header: Header::default(), seen: [None; 5], block: None };
    reader.read();
    reader.header
}

pub(super) struct Reader<'t, 's> {
    pub(super) tree: &'t Tree<'s>,
    pub(super) diagnostics: &'t mut Vec<Diagnostic>,
    pub(super) header: Header<'s>,
    /// The keyword of each line that stands at most once.
    seen: [Option<Span>; 5],
    /// The `vary` block that a `case` line belongs to.
    block: Option<usize>,
}

impl<'s> Reader<'_, 's> {
    fn read(&mut self) {
        let tree = self.tree;
        // Pairs name actors, and `on` may stand below them.
        for line in &tree.lines {
            if self.diagnostics.len() > MISTAKES {
                break;
            }
            match line.kind {
                LineKind::Title => self.title(line),
                LineKind::Header(key) => self.line(key, line),
                LineKind::Vary => self.vary(line),
                LineKind::Case { name: Some(name), .. } => self.case(name),
                _ => {}
            }
        }
        self.header.matrix = [self.seen[3], self.seen[4]];
        if self.header.topologies.is_empty() {
            self.header.topologies.push(Topology::Loopback);
        }
        if self.header.actors.is_empty() {
            self.header.actors.extend(["client", "server"]);
            if self.header.topologies == [Topology::Routed] {
                self.header.actors.push("router");
            }
        }
        for (at, line) in tree.lines.iter().enumerate() {
            let few = self.diagnostics.len() <= MISTAKES && self.header.pairs.len() <= STEPS;
            if few && line.kind == LineKind::Header(Key::Pair) {
                self.pair(at, line);
            }
        }
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn title(&mut self, line: &Line) {
        let Some(token) = self.tree.words(line.words).first().copied() else { return };
        if token.kind == TokenKind::OpenString {
            return;
        }
        match text(self.tree.text(token.span)) {
            Ok(bytes) if !bytes.is_empty() => {
                self.header.title = String::from_utf8_lossy(&bytes).into_owned();
            }
            Ok(_) => self.report(Diagnostic::new(
                code::BAD_TEXT,
                token.span,
                "the title is empty",
                "expected a sentence that says what must hold",
            )),
            Err(bad) => self.report(bad_text(token.span, bad)),
        }
    }

    fn line(&mut self, key: Key, line: &Line) {
        let words = self.tree.words(line.words);
        let Some((&first, rest)) = words.split_first() else { return };
        let once = match key {
            Key::Cite => Some(0),
            Key::Level => Some(1),
            Key::Needs => Some(2),
            Key::Over => Some(3),
            Key::On => Some(4),
            Key::Not | Key::Pair | Key::Framing | Key::Vary => None,
        };
        if let Some(slot) = once {
            if let Some(earlier) = self.seen[slot] {
                self.report(
                    Diagnostic::new(
                        code::DUPLICATE_HEADER,
                        first.span,
                        format!("a second `{}` line", key.word()),
                        "stands at most once",
                    )
                    .related(earlier, "the first one"),
                );
                return;
            }
            self.seen[slot] = Some(first.span);
        }
        if rest.is_empty() {
            let (what, help) = wanted(key);
            self.report(
                Diagnostic::new(
                    code::MISSING_WORD,
                    first.span.after(),
                    format!("the `{}` line is empty", key.word()),
                    format!("expected {what}"),
                )
                .help(help),
            );
        }
        match key {
            Key::Cite => self.cite(rest),
            Key::Level => self.level(rest),
            Key::Needs => {
                self.header.needs = self.list(
                    rest,
                    code::UNKNOWN_CAPABILITY,
                    "capability",
                    Capability::from_word,
                    || Capability::ALL.map(Capability::word).to_vec(),
                );
            }
            Key::Over => {
                let transports = self.list(
                    rest,
                    code::UNKNOWN_TRANSPORT,
                    "transport",
                    Transport::from_word,
                    || Transport::ALL.map(Transport::word).to_vec(),
                );
                self.header.over = Some(transports);
            }
            Key::On => self.on(first, rest),
            Key::Not => self.omission(rest),
            Key::Pair => {}
            Key::Framing => self.header.framings.push(*line),
            Key::Vary => self.vary(line),
        }
    }

    fn cite(&mut self, rest: &[Token]) {
        let tree = self.tree;
        for token in rest {
            let parts = tree.text(token.span).split(';').map(str::trim);
            self.header.cite.extend(parts.filter(|part| !part.is_empty()).map(String::from));
        }
    }

    fn level(&mut self, rest: &[Token]) {
        let Some((first, extra)) = rest.split_first() else { return };
        let word = self.tree.text(first.span);
        match Level::from_word(word) {
            Some(level) => self.header.level = level,
            None => self.report(unknown_level(first.span, word)),
        }
        if let Some(extra) = extra.first() {
            self.report(extra_word(extra.span));
        }
    }

    /// A list of words without repetition.
    fn list<T: Copy + PartialEq>(
        &mut self,
        words: &[Token],
        code: &'static str,
        what: &str,
        find: impl Fn(&str) -> Option<T>,
        all: impl Fn() -> Vec<&'static str>,
    ) -> Vec<T> {
        let mut found: Vec<(T, Span)> = Vec::with_capacity(words.len().min(8));
        for token in words {
            if self.diagnostics.len() > MISTAKES {
                break;
            }
            let word = self.tree.text(token.span);
            match find(word) {
                None => {
                    let diagnostic = unknown(code, what, token.span, word, &all());
                    self.report(diagnostic);
                }
                Some(item) => match found.iter().find(|(other, _)| *other == item) {
                    Some(&(_, earlier)) => self.report(duplicate_word(token.span, word, earlier)),
                    None => found.push((item, token.span)),
                },
            }
        }
        found.into_iter().map(|(item, _)| item).collect()
    }

    fn on(&mut self, first: Token, rest: &[Token]) {
        let lan = rest.iter().position(|token| self.tree.text(token.span) == "lan");
        let named = &rest[..lan.map_or(rest.len(), |at| at + 1)];
        let before = self.diagnostics.len();
        self.header.topologies =
            self.list(named, code::UNKNOWN_TOPOLOGY, "topology", Topology::from_word, || {
                Topology::ALL.map(Topology::word).to_vec()
            });
        if let Some(at) = lan {
            self.hosts(rest[at], &rest[at + 1..]);
            let others = named.len() > 1;
            let hosts = self.header.hosts();
            let is_pair = hosts.len() == 2
                && ["client", "server"].iter().all(|name| hosts.contains(name))
                && self.header.groups.sizes.is_empty();
            if others && !is_pair {
                self.report(
                    Diagnostic::new(
                        code::FEW_HOSTS,
                        rest[at].span,
                        "beside other topologies, a `lan` has the hosts `client` and `server`",
                        "has other hosts than those before it",
                    )
                    .help("write `lan client server`, or give the `lan` a scenario of its own"),
                );
            }
            if others {
                self.header.actors = vec!["client", "server"];
                self.header.groups = Groups::default();
            }
        }
        self.header.any_actor = self.diagnostics.len() > before || first.span.end == 0;
    }

    fn pair(&mut self, at: usize, line: &Line) {
        let words = self.tree.words(line.words);
        let Some((first, rest)) = words.split_first() else { return };
        if rest.is_empty() {
            return;
        }
        let mut ends = Vec::with_capacity(2);
        for token in rest.iter().take(2) {
            ends.extend(self.end(*token));
        }
        if rest.len() == 1 {
            self.report(
                Diagnostic::new(
                    code::MISSING_WORD,
                    rest[0].span.after(),
                    "a pair has two ends",
                    "expected `ACTOR.SOCKET`",
                )
                .help("a pair is written `pair client.c server.s`"),
            );
        }
        if let Some(extra) = rest.get(2) {
            self.report(extra_word(extra.span));
        }
        if let [from, to] = ends[..] {
            let span = first.span.to(rest[1].span);
            self.header.pairs.push(Pair { ends: [from, to], span, line: at });
        }
    }

    /// `ACTOR.SOCKET`
    fn end(&mut self, token: Token) -> Option<(ActorId, &'s str, Span)> {
        let word = self.tree.text(token.span);
        let Some((actor, socket)) = word.split_once('.').filter(|(_, socket)| is_name(socket))
        else {
            self.report(
                Diagnostic::new(
                    code::BAD_NAME,
                    token.span,
                    format!("{} is not one end of a pair", quoted(word)),
                    "expected `ACTOR.SOCKET`",
                )
                .help("a pair is written `pair client.c server.s`"),
            );
            return None;
        };
        if let Some(at) = self.header.actors.iter().position(|name| *name == actor) {
            let id = ActorId::new(at);
            if self.header.groups.size(id).is_some() {
                self.report(stray_group(token.span, actor));
                return None;
            }
            return Some((id, socket, token.span));
        }
        if self.header.any_actor && is_name(actor) {
            self.header.actors.push(actor);
            return Some((ActorId::new(self.header.actors.len() - 1), socket, token.span));
        }
        let diagnostic = unknown_host(token.span, actor, self.header.hosts(), &[]);
        self.report(diagnostic);
        None
    }

    fn vary(&mut self, line: &Line) {
        let words = self.tree.words(line.words);
        self.block = None;
        let Some((name, values)) = words.get(1..).and_then(<[Token]>::split_first) else {
            return self.vary_without_name(words);
        };
        let text = self.tree.text(name.span);
        if !is_name(text) {
            return self.report(bad_name(name.span, text));
        }
        if let Some(earlier) = self.header.axes.iter().find(|axis| axis.name == text) {
            let earlier = earlier.span;
            return self.report(
                Diagnostic::new(
                    code::DUPLICATE_VARY,
                    name.span,
                    format!("a second `vary` named {}", quoted(text)),
                    "this name is taken",
                )
                .related(earlier, "the first one"),
            );
        }
        if self.header.axes.len() == AXES {
            return self.report(Diagnostic::new(
                code::TOO_LARGE,
                name.span,
                format!("a scenario has at most {AXES} `vary` lines"),
                "this is one too many",
            ));
        }
        let block = values.is_empty();
        let mut axis = Axis { name: text, span: name.span, values: Vec::new(), block };
        for token in values {
            self.value(&mut axis, *token);
        }
        let mut order: Vec<&Value<'s>> = axis.values.iter().collect();
        order.sort_by(|one, other| (&one.text, one.span).cmp(&(&other.text, other.span)));
        if let Some(twice) = order.windows(2).find(|pair| pair[0].text == pair[1].text) {
            self.report(duplicate_word(twice[1].span, &twice[1].text, twice[0].span));
        }
        self.block = block.then_some(self.header.axes.len());
        self.header.axes.push(axis);
    }

    fn vary_without_name(&mut self, words: &[Token]) {
        let span = words.first().map_or_else(Span::default, |word| word.span.after());
        self.report(
            Diagnostic::new(code::MISSING_WORD, span, "this `vary` has no name", "expected a name")
                .help("such as `vary size 1 64KiB`"),
        );
    }

    fn value(&mut self, axis: &mut Axis<'s>, token: Token) {
        let word = self.tree.text(token.span);
        if !matches!(token.kind, TokenKind::Word | TokenKind::String | TokenKind::OpenString) {
            return self.report(unexpected(token.span, "expected a value"));
        }
        if word.starts_with('$') {
            return self.report(
                Diagnostic::new(
                    code::UNEXPECTED_TOKEN,
                    token.span,
                    "a value of a `vary` line cannot be another one's",
                    "expected a value that stands for itself",
                )
                .help("each combination of two `vary` lines is a case anyway"),
            );
        }
        if token.kind == TokenKind::Word
            && let Some((first, last)) = range(word)
            && let (Ok(first), Ok(last)) = (size(first), size(last))
        {
            if last < first {
                return self.report(bad_range(token.span));
            }
            if last - first >= CASES as u64 {
                return self.report(too_many_cases(token.span));
            }
            axis.values.extend((first..=last).map(|number| Value {
                kind: TokenKind::Word,
                text: Cow::Owned(number.to_string()),
                span: token.span,
            }));
            return;
        }
        axis.values.push(Value { kind: token.kind, text: Cow::Borrowed(word), span: token.span });
    }

    fn case(&mut self, name: Span) {
        let word = self.tree.text(name);
        if !is_name(word) {
            self.report(bad_name(name, word));
        }
        let Some(axis) = self.block.and_then(|at| self.header.axes.get_mut(at)) else { return };
        if axis.values.len() == BLOCKS {
            self.block = None;
            return self.report(Diagnostic::new(
                code::TOO_LARGE,
                name,
                format!("a `vary` has at most {BLOCKS} cases"),
                "this is one too many",
            ));
        }
        let earlier = axis.values.iter().find(|value| value.text == word).map(|value| value.span);
        let text = Cow::Borrowed(word);
        axis.values.push(Value { kind: TokenKind::Word, text, span: name });
        if let Some(earlier) = earlier {
            self.report(
                Diagnostic::new(
                    code::DUPLICATE_CASE,
                    name,
                    format!("a second case named {}", quoted(word)),
                    "this name is taken",
                )
                .related(earlier, "the first one"),
            );
        }
    }
}

/// What a header line wants, and how it is written.
fn wanted(key: Key) -> (&'static str, &'static str) {
    match key {
        Key::Cite => ("where the behaviour is laid down", "such as `cite RFC 9293 §3.6`"),
        Key::Level => ("`must`, `should` or `may`", "without the line, the level is `must`"),
        Key::Needs => ("a capability", "such as `needs dup`"),
        Key::Over => ("a transport", "such as `over tcp4 tcp6 unix`"),
        Key::On => ("a topology", "without the line, the topology is `loopback`"),
        Key::Not => ("a transport or topology, and a reason", OMISSION),
        Key::Pair => ("`ACTOR.SOCKET` twice", "a pair is written `pair client.c server.s`"),
        Key::Framing => ("a framing and its limit", "such as `framing ascii-length 8 limit 64KiB`"),
        Key::Vary => ("a name", "such as `vary size 1 64KiB`"),
    }
}
