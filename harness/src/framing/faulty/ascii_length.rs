use super::defect::defects;
use super::search::reserve;
use super::shell::{Core, Found, too_long};
use crate::framing::FrameError;
use crate::vocabulary::{Framing, Padding};

const fn zeros(digits: u8) -> Framing {
    Framing::AsciiLength { digits, padding: Padding::Zeros }
}

const fn blanks(digits: u8) -> Framing {
    Framing::AsciiLength { digits, padding: Padding::Spaces }
}

defects! {
    /// What can be wrong with the framer of decimal lengths.
    AsciiLengthDefect AsciiLength "ascii-length" {
        PartOfANumber 1 zeros(4), [Chunks Truncation Limit] "takes the digits that have come for the number"
        NumberWraps 2 zeros(20), [Limit Model Truncation] "lets a number of more than 64 bits wrap"
        LowBits 2 zeros(8), [Limit Model Truncation] "keeps 16 bits of the number"
        SignedWord 2 blanks(20), [Limit Model Truncation] "keeps 32 bits of the number, and takes one below 0 for 0"
        OneMoreThanTheLimit 3 zeros(4), [Limit] "takes messages of one byte more than the limit"
        HeaderIsCounted 3 blanks(4), [Limit] "holds header and message against the limit"
        ReservesBeforeTheLimit 5 zeros(8), [Memory] "takes memory for what a header announces, and then looks at the limit"
        ReadsTheBodyAgain 7 zeros(4), [Cost] "reads the beginning of a message with every chunk"
        KeepsTheLength 9 zeros(1), [Chunks] "uses the length of a message that came in parts for the next too"
        PlusSign 11 zeros(4), [Model Limit] "takes a plus sign before the number"
        ZerosForBlanks 11 blanks(4), [Model Limit] "takes zeros where blanks are due"
        BlanksForZeros 11 zeros(4), [Model Limit] "takes blanks where zeros are due"
        BlanksBehind 11 blanks(4), [Model Limit] "takes blanks behind the number"
        OtherDigits 11 zeros(8), [Model Limit] "takes any byte for the digit of its low half"
        BlanksAlone 11 blanks(1), [Model Limit] "takes a header without a digit for 0"
        AsksForTheHeader 11 zeros(8), [Hint] "asks for the whole header, of which the next byte may be wrong"
        EmptyWaits 14 blanks(4), [Model Truncation Hint] "waits for one byte behind the header of an empty message"
        StallCountsDown 16 zeros(1), [Stall Hint] "counts a byte in a call without new ones"
    }
}

/// Finds messages behind a decimal number that says how many bytes they have.
pub(super) struct AsciiLengthCore {
    digits: usize,
    padding: Padding,
    limit: usize,
    defect: Option<AsciiLengthDefect>,
    kept: Option<u64>,
    waited: Option<usize>,
    stalls: u64,
    examined: u64,
}

impl AsciiLengthCore {
    pub(super) fn new(
        digits: u8,
        padding: Padding,
        limit: usize,
        defect: Option<AsciiLengthDefect>,
    ) -> Self {
        let digits = usize::from(digits);
        Self { digits, padding, limit, defect, kept: None, waited: None, stalls: 0, examined: 0 }
    }

    fn is(&self, defect: AsciiLengthDefect) -> bool {
        self.defect == Some(defect)
    }

    /// The number that a header, or a part of one, holds.
    fn number(&self, header: &[u8]) -> Result<u64, (usize, u8)> {
        let mut number = 0_u64;
        // How many digits there were, and whether blanks followed.
        let (mut count, mut is_behind) = (0, false);
        for (at, byte) in header.iter().copied().enumerate() {
            let is_last = at + 1 == self.digits;
            let digit = match byte {
                b'0'..=b'9' if !is_behind => byte - b'0',
                b' ' if count == 0 && self.is_blank(is_last) => continue,
                b' ' if count > 0 && self.is(AsciiLengthDefect::BlanksBehind) => {
                    is_behind = true;
                    continue;
                }
                b'+' if count == 0 && !is_last && self.is(AsciiLengthDefect::PlusSign) => continue,
                _ if self.is(AsciiLengthDefect::OtherDigits) => (byte & 15) % 10,
                _ => return Err((at, byte)),
            };
            let is_needless = self.padding == Padding::Spaces && count > 0 && number == 0;
            if is_needless && !self.is(AsciiLengthDefect::ZerosForBlanks) {
                return Err((at, byte));
            }
            count += 1;
            let digit = u64::from(digit);
            number = if self.is(AsciiLengthDefect::NumberWraps) {
                number.wrapping_mul(10).wrapping_add(digit)
            } else {
                number.saturating_mul(10).saturating_add(digit)
            };
        }
        Ok(match self.defect {
            Some(AsciiLengthDefect::LowBits) => number & 0xffff,
            Some(AsciiLengthDefect::SignedWord) if number & 0x8000_0000 != 0 => 0,
            Some(AsciiLengthDefect::SignedWord) => number & 0xffff_ffff,
            _ => number,
        })
    }

    fn is_blank(&self, is_last: bool) -> bool {
        match self.defect {
            Some(AsciiLengthDefect::BlanksForZeros) => !is_last,
            Some(AsciiLengthDefect::BlanksAlone) => true,
            _ => self.padding == Padding::Spaces && !is_last,
        }
    }
}

impl Core for AsciiLengthCore {
    fn find(&mut self, unread: &[u8], _end: bool) -> Found {
        let header = &unread[..unread.len().min(self.digits)];
        self.examined += header.len() as u64;
        let mut number = match self.number(header) {
            Ok(number) => number,
            Err((at, found)) => {
                return Found::Wrong(FrameError::BadLength { offset: at as u64, found });
            }
        };
        let missing = self.digits - header.len();
        let is_part = self.is(AsciiLengthDefect::PartOfANumber) && header.len() > 1;
        if missing > 0 && !is_part {
            let asks = if self.is(AsciiLengthDefect::AsksForTheHeader) { missing } else { 1 };
            return Found::Part(asks);
        }
        let come = unread.len() - header.len();
        match self.defect {
            Some(AsciiLengthDefect::KeepsTheLength) => number = self.kept.unwrap_or(number),
            Some(AsciiLengthDefect::ReservesBeforeTheLimit) => {
                drop(std::hint::black_box(reserve(number)));
            }
            Some(AsciiLengthDefect::ReadsTheBodyAgain) => self.examined += come as u64,
            Some(AsciiLengthDefect::StallCountsDown) if self.waited == Some(unread.len()) => {
                self.stalls += 1;
            }
            _ => {}
        }
        let limit = self.limit as u64;
        let is_too_long = match self.defect {
            Some(AsciiLengthDefect::OneMoreThanTheLimit) => number > limit.saturating_add(1),
            Some(AsciiLengthDefect::HeaderIsCounted) => {
                number.saturating_add(self.digits as u64) > limit
            }
            _ => number > limit,
        };
        if is_too_long {
            return too_long(self.limit, Some(number));
        }
        let least = u64::from(self.is(AsciiLengthDefect::EmptyWaits));
        let wanted = usize::try_from(number.max(least).saturating_sub(self.stalls));
        let wanted = wanted.unwrap_or(usize::MAX);
        if come < wanted {
            self.waited = Some(unread.len());
            self.kept = Some(number);
            return Found::Part(wanted - come);
        }
        (self.waited, self.stalls) = (None, 0);
        let end = header.len() + wanted.min(usize::try_from(number).unwrap_or(wanted));
        Found::Frame(end, header.len()..end)
    }

    fn examined(&self) -> u64 {
        self.examined
    }
}
