//! Builds the program anew when a scenario, an agent or a proxy has come or gone: all are part of it.

fn main() {
    println!("cargo::rerun-if-changed=scenarios");
    println!("cargo::rerun-if-changed=agents");
    println!("cargo::rerun-if-changed=proxies");
}
