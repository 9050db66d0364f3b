//! Authorities and certificates made on the spot, and handshakes in memory.

use std::sync::Arc;

use mailtls::provider::Provider;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, ServerConfig, ServerConnection,
    pki_types::{CertificateDer, ServerName},
};

/// Every provider that was compiled in.
pub(crate) fn providers() -> Vec<Provider> {
    vec![
        #[cfg(feature = "aws-lc-rs")]
        Provider::aws_lc_rs(),
        #[cfg(feature = "ring")]
        Provider::ring(),
    ]
}

/// A certificate authority.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    cert: rcgen::Certificate,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = Self::params(name);
        let cert = params.self_signed(&key).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            cert,
        }
    }

    /// An authority below this one.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        self.below(Self::params(name))
    }

    /// The same with something changed about it.
    pub(crate) fn intermediate_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = Self::params("an intermediate");
        change(&mut params);
        self.below(params)
    }

    fn below(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            cert,
        }
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.cert.der().clone()
    }

    pub(crate) fn pem(&self) -> String {
        self.cert.pem()
    }

    /// A server certificate for these names, on a new key.
    pub(crate) fn leaf(&self, names: &[&str]) -> Leaf {
        self.sign(server(names), KeyPair::generate().unwrap())
    }

    pub(crate) fn sign(&self, params: CertificateParams, key: KeyPair) -> Leaf {
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Leaf {
            chain: vec![cert.der().clone()],
            key,
        }
    }
}

/// What a server certificate says, to be changed by a test.
pub(crate) fn server(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = common_name("a server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

pub(crate) fn common_name(name: &str) -> DistinguishedName {
    let mut dn = DistinguishedName::new();
    dn.push(DnType::CommonName, name);
    dn
}

/// A chain with its key.
pub(crate) struct Leaf {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: KeyPair,
}

impl Leaf {
    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        &self.chain[0]
    }

    #[cfg(feature = "certs")]
    pub(crate) fn chain_pem(&self) -> String {
        self.chain
            .iter()
            .map(|cert| pem("CERTIFICATE", cert))
            .collect()
    }

    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    #[cfg(feature = "certs")]
    pub(crate) fn pem(&self) -> String {
        self.key_pem() + &self.chain_pem()
    }
}

/// PEM text of DER.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        for group in line.chunks(3) {
            let bits = group
                .iter()
                .chain([&0; 2])
                .take(3)
                .fold(0, |bits, &octet| bits << 8 | usize::from(octet));
            for place in 0..4 {
                text.push(match place <= group.len() {
                    true => char::from(DIGITS[bits >> (18 - 6 * place) & 63]),
                    false => '=',
                });
            }
        }
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// The two ends of a handshake that is over.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) client: ClientConnection,
    pub(crate) server: ServerConnection,
}

impl Pair {
    /// The chain that the client saw.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        self.client.peer_certificates().unwrap_or_default()
    }

    /// Moves what is queued in both directions until nothing is.
    pub(crate) fn pump(&mut self) -> Result<(), Failure> {
        loop {
            let mut wire = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut wire).unwrap();
            }
            let sent = !wire.is_empty();
            if let Err(at_server) = take(&mut wire.as_slice(), |wire| {
                self.server.read_tls(wire).unwrap();
                self.server.process_new_packets().map(drop)
            }) {
                let mut alert = Vec::new();
                while self.server.wants_write() {
                    self.server.write_tls(&mut alert).unwrap();
                }
                let at_client = take(&mut alert.as_slice(), |wire| {
                    self.client.read_tls(wire).unwrap();
                    self.client.process_new_packets().map(drop)
                });
                return Err(Failure {
                    at_client: at_client.err().map(Box::new),
                    at_server: Some(Box::new(at_server)),
                });
            }
            let mut wire = Vec::new();
            while self.server.wants_write() {
                self.server.write_tls(&mut wire).unwrap();
            }
            if wire.is_empty() && !sent {
                return Ok(());
            }
            if let Err(at_client) = take(&mut wire.as_slice(), |wire| {
                self.client.read_tls(wire).unwrap();
                self.client.process_new_packets().map(drop)
            }) {
                let mut alert = Vec::new();
                while self.client.wants_write() {
                    self.client.write_tls(&mut alert).unwrap();
                }
                let at_server = take(&mut alert.as_slice(), |wire| {
                    self.server.read_tls(wire).unwrap();
                    self.server.process_new_packets().map(drop)
                });
                return Err(Failure {
                    at_client: Some(Box::new(at_client)),
                    at_server: at_server.err().map(Box::new),
                });
            }
        }
    }
}

fn take(
    wire: &mut &[u8],
    mut read: impl FnMut(&mut &[u8]) -> Result<(), rustls::Error>,
) -> Result<(), rustls::Error> {
    while !wire.is_empty() {
        read(wire)?;
    }
    Ok(())
}

/// What the two ends said of a handshake that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) at_client: Option<Box<rustls::Error>>,
    pub(crate) at_server: Option<Box<rustls::Error>>,
}

impl Failure {
    /// The alert that the client sent.
    pub(crate) fn alert(&self) -> Option<AlertDescription> {
        match self.at_server.as_deref() {
            Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
            _ => None,
        }
    }

    /// The alert that the server sent.
    #[cfg(feature = "certs")]
    pub(crate) fn alert_to_client(&self) -> Option<AlertDescription> {
        match self.at_client.as_deref() {
            Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
            _ => None,
        }
    }
}

/// A whole handshake, in memory.
pub(crate) fn handshake(
    client: Arc<ClientConfig>,
    name: ServerName<'static>,
    server: &Arc<ServerConfig>,
) -> Result<Pair, Failure> {
    let mut pair = Pair {
        client: ClientConnection::new(client, name).unwrap(),
        server: ServerConnection::new(Arc::clone(server)).unwrap(),
    };
    pair.pump()?;
    assert!(!pair.client.is_handshaking() && !pair.server.is_handshaking());
    Ok(pair)
}
