use super::defect::defects;
use crate::framing::laws::Keeper;
use crate::framing::{Cut, Decoder, Framer, Refusal};
use crate::vocabulary::{ByteOrder, Framing, Terminator, Width};

const LINES: Framing = Framing::Terminator(Terminator::Newline);
const U32: Framing = Framing::BinaryLength { width: Width::U32, order: ByteOrder::Big };

defects! {
    /// What can be wrong with what keeps the unread bytes.
    InboxDefect Inbox "inbox" {
        RestIsLost 1 LINES, [Chunks] "drops what came behind a frame that came in parts"
        EdgeIsDoubled 1 LINES, [Chunks] "keeps the first byte of a chunk twice"
        ReservesTheNeed 5 U32, [Memory] "takes memory for all that a frame still needs"
        NothingIsDropped 6 LINES, [Memory] "keeps the bytes that were consumed"
        MovesForEachFrame 7 LINES, [Moves] "moves all that is left with each frame"
        EndIsMissed 10 LINES, [Chunks] "does not tell the framer of the end that comes with bytes"
        NothingIsTheEnd 16 LINES, [Chunks] "takes a chunk without bytes for the end of the stream"
    }
}

/// A framer with what keeps its unread bytes, right but for its defect.
pub(super) struct FaultyInbox<F> {
    framer: F,
    defect: Option<InboxDefect>,
    bytes: Vec<u8>,
    begin: usize,
    moved: u64,
}

impl<F: Framer> FaultyInbox<F> {
    pub(super) const fn new(framer: F, defect: Option<InboxDefect>) -> Self {
        Self { framer, defect, bytes: Vec::new(), begin: 0, moved: 0 }
    }

    fn is(&self, defect: InboxDefect) -> bool {
        self.defect == Some(defect)
    }

    /// Drops what was consumed.
    fn compact(&mut self) {
        self.moved += (self.bytes.len() - self.begin) as u64;
        self.bytes.drain(..self.begin);
        self.begin = 0;
    }
}

impl<F: Framer> Decoder for FaultyInbox<F> {
    fn decode(
        &mut self,
        chunk: &[u8],
        end: bool,
        messages: &mut Vec<Vec<u8>>,
    ) -> Result<(), Refusal> {
        let held = self.held();
        if self.begin >= held && !self.is(InboxDefect::NothingIsDropped) {
            self.compact();
        }
        if self.is(InboxDefect::EdgeIsDoubled) && held > 0 {
            self.bytes.extend(chunk.first());
        }
        self.bytes.extend_from_slice(chunk);
        let end = match self.defect {
            Some(InboxDefect::EndIsMissed) => end && chunk.is_empty(),
            Some(InboxDefect::NothingIsTheEnd) => end || chunk.is_empty(),
            _ => end,
        };
        loop {
            match self.framer.cut(&self.bytes[self.begin..], end)? {
                Cut::Frame { consumed, body } => {
                    let body = &self.bytes[self.begin + body.start..self.begin + body.end];
                    messages.push(self.framer.message(body).to_vec());
                    self.begin += consumed;
                    if self.is(InboxDefect::RestIsLost) && consumed < held {
                        self.begin = self.bytes.len();
                    }
                    if self.is(InboxDefect::MovesForEachFrame) {
                        self.compact();
                    }
                }
                Cut::Need(need) => {
                    if self.is(InboxDefect::ReservesTheNeed) {
                        self.bytes.reserve(need.min(1 << 20));
                    }
                    return Ok(());
                }
                Cut::End => return Ok(()),
            }
        }
    }
}

impl<F: Framer> Keeper for FaultyInbox<F> {
    fn held(&self) -> usize {
        self.bytes.len() - self.begin
    }

    fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    fn moved(&self) -> u64 {
        self.moved
    }
}
