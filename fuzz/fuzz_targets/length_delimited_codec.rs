//! Holds binary lengths against tokio-util's LengthDelimitedCodec.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sockspec_fuzz::length_delimited_codec(input));
