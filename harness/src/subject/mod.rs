//! What is put to the test, behind one trait: something that opens a session for a case and
//! performs its operations.
//! It refuses to know verdicts: what a subject did is data, whatever it was.

pub mod agent;
mod book;
mod copies;
pub mod faulty;
pub mod kernel;
pub mod program;
mod session;
mod thread_state;
pub mod via;

pub use book::AddressBook;
pub use session::{
    Aborter, Admission, Awaited, Granularity, Observation, Opened, Session, Subject, SubjectError,
    WaitKind,
};
