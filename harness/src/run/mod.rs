//! Running: from cases to events. It plans, schedules, keeps deadlines and judges.
//! It refuses to know printing, and keeps no counters.

mod accounts;
mod attempt;
mod baseline;
mod bench;
mod broken;
mod delay;
pub mod event;
mod faults;
mod judge;
mod known;
mod ledger;
mod limits;
mod load;
mod lookout;
mod machine;
mod naming;
mod pending;
mod plan;
mod runner;
mod same;
mod samples;
#[cfg(test)]
mod scripted;
mod selection;
mod stall;
mod stop;
mod tap;
mod traffic;
mod trial;
mod verdict;

pub use baseline::Baseline;
pub use bench::Bench;
pub use faults::run_faults;
pub use known::{Entry, EntryPattern, Known};
pub(crate) use ledger::Ledger;
pub use limits::Limits;
pub use load::Load;
pub use machine::kernel_release;
pub use pending::{Pending, PendingStep};
pub use plan::Plan;
pub use runner::{RunOptions, run};
pub use samples::Samples;
pub use selection::{Pattern, PatternError, Selection, Shard};
pub use stall::Witness;
pub use stop::Stop;
pub use trial::Trial;
pub use verdict::Verdict;
