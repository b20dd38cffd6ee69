//! The sequence diagram of a case as an `<svg>` element: its actors as lanes, its calls and packets on
//! one axis of time.
//! It refuses to know the page that it stands on: its colours are custom properties of
//! `diagram.css`.

mod arrow;
mod call;
mod drawing;
mod lanes;
mod moment;
mod picture;
mod ports;
mod text;

pub use picture::{DIAGRAM_STYLE, Diagram};
pub(super) use text::Escaped;
