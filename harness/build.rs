//! Builds the program anew when a scenario has come or gone: the suite is part of it.

fn main() {
    println!("cargo::rerun-if-changed=scenarios");
}
