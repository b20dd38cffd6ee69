use super::limits::Limits;
use super::pending::Pending;
use super::stall::Witness;
use super::stop::Stop;
use crate::subject::Subject;
use crate::vocabulary::Level;

/// What a trial runs on.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// The subject.
    pub subject: &'a dyn Subject,
    /// The bounds in force.
    pub limits: &'a Limits,
    /// Who saw the machine stall.
    pub witness: &'a Witness,
    /// Steps that bind less than this excuse what they miss.
    pub floor: Level,
    /// Whether packets are captured wherever that is possible, and kept of every case.
    pub keep_packets: bool,
    /// Who wants to know at which step each case is.
    pub pending: Option<&'a Pending>,
    /// Who may ask to end before everything has run.
    pub stop: Option<&'a Stop>,
}

impl<'a> Bench<'a> {
    /// One on which every step binds, and packets are kept only of what does not pass.
    pub const fn new(subject: &'a dyn Subject, limits: &'a Limits, witness: &'a Witness) -> Self {
        Self {
            subject,
            limits,
            witness,
            floor: Level::May,
            keep_packets: false,
            pending: None,
            stop: None,
        }
    }

    /// Whether somebody has asked to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_some_and(Stop::is_asked)
    }
}
