//! The HTML page of one or more runs: a file that needs nothing else, neither a network nor a server.
//! It refuses to know what was expected: verdicts and standings come from the tally of each run.
//!
//! The matrix is plain HTML, so that it can be read without the script. What is known of a case lies
//! compressed behind it, one block for each scenario, and is unpacked when somebody asks for it: a page of
//! thousands of cases opens at once. All text passes askama's escaping, and the filter `shown` before
//! that, which leaves no control character and nothing that reorders text.

mod block;
mod change;
mod column;
mod detail;
mod document;
mod failing;
mod filters;
mod glyph;
mod listing;
mod notice;
mod packet_list;
mod policy;
mod sheet;
#[cfg(test)]
mod tests;
mod view;

pub use document::{comparison, page};
