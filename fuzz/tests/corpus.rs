//! Replays every corpus file through the function that its fuzz target calls, without a fuzzer.

use std::fs;
use std::path::Path;

use rstest::rstest;

#[rstest]
#[case::scenario("scenario", sockspec_fuzz::scenario)]
fn every_corpus_file_holds(#[case] target: &str, #[case] check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&folder).expect("the corpus is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "the corpus of {target} is empty");
    for file in files {
        check(&fs::read(&file).expect("the file is read"));
    }
}
