//! Holds base64 against Python's.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sockspec_fuzz::python_base64(input));
