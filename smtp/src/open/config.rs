//! How a session is to be opened, and as whom.

use mailwire_core::{machine::Upgrade, sasl::Login};

use crate::{address::ClientName, client};

/// What an [`Open`](super::Open) is told at the beginning.
///
/// ```
/// use mailwire_core::machine::Upgrade;
/// use mailwire_smtp::open::Config;
/// let config = Config::new("client.example".parse()?, Upgrade::Implicit);
/// assert!(config.login.is_none());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// Who we say we are.
    pub name: ClientName,
    /// When to turn to TLS.
    pub upgrade: Upgrade,
    /// What the client does; whether a credential may pass in clear stands here.
    pub client: client::Config,
    /// As whom to log in; without it nobody does.
    pub login: Option<Login>,
}

impl Config {
    /// SMTP with the defaults of [`client::Config`], and nobody to log in.
    #[must_use]
    pub fn new(name: ClientName, upgrade: Upgrade) -> Self {
        Self {
            name,
            upgrade,
            client: client::Config::smtp(),
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
