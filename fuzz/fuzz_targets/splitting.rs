//! Holds terminators against a split of the whole stream.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sockspec_fuzz::splitting(input));
