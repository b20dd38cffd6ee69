use std::io::{self, Read};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::uninterrupted::uninterrupted;

/// A conversation with nf_tables, in the namespace of the thread that began it.
pub(super) struct Nftables {
    socket: Socket,
    sequence: u32,
}

/// Changes to one table that the kernel makes all together or not at all.
pub(super) struct Batch {
    table: &'static str,
    changes: Vec<Change>,
}

/// What packets a rule matches and what becomes of them: expressions, each of which works on what the
/// one before it has loaded.
#[derive(Default)]
pub(super) struct Rule {
    expressions: Vec<u8>,
}

/// The kernel said no, or nothing.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What it was asked for.
    pub(super) what: String,
    /// What it said.
    pub(super) source: io::Error,
}

struct Change {
    what: String,
    kind: u16,
    flags: u16,
    attributes: Vec<u8>,
}

/// The kernel answers before sending returns, so this passes only when it has forgotten to.
const PATIENCE: Duration = Duration::from_secs(2);
/// The head of an answer and its errno; a quote of the question follows, which nobody reads.
const ANSWER: usize = 16 + 4;

/// Names from linux/netlink.h.
mod netlink {
    pub(super) const REQUEST: u16 = 0x1;
    pub(super) const ACK: u16 = 0x4;
    pub(super) const EXCLUSIVE: u16 = 0x200;
    pub(super) const CREATE: u16 = 0x400;
    pub(super) const APPEND: u16 = 0x800;
    pub(super) const ERROR: u16 = 2;
    pub(super) const NESTED: u16 = 0x8000;
}

/// Names from linux/netfilter/nfnetlink.h and linux/netfilter/nf_tables.h: kinds of message.
mod message {
    /// The subsystem nf_tables.
    pub(super) const NFTABLES: u16 = 10;
    pub(super) const BATCH_BEGIN: u16 = 0x10;
    pub(super) const BATCH_END: u16 = 0x11;
    pub(super) const NEW_TABLE: u16 = NFTABLES << 8;
    pub(super) const DELETE_TABLE: u16 = (NFTABLES << 8) | 2;
    pub(super) const NEW_CHAIN: u16 = (NFTABLES << 8) | 3;
    pub(super) const DELETE_CHAIN: u16 = (NFTABLES << 8) | 5;
    pub(super) const NEW_RULE: u16 = (NFTABLES << 8) | 6;
    pub(super) const DELETE_RULE: u16 = (NFTABLES << 8) | 8;
}

/// Names from linux/netfilter.h.
mod family {
    pub(super) const UNSPECIFIED: u8 = 0;
    pub(super) const INET: u8 = 1;
}

/// The register in which every expression leaves and finds its value.
const VALUE: u32 = 1;
/// The register of verdicts.
const VERDICT: u32 = 0;

/// Comparisons, as `NFT_CMP_` numbers them.
#[derive(Clone, Copy)]
enum Comparison {
    Equal = 0,
    NotEqual = 1,
    LessOrEqual = 3,
}

/// Verdicts, as they stand on the wire.
#[derive(Clone, Copy)]
enum Verdict {
    Drop = 0,
    Jump = -3,
    Goto = -4,
    Return = -5,
}

/// The headers of a packet, as `NFT_PAYLOAD_` numbers them.
#[derive(Clone, Copy)]
enum Header {
    Network = 1,
    Transport = 2,
}

/// What is known of a packet beside its bytes, as `NFT_META_` numbers it.
#[derive(Clone, Copy)]
enum Fact {
    Family = 15,
    Protocol = 16,
}

