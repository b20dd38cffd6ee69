use sockspec::framing::laws::Script;
use sockspec::framing::naive::Reading;
use sockspec::framing::{FrameError, TerminatorFramer};
use tokio_util::codec::{LinesCodec, LinesCodecError};

use crate::peers::{ours, rest, theirs};

/// Holds lines against `tokio_util::codec::LinesCodec`: the same lines up to the same kind of error.
///
/// What is meant to differ:
/// - The codec takes a carriage return off the end of a line; for us it is data.
/// - It gives text alone, and an error in place of a line that is no UTF-8; for us bytes are bytes.
/// - It gives what stands behind the last terminator as a line, but for a single carriage return; for
///   us the stream ends within a frame.
/// - Behind a line that is too long it goes on with the next; both are read up to the first error.
///
/// # Panics
/// When something else differs.
pub fn lines_codec(input: &[u8]) {
    let script = Script::parse(input);
    let ours = ours(&mut TerminatorFramer::new(b'\n', script.limit), &script);
    let theirs = theirs(&mut LinesCodec::new_with_max_length(script.limit), &script);
    let expected = as_the_codec(ours, &script);
    assert_eq!(theirs.messages, expected.messages);
    let end = theirs.end.map_err(|error| match error {
        LinesCodecError::MaxLineLengthExceeded => Wrong::TooLong,
        LinesCodecError::Io(_) => Wrong::NoText,
    });
    assert_eq!(end, expected.end);
}

/// What can be wrong with a line for the codec.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    TooLong,
    NoText,
}

/// What we read, as the codec would give it.
fn as_the_codec(ours: Reading<FrameError>, script: &Script<'_>) -> Reading<Wrong> {
    let mut messages = ours.messages;
    let mut end = Ok(());
    match ours.end {
        Ok(()) => {}
        Err(FrameError::TooLong { .. }) => end = Err(Wrong::TooLong),
        Err(FrameError::Truncated { offset, .. }) => match rest(script, offset) {
            b"\r" => {}
            rest => messages.push(rest.to_vec()),
        },
        Err(error) => panic!("{error}"),
    }
    for message in &mut messages {
        message.truncate(message.strip_suffix(b"\r").unwrap_or(message).len());
    }
    if let Some(at) = messages.iter().position(|message| str::from_utf8(message).is_err()) {
        messages.truncate(at);
        end = Err(Wrong::NoText);
    }
    Reading { messages, end }
}
