//! Holds the table of the fuzz targets against `Cargo.toml`, their sources and what is kept for
//! them: nothing is fuzzed but not replayed, and no folder is left over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use sockspec_fuzz::{TARGETS, inputs};
use toml_edit::DocumentMut;

#[test]
fn every_target_is_complete() {
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert!(names.is_sorted_by(|one, other| one < other), "by name, once each: {names:?}");
    let faults = faults(Path::new(env!("CARGO_MANIFEST_DIR")), &names);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What is wrong in a folder like this crate's, whose table has these names.
fn faults(root: &Path, table: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let binaries = binaries(&fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default());
    for name in binaries.keys().filter(|name| !table.contains(&name.as_str())) {
        faults.push(format!("{name} stands in Cargo.toml, but not in the table"));
    }
    for name in table {
        match binaries.get(*name) {
            Some(source) => faults.extend(fault_of_source(root, name, source)),
            None => faults.push(format!("{name} stands in the table, but not in Cargo.toml")),
        }
        faults.extend(faults_of_inputs(root, name));
        let dictionary = root.join(format!("dictionaries/{name}.dict"));
        if !fs::read_to_string(dictionary).is_ok_and(|text| text.lines().any(is_entry)) {
            faults.push(format!("{name} has no dictionary"));
        }
    }
    for folder in ["corpus", "regressions", "dictionaries"] {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !table.contains(&name.strip_suffix(".dict").unwrap_or(&name)) {
                faults.push(format!("{folder}/{name} is of no target"));
            }
        }
    }
    faults
}

/// The `[[bin]]`s of a manifest, which are what `cargo fuzz list` gives, with their sources; but for
/// those that need a feature and are no target of every run.
fn binaries(manifest: &str) -> BTreeMap<String, String> {
    let manifest: DocumentMut = manifest.parse().expect("the manifest is TOML");
    let binaries = manifest.get("bin").and_then(|bin| bin.as_array_of_tables());
    let text = |table: &toml_edit::Table, key: &str| {
        table.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    };
    let targets =
        binaries.into_iter().flatten().filter(|table| !table.contains_key("required-features"));
    targets.map(|table| (text(table, "name"), text(table, "path"))).collect()
}

/// The binary and the table could call two functions.
fn fault_of_source(root: &Path, name: &str, source: &str) -> Option<String> {
    let call = format!("sockspec_fuzz::{}(", name.replace('-', "_"));
    let calls = fs::read_to_string(root.join(source)).is_ok_and(|text| text.contains(&call));
    (!calls).then(|| format!("{source} does not call {call}"))
}

fn faults_of_inputs(root: &Path, name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for folder in ["corpus", "regressions"] {
        let folder = root.join(folder).join(name);
        let kept = match inputs(&folder) {
            Ok(kept) => kept,
            Err(error) => {
                faults.push(format!("{} cannot be read: {error}", folder.display()));
                continue;
            }
        };
        if kept.is_empty() && (folder.exists() || folder.starts_with(root.join("corpus"))) {
            faults.push(format!("{} is empty", folder.display()));
        }
        for input in kept {
            if !seen.insert(input.bytes) {
                faults.push(format!("{} is there twice", input.path.display()));
            }
        }
    }
    faults
}

fn is_entry(line: &str) -> bool {
    let line = line.trim();
    !line.starts_with('#') && line.contains('"')
}

const MANIFEST: &str = "[[bin]]\nname = \"a-b\"\npath = \"a.rs\"\n";

/// A folder with one complete target, spoilt in one way.
fn faults_when(spoil: impl Fn(&Path)) -> Vec<String> {
    let folder = tempfile::tempdir().expect("there is room");
    let root = folder.path();
    for (path, text) in [
        ("Cargo.toml", MANIFEST),
        ("a.rs", "libfuzzer_sys::fuzz_target!(|input: &[u8]| sockspec_fuzz::a_b(input));"),
        ("corpus/a-b/seed", "x"),
        ("regressions/a-b/finding", "y"),
        ("dictionaries/a-b.dict", "# a comment\n\"word\"\n"),
    ] {
        write(root, path, text);
    }
    spoil(root);
    let root = format!("{}/", root.display());
    faults(folder.path(), &["a-b"]).iter().map(|fault| fault.replace(&root, "")).collect()
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("it has one")).expect("there is room");
    fs::write(path, text).expect("there is room");
}

#[test]
fn what_is_missing_or_left_over_is_found() {
    let remove = |root: &Path, path| fs::remove_file(root.join(path)).expect("it is there");
    assert_eq!(faults_when(|_| ()), Vec::<String>::new());
    assert_eq!(
        faults_when(|root| write(root, "Cargo.toml", &MANIFEST.replace("a-b", "c"))),
        [
            "c stands in Cargo.toml, but not in the table",
            "a-b stands in the table, but not in Cargo.toml",
        ]
    );
    assert_eq!(
        faults_when(|root| write(root, "a.rs", "sockspec_fuzz::other(input)")),
        ["a.rs does not call sockspec_fuzz::a_b("]
    );
    assert_eq!(faults_when(|root| remove(root, "corpus/a-b/seed")), ["corpus/a-b is empty"]);
    assert_eq!(
        faults_when(|root| remove(root, "regressions/a-b/finding")),
        ["regressions/a-b is empty"]
    );
    let forget = |root: &Path| fs::remove_dir_all(root.join("regressions")).expect("it is there");
    assert_eq!(faults_when(forget), Vec::<String>::new(), "not every target has failed");
    assert_eq!(
        faults_when(|root| fs::remove_dir_all(root.join("corpus")).expect("it is there")),
        ["corpus/a-b is empty"]
    );
    assert_eq!(
        faults_when(|root| write(root, "dictionaries/a-b.dict", "# nothing but \"this\"\n")),
        ["a-b has no dictionary"]
    );
    assert_eq!(
        faults_when(|root| write(root, "regressions/a-b/seed", "x")),
        ["regressions/a-b/seed is there twice"]
    );
    for left in ["corpus/c/seed", "regressions/c/seed", "dictionaries/c.dict"] {
        let found = faults_when(|root| write(root, left, "\"x\""));
        let name = left.trim_end_matches("/seed");
        assert_eq!(found, [format!("{name} is of no target")]);
    }
}
