//! The documents are held against the code: an index that has drifted is worse than none.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The folders whose Rust code, transcripts and scripts the documents speak of.
const FOLDERS: [&str; 9] = [
    "src", "tests", "wire", "smtp", "imap", "pop3", "mailtls", "examples", "fuzz",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below the folders with one of the endings.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<_> = FOLDERS.iter().map(|f| root().join(f)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("target") && !path.ends_with("corpus") {
                    folders.push(path);
                }
            } else if path
                .extension()
                .is_some_and(|e| endings.iter().any(|end| e == *end))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The cells of the rows of all tables in a document.
fn rows(document: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        inner
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let lines = document.lines().filter(|line| line.starts_with("| "));
    lines
        .map(cells)
        .filter(|row| row.iter().any(|cell| !cell.starts_with("---")))
        .collect()
}

/// The RFC numbers that a text refers to in the one form `RFC 5321 §4.5`, or without a section.
fn references(text: &str) -> BTreeSet<u32> {
    let behind = text.match_indices("RFC ").map(|(at, _)| &text[at + 4..]);
    let digits = |rest: &str| {
        rest.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
    };
    behind
        .filter_map(|rest| digits(rest).parse().ok())
        .filter(|n| *n > 100)
        .collect()
}

#[test]
fn every_rfc_that_the_code_names_has_a_row_and_every_yes_is_named() {
    let mut named: BTreeMap<u32, PathBuf> = BTreeMap::new();
    for path in files(&["rs", "txt"]) {
        for number in references(&fs::read_to_string(&path).unwrap_or_default()) {
            named.entry(number).or_insert_with(|| path.clone());
        }
    }
    let index = text("RFC.md");
    let mut listed = BTreeMap::new();
    for row in rows(&index) {
        if let Ok(number) = row[0].parse::<u32>() {
            assert!(
                row.len() >= 4,
                "RFC.md: {number} needs title, status and where"
            );
            assert!(
                ["yes", "partial", "no"].contains(&row[2].as_str()),
                "RFC.md: {number}: {}",
                row[2]
            );
            assert!(
                listed.insert(number, row[2].clone()).is_none(),
                "RFC.md: {number} twice"
            );
        }
    }
    for (number, path) in &named {
        assert!(
            listed.contains_key(number),
            "{} names RFC {number}, RFC.md does not",
            path.display()
        );
    }
    for (number, status) in &listed {
        let needs = status != "no";
        assert!(
            !needs || named.contains_key(number),
            "RFC.md says {status} to {number}, no code names it"
        );
    }
    assert!(listed.len() > 20);
}

/// The prefixes of the catalogue of attacks and of the requirements on TLS.
const FAMILIES: [&str; 12] = [
    "all", "smtp", "starttls", "auth", "pop3", "x509", "dos", "store", "supply", "s", "e", "imap",
];

/// `smtp_35_bare_lf` proves `SMTP-35`; two ids may follow each other: `s4_s5_unknown_sni`.
fn id_of(test: &str) -> Option<String> {
    let (family, rest) = match test.split_once('_') {
        Some((family, rest)) if FAMILIES.contains(&family) => (family.to_owned(), rest),
        _ => {
            // `s12_...` and `e7_...`, as the requirements on TLS are numbered.
            let (family, rest) = test.split_at_checked(1)?;
            if !["s", "e", "d", "m", "t"].contains(&family) {
                return None;
            }
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let ends = rest.strip_prefix(digits.as_str())?.starts_with('_');
            return (ends && !digits.is_empty())
                .then(|| format!("{}{digits}", family.to_uppercase()));
        }
    };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let family = if family.len() == 1 {
        family.to_uppercase()
    } else {
        format!("{}-", family.to_uppercase())
    };
    (!digits.is_empty()).then(|| format!("{family}{digits}"))
}

/// Every test function and every transcript whose name begins with an id.
fn proofs() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for path in files(&["rs", "txt"]) {
        if path.extension().is_some_and(|e| e == "txt") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            // A transcript may say first which machine it is about.
            let role = ["client_", "server_", "open_"]
                .iter()
                .find_map(|r| name.strip_prefix(r));
            if let Some(id) = id_of(role.unwrap_or(&name)) {
                found.insert(name, id);
            }
            continue;
        }
        let code = fs::read_to_string(&path).unwrap();
        let mut is_test = false;
        for line in code.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if is_test && let Some(at) = line.find("fn ") {
                let name: String = line[at + 3..]
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if let Some(id) = id_of(&name) {
                    found.insert(name, id);
                }
                is_test = false;
            }
        }
    }
    found
}