impl Nftables {
    /// Begins one.
    ///
    /// # Errors
    /// When the kernel has no netfilter, or no more sockets for this process.
    pub(super) fn open() -> io::Result<Self> {
        let netlink = Domain::from(libc::AF_NETLINK);
        let netfilter = Protocol::from(libc::NETLINK_NETFILTER);
        let socket = Socket::new(netlink, Type::RAW, Some(netfilter))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Makes all changes of a batch, or none of them.
    ///
    /// # Errors
    /// The first change that the kernel refuses.
    pub(super) fn apply(&mut self, batch: &Batch) -> Result<(), Refusal> {
        let begin = self.sequence.wrapping_add(1);
        let count = u32::try_from(batch.changes.len()).unwrap_or(u32::MAX);
        let last = begin.wrapping_add(count);
        self.sequence = last.wrapping_add(1);
        let bytes = batch.encode(begin);
        let sent = uninterrupted(|| self.socket.send(&bytes));
        sent.map_err(|source| Refusal { what: batch.whole(), source })?;

        // Only the last change asks for an answer when all is well: an answer to each could be
        // more than the socket has room for. Errors are answered unasked.
        let mut refused = None;
        loop {
            let (sequence, result) =
                self.answer().map_err(|source| Refusal { what: batch.whole(), source })?;
            let place = sequence.wrapping_sub(begin);
            if place > count {
                continue;
            }
            if let Err(source) = result {
                let change = (place as usize).checked_sub(1).and_then(|at| batch.changes.get(at));
                let what = change.map_or_else(|| batch.whole(), |change| change.what.clone());
                refused.get_or_insert(Refusal { what, source });
            }
            // A batch that is refused as a whole is answered at its beginning and nowhere else.
            if sequence == last || sequence == begin {
                return refused.map_or(Ok(()), Err);
            }
        }
    }

    /// The next answer: to which message, and which.
    fn answer(&self) -> io::Result<(u32, io::Result<()>)> {
        loop {
            let mut bytes = [0; ANSWER];
            let read = uninterrupted(|| (&self.socket).read(&mut bytes))?;
            let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
            if read < ANSWER || kind != netlink::ERROR {
                continue;
            }
            let sequence = u32::from_ne_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            let negative = i32::from_ne_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]);
            let result = match negative {
                0 => Ok(()),
                number => Err(io::Error::from_raw_os_error(-number)),
            };
            return Ok((sequence, result));
        }
    }
}

impl Batch {
    /// An empty one for a table of the family inet.
    pub(super) fn new(table: &'static str) -> Self {
        Self { table, changes: Vec::new() }
    }

    /// Makes the table, which must not exist.
    pub(super) fn make_table(&mut self) {
        let mut attributes = Vec::new();
        text(&mut attributes, 1, self.table);
        let what = format!("making the table {}", self.table);
        let flags = netlink::CREATE | netlink::EXCLUSIVE;
        self.change(what, message::NEW_TABLE, flags, attributes);
    }

    /// Deletes the table with all that is in it.
    pub(super) fn delete_table(&mut self) {
        let mut attributes = Vec::new();
        text(&mut attributes, 1, self.table);
        let what = format!("deleting the table {}", self.table);
        self.change(what, message::DELETE_TABLE, 0, attributes);
    }

    /// Makes a chain that every arriving packet runs through before it is routed and before anything
    /// is known of its connection, and that lets it pass at its end.
    pub(super) fn make_hook(&mut self, chain: &str) {
        const ACCEPT: u32 = 1;
        const PREROUTING: u32 = 0;
        const RAW: i32 = -300;
        let mut attributes = self.chain(chain);
        nest(&mut attributes, 4, |hook| {
            number(hook, 1, PREROUTING);
            bytes(hook, 2, &RAW.to_be_bytes());
        });
        number(&mut attributes, 5, ACCEPT);
        text(&mut attributes, 7, "filter");
        let what = format!("making the chain {chain} at the hook prerouting");
        self.change(what, message::NEW_CHAIN, netlink::CREATE, attributes);
    }

    /// Makes a chain that packets reach from others, and that must not exist.
    pub(super) fn make_chain(&mut self, chain: &str) {
        let attributes = self.chain(chain);
        let what = format!("making the chain {chain}");
        let flags = netlink::CREATE | netlink::EXCLUSIVE;
        self.change(what, message::NEW_CHAIN, flags, attributes);
    }

