//! Looks for one planted defect, which SOCKSPEC_MUTANT names; without it, lists all of them.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: sockspec_fuzz::choose_mutant(),
    |input: &[u8]| sockspec_fuzz::power(input)
);
