use super::defect::defects;
use crate::framing::{ESCAPE, EncodeError, Encoder};
use crate::vocabulary::{ByteOrder, Framing, Padding, Terminator, Width};

const LINES: Framing = Framing::Terminator(Terminator::Newline);
const ESCAPED: Framing = Framing::Escaped(Terminator::Nul);
const BASE64: Framing = Framing::Base64(Terminator::Newline);
const DIGIT: Framing = Framing::AsciiLength { digits: 1, padding: Padding::Zeros };
const DIGITS: Framing = Framing::AsciiLength { digits: 4, padding: Padding::Spaces };
const U8: Framing = Framing::BinaryLength { width: Width::U8, order: ByteOrder::Big };
const U16: Framing = Framing::BinaryLength { width: Width::U16, order: ByteOrder::Little };

defects! {
    /// What can be wrong with an encoder.
    EncoderDefect Encoder "encoder" {
        LimitIsForgotten 3 LINES, [Encoding] "writes messages that are larger than the limit"
        OneLessThanTheLimit 3 BASE64, [Encoding] "refuses a message of just the limit"
        ByteIsCut 4 U8, [Encoding] "writes the low byte of a length that needs more"
        WordIsCut 4 U16, [Encoding] "writes the low two bytes of a length that needs more"
        LargestIsRefused 4 U8, [Encoding] "refuses the largest length that its header can say"
        DigitsAreCut 4 DIGIT, [Encoding] "writes the last digits of a length that needs more"
        HeaderGrows 4 DIGITS, [Encoding] "writes more digits than the header has"
        HeaderIsLeft 9 U8, [Untouched] "leaves a header behind when it refuses"
        BeginsAgain 9 LINES, [Untouched] "drops what stood before the message"
        PaddingIsMissing 11 BASE64, [RoundTrip] "writes no padding"
        TerminatorIsWritten 12 LINES, [Encoding] "writes messages that hold the terminator"
        EscapeIsWritten 12 ESCAPED, [RoundTrip] "puts no escape before an escape"
        FirstIsNotLookedAt 13 Framing::Announced, [RoundTrip] "announces the first byte of the message"
        LastIsNotLookedAt 13 Framing::Announced, [RoundTrip] "announces the last byte of the message"
        EmptyIsNotWritten 14 LINES, [RoundTrip] "writes nothing for an empty message"
    }
}

/// Writes messages, right but for its defect.
pub(super) struct FaultyEncoder {
    framing: Framing,
    limit: usize,
    defect: Option<EncoderDefect>,
}

impl FaultyEncoder {
    pub(super) const fn new(framing: Framing, limit: usize, defect: Option<EncoderDefect>) -> Self {
        Self { framing, limit, defect }
    }

    fn is(&self, defect: EncoderDefect) -> bool {
        self.defect == Some(defect)
    }

    /// The message between what stands before and behind it.
    fn framed(&self, message: &[u8]) -> Result<Vec<u8>, EncodeError> {
        let length = message.len() as u64;
        match self.framing {
            Framing::Terminator(terminator) => {
                let terminator = terminator.byte();
                let held = message.iter().position(|byte| *byte == terminator);
                match held {
                    Some(at) if !self.is(EncoderDefect::TerminatorIsWritten) => {
                        Err(EncodeError::HoldsTerminator { at: at as u64, terminator })
                    }
                    _ => Ok([message, &[terminator]].concat()),
                }
            }
            Framing::Escaped(terminator) => {
                let is_special = |byte: u8| {
                    byte == terminator.byte()
                        || byte == ESCAPE && !self.is(EncoderDefect::EscapeIsWritten)
                };
                let escaped = |byte: &u8| {
                    let escape = is_special(*byte).then_some(ESCAPE);
                    escape.into_iter().chain([*byte])
                };
                let mut wire: Vec<u8> = message.iter().flat_map(escaped).collect();
                wire.push(terminator.byte());
                Ok(wire)
            }
            Framing::Base64(terminator) => {
                let mut wire = base64(message, !self.is(EncoderDefect::PaddingIsMissing));
                wire.push(terminator.byte());
                Ok(wire)
            }
            Framing::Announced => {
                let looked_at = match (self.defect, message) {
                    (Some(EncoderDefect::FirstIsNotLookedAt), [_, rest @ ..])
                    | (Some(EncoderDefect::LastIsNotLookedAt), [rest @ .., _]) => rest,
                    _ => message,
                };
                let free = (0..=u8::MAX).find(|byte| !looked_at.contains(byte));
                let terminator = free.ok_or(EncodeError::HoldsEveryByte)?;
                Ok([&[terminator], message, &[terminator]].concat())
            }
            Framing::AsciiLength { digits, padding } => {
                let width = usize::from(digits);
                let fill = if padding == Padding::Zeros { "0" } else { " " };
                let number = length.to_string();
                let header = fill.repeat(width.saturating_sub(number.len())) + &number;
                let header = match self.defect {
                    Some(EncoderDefect::HeaderGrows) => &header,
                    Some(EncoderDefect::DigitsAreCut) => &header[header.len() - width..],
                    _ if header.len() > width => {
                        let largest = 10_u64.pow(digits.into()) - 1;
                        return Err(EncodeError::TooLongForHeader { length, largest });
                    }
                    _ => &header,
                };
                Ok([header.as_bytes(), message].concat())
            }
            Framing::BinaryLength { width, order } => {
                let largest = width.largest();
                let is_cut = self.is(EncoderDefect::ByteIsCut) || self.is(EncoderDefect::WordIsCut);
                let is_refused = length == largest && self.is(EncoderDefect::LargestIsRefused);
                if length > largest && !is_cut || is_refused {
                    return Err(EncodeError::TooLongForHeader { length, largest });
                }
                let mut header = length.to_le_bytes()[..width.bytes()].to_vec();
                if order == ByteOrder::Big {
                    header.reverse();
                }
                Ok([&header, message].concat())
            }
        }
    }
}

impl Encoder for FaultyEncoder {
    fn encode(&self, message: &[u8], into: &mut Vec<u8>) -> Result<(), EncodeError> {
        let limit = match self.defect {
            Some(EncoderDefect::LimitIsForgotten) => usize::MAX,
            Some(EncoderDefect::OneLessThanTheLimit) => self.limit.saturating_sub(1),
            _ => self.limit,
        };
        if message.len() > limit {
            let (length, limit) = (message.len() as u64, self.limit as u64);
            return Err(EncodeError::TooLong { length, limit });
        }
        match self.framed(message) {
            Ok(_) if message.is_empty() && self.is(EncoderDefect::EmptyIsNotWritten) => {}
            Ok(wire) => {
                if self.is(EncoderDefect::BeginsAgain) {
                    into.clear();
                }
                into.extend(wire);
            }
            Err(error) => {
                if self.is(EncoderDefect::HeaderIsLeft) {
                    into.push(0);
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Six bits at a time, the last of them filled up with zeros.
fn base64(message: &[u8], is_padded: bool) -> Vec<u8> {
    let bit = |at: usize| message.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let bits = 8 * message.len();
    let mut text: Vec<u8> = (0..bits)
        .step_by(6)
        .map(|from| (from..from + 6).fold(0, |value, at| value << 1 | bit(at)))
        .map(|value| match value {
            0..26 => b'A' + value,
            26..52 => b'a' + value - 26,
            52..62 => b'0' + value - 52,
            62 => b'+',
            _ => b'/',
        })
        .collect();
    while is_padded && !text.len().is_multiple_of(4) {
        text.push(b'=');
    }
    text
}
