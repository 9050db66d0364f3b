//! What a server shows: selection, load, reload, and the listener's configuration.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use mailtls::{
    certs::{
        CertStore, Entry, Hello, LoadReason, MinVersion, Outcome, Resumption, ServerTls, Source,
    },
    file::ReadError,
    level::Level,
    provider::Provider,
    verify::{ClientTls, ClientTlsBuilder, Roots},
};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
};
use rustls::{
    AlertDescription, CipherSuite, ClientConfig, HandshakeKind, NamedGroup, RootCertStore,
    ServerConfig, ServerConnection, SignatureScheme, SupportedProtocolVersion,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName},
    version::{TLS12, TLS13},
};

use crate::pki::{self, Ca, Leaf, handshake, providers, server};

const NAME: &str = "mail.example.test";

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mailtls-{}-{n}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn memory(leaf: &Leaf) -> Source {
    Source::memory("in memory", leaf.pem())
}

fn store(entries: impl IntoIterator<Item = Entry>) -> CertStore {
    CertStore::load(entries, Provider::default()).unwrap()
}

const ANY: &[SignatureScheme] = &[
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::ED25519,
];

/// The leaf that a client gets who asks for `name`.
fn shown(
    store: &CertStore,
    name: Option<&str>,
    schemes: &[SignatureScheme],
) -> CertificateDer<'static> {
    store.select(&Hello::new(name, schemes)).unwrap().cert[0].clone()
}

fn trusting(ca: &Ca, name: &str, provider: &Provider) -> ClientTls {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der()).unwrap();
    ClientTlsBuilder::new(Level::Secure, name.parse().unwrap(), provider.clone())
        .roots(Roots::from_store(Arc::new(roots)).unwrap())
        .build()
        .unwrap()
}

fn connect(tls: &ClientTls, server: &Arc<ServerConfig>) -> pki::Pair {
    handshake(tls.config(), tls.server_name(), server).unwrap()
}

#[test]
fn x509_18_exact_then_wildcard_then_default() {
    let ca = Ca::new("our authority");
    let leaves: Vec<Leaf> = (0..5).map(|_| ca.leaf(&[NAME])).collect();
    let named = |leaf: &Leaf, names: &[&str]| {
        names.iter().fold(Entry::new(memory(leaf)), |entry, name| {
            entry.name(name.parse().unwrap())
        })
    };
    let store = store([
        named(&leaves[0], &["*.example.test"]),
        named(
            &leaves[1],
            &["mail.example.test", "xn--bcher-kva.example.test"],
        ),
        named(&leaves[2], &["*.mail.example.test", "example.test"]),
        named(&leaves[3], &["default.example.org"]).default_entry(),
        // The same name again: whoever comes first has it.
        named(&leaves[4], &["*.example.test", "mail.example.test"]),
    ]);
    for (name, expected) in [
        (Some("mail.example.test"), 1),
        (Some("MAIL.example.TEST"), 1),
        (Some("mail.example.test."), 1),
        (Some("xn--bcher-kva.example.test"), 1),
        (Some("other.example.test"), 0),
        (Some("OTHER.example.test."), 0),
        (Some("a.mail.example.test"), 2),
        (Some("example.test"), 2),
        (Some("a.b.example.test"), 3),
        (Some("a.example.org"), 3),
        (Some("test"), 3),
        (None, 3),
    ] {
        assert_eq!(
            shown(&store, name, ANY),
            *leaves[expected].der(),
            "{name:?}"
        );
    }
}

#[test]
fn x509_18_ten_thousand_names_are_as_good_as_one() {
    let ca = Ca::new("our authority");
    let (many, one) = (ca.leaf(&[NAME]), ca.leaf(&[NAME]));
    let names = (0..10_000).map(|n| format!("host{n}.example.test").parse().unwrap());
    let store = store([
        Entry::new(memory(&one)).name("default.example".parse().unwrap()),
        names.fold(Entry::new(memory(&many)), Entry::name),
    ]);
    for n in 0..10_000 {
        let name = format!("host{n}.example.test");
        assert_eq!(shown(&store, Some(&name), ANY), *many.der());
    }
    assert_eq!(
        shown(&store, Some("host10000.example.test"), ANY),
        *one.der()
    );
}

