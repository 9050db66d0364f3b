//! Runs every target over its seeds and its corpus, on stable Rust.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use mailwire_fuzz::TARGETS;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder and of the folders in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn names(folder: &str, extension: &str) -> BTreeSet<String> {
    let names = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| name.strip_suffix(extension).map(str::to_string))
        .collect()
}

#[test]
fn all_3_every_target_holds_for_its_seeds_and_for_every_beginning_of_them() {
    for target in TARGETS {
        assert!(!target.seeds.is_empty(), "{}", target.name);
        for seed in target.seeds {
            for len in 0..=seed.len() {
                (target.run)(&seed[..len]);
            }
        }
    }
}

#[test]
fn all_3_every_target_holds_for_seeds_with_an_octet_changed() {
    for target in TARGETS {
        for seed in target.seeds {
            let mut changed = seed.to_vec();
            for at in 0..changed.len() {
                for octet in [0, b'\r', b'\n', b'.', b' ', 0xff] {
                    changed[at] = octet;
                    (target.run)(&changed);
                }
                changed[at] = seed[at];
            }
        }
    }
}

#[test]
fn all_3_every_target_holds_for_its_corpus() {
    for target in TARGETS {
        let corpus = files(&root().join("corpus").join(target.name));
        assert!(!corpus.is_empty(), "{} has a corpus", target.name);
        for file in corpus {
            let data = fs::read(&file).unwrap();
            println!("{}", file.display());
            (target.run)(&data);
        }
    }
}

#[test]
fn every_target_has_a_binary_a_dictionary_and_a_corpus_and_nothing_else_has() {
    let targets: BTreeSet<String> = TARGETS
        .iter()
        .map(|target| target.name.to_string())
        .collect();
    assert_eq!(names("fuzz_targets", ".rs"), targets);
    assert_eq!(names("dictionaries", ".dict"), targets);
    assert_eq!(names("corpus", ""), targets);
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for target in targets {
        assert!(
            manifest.contains(&format!("name = \"{target}\"")),
            "{target}"
        );
    }
}

#[test]
fn the_corpora_are_small() {
    let octets: u64 = files(&root().join("corpus"))
        .iter()
        .map(|file| fs::metadata(file).unwrap().len())
        .sum();
    assert!(octets < 200 * 1024, "{octets}");
}
