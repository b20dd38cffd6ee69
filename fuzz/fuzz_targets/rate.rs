//! Does with each input what SOCKSPEC_WORK names, to see how many executions a second that leaves.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: sockspec_fuzz::choose_work(),
    |input: &[u8]| sockspec_fuzz::rate(input)
);
