//! The crypto provider: which library computes.
//!
//! rustls keeps a process-wide default provider. This crate neither installs nor reads it: with
//! two providers in one dependency tree that default panics, and a library has no business in
//! choosing for the whole process. Everything here takes a [`Provider`].

use std::{fmt, sync::Arc};

use rustls::crypto::CryptoProvider;

/// What does the cryptography of a TLS configuration; a cheap clone.
///
/// With the feature `aws-lc-rs` (the default) that is [`Provider::aws_lc_rs`], with `ring` alone it
/// is `Provider::ring`; with both, aws-lc-rs is the default and a caller may choose. Any other
/// [`CryptoProvider`] converts.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use mailtls::provider::Provider;
/// assert_eq!(Provider::default(), Provider::aws_lc_rs());
/// assert!(rustls::crypto::CryptoProvider::get_default().is_none());
/// # }
/// ```
#[derive(Clone)]
pub struct Provider(Arc<CryptoProvider>);

impl Provider {
    /// AWS-LC: X25519MLKEM768 among the key exchanges, P-521 and ML-DSA among the signatures.
    #[cfg(feature = "aws-lc-rs")]
    #[must_use]
    pub fn aws_lc_rs() -> Self {
        static ONE: std::sync::OnceLock<Provider> = std::sync::OnceLock::new();
        ONE.get_or_init(|| Self(Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
            .clone()
    }

    /// *ring*: builds in half the time; no post-quantum key exchange.
    #[cfg(feature = "ring")]
    #[must_use]
    pub fn ring() -> Self {
        static ONE: std::sync::OnceLock<Provider> = std::sync::OnceLock::new();
        ONE.get_or_init(|| Self(Arc::new(rustls::crypto::ring::default_provider())))
            .clone()
    }

    /// What rustls' builders take.
    #[must_use]
    pub fn crypto(&self) -> Arc<CryptoProvider> {
        Arc::clone(&self.0)
    }
}

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
impl Default for Provider {
    fn default() -> Self {
        #[cfg(feature = "aws-lc-rs")]
        let provider = Self::aws_lc_rs();
        #[cfg(not(feature = "aws-lc-rs"))]
        let provider = Self::ring();
        provider
    }
}

impl From<Arc<CryptoProvider>> for Provider {
    fn from(provider: Arc<CryptoProvider>) -> Self {
        Self(provider)
    }
}

impl From<CryptoProvider> for Provider {
    fn from(provider: CryptoProvider) -> Self {
        Self(Arc::new(provider))
    }
}

/// Two are equal when they are the same instance.
impl PartialEq for Provider {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Provider {}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("cipher_suites", &self.0.cipher_suites)
            .field("kx_groups", &self.0.kx_groups)
            .finish_non_exhaustive()
    }
}
