//! The `sockspec` program.

fn main() {}
