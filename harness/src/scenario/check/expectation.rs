use std::time::Duration;

use super::checker::Checker;
use super::cursor::{Atom, Cursor};
use super::mistake::{bad_range, extra_word, unexpected, unknown, unknown_level};
use super::samples::Times;
use super::value::{self, LARGEST, range, size};
use crate::scenario::case::{Alternative, Before, Expectation, Expected};
use crate::scenario::diagnostic::{Diagnostic, code, nearest, quoted};
use crate::scenario::lexer::Span;
use crate::vocabulary::{
    Errno, FrameFault, Level, OptionKind, OptionValue, Payload, Poller, Readiness, Signal,
    SocketId, TcpState, Verb,
};

/// What can be expected of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    /// What the step does; `None` for `wire`.
    pub(super) verb: Option<Verb>,
    /// The kind of option that it reads.
    pub(super) option: Option<OptionKind>,
    /// Whether a receive gives a length instead of bytes (`MSG_TRUNC`).
    pub(super) length: bool,
    /// Whether a poll has a time.
    pub(super) timed: bool,
}

impl Fit {
    pub(super) const WIRE: Self = Self { verb: None, option: None, length: false, timed: false };

    pub(super) const fn verb(verb: Verb) -> Self {
        Self { verb: Some(verb), option: None, length: false, timed: false }
    }

    fn sends(self) -> bool {
        use Verb::{Fill, Send, SendTo, Write};
        matches!(self.verb, Some(Send | SendTo | Write | Fill))
    }

    fn receives(self) -> bool {
        use Verb::{Drain, Read, Recv, RecvFrom};
        matches!(self.verb, Some(Recv | RecvFrom | Read | Drain))
    }

    /// Whether a time limit of the socket can end the call.
    fn waits(self) -> bool {
        self.sends()
            || self.receives()
            || self.frames()
            || matches!(self.verb, Some(Verb::Connect | Verb::Accept))
            || self.timed
    }

    fn polls(self) -> bool {
        self.verb.is_some_and(|verb| verb.poller().is_some())
    }

    fn frames(self) -> bool {
        matches!(self.verb, Some(Verb::SendFrame | Verb::RecvFrame))
    }

    fn allows(self, expected: &Expected) -> bool {
        let Some(verb) = self.verb else {
            return matches!(expected, Expected::Count { .. });
        };
        match expected {
            Expected::Ok => true,
            Expected::Count { .. } => {
                let counts = matches!(self.option, Some(OptionKind::Number | OptionKind::Count));
                self.sends() || self.length || counts
            }
            Expected::Data { truncated, .. } => {
                let cut = matches!(verb, Verb::Recv | Verb::RecvFrom);
                let receives = self.receives() || verb == Verb::RecvFrame;
                receives && !self.length && (cut || !truncated)
            }
            Expected::AllOf(_) => {
                matches!(verb, Verb::Recv | Verb::Read | Verb::Drain) && !self.length
            }
            Expected::EndOfStream => self.receives() || verb == Verb::RecvFrame,
            Expected::BadFrame(fault) => match verb {
                Verb::SendFrame => fault.is_of_message(),
                Verb::RecvFrame => fault.is_of_stream(),
                _ => false,
            },
            Expected::Failed { signal, .. } => signal.is_none() || self.sends(),
            Expected::Timeout => self.waits(),
            Expected::Blocked => self.waits() || verb == Verb::Close,
            Expected::Ready(flags) => {
                let every = |by: Poller| {
                    let mut words = Readiness::WORDS.into_iter();
                    words.all(|(flag, _)| !flags.contains(flag) || by.knows(flag))
                };
                verb.poller().is_some_and(every) && !(flags.is_empty() && self.timed)
            }
            Expected::Value(_) | Expected::TimeRange { .. } => verb == Verb::GetOpt,
            Expected::Name(_) => matches!(verb, Verb::Name | Verb::PeerName),
        }
    }

