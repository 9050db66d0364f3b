//! Replays the files in `transcripts/`: as written, octet by octet, at random cuts, in one read.

use std::{fs, path::PathBuf};

use mailwire_core::{
    machine::{TlsInfo, TlsVersion},
    transcript::{Setting, Stage, check, update},
};

/// Plays one file. With `UPDATE_TRANSCRIPTS` set, its expectations are written anew.
pub(crate) fn replay<S: Stage>(
    folder: &str,
    name: &str,
    open: impl FnMut(&Setting) -> Result<S, String>,
) {
    let path: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "transcripts",
        folder,
        &format!("{name}.txt"),
    ]
    .iter()
    .collect();
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
        let updated =
            update(&text, open).unwrap_or_else(|failure| panic!("{}: {failure}", path.display()));
        fs::write(&path, updated).unwrap();
    } else if let Err(failure) = check(&text, open) {
        panic!("{}: {failure}", path.display());
    }
}

/// Makes a test of every file of a folder, and one that no file is forgotten.
macro_rules! transcripts {
    ($folder:literal, $open:expr; $($name:ident)*) => {
        $(#[test]
        fn $name() {
            $crate::transcripts::replay($folder, stringify!($name), $open);
        })*

        #[test]
        fn every_file_is_replayed() {
            let mut listed: Vec<&str> = vec![$(concat!(stringify!($name), ".txt")),*];
            listed.sort_unstable();
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts/", $folder);
            let mut there: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            there.sort_unstable();
            assert_eq!(there, listed);
        }
    };
}
pub(crate) use transcripts;

pub(crate) fn tls() -> TlsInfo {
    TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256")
}

/// `\r \n \t \0 \\ \xHH` and `\{x*N}` of a call.
pub(crate) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some((plain, special)) = rest.split_once('\\') {
        octets.extend_from_slice(plain.as_bytes());
        let mut behind = special.chars();
        match behind.next()? {
            'r' => octets.push(b'\r'),
            'n' => octets.push(b'\n'),
            't' => octets.push(b'\t'),
            '0' => octets.push(0),
            '\\' => octets.push(b'\\'),
            'x' => {
                octets.push(u8::from_str_radix(special.get(1..3)?, 16).ok()?);
                behind = special.get(3..)?.chars();
            }
            '{' => {
                let (repeat, tail) = special.get(1..)?.split_once('}')?;
                let (what, count) = repeat.rsplit_once('*')?;
                octets.extend(what.as_bytes().repeat(count.parse().ok()?));
                behind = tail.chars();
            }
            _ => return None,
        }
        rest = behind.as_str();
    }
    octets.extend_from_slice(rest.as_bytes());
    Some(octets)
}
