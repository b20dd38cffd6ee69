/// A block of a pcapng file, as a reader sees it that knows nothing of how it was written.
#[derive(Debug)]
pub(in crate::wire) struct Block<'a> {
    pub(in crate::wire) kind: u32,
    /// What stands before the options.
    pub(in crate::wire) fixed: &'a [u8],
    /// The captured bytes, of a packet.
    pub(in crate::wire) data: &'a [u8],
    pub(in crate::wire) options: Vec<(u16, &'a [u8])>,
}

impl<'a> Block<'a> {
    pub(in crate::wire) const SECTION: u32 = 0x0a0d_0d0a;
    pub(in crate::wire) const INTERFACE: u32 = 1;
    pub(in crate::wire) const STATISTICS: u32 = 5;
    pub(in crate::wire) const PACKET: u32 = 6;

    /// Reads a file to its last byte, in which every number is little-endian.
    pub(in crate::wire) fn of_file(mut file: &'a [u8]) -> Result<Vec<Self>, String> {
        let mut blocks = Vec::new();
        while !file.is_empty() {
            let (kind, length) = (number(file, 0)?, number(file, 4)?);
            let (block, rest) = usize::try_from(length)
                .ok()
                .filter(|length| *length >= 12 && length % 4 == 0)
                .and_then(|length| file.split_at_checked(length))
                .ok_or_else(|| format!("a block of kind {kind:#x} has the length {length}"))?;
            if number(block, block.len() - 4)? != length {
                return Err(format!("a block of kind {kind:#x} has another length at its end"));
            }
            blocks.push(Self::of_body(kind, &block[8..block.len() - 4])?);
            file = rest;
        }
        Ok(blocks)
    }

    fn of_body(kind: u32, body: &'a [u8]) -> Result<Self, String> {
        let fixed = match kind {
            Self::SECTION => 16,
            Self::INTERFACE => 8,
            Self::STATISTICS => 12,
            Self::PACKET => 20,
            _ => return Err(format!("there are no blocks of kind {kind:#x}")),
        };
        let (fixed, rest) =
            body.split_at_checked(fixed).ok_or_else(|| format!("block {kind:#x} is cut"))?;
        let captured = if kind == Self::PACKET { number(fixed, 12)? } else { 0 };
        let (data, rest) = padded(rest, captured)?;
        Ok(Self { kind, fixed, data, options: options(rest)? })
    }

    /// The values of an option, as text.
    pub(in crate::wire) fn texts(&self, code: u16) -> Result<Vec<&'a str>, String> {
        self.options
            .iter()
            .filter(|(of, _)| *of == code)
            .map(|(_, value)| str::from_utf8(value).map_err(|error| format!("a text: {error}")))
            .collect()
    }

    /// The number at a place of the fixed part.
    pub(in crate::wire) fn number(&self, at: usize) -> Result<u32, String> {
        number(self.fixed, at)
    }
}

/// Options are there to the end of a block, or not at all.
fn options(mut rest: &[u8]) -> Result<Vec<(u16, &[u8])>, String> {
    let mut options = Vec::new();
    while !rest.is_empty() {
        let word = number(rest, 0)?.to_le_bytes();
        let code = u16::from_le_bytes([word[0], word[1]]);
        let length = u16::from_le_bytes([word[2], word[3]]);
        if code == 0 {
            let is_last = length == 0 && rest.len() == 4;
            return if is_last { Ok(options) } else { Err("something ends no options".to_owned()) };
        }
        let (value, behind) = padded(&rest[4..], u32::from(length))?;
        options.push((code, value));
        rest = behind;
    }
    if options.is_empty() { Ok(options) } else { Err("the options do not end".to_owned()) }
}

/// Takes so many bytes, and the zeros behind them up to the next multiple of four.
fn padded(bytes: &[u8], length: u32) -> Result<(&[u8], &[u8]), String> {
    let length = usize::try_from(length).map_err(|error| error.to_string())?;
    let (value, rest) = bytes
        .split_at_checked(length)
        .ok_or_else(|| format!("{length} bytes are announced, {} there", bytes.len()))?;
    let (padding, rest) = rest
        .split_at_checked(length.next_multiple_of(4) - length)
        .ok_or_else(|| format!("the padding of {length} bytes is cut"))?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(format!("the padding is {padding:?}"));
    }
    Ok((value, rest))
}

fn number(bytes: &[u8], at: usize) -> Result<u32, String> {
    bytes
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_le_bytes)
        .ok_or_else(|| format!("the file ends within a number at {at}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// An interface of the name "ab".
    const GOOD: [u8; 32] = [
        1, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 2, 0, 2, 0, b'a', b'b', 0, 0, 0, 0, 0, 0,
        32, 0, 0, 0,
    ];

    #[test]
    fn a_block_is_read() {
        let blocks = Block::of_file(&GOOD).expect("it is one");
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].kind, Block::INTERFACE);
        assert_eq!(blocks[0].number(4), Ok(256));
        assert_eq!(blocks[0].texts(2), Ok(vec!["ab"]));
    }

    #[rstest]
    #[case::kind(0, 9, "there are no blocks of kind 0x9")]
    #[case::length(4, 36, "a block of kind 0x1 has the length 36")]
    #[case::uneven(4, 30, "a block of kind 0x1 has the length 30")]
    #[case::trailer(28, 28, "a block of kind 0x1 has another length at its end")]
    #[case::option(18, 9, "9 bytes are announced, 8 there")]
    #[case::padding(23, 1, "the padding is [0, 1]")]
    #[case::end(26, 4, "something ends no options")]
    #[case::endless(24, 3, "the options do not end")]
    #[case::text(20, 0xff, "a text: invalid utf-8 sequence of 1 bytes from index 0")]
    fn what_is_wrong_is_told(#[case] at: usize, #[case] byte: u8, #[case] expected: &str) {
        let mut file = GOOD;
        file[at] = byte;
        let told = Block::of_file(&file)
            .and_then(|blocks| blocks[0].texts(2).map(|_| ()))
            .expect_err("it is wrong");
        assert_eq!(told, expected);
    }
}
