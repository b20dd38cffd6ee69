use std::io::Write as _;

use data_encoding::BASE64;
use flate2::Compression;
use flate2::write::ZlibEncoder;

/// The fragments of one scenario's cases, in their order, as the page unpacks them: joined by NUL, which
/// no fragment has, compressed as zlib (RFC 1950), written in base64.
pub(super) fn packed(fragments: &[String]) -> String {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let written =
        encoder.write_all(fragments.join("\0").as_bytes()).and_then(|()| encoder.finish());
    // Memory can always be written to.
    written.map(|bytes| BASE64.encode(&bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::ZlibDecoder;

    use super::*;

    #[test]
    fn what_is_packed_can_be_unpacked() {
        let packed = packed(&["<p>one".to_owned(), String::new(), "three §".to_owned()]);
        let bytes = BASE64.decode(packed.as_bytes()).expect("it is base64");
        let mut text = String::new();
        ZlibDecoder::new(&bytes[..]).read_to_string(&mut text).expect("it is zlib");
        assert_eq!(text.split('\0').collect::<Vec<_>>(), ["<p>one", "", "three §"]);
    }
}
