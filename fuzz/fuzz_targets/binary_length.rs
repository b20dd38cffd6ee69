//! Attacks binary lengths.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sockspec_fuzz::binary_length(input));
