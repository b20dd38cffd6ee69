use super::checker::{Checker, MISTAKES};
use super::cursor::{Atom, Cursor};
use super::expectation::Fit;
use super::flow::{Kind, SocketEntry, State, TagEntry};
use super::mistake::{bad_name, extra_word, stray_group, unexpected, unknown_host};
use super::value::is_name;
use crate::scenario::case::{Action, Alternative, Expectation, Expected, Place};
use crate::scenario::diagnostic::{Diagnostic, code, nearest, quoted};
use crate::scenario::document::Across;
use crate::scenario::lexer::{Span, Token};
use crate::scenario::syntax::StepNode;
use crate::vocabulary::{ActorId, SocketId, TagId, Topology, Transport, Verb};

/// Where the forwarding host can be named.
pub(super) const ROUTER: &str = "`router` is an actor where `routed` is the only topology";

impl<'s> Checker<'_, 's> {
    /// Reads a step from its verb on.
    pub(super) fn act(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        node: &StepNode,
        actor: ActorId,
    ) -> Option<(Action, Fit)> {
        let help = "a step is written `ACTOR VERB ARGUMENTS => EXPECTATION`";
        let word = self.word(cursor, "a verb", help)?;
        let Some(verb) = Verb::from_word(word.text) else {
            self.unknown_verb(cursor, node, actor, &word);
            return None;
        };
        self.perform(cursor, node, actor, verb)
    }

    fn perform(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        node: &StepNode,
        actor: ActorId,
        verb: Verb,
    ) -> Option<(Action, Fit)> {
        let later = matches!(verb, Verb::Await | Verb::Interrupt);
        if self.header.groups.size(actor).is_some() && (later || node.tag.is_some()) {
            let span = node.tag.map_or(cursor.last(), |tag| tag.span);
            let message = "a group of hosts cannot start a step, nor await or interrupt one";
            let label = "belongs to a single host";
            let diagnostic = Diagnostic::new(code::STRAY_GROUP, span, message, label);
            self.report(diagnostic.help("let a host with a name of its own do this"));
            return None;
        }
        if later {
            let tag = self.tag(cursor, actor, verb)?;
            self.end(cursor)?;
            self.no_tag(node, verb.word())?;
            let id = TagId::new(tag);
            return Some(if verb == Verb::Await {
                (Action::Await { actor, tag: id }, self.flow.tags[tag].fit?)
            } else {
                (Action::Interrupt { actor, tag: id }, Fit::verb(verb))
            });
        }
        let tag = node.tag.map(|token| self.start(actor, token));
        let (op, fit) = self.operation(cursor, actor, verb)?;
        self.end(cursor)?;
        let Some((tag, token)) = tag.zip(node.tag) else {
            return Some((Action::Perform { actor, op }, fit));
        };
        let tag = tag?;
        match self.flow.tags[tag].fit {
            Some(other) if other != fit => {
                let message = "the cases start different operations under this name";
                let label = "what can be expected of it is not clear";
                self.report(
                    Diagnostic::new(code::MIXED_TAG, token.span, message, label)
                        .related(self.flow.tags[tag].started, "the other one")
                        .help("give each its own name, and await it within its case"),
                );
                return None;
            }
            _ => self.flow.tags[tag].fit = Some(fit),
        }
        self.flow.tags[tag].acts_on = Some(op.socket().index());
        self.flow.tags[tag].receives_frame = verb == Verb::RecvFrame;
        Some((Action::Start { actor, op, tag: TagId::new(tag) }, fit))
    }

    fn unknown_verb(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        node: &StepNode,
        actor: ActorId,
        word: &Atom<'_>,
    ) {
        let verbs = || Verb::ALL.iter().map(|verb| verb.word());
        let near = nearest(word.text, verbs());
        let label = near
            .map_or_else(|| "expected a verb".to_owned(), |near| format!("did you mean `{near}`?"));
        let message = format!("there is no verb {}", quoted(word.text));
        let mut diagnostic = Diagnostic::new(code::UNKNOWN_VERB, word.span, message, label);
        if near.is_none() {
            let all: Vec<&str> = verbs().collect();
            diagnostic = diagnostic.help(format!("the verbs are `{}`", all.join("`, `")));
        }
        self.report_at(word, diagnostic);
        // What the step makes is known from here on all the same.
        let muted = std::mem::replace(&mut self.muted, true);
        match near.and_then(Verb::from_word) {
            Some(verb) => {
                self.perform(cursor, node, actor, verb);
            }
            None => {
                node.tag.and_then(|token| self.start(actor, token));
            }
        }
        self.muted = muted;
    }

    /// Starts a step under the name of its tag, and gives the tag's position.
    fn start(&mut self, actor: ActorId, token: Token) -> Option<usize> {
        let name = token.span.of(self.source).strip_prefix('&').unwrap_or_default();
        if !is_name(name) {
            let mut diagnostic = bad_name(token.span, name);
            if name.is_empty() {
                diagnostic.message = "a name is missing after `&`".into();
            }
            self.report(diagnostic);
            return None;
        }
        let known = self.flow.tag(name);
        if !self.first {
            return known;
        }
        if let Some(at) = known.filter(|&at| self.flow.tag_state(at) != State::Absent) {
            let started = self.flow.tags[at].started;
            self.report(
                Diagnostic::new(
                    code::TWICE_STARTED,
                    token.span,
                    format!("a second step is started as {}", quoted(name)),
                    "this name is taken",
                )
                .related(started, "the first one"),
            );
            return None;
        }
        let (started, awaited) = (token.span, Span::default());
        Some(self.flow.start(TagEntry {
            actor,
            name,
            started,
            awaited,
            fit: None,
            acts_on: None,
            receives_frame: false,
        }))
    }

    /// The started step that an `await` or `interrupt` names.
    fn tag(&mut self, cursor: &mut Cursor<'_, 's>, actor: ActorId, verb: Verb) -> Option<usize> {
        let atom = self.word(cursor, "the name of a started step", verb.form())?;
        let name = self.own_name(&atom)?;
        let known = self.flow.tag(name);
        let state = known.map_or(State::Absent, |at| self.flow.tag_state(at));
        let Some(at) = known.filter(|_| state != State::Absent || !self.first) else {
            let names = self.flow.tags.iter().map(|entry| entry.name);
            let label = nearest(name, names).filter(|near| *near != name).map_or_else(
                || "nothing is started yet".into(),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("no step before this is started as {}", quoted(name));
            self.report(
                Diagnostic::new(code::UNKNOWN_TAG, atom.here(), message, label)
                    .help("a step is started by a tag at its end: `client recv c 16 &r`"),
            );
            return None;
        };
        let entry = self.flow.tags[at];
        if entry.actor != actor {
            let name = self.actor_name(entry.actor);
            let message = format!("this step was started by {}", quoted(name));
            let label = format!("expected {} to {}", quoted(name), verb.word());
            self.report(
                Diagnostic::new(code::FOREIGN_TAG, atom.here(), message, label)
                    .related(entry.started, "started here"),
            );
            // It is not the one awaited that is missing.
        } else if self.first && state == State::Done {
            self.report(
                Diagnostic::new(
                    code::TWICE_AWAITED,
                    atom.here(),
                    format!("{} has been awaited", quoted(entry.name)),
                    "nothing is left of it",
                )
                .related(entry.awaited, "awaited here"),
            );
            return None;
        } else if self.first && state == State::Partial {
            self.report(
                partial_tag(atom.here(), entry.name).related(entry.started, "started here"),
            );
            return None;
        }
        if self.first && verb == Verb::Await {
            self.flow.finish(at, atom.here());
        }
        Some(at)
    }

    /// Notes that a started step was only seen to be blocked still.
    pub(super) fn watch(&mut self, action: &Action, expectation: &Expectation) {
        let stays = |one: &Alternative| one.expected == Expected::Blocked;
        if let Action::Await { tag, .. } = action
            && self.first
            && expectation.alternatives.iter().all(stays)
        {
            self.flow.watch(tag.index());
        }
    }

    /// Makes a socket, and gives its position.
    pub(super) fn made(&mut self, actor: ActorId, atom: &Atom<'_>) -> Option<usize> {
        let name = self.own_name(atom)?;
        if !self.first {
            let known = self.flow.socket(actor, name);
            if known.is_none() {
                let message = format!("{} exists in some cases only", quoted(name));
                let label = "made by one actor or by another";
                let help = "write a step for each actor, in a `vary` block if need be";
                let diagnostic = Diagnostic::new(code::PARTIAL_SOCKET, atom.here(), message, label);
                self.report(diagnostic.help(help));
            }
            return known;
        }
        Some(self.make(actor, name, atom.here()))
    }

    pub(super) fn make(&mut self, actor: ActorId, name: &'s str, made: Span) -> usize {
        if let Some(at) = self.flow.socket(actor, name)
            && self.flow.socket_state(at) != State::Absent
        {
            let earlier = self.flow.sockets[at].made;
            self.report(
                Diagnostic::new(
                    code::TWICE_MADE,
                    made,
                    format!("{} is made a second time", quoted(name)),
                    "this name is taken",
                )
                .related(earlier, "made here first")
                .help("a name is one socket throughout a case: choose another one"),
            );
            return at;
        }
        let (closed, kind) = (Span::default(), Kind::Implied);
        self.flow.make(SocketEntry { actor, name, made, closed, kind, same_as: None })
    }

    /// The position of a socket that exists.
    pub(super) fn existing(&mut self, actor: ActorId, atom: &Atom<'_>) -> Option<usize> {
        let name = self.own_name(atom)?;
        let known = self.flow.socket(actor, name);
        if !self.first {
            return known.or(Some(0));
        }
        match known.map(|at| (at, self.flow.socket_state(at))) {
            Some((at, State::There | State::Watched | State::Done)) => Some(at),
            Some((at, State::Partial)) => {
                let made = self.flow.sockets[at].made;
                self.report(partial_socket(atom.here(), name).related(made, "made here"));
                None
            }
            Some((_, State::Absent)) | None => {
                if !self.muted {
                    self.pending.push((actor, name, atom.here()));
                }
                Some(0)
            }
        }
    }

    /// The position of a socket that exists and has not been closed.
    pub(super) fn still_open(&mut self, actor: ActorId, atom: &Atom<'_>) -> Option<usize> {
        let at = self.existing(actor, atom)?;
        let closed = self.first && self.flow.socket_state(at) == State::Done;
        if let Some(entry) =
            self.flow.sockets.get(at).filter(|entry| closed && entry.name == atom.text).copied()
        {
            let message = format!("{} has been closed", quoted(entry.name));
            self.report(
                Diagnostic::new(code::CLOSED_SOCKET, atom.here(), message, "nothing is left of it")
                    .related(entry.closed, "closed here")
                    .help("a closed descriptor's number may be another socket's already"),
            );
        }
        Some(at)
    }

    /// Notes that a step closes the socket that `closed` names. One that is not known was reported,
    /// and stands for another meanwhile.
    pub(super) fn close(&mut self, socket: SocketId, closed: Span) {
        let at = socket.index();
        let known =
            self.flow.sockets.get(at).is_some_and(|entry| entry.name == closed.of(self.source));
        if self.first && known {
            self.flow.close(at, closed);
        }
    }

    /// The host that a word names.
    pub(super) fn host(&mut self, atom: &Atom<'_>) -> Option<ActorId> {
        let actors = &self.header.actors;
        if let Some(at) = actors.iter().position(|name| *name == atom.text) {
            let actor = ActorId::new(at);
            if self.header.groups.size(actor).is_some() {
                self.report_at(atom, stray_group(atom.span, atom.text));
                return None;
            }
            return Some(actor);
        }
        if self.header.any_actor && is_name(atom.text) {
            return Some(self.stranger(atom));
        }
        let diagnostic = self.unknown_host(atom, atom.text, &[]);
        self.report_at(atom, diagnostic);
        None
    }

    /// A host that there is not, where `places` can stand too.
    pub(super) fn unknown_host(&self, atom: &Atom<'_>, word: &str, places: &[&str]) -> Diagnostic {
        let diagnostic = unknown_host(atom.span, word, self.header.hosts(), places);
        if word == "router" && self.header.topologies.contains(&Topology::Routed) {
            return diagnostic.help(ROUTER);
        }
        diagnostic
    }

    /// An actor that the broken `on` line may have named.
    pub(super) fn stranger(&mut self, atom: &Atom<'_>) -> ActorId {
        let from = atom.span.start as usize;
        let name = self.source.get(from..from + atom.text.len()).unwrap_or_default();
        let at = self.strangers.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.strangers.push(name);
            self.strangers.len() - 1
        });
        ActorId::new(self.header.actors.len() + at)
    }

    fn actor_name(&self, actor: ActorId) -> &'s str {
        self.header.actors.get(actor.index()).copied().unwrap_or("another actor")
    }

    /// The position of a symbolic port.
    pub(super) fn port(&mut self, name: &'s str) -> usize {
        self.ports.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.ports.push(name);
            self.ports.len() - 1
        })
    }

    /// The transport of the case, for a step that names none.
    pub(super) fn implied_transport(&mut self, last: Span) -> Option<Transport> {
        self.implied = true;
        let Some(over) = &self.header.over else {
            self.report(missing_transport(last.after(), "this socket"));
            return None;
        };
        Some(over.first().copied().unwrap_or(Transport::Tcp4))
    }

    /// `same across NAME`
    pub(super) fn same(&mut self, words: &[Token]) {
        const FORM: &str = "write `same across NAME`, with the name of a `vary`";
        let Some((&first, _)) = words.split_first() else { return };
        let mut cursor = Cursor::new(self.source, words, first.span, self.header, &[]);
        cursor.next();
        if cursor.take("across").is_none() {
            return self.missing(&cursor, "this line ends too early", "`across NAME`", FORM);
        }
        let Some(name) = self.word(&mut cursor, "the name of a `vary`", FORM) else { return };
        let span = first.span.to(name.span);
        let place = self.place(span);
        if self.end(&mut cursor).is_none() {
            return;
        }
        if let Some(earlier) = &self.across {
            let earlier = earlier.span;
            let message = "a second `same across` line";
            let diagnostic =
                Diagnostic::new(code::MISPLACED_SAME, span, message, "stands at most once");
            return self.report(diagnostic.related(earlier, "the first one"));
        }
        if let Some(axis) = self.header.axes.iter().position(|axis| axis.name == name.text) {
            self.across = Some(Across { axis, place, span, late: false });
            return;
        }
        let mut diagnostic = self.unknown_variable(name.span, name.text);
        diagnostic.help = Some(FORM.into());
        if diagnostic.label == "has no values" {
            diagnostic.label = "expected the name of a `vary`".into();
        }
        self.report(diagnostic);
    }

    /// Reports what is known only at the end.
    pub(super) fn settle(&mut self) {
        for (actor, name, span) in std::mem::take(&mut self.pending) {
            let diagnostic = self.missing_socket(actor, name, span);
            self.report(diagnostic);
        }
        for at in 0..self.flow.tags.len() {
            let entry = self.flow.tags[at];
            match self.flow.tag_state(at) {
                State::There => self.report(
                    Diagnostic::new(
                        code::UNAWAITED,
                        entry.started,
                        format!("{} is never awaited", quoted(entry.name)),
                        "started here",
                    )
                    .help(format!(
                        "say what comes of it: `{} await {} => ...`",
                        self.actor_name(entry.actor),
                        entry.name
                    )),
                ),
                State::Partial => self.report(partial_tag(entry.started, entry.name)),
                State::Absent | State::Watched | State::Done => {}
            }
        }
        for (axis, used) in self.header.axes.iter().zip(std::mem::take(&mut self.used)) {
            let name = axis.name;
            if used || axis.values.is_empty() {
            } else if axis.block {
                let message = format!("no case of {} has a step", quoted(name));
                let label = "expected a step in one of its cases";
                self.report(Diagnostic::new(code::EMPTY_CASE, axis.span, message, label));
            } else {
                let message = format!("the values of {} are never used", quoted(name));
                let label = format!("expected a step with `${name}`");
                self.report(Diagnostic::new(code::UNUSED_VARY, axis.span, message, label));
            }
        }
        self.check_framings();
        self.check_packets();
        self.check_orders();
        self.check_families();
        self.check_sockets();
    }

    fn check_packets(&mut self) {
        let local = |transports: &[Transport]| {
            !transports.is_empty() && transports.iter().all(|transport| transport.is_local())
        };
        if let [Some(over), Some(on)] = self.header.matrix
            && self.header.over.as_deref().is_some_and(local)
            && !self.header.any_actor
            && !self.header.topologies.contains(&Topology::Loopback)
        {
            let message = "this scenario has no case";
            let label = "these transports stay within a host";
            let diagnostic = Diagnostic::new(code::NO_CASE, over, message, label);
            self.report(
                diagnostic
                    .related(on, "these topologies have a host for each actor")
                    .help("`unix` and `unix-dgram` exist on `loopback` only: add one or the other"),
            );
        }
        let none = match &self.header.over {
            Some(over) => local(over),
            None => local(&self.opened),
        };
        if let Some(span) = self.wire.filter(|_| none) {
            self.report(
                Diagnostic::new(
                    code::NO_PACKETS,
                    span,
                    "no transport of this scenario has packets",
                    "nothing to see on a wire",
                )
                .help("`unix` and `unix-dgram` stay within a host: add another transport"),
            );
        }
    }

    fn missing_socket(&self, actor: ActorId, name: &'s str, span: Span) -> Diagnostic {
        let owner = self.actor_name(actor);
        let shown = quoted(name);
        if let Some(at) = self.flow.socket(actor, name) {
            let made = self.flow.sockets[at].made;
            if made >= span {
                return Diagnostic::new(
                    code::LATE_SOCKET,
                    span,
                    format!("{shown} is used before it is made"),
                    "does not exist yet",
                )
                .related(made, "made here");
            }
            return partial_socket(span, name).related(made, "made here");
        }
        if let Some(entry) = self.flow.sockets.iter().find(|entry| entry.name == name) {
            let other = self.actor_name(entry.actor);
            return Diagnostic::new(
                code::FOREIGN_SOCKET,
                span,
                format!("{shown} is a socket of {}, not of {}", quoted(other), quoted(owner)),
                "a step names only its own actor's sockets",
            )
            .related(entry.made, "made here");
        }
        let own = self.flow.sockets.iter().filter(|entry| entry.actor == actor);
        let near = nearest(name, own.map(|entry| entry.name));
        let label = near.map_or_else(
            || "no step makes it".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("{} has no socket {shown}", quoted(owner));
        Diagnostic::new(code::UNKNOWN_SOCKET, span, message, label)
            .help("a socket is made by `pair`, `open`, `accept`, `dup`, or `bind` with a transport")
    }

    /// The next word; `what` says what is missing where there is none.
    pub(super) fn word<'a>(
        &mut self,
        cursor: &mut Cursor<'a, 's>,
        what: &str,
        help: &str,
    ) -> Option<Atom<'a>> {
        let Some(atom) = cursor.next() else {
            self.missing(cursor, "this line ends too early", what, help);
            return None;
        };
        if !atom.is_word() {
            let diagnostic = unexpected(atom.span, &format!("expected {what}"));
            self.report_at(&atom, diagnostic.help(written(help)));
            return None;
        }
        Some(atom)
    }

    pub(super) fn missing(
        &mut self,
        cursor: &Cursor<'_, 's>,
        message: &str,
        what: &str,
        help: &str,
    ) {
        let span = cursor.last().after();
        let label = format!("expected {what}");
        let diagnostic = Diagnostic::new(code::MISSING_WORD, span, message, label);
        self.report(diagnostic.help(written(help)));
    }

    /// Requires that no word is left.
    pub(super) fn end(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<()> {
        let Some(atom) = cursor.next() else { return Some(()) };
        let diagnostic = if atom.is_word() {
            extra_word(atom.span)
        } else {
            unexpected(atom.span, "expected the end of the step")
        };
        self.report_at(&atom, diagnostic);
        None
    }

    pub(super) fn no_tag(&mut self, node: &StepNode, word: &str) -> Option<()> {
        let Some(tag) = node.tag else { return Some(()) };
        self.report(Diagnostic::new(
            code::UNEXPECTED_TAG,
            tag.span,
            format!("`{word}` cannot be started"),
            "leave the tag out",
        ));
        None
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        if !self.muted && self.diagnostics.len() <= MISTAKES {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Reports a mistake in an atom, and where it is used if it is a value of a `vary` line.
    pub(super) fn report_at(&mut self, atom: &Atom<'_>, diagnostic: Diagnostic) {
        self.report(match atom.used {
            Some(used) => diagnostic.related(used, "stands here"),
            None => diagnostic,
        });
    }

    pub(super) fn place(&self, span: Span) -> Place {
        place(self.source, self.line, self.line_start, span)
    }
}

/// The form of a verb as something to do; other help as it is.
fn written(help: &str) -> String {
    if help.starts_with("ACTOR ") { format!("write `{help}`") } else { help.to_owned() }
}

/// A span of one line, in characters.
pub(super) fn place(source: &str, line: usize, line_start: u32, span: Span) -> Place {
    let characters = |from: u32, to: u32| {
        let text = source.get(from as usize..to as usize).unwrap_or_default();
        u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
    };
    Place {
        line: u32::try_from(line + 1).unwrap_or(u32::MAX),
        column: characters(line_start, span.start) + 1,
        length: characters(span.start, span.end),
    }
}

fn partial_socket(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(
        code::PARTIAL_SOCKET,
        span,
        format!("{} exists in some cases only", quoted(name)),
        "not made in every case of the block",
    )
    .help("make it in every case, or use it only within its own")
}

fn partial_tag(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(
        code::PARTIAL_TAG,
        span,
        format!("{} is started or awaited in some cases only", quoted(name)),
        "differs between the cases of a block",
    )
    .help("start and await it in every case, or both within one")
}

pub(super) fn missing_transport(span: Span, what: &str) -> Diagnostic {
    Diagnostic::new(
        code::MISSING_TRANSPORT,
        span,
        format!("nothing says of which transport {what} is"),
        "expected a transport, or an `over` line above",
    )
    .help("write it into the step, or a header line such as `over tcp4 tcp6 unix`")
}
