//! The TLS configuration of a listener.

use std::sync::Arc;

use rustls::{
    ServerConfig,
    server::{NoServerSessionStorage, ServerSessionMemoryCache},
    version,
};

use super::store::CertStore;

/// TLS for a listener, as one value: what is shown, from which version on, what may be resumed.
///
/// Early data is off: a mail server must not be sent the same command twice (RFC 8446 §8). No
/// client certificate is asked for.
///
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))] {
/// # (|| -> Result<(), mailtls::certs::ServerConfigError> {
/// use mailtls::{certs::{CertStore, Resumption, ServerTls}, provider::Provider};
/// let store = CertStore::empty(Provider::default());
/// let starttls = ServerTls::new(store.clone()).build()?;
/// let implicit = ServerTls::new(store)
///     .alpn(["pop3"])
///     .resumption(Resumption::Memory { sessions: 1000 })
///     .build()?;
/// assert!(starttls.alpn_protocols.is_empty());
/// assert_eq!(implicit.max_early_data_size, 0);
/// # Ok(()) })().unwrap(); }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ServerTls {
    store: CertStore,
    min_version: MinVersion,
    resumption: Resumption,
    alpn: Vec<Vec<u8>>,
}

impl ServerTls {
    /// TLS 1.2 and 1.3 with these certificates and the provider that they were loaded with; no
    /// resumption, no ALPN.
    pub const fn new(store: CertStore) -> Self {
        Self {
            store,
            min_version: MinVersion::Tls12,
            resumption: Resumption::Off,
            alpn: Vec::new(),
        }
    }

    /// The oldest version that is spoken.
    pub const fn min_version(mut self, version: MinVersion) -> Self {
        self.min_version = version;
        self
    }

    /// Whether a session may be resumed.
    pub const fn resumption(mut self, resumption: Resumption) -> Self {
        self.resumption = resumption;
        self
    }

    /// The application protocols (ALPN, RFC 7301) of a port with implicit TLS, best first. A client
    /// that asks for others only is refused with `no_application_protocol`, which stops a browser
    /// from being led to a mail server (ALPACA); a client that asks for none is served. Under
    /// STARTTLS leave it empty: then whatever a client asks for is tolerated.
    pub fn alpn<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// The configuration for rustls. Each has a session storage of its own, so that no session
    /// is carried from one listener to another.
    ///
    /// # Errors
    /// [`ServerConfigError::Provider`] when the provider cannot do these versions.
    pub fn build(&self) -> Result<Arc<ServerConfig>, ServerConfigError> {
        let versions: &[_] = match self.min_version {
            MinVersion::Tls12 => &[&version::TLS13, &version::TLS12],
            MinVersion::Tls13 => &[&version::TLS13],
        };
        let mut config = ServerConfig::builder_with_provider(self.store.provider().crypto())
            .with_protocol_versions(versions)
            .map_err(|_| ServerConfigError::Provider)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.store.resolver()));
        config.alpn_protocols.clone_from(&self.alpn);
        config.max_early_data_size = 0;
        match self.resumption {
            Resumption::Off => {
                config.session_storage = Arc::new(NoServerSessionStorage {});
                config.send_tls13_tickets = 0;
            }
            Resumption::Memory { sessions } => {
                config.session_storage = ServerSessionMemoryCache::new(sessions);
            }
        }
        Ok(Arc::new(config))
    }
}

/// The oldest version of TLS that a listener speaks. rustls has none before 1.2.
///
/// ```
/// use mailtls::certs::MinVersion;
/// assert_ne!(MinVersion::Tls12, MinVersion::Tls13);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MinVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// Whether sessions may be resumed.
///
/// On port 25 leave it off: a large sender fails at servers that hand out tickets.
///
/// ```
/// use mailtls::certs::Resumption;
/// assert_ne!(Resumption::Off, Resumption::Memory { sessions: 256 });
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Resumption {
    /// Every connection makes a full handshake; no ticket is sent.
    Off,
    /// The listener remembers this many sessions, in memory, under the name that they were made
    /// for.
    Memory {
        /// How many.
        sessions: usize,
    },
}

/// Why there is no configuration.
///
/// ```
/// use mailtls::certs::ServerConfigError;
/// assert!(ServerConfigError::Provider.to_string().contains("provider"));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ServerConfigError {
    /// The crypto provider has no cipher suite or key exchange for these versions.
    #[error("the crypto provider cannot do these versions of TLS")]
    Provider,
}
