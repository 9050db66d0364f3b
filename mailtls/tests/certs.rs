//! What a server shows: which certificate, and here the choice of it.

mod listener;
mod load;
mod reload;

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use mailtls::{
    certs::{CertStore, Entry, Hello, ServerTls, Source},
    level::Level,
    provider::Provider,
    verify::{ClientTls, ClientTlsBuilder, Roots},
};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
};
use rustls::{
    CipherSuite, ClientConfig, HandshakeKind, NamedGroup, RootCertStore, ServerConfig,
    ServerConnection, SignatureScheme, SupportedProtocolVersion,
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
    // The whole extension is looked for, because the random octets in front may hold anything.
    let len = u16::try_from(room.len()).unwrap();
    let extension = [
        &[0, 0][..],
        &(len + 5).to_be_bytes(),
        &(len + 3).to_be_bytes(),
        &[0],
        &len.to_be_bytes(),
        room.as_bytes(),
    ]
    .concat();
    let at = hello
        .windows(extension.len())
        .position(|part| part == extension)
        .unwrap()
        + 9;
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
