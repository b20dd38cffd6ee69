use super::defect::defects;
use super::search::reserve;
use super::shell::{Core, Found, too_long};
use crate::vocabulary::{ByteOrder, Framing, Width};

const fn of(width: Width, order: ByteOrder) -> Framing {
    Framing::BinaryLength { width, order }
}

const U8: Framing = of(Width::U8, ByteOrder::Big);
const U16: Framing = of(Width::U16, ByteOrder::Big);
const U16_LITTLE: Framing = of(Width::U16, ByteOrder::Little);
const U24: Framing = of(Width::U24, ByteOrder::Big);
const U24_LITTLE: Framing = of(Width::U24, ByteOrder::Little);
const U32: Framing = of(Width::U32, ByteOrder::Big);
const U32_LITTLE: Framing = of(Width::U32, ByteOrder::Little);
const U64: Framing = of(Width::U64, ByteOrder::Big);
const U64_LITTLE: Framing = of(Width::U64, ByteOrder::Little);

defects! {
    /// What can be wrong with the framer of binary lengths.
    BinaryLengthDefect BinaryLength "binary-length" {
        PartOfAHeader 1 U32, [Chunks Truncation Limit] "takes the bytes of a header that have not come for 0"
        SumWraps 2 U64, [Progress Truncation Limit] "adds the header to the length, which wraps, before the limit"
        SignedByte 2 U8, [Limit Model Truncation] "reads one byte as a signed number, and none below 0"
        SignedWord 2 U32_LITTLE, [Limit Model Truncation] "reads four bytes as a signed number, and none below 0"
        LowBits 2 U24_LITTLE, [Limit Model Truncation] "keeps 16 bits of the number"
        LowWord 2 U64_LITTLE, [Limit Model Truncation] "keeps 32 bits of the number"
        LargestMeansNone 2 U16, [Limit Model Truncation] "takes the largest number for 0"
        BelowTheHeader 2 U32, [Model Truncation Limit] "takes a length below the header's for 0"
        AsksForTheWhole 2 U16, [Hint] "asks for the whole message when a part of it has come"
        OneMoreThanTheLimit 3 U16_LITTLE, [Limit] "takes messages of one byte more than the limit"
        HeaderIsCounted 3 U32, [Limit] "holds header and message against the limit"
        LimitOnlyWhenCut 3 U8, [Limit] "knows the limit only while it waits for more"
        ReservesBeforeTheLimit 5 U32, [Memory] "takes memory for what a header announces, and then looks at the limit"
        ReservesTheMessage 5 U24, [Memory] "takes memory for a message before it has come"
        ReadsTheBodyAgain 7 U16, [Cost] "reads the beginning of a message with every chunk"
        KeepsTheLength 9 U8, [Chunks] "uses the length of a message that came in parts for the next too"
        EmptyWaits 14 U8, [Model Truncation Hint] "waits for one byte behind the header of an empty message"
        StallCountsDown 16 U16, [Stall Hint] "counts a byte in a call without new ones"
    }
}

/// Finds messages behind a binary number that says how many bytes they have.
pub(super) struct BinaryLengthCore {
    width: Width,
    order: ByteOrder,
    defect: Option<BinaryLengthDefect>,
    limit: usize,
    /// The length, as a defect remembers it.
    kept: Option<u64>,
    /// How many bytes there were when more were needed, and how many were counted in calls without
    /// any.
    waited: Option<usize>,
    stalls: u64,
    examined: u64,
}

impl BinaryLengthCore {
    pub(super) const fn new(
        width: Width,
        order: ByteOrder,
        limit: usize,
        defect: Option<BinaryLengthDefect>,
    ) -> Self {
        Self { width, order, defect, limit, kept: None, waited: None, stalls: 0, examined: 0 }
    }

    fn is(&self, defect: BinaryLengthDefect) -> bool {
        self.defect == Some(defect)
    }

