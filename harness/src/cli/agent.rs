use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;

use clap::Args;

use super::exit::Exit;
use super::output::complain;
use crate::subject::agent::serve;
use crate::subject::kernel::KernelSubject;

/// Perform what is asked on standard input with this machine's sockets, as an agent.
///
/// What can run this program can be a subject so: a container, a virtual machine, a sandbox, a host
/// behind ssh. `sockspec run -- ssh HOST sockspec agent` tests the sockets of that host.
#[derive(Debug, Args)]
pub(super) struct Arguments {}

pub(super) fn agent(_: &Arguments) -> io::Result<Exit> {
    let kernel = match KernelSubject::new() {
        Ok(kernel) => kernel,
        Err(error) => {
            complain(&format!("error: the subject kernel cannot be used: {error}\n"));
            return Ok(Exit::Broken);
        }
    };
    // Without a buffer of its own, since what waits there could not be polled for.
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut output = io::stdout().lock();
    match serve(&kernel, &mut input, &mut output) {
        // Whoever asked is gone.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Good),
        Err(error) => {
            complain(&format!("error: {error}\n"));
            Ok(Exit::Usage)
        }
        Ok(()) => output.flush().map(|()| Exit::Good),
    }
}
