use super::defect::defects;
use super::search::{Search, Slip, reserve};
use super::shell::{Core, Found, too_long};
use crate::vocabulary::Framing;

const ANNOUNCED: Framing = Framing::Announced;

defects! {
    /// What can be wrong with the framer of announced terminators.
    AnnouncedDefect Announced "announced" {
        SearchBehindTheEdge 1 ANNOUNCED, [Chunks] "misses a terminator that is the first byte of a chunk"
        AnnouncementIsCounted 3 ANNOUNCED, [Limit] "holds announcement and message against the limit"
        ReservesTheLimit 5 ANNOUNCED, [Memory] "takes memory for the largest message at once"
        WaitsForEver 6 ANNOUNCED, [Limit] "keeps bytes without a terminator, whatever the limit"
        SearchesAgain 7 ANNOUNCED, [Cost] "searches from the frame's beginning with every chunk"
        KeepsTheTerminator 9 ANNOUNCED, [Model Truncation Limit] "uses the first terminator for all messages"
        FoundInItself 13 ANNOUNCED, [Model Truncation Limit] "finds the terminator in its announcement"
        EmptyIsMore 13 ANNOUNCED, [Model Truncation Limit] "takes the end of an empty message for data"
        PrefixIsTheEnd 13 ANNOUNCED, [Model Truncation Limit] "takes the terminator of the frame before for its end too"
        StallAnnounces 16 ANNOUNCED, [Stall] "takes the last byte for the announcement in a call without new bytes"
    }
}

/// Finds messages before and behind which the same byte stands.
pub(super) struct AnnouncedCore {
    limit: usize,
    search: Search,
    defect: Option<AnnouncedDefect>,
    /// What was announced, as a defect remembers it.
    terminator: Option<u8>,
    /// How many bytes there were when more were needed.
    waited: usize,
}

impl AnnouncedCore {
    pub(super) const fn new(limit: usize, defect: Option<AnnouncedDefect>) -> Self {
        let slip = match defect {
            Some(AnnouncedDefect::SearchBehindTheEdge) => Some(Slip::BehindTheEdge),
            Some(AnnouncedDefect::SearchesAgain) => Some(Slip::Again),
            _ => None,
        };
        Self { limit, search: Search::new(slip), defect, terminator: None, waited: 0 }
    }

    /// The frame's terminator, of which the first byte is.
    fn terminator(&mut self, unread: &[u8]) -> u8 {
        match self.defect {
            Some(AnnouncedDefect::KeepsTheTerminator) => *self.terminator.get_or_insert(unread[0]),
            Some(AnnouncedDefect::StallAnnounces) => {
                if self.waited == unread.len() && unread.len() > 1 {
                    self.terminator = unread.last().copied();
                }
                self.terminator.unwrap_or(unread[0])
            }
            _ => unread[0],
        }
    }
}

impl Core for AnnouncedCore {
    fn find(&mut self, unread: &[u8], _end: bool) -> Found {
        if self.defect == Some(AnnouncedDefect::ReservesTheLimit) {
            drop(std::hint::black_box(reserve(self.limit as u64)));
        }
        if unread.is_empty() {
            return Found::Part(2);
        }
        let terminator = self.terminator(unread);
        let from = match self.defect {
            Some(AnnouncedDefect::FoundInItself) => 0,
            Some(AnnouncedDefect::EmptyIsMore) => 2,
            _ => 1,
        };
        let mut found = self.search.find(terminator, unread, from);
        let mut body = 1;
        if self.defect == Some(AnnouncedDefect::FoundInItself) {
            body = 0;
        }
        if self.defect == Some(AnnouncedDefect::PrefixIsTheEnd)
            && let (Some(last), Some(at)) = (self.terminator, found)
        {
            let early = unread[1..at].iter().position(|byte| *byte == last);
            found = early.map_or(found, |early| Some(early + 1));
        }
        let limit = match self.defect {
            Some(AnnouncedDefect::AnnouncementIsCounted) => self.limit,
            _ => self.limit.saturating_add(1),
        };
        let is_too_long = match found {
            Some(at) => at > limit,
            None => unread.len() > limit && self.defect != Some(AnnouncedDefect::WaitsForEver),
        };
        if is_too_long {
            return too_long(self.limit, None);
        }
        let Some(at) = found else {
            self.waited = unread.len();
            return Found::Part(1);
        };
        self.waited = 0;
        match self.defect {
            Some(AnnouncedDefect::PrefixIsTheEnd) => self.terminator = Some(terminator),
            Some(AnnouncedDefect::StallAnnounces) => self.terminator = None,
            _ => {}
        }
        Found::Frame(at + 1, body..at)
    }

    fn examined(&self) -> u64 {
        self.search.examined()
    }
}
