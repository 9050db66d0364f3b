//! What can be loaded, and what is said of what cannot.

use std::{fs, path::Path};

use mailtls::{
    certs::{CertStore, Entry, Hello, LoadReason, Source},
    file::ReadError,
    provider::Provider,
};
use rcgen::{KeyPair, PKCS_RSA_SHA256};

use super::{ANY, Folder, NAME, memory, store};
use crate::pki::{self, Ca, providers, server};

#[test]
fn s52_a_key_is_never_shown() {
    let ca = Ca::new("our authority");
    let leaf = ca.leaf(&[NAME]);
    let source = memory(&leaf);
    let entry = Entry::new(source.clone());
    let store = store([entry.clone()]);
    let secret = leaf.key_pem().lines().nth(1).unwrap().to_owned();
    let shown = format!(
        "{source:?} {source} {entry:?} {store:?} {:?}",
        store.reload()
    );
    assert!(!shown.contains(&secret) && shown.contains("in memory"));
}

fn reason(result: Result<CertStore, mailtls::certs::LoadError>, file: &Path) -> LoadReason {
    let error = result.unwrap_err();
    assert_eq!(error.name(), file.display().to_string());
    assert!(error.to_string().starts_with(error.name()));
    assert!(error.remedy().len() > 20);
    error.reason().clone()
}

#[test]
fn x509_19_what_can_be_loaded() {
    let ca = Ca::new("our authority");
    let leaf = ca.leaf(&[NAME]);
    let rsa = ca.sign(
        server(&[NAME]),
        KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap(),
    );
    let folder = Folder::new();
    let chain = leaf.chain_pem() + &ca.pem();
    for (name, text) in [
        ("key first", leaf.key_pem() + &chain),
        ("chain first", chain.clone() + &leaf.key_pem()),
        (
            "byte order mark",
            format!("\u{feff}{chain}{}", leaf.key_pem()),
        ),
        (
            "CRLF",
            (chain.clone() + &leaf.key_pem()).replace('\n', "\r\n"),
        ),
        ("CR", (chain.clone() + &leaf.key_pem()).replace('\n', "\r")),
        (
            "comments",
            format!(
                "subject=x\n{chain}\nBag Attributes\n{}\n# end",
                leaf.key_pem()
            ),
        ),
        ("RSA, PKCS#8", rsa.pem()),
        ("SEC1", chain.clone() + &sec1(&leaf.key)),
        (
            "parameters in front of the key",
            format!(
                "{chain}{}{}",
                pki::pem("EC PARAMETERS", b"\x06\x05\x2b\x81\x04\x00\x22"),
                leaf.key_pem()
            ),
        ),
    ] {
        let path = folder.write("mail.pem", text);
        for provider in providers() {
            let result = CertStore::load([Entry::new(Source::combined(&path))], provider);
            assert!(result.is_ok(), "{name}: {result:?}");
        }
    }
    let pair = Source::files(
        folder.write("fullchain.pem", &chain),
        folder.write("privkey.pem", leaf.key_pem()),
    );
    let store = store([Entry::new(pair)]);
    assert_eq!(store.select(&Hello::new(None, ANY)).unwrap().cert.len(), 2);
}

/// The key in the form that `openssl ecparam -genkey` writes: what PKCS#8 wraps.
fn sec1(key: &KeyPair) -> String {
    let pkcs8 = key.serialize_der();
    let inner = pkcs8
        .windows(2)
        .skip(2)
        .position(|part| part[0] == 0x30 && part[1] > 0x60)
        .unwrap();
    pki::pem("EC PRIVATE KEY", &pkcs8[inner + 2..])
}

