use super::checker::Checker;
use super::cursor::{Atom, Cursor};
use super::flow::{Fault, State};
use super::mistake::{bad_number, extra_word, out_of_range};
use super::value::{self, Bad};
use crate::scenario::case::{Amount, DropFilter, LinkFault};
use crate::scenario::diagnostic::{Diagnostic, code, nearest, quoted};
use crate::scenario::lexer::Span;
use crate::scenario::syntax::AMOUNT_WORDS;
use crate::vocabulary::ActorId;

/// How packets are dropped.
const DROP: &str = "write `wire drop A -> B KIND`, and behind it `first N` or `nth N` for a part";
/// How a drop is ended.
const PASS: &str = "write `wire pass A -> B KIND`, as the `wire drop` that it ends";
/// How a host gets a way for what has no better one.
const ROUTE: &str = "write `wire route HOST via NEIGHBOUR`";
/// The smallest packet that every IPv4 link carries, the largest that IPv4 has (RFC 791).
const SIZES: std::ops::RangeInclusive<u32> = 68..=65_535;
/// The smallest packet that every IPv6 link carries (RFC 8200 §5).
const LEAST_IPV6: u32 = 1_280;

impl<'s> Checker<'_, 's> {
    /// Reads what is done to a link, from behind the word that says so.
    pub(super) fn fault(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        word: &Atom<'_>,
    ) -> Option<LinkFault> {
        self.needs_link(word, word.text)?;
        match word.text {
            "drop" => {
                let (filter, _) = self.filter(cursor, word, DROP)?;
                self.flow.harm(Fault::Drop(filter));
                let amount = self.amount(cursor)?;
                Some(LinkFault::Drop { filter, amount })
            }
            "pass" => {
                let (filter, span) = self.filter(cursor, word, PASS)?;
                let help = "packets are dropped by `wire drop A -> B KIND`, with the same words";
                self.mend(Fault::Drop(filter), span, "no such packets are dropped here", help)?;
                Some(LinkFault::Pass(filter))
            }
            "down" => {
                let (actor, _) = self.whose(cursor, "such as `wire down server`")?;
                self.flow.harm(Fault::Down(actor));
                Some(LinkFault::Down(actor))
            }
            "up" => {
                let (actor, atom) = self.whose(cursor, "such as `wire up server`")?;
                let span = word.here().to(atom.here());
                let message = format!("the links of {} are not down here", quoted(atom.text));
                self.mend(Fault::Down(actor), span, &message, "they go down by `wire down HOST`")?;
                Some(LinkFault::Up(actor))
            }
            "route" => {
                let actor = self.word(cursor, "the host whose route this is", ROUTE)?;
                let here = self.host(&actor)?;
                if cursor.take("via").is_none() {
                    self.missing(cursor, "this says not through whom", "`via HOST`", ROUTE);
                    return None;
                }
                let via = self.word(cursor, "its neighbour on a link", ROUTE)?;
                let neighbour = self.host(&via)?;
                self.must_share_link(&via, (here, actor.text), (neighbour, via.text))?;
                Some(LinkFault::Route { actor: here, neighbour })
            }
            _ => {
                let (actor, _) = self.whose(cursor, "such as `wire mtu server 1280`")?;
                Some(LinkFault::Mtu { actor, bytes: self.mtu(cursor)? })
            }
        }
    }

    fn whose<'a>(
        &mut self,
        cursor: &mut Cursor<'a, 's>,
        help: &str,
    ) -> Option<(ActorId, Atom<'a>)> {
        let atom = self.word(cursor, "the host whose links these are", help)?;
        Some((self.host(&atom)?, atom))
    }

    /// `A -> B KIND`, and where the line stands up to there.
    fn filter(
        &mut self,
        cursor: &mut Cursor<'_, 's>,
        word: &Atom<'_>,
        form: &str,
    ) -> Option<(DropFilter, Span)> {
        let from = self.word(cursor, "the host that sends", form)?;
        let sender = self.host(&from)?;
        self.arrow(cursor, from.here(), form)?;
        let to = self.word(cursor, "the host where they would arrive, or `any`", form)?;
        let to = match to.text {
            "any" => None,
            place @ ("broadcast" | "subnet-broadcast" | "all-nodes") => {
                let help = "packets are dropped where they arrive: name that host, or `any`";
                let diagnostic = self.unknown_host(&to, place, &["any"]).help(help);
                self.report_at(&to, diagnostic);
                return None;
            }
            _ => Some(self.host(&to)?),
        };
        let kind = self.word(cursor, "a kind of packet", form)?;
        let kind = self.packet(&kind)?;
        Some((DropFilter { from: sender, to, kind }, word.here().to(cursor.last())))
    }

    /// `[first N | nth N]`
    fn amount(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<Amount> {
        let Some(word) = cursor.next() else { return Some(Amount::All) };
        let make = match word.text {
            "first" if word.is_word() => Amount::First,
            "nth" if word.is_word() => Amount::Nth,
            _ => {
                let mut diagnostic = extra_word(word.span);
                if let Some(near) = nearest(word.text, AMOUNT_WORDS) {
                    diagnostic.label = format!("did you mean `{near}`?");
                }
                self.report_at(&word, diagnostic.help(DROP));
                return None;
            }
        };
        let atom = self.word(cursor, "a number of packets", DROP)?;
        let number = value::size(atom.text)
            .and_then(|number| u32::try_from(number).map_err(|_| Bad::Range))
            .and_then(|number| if number == 0 { Err(Bad::Range) } else { Ok(number) });
        match number {
            Ok(number) => Some(make(number)),
            Err(bad) => {
                let bounds = "a number of packets, from 1";
                let diagnostic = bad_number(atom.span, atom.text, bad, "number", bounds);
                self.report_at(
                    &atom,
                    diagnostic.help("such as `first 2`, or `nth 2` for the second"),
                );
                None
            }
        }
    }

    fn mtu(&mut self, cursor: &mut Cursor<'_, 's>) -> Option<u32> {
        let atom = self.word(cursor, "a size in bytes", "such as `wire mtu server 1280`")?;
        let bytes = value::size(atom.text)
            .and_then(|bytes| u32::try_from(bytes).map_err(|_| Bad::Range))
            .and_then(|bytes| SIZES.contains(&bytes).then_some(bytes).ok_or(Bad::Range));
        match bytes {
            Ok(bytes) => {
                if bytes < LEAST_IPV6 {
                    let diagnostic =
                        out_of_range(atom.span, atom.text, "1280 at least, which IPv6 needs");
                    self.families.small.push((self.guard, diagnostic));
                }
                Some(bytes)
            }
            Err(bad) => {
                let bounds = "a size from 68 to 65535";
                let diagnostic = bad_number(atom.span, atom.text, bad, "size", bounds);
                self.report_at(&atom, diagnostic);
                None
            }
        }
    }

    /// Ends what was done to a link, which must have been done before.
    fn mend(&mut self, fault: Fault, span: Span, message: &str, help: &str) -> Option<()> {
        let known = self.flow.mend(fault, span);
        let diagnostic = Diagnostic::new(code::NOTHING_TO_UNDO, span, message, "undoes nothing");
        match known {
            Some((State::Done, entry)) => {
                self.report(diagnostic.related(entry.ended, "undone here"));
                None
            }
            None => {
                self.report(diagnostic.help(help));
                None
            }
            // In the cases that have not done it there is nothing to undo, which is no harm.
            Some(_) => Some(()),
        }
    }
}
