use super::checker::{Checker, first_choice};
use super::cursor::{Atom, Cursor};
use super::family::{Guard, meet};
use super::flow::{Kind, State};
use super::mistake::{out_of_range, unexpected, unknown, unknown_host};
use super::value::{LARGEST, is_name};
use crate::scenario::case::{Action, Expectation, Expected};
use crate::scenario::diagnostic::{Diagnostic, code, quoted};
use crate::scenario::lexer::{Span, Token, TokenKind};
use crate::scenario::syntax::StepNode;
use crate::vocabulary::{
    ActorId, Framing, MessageFlags, Op, Pieces, SocketId, Transport, UnknownFraming, Verb,
};

/// A `framing` line.
#[derive(Debug)]
pub(super) struct FramingLine {
    /// Whose sockets it is for; `None` for those of every actor that has no line of its own.
    actor: Option<ActorId>,
    /// Its keyword.
    span: Span,
    /// The `vary` lines whose values stand in it.
    axes: Vec<usize>,
    /// A form for each combination of their values, the last line varying fastest; none where the
    /// line has a mistake.
    forms: Vec<Form>,
    /// Whether a step sends or receives a frame in it.
    is_used: bool,
}

/// A framing and its limit, with the values that were chosen.
#[derive(Clone, Copy, Debug)]
struct Form {
    framing: Framing,
    limit: usize,
}

/// A step that sent or received a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Framed {
    guard: Guard,
    /// The position of its socket; of a duplicate, that of the original.
    socket: usize,
    verb: Verb,
    span: Span,
}

/// How a `framing` line is written.
const FORM: &str = "a framing is written `framing ascii-length 8 limit 64KiB`, with `for ACTOR` \
                    behind it where it is that actor's alone";

