//! Programs that are spoken to on their standard input and output, each behind a guard that ends it,
//! and all that it started, together with this process.
//! It refuses to know what is said.

mod attached;
mod ending;
mod guard;
mod process;
mod tail;

pub(crate) use attached::Attached;
pub use ending::Ending;
pub use guard::guard;
pub(crate) use guard::{kill_group, refusal};
pub(crate) use process::{Process, ended};
pub(crate) use tail::quoted;