    /// The number that a header holds, of which there is at least one byte.
    fn number(&self, header: &[u8]) -> u64 {
        let place = |at: usize| match self.order {
            ByteOrder::Big => 8 * (self.width.bytes() - 1 - at),
            ByteOrder::Little => 8 * at,
        };
        let number =
            header.iter().enumerate().map(|(at, byte)| u64::from(*byte) << place(at)).sum();
        let is_below = |bits: u32| number >> (bits - 1) == 1;
        match self.defect {
            Some(BinaryLengthDefect::SignedByte) if is_below(8) => 0,
            Some(BinaryLengthDefect::SignedWord) if is_below(32) => 0,
            Some(BinaryLengthDefect::LowBits) => number & 0xffff,
            Some(BinaryLengthDefect::LowWord) => number & 0xffff_ffff,
            Some(BinaryLengthDefect::LargestMeansNone) if number == self.width.largest() => 0,
            Some(BinaryLengthDefect::BelowTheHeader) if number < self.width.bytes() as u64 => 0,
            _ => number,
        }
    }

    fn is_too_long(&self, number: u64, come: u64) -> bool {
        let (limit, header) = (self.limit as u64, self.width.bytes() as u64);
        match self.defect {
            Some(BinaryLengthDefect::OneMoreThanTheLimit) => number > limit.saturating_add(1),
            Some(BinaryLengthDefect::HeaderIsCounted) => number.saturating_add(header) > limit,
            Some(BinaryLengthDefect::SumWraps) => {
                number.wrapping_add(header) > limit.saturating_add(header)
            }
            Some(BinaryLengthDefect::LimitOnlyWhenCut) => come < number && number > limit,
            _ => number > limit,
        }
    }
}

impl Core for BinaryLengthCore {
    fn find(&mut self, unread: &[u8], _end: bool) -> Found {
        let header = self.width.bytes();
        let is_part = self.is(BinaryLengthDefect::PartOfAHeader) && !unread.is_empty();
        if unread.len() < header && !is_part {
            return Found::Part(header - unread.len());
        }
        let come = unread.len().saturating_sub(header);
        let mut number = self.number(&unread[..header.min(unread.len())]);
        self.examined += header as u64;
        match self.defect {
            Some(BinaryLengthDefect::KeepsTheLength) => number = self.kept.unwrap_or(number),
            Some(BinaryLengthDefect::ReservesBeforeTheLimit) => {
                drop(std::hint::black_box(reserve(number)));
            }
            Some(BinaryLengthDefect::ReadsTheBodyAgain) => self.examined += come as u64,
            Some(BinaryLengthDefect::StallCountsDown) if self.waited == Some(unread.len()) => {
                self.stalls += 1;
            }
            _ => {}
        }
        if self.is_too_long(number, come as u64) {
            return too_long(self.limit, Some(number));
        }
        if self.is(BinaryLengthDefect::ReservesTheMessage) {
            drop(std::hint::black_box(reserve(number)));
        }
        if self.is(BinaryLengthDefect::SumWraps) && number.checked_add(header as u64).is_none() {
            let whole = number.wrapping_add(header as u64).to_le_bytes()[0];
            return Found::Frame(usize::from(whole), 0..0);
        }
        let least = u64::from(self.is(BinaryLengthDefect::EmptyWaits));
        let wanted = usize::try_from(number.max(least).saturating_sub(self.stalls));
        let wanted = wanted.unwrap_or(usize::MAX);
        if unread.len() < header || come < wanted {
            self.waited = Some(unread.len());
            self.kept = Some(number);
            let need = if self.is(BinaryLengthDefect::AsksForTheWhole) { 0 } else { come };
            return Found::Part((wanted - need).max(1));
        }
        (self.waited, self.stalls) = (None, 0);
        let end = header + wanted.min(usize::try_from(number).unwrap_or(wanted));
        Found::Frame(end, header..end)
    }

    fn examined(&self) -> u64 {
        self.examined
    }
}