#[test]
fn s3_names_come_from_the_certificate_when_none_are_given() {
    let ca = Ca::new("our authority");
    let default = ca.leaf(&["default.example"]);
    let derived = ca.leaf(&["a.example", "*.b.example"]);
    let given = ca.leaf(&["c.example"]);
    let store = store([
        Entry::new(memory(&default)),
        Entry::new(memory(&derived)),
        // A name that was configured is not taken over by one that is only in a certificate.
        Entry::new(memory(&given)).name("a.example".parse().unwrap()),
    ]);
    for (name, leaf) in [
        ("a.example", &given),
        ("x.b.example", &derived),
        // Only the names that were configured for it.
        ("c.example", &default),
        ("unknown.example", &default),
    ] {
        assert_eq!(shown(&store, Some(name), ANY), *leaf.der(), "{name}");
    }
}

#[test]
fn s8_the_chain_fits_what_the_client_can_verify() {
    let ca = Ca::new("our authority");
    let make = |algorithm| ca.sign(server(&[NAME]), KeyPair::generate_for(algorithm).unwrap());
    let ecdsa = make(&PKCS_ECDSA_P256_SHA256);
    let p384 = make(&PKCS_ECDSA_P384_SHA384);
    let ed25519 = make(&PKCS_ED25519);
    let rsa = make(&PKCS_RSA_SHA256);
    let default = ca.leaf(&["default.example"]);
    let store = store([
        Entry::new(memory(&default)),
        Entry::new(memory(&ecdsa))
            .or_source(memory(&p384))
            .or_source(memory(&ed25519))
            .or_source(memory(&rsa)),
    ]);
    for (schemes, leaf) in [
        (ANY, &ecdsa),
        (&[SignatureScheme::ECDSA_NISTP384_SHA384][..], &p384),
        (&[SignatureScheme::ED25519], &ed25519),
        (&[SignatureScheme::RSA_PSS_SHA256], &rsa),
        (&[SignatureScheme::RSA_PKCS1_SHA256], &rsa),
        (
            &[SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::ED25519],
            &ed25519,
        ),
        // None fits: the first of the name, and the handshake says why.
        (&[SignatureScheme::ED448], &ecdsa),
        (&[], &ecdsa),
    ] {
        assert_eq!(
            shown(&store, Some(NAME), schemes),
            *leaf.der(),
            "{schemes:?}"
        );
    }

    // In TLS 1.2 the cipher suites speak too.
    let server = ServerTls::new(store).build().unwrap();
    let only = |suite| {
        let mut crypto = CryptoProvider::clone(&Provider::default().crypto());
        crypto.cipher_suites.retain(|known| known.suite() == suite);
        Provider::from(crypto)
    };
    for (suite, leaf) in [
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, &ecdsa),
        (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, &rsa),
        (CipherSuite::TLS13_AES_128_GCM_SHA256, &ecdsa),
    ] {
        let pair = handshake(
            one_version(
                &only(suite),
                match suite {
                    CipherSuite::TLS13_AES_128_GCM_SHA256 => &TLS13,
                    _ => &TLS12,
                },
                &ca,
            ),
            ServerName::try_from(NAME).unwrap(),
            &server,
        )
        .unwrap();
        assert_eq!(pair.chain()[0], *leaf.der(), "{suite:?}");
    }
}

