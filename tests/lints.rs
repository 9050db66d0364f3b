//! What the compiler and clippy refuse, in every crate and for everybody.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::{fs, path::Path};

const CRATES: [&str; 8] = [
    "wire", "smtp", "imap", "pop3", "mailtls", "examples", "fuzz", ".",
];

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a section of a manifest.
fn section<'a>(manifest: &'a str, name: &str) -> Vec<&'a str> {
    let header = format!("[{name}]");
    let behind = manifest.lines().skip_while(|line| *line != header).skip(1);
    behind.take_while(|line| !line.starts_with('[')).collect()
}

/// What ends in a panic on input that nobody thought of is not written at all.
#[test]
fn supply_14_what_may_panic_on_input_is_refused_in_every_crate() {
    let root = text("Cargo.toml");
    let clippy = section(&root, "workspace.lints.clippy");
    for lint in [
        "unwrap_used",
        "expect_used",
        "panic",
        "indexing_slicing",
        "string_slice",
        "cast_possible_truncation",
        "cast_sign_loss",
        "todo",
        "unimplemented",
    ] {
        let on = [format!("{lint} = \"warn\""), format!("{lint} = \"deny\"")];
        assert!(
            clippy.iter().any(|line| on.iter().any(|o| o == line)),
            "{lint}"
        );
    }
    assert!(section(&root, "workspace.lints.rust").contains(&"unsafe_code = \"forbid\""));
    // An overflow that was overlooked is an error in what is shipped, too.
    assert!(section(&root, "profile.release").contains(&"overflow-checks = true"));
    for name in CRATES {
        let manifest = text(&format!("{name}/Cargo.toml"));
        assert_eq!(
            section(&manifest, "lints").first(),
            Some(&"workspace = true"),
            "{name}"
        );
        let library = text(&format!("{name}/src/lib.rs"));
        assert!(library.contains("#![forbid(unsafe_code)]"), "{name}");
    }
}

/// The lints that stand between a peer and a panic.
const GUARDS: [&str; 6] = [
    "unwrap_used",
    "expect_used",
    "clippy::panic",
    "indexing_slicing",
    "string_slice",
    "cast_sign_loss",
];

/// Where one of them is switched off, and why no peer gets there.
const EXCEPTIONS: [(&str, &str); 5] = [
    // Tables with an entry for each octet.
    ("imap/src/grammar/class.rs", "indexing_slicing"),
    ("imap/src/toolkit/message/transfer.rs", "indexing_slicing"),
    ("smtp/src/address/class.rs", "indexing_slicing"),
    ("smtp/src/address/word.rs", "indexing_slicing"),
    // HMAC takes a key of any length (RFC 2104 §2).
    ("wire/src/sasl/scram/keys.rs", "expect_used"),
];

fn switched_off(folder: &Path, found: &mut Vec<(String, &'static str)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let tests = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !tests {
            switched_off(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !tests {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
            for attribute in code.split("#[").chain(code.split("#![")).skip(1) {
                let attribute = attribute.split(']').next().unwrap();
                if attribute.starts_with("allow(") || attribute.starts_with("expect(") {
                    let guards = GUARDS.into_iter().filter(|guard| attribute.contains(guard));
                    let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
                    found.extend(guards.map(|guard| (name.display().to_string(), guard)));
                }
            }
        }
    }
}

#[test]
fn supply_14_protocol_crates_switch_off_nothing_that_guards_against_panics() {
    let mut found = Vec::new();
    for name in ["wire", "smtp", "imap", "pop3"] {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join(name).join("src");
        switched_off(&sources, &mut found);
    }
    for (path, guard) in found {
        let excepted = EXCEPTIONS.contains(&(&*path, guard));
        assert!(excepted, "{path} switches {guard} off");
    }
}
