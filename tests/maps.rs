//! Maps whose keys a peer chooses: their order must not be a matter of luck that he can decide.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The crates, by whether they are protocol crates.
const CRATES: [(&str, bool); 7] = [
    ("wire", true),
    ("smtp", true),
    ("imap", true),
    ("pop3", true),
    ("mailtls", false),
    ("examples", false),
    (".", false),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let tests = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !tests {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") && !tests {
            found.push(path);
        }
    }
    found
}

/// The code of a file: without its comments, and without the tests at its end.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let lines = text.lines().map(str::trim_start);
    lines
        .filter(|line| !line.starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// Hashes without a key, and what a map is given one with.
const WITHOUT_KEY: [&str; 11] = [
    "BuildHasher",
    "BuildHasherDefault",
    "DefaultHasher",
    "with_hasher",
    "with_capacity_and_hasher",
    "hashbrown",
    "ahash",
    "AHashMap",
    "FxHashMap",
    "FxHashSet",
    "foldhash",
];

/// `std`'s hash maps are keyed at random for each map, and trees compare. Neither can be made slow by
/// names that were searched for.
#[test]
fn dos_14_no_map_hashes_without_a_key() {
    let mut maps = 0;
    for (name, _) in CRATES {
        for path in sources(&root().join(name).join("src")) {
            let code = code(&path);
            let odd = words(&code).find(|word| WITHOUT_KEY.contains(word));
            assert_eq!(odd, None, "{}", path.display());
            maps += words(&code).filter(|word| *word == "HashMap").count();
        }
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        let normal = manifest.split("[dev-dependencies]").next().unwrap();
        for dependency in [
            "hashbrown",
            "ahash",
            "fxhash",
            "rustc-hash",
            "foldhash",
            "fnv",
            "indexmap",
        ] {
            let named = normal.lines().any(|line| {
                let name = line.split(['.', ' ', '=']).next();
                name == Some(dependency)
            });
            assert!(!named, "{name} depends on {dependency}");
        }
    }
    // There is something to look at.
    assert!(maps > 5, "{maps}");
}

/// What a protocol crate keeps of a peer is a list with a limit that is looked through, a set of
/// bits, or a tree that compares: there is nothing to collide in.
#[test]
fn dos_14_protocol_crates_have_no_map_that_hashes() {
    for (name, protocol) in CRATES {
        if !protocol {
            continue;
        }
        for path in sources(&root().join(name).join("src")) {
            let code = code(&path);
            let maps = ["HashMap", "HashSet"];
            let map = words(&code).find(|word| maps.contains(word));
            assert_eq!(map, None, "{}", path.display());
        }
    }
}