/// A plain rustls client of one version, so that its provider may be a part of one.
fn one_version(
    provider: &Provider,
    version: &'static SupportedProtocolVersion,
    ca: &Ca,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der()).unwrap();
    Arc::new(
        ClientConfig::builder_with_provider(provider.crypto())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

#[test]
fn s9_a_hello_that_is_asked_for_again_gets_the_same_certificate() {
    let ca = Ca::new("our authority");
    let (default, leaf) = (ca.leaf(&["default.example"]), ca.leaf(&[NAME]));
    for provider in providers() {
        let mut crypto = CryptoProvider::clone(&provider.crypto());
        // The client sends no key share for this one, so it is asked for a second hello.
        crypto
            .kx_groups
            .retain(|group| group.name() == NamedGroup::secp384r1);
        let entries = [&default, &leaf].map(|leaf| Entry::new(memory(leaf)));
        let store = CertStore::load(entries, crypto.into()).unwrap();
        let server = ServerTls::new(store).build().unwrap();
        let pair = connect(&trusting(&ca, NAME, &provider), &server);
        assert_eq!(
            pair.server.handshake_kind(),
            Some(HandshakeKind::FullWithHelloRetryRequest)
        );
        assert_eq!(pair.chain()[0], *leaf.der());
    }
}

/// A TLS 1.2 hello with these octets in the place of the server name.
fn hello_for(sni: &[u8]) -> Vec<u8> {
    let ca = Ca::new("nobody");
    let room = "a".repeat(sni.len().clamp(1, 60)) + &".a".repeat(sni.len().saturating_sub(60) / 2);
    let room = format!("{room:a<width$}", width = sni.len());
    let name = ServerName::try_from(room.clone()).unwrap();
    let client = one_version(&Provider::default(), &TLS12, &ca);
    let mut client = rustls::ClientConnection::new(client, name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let at = hello
        .windows(room.len())
        .position(|part| part == room.as_bytes())
        .unwrap();
    hello[at..at + sni.len()].copy_from_slice(sni);
    hello
}

/// What the server does with a hello: the flight that it sends, or why it does not.
fn answer(server: &Arc<ServerConfig>, hello: &[u8]) -> Result<Vec<u8>, rustls::Error> {
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    server.read_tls(&mut &*hello).unwrap();
    server.process_new_packets()?;
    let mut flight = Vec::new();
    server.write_tls(&mut flight).unwrap();
    Ok(flight)
}

fn has(flight: &[u8], leaf: &Leaf) -> bool {
    flight
        .windows(leaf.der().len())
        .any(|part| part == leaf.der().as_ref())
}

#[test]
fn starttls_30_s4_s5_any_name_gets_a_certificate_and_no_alert() {
    let ca = Ca::new("our authority");
    let (default, leaf) = (ca.leaf(&["default.example"]), ca.leaf(&[NAME]));
    let store = store([&default, &leaf].map(|leaf| Entry::new(memory(leaf))));
    let server = ServerTls::new(store).build().unwrap();
    let long = format!("{}aa", "a.".repeat(125));
    for (sni, expected) in [
        (NAME, &leaf),
        ("MAIL.Example.TEST", &leaf),
        ("mail.example.test.", &leaf),
        ("unknown.example.test", &default),
        ("_mail.example.test", &default),
        ("192.0.2.1", &default),
        ("2001:db8::1", &default),
        ("localhost", &default),
        ("xn--bcher-kva.example", &default),
        (&long, &default),
    ] {
        let flight = answer(&server, &hello_for(sni.as_bytes())).unwrap();
        assert!(has(&flight, expected), "{sni}");
    }
    // And none at all.
    let mut client = ClientConfig::clone(&one_version(&Provider::default(), &TLS12, &ca));
    client.enable_sni = false;
    let name = ServerName::try_from("default.example").unwrap();
    let pair = handshake(Arc::new(client), name, &server).unwrap();
    assert_eq!(pair.chain()[0], *default.der());
}

/// RFC 6066 §3 lets a server go on with a name that it does not understand, and so would we.
/// rustls 0.23 refuses these on its own before it asks for a certificate; this test fails when a
/// version of rustls leaves the choice to us, so that we take it.
#[test]
fn starttls_30_s5_names_that_are_none_are_refused_by_rustls_itself() {
    let ca = Ca::new("our authority");
    let store = store([Entry::new(memory(&ca.leaf(&[NAME])))]);
    let server = ServerTls::new(store).build().unwrap();
    for sni in [
        &b"mail.example\0.test"[..],
        b"*",
        b"*.example.test",
        b"mail example.test",
        b"mail..example.test",
        b"-mail.example.test",
        b"b\xc3\xbccher.example",
        b"\xff\xfe\xfd\xfc",
        b"\x1b[31m",
    ] {
        let error = answer(&server, &hello_for(sni)).unwrap_err();
        assert_eq!(
            error,
            rustls::PeerMisbehaved::ServerNameMustContainOneHostName.into(),
            "{sni:?}"
        );
    }
}

#[test]
fn starttls_30_random_names_leave_nothing_behind() {
    let ca = Ca::new("our authority");
    let leaf = ca.leaf(&[NAME]);
    let store = store([Entry::new(memory(&leaf))]);
    let before = format!("{store:?}");
    let mut seed = 1_u64;
    for _ in 0..20_000 {
        let name: String = (0..seed % 40)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(u8::try_from(seed >> 57).unwrap())
            })
            .collect();
        seed = seed.wrapping_add(1);
        assert_eq!(shown(&store, Some(&name), ANY), *leaf.der());
    }
    assert_eq!(format!("{store:?}"), before);
}

