//! How a client is set up.

use core::time::Duration;

use crate::limits;

/// How a client behaves. The defaults are right for mail over the Internet.
///
/// ```
/// use mailwire_smtp::client::{Chunking, Config};
/// let mut config = Config::smtp();
/// config.chunking = Chunking::OnlyForBinary;
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Config {
    /// Which protocol is spoken.
    pub protocol: Protocol,
    /// Whether commands are sent before the replies to earlier ones have come.
    pub pipelining: Pipelining,
    /// Whether messages are sent by BDAT.
    pub chunking: Chunking,
    /// Over which connections AUTH may be sent.
    pub auth_over: AuthOver,
    /// How long the server may take.
    pub patience: ReplyPatience,
}

impl Config {
    /// For SMTP and submission, RFC 5321 and RFC 6409.
    #[must_use]
    pub fn smtp() -> Self {
        Self {
            protocol: Protocol::Smtp,
            pipelining: Pipelining::WhereOffered,
            chunking: Chunking::WhereOffered,
            auth_over: AuthOver::Tls,
            patience: ReplyPatience::default(),
        }
    }

    /// For LMTP, RFC 2033: LHLO instead of EHLO, and a reply for each recipient.
    #[must_use]
    pub fn lmtp() -> Self {
        Self {
            protocol: Protocol::Lmtp,
            ..Self::smtp()
        }
    }
}

/// Which protocol a client speaks.
///
/// ```
/// use mailwire_smtp::client::{Config, Protocol};
/// assert_eq!(Config::lmtp().protocol, Protocol::Lmtp);
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "the two protocols that this crate speaks"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Protocol {
    /// RFC 5321.
    Smtp,
    /// RFC 2033.
    Lmtp,
}

/// Whether commands are sent before the replies to earlier ones have come (RFC 2920).
///
/// ```
/// use mailwire_smtp::client::{Config, Pipelining};
/// assert_eq!(Config::smtp().pipelining, Pipelining::WhereOffered);
/// ```
#[expect(clippy::exhaustive_enums, reason = "it is used or it is not")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Pipelining {
    /// Where the server offers it.
    WhereOffered,
    /// Never, for servers that offer it and lose count.
    Never,
}

/// Whether messages are sent by BDAT (RFC 3030).
///
/// ```
/// use mailwire_smtp::client::{Chunking, Config};
/// assert_eq!(Config::smtp().chunking, Chunking::WhereOffered);
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "it is used, used where it must be, or never"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Chunking {
    /// Where the server offers it.
    WhereOffered,
    /// For messages that DATA cannot carry.
    OnlyForBinary,
}

/// Over which connections credentials may be sent.
///
/// ```
/// use mailwire_smtp::client::{AuthOver, Config};
/// assert_eq!(Config::smtp().auth_over, AuthOver::Tls);
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "a connection is encrypted or it is not"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AuthOver {
    /// Only over TLS; in clear text AUTH is a `Misuse`.
    Tls,
    /// Over clear text too. For tests, and for a loopback that nobody else can read.
    TlsOrClearText,
}

/// How long a server may take for each kind of reply; the defaults are those of RFC 5321 §4.5.3.2.
///
/// ```
/// use mailwire_smtp::client::ReplyPatience;
/// assert_eq!(ReplyPatience::default().end.as_secs(), 600);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReplyPatience {
    /// For the greeting; see [`limits::GREETING_PATIENCE`].
    pub greeting: Duration,
    /// For most commands; see [`limits::REPLY_PATIENCE`].
    pub reply: Duration,
    /// For the 354; see [`limits::DATA_PATIENCE`].
    pub data: Duration,
    /// For the reply to a whole message; see [`limits::END_PATIENCE`].
    pub end: Duration,
    /// For the reply to QUIT; see [`limits::QUIT_PATIENCE`].
    pub quit: Duration,
}

impl Default for ReplyPatience {
    fn default() -> Self {
        Self {
            greeting: limits::GREETING_PATIENCE,
            reply: limits::REPLY_PATIENCE,
            data: limits::DATA_PATIENCE,
            end: limits::END_PATIENCE,
            quit: limits::QUIT_PATIENCE,
        }
    }
}
