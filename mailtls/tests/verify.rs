//! Levels against faults, in whole handshakes.

mod staple;
mod x509;

use std::sync::Arc;

use mailtls::{
    level::Level,
    names::ReferenceName,
    provider::Provider,
    verify::{
        ClientConfigError, ClientTls, ClientTlsBuilder, KeyCheck, Outcome, Roots, RootsError,
        VerifyError, WhyNotChecked,
    },
};
use rcgen::{ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use rustls::{
    AlertDescription, HandshakeKind, RootCertStore, ServerConfig, SignatureAlgorithm,
    SignatureScheme, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::{CertifiedKey, Signer, SigningKey},
    version::{TLS12, TLS13},
};

use crate::pki::{Ca, Failure, Leaf, Pair, common_name, handshake, providers, server};

const NAME: &str = "mail.example.test";
const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// Shows what it is given, whether it makes sense or not.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn shows(
    provider: &Provider,
    version: &'static SupportedProtocolVersion,
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
) -> Arc<ServerConfig> {
    Arc::new(
        ServerConfig::builder_with_provider(provider.crypto())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shows(Arc::new(CertifiedKey::new(chain, key))))),
    )
}

fn key_of(provider: &Provider, key: &KeyPair) -> Arc<dyn SigningKey> {
    let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    provider
        .crypto()
        .key_provider
        .load_private_key(der)
        .unwrap()
}

fn serves(
    provider: &Provider,
    version: &'static SupportedProtocolVersion,
    leaf: &Leaf,
) -> Arc<ServerConfig> {
    let key = key_of(provider, &leaf.key);
    shows(provider, version, leaf.chain.clone(), key)
}

fn roots(cas: &[&Ca]) -> Roots {
    let mut store = RootCertStore::empty();
    for ca in cas {
        store.add(ca.der()).unwrap();
    }
    Roots::from_store(Arc::new(store)).unwrap()
}

fn client(provider: &Provider, level: Level, name: &str, ca: &Ca) -> ClientTls {
    ClientTlsBuilder::new(level, name.parse().unwrap(), provider.clone())
        .roots(roots(&[ca]))
        .build()
        .unwrap()
}

fn connect(tls: &ClientTls, server: &Arc<ServerConfig>) -> Result<(Outcome, Pair), Failure> {
    let pair = handshake(tls.config(), tls.server_name(), server)?;
    Ok((tls.outcome(pair.chain()), pair))
}

/// What the default provider says of this leaf, asked for by `name` at level secure.
fn secure(ca: &Ca, leaf: &Leaf, name: &str) -> Result<ReferenceName, VerifyError> {
    let provider = Provider::default();
    let tls = client(&provider, Level::Secure, name, ca);
    match connect(&tls, &serves(&provider, &TLS13, leaf)) {
        Ok((Outcome::Verified { name }, _)) => Ok(name),
        Ok((outcome, _)) => panic!("{outcome} at level secure"),
        Err(failure) => Err(VerifyError::from_tls(&failure.at_client.unwrap()).unwrap()),
    }
}

type Is = fn(&VerifyError) -> bool;

struct Fault {
    name: &'static str,
    leaf: Leaf,
    /// What the verifying levels say, and the alert that the server gets.
    refused: Option<(Is, AlertDescription)>,
}

