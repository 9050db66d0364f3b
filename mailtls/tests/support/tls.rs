//! Configurations for both sides, with a certificate made once.

use std::sync::{Arc, OnceLock};

use mailtls::{Tls, provider::Provider};
use mailwire_core::machine::PeerVerification;
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};

pub(crate) const NAME: &str = "mail.example.test";

struct Identity {
    cert: CertificateDer<'static>,
    key: KeyPair,
}

fn identity() -> &'static Identity {
    static ONE: OnceLock<Identity> = OnceLock::new();
    ONE.get_or_init(|| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        let cert = params.self_signed(&key).unwrap().der().clone();
        Identity { cert, key }
    })
}

pub(crate) fn certificate() -> CertificateDer<'static> {
    identity().cert.clone()
}

pub(crate) fn server_config(versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    let key = PrivateKeyDer::try_from(identity().key.serialize_der()).unwrap();
    ServerConfig::builder_with_provider(Provider::default().crypto())
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate()], key)
        .unwrap()
}

pub(crate) fn client_config(versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate()).unwrap();
    client_config_with(roots, versions)
}

/// A client that trusts somebody else.
pub(crate) fn stranger_config() -> ClientConfig {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["other.example.test".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(params.self_signed(&key).unwrap().der().clone())
        .unwrap();
    client_config_with(roots, rustls::DEFAULT_VERSIONS)
}

fn client_config_with(
    roots: RootCertStore,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    ClientConfig::builder_with_provider(Provider::default().crypto())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

pub(crate) fn server() -> Tls {
    static ONE: OnceLock<Tls> = OnceLock::new();
    ONE.get_or_init(|| Tls::server(Arc::new(server_config(rustls::DEFAULT_VERSIONS))))
        .clone()
}

pub(crate) fn client() -> Tls {
    static ONE: OnceLock<Tls> = OnceLock::new();
    ONE.get_or_init(|| client_with(client_config(rustls::DEFAULT_VERSIONS)))
        .clone()
}

pub(crate) fn client_with(config: ClientConfig) -> Tls {
    Tls::client(Arc::new(config), ServerName::try_from(NAME).unwrap())
        .with_verification(PeerVerification::Verified)
}
