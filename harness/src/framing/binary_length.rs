use super::encoder::within;
use super::position::Position;
use super::{Cut, EncodeError, Encoder, FrameError, Framer};
use crate::vocabulary::{ByteOrder, Width};

/// Finds messages behind a binary number that says how many bytes they have.
#[derive(Clone, Debug)]
pub struct BinaryLengthFramer {
    width: Width,
    order: ByteOrder,
    limit: usize,
    position: Position,
}

impl BinaryLengthFramer {
    /// For messages of at most `limit` bytes, the header not counted.
    pub const fn new(width: Width, order: ByteOrder, limit: usize) -> Self {
        Self { width, order, limit, position: Position::new() }
    }

    /// The number that the header holds, if it has come whole.
    #[inline]
    fn announced(&self, unread: &[u8]) -> Option<u64> {
        let width = self.width.bytes();
        // One load where there is room for it: a copy of `width` bytes would be a call.
        let bytes = if let Some(bytes) = unread.first_chunk::<8>() {
            *bytes
        } else {
            let mut bytes = [0; 8];
            bytes[..width].copy_from_slice(unread.get(..width)?);
            bytes
        };
        Some(match self.order {
            ByteOrder::Big => u64::from_be_bytes(bytes) >> (64 - 8 * width),
            ByteOrder::Little => u64::from_le_bytes(bytes) & self.width.largest(),
        })
    }
}

impl Framer for BinaryLengthFramer {
    #[inline]
    fn cut(&mut self, unread: &[u8], end: bool) -> Result<Cut, FrameError> {
        self.position.check()?;
        let header = self.width.bytes();
        let Some(announced) = self.announced(unread) else {
            return self.position.wait(unread.len(), header - unread.len(), end);
        };
        self.position.examined += header as u64;
        frame_of(&mut self.position, header, announced, self.limit, unread.len(), end)
    }

    fn examined(&self) -> u64 {
        self.position.examined
    }
}

/// The frame whose header has come whole and announces so many bytes, or how many of them are still
/// to come.
#[inline]
pub(super) fn frame_of(
    position: &mut Position,
    header: usize,
    announced: u64,
    limit: usize,
    unread: usize,
    end: bool,
) -> Result<Cut, FrameError> {
    let within = usize::try_from(announced).ok().filter(|length| *length <= limit);
    let Some(length) = within else {
        return position.too_long(limit, Some(announced));
    };
    let come = unread - header;
    if come >= length {
        Ok(position.frame(header, header + length, header + length))
    } else {
        position.wait(unread, length - come, end)
    }
}

/// Writes messages behind a binary number that says how many bytes they have.
#[derive(Clone, Debug)]
pub struct BinaryLengthEncoder {
    width: Width,
    order: ByteOrder,
    limit: usize,
}

impl BinaryLengthEncoder {
    /// For messages of at most `limit` bytes, the header not counted.
    pub const fn new(width: Width, order: ByteOrder, limit: usize) -> Self {
        Self { width, order, limit }
    }
}

impl Encoder for BinaryLengthEncoder {
    fn encode(&self, message: &[u8], into: &mut Vec<u8>) -> Result<(), EncodeError> {
        within(message, self.limit)?;
        let (length, largest) = (message.len() as u64, self.width.largest());
        if length > largest {
            return Err(EncodeError::TooLongForHeader { length, largest });
        }
        let width = self.width.bytes();
        into.reserve(width + message.len());
        match self.order {
            ByteOrder::Big => into.extend_from_slice(&length.to_be_bytes()[8 - width..]),
            ByteOrder::Little => into.extend_from_slice(&length.to_le_bytes()[..width]),
        }
        into.extend_from_slice(message);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn a_number_is_read_in_every_width_and_order(
        #[values(Width::U8, Width::U16, Width::U24, Width::U32, Width::U64)] width: Width,
        #[values(ByteOrder::Big, ByteOrder::Little)] order: ByteOrder,
        #[values(0, 1, 7, 8, 9)] length: usize,
    ) {
        let message = &b"0123456789"[..length];
        let mut wire = Vec::new();
        let encoder = BinaryLengthEncoder::new(width, order, 9);
        assert_eq!(encoder.encode(message, &mut wire), Ok(()));
        let header = width.bytes();
        assert_eq!(wire.len(), header + length);
        let mut framer = BinaryLengthFramer::new(width, order, 9);
        for come in 0..wire.len() {
            let need = if come < header { header - come } else { wire.len() - come };
            assert_eq!(framer.cut(&wire[..come], false), Ok(Cut::Need(need)), "{come} bytes");
        }
        let frame = Cut::Frame { consumed: wire.len(), body: header..wire.len() };
        assert_eq!(framer.cut(&wire, false), Ok(frame));
    }

    #[test]
    fn the_order_of_bytes_is_what_it_says() {
        let wire = |order| {
            let mut wire = Vec::new();
            let encoder = BinaryLengthEncoder::new(Width::U24, order, 1_000);
            assert_eq!(encoder.encode(&[b'x'; 258], &mut wire), Ok(()));
            wire[..3].to_vec()
        };
        assert_eq!(wire(ByteOrder::Big), [0, 1, 2]);
        assert_eq!(wire(ByteOrder::Little), [2, 1, 0]);
    }

    #[test]
    fn a_header_is_held_against_the_limit_before_anything_else() {
        for (width, header, announced) in [
            (Width::U8, &[4][..], 4),
            (Width::U32, &[0xff, 0xff, 0xff, 0xff], 0xffff_ffff),
            (Width::U64, &[0xff; 8], u64::MAX),
            (Width::U64, &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], i64::MAX as u64),
        ] {
            let mut framer = BinaryLengthFramer::new(width, ByteOrder::Big, 3);
            let error = FrameError::TooLong { offset: 0, limit: 3, announced: Some(announced) };
            assert_eq!(framer.cut(header, false), Err(error));
            assert_eq!(framer.cut(&[], true), Err(error), "the first error is the last");
        }
    }

    #[test]
    fn without_a_limit_the_largest_number_is_waited_for() {
        let mut framer = BinaryLengthFramer::new(Width::U64, ByteOrder::Big, usize::MAX);
        assert_eq!(framer.cut(&[0xff; 8], false), Ok(Cut::Need(usize::MAX)));
        assert_eq!(framer.cut(&[0xff; 10], false), Ok(Cut::Need(usize::MAX - 2)));
    }

    #[test]
    fn a_message_larger_than_its_header_can_say_is_refused() {
        let encoder = BinaryLengthEncoder::new(Width::U8, ByteOrder::Big, 1_000);
        let mut wire = Vec::new();
        let refused = EncodeError::TooLongForHeader { length: 256, largest: 255 };
        assert_eq!(encoder.encode(&[0; 256], &mut wire), Err(refused));
        assert!(wire.is_empty());
        assert_eq!(encoder.encode(&[0; 255], &mut wire), Ok(()));
    }
}