    /// What the step does give, for a person.
    pub(super) fn gives(self) -> String {
        let Some(verb) = self.verb else {
            return "a `wire` step gives a count of packets".into();
        };
        if let Some(kind) = self.option {
            return format!("this option is {}", kind.form());
        }
        match verb {
            _ if self.length => "with `MSG_TRUNC` a receive gives a count of bytes".into(),
            _ if self.timed => format!("`{verb}` with a time gives poll flags, or `timeout`"),
            _ if self.polls() => format!("`{verb}` without a time gives poll flags, or `none`"),
            _ => format!("`{verb}` gives {}", outcome(verb)),
        }
    }
}

fn outcome(verb: Verb) -> String {
    let outcome = verb.outcome();
    let faults = |one: fn(FrameFault) -> bool| {
        let words = FrameFault::ALL.iter().filter(|fault| one(**fault)).map(|fault| fault.word());
        words.collect::<Vec<_>>().join("`, `")
    };
    match verb {
        Verb::SendFrame => {
            return format!("`ok`, `{}`, or an errno", faults(FrameFault::is_of_message));
        }
        Verb::RecvFrame => {
            return format!(
                "a message, `eof`, `{}`, or an errno",
                faults(FrameFault::is_of_stream)
            );
        }
        _ => {}
    }
    if outcome == "ok" { "`ok` or an errno".into() } else { format!("{outcome}, or an errno") }
}

/// Every word that can begin an alternative and is no errno.
const OUTCOMES: [&str; 18] = [
    "ok",
    "eof",
    "timeout",
    "blocked",
    "truncated",
    "too-long",
    "malformed",
    "unencodable",
    "none",
    "bytes",
    "all",
    "in",
    "pri",
    "out",
    "rdhup",
    "hup",
    "err",
    "nval",
];

/// The most alternatives of a step.
const ALTERNATIVES: usize = 32;

/// How an expectation continues behind an alternative; the last two stand at its end, in this order.
const CONDITIONS: [&str; 7] = ["after", "before", "for", "from", "or", "level", "times"];

/// What stands behind `=>`.
#[derive(Debug)]
pub(super) struct Asked {
    /// What must come of the step.
    pub(super) expectation: Expectation,
    /// How binding it is, where it says so.
    pub(super) level: Option<Level>,
    /// How often it is performed, where it says so.
    pub(super) times: Option<Times>,
}

