use super::{Cut, FrameError};

/// How far a framer has come in its stream: what every framer needs to keep.
#[derive(Clone, Debug)]
pub(super) struct Position {
    /// The first unread byte, from the beginning of the stream.
    pub(super) offset: u64,
    /// How many unread bytes are known not to end the frame.
    pub(super) scanned: usize,
    /// See [`super::Framer::examined`].
    pub(super) examined: u64,
    failed: Option<FrameError>,
}

impl Position {
    pub(super) const fn new() -> Self {
        Self { offset: 0, scanned: 0, examined: 0, failed: None }
    }

    /// The error of an earlier call, if there was one.
    pub(super) const fn check(&self) -> Result<(), FrameError> {
        match self.failed {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    /// Where a byte of the unread ones is in the stream.
    pub(super) const fn offset_of(&self, at: usize) -> u64 {
        self.offset + at as u64
    }

    /// Goes behind a frame, whose body is at `from..to` of the `consumed` bytes.
    pub(super) const fn frame(&mut self, from: usize, to: usize, consumed: usize) -> Cut {
        self.offset += consumed as u64;
        self.scanned = 0;
        Cut::Frame { consumed, body: from..to }
    }

    /// Stops for ever.
    pub(super) const fn fail(&mut self, error: FrameError) -> Result<Cut, FrameError> {
        self.failed = Some(error);
        Err(error)
    }

    /// The unread bytes hold no whole frame: asks for `need` more, if any will come.
    pub(super) const fn wait(
        &mut self,
        unread: usize,
        need: usize,
        end: bool,
    ) -> Result<Cut, FrameError> {
        match (end, unread) {
            (false, _) => Ok(Cut::Need(need)),
            (true, 0) => Ok(Cut::End),
            (true, _) => {
                self.fail(FrameError::Truncated { offset: self.offset, held: unread as u64 })
            }
        }
    }

    /// Stops because the frame that begins here is larger than the limit.
    pub(super) const fn too_long(
        &mut self,
        limit: usize,
        announced: Option<u64>,
    ) -> Result<Cut, FrameError> {
        self.fail(FrameError::TooLong { offset: self.offset, limit: limit as u64, announced })
    }
}
