/// The script of the page.
pub(super) const SCRIPT: &str = include_str!("../../../templates/page/script.js");
/// The stylesheet of the page.
pub(super) const STYLE: &str = include_str!("../../../templates/page/style.css");

/// The digests of the script and of the stylesheets, by which the policy lets them in.
const SCRIPT_DIGEST: &str = "sha256-TdHAIBgb1Ey5QMwZ4ln/p6zh5j88Gl1n+Ysz7hqd/TE=";
const DIAGRAM_DIGEST: &str = "sha256-P0yEF1nRpdlYQ3bBNu1inC/kNVtiiddrF1oKGaEz7nI=";
const BYTES_DIGEST: &str = "sha256-riYHlF85ifk4VD4ZSnPG6il4DTYDa0MyNW0xGTJ7HFg=";
const STYLE_DIGEST: &str = "sha256-z/AZHy4mRY6aznquIsWB2hl2xSuVG/PDxSbNZ7JDLu8=";

/// What a browser may do for the page: run this script, use this stylesheet, nothing else.
pub(super) fn policy() -> String {
    format!(
        "default-src 'none'; script-src '{SCRIPT_DIGEST}'; \
         style-src '{DIAGRAM_DIGEST}' '{BYTES_DIGEST}' '{STYLE_DIGEST}'; \
         base-uri 'none'; form-action 'none'"
    )
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::report::bytes::BYTES_STYLE;
    use crate::report::diagram::DIAGRAM_STYLE;

    #[test]
    fn the_policy_lets_in_what_the_page_holds() {
        let all = [
            (SCRIPT, SCRIPT_DIGEST),
            (DIAGRAM_STYLE, DIAGRAM_DIGEST),
            (BYTES_STYLE, BYTES_DIGEST),
            (STYLE, STYLE_DIGEST),
        ];
        for (text, digest) in all {
            let now = format!("sha256-{}", BASE64.encode(&Sha256::digest(text)));
            assert_eq!(digest, now, "the text has changed, and its digest is now {now}");
        }
    }

    #[test]
    fn neither_ends_its_element() {
        for ending in ["</", "<!--", "\r"] {
            for text in [SCRIPT, DIAGRAM_STYLE, BYTES_STYLE, STYLE] {
                assert!(!text.contains(ending), "{ending:?}");
            }
        }
    }
}