#[test]
fn s26_a_store_is_usable_once_there_is_something_to_show() {
    let ca = Ca::new("our authority");
    let store = CertStore::empty(Provider::default());
    assert!(!store.is_usable());
    let server = ServerTls::new(store.clone()).build().unwrap();
    let tls = trusting(&ca, NAME, &Provider::default());
    let failure = handshake(tls.config(), tls.server_name(), &server).unwrap_err();
    assert!(failure.at_server.is_some());

    store
        .replace([Entry::new(memory(&ca.leaf(&[NAME])))])
        .unwrap();
    assert!(store.is_usable());
    // The same configuration serves what is there now.
    connect(&tls, &server);
}

#[test]
fn s6_the_store_does_not_show_names_that_clients_send() {
    let ca = Ca::new("our authority");
    let store = store([Entry::new(memory(&ca.leaf(&[NAME])))]);
    let _ = store.select(&Hello::new(Some("\x1b[31mcanary"), ANY));
    assert!(!format!("{store:?}").contains("canary"));
}

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

#[test]
fn s12_s13_each_source_keeps_its_last_good_chain_and_the_others_advance() {
    let ca = Ca::new("our authority");
    let [a0, a1, b0, b1] = [0, 0, 1, 1].map(|n| ca.leaf(&[["a.example", "b.example"][n]]));
    let folder = Folder::new();
    let chain = folder.write("a-chain.pem", a0.chain_pem());
    let key = folder.write("a-key.pem", a0.key_pem());
    let both = folder.write("b.pem", b0.pem());
    let store = store([
        Entry::new(Source::files(&chain, &key)),
        Entry::new(Source::combined(&both)),
    ]);
    let served = |a: &Leaf, b: &Leaf| {
        assert_eq!(shown(&store, Some("a.example"), ANY), *a.der());
        assert_eq!(shown(&store, Some("b.example"), ANY), *b.der());
    };
    let outcomes = || -> Vec<Outcome> {
        store
            .reload()
            .iter()
            .map(|line| line.outcome().clone())
            .collect()
    };
    assert_eq!(outcomes(), [Outcome::Unchanged, Outcome::Unchanged]);

    // Half of a rotation: the chain is new, the key is old.
    fs::write(&chain, a1.chain_pem()).unwrap();
    fs::write(&both, b1.pem()).unwrap();
    let report = store.reload();
    assert_eq!((report.updated(), report.kept()), (1, 1));
    let kept = report.iter().next().unwrap();
    assert_eq!(kept.source().to_string(), chain.display().to_string());
    let Outcome::Kept(error) = kept.outcome() else {
        panic!("{kept:?}");
    };
    assert_eq!(*error.reason(), LoadReason::KeyMismatch);
    served(&a0, &b1);

    // The other half: now it is a pair again.
    fs::write(&key, a1.key_pem()).unwrap();
    assert_eq!(outcomes(), [Outcome::Updated, Outcome::Unchanged]);
    served(&a1, &b1);

    // Half-written, missing, not even a file: the last good one, every time.
    fs::write(&both, &b0.pem()[..300]).unwrap();
    fs::remove_file(&chain).unwrap();
    assert!(matches!(
        &outcomes()[..],
        [Outcome::Kept(_), Outcome::Kept(_)]
    ));
    fs::remove_file(&both).unwrap();
    fs::create_dir(&both).unwrap();
    assert!(matches!(
        &outcomes()[..],
        [Outcome::Kept(_), Outcome::Kept(_)]
    ));
    served(&a1, &b1);

    fs::remove_dir(&both).unwrap();
    fs::write(&both, b0.pem()).unwrap();
    fs::write(&chain, a1.chain_pem()).unwrap();
    assert_eq!(outcomes(), [Outcome::Unchanged, Outcome::Updated]);
    served(&a1, &b0);
}

