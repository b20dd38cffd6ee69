use super::{
    AnnouncedEncoder, AnnouncedFramer, AsciiLengthEncoder, AsciiLengthFramer, Base64Encoder,
    Base64Framer, BinaryLengthEncoder, BinaryLengthFramer, Encoder, EscapedEncoder, EscapedFramer,
    Framer, TerminatorEncoder, TerminatorFramer,
};
use crate::vocabulary::Framing;

/// A framer of the framing, for messages of at most `limit` bytes.
pub fn framer(framing: Framing, limit: usize) -> Box<dyn Framer + Send> {
    match framing {
        Framing::Terminator(terminator) => {
            Box::new(TerminatorFramer::new(terminator.byte(), limit))
        }
        Framing::Escaped(terminator) => Box::new(EscapedFramer::new(terminator.byte(), limit)),
        Framing::Base64(terminator) => Box::new(Base64Framer::new(terminator.byte(), limit)),
        Framing::Announced => Box::new(AnnouncedFramer::new(limit)),
        Framing::AsciiLength { digits, padding } => {
            Box::new(AsciiLengthFramer::new(digits, padding, limit))
        }
        Framing::BinaryLength { width, order } => {
            Box::new(BinaryLengthFramer::new(width, order, limit))
        }
    }
}

/// An encoder of the framing, for messages of at most `limit` bytes.
pub fn encoder(framing: Framing, limit: usize) -> Box<dyn Encoder + Send> {
    match framing {
        Framing::Terminator(terminator) => {
            Box::new(TerminatorEncoder::new(terminator.byte(), limit))
        }
        Framing::Escaped(terminator) => Box::new(EscapedEncoder::new(terminator.byte(), limit)),
        Framing::Base64(terminator) => Box::new(Base64Encoder::new(terminator.byte(), limit)),
        Framing::Announced => Box::new(AnnouncedEncoder::new(limit)),
        Framing::AsciiLength { digits, padding } => {
            Box::new(AsciiLengthEncoder::new(digits, padding, limit))
        }
        Framing::BinaryLength { width, order } => {
            Box::new(BinaryLengthEncoder::new(width, order, limit))
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::framing::{Inbox, Next};

    const MESSAGES: [&[u8]; 3] = [b"four", b"", b"eleven byte"];

    /// What a framer says that it looked at, when a stream came in chunks of a size.
    fn examined(framing: &str, size: usize) -> u64 {
        let framing = framing.parse().expect("it is a framing");
        let mut wire = Vec::new();
        for message in MESSAGES {
            encoder(framing, 16).encode(message, &mut wire).expect("it can be written");
        }
        let (mut framer, mut inbox, mut count) = (framer(framing, 16), Inbox::new(), 0);
        for chunk in wire.chunks(size) {
            inbox.push(chunk);
            while let Ok(Next::Message(message)) = inbox.next(&mut framer, false) {
                assert_eq!(message, MESSAGES[count]);
                count += 1;
            }
        }
        assert_eq!(count, MESSAGES.len());
        framer.examined()
    }

    #[rstest]
    fn room_for_a_frame_is_made_once(
        #[values("terminator", "escaped", "announced", "ascii-length 4", "binary-length u32")]
        framing: &str,
    ) {
        let mut wire = Vec::new();
        let framing = framing.parse().expect("it is a framing");
        encoder(framing, 100).encode(&[b'x'; 100], &mut wire).expect("it can be written");
        assert_eq!(wire.capacity(), wire.len());
    }

    /// A count that says too little would hide what the laws look for.
    #[rstest]
    // Every byte once, however it came.
    #[case("terminator", 18, 18)]
    // And the announcement with each look: one for each byte, but for the first of the later frames.
    #[case("announced", 18 + 3, 18 + 6 + 1 + 12)]
    // And each body once more, to decode it.
    #[case("base64", 27 + 24, 27 + 24)]
    // Two bytes more with each look, for an escape that may stand there: one for each byte, and one
    // behind each frame.
    #[case("escaped", 15 + 2 * 4, 15 + 2 * (18 + 3))]
    // Only the header: with each of its bytes what came of it, and then all of it once more.
    #[case("ascii-length 4", 3 * 4, 3 * (1 + 2 + 3 + 4) + 2 * 4)]
    // Only the header, when it is whole, and once more with the body.
    #[case("binary-length u32", 3 * 4, 3 * 4 + 2 * 4)]
    fn what_was_looked_at_is_counted(
        #[case] framing: &str,
        #[case] whole: u64,
        #[case] by_bytes: u64,
    ) {
        assert_eq!((examined(framing, 64), examined(framing, 1)), (whole, by_bytes));
    }
}
