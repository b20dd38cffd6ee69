/// What a fuzzer's bytes mean: a stream, how it is cut into chunks, and a limit.
///
/// The stream is the bytes as they are. Only a small tail is taken for the rest, so that nearly all
/// of what a fuzzer makes up reaches the decoder: from the back one byte, whose low half chooses
/// the limit out of [`Script::LIMITS`] and whose high half is the choice of whoever asks, and before
/// it one byte for every 24 of the rest, at most 16, each the size of a chunk. Streams too short to
/// have any are cut everywhere by the laws.
#[derive(Clone, Debug)]
pub struct Script<'a> {
    /// The stream.
    pub stream: &'a [u8],
    /// The size of a message at most.
    pub limit: usize,
    /// Whether an inbox is fed chunk by chunk (`false`) or has bytes pushed into it.
    pub is_pushed: bool,
    /// What a fuzzer chose beside, below 16: parameters of a framing.
    pub choice: u8,
    sizes: [usize; MOST],
    count: usize,
}

const MOST: usize = 16;
const BYTES_PER_SIZE: usize = 24;

impl<'a> Script<'a> {
    /// The limits that a fuzzer chooses from.
    pub const LIMITS: [usize; 16] =
        [0, 1, 2, 3, 4, 7, 8, 16, 64, 128, 255, 256, 4_096, 65_536, 1 << 20, usize::MAX];

    /// Takes a fuzzer's bytes apart. Of none, the stream is empty.
    pub fn parse(input: &'a [u8]) -> Self {
        let (control, rest) = input.split_last().unwrap_or((&0, input));
        let count = (rest.len() / BYTES_PER_SIZE).min(MOST);
        let (stream, tail) = rest.split_at(rest.len() - count);
        let mut script = Self::new(stream, Self::LIMITS[usize::from(control % 16)], &[1]);
        script.is_pushed = stream.len() % 2 == 1;
        script.choice = control / 16;
        for (size, byte) in script.sizes.iter_mut().zip(tail) {
            *size = size_of(*byte);
        }
        script.count = count.max(1);
        script
    }

    /// A script that is known. Of the chunk sizes the first 16 count.
    pub fn new(stream: &'a [u8], limit: usize, sizes: &[usize]) -> Self {
        let mut script = Self {
            stream,
            limit,
            is_pushed: false,
            choice: 0,
            sizes: [0; MOST],
            count: sizes.len().min(MOST),
        };
        script.sizes[..script.count].copy_from_slice(&sizes[..script.count]);
        script
    }

    /// The sizes of the chunks, which come again and again until the stream ends. Without any, the
    /// stream is one chunk.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes[..self.count]
    }
}

/// Small chunks are where decoders break, so that most bytes mean one; letters, which fuzzers like,
/// mean the smallest.
fn size_of(byte: u8) -> usize {
    let byte = usize::from(byte);
    match byte {
        0..64 => byte,
        64..128 => byte % 4,
        128..192 => byte - 127,
        _ => (byte - 191) * 32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_every_byte_is_part_of_the_stream() {
        for length in [64, 100, 255, 1_024, 4_096] {
            let input = vec![7; length];
            let script = Script::parse(&input);
            assert!(script.stream.len() * 100 >= length * 93, "{length}");
        }
        assert_eq!(Script::parse(b"").stream, b"");
        assert_eq!(Script::parse(b"x").stream, b"");
        assert_eq!(Script::parse(b"stream\x18").stream, b"stream");
    }

    #[test]
    fn the_tail_says_limit_and_sizes() {
        let script = Script::parse(b"stream\x38");
        assert_eq!((script.limit, script.choice, script.sizes()), (64, 3, &[1][..]));
        let mut input = vec![b's'; 70];
        input.extend([b'a', 3, 0x0f]);
        let script = Script::parse(&input);
        assert_eq!((script.stream.len(), script.limit), (69, usize::MAX));
        assert_eq!((script.choice, script.sizes()), (0, &[3, 1, 3][..]));
        assert_eq!([0, 63, 64, 128, 191, 192, 255].map(size_of), [0, 63, 0, 1, 64, 32, 2_048]);
    }
}
