use sockspec::scenario::laws;

/// Checks the laws of the scenario language's front end with any bytes.
///
/// # Panics
/// When one of them does not hold.
pub fn scenario(input: &[u8]) {
    if let Ok(source) = std::str::from_utf8(input)
        && let Err(broken) = laws::hold(source)
    {
        panic!("{broken}");
    }
}
