//! The scenario language: from text to cases, and back to canonical text.
//! It refuses to know sockets, clocks and threads.

pub mod case;
mod check;
mod coverage;
mod diagnostic;
mod document;
mod elaborate;
mod groups;
pub mod laws;
mod lexer;
mod parser;
mod print;
mod suite;
mod syntax;

pub use case::{
    Action, Alternative, Amount, Before, Case, DropFilter, Expectation, Expected, LinkFault, Place,
    Receiver, SameKey, Scenario, SocketName, Step, Variant, Via, WireFact, WireStep,
};
pub use coverage::{Cell, Coverage, Why};
pub use diagnostic::Diagnostic;
pub(crate) use diagnostic::{line_at, nearest, quoted};
pub use document::{Document, GrowError, LARGEST_FILE};
pub use groups::MOST_HOSTS;
pub use lexer::{Span, Token, TokenKind, lex};
pub use print::format;
pub use suite::{Problem, Suite};
pub use syntax::{AMOUNT_WORDS, KEYWORDS, LINK_WORDS, PACKET_WORDS, PLACES};
