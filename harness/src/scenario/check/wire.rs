use super::checker::Checker;
use super::cursor::{Atom, Cursor};
use super::mistake::{bad_number, extra_word, unknown};
use super::value::{self, Bad};
use crate::scenario::case::{Action, Receiver, Via, WireFact, WireStep};
use crate::scenario::diagnostic::{Diagnostic, code, nearest, quoted};
use crate::scenario::lexer::{Span, TokenKind};
use crate::scenario::syntax::{LINK_WORDS, PACKET_WORDS};
use crate::vocabulary::{ActorId, PacketKind, Topology};

/// One `wire A before B` line: the positions of both facts, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) first: usize,
    pub(super) then: usize,
    pub(super) span: Span,
    /// The block and case it stands in.
    pub(super) guard: Option<(usize, usize)>,
}

/// Packets of which order lines speak, by how many marks stand before the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    packets: WireFact,
    marks: usize,
}

/// How a `wire` step is written.
const FORM: &str = "write `wire A -> B KIND => COUNT`, or `wire A -> B KIND before A -> B KIND`";

/// How the packets of a `wire` step are narrowed down.
const NARROWED: &str = "behind the kind of packet stand `at HOST`, `via HOST` or `via all`, \
                        `ttl N`, `seq N`, `ack N`, `port-unreachable`, and `before A -> B KIND`";

