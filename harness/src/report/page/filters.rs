//! What templates do with text before it is escaped for HTML.

#![expect(
    unreachable_pub,
    clippy::inline_always,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "what the macro makes of a filter, and the type that it asks for"
)]

use std::fmt::Display;

use askama::{Result, Values};

use super::view::encoded;
use crate::report::printable::Printable;

/// Shows control characters, and those that reorder or hide text, as escapes.
#[askama::filter_fn]
pub(super) fn shown<T: Display>(text: T, _: &dyn Values) -> Result<String> {
    Ok(Printable(&text.to_string()).to_string())
}

/// Shows text of several lines as one.
#[askama::filter_fn]
pub(super) fn prose<T: Display>(text: T, _: &dyn Values) -> Result<String> {
    let text = text.to_string();
    let lines: Vec<_> = text.lines().map(|line| Printable(line.trim()).to_string()).collect();
    Ok(lines.join(" "))
}

/// Writes text as a part of the fragment of an address.
#[askama::filter_fn]
pub(super) fn part<T: Display>(text: T, _: &dyn Values) -> Result<String> {
    Ok(encoded(&text.to_string()))
}
