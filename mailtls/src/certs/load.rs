//! From files and octets to a chain with its key.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    InconsistentKeys,
    sign::{CertifiedKey, SigningKey},
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject, SectionKind},
};
use x509_parser::{extensions::GeneralName, prelude::FromDer, prelude::X509Certificate};
use zeroize::Zeroizing;

use crate::{
    file::{self, ReadError},
    limits::{MAX_CHAIN, MAX_PEM_FILE},
    names::ServedName,
    provider::Provider,
};

/// Where a chain and its key come from. Files are read again at every reload.
///
/// ```
/// use mailtls::certs::Source;
/// let certbot = Source::files("live/mail/fullchain.pem", "live/mail/privkey.pem");
/// assert_eq!(certbot.to_string(), "live/mail/fullchain.pem");
/// ```
#[non_exhaustive]
#[derive(Clone, Eq, PartialEq)]
pub enum Source {
    /// One PEM file with the key and the chain, in any order of the two. A rotation that replaces
    /// it by a rename can never be seen half done.
    Combined(PathBuf),
    /// A PEM file with the chain, the server's own certificate first, and one with its key.
    Files {
        /// The chain.
        chain: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// PEM text with the key and the chain, under a name for messages. It never changes.
    Memory {
        /// What to call it.
        label: Arc<str>,
        /// The text.
        pem: Arc<Zeroizing<Vec<u8>>>,
    },
}

impl Source {
    /// One file with chain and key.
    pub fn combined(path: impl Into<PathBuf>) -> Self {
        Self::Combined(path.into())
    }

    /// A file with the chain and one with the key.
    pub fn files(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self::Files {
            chain: chain.into(),
            key: key.into(),
        }
    }

    /// PEM text with chain and key.
    pub fn memory(label: impl Into<Arc<str>>, pem: impl Into<Vec<u8>>) -> Self {
        Self::Memory {
            label: label.into(),
            pem: Arc::new(Zeroizing::new(pem.into())),
        }
    }

    /// The file with the key, where everybody on the machine may read it: a mistake, though not one
    /// that keeps the key from being used. It is logged when the entry is loaded.
    ///
    /// ```
    /// use mailtls::certs::Source;
    /// assert_eq!(Source::memory("demo", "").readable_by_others(), None);
    /// ```
    #[must_use]
    pub fn readable_by_others(&self) -> Option<&Path> {
        match self {
            Self::Combined(key) | Self::Files { key, .. } => {
                file::readable_by_others(key).then_some(key.as_path())
            }
            Self::Memory { .. } => None,
        }
    }

    /// Reads and validates.
    pub(crate) fn load(&self, provider: &Provider) -> Result<Arc<CertifiedKey>, LoadError> {
        match self {
            Self::Combined(path) => {
                let pem = self.read(path)?;
                self.pair(provider, &pem, &pem, path.display())
            }
            Self::Files { chain, key } => {
                let chain = self.read(chain)?;
                let key_pem = self.read(key)?;
                self.pair(provider, &chain, &key_pem, key.display())
            }
            Self::Memory { label, pem } => self.pair(provider, pem, pem, label),
        }
    }

    fn read(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, LoadError> {
        file::read(path, MAX_PEM_FILE)
            .map(Zeroizing::new)
            .map_err(|error| LoadError::new(path.display(), LoadReason::Unreadable(error)))
    }

    fn pair(
        &self,
        provider: &Provider,
        chain_pem: &[u8],
        key_pem: &[u8],
        key_name: impl fmt::Display,
    ) -> Result<Arc<CertifiedKey>, LoadError> {
        let chain = chain_in(chain_pem).map_err(|reason| LoadError::new(self, reason))?;
        let key = key_in(key_pem, provider).map_err(|reason| LoadError::new(key_name, reason))?;
        matched(chain, key).map_err(|reason| LoadError::new(self, reason))
    }
}

/// What it is called in messages: the file with the chain, or the label.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Combined(path) | Self::Files { chain: path, .. } => path.display().fmt(f),
            Self::Memory { label, .. } => label.fmt(f),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Combined(path) => f.debug_tuple("Combined").field(path).finish(),
            Self::Files { chain, key } => f
                .debug_struct("Files")
                .field("chain", chain)
                .field("key", key)
                .finish(),
            // The text has the key in it.
            Self::Memory { label, .. } => f.debug_tuple("Memory").field(label).finish(),
        }
    }
}

/// The certificates in PEM text, in their order.
fn chain_in(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, LoadReason> {
    let mut chain = Vec::new();
    for cert in CertificateDer::pem_slice_iter(without_mark(text)) {
        if chain.len() == MAX_CHAIN {
            return Err(LoadReason::ChainTooLong { max: MAX_CHAIN });
        }
        chain.push(cert.map_err(|error| broken(&error, text))?);
    }
    if chain.is_empty() {
        return Err(LoadReason::NoCertificate);
    }
    Ok(chain)
}

/// The one key in PEM text.
fn key_in(text: &[u8], provider: &Provider) -> Result<Arc<dyn SigningKey>, LoadReason> {
    let text = without_mark(text);
    let mut key = None;
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text) {
        let (kind, der) = section.map_err(|error| broken(&error, text))?;
        if let Some(found) = PrivateKeyDer::from_pem(kind, der)
            && key.replace(found).is_some()
        {
            return Err(LoadReason::SeveralKeys);
        }
    }
    let Some(key) = key else {
        return Err(match encrypted(text) {
            true => LoadReason::EncryptedKey,
            false => LoadReason::NoKey,
        });
    };
    provider
        .crypto()
        .key_provider
        .load_private_key(key)
        .map_err(|_| LoadReason::UnusableKey)
}

