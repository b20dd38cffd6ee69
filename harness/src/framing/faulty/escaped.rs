use super::defect::defects;
use super::search::reserve;
use super::shell::{Core, Found, too_long};
use crate::framing::{ESCAPE, FrameError};
use crate::vocabulary::{Framing, Terminator};

const LINES: Framing = Framing::Escaped(Terminator::Newline);
const NUL: Framing = Framing::Escaped(Terminator::Nul);

defects! {
    /// What can be wrong with the framer of escapes.
    EscapedDefect Escaped "escaped" {
        EdgeForgetsTheEscape 1 LINES, [Chunks Hint] "forgets an escape that is the last byte of a chunk"
        EdgeRepeatsTheEscape 1 NUL, [Chunks] "reads an escape that is the last byte of a chunk twice"
        EscapesAreCounted 3 LINES, [Limit] "holds message and escapes against the limit"
        EscapedAreNotCounted 3 LINES, [Limit] "holds only the bytes without an escape against the limit"
        OneMoreThanTheLimit 3 NUL, [Limit] "gives messages of one byte more than the limit"
        ReservesTheLimit 5 LINES, [Memory] "takes memory for the largest message at once"
        WaitsForEver 6 NUL, [Limit] "keeps bytes without a terminator, whatever the limit"
        ScansAgain 7 LINES, [Cost] "reads from the frame's beginning with every chunk"
        KeepsTheMessage 9 LINES, [Model Limit] "puts a message behind the one before"
        KeepsTheLength 9 LINES, [Limit] "counts the bytes of all messages so far"
        EndForgetsTheEscape 10 LINES, [Truncation Conservation] "ends a message at the end of the stream behind an escape"
        NeedlessEscape 11 LINES, [Model Limit Truncation] "takes any byte behind an escape for itself"
        EscapeIsData 12 NUL, [Model Limit Truncation] "takes an escape before other bytes for itself"
        EscapedTerminatorEnds 12 LINES, [Model Limit Truncation] "ends a message at a terminator behind an escape"
        LooksOneByteBack 12 LINES, [Model Limit Truncation] "takes a terminator for data behind an escape that is data"
        LetterForTerminator 12 LINES, [Model Limit Truncation] "takes a letter behind an escape for a terminator"
        AsksBehindTheEscape 12 NUL, [Hint] "asks for a byte behind the escaped one, which may be wrong already"
        StallEndsTheEscape 16 LINES, [Stall] "forgets an escape in a call without new bytes"
    }
}

/// Finds messages that end with a terminator byte that no escape stands before.
pub(super) struct EscapedCore {
    terminator: u8,
    limit: usize,
    defect: Option<EscapedDefect>,
    at: usize,
    is_pending: bool,
    length: usize,
    message: Vec<u8>,
    is_over: bool,
    examined: u64,
}

impl EscapedCore {
    pub(super) const fn new(
        terminator: Terminator,
        limit: usize,
        defect: Option<EscapedDefect>,
    ) -> Self {
        Self {
            terminator: terminator.byte(),
            limit,
            defect,
            at: 0,
            is_pending: false,
            length: 0,
            message: Vec::new(),
            is_over: false,
            examined: 0,
        }
    }

    fn is(&self, defect: EscapedDefect) -> bool {
        self.defect == Some(defect)
    }

    fn begin(&mut self) {
        (self.at, self.is_pending) = (0, false);
        if !self.is(EscapedDefect::KeepsTheMessage) {
            self.message.clear();
        }
        if !self.is(EscapedDefect::KeepsTheLength) {
            self.length = 0;
        }
    }

