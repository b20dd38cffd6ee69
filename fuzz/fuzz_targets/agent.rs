//! Attacks the reader of what an agent says.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sockspec_fuzz::agent(input));
