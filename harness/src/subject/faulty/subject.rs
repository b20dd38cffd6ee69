use std::collections::BTreeMap;

use super::facts::Facts;
use super::fault::Fault;
use super::session::FaultySession;
use crate::scenario::Case;
use crate::subject::{Aborter, Admission, Granularity, Opened, Subject, SubjectError};
use crate::vocabulary::{Capability, ErrorNames};

/// A subject with one planted fault; for the rest it is another one.
pub struct FaultySubject<'a> {
    fault: Fault,
    inner: &'a dyn Subject,
}

impl<'a> FaultySubject<'a> {
    /// Plants a fault.
    pub const fn new(inner: &'a dyn Subject, fault: Fault) -> Self {
        Self { fault, inner }
    }

    /// The fault.
    pub const fn fault(&self) -> &Fault {
        &self.fault
    }
}

impl Subject for FaultySubject<'_> {
    fn name(&self) -> &'static str {
        self.fault.name()
    }

    fn version(&self) -> &str {
        self.inner.version()
    }

    fn capabilities(&self) -> &[Capability] {
        self.inner.capabilities()
    }

    fn granularity(&self) -> Granularity {
        self.inner.granularity()
    }

    fn error_names(&self) -> ErrorNames {
        self.inner.error_names()
    }

    fn capacity(&self) -> usize {
        self.inner.capacity()
    }

    fn admit(&self, case: &Case) -> Admission {
        self.inner.admit(case)
    }

    fn open(&self, case: &Case, captures: bool) -> Result<Opened, SubjectError> {
        let opened = self.inner.open(case, captures)?;
        if !self.fault.concerns(case) {
            return Ok(opened);
        }
        let Opened { session, book } = opened;
        let session = FaultySession {
            fault: self.fault,
            inner: session,
            book: book.clone(),
            facts: Facts::default(),
            started: BTreeMap::new(),
        };
        Ok(Opened { session: Box::new(session), book })
    }

    fn aborter(&self) -> Option<Aborter> {
        self.inner.aborter()
    }
}