#[test]
fn x509_19_what_cannot_be_loaded_is_named_with_a_remedy() {
    let ca = Ca::new("our authority");
    let (leaf, other) = (ca.leaf(&[NAME]), ca.leaf(&[NAME]));
    let folder = Folder::new();
    let chain = leaf.chain_pem() + &ca.pem();
    let key = leaf.key_pem();
    let encrypted = pki::pem("ENCRYPTED PRIVATE KEY", b"0123456789");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n\
               AAAA\n-----END RSA PRIVATE KEY-----\n";
    let cut = &chain[..chain.len() - 40];
    let nul = chain.replacen("MII", "MI\0", 1);
    let wide: Vec<u8> = chain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, text, expected) in [
        (
            "empty",
            String::new().into_bytes(),
            LoadReason::NoCertificate,
        ),
        (
            "junk",
            b"\x00\x01\x02 no PEM".to_vec(),
            LoadReason::NoCertificate,
        ),
        ("UTF-16", wide, LoadReason::NoCertificate),
        (
            "a key only",
            key.clone().into_bytes(),
            LoadReason::NoCertificate,
        ),
        (
            "a chain only",
            chain.clone().into_bytes(),
            LoadReason::NoKey,
        ),
        ("cut off", (key.clone() + cut).into_bytes(), LoadReason::Pem),
        ("NUL", (key.clone() + &nul).into_bytes(), LoadReason::Pem),
        (
            "another's key",
            (other.key_pem() + &chain).into_bytes(),
            LoadReason::KeyMismatch,
        ),
        (
            "wrong order",
            (key.clone() + &ca.pem() + &leaf.chain_pem()).into_bytes(),
            LoadReason::WrongOrder { position: 2 },
        ),
        (
            "two keys",
            (key.clone() + &other.key_pem() + &chain).into_bytes(),
            LoadReason::SeveralKeys,
        ),
        (
            "encrypted",
            (encrypted + &chain).into_bytes(),
            LoadReason::EncryptedKey,
        ),
        (
            "encrypted, old form",
            (old.to_owned() + &chain).into_bytes(),
            LoadReason::EncryptedKey,
        ),
        (
            "a key of rubbish",
            (pki::pem("PRIVATE KEY", b"rubbish") + &chain).into_bytes(),
            LoadReason::UnusableKey,
        ),
        (
            "a certificate of rubbish",
            (key.clone() + &pki::pem("CERTIFICATE", b"rubbish")).into_bytes(),
            LoadReason::UnusableCertificate,
        ),
        (
            "a whole bundle",
            (key + &ca.pem().repeat(17)).into_bytes(),
            LoadReason::ChainTooLong { max: 16 },
        ),
    ] {
        let path = folder.write("mail.pem", text);
        for provider in providers() {
            let result = CertStore::load([Entry::new(Source::combined(&path))], provider);
            assert_eq!(reason(result, &path), expected, "{name}");
        }
    }
}

#[cfg(unix)]
#[test]
fn x509_19_only_regular_files_of_a_sane_size_are_read() {
    let ca = Ca::new("our authority");
    let leaf = ca.leaf(&[NAME]);
    let folder = Folder::new();
    let chain = folder.write("chain.pem", leaf.chain_pem());
    let key = folder.write("key.pem", leaf.key_pem());
    let huge = folder.path("huge.pem");
    fs::File::create(&huge).unwrap().set_len(100 << 20).unwrap();
    let full = folder.path("full.pem");
    let max = 1 << 20;
    fs::write(&full, leaf.key_pem() + &"\n".repeat(max)).unwrap();
    let socket = folder.path("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let dangling = folder.path("dangling");
    std::os::unix::fs::symlink(folder.path("nowhere"), &dangling).unwrap();

    let not_found = ReadError::Io(std::io::ErrorKind::NotFound);
    for (path, expected) in [
        (huge, ReadError::TooLarge { max: 1 << 20 }),
        (full, ReadError::TooLarge { max: 1 << 20 }),
        (folder.0.clone(), ReadError::NotRegular),
        (socket, ReadError::NotRegular),
        ("/dev/zero".into(), ReadError::NotRegular),
        (dangling, not_found.clone()),
        (folder.path("missing.pem"), not_found),
    ] {
        let expected = LoadReason::Unreadable(expected);
        for source in [
            Source::combined(&path),
            Source::files(&path, &key),
            Source::files(&chain, &path),
        ] {
            let result = CertStore::load([Entry::new(source)], Provider::default());
            assert_eq!(reason(result, &path), expected);
        }
    }
}

#[cfg(unix)]
#[test]
fn s15_a_key_that_everybody_may_read_is_found() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let (chain, key) = (folder.write("chain.pem", ""), folder.write("key.pem", ""));
    for (mode, open) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        fs::set_permissions(&chain, fs::Permissions::from_mode(0o644)).unwrap();
        let expected = open.then_some(key.as_path());
        assert_eq!(Source::combined(&key).readable_by_others(), expected);
        assert_eq!(Source::files(&chain, &key).readable_by_others(), expected);
    }
}

#[test]
fn s13_a_pair_that_does_not_match_names_the_chain() {
    let ca = Ca::new("our authority");
    let (old, new) = (ca.leaf(&[NAME]), ca.leaf(&[NAME]));
    let folder = Folder::new();
    let chain = folder.write("fullchain.pem", new.chain_pem());
    let key = folder.write("privkey.pem", old.key_pem());
    let result = CertStore::load(
        [Entry::new(Source::files(&chain, &key))],
        Provider::default(),
    );
    assert_eq!(reason(result, &chain), LoadReason::KeyMismatch);
}
