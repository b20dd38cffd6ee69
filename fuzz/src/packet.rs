use std::time::Duration;

use sockspec::wire::{Frame, laws};

/// Checks the laws of decoding with any frame: its bytes, and last how much longer it was than what
/// was kept of it, in units of 16 bytes, squared. A frame of 255 units has more than 64 KiB.
///
/// # Panics
/// When one of them does not hold.
pub fn packet(input: &[u8]) {
    let Some((units, bytes)) = input.split_last() else { return };
    let kept = &bytes[..bytes.len().min(Frame::KEPT)];
    let longer = 16 * u32::from(*units).pow(2);
    let frame = Frame {
        at: Duration::from_millis(3),
        sender: Some(1),
        receiver: None,
        length: u32::try_from(bytes.len()).unwrap_or(u32::MAX).saturating_add(longer),
        bytes: kept.into(),
    };
    if let Err(broken) = laws::decoding(&frame) {
        panic!("{broken}");
    }
}
