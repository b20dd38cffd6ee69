/// A fuzz target: the `[[bin]]` of this name, which calls the check with what the fuzzer makes up.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, as `cargo fuzz list` gives it; its folders and its dictionary have it too.
    pub name: &'static str,
    /// What it checks. Panics when a law does not hold.
    pub check: fn(&[u8]),
}

impl Target {
    const fn new(name: &'static str, check: fn(&[u8])) -> Self {
        Self { name, check }
    }
}

/// Every fuzz target, by name. `tests/completeness.rs` holds `Cargo.toml` and the folders against it.
pub const TARGETS: &[Target] = &[
    Target::new("agent", crate::agent),
    Target::new("announced", crate::announced),
    Target::new("any-delimiter-codec", crate::any_delimiter_codec),
    Target::new("ascii-length", crate::ascii_length),
    Target::new("base64", crate::base64),
    Target::new("binary-length", crate::binary_length),
    Target::new("escaped", crate::escaped),
    Target::new("length-delimited-codec", crate::length_delimited_codec),
    Target::new("lines-codec", crate::lines_codec),
    Target::new("packet", crate::packet),
    Target::new("pcapng", crate::pcapng),
    Target::new("python-base64", crate::python_base64),
    Target::new("round-trip", crate::round_trip),
    Target::new("scenario", crate::scenario),
    Target::new("splitting", crate::splitting),
    Target::new("terminator", crate::terminator),
];
