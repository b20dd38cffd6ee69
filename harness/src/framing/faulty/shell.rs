use std::ops::Range;

use super::defect::{Defect, Mutant, name};
use crate::framing::laws::Law;
use crate::framing::{Cut, FrameError, Framer};
use crate::vocabulary::{ByteOrder, Framing, Padding, Terminator, Width};

/// What finds the frames of one framing, without a thought to the end, to errors told before, or to
/// where in the stream it is.
pub(super) trait Core {
    /// Finds the first frame of the unread bytes.
    fn find(&mut self, unread: &[u8], end: bool) -> Found;

    /// The message of the frame that was found last.
    fn message<'a>(&'a self, body: &'a [u8]) -> &'a [u8] {
        body
    }

    /// How many bytes were looked at.
    fn examined(&self) -> u64;
}

/// What a core finds. Offsets of errors count from the frame's beginning.
pub(super) enum Found {
    Frame(usize, Range<usize>),
    Part(usize),
    Wrong(FrameError),
}

/// An error about the frame's size.
pub(super) fn too_long(limit: usize, announced: Option<u64>) -> Found {
    Found::Wrong(FrameError::TooLong { offset: 0, limit: limit as u64, announced })
}

/// What can be wrong with any framer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShellDefect {
    /// Behind an error it goes on with the next bytes.
    Resumes,
    /// At the end of the stream it forgets its error.
    EndForgetsTheError,
    /// It tells one error again and again, each time at a later place.
    ErrorMoves,
    /// It gives the beginning of a frame as a message at the end of the stream.
    PartIsGiven,
    /// It drops the beginning of a frame at the end of the stream.
    PartIsDropped,
    /// It gives the beginning of a frame at the end of the stream and does not take it.
    PartIsGivenTwice,
    /// It goes over empty messages.
    EmptyIsSkipped,
    /// It takes nothing for an empty message, and finds it again for ever.
    EmptyTakesNothing,
    /// It takes an empty message for the end of the stream.
    EmptyEnds,
    /// It asks for no bytes when it needs some.
    AsksForNothing,
    /// It asks for one byte too much.
    AsksForTooMuch,
    /// It takes a call without new bytes for the end of the stream.
    StallIsTheEnd,
}

/// The framings whose framers are made faulty.
pub(super) const FRAMINGS: [Framing; 6] = [
    Framing::Terminator(Terminator::Newline),
    Framing::Escaped(Terminator::Newline),
    Framing::Base64(Terminator::Newline),
    Framing::Announced,
    Framing::AsciiLength { digits: 4, padding: Padding::Zeros },
    Framing::BinaryLength { width: Width::U16, order: ByteOrder::Big },
];

impl ShellDefect {
    /// One mutant for each, of a framing.
    pub(super) fn mutants(framing: Framing) -> Vec<Mutant> {
        let text = framing.to_string();
        let prefix = text.split(' ').next().unwrap_or_default();
        let mutant = |defect, identifier, class, about, laws| Mutant {
            name: name(prefix, identifier),
            class,
            framing,
            defect: Defect::Shell(defect),
            about,
            laws,
        };
        macro_rules! mutants {
            ($($variant:ident $class:literal [$($law:ident)+] $about:literal)*) => {
                vec![$(mutant(
                    Self::$variant,
                    stringify!($variant),
                    $class,
                    $about,
                    &[$(Law::$law),+],
                )),*]
            };
        }
        mutants! {
            Resumes 8 [Sticky] "goes on behind an error"
            EndForgetsTheError 8 [Sticky] "forgets its error at the end of the stream"
            ErrorMoves 15 [Sticky] "tells one error again, each time at a later place"
            PartIsGiven 10 [Truncation] "gives a part of a frame at the end of the stream"
            PartIsDropped 10 [Conservation] "drops a part of a frame at the end of the stream"
            PartIsGivenTwice 10 [Progress] "gives a part of a frame and does not take it"
            EmptyIsSkipped 14 [Model Truncation] "goes over empty messages"
            EmptyTakesNothing 14 [Progress] "takes no byte for an empty message"
            EmptyEnds 14 [Conservation] "takes an empty message for the end of the stream"
            AsksForNothing 14 [Hint] "asks for no bytes when it needs some"
            AsksForTooMuch 14 [Hint] "asks for one byte too much"
            StallIsTheEnd 16 [Stall] "takes a call without new bytes for the end of the stream"
        }
    }
}

