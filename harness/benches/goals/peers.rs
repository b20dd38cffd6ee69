//! What framers are held against: the same stream through other hands.

use std::hint::black_box;

use bytes::{Buf, BytesMut};
use data_encoding::BASE64;
use memchr::memchr_iter;
use sockspec::framing::{ESCAPE, Framer, Inbox, Next};
use tokio_util::codec::{Decoder, LengthDelimitedCodec, LinesCodec};

use super::stream::CHUNK;

/// Gives the chunks of a stream to an inbox where they are, and returns how many messages there were.
pub(crate) fn ours<F: Framer>(mut framer: F, stream: &[u8]) -> usize {
    let mut inbox = Inbox::new();
    let mut count = 0;
    for chunk in stream.chunks(CHUNK) {
        let sink = |message: &[u8]| {
            black_box(message);
            count += 1;
        };
        inbox.feed(&mut framer, chunk, false, sink).expect("the stream is made of frames");
    }
    count
}

/// The same by an inbox that reads the chunks, which copies them as a kernel would.
pub(crate) fn ours_copied<F: Framer>(mut framer: F, stream: &[u8]) -> usize {
    let mut inbox = Inbox::new();
    let mut count = 0;
    for chunk in stream.chunks(CHUNK) {
        let mut source = chunk;
        while !source.is_empty() {
            inbox.fill(&mut source).expect("memory can be read");
            while let Next::Message(message) =
                inbox.next(&mut framer, false).expect("the stream is made of frames")
            {
                black_box(message);
                count += 1;
            }
        }
    }
    count
}

/// Copies a stream chunk by chunk, which any reader does at least once.
pub(crate) fn copy(stream: &[u8]) {
    let mut buffer = vec![0; CHUNK];
    for chunk in stream.chunks(CHUNK) {
        buffer[..chunk.len()].copy_from_slice(chunk);
        black_box(&buffer[..chunk.len()]);
    }
}

/// A codec of tokio-util, with the buffer of its kind.
fn codec<D: Decoder>(mut codec: D, stream: &[u8]) -> usize {
    let mut buffer = BytesMut::with_capacity(CHUNK);
    let mut count = 0;
    for chunk in stream.chunks(CHUNK) {
        buffer.extend_from_slice(chunk);
        while let Ok(Some(message)) = codec.decode(&mut buffer) {
            black_box(message);
            count += 1;
        }
    }
    count
}

/// A codec for frames with a length of 32 bits, most significant byte first.
pub(crate) fn length_delimited(limit: usize) -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(limit).new_codec()
}

/// [`LengthDelimitedCodec`].
pub(crate) fn length_delimited_codec(stream: &[u8]) -> usize {
    codec(length_delimited(1 << 20), stream)
}

/// [`LinesCodec`].
pub(crate) fn lines_codec(stream: &[u8]) -> usize {
    codec(LinesCodec::new(), stream)
}

/// Searches a stream for the ends of lines, where it is.
pub(crate) fn search(stream: &[u8]) -> usize {
    let mut count = 0;
    for chunk in stream.chunks(CHUNK) {
        for at in memchr_iter(b'\n', chunk) {
            black_box(at);
            count += 1;
        }
    }
    count
}

/// Takes escapes out of a stream byte by byte, as it would be written first.
pub(crate) fn byte_loop(stream: &[u8]) -> usize {
    let mut message = Vec::new();
    let mut is_escaped = false;
    let mut count = 0;
    for chunk in stream.chunks(CHUNK) {
        for &byte in chunk {
            if is_escaped {
                message.push(byte);
                is_escaped = false;
            } else if byte == ESCAPE {
                is_escaped = true;
            } else if byte == b'\n' {
                black_box(&message);
                message.clear();
                count += 1;
            } else {
                message.push(byte);
            }
        }
    }
    count
}

/// Decodes lines of base64 whose places are known, of so many characters each.
pub(crate) fn base64_alone(stream: &[u8], characters: usize) -> usize {
    let mut message = vec![0; BASE64.decode_len(characters).expect("whole groups")];
    let mut count = 0;
    for line in stream.chunks_exact(characters + 1) {
        let decoded = BASE64.decode_mut(&line[..characters], &mut message);
        black_box(&message[..decoded.expect("it is base64")]);
        count += 1;
    }
    count
}

/// Feeds a frame to [`LengthDelimitedCodec`] byte by byte.
pub(crate) fn length_delimited_by_bytes(stream: &[u8]) {
    let mut codec = length_delimited(usize::MAX >> 1);
    let mut buffer = BytesMut::new();
    for byte in stream {
        buffer.extend_from_slice(std::slice::from_ref(byte));
        if let Ok(Some(message)) = codec.decode(&mut buffer) {
            black_box(message.remaining());
        }
    }
}
