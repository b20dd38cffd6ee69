//! The `sockspec` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    sockspec::cli::main()
}
