use std::sync::Arc;
use std::time::Duration;

use crate::net::Made;
use crate::scenario::{Case, LinkFault};
use crate::subject::AddressBook;
use crate::vocabulary::{ActorId, Capability, ErrorNames, Op, Outcome, Peer, TagId};
use crate::wire::Capture;

/// An implementation of sockets that cases can be run on.
pub trait Subject: Send + Sync {
    /// Its name, as `--subject` takes it.
    fn name(&self) -> &str;

    /// Its version, for a person to read.
    fn version(&self) -> &str;

    /// Who plays the actors of a case, where another than the subject could play some.
    fn peer(&self) -> Option<Peer> {
        None
    }

    /// What it declares to be able to do.
    fn capabilities(&self) -> &[Capability];

    /// How coarse its clocks are.
    fn granularity(&self) -> Granularity;

    /// How coarse they are for one actor, where not all are played alike.
    fn granularity_of(&self, _actor: ActorId) -> Granularity {
        self.granularity()
    }

    /// What its errors are told by.
    fn error_names(&self) -> ErrorNames {
        ErrorNames::default()
    }

    /// What they are told by for one actor, where not all are played alike.
    fn error_names_of(&self, _actor: ActorId) -> ErrorNames {
        self.error_names()
    }

    /// How many sessions may be open at once.
    fn capacity(&self) -> usize;

    /// Whether other programs perform the operations, so that who asks for them mostly waits.
    fn is_elsewhere(&self) -> bool {
        false
    }

    /// Whether it can run a case here and now.
    fn admit(&self, case: &Case) -> Admission;

    /// Opens a session for one case, which captures packets if the case asks for them, or if
    /// `captures` does and it can.
    ///
    /// # Errors
    /// When the environment refuses what a session needs.
    fn open(&self, case: &Case, captures: bool) -> Result<Opened, SubjectError>;

    /// What it made for the cases so far.
    fn made(&self) -> Option<Made> {
        None
    }

    /// Gives up what it kept for further cases.
    fn settle(&self) {}

    /// What breaks every call in which a session waits, where the subject can do that.
    fn aborter(&self) -> Option<Aborter> {
        None
    }
}

/// Breaks every call in which a session of a subject waits, since the run is to end at once: from then
/// on what sessions are asked for fails with [`SubjectError::Aborted`]. It is called again and again
/// until all have closed, since a call may begin just after it.
pub type Aborter = Arc<dyn Fn() + Send + Sync>;

/// A session that has begun.
pub struct Opened {
    /// The session.
    pub session: Box<dyn Session>,
    /// Which addresses its case has.
    pub book: AddressBook,
}

/// The parties of one case on a subject. Every call returns by its limit.
pub trait Session {
    /// Performs an operation and returns when it has returned, at the latest after `limit` and a
    /// sixteenth of it; then the outcome is [`Outcome::Blocked`], which never comes before `limit`.
    ///
    /// # Errors
    /// When the harness or the environment failed; what the subject did is an [`Outcome`].
    fn perform(
        &mut self,
        actor: ActorId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<Observation, SubjectError>;

    /// Starts an operation and returns when it is seen to block, or has returned.
    ///
    /// # Errors
    /// When that was not so within `limit`, or the environment failed.
    fn start(
        &mut self,
        actor: ActorId,
        tag: TagId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<(), SubjectError>;

    /// Waits at most `limit` for a started operation. With `give_up` it is ended then, and its
    /// outcome is [`Outcome::Blocked`]; without, it stays pending.
    ///
    /// # Errors
    /// When the environment failed.
    fn finish(
        &mut self,
        tag: TagId,
        limit: Duration,
        give_up: bool,
    ) -> Result<Awaited, SubjectError>;

    /// Sends a signal to the thread of a started operation.
    ///
    /// # Errors
    /// When the environment failed.
    fn interrupt(&mut self, tag: TagId) -> Result<Observation, SubjectError>;

    /// The frames that were captured since this was last asked; their times count from the
    /// session's beginning.
    ///
    /// # Errors
    /// When the environment failed.
    fn captured(&mut self) -> Result<Capture, SubjectError> {
        Ok(Capture::default())
    }

    /// Does something to the links between the hosts.
    ///
    /// # Errors
    /// When there are no such links, or the environment failed.
    fn inflict(&mut self, _fault: &LinkFault, _book: &AddressBook) -> Result<(), SubjectError> {
        Err(SubjectError::NoLinks)
    }

    /// Does something on a host that was made for the case, by its position, which changes it so that
    /// no other case may have it.
    ///
    /// # Errors
    /// When no hosts were made, or the environment failed; then nothing was done.
    fn alter_host(&mut self, _host: usize, _act: &mut dyn FnMut()) -> Result<(), SubjectError> {
        Err(SubjectError::NoLinks)
    }

    /// Lets time pass on the subject's clock.
    fn wait(&mut self, time: Duration);

    /// The subject's monotonic clock, from the session's beginning.
    fn now(&self) -> Duration;

    /// Ends what is pending and closes every socket. What could not be returned to the system is
    /// given back, for a person to read.
    fn close(self: Box<Self>) -> Vec<String>;
}

/// What a subject did and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What came of the operation.
    pub outcome: Outcome,
    /// When it began, from the session's beginning.
    pub began: Duration,
    /// How long it took, by the subject's monotonic clock.
    pub took: Duration,
}

/// What waiting for a started operation gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// It had returned, or was ended.
    Returned(Observation),
    /// It is pending, for this long so far.
    Pending {
        /// When it began, from the session's beginning.
        began: Duration,
        /// Since then.
        took: Duration,
    },
}