#[test]
fn every_requirement_has_its_test_and_every_such_test_its_requirement() {
    let proofs = proofs();
    let mut rest: BTreeMap<_, _> = proofs.iter().collect();
    let mut ids = BTreeSet::new();
    for row in rows(&text("docs/requirements.md")) {
        let [id, what, source, tests] = &row[..] else {
            continue;
        };
        if id == "id" || id.starts_with("---") {
            continue;
        }
        assert!(ids.insert(id.clone()), "docs/requirements.md: {id} twice");
        assert!(
            what.len() > 10,
            "docs/requirements.md: {id} is not explained"
        );
        assert!(
            !source.is_empty(),
            "docs/requirements.md: {id} has no source"
        );
        let names: Vec<_> = tests
            .split(',')
            .map(|t| t.trim().trim_matches('`'))
            .collect();
        assert!(
            names.iter().any(|n| !n.is_empty()),
            "docs/requirements.md: {id} names no test"
        );
        for name in names {
            assert!(
                proofs.contains_key(name),
                "docs/requirements.md: {id}: no test {name}"
            );
            rest.retain(|test, _| test.as_str() != name);
        }
    }
    assert!(
        rest.is_empty(),
        "tests that docs/requirements.md does not name: {rest:#?}"
    );
    assert!(ids.len() > 50, "{}", ids.len());
}

#[test]
fn ids_are_read_from_names() {
    for (name, id) in [
        ("smtp_35_bare_lf", Some("SMTP-35")),
        ("s4_unknown", Some("S4")),
        ("s_52_keys", Some("S52")),
        ("starttls_1_injected", Some("STARTTLS-1")),
        ("pop3_over_tls", None),
        ("store", None),
        ("sends_mail", None),
    ] {
        assert_eq!(id_of(name).as_deref(), id, "{name}");
    }
}

#[test]
fn nothing_that_is_unfinished_or_unplaceable_is_committed() {
    for path in files(&["rs"]) {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        for bad in ["util", "utils", "common", "helpers", "misc"] {
            assert_ne!(stem, bad, "{shown}: a room needs an idea in its name");
        }
        let code = fs::read_to_string(&path).unwrap();
        let lines = code.lines().count();
        assert!(lines <= 800, "{shown} has {lines} lines: split it");
        if shown == "tests/documents.rs" {
            continue;
        }
        for bad in [
            "todo!(",
            "unimplemented!(",
            "#[ignore",
            "thread::sleep",
            "// TODO",
            "// FIXME",
        ] {
            assert!(!code.contains(bad), "{shown} holds {bad}");
        }
    }
}

#[test]
fn supply_13_no_library_has_unsafe_code() {
    for path in files(&["rs"]) {
        let Ok(inner) = path.strip_prefix(root()) else {
            continue;
        };
        if inner.ends_with("src/lib.rs") {
            let code = fs::read_to_string(&path).unwrap();
            assert!(
                code.contains("#![forbid(unsafe_code)]"),
                "{}",
                inner.display()
            );
        }
    }
}

/// Versions below which a dependency has a known hole.
const MINIMUM: [(&str, &str); 18] = [
    ("rustls", "0.23.18"),
    ("tokio-rustls", "0.26.0"),
    ("rustls-webpki", "0.103.13"),
    ("ring", "0.17.12"),
    ("aws-lc-sys", "0.39.0"),
    ("bytes", "1.11.1"),
    ("tokio", "1.44.2"),
    ("slab", "0.4.11"),
    ("mio", "0.8.11"),
    ("crossbeam-channel", "0.5.15"),
    ("smallvec", "1.6.1"),
    ("idna", "1.0.3"),
    ("time", "0.3.47"),
    ("tracing-subscriber", "0.3.20"),
    ("hickory-proto", "0.26.1"),
    ("h2", "0.4.16"),
    ("hyper", "1.0.0"),
    ("arc-swap", "1.1.0"),
];

/// Crates that must not come in, whatever brings them.
const BANNED: [&str; 11] = [
    "rustls-pemfile",
    "webpki",
    "openssl",
    "native-tls",
    "rsa",
    "encoding",
    "humantime",
    "daemonize",
    "serde_yaml",
    "hickory-recursor",
    "unic-idna",
];

#[test]
fn supply_16_the_lock_file_holds_no_version_with_a_known_hole() {
    let version = |text: &str| {
        let release = text.split(['-', '+']).next().unwrap_or_default().to_owned();
        release
            .split('.')
            .map(|n| n.parse::<u64>().unwrap())
            .collect::<Vec<_>>()
    };
    let lock = text("Cargo.lock");
    let mut seen = 0;
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let line = package
                .lines()
                .find(|l| l.starts_with(&format!("{name} = ")));
            line.and_then(|l| l.split('"').nth(1))
                .unwrap_or_default()
                .to_owned()
        };
        let (name, found) = (field("name"), field("version"));
        assert!(!BANNED.contains(&name.as_str()), "{name} must not come in");
        if let Some((_, least)) = MINIMUM.iter().find(|(n, _)| *n == name) {
            assert!(
                version(&found) >= version(least),
                "{name} {found} is below {least}"
            );
            seen += 1;
        }
    }
    assert!(
        seen > 8,
        "only {seen} of the crates in the table were found"
    );
}
