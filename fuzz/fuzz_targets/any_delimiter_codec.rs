//! Holds terminators against tokio-util's AnyDelimiterCodec.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sockspec_fuzz::any_delimiter_codec(input));
