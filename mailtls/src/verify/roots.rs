//! The authorities that are trusted.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};

use crate::limits::MAX_ROOTS_FILE;

/// The certificates of the authorities that are trusted; never empty.
///
/// An empty set would not accept everything, it would refuse everything, but for reasons that
/// nobody finds; so there is no such value. Cheap to clone, loaded once and shared.
///
/// ```
/// use mailtls::verify::{Roots, RootsError};
/// let nothing = Roots::from_pem(b"no certificate in here");
/// assert_eq!(nothing.unwrap_err(), RootsError::Empty { skipped: 0 });
/// ```
#[derive(Clone)]
pub struct Roots {
    store: Arc<RootCertStore>,
    skipped: usize,
}

impl Roots {
    /// Those of the operating system (package `ca-certificates` on Debian), or of the file and
    /// directory in `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    ///
    /// What cannot be read or parsed is skipped and logged.
    ///
    /// # Errors
    /// [`RootsError::Empty`] when nothing is left.
    ///
    /// ```
    /// use mailtls::verify::Roots;
    /// if let Ok(roots) = Roots::native() {
    ///     assert!(roots.len() > 0);
    /// }
    /// ```
    pub fn native() -> Result<Self, RootsError> {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a trusted root was skipped");
        }
        Self::collect(found.certs, found.errors.len())
    }

    /// All certificates in a PEM file, such as the CA certificate of one's own.
    ///
    /// # Errors
    /// [`RootsError::Unreadable`], or [`RootsError::EmptyFile`] when no certificate in it is usable.
    ///
    /// ```
    /// use mailtls::verify::{Roots, RootsError};
    /// let error = Roots::from_pem_file("/nonexistent/ca.pem").unwrap_err();
    /// assert!(matches!(error, RootsError::Unreadable { .. }));
    /// ```
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, RootsError> {
        let path = path.as_ref();
        let bytes =
            crate::file::read(path, MAX_ROOTS_FILE).map_err(|error| RootsError::Unreadable {
                path: path.to_owned(),
                reason: error,
            })?;
        Self::from_pem(&bytes).map_err(|error| match error {
            RootsError::Empty { skipped } => RootsError::EmptyFile {
                path: path.to_owned(),
                skipped,
            },
            error => error,
        })
    }

    /// All certificates in PEM text.
    ///
    /// # Errors
    /// [`RootsError::Empty`] when no certificate in it is usable.
    pub fn from_pem(text: &[u8]) -> Result<Self, RootsError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut certs = Vec::new();
        let mut skipped = 0;
        for cert in CertificateDer::pem_slice_iter(text) {
            match cert {
                Ok(cert) => certs.push(cert),
                Err(error) => {
                    tracing::warn!(%error, "a trusted root was skipped");
                    skipped += 1;
                }
            }
        }
        Self::collect(certs, skipped)
    }

    /// A store of one's own.
    ///
    /// # Errors
    /// [`RootsError::Empty`] when it is.
    ///
    /// ```
    /// use mailtls::verify::{Roots, RootsError};
    /// let store = std::sync::Arc::new(rustls::RootCertStore::empty());
    /// assert_eq!(Roots::from_store(store).unwrap_err(), RootsError::Empty { skipped: 0 });
    /// ```
    pub fn from_store(store: Arc<RootCertStore>) -> Result<Self, RootsError> {
        if store.is_empty() {
            return Err(RootsError::Empty { skipped: 0 });
        }
        Ok(Self { store, skipped: 0 })
    }

    fn collect(
        certs: Vec<CertificateDer<'static>>,
        mut skipped: usize,
    ) -> Result<Self, RootsError> {
        let mut store = RootCertStore::empty();
        for cert in certs {
            if let Err(error) = store.add(cert) {
                tracing::warn!(%error, "a trusted root was skipped");
                skipped += 1;
            }
        }
        if store.is_empty() {
            return Err(RootsError::Empty { skipped });
        }
        Ok(Self {
            store: Arc::new(store),
            skipped,
        })
    }

    /// How many authorities are trusted.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a set of roots is never empty, that is what it is for"
    )]
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// How many certificates could not be used; each was logged.
    #[must_use]
    pub const fn skipped(&self) -> usize {
        self.skipped
    }

    /// The store as rustls has it.
    #[must_use]
    pub fn store(&self) -> &Arc<RootCertStore> {
        &self.store
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots")
            .field("len", &self.len())
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

/// Why there are no trusted authorities: an error of the configuration, never of the server.
///
/// ```
/// use mailtls::verify::RootsError;
/// assert!(RootsError::Empty { skipped: 2 }.remedy().contains("ca-certificates"));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RootsError {
    /// Not one usable certificate.
    #[error("no trusted root certificate was found ({skipped} could not be used)")]
    Empty {
        /// How many there were that could not be parsed.
        skipped: usize,
    },
    /// Not one usable certificate in the file.
    #[error(
        "there is no usable certificate in {} ({skipped} could not be used)",
        path.display()
    )]
    EmptyFile {
        /// The file.
        path: PathBuf,
        /// How many there were that could not be parsed.
        skipped: usize,
    },
    /// The file cannot be read.
    #[error("the file of trusted roots {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: crate::file::ReadError,
    },
}

impl RootsError {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Empty { .. } => {
                "install the package ca-certificates, or name a PEM file with the CA's certificate"
            }
            Self::EmptyFile { .. } => {
                "name a PEM file with the certificate of the CA (BEGIN CERTIFICATE), not its key"
            }
            Self::Unreadable { reason, .. } => reason.remedy(),
        }
    }
}
