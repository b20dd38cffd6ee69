//! Running: from cases to events. It plans, schedules, keeps deadlines and judges.
//! It refuses to know printing, and keeps no counters.

pub mod event;
pub mod verdict;
