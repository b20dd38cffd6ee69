use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;

use super::proxy::ProxyError;
use crate::subject::program::Process;

/// The folder in which instances have theirs. It is removed when this is dropped, and by a guard of its own
/// where this process is gone.
#[derive(Debug)]
pub(super) struct Folder {
    /// Before the folder, so that nobody is left who could remove another one of that name.
    _guard: Option<Process>,
    path: TempDir,
}

/// What lasts as long as its guard is to.
const LASTING: [&str; 2] = ["sleep", "infinity"];

impl Folder {
    /// Makes it, with nobody to guard it where `guard` is nothing.
    pub(super) fn new(guard: &[OsString]) -> Result<Self, ProxyError> {
        let path = TempDir::with_prefix("sockspec-").map_err(ProxyError::Folder)?;
        let guard = [guard, &["--work".into(), path.path().into()]].concat();
        let guard = match guard.len() {
            2 => None,
            _ => Some(
                Process::start_with(&guard, &LASTING.map(OsString::from), Stdio::null())
                    .map_err(ProxyError::Folder)?,
            ),
        };
        Ok(Self { _guard: guard, path })
    }

    pub(super) fn path(&self) -> &Path {
        self.path.path()
    }
}