fn faults(ca: &Ca) -> Vec<Fault> {
    let key = || KeyPair::generate().unwrap();
    let mut expired = server(&[NAME]);
    expired.not_before = date_time_ymd(2000, 1, 1);
    expired.not_after = date_time_ymd(2001, 1, 1);
    let mut future = server(&[NAME]);
    future.not_before = date_time_ymd(3000, 1, 1);
    future.not_after = date_time_ymd(3001, 1, 1);
    let mut common = server(&[]);
    common.distinguished_name = common_name(NAME);
    let mut purpose = server(&[NAME]);
    purpose.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let own = key();
    let own_cert = server(&[NAME]).self_signed(&own).unwrap();
    let fault = |name, leaf, is, alert| Fault {
        name,
        leaf,
        refused: Some((is, alert)),
    };
    vec![
        Fault {
            name: "good",
            leaf: ca.leaf(&[NAME]),
            refused: None,
        },
        fault(
            "wrong name",
            ca.leaf(&["other.example.test"]),
            |e| matches!(e, VerifyError::NameMismatch { shown, .. } if shown.iter().eq(["other.example.test"])),
            AlertDescription::BadCertificate,
        ),
        fault(
            "expired",
            ca.sign(expired, key()),
            |e| matches!(e, VerifyError::Expired { since: Some(_) }),
            AlertDescription::CertificateExpired,
        ),
        fault(
            "future",
            ca.sign(future, key()),
            |e| matches!(e, VerifyError::NotYetValid { until: Some(_) }),
            AlertDescription::CertificateExpired,
        ),
        fault(
            "untrusted root",
            Ca::new("somebody else").leaf(&[NAME]),
            |e| *e == VerifyError::Untrusted,
            AlertDescription::UnknownCA,
        ),
        fault(
            "self-signed",
            Leaf {
                chain: vec![own_cert.der().clone()],
                key: own,
            },
            |e| *e == VerifyError::Untrusted,
            AlertDescription::UnknownCA,
        ),
        fault(
            "name only in CN",
            ca.sign(common, key()),
            |e| matches!(e, VerifyError::NameMismatch { shown, .. } if shown.iter().count() == 0),
            AlertDescription::BadCertificate,
        ),
        fault(
            "clientAuth EKU",
            ca.sign(purpose, key()),
            |e| *e == VerifyError::WrongPurpose,
            AlertDescription::UnsupportedCertificate,
        ),
    ]
}

#[test]
fn x509_1_level_by_fault_matrix() {
    let ca = Ca::new("our authority");
    let faults = faults(&ca);
    assert_eq!(faults.len(), 8);
    let mut cells = 0;
    for provider in providers() {
        for version in VERSIONS {
            for fault in &faults {
                let server = serves(&provider, version, &fault.leaf);
                for &level in &Level::ALL[1..] {
                    let tls = client(&provider, level, NAME, &ca);
                    let at = format!("{} at {level}, {version:?}", fault.name);
                    let result = connect(&tls, &server);
                    match (&fault.refused, level.verifies()) {
                        (None, true) => {
                            let name = NAME.parse().unwrap();
                            assert_eq!(result.unwrap().0, Outcome::Verified { name }, "{at}");
                        }
                        (_, false) => {
                            let why = WhyNotChecked::Level(level);
                            let key = KeyCheck::Verified;
                            assert_eq!(result.unwrap().0, Outcome::NotChecked { why, key }, "{at}");
                        }
                        (Some((is, alert)), true) => {
                            let failure = result.expect_err(&at);
                            let error = failure.at_client.as_ref().unwrap();
                            let error = VerifyError::from_tls(error).unwrap();
                            assert!(is(&error), "{at}: {error:?}");
                            assert!(!error.remedy().is_empty());
                            // TLS 1.3 encrypts the alert under keys that both ends have.
                            assert_eq!(failure.alert(), Some(*alert), "{at}");
                        }
                    }
                    cells += 1;
                }
            }
        }
    }
    assert_eq!(cells, providers().len() * 2 * 8 * 4);
}

#[test]
fn level_none_has_no_configuration() {
    let none = ClientTls::builder(Level::None, NAME.parse().unwrap()).build();
    assert_eq!(none.unwrap_err(), ClientConfigError::LevelNone);
}

