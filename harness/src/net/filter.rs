#[cfg(test)]
mod handmade;
#[cfg(test)]
mod inside;
#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;

use super::nftables::{Batch, Nftables, Refusal, Rule};
use crate::scenario::Amount;
use crate::vocabulary::PacketKind;

/// The drop rules of one namespace: that of the host at which the packets arrive.
///
/// It belongs to the namespace in which it was made, whichever thread uses it later. Dropped without
/// [`Self::clear`] it leaves its rules to the namespace.
pub(super) struct Filter {
    nftables: Nftables,
    table: &'static str,
    /// Whether the table exists.
    made: bool,
    /// From the oldest to the newest.
    rules: Vec<RuleId>,
    next: u64,
}

/// Which packets are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropRule {
    /// Those from any of these addresses, to whichever: a broadcast arrives too.
    pub from: Vec<IpAddr>,
    /// Those of them that are of this kind.
    pub kind: PacketKind,
    /// Which of the packets that are left.
    ///
    /// They are counted as they arrive, over all addresses and families together, and without those
    /// that an older rule has dropped. A datagram in fragments counts once, for its first fragment.
    pub amount: Amount,
}

/// One rule, by which it can be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleId(u64);

/// Why packets cannot be dropped, or no longer let through.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// The kernel lacks something that dropping packets takes.
    #[error(
        "{what} failed: {source}; dropping packets takes a kernel with \
         CONFIG_NF_TABLES_INET and CONFIG_NFT_NUMGEN"
    )]
    Unsupported {
        /// What was tried.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused something that it has.
    #[error("{what} failed: {source}")]
    Refused {
        /// What was tried.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A rule was to end that has ended, or is another filter's.
    #[error("the filter has no rule {number} to end")]
    NoSuchRule {
        /// Its number.
        number: u64,
    },
}

/// The chain in which every arriving packet begins; it jumps to the first chain of each rule.
const HOOK: &str = "arriving";

const IPV4: u8 = 2;
const IPV6: u8 = 10;

const ICMP: u8 = 1;
const IGMP: u8 = 2;
const TCP: u8 = 6;
const UDP: u8 = 17;
const FRAGMENT: u8 = 44;
const ICMPV6: u8 = 58;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

impl Filter {
    /// Begins one in the calling thread's namespace, which drops nothing yet.
    ///
    /// # Errors
    /// When the kernel has no nf_tables, or the namespace is not the caller's to change, or it has a
    /// filter already.
    pub(super) fn new() -> Result<Self, FilterError> {
        Self::with_table("sockspec")
    }

    /// Drops packets from now on.
    ///
    /// # Errors
    /// When the kernel refuses the rule; then none of it is left behind.
    pub(super) fn drop_packets(&mut self, rule: &DropRule) -> Result<RuleId, FilterError> {
        let id = RuleId(self.next);
        let mut batch = self.batch();
        let chains = Chains::of(id);
        for chain in chains.all() {
            batch.make_chain(chain);
        }
        restrict(&mut batch, &chains.from, &rule.from, &chains.kind);
        for one in of_kind(rule.kind, &chains.amount) {
            batch.append(&chains.kind, &one);
        }
        batch.append(&chains.amount, &counted(rule.amount).drop());
        batch.append(HOOK, &Rule::default().jump(&chains.from));
        self.apply(&batch)?;
        self.rules.push(id);
        self.next += 1;
        Ok(id)
    }

    /// Lets the packets of a rule through again.
    ///
    /// # Errors
    /// When the filter does not have the rule any more.
    pub(super) fn pass(&mut self, rule: RuleId) -> Result<(), FilterError> {
        let Some(place) = self.rules.iter().position(|one| *one == rule) else {
            return Err(FilterError::NoSuchRule { number: rule.0 });
        };
        // What the hook holds is written anew without the rule: to delete one jump alone it takes a
        // handle, which the kernel would have to be asked for.
        let mut batch = self.batch();
        batch.flush(HOOK);
        spare_later_fragments(&mut batch);
        for other in self.rules.iter().filter(|one| **one != rule) {
            batch.append(HOOK, &Rule::default().jump(&Chains::of(*other).from));
        }
        for chain in Chains::of(rule).all() {
            batch.delete_chain(chain);
        }
        self.apply(&batch)?;
        self.rules.remove(place);
        Ok(())
    }

    /// Lets everything through again, and leaves nothing in the namespace. The filter can be used on.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub(super) fn clear(&mut self) -> Result<(), FilterError> {
        if !self.made {
            return Ok(());
        }
        let mut batch = Batch::new(self.table);
        batch.delete_table();
        self.nftables.apply(&batch)?;
        self.made = false;
        self.rules.clear();
        Ok(())
    }

    fn with_table(table: &'static str) -> Result<Self, FilterError> {
        let nftables = Nftables::open().map_err(|source| {
            FilterError::from(Refusal { what: "opening a netfilter socket".to_owned(), source })
        })?;
        let mut filter = Self { nftables, table, made: false, rules: Vec::new(), next: 1 };
        let batch = filter.batch();
        filter.apply(&batch)?;
        Ok(filter)
    }

    /// A batch that makes the table if there is none.
    fn batch(&self) -> Batch {
        let mut batch = Batch::new(self.table);
        if !self.made {
            batch.make_table();
            batch.make_hook(HOOK);
            spare_later_fragments(&mut batch);
        }
        batch
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), FilterError> {
        self.nftables.apply(batch)?;
        self.made = true;
        Ok(())
    }
}