#[test]
fn s3_a_renewal_may_change_the_names() {
    let ca = Ca::new("our authority");
    let (default, old, new) = (
        ca.leaf(&["default.example"]),
        ca.leaf(&["old.example"]),
        ca.leaf(&["new.example"]),
    );
    let folder = Folder::new();
    let file = folder.write("mail.pem", old.pem());
    let store = store([
        Entry::new(memory(&default)),
        Entry::new(Source::combined(&file)),
    ]);
    assert_eq!(shown(&store, Some("new.example"), ANY), *default.der());
    fs::write(&file, new.pem()).unwrap();
    assert_eq!(store.reload().updated(), 1);
    assert_eq!(shown(&store, Some("new.example"), ANY), *new.der());
    assert_eq!(shown(&store, Some("old.example"), ANY), *default.der());
}

#[cfg(unix)]
#[test]
fn s11_a_symbolic_link_that_is_exchanged_is_followed() {
    let ca = Ca::new("our authority");
    let (old, new) = (ca.leaf(&[NAME]), ca.leaf(&[NAME]));
    let folder = Folder::new();
    folder.write("1.pem", old.pem());
    folder.write("2.pem", new.pem());
    let live = folder.path("live.pem");
    std::os::unix::fs::symlink("1.pem", &live).unwrap();
    let store = store([Entry::new(Source::combined(&live))]);
    let next = folder.path("next.pem");
    std::os::unix::fs::symlink("2.pem", &next).unwrap();
    fs::rename(&next, &live).unwrap();
    assert_eq!(store.reload().updated(), 1);
    assert_eq!(shown(&store, None, ANY), *new.der());
}

#[test]
fn s12_a_configuration_that_cannot_be_loaded_changes_nothing() {
    let ca = Ca::new("our authority");
    let (old, new) = (ca.leaf(&[NAME]), ca.leaf(&[NAME]));
    let store = store([Entry::new(memory(&old))]);
    let broken = Entry::new(Source::combined("/nonexistent/mail.pem"));
    store
        .replace([Entry::new(memory(&new)), broken])
        .unwrap_err();
    assert_eq!(shown(&store, Some(NAME), ANY), *old.der());
    store.replace([Entry::new(memory(&new))]).unwrap();
    assert_eq!(shown(&store, Some(NAME), ANY), *new.der());
}