    /// What every piece of a frame begins with.
    fn resume(&mut self, unread: &[u8]) {
        if self.is_over {
            self.is_over = false;
            self.begin();
        } else if self.is(EscapedDefect::ScansAgain) {
            self.begin();
        } else if self.is_pending {
            let is_stall = self.at == unread.len();
            self.is_pending = match self.defect {
                Some(EscapedDefect::EdgeForgetsTheEscape) => is_stall,
                Some(EscapedDefect::StallEndsTheEscape) => !is_stall,
                _ => true,
            };
            if self.is(EscapedDefect::EdgeRepeatsTheEscape) && !is_stall {
                self.message.push(ESCAPE);
            }
        }
    }

    /// Takes a byte of the message, unless it is one too many.
    fn push(&mut self, byte: u8, is_escaped: bool) -> Result<(), Found> {
        let most = match self.defect {
            Some(EscapedDefect::OneMoreThanTheLimit) => self.limit.saturating_add(1),
            Some(EscapedDefect::WaitsForEver) => usize::MAX,
            _ => self.limit,
        };
        let width = match self.defect {
            Some(EscapedDefect::EscapesAreCounted) if is_escaped => 2,
            Some(EscapedDefect::EscapedAreNotCounted) if is_escaped => 0,
            _ => 1,
        };
        if self.length + width > most {
            return Err(too_long(self.limit, None));
        }
        self.length += width;
        self.message.push(byte);
        Ok(())
    }

    /// The byte behind an escape.
    fn escaped(&mut self, byte: u8) -> Result<(), Found> {
        self.is_pending = false;
        match (self.defect, byte) {
            _ if byte == ESCAPE || byte == self.terminator => self.push(byte, true),
            (Some(EscapedDefect::NeedlessEscape), _) => self.push(byte, true),
            (Some(EscapedDefect::EscapeIsData), _) => {
                self.push(ESCAPE, false)?;
                self.push(byte, false)
            }
            (Some(EscapedDefect::LetterForTerminator), b'n') => self.push(self.terminator, true),
            (_, found) => {
                let offset = self.at as u64 - 1;
                Err(Found::Wrong(FrameError::BadEscape { offset, found }))
            }
        }
    }

    /// The end of the frame, in front of the byte that comes next.
    fn end(&mut self) -> Found {
        self.is_over = true;
        if self.is(EscapedDefect::WaitsForEver) && self.message.len() > self.limit {
            return too_long(self.limit, None);
        }
        Found::Frame(self.at, 0..self.at - 1)
    }

    fn step(&mut self, byte: u8, before: Option<u8>) -> Result<(), Found> {
        let is_data = self.is(EscapedDefect::LooksOneByteBack) && before == Some(ESCAPE);
        let is_end = self.is(EscapedDefect::EscapedTerminatorEnds) && self.is_pending;
        if byte == self.terminator && (is_end || !self.is_pending && !is_data) {
            if is_end {
                self.message.push(ESCAPE);
            }
            return Err(self.end());
        }
        if self.is_pending {
            return self.escaped(byte);
        }
        if byte == ESCAPE {
            self.is_pending = true;
            return Ok(());
        }
        self.push(byte, false)
    }
}

impl Core for EscapedCore {
    fn find(&mut self, unread: &[u8], end: bool) -> Found {
        if self.is(EscapedDefect::ReservesTheLimit) {
            drop(std::hint::black_box(reserve(self.limit as u64)));
        }
        self.resume(unread);
        while let Some(byte) = unread.get(self.at) {
            let before = self.at.checked_sub(1).map(|at| unread[at]);
            self.at += 1;
            self.examined += 1;
            if let Err(found) = self.step(*byte, before) {
                return found;
            }
        }
        if self.is_pending && end && self.is(EscapedDefect::EndForgetsTheEscape) {
            return self.end();
        }
        let asks_behind = self.is_pending && self.is(EscapedDefect::AsksBehindTheEscape);
        Found::Part(1 + usize::from(asks_behind))
    }

    fn message<'a>(&'a self, _body: &'a [u8]) -> &'a [u8] {
        &self.message
    }

    fn examined(&self) -> u64 {
        self.examined
    }
}
