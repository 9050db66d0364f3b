//! Channel binding, RFC 5056: proof that both ends speak over the *same* TLS session.
//!
//! Somebody who terminates the client's TLS and opens a session of his own to the server can pass
//! SCRAM messages through and ends up logged in. The two sessions differ, though, in the value
//! that TLS exports to both of its ends. When that value goes into what SCRAM proves, the proof
//! made for one session is worthless in the other.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest, Sha256, Sha384, Sha512};

use super::limits;
use crate::machine::TlsInfo;

/// A channel binding type that we know.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum BindingType {
    /// `tls-exporter`, RFC 9266 §2: unique to the session. The first choice.
    TlsExporter,
    /// `tls-server-end-point`, RFC 5929 §4: a hash of the server's certificate. It survives a TLS
    /// terminator that holds the right certificate.
    TlsServerEndPoint,
}

impl BindingType {
    /// The name in the registry of channel binding types.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TlsExporter => "tls-exporter",
            Self::TlsServerEndPoint => "tls-server-end-point",
        }
    }
}

/// The hash function inside a certificate's `signatureAlgorithm`, where there is one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CertificateHash {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// None, as in Ed25519, or several, or one that is not in this list.
    Undefined,
}

/// The octets that identify a TLS session or its server, with their type.
///
/// ```
/// use mailwire_core::sasl::{BindingType, ChannelBinding};
///
/// let binding = ChannelBinding::tls_exporter([7; 32]);
/// assert_eq!(binding.kind(), BindingType::TlsExporter);
/// assert_eq!(binding.data(), [7; 32]);
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct ChannelBinding {
    kind: BindingType,
    data: Box<[u8]>,
}

impl ChannelBinding {
    /// `tls-exporter`: what TLS exports for `EXPORTER-Channel-Binding` without a context, RFC 9266
    /// §2.
    #[must_use]
    pub fn tls_exporter(exported: [u8; 32]) -> Self {
        Self {
            kind: BindingType::TlsExporter,
            data: Box::new(exported),
        }
    }

    /// `tls-server-end-point`: the hash of the server's certificate in DER, RFC 5929 §4.1.
    ///
    /// MD5 and SHA-1 are replaced by SHA-256; `None` where the RFC leaves the hash undefined, and
    /// then this binding is not offered.
    ///
    /// ```
    /// use mailwire_core::sasl::{CertificateHash, ChannelBinding};
    ///
    /// let der = b"certificate";
    /// let weak = ChannelBinding::tls_server_end_point(der, CertificateHash::Sha1).unwrap();
    /// assert_eq!(weak.data().len(), 32);
    /// assert!(ChannelBinding::tls_server_end_point(der, CertificateHash::Undefined).is_none());
    /// ```
    #[must_use]
    pub fn tls_server_end_point(certificate: &[u8], hash: CertificateHash) -> Option<Self> {
        let data: Box<[u8]> = match hash {
            CertificateHash::Md5 | CertificateHash::Sha1 | CertificateHash::Sha256 => {
                Sha256::digest(certificate).as_slice().into()
            }
            CertificateHash::Sha384 => Sha384::digest(certificate).as_slice().into(),
            CertificateHash::Sha512 => Sha512::digest(certificate).as_slice().into(),
            CertificateHash::Undefined => return None,
        };
        Some(Self {
            kind: BindingType::TlsServerEndPoint,
            data,
        })
    }

    /// All bindings that a TLS session gives, the best first.
    #[must_use]
    pub fn available(tls: &TlsInfo) -> Vec<Self> {
        let exporter = tls.exporter.map(Self::tls_exporter);
        let end_point = tls
            .end_point
            .clone()
            .filter(|data| (1..=limits::BINDING).contains(&data.len()))
            .map(|data| Self {
                kind: BindingType::TlsServerEndPoint,
                data,
            });
        exporter.into_iter().chain(end_point).collect()
    }

    /// Which type it is.
    #[must_use]
    pub const fn kind(&self) -> BindingType {
        self.kind
    }

    /// The binding data, `cbind-data` in RFC 5802 §7.
    #[must_use]
    pub const fn data(&self) -> &[u8] {
        &self.data
    }
}

impl fmt::Debug for ChannelBinding {
    /// Shows the type only: the data identifies the session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelBinding({})", self.kind.name())
    }
}

/// What a SCRAM client says about channel binding: `gs2-cbind-flag`, RFC 5802 §7.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientBinding {
    /// `n`: this client cannot bind.
    Unsupported,
    /// `y`: this client could, but the server did not offer `-PLUS`. The server compares that with
    /// what it did offer, and fails the exchange when somebody took it out on the way.
    NotOffered,
    /// `p`: bound, which makes the mechanism SCRAM-SHA-256-PLUS.
    Use(ChannelBinding),
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::machine::TlsVersion;

    fn hex(octets: &[u8]) -> alloc::string::String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    #[test]
    fn auth_15_the_end_point_hash_is_that_of_the_certificate_or_sha_256() {
        // FIPS 180-4 examples for the three octets "abc".
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let sha384 = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                      8086072ba1e7cc2358baeca134c825a7";
        let sha512 = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                      2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        for (hash, expected) in [
            (CertificateHash::Md5, sha256),
            (CertificateHash::Sha1, sha256),
            (CertificateHash::Sha256, sha256),
            (CertificateHash::Sha384, sha384),
            (CertificateHash::Sha512, sha512),
        ] {
            let binding = ChannelBinding::tls_server_end_point(b"abc", hash).unwrap();
            assert_eq!(binding.kind(), BindingType::TlsServerEndPoint);
            assert_eq!(hex(binding.data()), expected, "{hash:?}");
        }
        assert!(ChannelBinding::tls_server_end_point(b"abc", CertificateHash::Undefined).is_none());
    }

    #[test]
    fn auth_15_the_exporter_comes_first_and_tls_unique_never() {
        let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256");
        assert!(ChannelBinding::available(&tls).is_empty());
        tls.end_point = Some([2; 32].into());
        tls.exporter = Some([1; 32]);
        let names: Vec<_> = ChannelBinding::available(&tls)
            .iter()
            .map(|binding| binding.kind().name())
            .collect();
        assert_eq!(names, ["tls-exporter", "tls-server-end-point"]);
        tls.exporter = None;
        assert_eq!(ChannelBinding::available(&tls)[0].data(), [2; 32]);
        tls.end_point = Some([].into());
        assert!(ChannelBinding::available(&tls).is_empty());
    }

    #[test]
    fn auth_24_binding_data_is_not_in_debug() {
        let shown = format!("{:?}", ChannelBinding::tls_exporter([0xab; 32]));
        assert_eq!(shown, "ChannelBinding(tls-exporter)");
    }
}
