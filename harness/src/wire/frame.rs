use std::time::Duration;

/// A link-layer frame (Ethernet) as it was seen at one place of a network.
///
/// A frame that crosses several links or a switch is seen once at each place: at the link of the
/// host that sends it, and at the link of each host it goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When it was seen, from the moment the capture counts from.
    pub at: Duration,
    /// The host, by its position, that put it on its link, if that is what was seen.
    pub sender: Option<usize>,
    /// The host, by its position, to which its link carried it, if that is what was seen.
    pub receiver: Option<usize>,
    /// How many bytes it has.
    pub length: u32,
    /// Its first bytes, from the Ethernet header on: [`Frame::KEPT`] at most.
    pub bytes: Box<[u8]>,
}

impl Frame {
    /// How many bytes of a frame are kept.
    pub const KEPT: usize = 256;
}

/// What was captured since the last time somebody asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// The frames, in the order in which they were seen.
    pub frames: Vec<Frame>,
    /// How many frames were seen and lost, because they came faster than they were taken.
    pub lost: u64,
}
