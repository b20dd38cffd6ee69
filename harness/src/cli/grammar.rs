/// Words of the grammar that belong together.
#[derive(Debug)]
pub(super) struct Section {
    /// What stands above their table.
    pub(super) title: &'static str,
    /// The words.
    pub(super) words: &'static [Word],
}

/// A word that only the grammar of scenarios knows.
#[derive(Debug)]
pub(super) struct Word {
    /// The word, as `sockspec explain` takes it.
    pub(super) text: &'static str,
    /// What kind of word it is.
    pub(super) kind: &'static str,
    /// How it is written, where that is more than the word alone; several ways stand in backticks.
    pub(super) form: &'static str,
    /// What it means.
    pub(super) meaning: &'static str,
}

const fn word(
    word: &'static str,
    kind: &'static str,
    form: &'static str,
    meaning: &'static str,
) -> Word {
    Word { text: word, kind, form, meaning }
}

const HEADER: &str = "a header line";
const FRAMING: &str = "a framing";
const OF_FRAMING: &str = "a part of `framing`";
const OF_FRAME: &str = "a part of `sendframe`";
const PLACE: &str = "a place in an address";
const OUTCOME: &str = "an outcome";
const CONDITION: &str = "a condition";
const WIRE: &str = "a `wire` step";
const OF_WIRE: &str = "a part of `wire`";

