//! Is this the server that was asked for? Verification for clients, by [`Level`].
//!
//! Read RFC 9525 §6 and RFC 5280 §6 first. At `verify` and `secure` the chain must lead to a
//! trusted authority ([`Roots`]), be in force now and made for servers, and the certificate must
//! show one of the reference names as a DNS-ID or IP-ID. The common name is never looked at, at
//! any level. At `may` and `encrypt` none of this is asked, and the outcome says so.
//!
//! At every level the signature on the handshake is checked with the key in the certificate: a
//! peer that copies somebody else's certificate fails. Where the certificate is one that
//! verification would refuse to parse (X.509 version 1), the key is taken out of it by a tolerant
//! parser; only where the provider cannot check that kind of key at all (RSA-1024) do the two
//! lower levels go on, and [`KeyCheck`] says that too.
//!
//! Not supported: revocation (neither CRLs nor OCSP are looked at, stapled responses are ignored),
//! and certificates of TLS 1.1 and older, which rustls does not speak.
//!
//! Resumption skips verification, so there is none where verification is asked for, and sessions
//! of different [`ClientTls`] values never meet.

mod error;
mod outcome;
mod roots;
mod verifier;

use std::{fmt, sync::Arc};

use mailwire_core::machine::PeerVerification;
use rustls::{
    ClientConfig,
    client::{Resumption, danger::ServerCertVerifier},
    time_provider::{DefaultTimeProvider, TimeProvider},
};
use rustls_pki_types::{CertificateDer, ServerName};

use self::verifier::{Rule, Verifier, matching};
pub use self::{
    error::{ShownNames, VerifyError},
    outcome::{KeyCheck, Outcome, WhyNotChecked},
    roots::{Roots, RootsError},
};
use crate::{Tls, level::Level, names::ReferenceName, provider::Provider};

/// TLS for a client, to one server by name; a cheap clone.
///
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))] {
/// # (|| -> Result<(), mailtls::verify::ClientConfigError> {
/// use mailtls::{level::Level, verify::{ClientConfigError, ClientTls}};
/// let tls = ClientTls::builder(Level::Encrypt, "mail.example.test".parse().unwrap()).build()?;
/// let _for_rustls = (tls.config(), tls.server_name());
///
/// // To verify, somebody must be trusted.
/// let secure = ClientTls::builder(Level::Secure, "mail.example.test".parse().unwrap());
/// assert_eq!(secure.build().unwrap_err(), ClientConfigError::NoRoots);
/// # Ok(()) })().unwrap(); }
/// ```
#[derive(Clone)]
pub struct ClientTls(Arc<Inner>);

struct Inner {
    config: Arc<ClientConfig>,
    verifier: Arc<Verifier>,
    level: Level,
    server_name: ServerName<'static>,
}

impl ClientTls {
    /// Begins a configuration at `level` for the server called `name`.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub fn builder(level: Level, name: ReferenceName) -> ClientTlsBuilder {
        ClientTlsBuilder::new(level, name, Provider::default())
    }

    /// For a TLS connector. Give it [`ClientTls::server_name`] too.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0.config)
    }

    /// The first reference name, which is also the server name indication. For an address no
    /// indication is sent (RFC 6066 §3).
    #[must_use]
    pub fn server_name(&self) -> ServerName<'static> {
        self.0.server_name.clone()
    }

    /// The level that this is for.
    #[must_use]
    pub fn level(&self) -> Level {
        self.0.level
    }

    /// What a handshake that succeeded says about the server, given the chain that it showed.
    ///
    /// ```
    /// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))] {
    /// # (|| -> Result<(), mailtls::verify::ClientConfigError> {
    /// use mailtls::{level::Level, verify::{ClientTls, Outcome, WhyNotChecked}};
    /// let tls = ClientTls::builder(Level::May, "mail.example.test".parse().unwrap()).build()?;
    /// assert!(matches!(
    ///     tls.outcome(&[]),
    ///     Outcome::NotChecked { why: WhyNotChecked::NoCertificate, .. }
    /// ));
    /// # Ok(()) })().unwrap(); }
    /// ```
    #[must_use]
    pub fn outcome(&self, chain: &[CertificateDer<'_>]) -> Outcome {
        let Some(leaf) = chain.first() else {
            return Outcome::NotChecked {
                why: WhyNotChecked::NoCertificate,
                key: KeyCheck::NotVerifiable,
            };
        };
        let Rule::WebPki { name, more, .. } = &self.0.verifier.rule else {
            return Outcome::NotChecked {
                why: WhyNotChecked::Level(self.0.level),
                key: self.0.verifier.key_check(leaf),
            };
        };
        // The handshake has checked it; here it is only found again which name it was.
        match matching(leaf, name, more) {
            Ok(Some(name)) => Outcome::Verified { name: name.clone() },
            _ => Outcome::NotChecked {
                why: WhyNotChecked::AnotherChain,
                key: self.0.verifier.key_check(leaf),
            },
        }
    }
}