#[test]
fn s10_sessions_and_handshakes_that_run_do_not_notice_a_reload() {
    let ca = Ca::new("our authority");
    let (old, new) = (ca.leaf(&[NAME]), ca.leaf(&[NAME]));
    let folder = Folder::new();
    let file = folder.write("mail.pem", old.pem());
    for provider in providers() {
        fs::write(&file, old.pem()).unwrap();
        let entry = Entry::new(Source::combined(&file));
        let store = CertStore::load([entry], provider.clone()).unwrap();
        let server = ServerTls::new(store.clone()).build().unwrap();
        let tls = trusting(&ca, NAME, &provider);
        let mut session = connect(&tls, &server);
        // A handshake that has its certificate already, but is not over.
        let mut running = pki::Pair {
            client: rustls::ClientConnection::new(tls.config(), tls.server_name()).unwrap(),
            server: ServerConnection::new(Arc::clone(&server)).unwrap(),
        };
        let mut hello = Vec::new();
        running.client.write_tls(&mut hello).unwrap();
        running.server.read_tls(&mut hello.as_slice()).unwrap();
        running.server.process_new_packets().unwrap();

        fs::write(&file, new.pem()).unwrap();
        assert_eq!(store.reload().updated(), 1);

        running.pump().unwrap();
        assert_eq!(running.chain()[0], *old.der());
        assert_eq!(connect(&tls, &server).chain()[0], *new.der());
        std::io::Write::write_all(&mut session.client.writer(), b"NOOP\r\n").unwrap();
        session.pump().unwrap();
        let mut heard = [0; 6];
        std::io::Read::read_exact(&mut session.server.reader(), &mut heard).unwrap();
        assert_eq!(&heard, b"NOOP\r\n");
    }
}

#[test]
fn s12_no_handshake_sees_a_mixture_while_others_reload() {
    let ca = Ca::new("our authority");
    let sets = [0, 1].map(|_| [ca.leaf(&["a.example"]), ca.leaf(&["b.example"])]);
    let entries = |set: &[Leaf; 2]| [Entry::new(memory(&set[0])), Entry::new(memory(&set[1]))];
    let store = store(entries(&sets[0]));
    let valid: HashSet<_> = sets
        .iter()
        .map(|set| (set[0].der().clone(), set[1].der().clone()))
        .collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..200 {
                store.replace(entries(&sets[round % 2])).unwrap();
            }
        });
        for _ in 0..2_000 {
            // Each choice is a pair that belongs together, whatever is going on.
            let hello = Hello::new(Some("a.example"), ANY);
            let pair = store.select(&hello).unwrap();
            pair.keys_match().unwrap();
            assert!(valid.iter().any(|(a, _)| *a == pair.cert[0]));
        }
    });
    assert_eq!(shown(&store, Some("b.example"), ANY), *sets[1][1].der());
}

fn kinds(tls: &ClientTls, server: &Arc<ServerConfig>) -> [HandshakeKind; 2] {
    [0, 1].map(|_| connect(tls, server).client.handshake_kind().unwrap())
}

#[test]
fn s21_s20_resumption_is_off_unless_asked_for() {
    use HandshakeKind::{Full, Resumed};

    let ca = Ca::new("our authority");
    for provider in providers() {
        let entry = Entry::new(memory(&ca.leaf(&[NAME])));
        let store = CertStore::load([entry], provider.clone()).unwrap();
        // A level that does not verify, because one that does never resumes.
        let client = || {
            ClientTlsBuilder::new(Level::May, NAME.parse().unwrap(), provider.clone())
                .build()
                .unwrap()
        };
        for (version, resumption, second) in [
            (MinVersion::Tls12, Resumption::Off, Full),
            (MinVersion::Tls13, Resumption::Off, Full),
            (
                MinVersion::Tls12,
                Resumption::Memory { sessions: 16 },
                Resumed,
            ),
            (
                MinVersion::Tls13,
                Resumption::Memory { sessions: 16 },
                Resumed,
            ),
        ] {
            let server = ServerTls::new(store.clone())
                .min_version(version)
                .resumption(resumption)
                .build()
                .unwrap();
            assert_eq!(
                kinds(&client(), &server),
                [Full, second],
                "{version:?} {resumption:?}"
            );
        }

        // STARTTLS-27: a session of one listener means nothing to another.
        let listener = || {
            ServerTls::new(store.clone())
                .resumption(Resumption::Memory { sessions: 16 })
                .build()
                .unwrap()
        };
        let client = client();
        assert_eq!(kinds(&client, &listener()), [Full, Resumed]);
        assert_eq!(kinds(&client, &listener())[0], Full);
    }
}

