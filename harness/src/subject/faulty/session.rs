use std::collections::BTreeMap;
use std::time::Duration;

use super::call::Call;
use super::facts::Facts;
use super::fault::{Fault, Instead};
use crate::scenario::LinkFault;
use crate::subject::{AddressBook, Awaited, Observation, Session, SubjectError};
use crate::vocabulary::{ActorId, Op, Outcome, TagId};
use crate::wire::Capture;

/// A session through which every call, outcome and packet goes past a fault.
pub(super) struct FaultySession {
    pub(super) fault: Fault,
    pub(super) inner: Box<dyn Session>,
    pub(super) book: AddressBook,
    pub(super) facts: Facts,
    pub(super) started: BTreeMap<TagId, Pending>,
}

/// A call that was started.
pub(super) struct Pending {
    actor: ActorId,
    op: Op,
    /// What came of it, and when, if it was never made or its outcome is not waited for any more.
    pretended: Option<Observation>,
}

impl FaultySession {
    /// What a call is turned into.
    fn instead(
        &mut self,
        actor: ActorId,
        op: &Op,
        book: &AddressBook,
    ) -> Result<Instead, SubjectError> {
        let Self { fault, inner, facts, .. } = self;
        let mut call = Call { actor, op, facts, book, inner: inner.as_mut(), failed: None };
        let instead = fault.instead(&mut call);
        call.failed.map_or(Ok(instead), Err)
    }

    /// What becomes of an outcome; from here on the facts tell what the program believes.
    fn spoil(
        &mut self,
        actor: ActorId,
        op: &Op,
        book: &AddressBook,
        observation: &mut Observation,
    ) -> Result<(), SubjectError> {
        let Self { fault, inner, facts, .. } = self;
        let mut call = Call { actor, op, facts, book, inner: inner.as_mut(), failed: None };
        fault.spoil(&mut call, observation);
        if let Some(error) = call.failed {
            return Err(error);
        }
        let now = self.inner.now();
        self.facts.add(op, &observation.outcome, now);
        Ok(())
    }

    fn pretend(&self, outcome: Outcome) -> Observation {
        Observation { outcome, began: self.inner.now(), took: Duration::ZERO }
    }
}

impl Session for FaultySession {
    fn perform(
        &mut self,
        actor: ActorId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<Observation, SubjectError> {
        self.book.clone_from(book);
        let mut observation = match self.instead(actor, op, book)? {
            Instead::AsAsked => self.inner.perform(actor, op, book, limit)?,
            Instead::Do(other) => self.inner.perform(actor, &other, book, limit)?,
            Instead::Pretend(outcome) => self.pretend(outcome),
        };
        self.spoil(actor, op, book, &mut observation)?;
        Ok(observation)
    }

    fn start(
        &mut self,
        actor: ActorId,
        tag: TagId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<(), SubjectError> {
        self.book.clone_from(book);
        let mut pending = Pending { actor, op: op.clone(), pretended: None };
        match self.instead(actor, op, book)? {
            Instead::AsAsked => self.inner.start(actor, tag, op, book, limit)?,
            Instead::Do(other) => self.inner.start(actor, tag, &other, book, limit)?,
            Instead::Pretend(outcome) => pending.pretended = Some(self.pretend(outcome)),
        }
        self.started.insert(tag, pending);
        self.facts.of_mut(op.socket()).pending += 1;
        Ok(())
    }

    fn finish(
        &mut self,
        tag: TagId,
        limit: Duration,
        give_up: bool,
    ) -> Result<Awaited, SubjectError> {
        let pretended = self.started.get(&tag).and_then(|pending| pending.pretended.clone());
        let awaited = match pretended {
            Some(observation) => Awaited::Returned(observation),
            None => self.inner.finish(tag, limit, give_up)?,
        };
        let Awaited::Returned(mut observation) = awaited else { return Ok(awaited) };
        let Some(Pending { actor, op, .. }) = self.started.remove(&tag) else {
            return Err(SubjectError::NoSuchSocket);
        };
        let book = self.book.clone();
        self.spoil(actor, &op, &book, &mut observation)?;
        let facts = self.facts.of_mut(op.socket());
        facts.pending = facts.pending.saturating_sub(1);
        Ok(Awaited::Returned(observation))
    }

    fn interrupt(&mut self, tag: TagId) -> Result<Observation, SubjectError> {
        let observation = self.inner.interrupt(tag)?;
        if let Some(pending) = self.started.get(&tag)
            && let Some(outcome) = self.fault.on_signal(&pending.op)
            && let Awaited::Returned(ended) = self.inner.finish(tag, Duration::ZERO, true)?
            && let Some(pending) = self.started.get_mut(&tag)
        {
            pending.pretended = Some(Observation { outcome, ..ended });
        }
        Ok(observation)
    }

    fn captured(&mut self) -> Result<Capture, SubjectError> {
        let mut capture = self.inner.captured()?;
        self.fault.rewrite(&mut capture, &self.book);
        Ok(capture)
    }

    fn inflict(&mut self, fault: &LinkFault, book: &AddressBook) -> Result<(), SubjectError> {
        self.inner.inflict(fault, book)
    }

    fn wait(&mut self, time: Duration) {
        self.inner.wait(time);
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn close(self: Box<Self>) -> Vec<String> {
        self.inner.close()
    }
}
