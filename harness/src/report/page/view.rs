use std::fmt::Write as _;

/// Text as `encodeURIComponent` writes it, so that it can stand in the fragment of an address.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*()/,=:".contains(&byte) {
            encoded.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_an_address_is_encoded() {
        assert_eq!(encoded("half/eof[tcp4,n=1]"), "half/eof%5Btcp4,n=1%5D");
        assert_eq!(
            encoded("&#%+\"'<>\u{202e}\n §"),
            "%26%23%25%2B%22%27%3C%3E%E2%80%AE%0A%20%C2%A7"
        );
    }
}
