//! How a server presents itself and what it permits.

use alloc::vec::Vec;
use core::{num::NonZeroU32, time::Duration};

use mailwire_core::text::ByteStr;

use crate::{
    command::{Fields, Mechanism},
    encode::Literals,
    limits,
    server::Extensions,
    state::ClearText,
};

/// Whether a server offers STARTTLS (RFC 9051 §6.2.1).
///
/// ```
/// use mailwire_imap::server::{Config, StartTls};
/// assert_eq!(Config::new("mail.example.test").start_tls, StartTls::Withheld);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is offered or it is not")]
pub enum StartTls {
    /// It is, until TLS runs: there is a certificate to show.
    Offered,
    /// It is not.
    Withheld,
}

/// How a server greets (RFC 9051 §7.1).
///
/// ```
/// use mailwire_imap::server::{Config, Greeting};
/// assert_eq!(Config::new("mail.example.test").greeting, Greeting::Ok);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 §7.1.4 adds one to OK")]
pub enum Greeting {
    /// OK: the client has to log in.
    Ok,
    /// PREAUTH: who the client is was found out by other means, such as the pipe that it sits at.
    /// Over a network in clear text it keeps clients from TLS, so it is not for that.
    PreAuth,
}

/// Whether a server takes LOGIN (RFC 9051 §6.2.3).
///
/// ```
/// use mailwire_imap::server::{Config, Login};
/// assert_eq!(Config::new("mail.example.test").login, Login::Offered);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is offered or it is not")]
pub enum Login {
    /// It does, where passwords may pass.
    Offered,
    /// Only AUTHENTICATE lets a client in: LOGINDISABLED is announced.
    Withheld,
}

/// What a [`Server`](crate::Server) is told at the beginning.
///
/// ```
/// use mailwire_imap::{command::Mechanism, server::{Config, Extension, StartTls}};
/// let mut config = Config::new("mail.example.test");
/// config.start_tls = StartTls::Offered;
/// config.mechanisms.extend(Mechanism::new(b"PLAIN"));
/// config.extensions = config.extensions.with(Extension::Move).with(Extension::UidPlus);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The name in the greeting.
    pub host_name: ByteStr,
    /// How it greets.
    pub greeting: Greeting,
    /// Whether TLS can be started.
    pub start_tls: StartTls,
    /// Whether passwords may pass without TLS. Where they may not, LOGINDISABLED is announced and
    /// no SASL mechanism is.
    pub clear_text: ClearText,
    /// Whether LOGIN is taken.
    pub login: Login,
    /// The SASL mechanisms that AUTHENTICATE takes, best first.
    pub mechanisms: Vec<Mechanism>,
    /// Which literals a client may send without waiting (RFC 7888).
    pub literals: Literals,
    /// What the server answers to ID (RFC 2971 §3.2); NIL without fields.
    pub id: Fields,
    /// What is offered after login.
    pub extensions: Extensions,
    /// What a client may make it keep or do.
    pub limits: Limits,
}

impl Config {
    /// The defaults: no STARTTLS, as there is no certificate yet, passwords only through TLS, LOGIN
    /// but no SASL mechanism, LITERAL-.
    #[must_use]
    pub fn new(host_name: impl Into<ByteStr>) -> Self {
        Self {
            host_name: host_name.into(),
            greeting: Greeting::Ok,
            start_tls: StartTls::Withheld,
            clear_text: ClearText::Forbidden,
            login: Login::Offered,
            mechanisms: Vec::new(),
            literals: Literals::Minus,
            id: Fields::default(),
            extensions: Extensions::default(),
            limits: Limits::default(),
        }
    }
}

/// What the peer may make a server keep or do; the defaults are those of [`crate::limits`].
///
/// ```
/// use mailwire_imap::server::Limits;
/// assert_eq!(Limits::default().auth_failures, 3);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Limits {
    /// Octets of a line of a command; see [`limits::COMMAND_LINE`].
    pub line: usize,
    /// Octets of a whole command; see [`limits::COMMAND`].
    pub command: usize,
    /// Octets of a literal before login; see [`limits::LITERAL_BEFORE_LOGIN`].
    pub literal_before_login: u64,
    /// Octets of a literal after login; see [`limits::LITERAL`].
    pub literal: u64,
    /// Octets of a refused command that are thrown away; see [`limits::SWALLOW`].
    pub swallow: u64,
    /// Octets of a message, announced as APPENDLIMIT; see [`limits::MESSAGE`].
    pub message: u64,
    /// Bad commands before the server closes; see [`limits::BAD_COMMANDS`].
    pub bad_commands: u32,
    /// The same before login; see [`limits::BAD_COMMANDS_BEFORE_LOGIN`].
    pub bad_commands_before_login: u32,
    /// Commands before login that do nothing; see [`limits::IDLE_COMMANDS`].
    pub idle_commands: u32,
    /// Failed logins; see [`limits::AUTH_FAILURES`].
    pub auth_failures: u32,
    /// Octets of responses that nobody asked for; see [`limits::UNSOLICITED`].
    pub unsolicited: usize,
    /// Time for a command before login; see [`limits::BEFORE_LOGIN_PATIENCE`].
    pub before_login_patience: Duration,
    /// Time for a command after login; see [`limits::AUTOLOGOUT`].
    pub autologout: Duration,
    /// Time for one IDLE; see [`limits::IDLE_PATIENCE`].
    pub idle_patience: Duration,
    /// Time for a block of a message; see [`limits::BODY_PATIENCE`].
    pub body_patience: Duration,
    /// Octets a second that a message must reach; see [`limits::BODY_FLOOR`].
    pub body_floor: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: limits::COMMAND_LINE,
            command: limits::COMMAND,
            literal_before_login: limits::LITERAL_BEFORE_LOGIN,
            literal: limits::LITERAL,
            swallow: limits::SWALLOW,
            message: limits::MESSAGE,
            bad_commands: limits::BAD_COMMANDS,
            bad_commands_before_login: limits::BAD_COMMANDS_BEFORE_LOGIN,
            idle_commands: limits::IDLE_COMMANDS,
            auth_failures: limits::AUTH_FAILURES,
            unsolicited: limits::UNSOLICITED,
            before_login_patience: limits::BEFORE_LOGIN_PATIENCE,
            autologout: limits::AUTOLOGOUT,
            idle_patience: limits::IDLE_PATIENCE,
            body_patience: limits::BODY_PATIENCE,
            body_floor: limits::BODY_FLOOR,
        }
    }
}