impl<'s> Checker<'_, 's> {
    /// Reads what stands after `wire`.
    pub(super) fn wire(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<Action> {
        let start = cursor.last();
        let what = "the host that sends, or what is done to the link";
        let first = self.word(cursor, what, FORM)?;
        // A host may be named like one of the words.
        let is_host = cursor.peek().is_some_and(|atom| atom.kind == TokenKind::To);
        let step = match first.text {
            _ if is_host => self.seen(cursor, &first, start)?,
            "mark" => {
                self.marks += usize::from(self.first);
                WireStep::Mark
            }
            word if LINK_WORDS.contains(&word) => WireStep::Fault(self.fault(cursor, &first)?),
            word => {
                let is_host = self.header.any_actor || self.header.actors.contains(&word);
                if !is_host && let Some(near) = nearest(word, LINK_WORDS) {
                    self.unknown_word(&first, near);
                    return None;
                }
                self.seen(cursor, &first, start)?
            }
        };
        Some(Action::Wire(step))
    }

    fn unknown_word(&mut self, word: &Atom<'_>, near: &str) {
        let message = format!("{} is neither a host nor a word of `wire`", quoted(word.text));
        let label = format!("did you mean `{near}`?");
        let help = format!("write `wire A -> B KIND`, or one of `{}`", LINK_WORDS.join("`, `"));
        let diagnostic = Diagnostic::new(code::UNKNOWN_WORD, word.span, message, label);
        self.report_at(word, diagnostic.help(help));
    }

    /// A count of packets, or the order of two kinds, from behind the first host.
    fn seen(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        from: &Atom<'_>,
        start: Span,
    ) -> Option<WireStep> {
        let fact = self.fact(cursor, from)?;
        if cursor.take("before").is_none() {
            self.only_known_words(cursor)?;
            return Some(WireStep::Count(fact));
        }
        let from = self.word(cursor, "the host that sends", FORM)?;
        let then = self.fact(cursor, &from)?;
        if self.first {
            let span = start.to(cursor.last());
            let (first, then) = (self.intern(&fact), self.intern(&then));
            self.orders.push(Order { first, then, span, guard: self.guard });
        }
        Some(WireStep::Order { first: fact, then })
    }

    /// Reports a word behind the packets that is none of those that can stand there.
    fn only_known_words(&mut self, cursor: &Cursor<'_, 's>) -> Option<()> {
        let Some(atom) = cursor.peek().filter(Atom::is_word) else { return Some(()) };
        let mut diagnostic = extra_word(atom.span);
        if let Some(near) = nearest(atom.text, PACKET_WORDS) {
            diagnostic.label = format!("did you mean `{near}`?");
        }
        self.report_at(&atom, diagnostic.help(NARROWED));
        None
    }

    fn intern(&mut self, packets: &WireFact) -> usize {
        let fact = Fact { packets: packets.clone(), marks: self.marks };
        self.facts.iter().position(|known| *known == fact).unwrap_or_else(|| {
            self.facts.push(fact);
            self.facts.len() - 1
        })
    }

    fn fact(&mut self, cursor: &mut Cursor<'_, 's>, from: &Atom<'_>) -> Option<WireFact> {
        let sender = self.host(from)?;
        self.arrow(cursor, from.here(), FORM)?;
        let to = self.word(cursor, "the host that receives", FORM)?;
        let to = match to.text {
            "any" => Receiver::Anyone,
            "broadcast" => Receiver::Broadcast,
            "subnet-broadcast" => Receiver::SubnetBroadcast,
            "all-nodes" => Receiver::AllNodes,
            _ => Receiver::Actor(self.host(&to)?),
        };
        let kind = self.word(cursor, "a kind of packet", FORM)?;
        let mut fact = WireFact::new(sender, to, self.packet(&kind)?);
        while let Some(word) = cursor.peek().filter(Atom::is_word) {
            let is_second = match word.text {
                "at" => fact.at.is_some(),
                "via" => fact.via.is_some(),
                "ttl" => fact.ttl.is_some(),
                "seq" => fact.seq.is_some(),
                "ack" => fact.ack.is_some(),
                "port-unreachable" => fact.port_unreachable,
                _ => break,
            };
            cursor.next();
            self.must_fit(&word, fact.kind)?;
            match word.text {
                "at" => fact.at = Some(self.at(cursor, &word)?),
                "via" => fact.via = Some(self.via(cursor, &word)?),
                "seq" => fact.seq = Some(self.number_of_bytes(cursor, word.text)?),
                "ack" => fact.ack = Some(self.number_of_bytes(cursor, word.text)?),
                "port-unreachable" => fact.port_unreachable = true,
                _ => fact.ttl = Some(self.time_to_live(cursor)?),
            }
            if is_second {
                self.report(Diagnostic::new(
                    code::DUPLICATE_CONDITION,
                    word.here(),
                    format!("a second {} of the same packets", quoted(word.text)),
                    "stands at most once",
                ));
            }
        }
        Some(fact)
    }

    /// `->`, behind the host that sends.
    pub(super) fn arrow(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        from: Span,
        form: &str,
    ) -> Option<()> {
        if cursor.next().is_none_or(|atom| atom.kind != TokenKind::To) {
            self.report(
                Diagnostic::new(
                    code::MISSING_WORD,
                    from.after(),
                    "this says not to whom",
                    "expected `->` and a host",
                )
                .help(form),
            );
            return None;
        }
        Some(())
    }

    fn at(&mut self, cursor: &mut Cursor<'_, 's>, word: &Atom<'_>) -> Option<ActorId> {
        let host = self.word(cursor, "the host where they arrive", "such as `at server`")?;
        let host = self.host(&host)?;
        self.needs_link(word, word.text)?;
        Some(host)
    }

    fn via(&mut self, cursor: &mut Cursor<'_, 's>, word: &Atom<'_>) -> Option<Via> {
        let help = "such as `via server`, or `via all` for the link-layer broadcast address";
        let via = self.word(cursor, "a host, or `all`", help)?;
        let actors = &self.header.actors;
        // A host may be named `all`.
        let via = if via.text == "all" && !actors.contains(&via.text) {
            Via::All
        } else {
            Via::Actor(self.host(&via)?)
        };
        self.needs_link(word, word.text)?;
        Some(via)
    }

    /// Reports what packets of a kind do not have.
    fn must_fit(&mut self, word: &Atom<'_>, kind: PacketKind) -> Option<()> {
        use PacketKind::{Icmp, Udp};
        let (fits, why) = match word.text {
            "seq" | "ack" => (!matches!(kind, Udp | Icmp), "only TCP segments have it"),
            "port-unreachable" => (kind == Icmp, "it is what an `icmp` packet says"),
            _ => return Some(()),
        };
        if fits {
            return Some(());
        }
        let message = format!("{} does not fit packets of the kind `{kind}`", quoted(word.text));
        let label = "leave this out";
        self.report_at(word, Diagnostic::new(code::MISFIT, word.span, message, label).help(why));
        None
    }

    /// A sequence or acknowledgement number.
    fn number_of_bytes(&mut self, cursor: &mut Cursor<'_, 's>, word: &str) -> Option<u32> {
        let help = "it is counted from the SYN, which has the number 0: the first byte has 1";
        let atom = self.word(cursor, "a number", help)?;
        match value::size(atom.text)
            .and_then(|number| u32::try_from(number).map_err(|_| Bad::Range))
        {
            Ok(number) => Some(number),
            Err(bad) => {
                let bounds = format!("`{word} N` with N of at most 4294967295");
                let diagnostic = bad_number(atom.span, atom.text, bad, "number", &bounds);
                self.report_at(&atom, diagnostic.help(help));
                None
            }
        }
    }

    fn time_to_live(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<u8> {
        let atom = self.word(cursor, "a time to live", "such as `ttl 64`")?;
        match value::size(atom.text).and_then(|ttl| u8::try_from(ttl).map_err(|_| Bad::Range)) {
            Ok(ttl) => Some(ttl),
            Err(bad) => {
                let bounds = "a time to live from 0 to 255";
                let diagnostic = bad_number(atom.span, atom.text, bad, "number", bounds);
                self.report_at(&atom, diagnostic.help("such as `ttl 64`"));
                None
            }
        }
    }

    /// Reports what needs a link where one of the topologies has none.
    pub(super) fn needs_link(&mut self, atom: &Atom<'_>, what: &str) -> Option<()> {
        let topologies = &self.header.topologies;
        if self.header.any_actor || !topologies.contains(&Topology::Loopback) {
            return Some(());
        }
        let help = if topologies.len() > 1 {
            "leave `loopback` out of the `on` line"
        } else {
            "give the scenario `on netns`"
        };
        let message = format!("{} needs a link between hosts", quoted(what));
        let label = "on `loopback` there is one host only";
        self.report_at(atom, Diagnostic::new(code::NO_LINK, atom.span, message, label).help(help));
        None
    }

    pub(super) fn packet(&mut self, atom: &Atom<'_>) -> Option<PacketKind> {
        let found = PacketKind::from_word(atom.text);
        if found.is_none() {
            let kinds = PacketKind::ALL.map(PacketKind::word);
            let diagnostic =
                unknown(code::UNKNOWN_PACKET, "kind of packet", atom.span, atom.text, &kinds);
            self.report_at(atom, diagnostic);
        }
        found
    }

    /// Reports order lines that contradict each other: in each set of lines that can apply
    /// together, what is left after taking away all that nothing must precede.
    pub(super) fn check_orders(&mut self) {
        let mut guards: Vec<_> = self.orders.iter().map(|order| order.guard).collect();
        guards.sort_unstable();
        guards.dedup();
        let mut reported = Vec::new();
        for guard in guards {
            let mut orders: Vec<Order> = self.orders.clone();
            orders.retain(|order| order.guard.is_none() || order.guard == guard);
            if let Some((last, earlier)) = cycle(orders, self.facts.len())
                && !reported.contains(&last.span)
            {
                reported.push(last.span);
                let diagnostic = Diagnostic::new(
                    code::WIRE_CYCLE,
                    last.span,
                    "these `wire` lines contradict each other",
                    "no order of packets satisfies this",
                );
                self.report(match earlier {
                    Some(earlier) => diagnostic.related(earlier.span, "together with this"),
                    None => diagnostic,
                });
            }
        }
    }
}

/// The last line of a cycle and one before it, if there is a cycle.
fn cycle(mut orders: Vec<Order>, facts: usize) -> Option<(Order, Option<Order>)> {
    // Taking leaves away from both ends leaves the cycles and what connects them.
    for backwards in [false, true] {
        let head = |order: &Order| if backwards { order.first } else { order.then };
        let tail = |order: &Order| if backwards { order.then } else { order.first };
        let mut degree = vec![0_usize; facts];
        let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); facts];
        for (at, order) in orders.iter().enumerate() {
            degree[head(order)] += 1;
            leaving[tail(order)].push(at);
        }
        let mut ready: Vec<usize> = (0..facts).filter(|&fact| degree[fact] == 0).collect();
        let mut gone = vec![false; orders.len()];
        while let Some(fact) = ready.pop() {
            for &at in &leaving[fact] {
                gone[at] = true;
                let next = head(&orders[at]);
                degree[next] -= 1;
                if degree[next] == 0 {
                    ready.push(next);
                }
            }
        }
        let mut gone = gone.into_iter();
        orders.retain(|_| !gone.next().unwrap_or(false));
    }
    let last = orders.pop()?;
    Some((last, orders.pop()))
}
