use sockspec::framing::encoder;
use sockspec::vocabulary::{Framing, Payload};

/// How much is decoded at a time.
pub(crate) const CHUNK: usize = 64 << 10;
/// How long a stream is.
const LENGTH: usize = 64 << 20;
/// The sizes of frames.
pub(crate) const SIZES: [usize; 4] = [16, 256, 4 << 10, 64 << 10];

/// What messages are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// Lower-case letters.
    Letters,
    /// Any bytes.
    Random,
    /// Letters, of which one in so many is a backslash.
    Escapes(usize),
}

/// A stream of frames whose messages have `size` bytes each.
pub(crate) fn of(framing: Framing, size: usize, data: Data) -> Vec<u8> {
    let encoder = encoder(framing, size);
    let mut wire = Vec::with_capacity(LENGTH + 2 * size);
    let mut message = vec![0; size];
    let mut index = 0;
    while wire.len() < LENGTH {
        // A few different messages, again and again: making 64 MiB takes longer than reading them.
        if index < 64 {
            fill(&mut message, index, data);
        }
        index += 1;
        encoder.encode(&message, &mut wire).expect("the framing has a way to write it");
    }
    wire
}

fn fill(message: &mut [u8], seed: u64, data: Data) {
    Payload::generate(seed, 0, message);
    for (at, byte) in message.iter_mut().enumerate() {
        match data {
            Data::Random => {}
            Data::Escapes(every) if at.is_multiple_of(every) => *byte = b'\\',
            Data::Letters | Data::Escapes(_) => *byte = b'a' + *byte % 26,
        }
    }
}