/// Finds out whether the kernel has all that a [`Filter`] takes, by means of rules for nobody's
/// packets in the calling thread's namespace. Nothing of them is left behind.
///
/// Gives the filter that was used: to end one that had rules takes the kernel tens of milliseconds,
/// which may wait.
///
/// # Errors
/// What is missing.
pub(super) fn probe() -> Result<Filter, FilterError> {
    let mut filter = Filter::with_table("sockspec-probe")?;
    let outcome = probe_rules(&mut filter);
    filter.clear()?;
    outcome.map(|()| filter)
}

fn probe_rules(filter: &mut Filter) -> Result<(), FilterError> {
    // Addresses that only documentation uses (RFC 5737, RFC 3849).
    let nobody = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])];
    for kind in PacketKind::ALL {
        let rule = DropRule { from: nobody.to_vec(), kind, amount: Amount::First(1) };
        let id = filter.drop_packets(&rule)?;
        filter.pass(id)?;
    }
    Ok(())
}

impl From<Refusal> for FilterError {
    fn from(Refusal { what, source }: Refusal) -> Self {
        // Without a kind of chain or expression the kernel says ENOENT, as for a thing of that name.
        let lacks = [libc::EOPNOTSUPP, libc::EPROTONOSUPPORT, libc::EAFNOSUPPORT, libc::ENOENT];
        if source.raw_os_error().is_some_and(|number| lacks.contains(&number)) {
            Self::Unsupported { what, source }
        } else {
            Self::Refused { what, source }
        }
    }
}

/// The chains of a rule. A packet that matches goes from each to the next, so that all of them end in
/// the last, where they are counted together.
struct Chains {
    from: String,
    kind: String,
    amount: String,
}

impl Chains {
    fn of(RuleId(number): RuleId) -> Self {
        Self {
            from: format!("from{number}"),
            kind: format!("kind{number}"),
            amount: format!("amount{number}"),
        }
    }

    /// From the first to the last.
    fn all(&self) -> [&str; 3] {
        [&self.from, &self.kind, &self.amount]
    }
}

/// Lets every fragment but the first arrive, since there is no header in it to look at. Without the
/// first one they are as good as dropped.
fn spare_later_fragments(batch: &mut Batch) {
    batch.append(HOOK, &family(IPV4).network(6, 2).mask(&[0x1f, 0xff]).differs(&[0, 0]).leave());
    let ipv6 = family(IPV6).extension(FRAGMENT, 2, 2).mask(&[0xff, 0xf8]).differs(&[0, 0]);
    batch.append(HOOK, &ipv6.leave());
}

