//! How a session is to be opened, and as whom.

use mailwire_core::{machine::Upgrade, sasl::Login};

use crate::client;

/// What an [`Open`](super::Open) is told at the beginning.
///
/// ```
/// use mailwire_core::machine::Upgrade;
/// use mailwire_pop3::open::Config;
/// let config = Config::new(Upgrade::Implicit);
/// assert!(config.login.is_none());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// When to turn to TLS.
    pub upgrade: Upgrade,
    /// What the client permits and tolerates; whether a credential may pass in clear stands here.
    pub client: client::Config,
    /// As whom to log in; without it the session is handed over in the AUTHORIZATION state.
    pub login: Option<Login>,
}

impl Config {
    /// The defaults of [`client::Config`], and nobody to log in.
    #[must_use]
    pub const fn new(upgrade: Upgrade) -> Self {
        Self {
            upgrade,
            client: client::Config::new(),
            login: None,
        }
    }

    /// Logs in.
    #[must_use]
    pub fn with_login(mut self, login: Login) -> Self {
        self.login = Some(login);
        self
    }
}
