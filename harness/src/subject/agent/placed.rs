use std::sync::Arc;
use std::time::Duration;

use super::pool::{Home, Pool};
use super::session::AgentSession;
use crate::scenario::LinkFault;
use crate::subject::kernel::KernelSession;
use crate::subject::{AddressBook, Awaited, Observation, Session, SubjectError};
use crate::vocabulary::{ActorId, Op, TagId};
use crate::wire::Capture;

/// A case of which agents play some actors and this process's kernel the others.
pub(super) struct PlacedSession {
    /// The other actors, the links between the hosts, and the packets on them.
    pub(super) kernel: Box<KernelSession>,
    /// Each with where it is.
    pub(super) agents: Vec<(Option<Home>, AgentSession)>,
    /// Which agent plays an actor; the others are the kernel's.
    pub(super) players: Vec<Option<usize>>,
    /// Who has started each call.
    pub(super) starters: Vec<Option<usize>>,
    pub(super) pool: Arc<Pool>,
}

impl PlacedSession {
    /// Whoever plays an actor.
    fn player(&mut self, actor: ActorId) -> Option<&mut AgentSession> {
        let agent = self.players.get(actor.index()).copied().flatten()?;
        self.agents.get_mut(agent).map(|(_, agent)| agent)
    }

    /// The agent that has started a call.
    fn starter(&mut self, tag: TagId) -> Option<&mut AgentSession> {
        let agent = self.starters.get(tag.index()).copied().flatten()?;
        self.agents.get_mut(agent).map(|(_, agent)| agent)
    }
}

impl Session for PlacedSession {
    fn perform(
        &mut self,
        actor: ActorId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<Observation, SubjectError> {
        match self.player(actor) {
            Some(agent) => agent.perform(actor, op, book, limit),
            None => self.kernel.perform(actor, op, book, limit),
        }
    }

    fn start(
        &mut self,
        actor: ActorId,
        tag: TagId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<(), SubjectError> {
        self.starters[tag.index()] = self.players.get(actor.index()).copied().flatten();
        match self.player(actor) {
            Some(agent) => agent.start(actor, tag, op, book, limit),
            None => self.kernel.start(actor, tag, op, book, limit),
        }
    }

    fn finish(
        &mut self,
        tag: TagId,
        limit: Duration,
        give_up: bool,
    ) -> Result<Awaited, SubjectError> {
        match self.starter(tag) {
            Some(agent) => agent.finish(tag, limit, give_up),
            None => self.kernel.finish(tag, limit, give_up),
        }
    }

    fn interrupt(&mut self, tag: TagId) -> Result<Observation, SubjectError> {
        match self.starter(tag) {
            Some(agent) => agent.interrupt(tag),
            None => self.kernel.interrupt(tag),
        }
    }

    fn captured(&mut self) -> Result<Capture, SubjectError> {
        self.kernel.captured()
    }

    fn inflict(&mut self, fault: &LinkFault, book: &AddressBook) -> Result<(), SubjectError> {
        self.kernel.inflict(fault, book)
    }

    fn alter_host(&mut self, host: usize, act: &mut dyn FnMut()) -> Result<(), SubjectError> {
        self.kernel.alter_host(host, act)
    }

    fn wait(&mut self, time: Duration) {
        self.kernel.wait(time);
    }

    fn now(&self) -> Duration {
        self.kernel.now()
    }

    fn close(self: Box<Self>) -> Vec<String> {
        let Self { kernel, agents, pool, .. } = *self;
        let mut leaks = Vec::new();
        for (home, session) in agents {
            if let Some(mishap) = session.mishap() {
                pool.note_mishap(mishap);
            }
            let (agent, of_agent) = session.close();
            leaks.extend(of_agent);
            if let Some(agent) = agent {
                pool.give_back(home, agent);
            }
        }
        leaks.extend(kernel.close());
        leaks
    }
}
