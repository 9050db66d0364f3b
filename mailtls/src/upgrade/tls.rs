//! What a connection upgrades with.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use mailwire_core::machine::PeerVerification;
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::ServerName;
use tokio::sync::Semaphore;

use crate::limits;

/// What a connection upgrades with: a server's configuration, a client's with the name of its
/// server, or nothing. Cheap to clone, so a service makes it once.
///
/// ```
/// use mailtls::Tls;
/// assert!(!Tls::none().is_available());
/// ```
#[derive(Clone)]
pub struct Tls {
    pub(crate) role: Role,
    verification: PeerVerification,
    limit: Duration,
    hint: Option<Bytes>,
    pub(super) slots: Option<Handshakes>,
}

#[derive(Clone)]
pub(crate) enum Role {
    None,
    Server {
        explicit: Arc<ServerConfig>,
        implicit: Arc<ServerConfig>,
    },
    Client {
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    },
}

impl Tls {
    /// No TLS: a machine that asks for it anyway ends with [`Error::NoTls`](crate::Error::NoTls).
    #[must_use]
    pub const fn none() -> Self {
        Self::of(Role::None)
    }

    /// The server's side.
    ///
    /// The configuration's application protocols (ALPN, RFC 7301) are for implicit TLS; behind
    /// STARTTLS the port has said already what is spoken, and whatever a client offers is
    /// tolerated.
    #[must_use]
    pub fn server(config: Arc<ServerConfig>) -> Self {
        let explicit = if config.alpn_protocols.is_empty() {
            Arc::clone(&config)
        } else {
            let mut explicit = ServerConfig::clone(&config);
            explicit.alpn_protocols.clear();
            Arc::new(explicit)
        };
        Self::of(Role::Server {
            explicit,
            implicit: config,
        })
    }

    /// The client's side. `name` is what is sent as SNI and handed to the verifier of `config`.
    ///
    /// What that verifier stands for is said by [`Tls::with_verification`]; without it a
    /// certificate counts as not checked.
    #[must_use]
    pub const fn client(config: Arc<ClientConfig>, name: ServerName<'static>) -> Self {
        Self::of(Role::Client { config, name })
    }

    const fn of(role: Role) -> Self {
        Self {
            role,
            verification: PeerVerification::NotChecked,
            limit: limits::HANDSHAKE,
            hint: None,
            slots: None,
        }
    }

    /// What a handshake that succeeds says about the peer's certificate, if it shows one: this is
    /// passed on as [`TlsInfo::verification`](mailwire_core::machine::TlsInfo::verification).
    #[must_use]
    pub const fn with_verification(mut self, verification: PeerVerification) -> Self {
        self.verification = verification;
        self
    }

    /// The time for the handshake; [`limits::HANDSHAKE`] unless set.
    #[must_use]
    pub const fn handshake_within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// A line for those who speak clear text to a server's port for implicit TLS, such as
    /// `421 4.7.0 this port begins with TLS` and CRLF. It is sent in place of the handshake, which has
    /// not begun; then the connection is closed.
    #[must_use]
    pub fn with_hint(mut self, line: impl Into<Bytes>) -> Self {
        self.hint = Some(line.into());
        self
    }

    /// Shares a limit on handshakes that run at once.
    #[must_use]
    pub fn sharing(mut self, slots: Handshakes) -> Self {
        self.slots = Some(slots);
        self
    }

    /// Whether there is anything to upgrade with. A server without must not offer STARTTLS.
    #[must_use]
    pub const fn is_available(&self) -> bool {
        !matches!(self.role, Role::None)
    }

    pub(crate) const fn limit(&self) -> Duration {
        self.limit
    }

    pub(crate) const fn hint(&self) -> Option<&Bytes> {
        self.hint.as_ref()
    }

    pub(crate) const fn verification(&self) -> PeerVerification {
        self.verification
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for Tls {
    // Configurations hold keys, so only the kind is printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.role {
            Role::None => "Tls(none)",
            Role::Server { .. } => "Tls(server)",
            Role::Client { .. } => "Tls(client)",
        })
    }
}

/// Handshakes that may run at once, shared by the connections of a service. A connection takes a
/// slot when the peer's first octet is there, so silent peers hold none; waiting for one counts
/// against the handshake's time.
///
/// ```
/// use mailtls::upgrade::Handshakes;
/// let slots = Handshakes::at_most(2);
/// assert_eq!(slots.free(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Handshakes(pub(super) Arc<Semaphore>);

impl Handshakes {
    /// At most so many.
    #[must_use]
    pub fn at_most(handshakes: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            handshakes.min(Semaphore::MAX_PERMITS),
        )))
    }

    /// How many could start now.
    #[must_use]
    pub fn free(&self) -> usize {
        self.0.available_permits()
    }
}

impl Default for Handshakes {
    fn default() -> Self {
        Self::at_most(limits::HANDSHAKES)
    }
}
