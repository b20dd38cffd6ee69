//! Holds the sources against the architecture: which module may use which, how long a file may be,
//! what stands in a `mod.rs`, where `unsafe` is.

use std::fs;
use std::path::{Path, PathBuf};

/// The layers, from the one that knows nothing to the one that knows all. A module uses only
/// modules that stand before it.
const LAYERS: [&str; 11] = [
    "vocabulary",
    "scenario",
    "framing",
    "model",
    "wire",
    "net",
    "subject",
    "run",
    "report",
    "explore",
    "cli",
];

/// The one file in which `unsafe` is expected.
const UNSAFE: &str = "subject/kernel/syscall.rs";

/// Longer files have more than one noun in them.
const LONGEST: usize = 800;

#[test]
fn a_module_uses_only_what_stands_above_it() {
    let wrong: Vec<String> =
        sources().iter().flat_map(|file| forbidden(&file.path, &file.text)).collect();
    assert!(wrong.is_empty(), "arrows against the layers:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_layer() {
    for file in sources() {
        let layer = layer_of(&file.path);
        assert!(
            layer.is_none_or(|layer| LAYERS.contains(&layer)),
            "{} lies in no layer of the architecture",
            file.path
        );
    }
}

#[test]
fn a_file_is_one_noun() {
    for file in sources() {
        let lines = file.text.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines, more than {LONGEST}", file.path);
    }
}

#[test]
fn a_module_file_holds_documentation_declarations_and_re_exports() {
    for file in sources() {
        if file.path.ends_with("mod.rs") || file.path == "lib.rs" {
            assert_eq!(first_code(&file.text), None, "in {}", file.path);
        }
    }
}

#[test]
fn unsafe_stands_in_one_file() {
    for file in sources() {
        let has = words(&code_of(&file.text)).any(|word| word == "unsafe");
        assert_eq!(has, file.path == UNSAFE, "`unsafe` in {}", file.path);
    }
}

#[test]
fn the_top_of_the_tree_is_the_architecture() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let known = ["harness", "fuzz", "scenarios", "reports", "ci", "target"];
    for entry in fs::read_dir(top).expect("the tree can be read").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !name.starts_with('.') {
            assert!(known.contains(&name.as_str()), "the folder {name} has no place at the top");
        }
    }
}

#[test]
fn an_arrow_against_the_layers_is_found_in_every_spelling() {
    for planted in [
        "use crate::run::Trial;",
        "use crate::{vocabulary::Op, run::Trial};",
        "use crate::{\n    vocabulary::{Op, Outcome},\n    run,\n};",
        "fn f() { crate::run::run() }",
        "use crate :: run;",
        "pub(in crate::run) fn f() {}",
    ] {
        let found = forbidden("scenario/case.rs", planted);
        assert_eq!(found.len(), 1, "{planted}: {found:?}");
        assert!(found[0].contains("run"), "{found:?}");
    }
    for harmless in [
        "use crate::vocabulary::Op;",
        "use crate::scenario::Case;",
        "// use crate::run::Trial;",
        "/* use crate::run::Trial; */",
        "const TEXT: &str = \"crate::run\";",
        "use std::run;",
    ] {
        assert_eq!(forbidden("scenario/case.rs", harmless), Vec::<String>::new(), "{harmless}");
    }
}

#[test]
fn code_in_a_module_file_is_found() {
    assert_eq!(first_code("//! Doc.\n\nmod a;\npub use a::{\n    B,\n    C,\n};\n"), None);
    assert_eq!(first_code("mod a;\nfn f() {}\n").as_deref(), Some("fn f() {}"));
    assert_eq!(first_code("pub mod a;\npub(super) use a::b;\npub(in crate::c) mod d;\n"), None);
    assert_eq!(first_code("pub(super) fn f() {}\n").as_deref(), Some("pub(super) fn f() {}"));
    assert_eq!(first_code("pub struct S;\n").as_deref(), Some("pub struct S;"));
}

struct Source {
    /// Below `harness/src`.
    path: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the sources can be read").flatten() {
            let path: PathBuf = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).expect("a source is text");
                let path = path.strip_prefix(&root).expect("it lies below the root");
                found.push(Source { path: path.to_string_lossy().into_owned(), text });
            }
        }
    }
    assert!(found.len() > LAYERS.len(), "the sources were not found");
    found
}

fn layer_of(path: &str) -> Option<&str> {
    path.split_once('/').map(|(layer, _)| layer)
}

/// The uses of modules that stand below the file's own.
fn forbidden(path: &str, text: &str) -> Vec<String> {
    let Some(own) = layer_of(path).and_then(rank) else { return Vec::new() };
    used(&code_of(text))
        .into_iter()
        .filter(|module| rank(module).is_some_and(|rank| rank > own))
        .map(|module| format!("{path} uses {module}"))
        .collect()
}

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|known| *known == layer)
}

/// The modules that stand directly behind `crate::`, alone or as a group.
fn used(code: &str) -> Vec<String> {
    let tight: String = code
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace(" ::", "::")
        .replace(":: ", "::");
    let mut found = Vec::new();
    for (at, _) in tight.match_indices("crate::") {
        let rest = &tight[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group_heads(group)),
            None => found.extend(words(rest).next().map(str::to_owned)),
        }
    }
    found
}

/// The first word of each member of a use group, up to the bracket that closes it.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut expects = true;
    let mut word = String::new();
    for character in group.chars() {
        if character.is_alphanumeric() || character == '_' {
            if expects && depth == 0 {
                word.push(character);
            }
            continue;
        }
        if !word.is_empty() {
            heads.push(std::mem::take(&mut word));
            expects = false;
        }
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => return heads,
            '}' => depth -= 1,
            ',' if depth == 0 => expects = true,
            _ => {}
        }
    }
    heads
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|word| !word.is_empty())
}

/// The text without comments and the insides of strings.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("'\"'") || rest.starts_with("b'\"'") {
            rest.find("\"'").map_or(rest.len(), |end| end + 2)
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            raw.find("\"#").map_or(rest.len(), |end| end + 5)
        } else if first == '"' {
            string_length(rest)
        } else {
            code.push(first);
            first.len_utf8()
        };
        rest = &rest[skipped..];
    }
    code
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The first line of a module file that is more than documentation, a declaration or a re-export.
fn first_code(text: &str) -> Option<String> {
    let mut within_use = false;
    for line in text.lines() {
        let line = line.trim();
        let declared = line.strip_prefix("pub").map_or(line, |rest| {
            rest.strip_prefix('(')
                .and_then(|rest| rest.split_once(')'))
                .map_or(rest, |(_, rest)| rest)
        });
        let starts = ["//", "mod ", "use ", "#["];
        let plain =
            line.is_empty() || starts.iter().any(|start| declared.trim().starts_with(start));
        if !plain && !within_use {
            return Some(line.to_owned());
        }
        let opens_use = line.contains("use ") && !line.starts_with("//");
        within_use = (within_use || opens_use) && !line.ends_with(';');
    }
    None
}
