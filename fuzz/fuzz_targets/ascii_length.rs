//! Attacks decimal lengths.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sockspec_fuzz::ascii_length(input));
