//! Holds a syntax tree against the rules of the language and resolves every name in it.
//! It refuses to know variants: those are chosen in elaboration.

mod checker;
mod cursor;
mod expectation;
mod family;
mod fault;
mod flow;
mod framing;
mod header;
mod lan;
mod mistake;
mod names;
mod omission;
mod operation;
mod place;
mod samples;
mod value;
mod wire;

pub(super) use checker::{check, refusal};
pub(super) use omission::{LOCAL, Omission, Omitted};
