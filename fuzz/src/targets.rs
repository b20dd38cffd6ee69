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
    Target::new("packet", crate::packet),
    Target::new("pcapng", crate::pcapng),
    Target::new("scenario", crate::scenario),
];
