use sockspec::framing::laws::Script;
use sockspec::framing::{FrameError, TerminatorFramer};
use tokio_util::codec::{AnyDelimiterCodec, AnyDelimiterCodecError};

use crate::framing::terminator_of;
use crate::peers::{ours, rest, theirs};

/// Holds terminators against `tokio_util::codec::AnyDelimiterCodec` with one delimiter: the same
/// messages up to the same error.
///
/// What is meant to differ:
/// - The codec gives what stands behind the last terminator as a message; for us the stream ends
///   within a frame.
/// - Behind a message that is too long it goes on with the next; both are read up to the first error.
///
/// # Panics
/// When something else differs.
pub fn any_delimiter_codec(input: &[u8]) {
    let script = Script::parse(input);
    let (_, terminator) = terminator_of(script.choice);
    let mut codec =
        AnyDelimiterCodec::new_with_max_length(vec![terminator], vec![terminator], script.limit);
    let mut ours = ours(&mut TerminatorFramer::new(terminator, script.limit), &script);
    let theirs = theirs(&mut codec, &script);
    let is_too_long = match ours.end {
        Ok(()) => false,
        Err(FrameError::TooLong { .. }) => true,
        Err(FrameError::Truncated { offset, .. }) => {
            ours.messages.push(rest(&script, offset).to_vec());
            false
        }
        Err(error) => panic!("{error}"),
    };
    assert_eq!(theirs.messages, ours.messages);
    match theirs.end {
        Ok(()) => assert!(!is_too_long, "no message is too long"),
        Err(AnyDelimiterCodecError::MaxChunkLengthExceeded) => {
            assert!(is_too_long, "a message is too long");
        }
        Err(AnyDelimiterCodecError::Io(error)) => panic!("{error}"),
    }
}
