/// Looks for a terminator among bytes that come piece by piece.
pub(super) struct Search {
    slip: Option<Slip>,
    scanned: usize,
    examined: u64,
}

/// What can be wrong with such a search.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Slip {
    /// It goes on one byte behind where it stopped.
    BehindTheEdge,
    /// It begins again with every piece.
    Again,
    /// It does not begin again with the next frame.
    KeepsTheIndex,
    /// It goes one byte on although none has come.
    StallMovesOn,
}

impl Search {
    pub(super) const fn new(slip: Option<Slip>) -> Self {
        Self { slip, scanned: 0, examined: 0 }
    }

    /// Where the first `terminator` is, not before `from`.
    pub(super) fn find(&mut self, terminator: u8, unread: &[u8], from: usize) -> Option<usize> {
        let mut begin = self.scanned;
        match self.slip {
            Some(Slip::BehindTheEdge) if begin > 0 => begin += 1,
            Some(Slip::StallMovesOn) if begin > 0 && begin == unread.len() => self.scanned += 1,
            Some(Slip::Again) => begin = 0,
            _ => {}
        }
        let begin = begin.max(from).min(unread.len());
        let found = unread[begin..].iter().position(|byte| *byte == terminator);
        self.examined += found.map_or(unread.len() - begin, |at| at + 1) as u64;
        if found.is_none() {
            self.scanned = self.scanned.max(unread.len());
        } else if self.slip != Some(Slip::KeepsTheIndex) {
            self.scanned = 0;
        }
        found.map(|at| begin + at)
    }

    pub(super) const fn examined(&self) -> u64 {
        self.examined
    }
}

/// Takes memory as a careless decoder does for what may come. No more than this, so that the program
/// itself survives.
pub(super) fn reserve(length: u64) -> Vec<u8> {
    const MOST: u64 = 1 << 20;
    Vec::with_capacity(usize::try_from(length.min(MOST)).unwrap_or_default())
}
