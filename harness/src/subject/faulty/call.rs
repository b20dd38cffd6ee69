use std::time::Duration;

use super::facts::{Facts, SocketFacts};
use crate::subject::{AddressBook, Observation, Session, SubjectError};
use crate::vocabulary::{
    ActorId, Op, OptionValue, Outcome, Poller, Readiness, SocketId, SocketOption,
};

/// A call on its way into a faulty subject, or out of it.
pub(super) struct Call<'a> {
    /// Who makes it.
    pub(super) actor: ActorId,
    /// What was asked for.
    pub(super) op: &'a Op,
    /// What the calls before it came to.
    pub(super) facts: &'a mut Facts,
    /// Where the actors are.
    pub(super) book: &'a AddressBook,
    /// What does the work.
    pub(super) inner: &'a mut dyn Session,
    /// What went wrong with the environment on the way.
    pub(super) failed: Option<SubjectError>,
}

/// How long a call that the fault makes by itself may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a fault repeats a call at most.
const MOST_REPEATS: usize = 1_000;

impl Call<'_> {
    /// The socket that the call is on.
    pub(super) const fn socket(&self) -> SocketId {
        self.op.socket()
    }

    /// What is known of that socket.
    pub(super) fn known(&self) -> &SocketFacts {
        self.facts.of(self.op.socket())
    }

    /// What is known of that socket, to be added to.
    pub(super) fn note(&mut self) -> &mut SocketFacts {
        self.facts.of_mut(self.op.socket())
    }

    /// Makes another call of the same actor and gives what came of it.
    pub(super) fn also(&mut self, op: &Op) -> Outcome {
        self.also_within(op, PATIENCE)
    }

    /// The same, with the time that it may take.
    pub(super) fn also_within(&mut self, op: &Op, limit: Duration) -> Outcome {
        match self.inner.perform(self.actor, op, self.book, limit) {
            Ok(observation) => observation.outcome,
            Err(error) => {
                self.failed.get_or_insert(error);
                Outcome::Blocked
            }
        }
    }

    /// Sets an option of the socket.
    pub(super) fn set(&mut self, option: SocketOption, value: OptionValue) {
        let socket = self.socket();
        self.also(&setting(socket, option, value));
    }

    /// Makes a call again and again, as long as it gives something else than an error.
    pub(super) fn exhaust(&mut self, op: &Op) {
        for _ in 0..MOST_REPEATS {
            match self.also(op) {
                Outcome::Data { .. } => {}
                _ => return,
            }
        }
    }

    /// The subject's clock.
    pub(super) fn now(&self) -> Duration {
        self.inner.now()
    }
}

/// A call that sets an option.
pub(super) const fn setting(socket: SocketId, option: SocketOption, value: OptionValue) -> Op {
    Op::SetOption { socket, option, value, length: None }
}

/// A call that asks what a socket is ready for now.
pub(super) const fn asking(socket: SocketId, interest: Readiness) -> Op {
    Op::Poll { socket, interest, timeout: None, by: Poller::Poll }
}

/// Makes of one outcome another.
pub(super) fn told_as(observation: &mut Observation, from: &Outcome, to: Outcome) {
    if observation.outcome == *from {
        observation.outcome = to;
    }
}
