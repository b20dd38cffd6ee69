//! Reading a stream with our framers, and with another library's codec.

use bytes::BytesMut;
use sockspec::framing::laws::{Chunks, Script};
use sockspec::framing::naive::Reading;
use sockspec::framing::{FrameError, Framer, Inbox};
use tokio_util::codec::Decoder;

/// Reads a stream with a framer of ours.
pub(crate) fn ours(framer: &mut impl Framer, script: &Script<'_>) -> Reading<FrameError> {
    let mut reading = Reading { messages: Vec::new(), end: Ok(()) };
    let mut inbox = Inbox::new();
    let mut begin = 0;
    for end in Chunks::new(script.stream.len(), script.sizes()) {
        let chunk = &script.stream[begin..end];
        let is_last = end == script.stream.len();
        let sink = |message: &[u8]| reading.messages.push(message.to_vec());
        if let Err(error) = inbox.feed(framer, chunk, is_last, sink) {
            reading.end = Err(error);
            break;
        }
        begin = end;
    }
    reading
}

/// Reads a stream with a codec of `tokio-util`, up to its first error.
pub(crate) fn theirs<D>(codec: &mut D, script: &Script<'_>) -> Reading<D::Error>
where
    D: Decoder<Item: AsRef<[u8]>>,
{
    let mut messages = Vec::new();
    let end = decode(codec, script, &mut messages);
    Reading { messages, end }
}

fn decode<D>(
    codec: &mut D,
    script: &Script<'_>,
    messages: &mut Vec<Vec<u8>>,
) -> Result<(), D::Error>
where
    D: Decoder<Item: AsRef<[u8]>>,
{
    let mut buffer = BytesMut::new();
    let mut begin = 0;
    for end in Chunks::new(script.stream.len(), script.sizes()) {
        buffer.extend_from_slice(&script.stream[begin..end]);
        begin = end;
        while let Some(message) = codec.decode(&mut buffer)? {
            messages.push(message.as_ref().to_vec());
        }
    }
    while let Some(message) = codec.decode_eof(&mut buffer)? {
        messages.push(message.as_ref().to_vec());
    }
    Ok(())
}

/// What a stream ends with behind its last whole frame.
pub(crate) fn rest<'a>(script: &Script<'a>, offset: u64) -> &'a [u8] {
    usize::try_from(offset).map_or(&[], |offset| &script.stream[offset..])
}