    /// Deletes a chain with its rules.
    pub(super) fn delete_chain(&mut self, chain: &str) {
        let attributes = self.chain(chain);
        let what = format!("deleting the chain {chain}");
        self.change(what, message::DELETE_CHAIN, 0, attributes);
    }

    /// Adds a rule at the end of a chain.
    pub(super) fn append(&mut self, chain: &str, rule: &Rule) {
        let mut attributes = self.rules(chain);
        nest(&mut attributes, 4, |list| list.extend_from_slice(&rule.expressions));
        let what = format!("adding a rule to the chain {chain}");
        let flags = netlink::CREATE | netlink::APPEND;
        self.change(what, message::NEW_RULE, flags, attributes);
    }

    /// Deletes every rule of a chain.
    pub(super) fn flush(&mut self, chain: &str) {
        let attributes = self.rules(chain);
        let what = format!("deleting the rules of the chain {chain}");
        self.change(what, message::DELETE_RULE, 0, attributes);
    }

    fn chain(&self, chain: &str) -> Vec<u8> {
        let mut attributes = Vec::new();
        text(&mut attributes, 1, self.table);
        text(&mut attributes, 3, chain);
        attributes
    }

    fn rules(&self, chain: &str) -> Vec<u8> {
        let mut attributes = Vec::new();
        text(&mut attributes, 1, self.table);
        text(&mut attributes, 2, chain);
        attributes
    }

    fn change(&mut self, what: String, kind: u16, flags: u16, attributes: Vec<u8>) {
        self.changes.push(Change { what, kind, flags, attributes });
    }

    fn whole(&self) -> String {
        format!("changing the table {}", self.table)
    }

    /// The bytes of all messages; the first has this sequence number, each further one the next.
    fn encode(&self, begin: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let mut sequence = begin;
        let bound = (family::UNSPECIFIED, message::NFTABLES);
        encode_message(&mut out, message::BATCH_BEGIN, netlink::REQUEST, sequence, bound, &[]);
        for (at, change) in self.changes.iter().enumerate() {
            let asks = if at + 1 == self.changes.len() { netlink::ACK } else { 0 };
            let flags = netlink::REQUEST | change.flags | asks;
            sequence = sequence.wrapping_add(1);
            let head = (family::INET, 0);
            encode_message(&mut out, change.kind, flags, sequence, head, &change.attributes);
        }
        sequence = sequence.wrapping_add(1);
        encode_message(&mut out, message::BATCH_END, netlink::REQUEST, sequence, bound, &[]);
        out
    }
}

impl Rule {
    /// Loads the address family: 2 for IPv4, 10 for IPv6.
    pub(super) fn family(self) -> Self {
        self.fact(Fact::Family)
    }

    /// Loads the number of the protocol that IP carries, behind any extension headers.
    pub(super) fn protocol(self) -> Self {
        self.fact(Fact::Protocol)
    }

    /// Loads bytes of the IP header.
    pub(super) fn network(self, offset: u32, length: u32) -> Self {
        self.header(Header::Network, offset, length)
    }

    /// Loads bytes from the beginning of what IP carries, behind any options and extension headers.
    /// A packet that ends before them does not match.
    pub(super) fn transport(self, offset: u32, length: u32) -> Self {
        self.header(Header::Transport, offset, length)
    }

    /// Loads bytes of an IPv6 extension header. A packet without it does not match.
    pub(super) fn extension(self, header: u8, offset: u32, length: u32) -> Self {
        self.expression("exthdr", |data| {
            number(data, 1, VALUE);
            bytes(data, 2, &[header]);
            number(data, 3, offset);
            number(data, 4, length);
        })
    }

