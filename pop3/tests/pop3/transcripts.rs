//! Every file in `transcripts/` is replayed whole, octet by octet, at random cuts and in one read.

use std::{fs, path::Path};

use mailwire_core::transcript::{self, Failure, Setting, Stage};

use crate::stage::{ClientStage, OpenStage, ServerStage};

fn play<S: Stage>(
    path: &Path,
    text: &str,
    open: impl FnMut(&Setting) -> Result<S, String> + Copy,
) -> Result<(), Failure> {
    if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
        fs::write(path, transcript::update(text, open)?).unwrap();
        return Ok(());
    }
    transcript::check(text, open)
}

#[test]
fn all_1_transcripts_hold_however_the_input_is_cut() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 50, "only {} transcripts", paths.len());
    let mut failures = Vec::new();
    for path in &paths {
        let text = fs::read_to_string(path).unwrap();
        assert!(
            text.starts_with("# "),
            "{}: the first line says the rule",
            path.display()
        );
        let role = text
            .lines()
            .find_map(|line| line.strip_prefix("@ "))
            .unwrap_or_default();
        let played = match role.split(' ').next() {
            Some("server") => play(path, &text, ServerStage::new),
            Some("client") => play(path, &text, ClientStage::new),
            Some("open-client") => play(path, &text, OpenStage::new),
            other => panic!("{}: role {other:?}", path.display()),
        };
        if let Err(failure) = played {
            failures.push(format!("{}: {failure}", path.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
