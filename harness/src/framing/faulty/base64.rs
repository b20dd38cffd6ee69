use super::defect::defects;
use super::search::{Search, Slip, reserve};
use super::shell::{Core, Found, too_long};
use crate::framing::{Base64Fault, FrameError};
use crate::vocabulary::{Framing, Terminator};

const LINES: Framing = Framing::Base64(Terminator::Newline);
const NUL: Framing = Framing::Base64(Terminator::Nul);

defects! {
    /// What can be wrong with the framer of base64.
    Base64Defect Base64 "base64" {
        SearchBehindTheEdge 1 LINES, [Chunks] "misses a terminator that is the first byte of a chunk"
        CharactersAreLimited 3 LINES, [Limit Model] "holds the characters against the limit"
        PaddingIsCounted 3 LINES, [Limit] "holds three bytes for each four characters against the limit"
        LimitOfCharactersOnly 3 NUL, [Limit] "holds no message against the limit once it is decoded"
        ReservesTheLimit 5 LINES, [Memory] "takes memory for the largest message at once"
        WaitsForEver 6 NUL, [Limit] "keeps bytes without a terminator, whatever the limit"
        SearchesAgain 7 LINES, [Cost] "searches from the frame's beginning with every chunk"
        KeepsTheMessage 9 LINES, [Model] "leaves the end of a longer message behind a shorter one"
        UnusedBits 11 LINES, [Model] "takes a last character whose unused bits are not 0"
        MissingPadding 11 LINES, [Model] "takes texts without padding"
        InnerBlanks 11 NUL, [Model] "goes over blanks"
        OtherAlphabet 11 LINES, [Model] "takes the characters of the alphabet for file names too"
        PaddingInside 11 NUL, [Model] "takes several texts with padding for one"
        StallMovesOn 16 NUL, [Stall] "goes one byte on in a call without new bytes"
    }
}

/// Finds messages in base64 that end with a terminator byte.
pub(super) struct Base64Core {
    terminator: u8,
    limit: usize,
    search: Search,
    defect: Option<Base64Defect>,
    message: Vec<u8>,
}

impl Base64Core {
    pub(super) const fn new(
        terminator: Terminator,
        limit: usize,
        defect: Option<Base64Defect>,
    ) -> Self {
        let slip = match defect {
            Some(Base64Defect::SearchBehindTheEdge) => Some(Slip::BehindTheEdge),
            Some(Base64Defect::SearchesAgain) => Some(Slip::Again),
            Some(Base64Defect::StallMovesOn) => Some(Slip::StallMovesOn),
            _ => None,
        };
        let search = Search::new(slip);
        Self { terminator: terminator.byte(), limit, search, defect, message: Vec::new() }
    }

    fn is(&self, defect: Base64Defect) -> bool {
        self.defect == Some(defect)
    }

    fn value(&self, character: u8) -> Option<u8> {
        Some(match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'-' if self.is(Base64Defect::OtherAlphabet) => 62,
            b'_' if self.is(Base64Defect::OtherAlphabet) => 63,
            _ => return None,
        })
    }

    fn decode(&self, text: &[u8]) -> Result<Vec<u8>, (usize, Base64Fault)> {
        let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
        let data = &text[..text.len() - padding];
        let has_length = text.len().is_multiple_of(4)
            || self.is(Base64Defect::MissingPadding) && padding == 0 && data.len() % 4 > 1;
        if !has_length {
            return Err((0, Base64Fault::Length(text.len() as u64)));
        }
        let mut bytes = Vec::with_capacity(data.len());
        let (mut bits, mut held) = (0_u32, 0_u32);
        for (at, character) in data.iter().enumerate() {
            if *character == b'=' && self.is(Base64Defect::PaddingInside) && at % 4 > 1 {
                held = 0;
                continue;
            }
            let Some(value) = self.value(*character) else {
                return Err((
                    at,
                    match character {
                        b'=' => Base64Fault::Padding,
                        other => Base64Fault::Character(*other),
                    },
                ));
            };
            bits = bits << 6 | u32::from(value);
            held += 6;
            if held >= 8 {
                held -= 8;
                bytes.push((bits >> held).to_le_bytes()[0]);
                bits &= (1 << held) - 1;
            }
        }
        match data.last() {
            Some(last) if bits > 0 && !self.is(Base64Defect::UnusedBits) => {
                Err((data.len() - 1, Base64Fault::UnusedBits(*last)))
            }
            _ => Ok(bytes),
        }
    }
}

impl Core for Base64Core {
    fn find(&mut self, unread: &[u8], _end: bool) -> Found {
        if self.is(Base64Defect::ReservesTheLimit) {
            drop(std::hint::black_box(reserve(self.limit as u64)));
        }
        let most = if self.is(Base64Defect::CharactersAreLimited) {
            self.limit
        } else {
            self.limit.div_ceil(3).saturating_mul(4)
        };
        let found = self.search.find(self.terminator, unread, 0);
        let is_too_long = match found {
            Some(at) => at > most,
            None => unread.len() > most && !self.is(Base64Defect::WaitsForEver),
        };
        if is_too_long {
            return too_long(self.limit, None);
        }
        let Some(at) = found else { return Found::Part(1) };
        let mut text = unread[..at].to_vec();
        if self.is(Base64Defect::InnerBlanks) {
            text.retain(|byte| *byte != b' ');
        }
        if self.is(Base64Defect::PaddingIsCounted) && at / 4 * 3 > self.limit {
            return too_long(self.limit, None);
        }
        match self.decode(&text) {
            Err((offset, fault)) => {
                Found::Wrong(FrameError::BadBase64 { offset: offset as u64, fault })
            }
            Ok(message)
                if message.len() > self.limit && !self.is(Base64Defect::LimitOfCharactersOnly) =>
            {
                too_long(self.limit, Some(message.len() as u64))
            }
            Ok(message) => {
                if !self.is(Base64Defect::KeepsTheMessage) {
                    self.message.clear();
                }
                let written = message.len().min(self.message.len());
                self.message[..written].copy_from_slice(&message[..written]);
                self.message.extend_from_slice(&message[written..]);
                Found::Frame(at + 1, 0..at)
            }
        }
    }

    fn message<'a>(&'a self, _body: &'a [u8]) -> &'a [u8] {
        &self.message
    }

    fn examined(&self) -> u64 {
        self.search.examined()
    }
}
