//! What the kernel is known to get wrong.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The scenarios of which the kernel is known to fail a case.
pub(crate) fn known() -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/kernel.toml");
    let text = fs::read_to_string(file).expect("the file is read");
    let lines = text.lines().filter(|line| line.starts_with("cases"));
    let patterns = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
    let scenario = |pattern: &str| pattern.split('[').next().unwrap_or(pattern).to_owned();
    patterns.map(scenario).collect()
}
