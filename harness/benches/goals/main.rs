//! The goals for speed, time, hosts and framers, each measured beside its raw counterpart in the same run and
//! printed with the goal next to it. Nothing is asserted: a busy machine must not fail a build.
//!
//! `cargo bench -p sockspec` measures all of them, `cargo bench -p sockspec -- S1 N3` some: S is
//! the speed and the size of the engine, T is time, N is networks of hosts, D is the speed of
//! framers, Q how their cost grows. What they allocate is another program's business: `memory.rs`.

mod cost;
mod decoding;
mod engine;
mod hosts;
mod leftovers;
mod peers;
mod process;
mod raw;
mod raw_net;
mod report;
mod sample;
mod stream;
mod waits;

use report::Report;

fn main() {
    let mut report = Report::from_arguments();
    // First, since a child's peak counts from what its parent held when it was made.
    process::measure(&mut report);
    engine::measure(&mut report);
    waits::measure(&mut report);
    hosts::measure(&mut report);
    decoding::measure(&mut report);
    cost::measure(&mut report);
    report.finish();
}