/// The words of the grammar, as they stand in the reference.
pub(super) const GRAMMAR: &[Section] = &[
    Section {
        title: "Header lines",
        words: &[
            word(
                "cite",
                HEADER,
                "cite TEXT; TEXT",
                "where the behaviour is laid down: RFC sections, POSIX pages, man pages",
            ),
            word(
                "level",
                "a header line and a condition",
                "level must|should|may",
                "how binding it is (RFC 2119); without the line, `must`",
            ),
            word(
                "needs",
                HEADER,
                "needs CAPABILITY ...",
                "what the subject must be able to do; without it the case is unsupported",
            ),
            word(
                "over",
                HEADER,
                "over TRANSPORT ...",
                "one case for each transport; without the line, every step that makes a socket names its own",
            ),
            word(
                "on",
                HEADER,
                "on TOPOLOGY ...",
                "one case for each topology: `loopback`, `netns`, `routed`, or `lan HOST GROUP*N ...`; without the line, `loopback`",
            ),
            word(
                "not",
                HEADER,
                "not TRANSPORT|TOPOLOGY ... \"REASON\"",
                "why the behaviour is not tested there; may be repeated, and `netns` stands for all topologies between hosts",
            ),
            word(
                "pair",
                HEADER,
                "pair A.x B.y",
                "a connected pair before the first step; may be repeated",
            ),
            word(
                "framing",
                HEADER,
                "framing SPEC limit SIZE [for ACTOR]",
                "how frames are written on the sockets of every actor, or of that one; may be repeated",
            ),
            word(
                "vary",
                "a header line, or a block",
                "vary NAME VALUE ...",
                "one case for each value, which stands in the steps and in `framing` lines as `$NAME`; `1..64` is a range of whole numbers; without values, `case` lines follow",
            ),
        ],
    },
    Section {
        title: "Other lines",
        words: &[
            word(
                "case",
                "a line of a `vary` block",
                "case NAME: STEP; STEP",
                "steps of the cases in which the block has this value",
            ),
            word(
                "same",
                "a line",
                "same across NAME",
                "the variants must leave the same outcomes at every step outside its blocks",
            ),
            word("wait", "a step", "wait TIME", "lets time pass"),
            word(
                "length",
                "a part of `setopt`",
                "length N",
                "only N bytes of the value are passed, fewer than it has",
            ),
            word(
                "router",
                "an actor",
                "",
                "the forwarding host of `routed`, where that is the only topology",
            ),
            word(
                "group",
                "several hosts of a `lan`",
                "on lan a listeners*3",
                "a step of `listeners` is performed by each of the three in turn",
            ),
        ],
    },
    Section {
        title: "Framings",
        words: &[
            word(
                "terminator",
                FRAMING,
                "terminator [newline|nul]",
                "the message, which must not hold the terminator, and that",
            ),
            word(
                "escaped",
                FRAMING,
                "escaped [newline|nul]",
                "a terminator, with a backslash before it and before itself inside the message",
            ),
            word(
                "base64",
                FRAMING,
                "base64 [newline|nul]",
                "the message in base64 with padding (RFC 4648 §4), and a terminator",
            ),
            word(
                "announced",
                FRAMING,
                "",
                "a byte that the message does not hold, the message, and that byte again",
            ),
            word(
                "ascii-length",
                FRAMING,
                "ascii-length DIGITS [zeros|spaces]",
                "the message behind its length in so many decimal digits, 1 to 20, filled up on the left",
            ),
            word(
                "binary-length",
                FRAMING,
                "binary-length u8|u16|u24|u32|u64 [big|little]",
                "the message behind its length as an unsigned integer",
            ),
            word(
                "limit",
                OF_FRAMING,
                "limit SIZE",
                "how many bytes a message may have, 256 MiB at most",
            ),
            word(
                "newline",
                OF_FRAMING,
                "",
                "the terminator is a line feed, 0x0a; meant where none is written",
            ),
            word("nul", OF_FRAMING, "", "the terminator is the byte 0"),
            word(
                "zeros",
                OF_FRAMING,
                "",
                "the length is filled up with the digit 0; meant where nothing is written",
            ),
            word("spaces", OF_FRAMING, "", "the length is filled up with blanks, 0x20"),
            word("u8", OF_FRAMING, "", "the length is an integer of one byte"),
            word("u16", OF_FRAMING, "", "the length is an integer of two bytes"),
            word("u24", OF_FRAMING, "", "the length is an integer of three bytes"),
            word("u32", OF_FRAMING, "", "the length is an integer of four bytes"),
            word("u64", OF_FRAMING, "", "the length is an integer of eight bytes"),
            word(
                "big",
                OF_FRAMING,
                "",
                "the length's most significant byte comes first; meant where nothing is written",
            ),
            word("little", OF_FRAMING, "", "the length's least significant byte comes first"),
        ],
    },
    Section {
        title: "Pieces of a frame",
        words: &[
            word(
                "cut",
                OF_FRAME,
                "cut N",
                "the first N bytes of the frame, and in a call of its own the rest",
            ),
            word("by", OF_FRAME, "by N", "N bytes a call"),
            word(
                "first",
                "a part of `wire drop` and of `sendframe`",
                "first N",
                "the first so many of these packets; only the first so many bytes of the frame, so that the stream can end or go on within it",
            ),
            word("rest", OF_FRAME, "rest N", "only what is behind the first N bytes"),
        ],
    },
    Section {
        title: "Places",
        words: &[
            word("HOST", PLACE, "", "the host of that actor"),
            word(
                "@",
                PLACE,
                "HOST@NEIGHBOUR",
                "the address that the host has on the link it shares with the other one, such as `router@client`",
            ),
            word("any", PLACE, "", "every address of the own host; in a `wire` line, every host"),
            word("broadcast", PLACE, "", "255.255.255.255; IPv4 only"),
            word(
                "subnet-broadcast",
                PLACE,
                "`subnet-broadcast`, `subnet-broadcast@HOST`",
                "the broadcast address of the own subnet, or of the one that the host lives on; in IPv6, which has none, the subnet's highest address",
            ),
            word("all-nodes", PLACE, "", "ff02::1, every node of the link; IPv6 only"),
            word(
                "nobody",
                PLACE,
                "",
                "an address of the link that no host has; in IPv4 one that ends in 255",
            ),
        ],
    },
    Section {
        title: "Outcomes",
        words: &[
            word("ok", OUTCOME, "", "success, whatever else it says (of any verb)"),
            word(
                "COUNT",
                OUTCOME,
                "`4`, `1..4095`, `1..`",
                "a count, or a range of counts, ends included",
            ),
            word(
                "bytes",
                OUTCOME,
                "`\"bytes\"`, `bytes SIZE [of SEED]`",
                "exactly these bytes, of `recvframe` as one message; a datagram that was cut says `MSG_TRUNC` after them",
            ),
            word(
                "all",
                OUTCOME,
                "all of ACTOR.SOCKET",
                "every byte accepted from that socket and not yet received (for `drain`, `recv` and `read`)",
            ),
            word("eof", OUTCOME, "", "the end of the stream; of `recvframe`, between two frames"),
            word("truncated", "an outcome of recvframe", "", "the stream ended within a frame"),
            word(
                "too-long",
                "an outcome of sendframe and recvframe",
                "",
                "the message is larger than the limit, or what came of it is, or what its header announces",
            ),
            word(
                "malformed",
                "an outcome of recvframe",
                "",
                "bytes that nobody writes in this framing",
            ),
            word(
                "unencodable",
                "an outcome of sendframe",
                "",
                "the framing has no way to write the message: it holds the terminator, or is too long for the header",
            ),
            word(
                "ERRNO",
                OUTCOME,
                "`ECONNRESET`, `EPIPE SIGPIPE`",
                "this error, with this signal or none",
            ),
            word(
                "timeout",
                OUTCOME,
                "",
                "the limit set by the step or by `SO_RCVTIMEO` or `SO_SNDTIMEO` ended the call",
            ),
            word(
                "blocked",
                OUTCOME,
                "",
                "the call does not return; watched for 100 ms unless `for T`",
            ),
            word(
                "none",
                "an outcome of poll",
                "`in out rdhup hup err pri nval`, `none`",
                "these poll flags and no other; `none`, no flag is set",
            ),
            word(
                "VALUE",
                "an outcome of getopt",
                "`on`, `off`, a number, `4096..`, a time, `1s..2s`, an errno or `0`, `ESTABLISHED`",
                "the option's value; an errno is a value of `SO_ERROR`, and of any other option the failure to read it",
            ),
            word("ADDRESS", "an outcome of name and peername", "", "the address"),
        ],
    },
    Section {
        title: "Conditions",
        words: &[
            word(
                "after",
                CONDITION,
                "after T",
                "hard: the call may not return earlier, by the subject's monotonic clock, less only the granularity that the subject declares for that wait",
            ),
            word(
                "before",
                CONDITION,
                "`before T`, `before T must`",
                "soft: a later return is slow, after the bound was stretched by what the machine stalled and by `--slack`; with `must` it fails",
            ),
            word(
                "for",
                CONDITION,
                "for T",
                "it stays so for that long (`blocked`, poll flags, `wire` counts)",
            ),
            word("from", CONDITION, "from HOST", "the bytes came from that host (`recvfrom`)"),
            word(
                "times",
                "at the end of an expectation",
                "times N",
                "the step is performed N times in a row, 2 to 1000: `after T` and `before T must` hold for each call, `before T` for the median, and the first call that is not as expected ends the step",
            ),
        ],
    },
    Section {
        title: "The wire",
        words: &[
            word(
                "wire",
                "a step",
                "`wire FROM -> TO KIND [at HOST] [via HOST|all] [ttl N] [seq N] [ack N] [port-unreachable] => COUNT [for T]`, `wire FROM -> TO KIND [...] before FROM -> TO KIND [...]`",
                "so many packets were seen, with `for` still so after that time; the first packet of one set came before the first of the other",
            ),
            word(
                "mark",
                WIRE,
                "wire mark",
                "packets before this are not counted by later `wire` lines of the case",
            ),
            word(
                "drop",
                WIRE,
                "wire drop FROM -> TO KIND [first N|nth N]",
                "these packets arrive at nobody from now on: all, the first so many, or one, counted from 1",
            ),
            word(
                "pass",
                WIRE,
                "wire pass FROM -> TO KIND",
                "ends every drop of the same FROM, TO and KIND",
            ),
            word("down", WIRE, "wire down HOST", "the host's links go down"),
            word("up", WIRE, "wire up HOST", "the host's links come up again"),
            word(
                "mtu",
                WIRE,
                "wire mtu HOST N",
                "the host's links carry packets of N bytes at most, 68 to 65535; IPv6 needs 1280",
            ),
            word(
                "route",
                WIRE,
                "wire route HOST via NEIGHBOUR",
                "the host sends what has no better way through that neighbour, on the link that they share",
            ),
            word("nth", "a part of `wire drop`", "nth N", "one of these packets, counted from 1"),
            word(
                "at",
                OF_WIRE,
                "at HOST",
                "the packets that arrive at that host's link, not those that are put on the sender's",
            ),
            word(
                "via",
                OF_WIRE,
                "`via HOST`, `via all`",
                "the link-layer frame is addressed to that host, or to everyone",
            ),
            word("ttl", OF_WIRE, "ttl N", "the packet's time to live, in IPv6 its hop limit, is N"),
            word(
                "seq",
                OF_WIRE,
                "seq N",
                "the segment's sequence number, counted from the SYN of who sends it, which has 0",
            ),
            word(
                "ack",
                OF_WIRE,
                "ack N",
                "the segment's acknowledgement number, counted from the SYN of who receives it",
            ),
            word(
                "port-unreachable",
                OF_WIRE,
                "",
                "of `icmp`: only messages that say that nobody listens on the port",
            ),
        ],
    },
];

impl Word {
    /// How it is written, in backticks.
    pub(super) fn written(&self) -> String {
        match self.form {
            "" => format!("`{}`", self.text),
            forms if forms.contains('`') => forms.to_owned(),
            form => format!("`{form}`"),
        }
    }
}
