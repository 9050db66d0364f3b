//! Revocation is not looked at, so what a server staples to its certificate must do nothing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use mailtls::{level::Level, provider::Provider, verify::Outcome};
use rustls::{
    ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme, SupportedProtocolVersion,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::CertifiedKey,
};

use super::{NAME, Shows, VERSIONS, client, connect, key_of};
use crate::pki::{Ca, Leaf, handshake, providers};

fn staples(
    provider: &Provider,
    version: &'static SupportedProtocolVersion,
    leaf: &Leaf,
    ocsp: &[u8],
) -> Arc<ServerConfig> {
    let mut key = CertifiedKey::new(leaf.chain.clone(), key_of(provider, &leaf.key));
    key.ocsp = Some(ocsp.to_vec());
    Arc::new(
        ServerConfig::builder_with_provider(provider.crypto())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shows(Arc::new(key)))),
    )
}

/// Notes how much was stapled.
#[derive(Debug)]
struct Notes(Provider, AtomicUsize);

impl ServerCertVerifier for Notes {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.1.store(ocsp.len(), Ordering::Relaxed);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = self.0.crypto().signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = self.0.crypto().signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let crypto = self.0.crypto();
        crypto.signature_verification_algorithms.supported_schemes()
    }
}

/// How many octets of it arrive at a client that looks.
fn arrives(provider: &Provider, server: &Arc<ServerConfig>) -> usize {
    let notes = Arc::new(Notes(provider.clone(), AtomicUsize::new(0)));
    let config = ClientConfig::builder_with_provider(provider.crypto())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&notes) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    handshake(Arc::new(config), NAME.try_into().unwrap(), server).unwrap();
    notes.1.load(Ordering::Relaxed)
}

#[test]
fn x509_14_a_stapled_response_is_not_looked_at() {
    let ca = Ca::new("our authority");
    let leaf = ca.leaf(&[NAME]);
    let stapled: [(&str, Vec<u8>); 6] = [
        ("one octet", vec![0]),
        ("text", b"not a response".to_vec()),
        // OCSPResponse { tryLater }, the smallest that is one.
        ("try later", vec![0x30, 3, 0x0a, 1, 3]),
        (
            "a length beyond the end",
            vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        ),
        ("sequences in sequences", [0x30, 0x80].repeat(8000)),
        ("much", vec![0xa5; 40_000]),
    ];
    for provider in providers() {
        for version in VERSIONS {
            for (what, ocsp) in &stapled {
                let server = staples(&provider, version, &leaf, ocsp);
                assert_eq!(arrives(&provider, &server), ocsp.len(), "{what}");
                for level in [Level::Encrypt, Level::Verify, Level::Secure] {
                    let tls = client(&provider, level, NAME, &ca);
                    let (outcome, _) = connect(&tls, &server).unwrap();
                    let verified = matches!(outcome, Outcome::Verified { .. });
                    assert_eq!(verified, level.verifies(), "{what} at {level}: {outcome}");
                }
            }
        }
    }
    // It excuses nothing, either.
    let stranger = Ca::new("another authority");
    for (what, ocsp) in &stapled {
        let provider = Provider::default();
        let server = staples(&provider, VERSIONS[1], &leaf, ocsp);
        let tls = client(&provider, Level::Secure, NAME, &stranger);
        assert!(connect(&tls, &server).is_err(), "{what}");
    }
}
