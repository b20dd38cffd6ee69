use std::io;

use nix::errno::Errno as Raw;

use crate::vocabulary::Errno;

/// The name of an error of this kernel.
pub(super) fn named(raw: Raw) -> Errno {
    // nix's names are the kernel's own, so the words agree by construction.
    Errno::from_name(&format!("{raw:?}")).unwrap_or(Errno::Unnamed(raw as i32))
}

/// The kernel's error within one of the standard library's.
pub(super) fn raw(error: &io::Error) -> Raw {
    error.raw_os_error().map_or(Raw::EIO, Raw::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_error_is_found_by_its_number() {
        let mut found = 0;
        for number in 1..140 {
            let name = named(Raw::from_raw(number));
            found += usize::from(name.name().is_some());
        }
        assert_eq!(found, Errno::ALL.len(), "each name stands for one number of this kernel");
    }
}
