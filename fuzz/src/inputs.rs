use std::path::{Path, PathBuf};
use std::{fs, io};

/// One input that is kept in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The file.
    pub path: PathBuf,
    /// What stands in it.
    pub bytes: Vec<u8>,
}

/// Reads every file of a folder, in the order of their names. A folder that is not there has none.
///
/// # Errors
/// When the folder or something in it cannot be read, as a folder within cannot.
pub fn inputs(folder: &Path) -> io::Result<Vec<Input>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut inputs = Vec::new();
    for entry in entries {
        let path = entry?.path();
        inputs.push(Input { bytes: fs::read(&path)?, path });
    }
    inputs.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(inputs)
}
