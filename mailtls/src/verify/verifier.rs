//! The verifier that rustls asks inside the handshake.

use std::{fmt, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{
        WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
        verify_tls13_signature_with_raw_key,
    },
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use webpki::RawPublicKeyEntity;
use x509_parser::{
    extensions::GeneralName, prelude::FromDer, prelude::X509Certificate, public_key::PublicKey,
};

use super::{KeyCheck, Roots};
use crate::{limits::MAX_CHAIN, names::ReferenceName};

/// Carries out what a level asks for, inside the handshake.
pub(super) struct Verifier {
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) rule: Rule,
}

pub(super) enum Rule {
    /// Any certificate, as long as its key made the handshake.
    Tolerant,
    /// RFC 5280 §6 from these roots, and RFC 9525 §6 with one of these names.
    WebPki {
        roots: Roots,
        name: ReferenceName,
        more: Vec<ReferenceName>,
    },
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Rule::WebPki { roots, name, more } = &self.rule else {
            return Ok(ServerCertVerified::assertion());
        };
        if intermediates.len() >= MAX_CHAIN {
            return Err(other(webpki::Error::MaximumPathDepthExceeded));
        }
        let cert = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &cert,
            roots.store(),
            intermediates,
            now,
            self.algorithms.all,
        )?;
        if matching(end_entity, name, more)?.is_some() {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::NotValidForNameContext {
            expected: name.to_server_name(),
            presented: presented(end_entity),
        }
        .into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.rule {
            Rule::WebPki { .. } => verify_tls12_signature(message, cert, dss, &self.algorithms),
            Rule::Tolerant => {
                let spki = key_of(cert)?;
                self.or_unverifiable(&spki, self.tls12_with_raw_key(message, &spki, dss))
            }
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.rule {
            Rule::WebPki { .. } => verify_tls13_signature(message, cert, dss, &self.algorithms),
            Rule::Tolerant => {
                let spki = key_of(cert)?;
                let verdict =
                    verify_tls13_signature_with_raw_key(message, &spki, dss, &self.algorithms);
                self.or_unverifiable(&spki, verdict)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl Verifier {
    /// As `verify_tls12_signature` of rustls, with a key instead of a certificate: TLS 1.2 does
    /// not tie the scheme to a curve, so each algorithm that the scheme may mean is tried.
    fn tls12_with_raw_key(
        &self,
        message: &[u8],
        spki: &SubjectPublicKeyInfoDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let key = RawPublicKeyEntity::try_from(spki).map_err(|_| CertificateError::BadEncoding)?;
        let candidates = self
            .algorithms
            .mapping
            .iter()
            .find_map(|(scheme, algorithms)| (*scheme == dss.scheme).then_some(*algorithms))
            .unwrap_or_default();
        for algorithm in candidates {
            match key.verify_signature(*algorithm, message, dss.signature()) {
                Ok(()) => return Ok(HandshakeSignatureValid::assertion()),
                Err(webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {}
                Err(_) => break,
            }
        }
        Err(CertificateError::BadSignature.into())
    }

    /// Lets a key pass that nobody here could have checked; a bad signature stays one.
    fn or_unverifiable(
        &self,
        spki: &SubjectPublicKeyInfoDer<'_>,
        verdict: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match verdict {
            Err(_) if !self.can_check(spki) => Ok(HandshakeSignatureValid::assertion()),
            verdict => verdict,
        }
    }

    pub(super) fn key_check(&self, cert: &CertificateDer<'_>) -> KeyCheck {
        match key_of(cert) {
            Ok(spki) if self.can_check(&spki) => KeyCheck::Verified,
            _ => KeyCheck::NotVerifiable,
        }
    }

    /// Whether the provider can check signatures by this key at all.
    fn can_check(&self, spki: &SubjectPublicKeyInfoDer<'_>) -> bool {
        let Ok((_, parsed)) = x509_parser::x509::SubjectPublicKeyInfo::from_der(spki) else {
            return false;
        };
        // The providers verify RSA of 2048 to 8192 bits, and call all else a bad signature.
        if let Ok(PublicKey::RSA(key)) = parsed.parsed()
            && !(2048..=8192).contains(&key.key_size())
        {
            return false;
        }
        let Ok(key) = RawPublicKeyEntity::try_from(spki) else {
            return false;
        };
        // An algorithm that is for this kind of key says that the signature is wrong; one that
        // is not says that.
        self.algorithms.all.iter().any(|algorithm| {
            !matches!(
                key.verify_signature(*algorithm, b"", b""),
                Err(webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_))
            )
        })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

fn other(error: webpki::Error) -> rustls::Error {
    CertificateError::Other(rustls::OtherError(Arc::new(error))).into()
}

/// The public key in a certificate that may be of any version and break other rules.
fn key_of(cert: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, rustls::Error> {
    let (_, cert) = X509Certificate::from_der(cert).map_err(|_| CertificateError::BadEncoding)?;
    Ok(SubjectPublicKeyInfoDer::from(
        cert.tbs_certificate.subject_pki.raw.to_vec(),
    ))
}

/// The first of the names that the certificate shows.
pub(super) fn matching<'a>(
    cert: &CertificateDer<'_>,
    name: &'a ReferenceName,
    more: &'a [ReferenceName],
) -> Result<Option<&'a ReferenceName>, rustls::Error> {
    let cert = ParsedCertificate::try_from(cert)?;
    Ok(std::iter::once(name)
        .chain(more)
        .find(|name| verify_server_name(&cert, &name.to_server_name()).is_ok()))
}

/// The names in a certificate, for an error. A handshake message bounds how many there are.
fn presented(cert: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, cert)) = X509Certificate::from_der(cert) else {
        return Vec::new();
    };
    let Ok(Some(names)) = cert.subject_alternative_name() else {
        return Vec::new();
    };
    names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(octets) => address(octets).map(|ip| ip.to_string()),
            _ => None,
        })
        .collect()
}

fn address(octets: &[u8]) -> Option<std::net::IpAddr> {
    <[u8; 4]>::try_from(octets)
        .map(Into::into)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(Into::into))
        .ok()
}