    /// Loads how often this expression was reached, from 1, in big endian.
    pub(super) fn ordinal(self) -> Self {
        const INCREMENTAL: u32 = 0;
        const HOST_TO_NETWORK: u32 = 1;
        let counted = self.expression("numgen", |data| {
            number(data, 1, VALUE);
            number(data, 2, u32::MAX);
            number(data, 3, INCREMENTAL);
            number(data, 4, 1);
        });
        counted.expression("byteorder", |data| {
            number(data, 1, VALUE);
            number(data, 2, VALUE);
            number(data, 3, HOST_TO_NETWORK);
            number(data, 4, 4);
            number(data, 5, 4);
        })
    }

    /// Keeps only these bits of the bytes that were loaded.
    pub(super) fn mask(self, kept: &[u8]) -> Self {
        let length = u32::try_from(kept.len()).expect("a register has 16 bytes");
        self.expression("bitwise", |data| {
            number(data, 1, VALUE);
            number(data, 2, VALUE);
            number(data, 3, length);
            nest(data, 4, |mask| bytes(mask, 1, kept));
            nest(data, 5, |flipped| bytes(flipped, 1, &vec![0; kept.len()]));
        })
    }

    /// Matches when exactly these bytes were loaded.
    pub(super) fn equals(self, value: &[u8]) -> Self {
        self.compare(Comparison::Equal, value)
    }

    /// Matches when other bytes were loaded.
    pub(super) fn differs(self, value: &[u8]) -> Self {
        self.compare(Comparison::NotEqual, value)
    }

    /// Matches when the big endian number that was loaded is at most this.
    pub(super) fn at_most(self, value: &[u8]) -> Self {
        self.compare(Comparison::LessOrEqual, value)
    }

    /// Matches when the byte that was loaded is from the first to the last of these.
    pub(super) fn within(self, first: u8, last: u8) -> Self {
        self.range(Comparison::Equal, first, last)
    }

    /// Matches when the byte that was loaded is less than the first or more than the last of these.
    pub(super) fn outside(self, first: u8, last: u8) -> Self {
        self.range(Comparison::NotEqual, first, last)
    }

    /// Takes the packet away.
    pub(super) fn drop(self) -> Self {
        self.verdict(Verdict::Drop, None)
    }

    /// Sends the packet through a chain, and then on to the next rule.
    pub(super) fn jump(self, chain: &str) -> Self {
        self.verdict(Verdict::Jump, Some(chain))
    }

    /// Sends the packet through a chain instead of the rest of this one.
    pub(super) fn goto(self, chain: &str) -> Self {
        self.verdict(Verdict::Goto, Some(chain))
    }

    /// Spares the packet the rest of this chain.
    pub(super) fn leave(self) -> Self {
        self.verdict(Verdict::Return, None)
    }

    fn fact(self, fact: Fact) -> Self {
        self.expression("meta", |data| {
            number(data, 1, VALUE);
            number(data, 2, fact as u32);
        })
    }

    fn header(self, header: Header, offset: u32, length: u32) -> Self {
        self.expression("payload", |data| {
            number(data, 1, VALUE);
            number(data, 2, header as u32);
            number(data, 3, offset);
            number(data, 4, length);
        })
    }

    fn compare(self, comparison: Comparison, value: &[u8]) -> Self {
        self.expression("cmp", |data| {
            number(data, 1, VALUE);
            number(data, 2, comparison as u32);
            nest(data, 3, |right| bytes(right, 1, value));
        })
    }

    fn range(self, comparison: Comparison, first: u8, last: u8) -> Self {
        self.expression("range", |data| {
            number(data, 1, VALUE);
            number(data, 2, comparison as u32);
            nest(data, 3, |from| bytes(from, 1, &[first]));
            nest(data, 4, |to| bytes(to, 1, &[last]));
        })
    }

    fn verdict(self, verdict: Verdict, chain: Option<&str>) -> Self {
        self.expression("immediate", |data| {
            number(data, 1, VERDICT);
            nest(data, 2, |value| {
                nest(value, 2, |inner| {
                    bytes(inner, 1, &(verdict as i32).to_be_bytes());
                    if let Some(chain) = chain {
                        text(inner, 2, chain);
                    }
                });
            });
        })
    }