#[test]
fn at_every_level_the_key_in_the_certificate_made_the_handshake() {
    let ca = Ca::new("our authority");
    let victim = ca.leaf(&[NAME]);
    let thief = KeyPair::generate().unwrap();
    for provider in providers() {
        for version in VERSIONS {
            let key = key_of(&provider, &thief);
            let server = shows(&provider, version, victim.chain.clone(), key);
            for &level in &Level::ALL[1..] {
                let failure = connect(&client(&provider, level, NAME, &ca), &server).unwrap_err();
                assert_eq!(
                    VerifyError::from_tls(&failure.at_client.unwrap()),
                    Some(VerifyError::BadSignature),
                    "{level} {version:?}"
                );
            }
        }
    }
}

/// DER of `content` under `tag`.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let [high, low] = u16::try_from(len).unwrap().to_be_bytes();
    let head = match len {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [&head, content].concat()
}

/// A certificate of version 1, which has no extensions; nobody signed it.
fn version_1(spki: &[u8]) -> CertificateDer<'static> {
    let ecdsa_sha256 = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
    let name = der(0x30, b"");
    let validity = der(0x30, b"\x17\x0d200101000000Z\x17\x0d490101000000Z");
    let tbs = [
        b"\x02\x01\x01",
        &ecdsa_sha256[..],
        &name,
        &validity,
        &name,
        spki,
    ]
    .concat();
    let signature = b"\x03\x02\x00\x00";
    let cert = [&der(0x30, &tbs)[..], ecdsa_sha256, signature].concat();
    CertificateDer::from(der(0x30, &cert))
}

#[test]
fn a_version_1_certificate_passes_only_where_nobody_asks_and_its_key_is_checked() {
    let ca = Ca::new("our authority");
    let key = KeyPair::generate().unwrap();
    let cert = version_1(&rcgen::PublicKeyData::subject_public_key_info(&key));
    let thief = KeyPair::generate().unwrap();
    for provider in providers() {
        for version in VERSIONS {
            let chain = vec![cert.clone()];
            let honest = shows(&provider, version, chain.clone(), key_of(&provider, &key));
            let stolen = shows(&provider, version, chain, key_of(&provider, &thief));
            for level in [Level::May, Level::Encrypt] {
                let tls = client(&provider, level, NAME, &ca);
                let (outcome, _) = connect(&tls, &honest).unwrap();
                assert!(matches!(
                    outcome,
                    Outcome::NotChecked {
                        key: KeyCheck::Verified,
                        ..
                    }
                ));
                let error = connect(&tls, &stolen).unwrap_err().at_client.unwrap();
                assert_eq!(
                    VerifyError::from_tls(&error),
                    Some(VerifyError::BadSignature)
                );
            }
            let tls = client(&provider, Level::Secure, NAME, &ca);
            let error = connect(&tls, &honest).unwrap_err().at_client.unwrap();
            assert_eq!(
                VerifyError::from_tls(&error),
                Some(VerifyError::UnsupportedAlgorithm)
            );
        }
    }
}

/// A key that no provider here loads or verifies; what it signs is rubbish.
#[derive(Debug)]
struct Rsa1024;

impl SigningKey for Rsa1024 {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&SignatureScheme::RSA_PSS_SHA256)
            .then(|| Box::new(Self) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

impl Signer for Rsa1024 {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(vec![7; 128])
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RSA_PSS_SHA256
    }
}

#[test]
fn x509_11_a_key_that_cannot_be_checked_passes_below_verify_and_is_told() {
    let ca = Ca::new("our authority");
    let modulus = [&[0, 0xc1][..], &[0x5a; 126], &[0x01]].concat();
    let rsa = der(
        0x30,
        &[der(0x02, &modulus), b"\x02\x03\x01\x00\x01".to_vec()].concat(),
    );
    let algorithm = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let bits = der(0x03, &[&[0][..], &rsa].concat());
    let cert = version_1(&der(0x30, &[&algorithm[..], &bits].concat()));
    for provider in providers() {
        for version in VERSIONS {
            let server = shows(&provider, version, vec![cert.clone()], Arc::new(Rsa1024));
            for level in [Level::May, Level::Encrypt] {
                let (outcome, _) = connect(&client(&provider, level, NAME, &ca), &server).unwrap();
                assert_eq!(
                    outcome.to_string(),
                    format!("not checked at level {level}, key not verifiable")
                );
            }
            connect(&client(&provider, Level::Verify, NAME, &ca), &server).unwrap_err();
        }
    }
}

