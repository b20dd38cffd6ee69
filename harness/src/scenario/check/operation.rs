use super::checker::Checker;
use super::cursor::{Atom, Cursor};
use super::expectation::Fit;
use super::mistake::{
    bad_name, bad_number, bad_text, duplicate_word, out_of_range, unexpected, unknown,
};
use super::value::{self, Bad, BadText, is_name};
use crate::scenario::diagnostic::{Diagnostic, code, nearest, quoted};
use crate::scenario::lexer::TokenKind;
use crate::vocabulary::{
    ActorId, Address, How, MessageFlags, Op, OptionKind, OptionValue, Payload, Place, Poller, Port,
    PortId, Readiness, SocketId, SocketOption, Transport, Verb,
};

/// The largest buffer that a receive can ask for.
const LARGEST_BUFFER: u64 = 64 << 20;
/// How many bytes the shortest value of an option has: an int.
const SHORTEST_VALUE: u8 = 4;

impl<'s> Checker<'_, 's> {
    /// Reads what stands after a verb: the operation, and what can be expected of it.
    pub(super) fn operation(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        actor: ActorId,
        verb: Verb,
    ) -> Option<(Op, Fit)> {
        let mut fit = Fit::verb(verb);
        let op = match verb {
            Verb::Open => self.open(cursor, actor)?,
            Verb::Bind => self.bind(cursor, actor)?,
            Verb::Accept => {
                let listener = self.socket(cursor, actor, verb)?;
                let socket = self.new_socket(cursor, actor, verb)?;
                self.flow.descend(socket.index(), listener.index(), false);
                Op::Accept { listener, socket }
            }
            Verb::Dup => {
                let socket = self.socket(cursor, actor, verb)?;
                let duplicate = self.new_socket(cursor, actor, verb)?;
                self.flow.descend(duplicate.index(), socket.index(), true);
                Op::Dup { socket, duplicate }
            }
            Verb::SendFrame | Verb::RecvFrame => self.frame(cursor, actor, verb)?,
            _ => {
                let socket = self.socket(cursor, actor, verb)?;
                self.on_socket(cursor, actor, socket, verb, &mut fit)?
            }
        };
        Some((op, fit))
    }

    fn on_socket(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        actor: ActorId,
        socket: SocketId,
        verb: Verb,
        fit: &mut Fit,
    ) -> Option<Op> {
        Some(match verb {
            Verb::Listen => Op::Listen { socket, backlog: self.backlog(cursor)? },
            Verb::Connect => Op::Connect { socket, address: self.to(cursor, verb)? },
            Verb::Send | Verb::SendTo => {
                let data = self.data(cursor, verb)?;
                let to = if verb == Verb::SendTo { Some(self.to(cursor, verb)?) } else { None };
                let (dontwait, raise) = (MessageFlags::SEND_WORDS[0], MessageFlags::SEND_WORDS[2]);
                let flags = if verb == Verb::Send {
                    self.flags_of(cursor, &MessageFlags::SEND_WORDS)?
                } else {
                    self.flags_of(cursor, &[dontwait, raise])?
                };
                Op::Send { socket, data, flags, to }
            }
            Verb::Write => Op::Write { socket, data: self.data(cursor, verb)? },
            Verb::Recv | Verb::RecvFrom => {
                let limit = self.buffer(cursor)?;
                let [dontwait, peek, _, trunc, errors] = MessageFlags::RECEIVE_WORDS;
                let flags = if verb == Verb::Recv {
                    self.flags_of(cursor, &MessageFlags::RECEIVE_WORDS)?
                } else {
                    self.flags_of(cursor, &[dontwait, peek, trunc, errors])?
                };
                fit.length = flags.contains(MessageFlags::TRUNC);
                Op::Receive { socket, limit, flags, source: verb == Verb::RecvFrom }
            }
            Verb::Read => Op::Read { socket, limit: self.buffer(cursor)? },
            Verb::Shutdown => Op::Shutdown { socket, how: self.how(cursor)? },
            Verb::SetOpt => {
                let option = self.option(cursor, verb)?;
                let value = self.set_value(cursor, actor, option)?;
                Op::SetOption { socket, option, value, length: self.length(cursor)? }
            }
            Verb::GetOpt => {
                let option = self.option(cursor, verb)?;
                fit.option = Some(option.kind());
                Op::GetOption { socket, option }
            }
            Verb::Poll | Verb::Epoll | Verb::Select => {
                let by = verb.poller().unwrap_or(Poller::Poll);
                let op = self.poll(cursor, socket, by)?;
                fit.timed = matches!(op, Op::Poll { timeout: Some(_), .. });
                op
            }
            Verb::Nonblocking => Op::Nonblocking { socket, on: self.on_off(cursor)? },
            Verb::Name => Op::Name { socket },
            Verb::PeerName => Op::PeerName { socket },
            Verb::Fill => Op::Fill { socket, seed: self.seed(cursor)? },
            Verb::Drain => Op::Drain { socket },
            // The others do not come here.
            _ => {
                self.close(socket, cursor.last());
                Op::Close { socket }
            }
        })
    }

    fn open(&mut self, cursor: &mut Cursor<'_, 's>, actor: ActorId) -> Option<Op> {
        let socket = self.new_socket(cursor, actor, Verb::Open)?;
        let transport = if cursor.left() > 0 {
            let atom = self.word(cursor, "a transport", Verb::Open.form())?;
            let transport = self.transport(&atom)?;
            self.flow.open(socket.index(), transport.is_stream());
            transport
        } else {
            self.implied_transport(cursor.last())?
        };
        Some(Op::Open { socket, transport })
    }

    fn bind(&mut self, cursor: &mut Cursor<'_, 's>, actor: ActorId) -> Option<Op> {
        let mut ahead = *cursor;
        ahead.next();
        let transport =
            ahead.next().filter(Atom::is_word).and_then(|atom| Transport::from_word(atom.text));
        if ahead.left() == 0 && transport.is_none() {
            let socket = self.socket(cursor, actor, Verb::Bind)?;
            return Some(Op::Bind { socket, open: None, address: self.to(cursor, Verb::Bind)? });
        }
        let socket = self.new_socket(cursor, actor, Verb::Bind)?;
        let atom = self.word(cursor, "a transport", Verb::Bind.form())?;
        let transport = self.transport(&atom)?;
        self.flow.open(socket.index(), transport.is_stream());
        let address = self.to(cursor, Verb::Bind)?;
        Some(Op::Bind { socket, open: Some(transport), address })
    }

    fn transport(&mut self, atom: &Atom<'_>) -> Option<Transport> {
        let named = Transport::from_word(atom.text);
        let found = named.map(|named| self.instead.unwrap_or(named));
        if found.is_none() {
            let all = Transport::ALL.map(Transport::word);
            let diagnostic =
                unknown(code::UNKNOWN_TRANSPORT, "transport", atom.span, atom.text, &all);
            self.report_at(atom, diagnostic);
        }
        if let Some(transport) = found {
            self.opens(transport);
        }
        found
    }

    /// The next word as a socket of the actor that exists.
    pub(super) fn socket(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        actor: ActorId,
        verb: Verb,
    ) -> Option<SocketId> {
        let atom = self.word(cursor, "a socket", verb.form())?;
        self.still_open(actor, &atom).map(SocketId::new)
    }

    /// The next word as the name of a socket that the step makes.
    fn new_socket(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        actor: ActorId,
        verb: Verb,
    ) -> Option<SocketId> {
        let atom = self.word(cursor, "a name for the socket", verb.form())?;
        self.made(actor, &atom).map(SocketId::new)
    }

    fn to(&mut self, cursor: &mut Cursor<'_, 's>, verb: Verb) -> Option<Address> {
        let atom = self.word(cursor, "an address", verb.form())?;
        self.address(&atom)
    }

    /// `PLACE` or `PLACE:PORT`.
    pub(super) fn address(&mut self, atom: &Atom<'_>) -> Option<Address> {
        let (place, port) = atom
            .text
            .split_once(':')
            .map_or((atom.text, None), |(place, port)| (place, Some(port)));
        let place = self.place_in(atom, place)?;
        let port = match port {
            None => Port::Unspecified,
            Some(port) if is_name(port) => {
                // The text of a value may be gone before the source is.
                let end = atom.span.end as usize;
                let port = self.source.get(end - port.len()..end).unwrap_or_default();
                Port::Symbol(PortId::new(self.port(port)))
            }
            Some(port) => match port.parse::<u16>() {
                Ok(number) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                    Port::Number(number)
                }
                _ if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                    let diagnostic = out_of_range(atom.span, port, "a port from 0 to 65535");
                    self.report_at(atom, diagnostic);
                    return None;
                }
                _ => {
                    self.bad_address(atom, "expected a name or a number as the port");
                    return None;
                }
            },
        };
        Some(Address { place, port })
    }

    pub(super) fn data(&mut self, cursor: &mut Cursor<'_, 's>, verb: Verb) -> Option<Payload> {
        let Some(atom) = cursor.next() else {
            self.missing(
                cursor,
                "this step says not what to send",
                "`\"text\"` or `bytes SIZE`",
                verb.form(),
            );
            return None;
        };
        if atom.is_string() {
            return Some(Payload::Literal(self.bytes(&atom)?.into()));
        }
        if atom.is_word() && atom.text == "bytes" {
            return self.generated(cursor);
        }
        let message = format!("{} is not data", quoted(atom.text));
        let label = "expected `\"text\"` or `bytes SIZE`";
        let diagnostic = Diagnostic::new(code::UNEXPECTED_TOKEN, atom.span, message, label);
        self.report_at(&atom, diagnostic.help("text to send stands in quotes: `\"ping\"`"));
        None
    }

    /// What a text in quotes stands for.
    pub(super) fn bytes(&mut self, atom: &Atom<'_>) -> Option<Vec<u8>> {
        if atom.kind == TokenKind::OpenString {
            // Reported by the parser.
            return Some(Vec::new());
        }
        match value::text(atom.text) {
            Ok(bytes) => Some(bytes),
            Err(bad @ (BadText::Escape(..) | BadText::Control(..))) => {
                self.report_at(atom, bad_text(atom.span, bad));
                None
            }
        }
    }

    /// A size of at most `most`.
    pub(super) fn size(&mut self, cursor: &mut Cursor<'_, 's>, most: u64) -> Option<u64> {
        let atom = self.word(cursor, "a size", "a size is written `16`, `64KiB` or `1MiB`")?;
        match value::size(atom.text)
            .and_then(|size| (size <= most).then_some(size).ok_or(Bad::Range))
        {
            Ok(size) => Some(size),
            Err(bad) => {
                let bounds = format!("at most {}MiB", most >> 20);
                let diagnostic = bad_number(atom.span, atom.text, bad, "size", &bounds);
                self.report_at(&atom, diagnostic);
                None
            }
        }
    }

    fn buffer(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<usize> {
        self.size(cursor, LARGEST_BUFFER).and_then(|size| usize::try_from(size).ok())
    }

    /// `[of SEED]`
    pub(super) fn seed(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<u64> {
        if cursor.take("of").is_none() {
            return Some(0);
        }
        let atom = self.word(cursor, "a seed", "a seed is a number: `bytes 64KiB of 7`")?;
        match value::size(atom.text) {
            Ok(seed) => Some(seed),
            Err(bad) => {
                let diagnostic = bad_number(atom.span, atom.text, bad, "seed", "a smaller number");
                self.report_at(&atom, diagnostic);
                None
            }
        }
    }

    fn backlog(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<i32> {
        if cursor.left() == 0 {
            return Some(128);
        }
        let atom = self.word(cursor, "a backlog", Verb::Listen.form())?;
        self.integer(&atom, "backlog")
    }

    fn integer(&mut self, atom: &Atom<'_>, what: &str) -> Option<i32> {
        match value::integer(atom.text) {
            Ok(number) => Some(number),
            Err(bad) => {
                let bounds = "a number that fits an int";
                let diagnostic = bad_number(atom.span, atom.text, bad, what, bounds);
                self.report_at(atom, diagnostic);
                None
            }
        }
    }

    fn how(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<How> {
        let atom = self.word(cursor, "`read`, `write` or `both`", Verb::Shutdown.form())?;
        if let Some(how) = How::from_word(atom.text) {
            return Some(how);
        }
        if atom.text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            return self.integer(&atom, "number").map(How::Number);
        }
        let words = How::WORDS.map(|(_, word)| word);
        let diagnostic = unknown(code::UNKNOWN_FLAG, "direction", atom.span, atom.text, &words);
        self.report_at(&atom, diagnostic);
        None
    }

    fn on_off(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<bool> {
        let atom = self.word(cursor, "`on` or `off`", Verb::Nonblocking.form())?;
        match atom.text {
            "on" => Some(true),
            "off" => Some(false),
            _ => {
                let words = ["on", "off"];
                let diagnostic = unknown(code::UNKNOWN_FLAG, "state", atom.span, atom.text, &words);
                self.report_at(&atom, diagnostic);
                None
            }
        }
    }

    fn flags_of(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        words: &[(MessageFlags, &'static str)],
    ) -> Option<MessageFlags> {
        self.flags_beside(cursor, words, &[])
    }

    /// The flags up to the end, where other words can stand before them.
    pub(super) fn flags_beside(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        words: &[(MessageFlags, &'static str)],
        others: &[&'static str],
    ) -> Option<MessageFlags> {
        let mut flags = MessageFlags::NONE;
        while let Some(atom) = cursor.next() {
            if !atom.is_word() {
                self.report_at(&atom, unexpected(atom.span, "expected a flag or `=>`"));
                return None;
            }
            let Some((flag, word)) = words.iter().find(|(_, word)| *word == atom.text) else {
                let words = words.iter().map(|(_, word)| *word);
                let all: Vec<&str> = others.iter().copied().chain(words).collect();
                let diagnostic = unknown(code::UNKNOWN_FLAG, "flag", atom.span, atom.text, &all);
                self.report_at(&atom, diagnostic);
                return None;
            };
            if flags.contains(*flag) {
                self.report_at(&atom, duplicate_word(atom.span, word, atom.span));
                return None;
            }
            flags = flags | *flag;
        }
        Some(flags)
    }

    /// `[none|FLAG ...] [TIME]`
    fn poll(&mut self, cursor: &mut Cursor<'_, 's>, socket: SocketId, by: Poller) -> Option<Op> {
        let nothing = cursor.take(Readiness::NONE_WORD).is_some();
        let mut interest = Readiness::NONE;
        let mut timeout = None;
        while let Some(atom) = cursor.peek() {
            if atom.is_word() && atom.text.starts_with(|c: char| c.is_ascii_digit()) {
                timeout = Some(self.time(cursor)?);
                break;
            }
            cursor.next();
            let is_none = atom.is_word() && atom.text == Readiness::NONE_WORD;
            if nothing || (is_none && !interest.is_empty()) {
                let message = "`none` stands beside another flag";
                let label = "`none` asks for no flag at all";
                self.report_at(&atom, Diagnostic::new(code::MISFIT, atom.span, message, label));
                return None;
            }
            let known = |flag: &Readiness| by.knows(*flag);
            let found = Readiness::from_word(atom.text).filter(known);
            let Some(flag) = found.filter(|_| atom.is_word()) else {
                let words = Readiness::WORDS.into_iter().filter(|(flag, _)| known(flag));
                let all: Vec<&str> = words.map(|(_, word)| word).collect();
                let kind = match by {
                    Poller::Poll => "poll flag",
                    Poller::Epoll => "flag of epoll",
                    Poller::Select => "flag of select",
                };
                let diagnostic = unknown(code::UNKNOWN_FLAG, kind, atom.span, atom.text, &all);
                self.report_at(&atom, diagnostic);
                return None;
            };
            if interest.contains(flag) {
                self.report_at(&atom, duplicate_word(atom.span, atom.text, atom.span));
                return None;
            }
            interest |= flag;
        }
        if interest.is_empty() && !nothing {
            interest = match by {
                Poller::Select => Readiness::SELECTABLE,
                _ => Readiness::DEFAULT_INTEREST,
            };
        }
        Some(Op::Poll { socket, interest, by, timeout })
    }

    fn option(&mut self, cursor: &mut Cursor<'_, 's>, verb: Verb) -> Option<SocketOption> {
        let atom = self.word(cursor, "a socket option", verb.form())?;
        let option = SocketOption::from_name(atom.text);
        match option {
            None => {
                let names = SocketOption::ALL.iter().map(|option| option.name());
                let label = nearest(atom.text, names).map_or_else(
                    || "expected an option, as in socket(7), tcp(7) or ip(7)".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("there is no socket option {}", quoted(atom.text));
                let diagnostic = Diagnostic::new(code::UNKNOWN_OPTION, atom.span, message, label);
                self.report_at(&atom, diagnostic);
                None
            }
            Some(option) if verb == Verb::SetOpt && option.kind().is_read_only() => {
                let message = format!("`{option}` cannot be set");
                let label = "can only be read";
                let diagnostic = Diagnostic::new(code::READ_ONLY, atom.span, message, label);
                self.report_at(&atom, diagnostic.help(format!("use `getopt` with `{option}`")));
                None
            }
            Some(option) if verb == Verb::GetOpt && option.kind() == OptionKind::Device => {
                let message = format!("`{option}` cannot be read back");
                let label = "can only be set";
                let diagnostic = Diagnostic::new(code::MISFIT, atom.span, message, label);
                self.report_at(&atom, diagnostic.help(format!("use `setopt` with `{option}`")));
                None
            }
            found => found,
        }
    }

    fn set_value(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        actor: ActorId,
        option: SocketOption,
    ) -> Option<OptionValue> {
        let atom =
            self.word(cursor, "a value", &format!("`{option}` is {}", option.kind().form()))?;
        if option.kind() != OptionKind::Device {
            return self.option_value(&atom, option.kind());
        }
        match self.place_in(&atom, atom.text)? {
            Place::Beside { actor: host, neighbour } if host == actor => {
                Some(OptionValue::Device { actor, neighbour })
            }
            _ => {
                let message = format!("{} is no device of this host", quoted(atom.text));
                let label = format!("expected {}", option.kind().form());
                self.report_at(&atom, Diagnostic::new(code::BAD_VALUE, atom.span, message, label));
                None
            }
        }
    }

    /// `[length N]`
    #[expect(clippy::option_option, reason = "nothing was written, or a mistake was")]
    fn length(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<Option<u8>> {
        if cursor.take("length").is_none() {
            return Some(None);
        }
        let atom = self.word(cursor, "a number of bytes", Verb::SetOpt.form())?;
        let short = value::size(atom.text).and_then(|length| {
            u8::try_from(length).ok().filter(|length| *length < SHORTEST_VALUE).ok_or(Bad::Range)
        });
        match short {
            Ok(length) => Some(Some(length)),
            Err(bad) => {
                let bounds = "fewer than the 4 bytes that the shortest value has";
                let diagnostic = bad_number(atom.span, atom.text, bad, "length", bounds);
                self.report_at(&atom, diagnostic);
                None
            }
        }
    }

    /// A value of an option that can be set.
    pub(super) fn option_value(
        &mut self,
        atom: &Atom<'_>,
        kind: OptionKind,
    ) -> Option<OptionValue> {
        const SECOND: u32 = 1_000_000_000;
        let number = |text| value::integer(text).map(|number| OptionValue::Number(number.into()));
        let whole = |text, unit: u32| match value::time(text) {
            Ok(time) if time.subsec_nanos() % unit != 0 => Err(Bad::Form),
            other => other,
        };
        let found = match (kind, atom.text) {
            (OptionKind::Flag, "on") => Ok(OptionValue::Number(1)),
            (OptionKind::Flag, "off") => Ok(OptionValue::Number(0)),
            (OptionKind::Flag | OptionKind::Number, text) => number(text),
            (OptionKind::Timeout, text) => value::time(text).map(OptionValue::Time),
            (OptionKind::Seconds, text) => whole(text, SECOND).map(OptionValue::Time),
            (OptionKind::Milliseconds, text) => whole(text, 1_000_000).map(OptionValue::Time),
            (OptionKind::Linger, "off") => Ok(OptionValue::Linger(None)),
            (OptionKind::Linger, text) => {
                whole(text, SECOND).map(|time| OptionValue::Linger(Some(time)))
            }
            (OptionKind::Count | OptionKind::Device | OptionKind::Error | OptionKind::State, _) => {
                Err(Bad::Form)
            }
        };
        match found {
            Ok(value) => Some(value),
            Err(Bad::Range) => {
                let bounds = if matches!(kind, OptionKind::Flag | OptionKind::Number) {
                    "a number that fits an int"
                } else {
                    "at most an hour, and nothing finer than a nanosecond"
                };
                self.report_at(atom, out_of_range(atom.span, atom.text, bounds));
                None
            }
            Err(Bad::Form) => {
                let message = format!("{} is no value of this option", quoted(atom.text));
                let label = format!("expected {}", kind.form());
                self.report_at(atom, Diagnostic::new(code::BAD_VALUE, atom.span, message, label));
                None
            }
        }
    }

    /// A name that is written where it stands: a value of a `vary` line cannot be one.
    pub(super) fn own_name(&mut self, atom: &Atom<'_>) -> Option<&'s str> {
        if atom.used.is_some() {
            self.report_at(
                atom,
                Diagnostic::new(
                    code::BAD_NAME,
                    atom.span,
                    "a value of a `vary` line cannot be a name",
                    "stands for a socket here",
                ),
            );
            return None;
        }
        if !is_name(atom.text) {
            self.report(bad_name(atom.span, atom.text));
            return None;
        }
        // An atom of `all of ACTOR.SOCKET` covers more than the name.
        let end = atom.span.end as usize;
        self.source.get(end - atom.text.len()..end)
    }
}

/// A word that is no time.
pub(super) fn bad_time(atom: &Atom<'_>, bad: Bad) -> Diagnostic {
    match bad {
        Bad::Form => Diagnostic::new(
            code::BAD_TIME,
            atom.span,
            format!("{} is not a time", quoted(atom.text)),
            "expected a number with `us`, `ms` or `s`",
        )
        .help("such as `300ms`, `20.5ms` or `1s`"),
        Bad::Range => out_of_range(
            atom.span,
            atom.text,
            "at most an hour, and nothing finer than a nanosecond",
        ),
    }
}