    fn expression(mut self, name: &str, data: impl FnOnce(&mut Vec<u8>)) -> Self {
        nest(&mut self.expressions, 1, |element| {
            text(element, 1, name);
            nest(element, 2, data);
        });
        self
    }
}

/// A netlink message: its header, the header of nfnetlink with a family and a resource, attributes.
fn encode_message(
    out: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    sequence: u32,
    (family, resource): (u8, u16),
    attributes: &[u8],
) {
    const HEADERS: usize = 16 + 4;
    const KERNEL: u32 = 0;
    const VERSION: u8 = 0;
    let length = u32::try_from(HEADERS + attributes.len()).expect("a message has less than 4 GiB");
    out.extend_from_slice(&length.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&flags.to_ne_bytes());
    out.extend_from_slice(&sequence.to_ne_bytes());
    out.extend_from_slice(&KERNEL.to_ne_bytes());
    out.extend_from_slice(&[family, VERSION]);
    out.extend_from_slice(&resource.to_be_bytes());
    out.extend_from_slice(attributes);
}

/// An attribute that holds attributes.
fn nest(out: &mut Vec<u8>, kind: u16, inside: impl FnOnce(&mut Vec<u8>)) {
    let mut attributes = Vec::new();
    inside(&mut attributes);
    bytes(out, kind | netlink::NESTED, &attributes);
}

/// An attribute that holds a number; nf_tables has all of them in big endian.
fn number(out: &mut Vec<u8>, kind: u16, value: u32) {
    bytes(out, kind, &value.to_be_bytes());
}

/// An attribute that holds a name, with the zero at its end.
fn text(out: &mut Vec<u8>, kind: u16, value: &str) {
    let mut ended = value.as_bytes().to_vec();
    ended.push(0);
    bytes(out, kind, &ended);
}

/// An attribute: its length without the padding, its kind, its bytes, padding to four.
fn bytes(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    const HEADER: usize = 4;
    let length = u16::try_from(HEADER + value.len()).expect("an attribute has less than 64 KiB");
    out.extend_from_slice(&length.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(HEADER), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_padded_but_its_length_is_not() {
        let mut out = Vec::new();
        text(&mut out, 1, "raw");
        nest(&mut out, 2, |inner| bytes(inner, 3, &[7]));
        let mut expected = Vec::new();
        for (length, kind, value) in
            [(8_u16, 1_u16, &b"raw\0"[..]), (12, 0x8002, &[]), (5, 3, &[7, 0, 0, 0])]
        {
            expected.extend_from_slice(&length.to_ne_bytes());
            expected.extend_from_slice(&kind.to_ne_bytes());
            expected.extend_from_slice(value);
        }
        assert_eq!(out, expected);
    }

    #[test]
    fn only_the_last_change_of_a_batch_asks_for_an_answer() {
        let mut batch = Batch::new("t");
        batch.make_table();
        batch.make_chain("c");
        let messages = messages(&batch.encode(7));
        let expected = [
            (message::BATCH_BEGIN, 0x1, 7),
            (message::NEW_TABLE, 0x601, 8),
            (message::NEW_CHAIN, 0x605, 9),
            (message::BATCH_END, 0x1, 10),
        ];
        assert_eq!(messages, expected);
    }

    /// Kind, flags and sequence number of each message.
    fn messages(mut bytes: &[u8]) -> Vec<(u16, u16, u32)> {
        let mut found = Vec::new();
        while let Some((head, _)) = bytes.split_first_chunk::<16>() {
            let half = |at: usize| u16::from_ne_bytes([head[at], head[at + 1]]);
            let word = |at: usize| {
                u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
            };
            found.push((half(4), half(6), word(8)));
            bytes = &bytes[word(0) as usize..];
        }
        found
    }
}
