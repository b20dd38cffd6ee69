//! Attacks the scenario parser and printer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sockspec_fuzz::scenario(input));
