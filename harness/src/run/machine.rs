use nix::sys::utsname::uname;

/// The release of the kernel that this process runs on, as `uname -r` shows it, where the system tells.
pub fn kernel_release() -> Option<String> {
    Some(uname().ok()?.release().to_string_lossy().into_owned())
}