#[test]
fn x509_15_no_roots_is_an_error_of_the_configuration() {
    for level in [Level::Verify, Level::Secure] {
        let tls = ClientTls::builder(level, NAME.parse().unwrap()).build();
        assert_eq!(tls.unwrap_err(), ClientConfigError::NoRoots);
    }
    let empty = Arc::new(RootCertStore::empty());
    assert_eq!(
        Roots::from_store(empty).unwrap_err(),
        RootsError::Empty { skipped: 0 }
    );
    assert_eq!(
        Roots::from_pem(b"").unwrap_err(),
        RootsError::Empty { skipped: 0 }
    );
    let here =
        Roots::from_pem_file(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap_err();
    assert!(
        matches!(here, RootsError::EmptyFile { skipped: 0, .. }),
        "{here}"
    );
    for path in ["/nonexistent/ca.pem", "/", "/dev/zero"] {
        let error = Roots::from_pem_file(path).unwrap_err();
        assert!(matches!(error, RootsError::Unreadable { .. }), "{path}");
        assert!(error.to_string().contains(path) && !error.remedy().is_empty());
    }
}

#[test]
fn x509_15_a_bad_root_among_good_ones_is_skipped() {
    let cas: Vec<Ca> = (0..5).map(|n| Ca::new(&format!("authority {n}"))).collect();
    let mut text = String::from("\u{feff}");
    for (n, ca) in cas.iter().enumerate() {
        text += &ca.pem();
        if n == 2 {
            text += &crate::pki::pem("CERTIFICATE", b"rubbish");
        }
    }
    let found = Roots::from_pem(text.replace('\n', "\r\n").as_bytes()).unwrap();
    assert_eq!((found.len(), found.skipped()), (5, 1));
    let leaf = cas[4].leaf(&[NAME]);
    let provider = Provider::default();
    let tls = ClientTls::builder(Level::Secure, NAME.parse().unwrap())
        .roots(found)
        .build()
        .unwrap();
    assert!(connect(&tls, &serves(&provider, &TLS12, &leaf)).is_ok());
}

#[test]
fn a_session_is_resumed_only_where_nothing_is_verified() {
    let ca = Ca::new("our authority");
    let leaf = ca.leaf(&[NAME]);
    for provider in providers() {
        for version in VERSIONS {
            let server = serves(&provider, version, &leaf);
            for &level in &Level::ALL[1..] {
                let tls = client(&provider, level, NAME, &ca);
                let kinds: Vec<_> = (0..2)
                    .map(|_| {
                        connect(&tls, &server)
                            .unwrap()
                            .1
                            .client
                            .handshake_kind()
                            .unwrap()
                    })
                    .collect();
                let again = match level.verifies() {
                    true => HandshakeKind::Full,
                    false => HandshakeKind::Resumed,
                };
                assert_eq!(kinds, [HandshakeKind::Full, again], "{level} {version:?}");
                // A session made below never meets a level above.
                let above = client(&provider, Level::Secure, NAME, &ca);
                let (outcome, pair) = connect(&above, &server).unwrap();
                assert_eq!(pair.client.handshake_kind(), Some(HandshakeKind::Full));
                assert!(matches!(outcome, Outcome::Verified { .. }));
            }
        }
    }
}

#[test]
fn no_provider_is_installed_for_the_process() {
    for provider in providers() {
        let ca = Ca::new("our authority");
        let leaf = ca.leaf(&[NAME]);
        let tls = client(&provider, Level::Secure, NAME, &ca);
        connect(&tls, &serves(&provider, &TLS13, &leaf)).unwrap();
    }
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}