/// Lets through a chain, to the next, only packets from one of these addresses.
fn restrict(batch: &mut Batch, chain: &str, sources: &[IpAddr], next: &str) {
    for source in sources {
        let rule = match source {
            IpAddr::V4(source) => family(IPV4).network(12, 4).equals(&source.octets()),
            IpAddr::V6(source) => family(IPV6).network(8, 16).equals(&source.octets()),
        };
        batch.append(chain, &rule.goto(next));
    }
}

/// The rules that find the packets of a kind and send them to the next chain.
fn of_kind(kind: PacketKind, next: &str) -> Vec<Rule> {
    match kind {
        PacketKind::Syn => vec![flagged(SYN).goto(next)],
        PacketKind::Fin => vec![flagged(FIN).goto(next)],
        PacketKind::Rst => vec![flagged(RST).goto(next)],
        PacketKind::Ack => {
            let bare = protocol(TCP).transport(13, 1).mask(&[SYN | FIN | RST | ACK]).equals(&[ACK]);
            with_payload().map(Rule::leave).chain([bare.goto(next)]).collect()
        }
        PacketKind::Data => with_payload().map(|rule| rule.goto(next)).collect(),
        PacketKind::Udp => vec![protocol(UDP).goto(next)],
        PacketKind::Icmp => icmp_errors().map(|rule| rule.goto(next)).into(),
        PacketKind::Any => any().map(|rule| rule.goto(next)).into(),
    }
}

/// TCP segments with a flag.
fn flagged(flag: u8) -> Rule {
    protocol(TCP).transport(13, 1).mask(&[flag]).equals(&[flag])
}

/// TCP segments with payload, by the length of their header in words: there is no arithmetic in
/// nf_tables, but loading the byte behind a header fails when the packet ends there.
fn with_payload() -> impl Iterator<Item = Rule> {
    (5_u8..=15).map(|words| {
        protocol(TCP)
            .transport(12, 1)
            .mask(&[0xf0])
            .equals(&[words << 4])
            .transport(u32::from(words) * 4, 1)
    })
}

/// ICMP messages that tell of an error or a better way: destination unreachable, source quench,
/// redirect, time exceeded, parameter problem (RFC 792); the ICMPv6 error messages (RFC 4443).
fn icmp_errors() -> [Rule; 3] {
    [
        family(IPV4).protocol().equals(&[ICMP]).transport(0, 1).within(3, 5),
        family(IPV4).protocol().equals(&[ICMP]).transport(0, 1).within(11, 12),
        family(IPV6).protocol().equals(&[ICMPV6]).transport(0, 1).within(1, 4),
    ]
}

/// Everything but what hosts tell each other on their own, which no socket sent: neighbour discovery
/// and multicast memberships, ICMPv6 types 130 to 143 and IGMP.
fn any() -> [Rule; 3] {
    [
        family(IPV4).protocol().differs(&[IGMP]),
        family(IPV6).protocol().differs(&[ICMPV6]),
        family(IPV6).protocol().equals(&[ICMPV6]).transport(0, 1).outside(130, 143),
    ]
}

/// Those of a rule's packets of which an amount speaks. The kernel counts atomically, so that it is
/// exact on any number of processors.
fn counted(amount: Amount) -> Rule {
    match amount {
        Amount::All => Rule::default(),
        Amount::First(count) => Rule::default().ordinal().at_most(&count.to_be_bytes()),
        Amount::Nth(place) => Rule::default().ordinal().equals(&place.to_be_bytes()),
    }
}

fn family(number: u8) -> Rule {
    Rule::default().family().equals(&[number])
}

fn protocol(number: u8) -> Rule {
    Rule::default().protocol().equals(&[number])
}
