/// Goes through a stream chunk by chunk: the ends of the chunks, the last of them that of the
/// stream.
///
/// The chunks have the given lengths, again and again; without any, the stream is one chunk. A
/// length of 0 is a chunk without bytes.
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    length: usize,
    sizes: &'a [usize],
    next: usize,
    at: usize,
    is_over: bool,
}

impl<'a> Chunks<'a> {
    /// Through a stream of so many bytes.
    pub fn new(length: usize, sizes: &'a [usize]) -> Self {
        // Chunks without bytes alone would never come to the end.
        let sizes = if sizes.iter().all(|size| *size == 0) { &[] } else { sizes };
        Self { length, sizes, next: 0, at: 0, is_over: false }
    }
}

impl Iterator for Chunks<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.is_over {
            return None;
        }
        let left = self.length - self.at;
        let size = if self.sizes.is_empty() { left } else { self.sizes[self.next].min(left) };
        self.next += 1;
        if self.next >= self.sizes.len() {
            self.next = 0;
        }
        self.at += size;
        self.is_over = self.at == self.length;
        Some(self.at)
    }
}

/// The lengths of the chunks of a stream.
pub(super) fn lengths(length: usize, sizes: &[usize]) -> Vec<usize> {
    let mut begin = 0;
    let length_of = |end: usize| {
        let length = end - begin;
        begin = end;
        length
    };
    Chunks::new(length, sizes).map(length_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_come_again_and_again_until_the_stream_ends() {
        for (length, sizes, chunks) in [
            (7, &[][..], &[7][..]),
            (7, &[3, 1], &[3, 1, 3]),
            (4, &[1], &[1, 1, 1, 1]),
            (3, &[0, 2], &[0, 2, 0, 1]),
            (3, &[0, 0], &[3]),
            (0, &[1], &[0]),
        ] {
            assert_eq!(lengths(length, sizes), chunks, "{length} {sizes:?}");
        }
    }
}
