use super::binary_length::frame_of;
use super::encoder::within;
use super::position::Position;
use super::{Cut, EncodeError, Encoder, FrameError, Framer};
use crate::vocabulary::{Framing, Padding};

/// Finds messages behind a decimal number that says how many bytes they have.
///
/// The number has one form only: where zeros fill the header, every place of it is a digit; where
/// blanks do, they come first and the number has no leading zero.
#[derive(Clone, Debug)]
pub struct AsciiLengthFramer {
    digits: usize,
    padding: Padding,
    limit: usize,
    position: Position,
}

impl AsciiLengthFramer {
    /// For headers of so many digits and messages of at most `limit` bytes, the header not counted.
    ///
    /// # Panics
    /// When there is no digit, or more than [`Framing::MOST_DIGITS`].
    pub const fn new(digits: u8, padding: Padding, limit: usize) -> Self {
        assert!(digits > 0 && digits <= Framing::MOST_DIGITS, "a header has 1 to 20 digits");
        Self { digits: digits as usize, padding, limit, position: Position::new() }
    }

    /// The number that a header holds, or the first byte of it that cannot stand where it does.
    #[inline]
    fn number(&self, header: &[u8]) -> Result<u64, usize> {
        let filler = self.padding.byte();
        // At least the last place is a digit.
        let places = &header[..header.len().min(self.digits - 1)];
        let blank = places.iter().take_while(|byte| **byte == filler).count();
        let mut number = 0_u64;
        for (at, byte) in header.iter().enumerate().skip(blank) {
            let digit = byte.wrapping_sub(b'0');
            let needless = self.padding == Padding::Spaces && at > blank && number == 0;
            if digit > 9 || needless {
                return Err(at);
            }
            // Twenty digits can say more than 64 bits hold; no limit is as large.
            number = number.saturating_mul(10).saturating_add(u64::from(digit));
        }
        Ok(number)
    }
}

impl Framer for AsciiLengthFramer {
    #[inline]
    fn cut(&mut self, unread: &[u8], end: bool) -> Result<Cut, FrameError> {
        self.position.check()?;
        let header = &unread[..unread.len().min(self.digits)];
        self.position.examined += header.len() as u64;
        match self.number(header) {
            Err(at) => {
                let offset = self.position.offset_of(at);
                self.position.fail(FrameError::BadLength { offset, found: header[at] })
            }
            // The next byte may be wrong already.
            Ok(_) if header.len() < self.digits => self.position.wait(unread.len(), 1, end),
            Ok(number) => {
                frame_of(&mut self.position, self.digits, number, self.limit, unread.len(), end)
            }
        }
    }

    fn examined(&self) -> u64 {
        self.position.examined
    }
}

/// Writes messages behind a decimal number that says how many bytes they have.
#[derive(Clone, Debug)]
pub struct AsciiLengthEncoder {
    digits: usize,
    padding: Padding,
    limit: usize,
}

impl AsciiLengthEncoder {
    /// For headers of so many digits and messages of at most `limit` bytes, the header not counted.
    ///
    /// # Panics
    /// When there is no digit, or more than [`Framing::MOST_DIGITS`].
    pub const fn new(digits: u8, padding: Padding, limit: usize) -> Self {
        assert!(digits > 0 && digits <= Framing::MOST_DIGITS, "a header has 1 to 20 digits");
        Self { digits: digits as usize, padding, limit }
    }
}

