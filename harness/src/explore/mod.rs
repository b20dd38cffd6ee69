//! Exploring: streams that nobody wrote down, held against laws, and shrunk where one is broken.
//! It refuses to know the terminal: what it finds is data.

mod case;
mod checks;
pub mod decoder;
mod dictionary;
mod frames;
mod generator;
mod hunt;
mod observed;
mod random;
mod shrink;

pub use case::{BadCase, Case};
pub use checks::{Checks, Wrong, replay};
pub use frames::Frames;
pub use generator::Generator;
pub use hunt::{Finding, Hunt, Hunted};
pub use observed::{Observed, observe};
pub use random::Random;
pub use shrink::{Shrunk, shrink};
