//! (placeholder while bootstrapping)
