use super::checker::Checker;
use super::cursor::{Atom, Cursor};
use super::mistake::unknown;
use crate::scenario::case::{Action, Receiver, WireFact, WireStep};
use crate::scenario::diagnostic::{Diagnostic, code};
use crate::scenario::lexer::{Span, TokenKind};
use crate::vocabulary::PacketKind;

/// One `wire A before B` line: the positions of both facts, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) first: usize,
    pub(super) then: usize,
    pub(super) span: Span,
    /// The block and case it stands in.
    pub(super) guard: Option<(usize, usize)>,
}

/// How a `wire` step is written.
const FORM: &str = "write `wire A -> B KIND => COUNT`, or `wire A -> B KIND before A -> B KIND`";

impl<'s> Checker<'_, 's> {
    /// Reads what stands after `wire`.
    pub(super) fn wire(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<Action> {
        let start = cursor.last();
        let fact = self.fact(cursor)?;
        if cursor.take("before").is_none() {
            return Some(Action::Wire(WireStep::Count(fact)));
        }
        let then = self.fact(cursor)?;
        if self.first {
            let span = start.to(cursor.last());
            let (first, then) = (self.intern(&fact), self.intern(&then));
            self.orders.push(Order { first, then, span, guard: self.guard });
        }
        Some(Action::Wire(WireStep::Order { first: fact, then }))
    }

    fn intern(&mut self, fact: &WireFact) -> usize {
        self.facts.iter().position(|known| known == fact).unwrap_or_else(|| {
            self.facts.push(fact.clone());
            self.facts.len() - 1
        })
    }

    fn fact(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<WireFact> {
        let from = self.word(cursor, "the host that sends", FORM)?;
        let from_span = from.here();
        let from = self.host(&from)?;
        if cursor.next().is_none_or(|atom| atom.kind != TokenKind::To) {
            self.report(
                Diagnostic::new(
                    code::MISSING_WORD,
                    from_span.after(),
                    "this says not to whom",
                    "expected `->` and a host",
                )
                .help(FORM),
            );
            return None;
        }
        let to = self.word(cursor, "the host that receives", FORM)?;
        let to = match to.text {
            "any" => Receiver::Anyone,
            _ => Receiver::Actor(self.host(&to)?),
        };
        let kind = self.word(cursor, "a kind of packet", FORM)?;
        let kind = self.packet(&kind)?;
        Some(WireFact { from, to, kind, at: None, via: None, ttl: None })
    }

    fn packet(&mut self, atom: &Atom<'_>) -> Option<PacketKind> {
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
