//! The goals for speed, time and hosts, each measured beside its raw counterpart in the same run and
//! printed with the goal next to it. Nothing is asserted: a busy machine must not fail a build.
//!
//! `cargo bench -p sockspec` measures all of them, `cargo bench -p sockspec -- S1 N3` some: S is
//! the speed and the size of the engine, T is time, N is networks of hosts.

mod engine;
mod hosts;
mod leftovers;
mod process;
mod raw;
mod raw_net;
mod report;
mod sample;
mod waits;

use report::Report;

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let mut report = Report::new(wanted);
    // First, since a child's peak counts from what its parent held when it was made.
    process::measure(&mut report);
    engine::measure(&mut report);
    waits::measure(&mut report);
    hosts::measure(&mut report);
    report.finish();
}
