use std::io;

use bytes::BytesMut;
use sockspec::framing::laws::Script;
use sockspec::framing::naive::Reading;
use sockspec::framing::{BinaryLengthEncoder, BinaryLengthFramer, Encoder, FrameError};
use sockspec::vocabulary::ByteOrder;
use tokio_util::codec::{Encoder as _, LengthDelimitedCodec};

use crate::framing::binary_length_of;
use crate::peers::{ours, rest, theirs};

/// The codec takes memory for what a header announces, up to its limit: no fuzzer could give it more.
const LARGEST: usize = 1 << 20;

/// Holds binary lengths against `tokio_util::codec::LengthDelimitedCodec`: the same messages, the
/// same kind of end, and the same bytes written.
///
/// What is meant to differ:
/// - The codec takes a stream that ends directly behind a header for whole, since it has consumed
///   the header; for us it ends within a frame.
/// - It takes memory for a message as soon as the header has come; a limit of 1 MiB bounds that here.
/// - Behind an error it may go on; both are read up to the first.
///
/// # Panics
/// When something else differs.
pub fn length_delimited_codec(input: &[u8]) {
    let mut script = Script::parse(input);
    script.limit = script.limit.min(LARGEST);
    let (width, order) = binary_length_of(script.choice);
    let mut builder = LengthDelimitedCodec::builder();
    builder.length_field_length(width.bytes()).max_frame_length(script.limit);
    if order == ByteOrder::Little {
        builder.little_endian();
    }
    let mut codec = builder.new_codec();
    let ours = ours(&mut BinaryLengthFramer::new(width, order, script.limit), &script);
    let theirs = theirs(&mut codec, &script);
    assert_eq!(ours.messages, theirs.messages, "{width} {order}");

    let is_header_alone = |offset| rest(&script, offset).len() == width.bytes();
    let expected = match ours.end {
        Ok(()) => None,
        Err(FrameError::TooLong { .. }) => Some(io::ErrorKind::InvalidData),
        Err(FrameError::Truncated { offset, .. }) if is_header_alone(offset) => None,
        Err(FrameError::Truncated { .. }) => Some(io::ErrorKind::Other),
        Err(error) => panic!("{width} {order}: {error}"),
    };
    assert_eq!(theirs.end.err().map(|error| error.kind()), expected, "{width} {order}");

    let encoder = BinaryLengthEncoder::new(width, order, script.limit);
    let Reading { messages, .. } = ours;
    for message in messages.iter().map(Vec::as_slice).chain([script.stream]) {
        let (mut our_bytes, mut their_bytes) = (Vec::new(), BytesMut::new());
        let is_ours = encoder.encode(message, &mut our_bytes).is_ok();
        let is_theirs = codec.encode(message, &mut their_bytes).is_ok();
        assert_eq!((is_ours, &our_bytes[..]), (is_theirs, &their_bytes[..]), "{width} {order}");
    }
}
