//! How a server presents itself and what it permits.

use alloc::vec::Vec;
use core::time::Duration;

use mailwire_core::text::ByteStr;

use crate::{capability::Retention, command::Mechanism, limits, state::ClearText};

/// Whether a server offers STLS (RFC 2595 §4).
///
/// ```
/// use mailwire_pop3::server::{Config, Stls};
/// assert_eq!(Config::new("mail.example.test").stls, Stls::Withheld);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is offered or it is not")]
pub enum Stls {
    /// It is, until TLS runs: there is a certificate to show.
    Offered,
    /// It is not.
    Withheld,
}

/// Whether a server takes USER and PASS (RFC 1939 §7).
///
/// ```
/// use mailwire_pop3::server::{Config, UserPass};
/// assert_eq!(Config::new("mail.example.test").user_pass, UserPass::Offered);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is offered or it is not")]
pub enum UserPass {
    /// It does.
    Offered,
    /// Only AUTH lets a client in.
    Withheld,
}

/// What a [`Server`](crate::Server) is told at the beginning.
///
/// ```
/// use mailwire_pop3::{Mechanism, server::{Config, Stls}};
/// let mut config = Config::new("mail.example.test");
/// config.stls = Stls::Offered;
/// config.mechanisms = vec![Mechanism::new("SCRAM-SHA-256")?, Mechanism::new("PLAIN")?];
/// # Ok::<(), mailwire_pop3::InvalidArgument>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The name in the greeting.
    pub host_name: ByteStr,
    /// What IMPLEMENTATION says; without it the capability is not listed (RFC 2449 §6.9).
    pub implementation: Option<ByteStr>,
    /// Whether TLS can be started.
    pub stls: Stls,
    /// Whether passwords may pass without TLS.
    pub clear_text: ClearText,
    /// Whether USER and PASS are taken.
    pub user_pass: UserPass,
    /// The SASL mechanisms that AUTH takes, best first.
    pub mechanisms: Vec<Mechanism>,
    /// Seconds that a client must let pass between logins (RFC 2449 §6.5); the application
    /// enforces it.
    pub login_delay: Option<u32>,
    /// How long messages stay (RFC 2449 §6.7).
    pub retention: Option<Retention>,
    /// How long a client may be silent before the login.
    pub authorization_timeout: Duration,
    /// How long it may be silent after the login; RFC 1939 §3 wants ten minutes at the least.
    pub autologout: Duration,
    /// Bad commands before the server closes.
    pub bad_commands: u32,
    /// Failed logins before the server closes.
    pub auth_failures: u32,
}

impl Config {
    /// The defaults: no STLS, as there is no certificate yet, passwords only through TLS, USER and
    /// PASS, no SASL mechanism.
    #[must_use]
    pub fn new(host_name: impl Into<ByteStr>) -> Self {
        Self {
            host_name: host_name.into(),
            implementation: None,
            stls: Stls::Withheld,
            clear_text: ClearText::Forbidden,
            user_pass: UserPass::Offered,
            mechanisms: Vec::new(),
            login_delay: None,
            retention: None,
            authorization_timeout: limits::AUTHORIZATION_TIMEOUT,
            autologout: limits::AUTOLOGOUT,
            bad_commands: limits::BAD_COMMANDS,
            auth_failures: limits::AUTH_FAILURES,
        }
    }
}