/// A framer out of a core, right but for its defect.
pub(super) struct Shell<C> {
    core: C,
    defect: Option<ShellDefect>,
    offset: u64,
    failed: Option<FrameError>,
    /// How many unread bytes are gone over.
    skipped: usize,
    /// How many bytes were unread in the last call, if it needed more.
    waited: Option<usize>,
}

impl<C: Core> Shell<C> {
    pub(super) const fn new(core: C, defect: Option<ShellDefect>) -> Self {
        Self { core, defect, offset: 0, failed: None, skipped: 0, waited: None }
    }

    fn is(&self, defect: ShellDefect) -> bool {
        self.defect == Some(defect)
    }

    /// A frame behind the bytes that are gone over.
    fn frame(&mut self, consumed: usize, body: &Range<usize>) -> Cut {
        let skipped = std::mem::take(&mut self.skipped);
        self.offset += consumed as u64;
        self.waited = None;
        Cut::Frame { consumed: skipped + consumed, body: skipped + body.start..skipped + body.end }
    }

    fn fail(&mut self, error: FrameError) -> Result<Cut, FrameError> {
        self.failed = Some(error);
        Err(error)
    }

    /// No whole frame is there.
    fn wait(&mut self, unread: usize, need: usize, end: bool) -> Result<Cut, FrameError> {
        let is_stall = self.is(ShellDefect::StallIsTheEnd) && self.waited == Some(unread);
        self.waited = Some(unread);
        match (end || is_stall, unread) {
            (false, _) if self.is(ShellDefect::AsksForNothing) => Ok(Cut::Need(0)),
            (false, _) if self.is(ShellDefect::AsksForTooMuch) => Ok(Cut::Need(need + 1)),
            (false, _) => Ok(Cut::Need(need)),
            (true, 0) => Ok(Cut::End),
            (true, _) => match self.defect {
                Some(ShellDefect::PartIsGiven) => Ok(self.frame(unread, &(0..unread))),
                Some(ShellDefect::PartIsGivenTwice) => Ok(self.frame(0, &(0..0))),
                Some(ShellDefect::PartIsDropped) => Ok(Cut::End),
                _ => self.fail(FrameError::Truncated { offset: self.offset, held: unread as u64 }),
            },
        }
    }
}

impl<C: Core> Framer for Shell<C> {
    fn cut(&mut self, unread: &[u8], end: bool) -> Result<Cut, FrameError> {
        if let Some(error) = self.failed {
            match self.defect {
                Some(ShellDefect::Resumes) => {
                    self.failed = None;
                    self.skipped += 1;
                }
                Some(ShellDefect::EndForgetsTheError) if end => return Ok(Cut::End),
                Some(ShellDefect::ErrorMoves) => return self.fail(shifted(error, 1)),
                _ => return Err(error),
            }
        }
        loop {
            self.skipped = self.skipped.min(unread.len());
            let unread = &unread[self.skipped..];
            match self.core.find(unread, end) {
                Found::Frame(consumed, body) if body.is_empty() => match self.defect {
                    Some(ShellDefect::EmptyIsSkipped) => {
                        self.skipped += consumed;
                        self.offset += consumed as u64;
                    }
                    Some(ShellDefect::EmptyTakesNothing) => return Ok(self.frame(0, &(0..0))),
                    Some(ShellDefect::EmptyEnds) => return Ok(Cut::End),
                    _ => return Ok(self.frame(consumed, &body)),
                },
                Found::Frame(consumed, body) => return Ok(self.frame(consumed, &body)),
                Found::Part(need) => return self.wait(unread.len(), need, end),
                Found::Wrong(error) => return self.fail(shifted(error, self.offset)),
            }
        }
    }

    fn message<'a>(&'a self, body: &'a [u8]) -> &'a [u8] {
        self.core.message(body)
    }

    fn examined(&self) -> u64 {
        self.core.examined()
    }
}

/// An error so many bytes later in the stream.
fn shifted(mut error: FrameError, by: u64) -> FrameError {
    match &mut error {
        FrameError::Truncated { offset, .. }
        | FrameError::TooLong { offset, .. }
        | FrameError::BadLength { offset, .. }
        | FrameError::BadEscape { offset, .. }
        | FrameError::BadBase64 { offset, .. } => *offset += by,
    }
    error
}
