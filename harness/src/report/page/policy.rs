/// The script of the page.
pub(super) const SCRIPT: &str = include_str!("../../../templates/page/script.js");
/// The stylesheet of the page.
pub(super) const STYLE: &str = include_str!("../../../templates/page/style.css");

/// The digests of the script and of the stylesheet, by which the policy lets them in.
const SCRIPT_DIGEST: &str = "sha256-ZCxX6P462I/A40Zv0bbYcPWyUmUp6zBjEQLE2NiEt+c=";
const STYLE_DIGEST: &str = "sha256-Ggf2kn5wJH47tmzQ1hsz9ksWN3mJ5pH/ln7BfRuEiQs=";

/// What a browser may do for the page: run this script, use this stylesheet, nothing else.
pub(super) fn policy() -> String {
    format!(
        "default-src 'none'; script-src '{SCRIPT_DIGEST}'; style-src '{STYLE_DIGEST}'; \
         base-uri 'none'; form-action 'none'"
    )
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_policy_lets_in_what_the_page_holds() {
        for (text, digest) in [(SCRIPT, SCRIPT_DIGEST), (STYLE, STYLE_DIGEST)] {
            let now = format!("sha256-{}", BASE64.encode(&Sha256::digest(text)));
            assert_eq!(digest, now, "the text has changed, and its digest is now {now}");
        }
    }

    #[test]
    fn neither_ends_its_element() {
        for ending in ["</", "<!--", "\r"] {
            assert!(!SCRIPT.contains(ending) && !STYLE.contains(ending), "{ending:?}");
        }
    }
}
