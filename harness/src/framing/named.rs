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
