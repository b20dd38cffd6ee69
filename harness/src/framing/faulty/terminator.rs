use super::defect::defects;
use super::search::{Search, Slip, reserve};
use super::shell::{Core, Found, too_long};
use crate::vocabulary::{Framing, Terminator};

const LINES: Framing = Framing::Terminator(Terminator::Newline);
const NUL: Framing = Framing::Terminator(Terminator::Nul);

defects! {
    /// What can be wrong with the framer of terminators.
    TerminatorDefect Terminator "terminator" {
        SearchBehindTheEdge 1 LINES, [Chunks] "misses a terminator that is the first byte of a chunk"
        OneMoreThanTheLimit 3 LINES, [Limit] "gives messages of one byte more than the limit"
        TerminatorIsCounted 3 NUL, [Limit] "holds message and terminator against the limit"
        LimitOnlyWhenCut 3 LINES, [Limit] "knows the limit only while it waits for more"
        ReservesTheLimit 5 LINES, [Memory] "takes memory for the largest message at once"
        WaitsForEver 6 NUL, [Limit] "keeps bytes without a terminator, whatever the limit"
        SearchesAgain 7 LINES, [Cost] "searches from the frame's beginning with every chunk"
        KeepsTheIndex 9 LINES, [Chunks] "begins the next search where the last one ended"
        EmptyAreMerged 14 NUL, [Model Chunks] "takes terminators in a row for one"
        StallMovesOn 16 LINES, [Stall] "goes one byte on in a call without new bytes"
    }
}

/// Finds messages that end with a terminator byte.
pub(super) struct TerminatorCore {
    terminator: u8,
    limit: usize,
    search: Search,
    defect: Option<TerminatorDefect>,
}

impl TerminatorCore {
    pub(super) const fn new(
        terminator: Terminator,
        limit: usize,
        defect: Option<TerminatorDefect>,
    ) -> Self {
        let slip = match defect {
            Some(TerminatorDefect::SearchBehindTheEdge) => Some(Slip::BehindTheEdge),
            Some(TerminatorDefect::SearchesAgain) => Some(Slip::Again),
            Some(TerminatorDefect::KeepsTheIndex) => Some(Slip::KeepsTheIndex),
            Some(TerminatorDefect::StallMovesOn) => Some(Slip::StallMovesOn),
            _ => None,
        };
        Self { terminator: terminator.byte(), limit, search: Search::new(slip), defect }
    }
}

impl Core for TerminatorCore {
    fn find(&mut self, unread: &[u8], _end: bool) -> Found {
        if self.defect == Some(TerminatorDefect::ReservesTheLimit) {
            drop(std::hint::black_box(reserve(self.limit as u64)));
        }
        let found = self.search.find(self.terminator, unread, 0);
        let is_too_long = match (self.defect, found) {
            (Some(TerminatorDefect::OneMoreThanTheLimit), Some(length)) => {
                length > self.limit.saturating_add(1)
            }
            (Some(TerminatorDefect::TerminatorIsCounted), Some(length)) => length + 1 > self.limit,
            (Some(TerminatorDefect::LimitOnlyWhenCut), Some(_))
            | (Some(TerminatorDefect::WaitsForEver), None) => false,
            (_, Some(length)) => length > self.limit,
            (_, None) => unread.len() > self.limit,
        };
        if is_too_long {
            return too_long(self.limit, None);
        }
        let Some(at) = found else { return Found::Part(1) };
        let mut consumed = at + 1;
        while self.defect == Some(TerminatorDefect::EmptyAreMerged)
            && unread.get(consumed) == Some(&self.terminator)
        {
            consumed += 1;
        }
        Found::Frame(consumed, 0..at)
    }

    fn examined(&self) -> u64 {
        self.search.examined()
    }
}
