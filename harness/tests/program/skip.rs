//! Saying that a test could not run.

use std::io::Write as _;

/// Says so past the test runner, which keeps what a test that passes prints to itself.
pub(crate) fn skip(test: &str, why: &str) {
    let line = format!("{test} is skipped: {why}\n");
    // In one piece, between the lines of others. Who cannot be told loses nothing else.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