/// For a [`Connection`](crate::Connection). What it says of the server is what the level stands
/// for: a handshake that succeeds at a verifying level has verified.
///
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))] {
/// # (|| -> Result<(), mailtls::verify::ClientConfigError> {
/// use mailtls::{Tls, level::Level, verify::ClientTls};
/// let tls = ClientTls::builder(Level::May, "mail.example.test".parse().unwrap()).build()?;
/// assert!(Tls::from(&tls).is_available());
/// # Ok(()) })().unwrap(); }
/// ```
impl From<&ClientTls> for Tls {
    fn from(tls: &ClientTls) -> Self {
        let verification = match &tls.0.verifier.rule {
            Rule::Tolerant => PeerVerification::NotChecked,
            Rule::WebPki { .. } => PeerVerification::Verified,
        };
        Self::client(tls.config(), tls.server_name()).with_verification(verification)
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("level", &self.0.level)
            .field("server_name", &self.0.server_name)
            .finish_non_exhaustive()
    }
}

/// A [`ClientTls`] being made.
///
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))] {
/// # (|| -> Result<(), mailtls::verify::ClientConfigError> {
/// use mailtls::{level::Level, provider::Provider, verify::ClientTlsBuilder};
/// let name = "mx1.example.test".parse().unwrap();
/// let tls = ClientTlsBuilder::new(Level::May, name, Provider::default())
///     .or_name("example.test".parse().unwrap())
///     .build()?;
/// assert_eq!(tls.level(), Level::May);
/// # Ok(()) })().unwrap(); }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientTlsBuilder {
    level: Level,
    name: ReferenceName,
    more: Vec<ReferenceName>,
    provider: Provider,
    roots: Option<Roots>,
    clock: Arc<dyn TimeProvider>,
    alpn: Vec<Vec<u8>>,
}

impl ClientTlsBuilder {
    /// Begins a configuration with a provider of the caller's choice.
    pub fn new(level: Level, name: ReferenceName, provider: Provider) -> Self {
        Self {
            level,
            name,
            more: Vec::new(),
            provider,
            roots: None,
            clock: Arc::new(DefaultTimeProvider),
            alpn: Vec::new(),
        }
    }

    /// Another name that will do as well. The server name indication stays the first.
    pub fn or_name(mut self, name: ReferenceName) -> Self {
        self.more.push(name);
        self
    }

    /// Whom to trust. Needed at the levels that verify, not looked at below.
    pub fn roots(mut self, roots: Roots) -> Self {
        self.roots = Some(roots);
        self
    }

    /// The provider of the cryptography.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.provider = provider;
        self
    }

    /// The clock that certificates are judged by; that of the system unless set.
    pub fn clock(mut self, clock: Arc<dyn TimeProvider>) -> Self {
        self.clock = clock;
        self
    }

    /// The application protocols to offer (ALPN, RFC 7301), best first. None by default.
    pub fn alpn<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// The configuration for rustls.
    ///
    /// # Errors
    /// [`ClientConfigError`]: no roots where they are needed, level `none`, or a provider that
    /// cannot do TLS 1.2 and 1.3.
    pub fn build(self) -> Result<ClientTls, ClientConfigError> {
        let rule = match (self.level, self.roots) {
            (Level::None, _) => return Err(ClientConfigError::LevelNone),
            (level, None) if level.verifies() => return Err(ClientConfigError::NoRoots),
            (level, Some(roots)) if level.verifies() => Rule::WebPki {
                roots,
                name: self.name.clone(),
                more: self.more,
            },
            _ => Rule::Tolerant,
        };
        let crypto = self.provider.crypto();
        let verifier = Arc::new(Verifier {
            algorithms: crypto.signature_verification_algorithms,
            rule,
        });
        let mut config = ClientConfig::builder_with_details(crypto, self.clock)
            .with_safe_default_protocol_versions()
            .map_err(|_| ClientConfigError::Provider)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        config.alpn_protocols = self.alpn;
        config.enable_sni = true;
        config.enable_early_data = false;
        if self.level.verifies() {
            // A resumed session is not verified again.
            config.resumption = Resumption::disabled();
        }
        Ok(ClientTls(Arc::new(Inner {
            config: Arc::new(config),
            verifier,
            level: self.level,
            server_name: self.name.to_server_name(),
        })))
    }
}

/// Why there is no configuration: a mistake on our side, found before connecting.
///
/// ```
/// use mailtls::verify::ClientConfigError;
/// assert!(ClientConfigError::NoRoots.remedy().contains("CA"));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClientConfigError {
    /// Level `none` has no TLS to configure.
    #[error("level none has no TLS")]
    LevelNone,
    /// The level verifies, and nobody is trusted.
    #[error("this level verifies the server, and no trusted roots were given")]
    NoRoots,
    /// The crypto provider has no cipher suite or key exchange for TLS 1.2 and 1.3.
    #[error("the crypto provider cannot do TLS 1.2 and 1.3")]
    Provider,
}

impl ClientConfigError {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::LevelNone => "connect without TLS, or choose another level",
            Self::NoRoots => {
                "give the roots of the system, or a file with the certificate of your CA"
            }
            Self::Provider => "use one of the providers that this crate has features for",
        }
    }
}