impl<'s> Checker<'_, 's> {
    /// Reads the `framing` lines, with every combination of values if `whole`, else with the first.
    pub(super) fn read_framings(&mut self, whole: bool) {
        let (tree, header) = (self.tree, self.header);
        for line in &header.framings {
            let words = tree.words(line.words);
            let Some((first, rest)) = words.split_first().filter(|(_, rest)| !rest.is_empty())
            else {
                // Reported with the header; any actor may have been meant.
                let first = words.first().map_or_else(Span::default, |word| word.span);
                self.add_framing(FramingLine::wrong(None, first));
                continue;
            };
            let Some(axes) = self.variables(&[rest]) else {
                self.add_framing(FramingLine::wrong(None, first.span));
                continue;
            };
            let mut choice = first_choice(&axes);
            let mut line = FramingLine { axes, ..FramingLine::wrong(None, first.span) };
            loop {
                let mut cursor = Cursor::new(self.source, words, first.span, header, &choice);
                cursor.next();
                let Some((form, actor)) = self.framing_form(&mut cursor) else {
                    line.forms.clear();
                    break;
                };
                line.actor = actor;
                line.forms.push(form);
                if !whole || !self.next_choice(&mut choice) {
                    break;
                }
            }
            self.add_framing(line);
        }
    }

    fn add_framing(&mut self, line: FramingLine) {
        let earlier = self.framings.iter().find(|earlier| {
            earlier.actor == line.actor && !earlier.forms.is_empty() && !line.forms.is_empty()
        });
        if let Some(earlier) = earlier.map(|earlier| earlier.span) {
            let whose = line.actor.and_then(|actor| self.header.actors.get(actor.index()));
            let message = match whose {
                Some(name) => format!("a second `framing` line for {}", quoted(name)),
                None => "a second `framing` line for every actor".to_owned(),
            };
            let label = "stands at most once, and once for each actor";
            let diagnostic = Diagnostic::new(code::DUPLICATE_HEADER, line.span, message, label);
            return self.report(diagnostic.related(earlier, "the first one"));
        }
        self.framings.push(line);
    }

    /// `SPEC limit SIZE [for ACTOR]`
    fn framing_form(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<(Form, Option<ActorId>)> {
        let framing = self.framing(cursor)?;
        if cursor.take("limit").is_none() {
            self.missing(cursor, "this framing has no limit", "`limit SIZE`", FORM);
            return None;
        }
        let limit = usize::try_from(self.size(cursor, LARGEST)?).ok()?;
        let actor = if cursor.take("for").is_some() {
            let atom = self.word(cursor, "an actor", FORM)?;
            Some(self.framing_actor(&atom)?)
        } else {
            None
        };
        self.end(cursor)?;
        Some((Form { framing, limit }, actor))
    }

    /// The words up to `limit`, which may stand in quotes.
    fn framing(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<Framing> {
        let mut atoms: Vec<Atom<'_>> = Vec::with_capacity(3);
        let mut text = String::new();
        while let Some(atom) = cursor.peek() {
            if atom.is_word() && matches!(atom.text, "limit" | "for") {
                break;
            }
            cursor.next();
            text.push(' ');
            if atom.is_string() {
                text.push_str(&String::from_utf8_lossy(&self.bytes(&atom)?));
            } else if atom.is_word() {
                text.push_str(atom.text);
            } else {
                let diagnostic = unexpected(atom.span, "expected a framing or `limit`");
                self.report_at(&atom, diagnostic);
                return None;
            }
            atoms.push(atom);
        }
        let Some(first) = atoms.first() else {
            self.missing(cursor, "this line names no framing", "a framing", FORM);
            return None;
        };
        let error = match text.parse() {
            Ok(framing) => return Some(framing),
            Err(error) => error,
        };
        let (atom, diagnostic) = match &error {
            UnknownFraming::Name { word } => {
                let names = Framing::FORMS.map(|(name, _)| name);
                let diagnostic =
                    unknown(code::UNKNOWN_FRAMING, "framing", first.span, word, &names);
                (first, diagnostic)
            }
            UnknownFraming::Parameter { name, word, form } => {
                let last = atoms.last().unwrap_or(first);
                let is_missing = word.is_empty();
                let atom = atoms[1..].iter().rfind(|atom| atom.text == word).unwrap_or(last);
                let message = if is_missing {
                    format!("{} wants a word behind it", quoted(name))
                } else {
                    format!("{} cannot stand behind {}", quoted(word), quoted(name))
                };
                let is_bare = is_missing && atom.kind == TokenKind::Word;
                let span = if is_bare { atom.span.after() } else { atom.span };
                let label = format!("expected `{form}`");
                (atom, Diagnostic::new(code::BAD_FRAMING, span, message, label))
            }
        };
        self.report_at(atom, diagnostic);
        None
    }

    /// The actor, or the group of hosts, that a framing is for.
    fn framing_actor(&mut self, atom: &Atom<'_>) -> Option<ActorId> {
        if atom.used.is_some() {
            let message = "a value of a `vary` line cannot be a name";
            let label = "stands for an actor here";
            self.report_at(atom, Diagnostic::new(code::BAD_NAME, atom.span, message, label));
            return None;
        }
        let actors = &self.header.actors;
        if let Some(at) = actors.iter().position(|name| *name == atom.text) {
            return Some(ActorId::new(at));
        }
        if self.header.any_actor && is_name(atom.text) {
            return Some(self.stranger(atom));
        }
        let diagnostic = unknown_host(atom.span, atom.text, actors, &[]);
        self.report_at(atom, diagnostic);
        None
    }

    /// Adds the `vary` lines whose values stand in the framing of a step.
    pub(super) fn add_framing_axes(&self, node: &StepNode, axes: &mut Vec<usize>) {
        let is_frame =
            |word: &str| matches!(Verb::from_word(word), Some(Verb::SendFrame | Verb::RecvFrame));
        let Some(verb) = self.tree.words(node.left).get(1) else { return };
        let word = self.tree.text(verb.span);
        let frames = match word.strip_prefix('$') {
            None => is_frame(word),
            Some(name) => {
                let vary = self.header.axes.iter().find(|axis| axis.name == name);
                vary.is_some_and(|vary| vary.values.iter().any(|value| is_frame(&value.text)))
            }
        };
        if frames {
            axes.extend(self.framings.iter().flat_map(|line| &line.axes));
            axes.sort_unstable();
            axes.dedup();
        }
    }

    /// Reads what stands after `sendframe` or `recvframe`.
    pub(super) fn frame(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        actor: ActorId,
        verb: Verb,
    ) -> Option<Op> {
        let span = cursor.last();
        let form = self.form_of(cursor, actor, span);
        let socket = self.socket(cursor, actor, verb)?;
        self.check_stream(verb, span, socket);
        if verb == Verb::RecvFrame {
            self.check_busy(span, socket);
        }
        if self.first {
            let original = self.flow.original(socket.index());
            self.framed.push(Framed { guard: self.guard, socket: original, verb, span });
        }
        if verb == Verb::RecvFrame {
            let Form { framing, limit } = form?;
            return Some(Op::ReceiveFrame { socket, framing, limit });
        }
        let data = self.data(cursor, verb)?;
        let pieces = self.pieces(cursor)?;
        let more = [MessageFlags::SEND_WORDS[1]];
        let flags = self.flags_beside(cursor, &more, &Pieces::WORDS)?;
        let Form { framing, limit } = form?;
        Some(Op::SendFrame { socket, data, framing, limit, pieces, flags })
    }

    /// The framing of an actor, with the values that were chosen.
    fn form_of(&mut self, cursor: &Cursor<'_, 's>, actor: ActorId, verb: Span) -> Option<Form> {
        let of = |whose| self.framings.iter().position(|line| line.actor == whose);
        let Some(at) = of(Some(actor)).or_else(|| of(None)) else {
            let message = "nothing says how frames are written here";
            let label = "expected a `framing` line above";
            self.report(Diagnostic::new(code::NO_FRAMING, verb, message, label).help(FORM));
            return None;
        };
        let line = &mut self.framings[at];
        line.is_used = true;
        let combine = |at: usize, axis: &usize| {
            at * self.header.axes[*axis].values.len() + cursor.chosen(*axis)
        };
        line.forms.get(line.axes.iter().fold(0, combine)).copied()
    }

    /// `cut N`, `by N`, `first N`, `rest N` or nothing.
    fn pieces(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<Pieces> {
        let found = cursor.peek().filter(|atom| atom.is_word() && is_piece(atom.text));
        let Some(word) = found else { return Some(Pieces::Whole) };
        cursor.next();
        let number = cursor.peek();
        let count = usize::try_from(self.size(cursor, LARGEST)?).ok()?;
        if let Some(number) = number.filter(|_| count == 0) {
            self.report_at(&number, out_of_range(number.span, number.text, "at least 1 byte"));
            return None;
        }
        if let Some(second) = cursor.peek().filter(|atom| is_piece(atom.text)) {
            let message = "a frame is sent in one way";
            let diagnostic =
                Diagnostic::new(code::DUPLICATE_WORD, second.span, message, "leave one out");
            self.report_at(&second, diagnostic);
            return None;
        }
        Pieces::from_word(word.text, count)
    }

    fn check_stream(&mut self, verb: Verb, span: Span, socket: SocketId) {
        let Some(entry) = self.flow.sockets.get(socket.index()).copied() else { return };
        let message = format!("{} needs a stream", quoted(verb.word()));
        let over = self.header.over.iter().flatten().find(|transport| !transport.is_stream());
        let diagnostic = match (entry.kind, over) {
            (Kind::Datagrams, _) => {
                let label = format!("{} is a socket of datagrams", quoted(entry.name));
                Diagnostic::new(code::NO_STREAM, span, message, label)
                    .related(entry.made, "made here")
            }
            (Kind::Implied, Some(transport)) => {
                let label = format!("there are datagrams over `{transport}`");
                let diagnostic = Diagnostic::new(code::NO_STREAM, span, message, label);
                match self.header.matrix[0] {
                    Some(over) => diagnostic.related(over, "the transports of the cases"),
                    None => diagnostic,
                }
            }
            _ => return,
        };
        let streams = Transport::ALL.into_iter().filter(|transport| transport.is_stream());
        let streams: Vec<&str> = streams.map(Transport::word).collect();
        self.report(diagnostic.help(format!(
            "a datagram is a message already; streams are `{}`",
            streams.join("`, `")
        )));
    }

    /// Reports a second frame that is waited for on one socket.
    fn check_busy(&mut self, span: Span, socket: SocketId) {
        if !self.first {
            return;
        }
        let original = self.flow.original(socket.index());
        let waits = |at: usize| {
            let entry = &self.flow.tags[at];
            let state = self.flow.tag_state(at);
            entry.receives_frame
                && entry.acts_on.is_some_and(|at| self.flow.original(at) == original)
                && matches!(state, State::There | State::Watched | State::Partial)
        };
        if let Some(at) = (0..self.flow.tags.len()).find(|&at| waits(at)) {
            let started = self.flow.tags[at].started;
            let message = "another frame is still waited for on this socket";
            let label = "would take a part of it";
            self.report(
                Diagnostic::new(code::BUSY_SOCKET, span, message, label)
                    .related(started, "started here")
                    .help("await the first one before the next is received"),
            );
        }
    }

    /// Reports an `all of` whose bytes went through frames: how many of a frame were sent, or read
    /// ahead, is nobody's business but the frame's.
    pub(super) fn check_counted(
        &mut self,
        action: &Action,
        expectation: &Expectation,
        words: &[Token],
    ) {
        let sender = expectation.alternatives.iter().find_map(|one| match one.expected {
            Expected::AllOf(sender) => Some(sender.index()),
            _ => None,
        });
        let Some(sender) = sender.filter(|_| self.first) else { return };
        let receiver = match action {
            Action::Perform { op, .. } => Some(op.socket().index()),
            Action::Await { tag, .. } => self.flow.tags[tag.index()].acts_on,
            _ => None,
        };
        let (sender, receiver) =
            (self.flow.original(sender), receiver.map(|at| self.flow.original(at)));
        let counts = |framed: &&Framed| {
            let is_sender = framed.verb == Verb::SendFrame && framed.socket == sender;
            let is_receiver = framed.verb == Verb::RecvFrame && Some(framed.socket) == receiver;
            (is_sender || is_receiver) && meet(framed.guard, self.guard)
        };
        let Some(framed) = self.framed.iter().find(counts).copied() else { return };
        let all = words.iter().find(|word| word.span.of(self.source) == "all");
        let span = all.map_or(framed.span, |word| word.span);
        let message = "`all of` counts what plain sends and receives carried";
        let label = "is not known beside frames";
        self.report(
            Diagnostic::new(code::UNCOUNTED_FRAMES, span, message, label)
                .related(framed.span, "a frame is carried here")
                .help("write the bytes that are expected: `\"text\"` or `bytes SIZE of SEED`"),
        );
    }

    /// Reports the `framing` lines that no step is written in.
    pub(super) fn check_framings(&mut self) {
        let lines = std::mem::take(&mut self.framings);
        if lines.iter().any(|line| line.forms.is_empty()) {
            // Steps may have been meant to be written in that one.
            return;
        }
        for line in lines {
            if !line.is_used {
                let message = "no step sends or receives a frame in this framing";
                let label = "expected a step with `sendframe` or `recvframe`";
                self.report(Diagnostic::new(code::UNUSED_FRAMING, line.span, message, label));
            }
        }
    }
}

fn is_piece(word: &str) -> bool {
    Pieces::WORDS.contains(&word)
}

impl FramingLine {
    /// A line with a mistake.
    const fn wrong(actor: Option<ActorId>, span: Span) -> Self {
        Self { actor, span, axes: Vec::new(), forms: Vec::new(), is_used: false }
    }
}