impl<'s> Checker<'_, 's> {
    /// Reads what stands after `=>`, for a step of which `fit` says what can be expected.
    pub(super) fn expectation(&mut self, cursor: &mut Cursor<'_, 's>, fit: Fit) -> Option<Asked> {
        let mut alternatives = Vec::with_capacity(1);
        let mut start = None;
        loop {
            let Some(first) = cursor.peek() else {
                self.missing(
                    cursor,
                    "this step does not say what is expected",
                    "an outcome",
                    &fit.gives(),
                );
                return None;
            };
            start.get_or_insert(first.here());
            if alternatives.len() == ALTERNATIVES {
                let message = format!("a step has at most {ALTERNATIVES} alternatives");
                let label = "this is one too many";
                self.report(Diagnostic::new(code::TOO_LARGE, first.here(), message, label));
                return None;
            }
            alternatives.push(self.alternative(cursor, fit, first.here())?);
            if cursor.take("or").is_none() {
                break;
            }
        }
        let place = self.place(start.unwrap_or_default().to(cursor.last()));
        let level = if cursor.take("level").is_some() { Some(self.level(cursor)?) } else { None };
        let times = match cursor.take("times") {
            Some(word) => Some(self.times(cursor, &word)?),
            None => None,
        };
        if let Some(atom) = cursor.next() {
            let next = match (level, times) {
                (_, Some(_)) => CONDITIONS.len(),
                (Some(_), None) => CONDITIONS.len() - 1,
                (None, None) => 0,
            };
            self.trailing(&atom, &CONDITIONS[next..]);
            return None;
        }
        Some(Asked { expectation: Expectation { alternatives, place }, level, times })
    }

    fn level(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<Level> {
        let atom = self.word(cursor, "`must`, `should` or `may`", "such as `level should`")?;
        let level = Level::from_word(atom.text);
        if level.is_none() {
            self.report_at(&atom, unknown_level(atom.span, atom.text));
        }
        level
    }

    /// Reports a word behind an expectation, of which only these can follow.
    fn trailing(&mut self, atom: &Atom<'_>, next: &[&'static str]) {
        if !atom.is_word() {
            return self.report_at(atom, unexpected(atom.span, "expected a condition or the end"));
        }
        let near = nearest(atom.text, next.iter().copied());
        let mut diagnostic = extra_word(atom.span);
        if let Some(near) = near {
            diagnostic.label = format!("did you mean `{near}`?");
        }
        let help = "behind an outcome stand `after T`, `before T`, `for T`, `from HOST`, \
                    `or OUTCOME`, and at last `level LEVEL` and `times N`";
        self.report_at(atom, if next.is_empty() { diagnostic } else { diagnostic.help(help) });
    }

    fn alternative(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        fit: Fit,
        start: Span,
    ) -> Option<Alternative> {
        let expected = self.outcome(cursor, fit)?;
        let span = start.to(cursor.last());
        if !fit.allows(&expected) {
            let shown = quoted(span.of(self.source));
            let message = match fit.verb {
                Some(verb) => format!("{shown} cannot come of this `{verb}`"),
                None => format!("{shown} cannot come of a `wire` step"),
            };
            let label = "does not fit the step";
            self.report(Diagnostic::new(code::MISFIT, span, message, label).help(fit.gives()));
            return None;
        }
        let mut alternative = Alternative {
            expected,
            after: None,
            before: None,
            lasting: None,
            from: None,
            place: crate::scenario::case::Place::default(),
        };
        while let Some(atom) = cursor.peek().filter(Atom::is_word) {
            let twice = match atom.text {
                "after" => alternative.after.is_some(),
                "before" => alternative.before.is_some(),
                "for" => alternative.lasting.is_some(),
                "from" => alternative.from.is_some(),
                _ => break,
            };
            cursor.next();
            self.condition(cursor, &atom, fit, &mut alternative)?;
            if twice {
                self.report(Diagnostic::new(
                    code::DUPLICATE_CONDITION,
                    atom.here(),
                    format!("a second {} behind one outcome", quoted(atom.text)),
                    "stands at most once",
                ));
            }
        }
        let whole = start.to(cursor.last());
        if let (Some(after), Some(before)) = (alternative.after, alternative.before)
            && before.limit <= after
        {
            self.report(Diagnostic::new(
                code::CROSSED_BOUNDS,
                whole,
                "`before` ends earlier than `after` begins",
                "no time lies between these",
            ));
        }
        alternative.place = self.place(whole);
        Some(alternative)
    }

    fn condition(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        word: &Atom<'_>,
        fit: Fit,
        alternative: &mut Alternative,
    ) -> Option<()> {
        let (holds, why) = match word.text {
            "after" | "before" => (
                fit.verb.is_some() && alternative.expected != Expected::Blocked,
                "`after` and `before` bound a call that returns",
            ),
            "for" => (
                fit.verb.is_none()
                    || matches!(alternative.expected, Expected::Blocked | Expected::Ready(_)),
                "only `blocked`, poll flags and `wire` counts stay so for a time",
            ),
            _ => (
                fit.verb == Some(Verb::RecvFrom)
                    && matches!(alternative.expected, Expected::Data { .. }),
                "only the bytes of `recvfrom` have a sender",
            ),
        };
        if !holds {
            let message = format!("`{}` does not fit this outcome", word.text);
            let diagnostic = Diagnostic::new(code::MISFIT, word.here(), message, "leave this out");
            self.report(diagnostic.help(why));
            return None;
        }
        if word.text == "from" {
            let host = self.word(cursor, "a host", "such as `from server`")?;
            alternative.from = Some(self.host(&host)?);
            return Some(());
        }
        let limit = self.time(cursor)?;
        match word.text {
            "after" => alternative.after = Some(limit),
            "for" => alternative.lasting = Some(limit),
            _ => {
                let must = cursor.take("must").is_some();
                alternative.before = Some(Before { limit, must });
            }
        }
        Some(())
    }

    fn outcome(&mut self, cursor: &mut Cursor<'_, 's>, fit: Fit) -> Option<Expected> {
        let atom = cursor.next()?;
        if atom.is_string() {
            let payload = Payload::Literal(self.bytes(&atom)?.into());
            return Some(cut(cursor, payload));
        }
        if !atom.is_word() {
            self.report_at(&atom, unexpected(atom.span, "expected an outcome"));
            return None;
        }
        match atom.text {
            "ok" => return Some(Expected::Ok),
            "eof" => return Some(Expected::EndOfStream),
            "timeout" => return Some(Expected::Timeout),
            "blocked" => return Some(Expected::Blocked),
            "none" => return Some(Expected::Ready(Readiness::NONE)),
            "bytes" => {
                let payload = self.generated(cursor)?;
                return Some(cut(cursor, payload));
            }
            "all" => return self.all_of(cursor),
            _ => {}
        }
        if let Some(flag) = Readiness::from_word(atom.text) {
            return self.flags(cursor, flag);
        }
        if let Some(fault) = FrameFault::from_word(atom.text) {
            return Some(Expected::BadFrame(fault));
        }
        if let Some(errno) = Errno::from_name(atom.text) {
            return Some(failure(cursor, errno, fit));
        }
        if let Some(kind) = fit.option {
            return self.option_expected(&atom, kind);
        }
        if matches!(fit.verb, Some(Verb::Name | Verb::PeerName)) && !is_errno(atom.text) {
            return self.address(&atom).map(Expected::Name);
        }
        if atom.text.starts_with(|c: char| c.is_ascii_digit()) {
            return self.count(&atom);
        }
        self.unknown_outcome(&atom, fit);
        None
    }

    fn unknown_outcome(&mut self, atom: &Atom<'_>, fit: Fit) {
        let errnos = || Errno::ALL.iter().filter_map(|errno| errno.name());
        if is_errno(atom.text) {
            let near = nearest(atom.text, errnos());
            let label = near.map_or_else(
                || "expected the name of an error, as in errno(3)".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("there is no errno {}", quoted(atom.text));
            return self
                .report_at(atom, Diagnostic::new(code::UNKNOWN_ERRNO, atom.span, message, label));
        }
        let message = format!("{} is no outcome", quoted(atom.text));
        let label = nearest(atom.text, OUTCOMES.into_iter().chain(errnos())).map_or_else(
            || "expected an outcome".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        let help = if fit.receives() || fit.verb == Some(Verb::RecvFrame) {
            "bytes stand in quotes: `\"ping\"`".to_owned()
        } else {
            fit.gives()
        };
        let diagnostic = Diagnostic::new(code::UNKNOWN_EXPECTATION, atom.span, message, label);
        self.report_at(atom, diagnostic.help(help));
    }

    /// `of ACTOR.SOCKET`
    fn all_of(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<Expected> {
        const FORM: &str = "such as `all of client.c`";
        if cursor.take("of").is_none() {
            self.missing(cursor, "this says not of which socket", "`of ACTOR.SOCKET`", FORM);
            return None;
        }
        let atom = self.word(cursor, "`ACTOR.SOCKET`", FORM)?;
        let Some((actor, socket)) = atom.text.split_once('.') else {
            let message = format!("{} does not name a socket and its actor", quoted(atom.text));
            let label = "expected `ACTOR.SOCKET`";
            let diagnostic = Diagnostic::new(code::BAD_NAME, atom.span, message, label);
            self.report_at(&atom, diagnostic.help(FORM));
            return None;
        };
        let actor = self.host(&Atom { text: actor, ..atom })?;
        let at = self.existing(actor, &Atom { text: socket, ..atom })?;
        Some(Expected::AllOf(SocketId::new(at)))
    }

    fn flags(&mut self, cursor: &mut Cursor<'_, 's>, flag: Readiness) -> Option<Expected> {
        let mut all = flag;
        while let Some(atom) = cursor.peek().filter(Atom::is_word) {
            let Some(flag) = Readiness::from_word(atom.text) else { break };
            if all.contains(flag) {
                let diagnostic = super::mistake::duplicate_word(atom.span, atom.text, atom.span);
                self.report_at(&atom, diagnostic);
                return None;
            }
            all |= flag;
            cursor.next();
        }
        Some(Expected::Ready(all))
    }

    fn count(&mut self, atom: &Atom<'_>) -> Option<Expected> {
        let (least, most) = match range(atom.text) {
            Some((least, "")) => (size(least), None),
            Some((least, most)) => (size(least), Some(size(most))),
            None => (size(atom.text), Some(size(atom.text))),
        };
        match (least, most.transpose()) {
            (Ok(least), Ok(most)) if most.is_some_and(|most| most < least) => {
                self.report_at(atom, bad_range(atom.span));
                None
            }
            (Ok(least), Ok(most)) => Some(Expected::Count { least, most }),
            (Err(bad), _) | (_, Err(bad)) => {
                let diagnostic = super::mistake::bad_number(
                    atom.span,
                    atom.text,
                    bad,
                    "count or range of counts",
                    "fewer",
                );
                self.report_at(atom, diagnostic);
                None
            }
        }
    }

    fn option_expected(&mut self, atom: &Atom<'_>, kind: OptionKind) -> Option<Expected> {
        use OptionKind::{Count, Flag, Number};
        let timed = !matches!(kind, Flag | Number | Count | OptionKind::Error);
        if let Some((least, most)) = range(atom.text) {
            if matches!(kind, Number | Count) {
                return self.count(atom);
            }
            if timed && let (Ok(least), Ok(most)) = (value::time(least), value::time(most)) {
                if most < least {
                    self.report_at(atom, bad_range(atom.span));
                    return None;
                }
                return Some(Expected::TimeRange { least, most });
            }
        }
        if kind == Count && !is_errno(atom.text) {
            return self.count(atom);
        }
        if kind == OptionKind::Error && atom.text == "0" {
            return Some(Expected::Value(OptionValue::Error(None)));
        }
        if kind == OptionKind::State
            && let Some(state) = TcpState::from_name(atom.text)
        {
            return Some(Expected::Value(OptionValue::State(state)));
        }
        if is_errno(atom.text) && kind != OptionKind::State {
            self.unknown_outcome(atom, Fit::verb(Verb::GetOpt));
            return None;
        }
        if kind == OptionKind::State {
            let states: Vec<&str> = TcpState::ALL.iter().map(|state| state.name()).collect();
            let diagnostic = unknown(code::BAD_VALUE, "TCP state", atom.span, atom.text, &states);
            self.report_at(atom, diagnostic);
            return None;
        }
        self.option_value(atom, kind).map(Expected::Value)
    }

    /// A time.
    pub(super) fn time(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<Duration> {
        let atom = self.word(cursor, "a time", "such as `300ms`, `20.5ms` or `1s`")?;
        match value::time(atom.text) {
            Ok(time) => Some(time),
            Err(bad) => {
                let diagnostic = super::operation::bad_time(&atom, bad);
                self.report_at(&atom, diagnostic);
                None
            }
        }
    }

    /// `SIZE [of SEED]`, after `bytes`.
    pub(super) fn generated(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<Payload> {
        let length = self.size(cursor, LARGEST)?;
        let seed = self.seed(cursor)?;
        Some(Payload::Generated { length, seed })
    }
}

/// Whether a word looks like the name of an error.
fn is_errno(word: &str) -> bool {
    word.len() > 2
        && word.starts_with('E')
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Bytes, and whether they were cut.
fn cut(cursor: &mut Cursor<'_, '_>, payload: Payload) -> Expected {
    let truncated = cursor.take("MSG_TRUNC").is_some();
    Expected::Data { payload, truncated }
}

/// An errno, and the signal that comes with it.
fn failure(cursor: &mut Cursor<'_, '_>, errno: Errno, fit: Fit) -> Expected {
    if fit.option == Some(OptionKind::Error) {
        return Expected::Value(OptionValue::Error(Some(errno)));
    }
    let signal = cursor.take("SIGPIPE").map(|_| Signal::Pipe);
    Expected::Failed { errno, signal }
}