/// Whether a subject can run a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It can.
    Run,
    /// It could, but not here: the reason lies outside the subject.
    Skip(String),
    /// It cannot express what the case needs.
    Unsupported(String),
}

/// How much earlier than asked a wait may end without being early, because the subject counts
/// time in steps of this size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Granularity {
    /// Of the poll family.
    pub poll: Duration,
    /// Of `SO_RCVTIMEO`, `SO_SNDTIMEO` and other limits kept by the socket.
    pub socket: Duration,
}

impl Granularity {
    /// The granularity of one kind of wait.
    pub const fn of(self, kind: WaitKind) -> Duration {
        match kind {
            WaitKind::Poll => self.poll,
            WaitKind::Socket => self.socket,
        }
    }
}

/// What ends a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitKind {
    /// A limit given to one of the poll family: poll, epoll or select.
    Poll,
    /// A limit kept by the socket.
    Socket,
}

impl WaitKind {
    /// The kind of wait that an operation does.
    pub const fn of(op: &Op) -> Self {
        match op {
            Op::Poll { .. } => Self::Poll,
            _ => Self::Socket,
        }
    }
}

/// The harness or the environment failed, never the subject.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// The system refused something the harness itself needs.
    #[error("{what} failed: {source}")]
    Refused {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// An address of the scenario means nothing for the socket's transport.
    #[error("{place} has no address for {transport}")]
    NoSuchAddress {
        /// The place.
        place: &'static str,
        /// The transport.
        transport: crate::vocabulary::Transport,
    },
    /// A network could not be had, or something on it.
    #[error(transparent)]
    Network(#[from] crate::net::NetError),
    /// The actors of the case share one host.
    #[error("there are no links between hosts here")]
    NoLinks,
    /// A step names a socket that an earlier step should have made.
    #[error("the step acts on a socket that does not exist")]
    NoSuchSocket,
    /// The run is to end at once.
    #[error("the run was ended")]
    Aborted,
    /// A started call was not seen to block.
    #[error("the started call neither returned nor was seen to block within {limit:?}")]
    NotSeenToBlock {
        /// How long it was watched.
        limit: Duration,
    },
    /// The subject died within a call.
    #[error("{how}")]
    Died {
        /// How, with its last words.
        how: String,
    },
    /// A call could not be ended, so that whoever made it was, and the case needs it still.
    #[error("the agent could not end a call, and was killed")]
    Stuck,
    /// A proxy could not be started.
    #[error(transparent)]
    Proxy(#[from] crate::subject::via::ProxyError),
    /// An agent did not keep to its protocol, or could not be started.
    #[error("{what}")]
    Agent {
        /// What it did.
        what: String,
    },
    /// A thread could not be ended.
    #[error("a started call did not end within {limit:?} of being interrupted")]
    NotEnded {
        /// How long it was tried.
        limit: Duration,
    },
}
