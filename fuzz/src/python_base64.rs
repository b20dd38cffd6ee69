use sockspec::framing::{Base64Fault, Base64Framer, Cut, FrameError, Framer, naive};
use sockspec::vocabulary::{Framing, Terminator};

/// Holds base64 against Python's `base64.b64decode(text, validate=True)`, each line of the input as
/// one text: what we take, it takes, and gives the same.
///
/// What is meant to differ, since a message has one form only for us:
/// - Python ignores the unused bits of the last character (`Zh==` is `Zg==`).
/// - It goes over padding behind a text that needs none (`Zm9v==`), up to version 3.13 at least.
///
/// # Panics
/// When something else differs.
pub fn python_base64(input: &[u8]) {
    for text in input.split(|byte| *byte == b'\n') {
        check(text);
    }
}

fn check(text: &[u8]) {
    let shown = text.escape_ascii();
    let wire = [text, b"\n"].concat();
    let mut framer = Base64Framer::new(b'\n', usize::MAX);
    match (framer.cut(&wire, true), python(text)) {
        (Ok(Cut::Frame { body, .. }), Some(message)) => {
            assert_eq!(framer.message(&wire[body]), message, "{shown}");
        }
        (Err(_), None) => {}
        (Err(FrameError::BadBase64 { offset, fault }), Some(message)) => {
            is_meant(text, &message, offset, fault);
        }
        (ours, theirs) => panic!("{shown}: {ours:?}, but {theirs:?}"),
    }
}

/// Holds a text that we refuse against the one form that its message has for us.
fn is_meant(text: &[u8], message: &[u8], offset: u64, fault: Base64Fault) {
    let shown = text.escape_ascii();
    let mut canonical = naive::write(Framing::Base64(Terminator::Newline), usize::MAX, message)
        .expect("every message can be written");
    canonical.pop();
    let padding = text.strip_prefix(&canonical[..]);
    match fault {
        Base64Fault::UnusedBits(found) => {
            let at = usize::try_from(offset).expect("it is within the text");
            assert_eq!((text.len(), text[at]), (canonical.len(), found));
            canonical[at] = found;
            assert_eq!(text, canonical, "only that character differs");
        }
        Base64Fault::Length(_) | Base64Fault::Padding => {
            let is_needless = padding.is_some_and(|rest| rest.iter().all(|byte| *byte == b'='));
            assert!(is_needless && !canonical.ends_with(b"="), "{shown}");
        }
        Base64Fault::Character(_) => panic!("{shown}: {fault}"),
    }
}

/// What CPython 3.11 does (`Modules/binascii.c`, `binascii_a2b_base64_impl` with `strict_mode`).
pub fn python(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    if text.first() == Some(&b'=') {
        return None;
    }
    let (mut quad, mut pads, mut left, mut is_padded) = (0, 0, 0_u8, false);
    for (at, character) in text.iter().enumerate() {
        let value = match character {
            b'=' => {
                is_padded = true;
                if quad >= 2 {
                    pads += 1;
                    if quad + pads >= 4 {
                        return (at + 1 == text.len()).then_some(bytes);
                    }
                }
                continue;
            }
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        if is_padded {
            return None;
        }
        match quad {
            0 => {}
            1 => bytes.push(left << 2 | value >> 4),
            2 => bytes.push(left << 4 | value >> 2),
            _ => bytes.push(left << 6 | value),
        }
        left = value;
        quad = (quad + 1) % 4;
    }
    (quad == 0).then_some(bytes)
}
