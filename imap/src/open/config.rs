//! How a session is to be opened, and as whom.

use mailwire_core::{machine::Upgrade, sasl::Login};

use crate::{
    client,
    command::{Fields, Names},
};

/// What an [`Open`](super::Open) is told at the beginning.
///
/// ```
/// use mailwire_core::machine::Upgrade;
/// use mailwire_imap::open::Config;
/// let config = Config::new(Upgrade::Implicit);
/// assert!(config.login.is_none() && config.id.is_none());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// When to turn to TLS.
    pub upgrade: Upgrade,
    /// What the client permits and tolerates; whether a credential may pass in clear stands here.
    pub client: client::Config,
    /// As whom to log in; without it the session is handed over before login.
    pub login: Option<Login>,
    /// What to say of ourselves by ID (RFC 2971) where the server offers it; no fields are sent as
    /// NIL. Some servers (163.com) open no mailbox before it.
    pub id: Option<Fields>,
    /// What to enable (RFC 5161) of what the server offers.
    pub enable: Option<Names>,
}

impl Config {
    /// The defaults of [`client::Config`], nobody to log in, and nothing to say or enable.
    #[must_use]
    pub const fn new(upgrade: Upgrade) -> Self {
        Self {
            upgrade,
            client: client::Config::new(),
            login: None,
            id: None,
            enable: None,
        }
    }

    /// Logs in.
    #[must_use]
    pub fn with_login(mut self, login: Login) -> Self {
        self.login = Some(login);
        self
    }

    /// Sends ID.
    #[must_use]
    pub fn with_id(mut self, fields: Fields) -> Self {
        self.id = Some(fields);
        self
    }

    /// Sends ENABLE.
    #[must_use]
    pub fn with_enable(mut self, names: Names) -> Self {
        self.enable = Some(names);
        self
    }
}