impl Encoder for AsciiLengthEncoder {
    fn encode(&self, message: &[u8], into: &mut Vec<u8>) -> Result<(), EncodeError> {
        within(message, self.limit)?;
        let mut header = [self.padding.byte(); Framing::MOST_DIGITS as usize];
        let header = &mut header[..self.digits];
        let mut rest = message.len();
        for place in header.iter_mut().rev() {
            *place = b"0123456789"[rest % 10];
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if rest > 0 {
            let largest = 10_u64.pow(u32::try_from(self.digits).unwrap_or(u32::MAX)) - 1;
            return Err(EncodeError::TooLongForHeader { length: message.len() as u64, largest });
        }
        into.reserve(self.digits + message.len());
        into.extend_from_slice(header);
        into.extend_from_slice(message);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::zeros(Padding::Zeros, 5, "00005", b"hello")]
    #[case::blanks(Padding::Spaces, 5, "    5", b"hello")]
    #[case::no_room_for_padding(Padding::Spaces, 1, "5", b"hello")]
    #[case::empty(Padding::Zeros, 3, "000", b"")]
    #[case::empty_behind_blanks(Padding::Spaces, 3, "  0", b"")]
    #[case::two_digits(Padding::Spaces, 4, "  12", b"twelve bytes")]
    #[case::inner_zero(Padding::Spaces, 4, "  10", b"ten bytes!")]
    fn the_header_is_the_number_of_bytes(
        #[case] padding: Padding,
        #[case] digits: u8,
        #[case] header: &str,
        #[case] message: &[u8],
    ) {
        let mut wire = Vec::new();
        assert_eq!(AsciiLengthEncoder::new(digits, padding, 64).encode(message, &mut wire), Ok(()));
        assert_eq!(wire, [header.as_bytes(), message].concat());
        let mut framer = AsciiLengthFramer::new(digits, padding, 64);
        let from = header.len();
        for come in 0..wire.len() {
            let need = if come < from { 1 } else { wire.len() - come };
            assert_eq!(framer.cut(&wire[..come], false), Ok(Cut::Need(need)));
        }
        let frame = Cut::Frame { consumed: wire.len(), body: from..wire.len() };
        assert_eq!(framer.cut(&wire, false), Ok(frame));
    }

    #[rstest]
    #[case::sign(Padding::Zeros, "+005", 0)]
    #[case::blank_for_zero(Padding::Zeros, " 005", 0)]
    #[case::blank_behind(Padding::Zeros, "005 ", 3)]
    #[case::hexadecimal(Padding::Zeros, "000a", 3)]
    #[case::below_the_digits(Padding::Zeros, "00/0", 2)]
    #[case::above_the_digits(Padding::Zeros, "00:0", 2)]
    #[case::beyond_ascii(Padding::Zeros, "٠", 0)]
    #[case::zero_for_blank(Padding::Spaces, "  05", 3)]
    #[case::zeros_for_blanks(Padding::Spaces, "0005", 1)]
    #[case::two_zeros(Padding::Spaces, "  00", 3)]
    #[case::blank_inside(Padding::Spaces, " 1 5", 2)]
    #[case::sign_behind_blanks(Padding::Spaces, "  -5", 2)]
    #[case::blanks_alone(Padding::Spaces, "    ", 3)]
    fn another_form_of_the_number_is_refused_at_its_first_wrong_byte(
        #[case] padding: Padding,
        #[case] header: &str,
        #[case] at: usize,
    ) {
        let wire = header.as_bytes();
        let error = FrameError::BadLength { offset: at as u64, found: wire[at] };
        let mut framer = AsciiLengthFramer::new(4, padding, 1_000);
        assert_eq!(framer.cut(wire, false), Err(error));
        assert_eq!(framer.cut(b"", true), Err(error), "the first error is the last");
        let mut framer = AsciiLengthFramer::new(4, padding, 1_000);
        for come in 0..=at {
            assert_eq!(framer.cut(&wire[..come], false), Ok(Cut::Need(1)));
        }
        assert_eq!(framer.cut(&wire[..=at], false), Err(error), "as soon as it has come");
    }

    #[test]
    fn a_number_is_held_against_the_limit() {
        let mut framer = AsciiLengthFramer::new(4, Padding::Zeros, 99);
        let error = FrameError::TooLong { offset: 0, limit: 99, announced: Some(100) };
        assert_eq!(framer.cut(b"0100", false), Err(error));
        let mut framer = AsciiLengthFramer::new(20, Padding::Zeros, 99);
        let error = FrameError::TooLong { offset: 0, limit: 99, announced: Some(u64::MAX) };
        assert_eq!(framer.cut(b"99999999999999999999", false), Err(error));
    }

    #[test]
    fn a_message_larger_than_its_header_can_say_is_refused() {
        let encoder = AsciiLengthEncoder::new(2, Padding::Zeros, 1_000);
        let mut wire = Vec::new();
        let refused = EncodeError::TooLongForHeader { length: 100, largest: 99 };
        assert_eq!(encoder.encode(&[0; 100], &mut wire), Err(refused));
        assert!(wire.is_empty());
        assert_eq!(encoder.encode(&[0; 99], &mut wire), Ok(()));
    }
}
