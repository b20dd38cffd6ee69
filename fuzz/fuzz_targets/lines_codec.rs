//! Holds lines against tokio-util's LinesCodec.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sockspec_fuzz::lines_codec(input));