#[test]
fn s22_a_session_is_resumed_under_its_own_name_only() {
    let ca = Ca::new("our authority");
    let leaf = ca.leaf(&["a.example", "b.example"]);
    for version in [&TLS12, &TLS13] {
        let server = ServerTls::new(store([Entry::new(memory(&leaf))]))
            .resumption(Resumption::Memory { sessions: 16 })
            .build()
            .unwrap();
        let config = one_version(&Provider::default(), version, &ca);
        let kind = |name: &'static str| {
            let name = ServerName::try_from(name).unwrap();
            let pair = handshake(Arc::clone(&config), name, &server).unwrap();
            pair.server.handshake_kind().unwrap()
        };
        assert_eq!(kind("a.example"), HandshakeKind::Full);
        assert_eq!(kind("a.example"), HandshakeKind::Resumed);
        assert_eq!(kind("b.example"), HandshakeKind::Full);
    }
}

#[test]
fn s23_early_data_is_off_and_s45_tls_1_2_is_the_oldest() {
    let ca = Ca::new("our authority");
    let leaf = ca.leaf(&[NAME]);
    for provider in providers() {
        let store = CertStore::load([Entry::new(memory(&leaf))], provider.clone()).unwrap();
        let any = ServerTls::new(store.clone()).build().unwrap();
        let new = ServerTls::new(store)
            .min_version(MinVersion::Tls13)
            .build()
            .unwrap();
        assert_eq!((any.max_early_data_size, new.max_early_data_size), (0, 0));
        let name = || ServerName::try_from(NAME).unwrap();
        for (version, server, works) in [
            (&TLS12, &any, true),
            (&TLS13, &any, true),
            (&TLS12, &new, false),
            (&TLS13, &new, true),
        ] {
            let client = one_version(&provider, version, &ca);
            assert_eq!(
                handshake(client, name(), server).is_ok(),
                works,
                "{version:?}"
            );
        }
    }
}

#[test]
fn s24_s25_no_client_certificate_is_asked_for() {
    let ca = Ca::new("our authority");
    let server = ServerTls::new(store([Entry::new(memory(&ca.leaf(&[NAME])))]))
        .build()
        .unwrap();
    let pair = connect(&trusting(&ca, NAME, &Provider::default()), &server);
    assert_eq!(pair.server.peer_certificates(), None);
}

#[test]
fn starttls_29_alpn_on_implicit_tls() {
    let ca = Ca::new("our authority");
    let store = store([Entry::new(memory(&ca.leaf(&[NAME])))]);
    let implicit = ServerTls::new(store.clone())
        .alpn(["pop3"])
        .build()
        .unwrap();
    let starttls = ServerTls::new(store).build().unwrap();
    for (offered, chosen) in [
        (&[][..], Ok(None)),
        (&["pop3"], Ok(Some("pop3"))),
        (&["imap", "pop3"], Ok(Some("pop3"))),
        (&["http/1.1"], Err(AlertDescription::NoApplicationProtocol)),
        (&["h2", "ftp"], Err(AlertDescription::NoApplicationProtocol)),
    ] {
        let client = ClientTls::builder(Level::May, NAME.parse().unwrap())
            .alpn(offered.iter().copied())
            .build()
            .unwrap();
        let result = handshake(client.config(), client.server_name(), &implicit);
        match (result, chosen) {
            (Ok(pair), Ok(chosen)) => {
                assert_eq!(pair.server.alpn_protocol(), chosen.map(str::as_bytes));
            }
            (Err(failure), Err(alert)) => {
                assert_eq!(
                    failure.at_server.as_deref(),
                    Some(&rustls::Error::NoApplicationProtocol)
                );
                assert_eq!(failure.alert_to_client(), Some(alert));
            }
            (result, _) => panic!("{offered:?}: {result:?}"),
        }
        // Under STARTTLS whatever is offered is tolerated.
        let pair = connect(&client, &starttls);
        assert_eq!(pair.server.alpn_protocol(), None);
    }
}