/// Editors on Windows begin a text with a byte order mark.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// What stands in an encrypted section is no base64.
fn broken(error: &pem::Error, text: &[u8]) -> LoadReason {
    match error {
        pem::Error::Io(error) => LoadReason::Unreadable(ReadError::Io(error.kind())),
        _ if encrypted(text) => LoadReason::EncryptedKey,
        _ => LoadReason::Pem,
    }
}

fn encrypted(text: &[u8]) -> bool {
    text.split(|octet| matches!(octet, b'\n' | b'\r'))
        .any(|line| {
            line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
                || line.starts_with(b"Proc-Type: 4,ENCRYPTED")
        })
}

/// The chain with its key, if the key is that of the first certificate.
fn matched(
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
) -> Result<Arc<CertifiedKey>, LoadReason> {
    let pair = CertifiedKey::new(chain, key);
    let Err(error) = pair.keys_match() else {
        return Ok(Arc::new(pair));
    };
    match error {
        // A key that does not show its public half, as one in hardware may, is taken on trust.
        rustls::Error::InconsistentKeys(InconsistentKeys::Unknown) => Ok(Arc::new(pair)),
        rustls::Error::InconsistentKeys(_) => {
            let belongs_to = pair.cert.iter().position(|cert| {
                CertifiedKey::new(vec![cert.clone()], Arc::clone(&pair.key))
                    .keys_match()
                    .is_ok()
            });
            Err(match belongs_to {
                Some(position) => LoadReason::WrongOrder {
                    position: position.saturating_add(1),
                },
                None => LoadReason::KeyMismatch,
            })
        }
        _ => Err(LoadReason::UnusableCertificate),
    }
}

/// The names that a certificate is for: its DNS-IDs, as far as they are ones to be served.
pub(crate) fn names_in(cert: &CertificateDer<'_>) -> Vec<ServedName> {
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
            GeneralName::DNSName(name) => name.parse().ok(),
            _ => None,
        })
        .collect()
}

/// A chain or a key that cannot be used: which file, why, and what to do about it.
///
/// ```
/// use mailtls::{certs::{CertStore, Entry, LoadReason, Source}, provider::Provider};
/// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))] {
/// let entry = Entry::new(Source::combined("/nonexistent/mail.pem"));
/// let error = CertStore::load([entry], Provider::default()).unwrap_err();
/// assert_eq!(error.name(), "/nonexistent/mail.pem");
/// assert!(matches!(error.reason(), LoadReason::Unreadable(_)));
/// assert!(error.remedy().contains("path"));
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct LoadError {
    name: Box<str>,
    reason: LoadReason,
}

impl LoadError {
    pub(crate) fn new(name: impl fmt::Display, reason: LoadReason) -> Self {
        Self {
            name: name.to_string().into(),
            reason,
        }
    }

    /// The file, or the label of what is no file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why it cannot be used.
    #[must_use]
    pub const fn reason(&self) -> &LoadReason {
        &self.reason
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        self.reason.remedy()
    }
}

/// Why a chain or a key cannot be used.
///
/// ```
/// use mailtls::certs::LoadReason;
/// assert!(LoadReason::KeyMismatch.remedy().contains("same"));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LoadReason {
    /// More certificates than a chain has.
    #[error("there are more than {max} certificates")]
    ChainTooLong {
        /// The limit.
        max: usize,
    },
    /// The key is protected by a passphrase.
    #[error("the private key is encrypted")]
    EncryptedKey,
    /// The key is that of another certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// No certificate in it.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// No private key in it.
    #[error("there is no private key in it")]
    NoKey,
    /// A PEM section that is broken: cut off, or with what is no base64.
    #[error("it is not well-formed PEM")]
    Pem,
    /// More than one private key.
    #[error("there is more than one private key in it")]
    SeveralKeys,
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(ReadError),
    /// The first certificate cannot be shown: of version 1, or no proper DER.
    #[error("the first certificate cannot be used by a TLS server")]
    UnusableCertificate,
    /// The key is of a kind or size that cannot be used.
    #[error("the private key cannot be used by a TLS server")]
    UnusableKey,
    /// The key is that of a certificate further down.
    #[error("the private key belongs to certificate number {position}, not to the first")]
    WrongOrder {
        /// Which certificate it belongs to, counted from one.
        position: usize,
    },
}

impl LoadReason {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::ChainTooLong { .. } => {
                "keep the server's certificate and the intermediates above it"
            }
            Self::EncryptedKey => {
                "store the key without a passphrase, readable by the server alone (openssl pkey)"
            }
            Self::KeyMismatch => {
                "give the key and the certificate of the same issuance; during a renewal, replace \
                 both"
            }
            Self::NoCertificate => {
                "give the PEM file with the server's certificate and its intermediates \
                 (fullchain.pem)"
            }
            Self::NoKey => "give the PEM file with the private key (privkey.pem)",
            Self::Pem => {
                "write the file again, whole; it may have been cut off while it was copied"
            }
            Self::SeveralKeys => "keep one key in a file, and give each chain a file of its own",
            Self::Unreadable(error) => error.remedy(),
            Self::UnusableCertificate => "have an X.509 version 3 certificate issued",
            Self::UnusableKey => {
                "use an ECDSA key on P-256 or P-384, Ed25519, or RSA from 2048 bits"
            }
            Self::WrongOrder { .. } => {
                "put the server's own certificate first, then the one that issued it, and so on"
            }
        }
    }
}
