//! How a server is set up.

use alloc::vec::Vec;
use core::{num::NonZeroU32, time::Duration};

use mailwire_core::dot::NulOctets;

use crate::{address::Domain, command::Mechanism, extension::Extension, limits};

/// What a server is, offers and allows. Made once for a listener, shared by its connections.
///
/// ```
/// use mailwire_smtp::server::{Config, StartTls};
/// let mut config = Config::submission("mail.example.org".parse()?);
/// config.start_tls = StartTls::Required;
/// config.mechanisms = vec!["SCRAM-SHA-256".parse()?, "PLAIN".parse()?];
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Config {
    /// Which protocol is spoken.
    pub mode: Mode,
    /// The name in the greeting.
    pub hostname: Domain,
    /// Which extensions are offered that do not follow from other fields.
    pub extensions: Extensions,
    /// Whether a client may or must turn to TLS.
    pub start_tls: StartTls,
    /// The SASL mechanisms that the application runs, best first. AUTH is offered where there is
    /// one.
    pub mechanisms: Vec<Mechanism>,
    /// Over which connections AUTH is offered and allowed.
    pub auth_over: AuthOver,
    /// What must come before MAIL.
    pub mail_after: MailAfter,
    /// What a client may say before it has heard the reply to what it said last.
    pub pipelining: Pipelining,
    /// What a bare CR or LF in a body leads to.
    pub line_breaks: LineBreaks,
    /// What NUL in a body leads to. It is never dropped.
    pub nul: NulOctets,
    /// Whether the peer may speak for others: only then is `AUTH=` on MAIL believed (RFC 4954 §5).
    pub peer: Peer,
    /// Time to wait with the greeting, during which a peer that speaks is refused. Only programs
    /// that do not read replies speak before their turn (RFC 5321 §4.3.1).
    pub greeting_pause: Option<Duration>,
    /// What the peer may make us keep or do.
    pub limits: Limits,
}

impl Config {
    /// A server for mail from other servers, RFC 5321: all extensions, no TLS, no AUTH.
    #[must_use]
    pub fn smtp(hostname: Domain) -> Self {
        Self::new(Mode::Smtp, hostname)
    }

    /// A server for mail from users, RFC 6409: as [`Config::smtp`], but MAIL needs AUTH, and a
    /// client that does not authenticate has less time.
    #[must_use]
    pub fn submission(hostname: Domain) -> Self {
        let mut config = Self::new(Mode::Submission, hostname);
        config.mail_after = MailAfter::Auth;
        config
    }

    /// A server for final delivery, RFC 2033, never to run on port 25.
    #[must_use]
    pub fn lmtp(hostname: Domain) -> Self {
        Self::new(Mode::Lmtp, hostname)
    }

    fn new(mode: Mode, hostname: Domain) -> Self {
        Self {
            mode,
            hostname,
            extensions: Extensions::default(),
            start_tls: StartTls::Unavailable,
            mechanisms: Vec::new(),
            auth_over: AuthOver::Tls,
            mail_after: MailAfter::Hello,
            pipelining: Pipelining::Offered,
            line_breaks: LineBreaks::Reject,
            nul: NulOctets::Reject,
            peer: Peer::Untrusted,
            greeting_pause: None,
            limits: Limits::default(),
        }
    }
}

/// Which protocol a server speaks.
///
/// ```
/// use mailwire_smtp::server::{Config, Mode};
/// assert_eq!(Config::lmtp("mx.example".parse()?).mode, Mode::Lmtp);
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "these are the three services that speak this protocol"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Mode {
    /// RFC 5321.
    Smtp,
    /// RFC 6409.
    Submission,
    /// RFC 2033: LHLO instead of EHLO, and a reply for each recipient.
    Lmtp,
}

/// The extensions that a server may offer or not: 8BITMIME, CHUNKING, BINARYMIME, SMTPUTF8 and DSN.
///
/// By default those that cost an application nothing. BINARYMIME is not among them, for a store must
/// then keep octets that are not lines; nor is DSN, for it is a promise about reports.
///
/// ```
/// use mailwire_smtp::{extension::Extension, server::Extensions};
/// let set = Extensions::default().with(Extension::Dsn).without(Extension::Chunking);
/// assert!(set.has(Extension::Dsn) && set.has(Extension::EightBitMime));
/// assert!(!set.has(Extension::Chunking));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Extensions(u32);

impl Extensions {
    /// The empty set.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// The set and this extension. What follows from other fields of [`Config`] (PIPELINING, SIZE,
    /// STARTTLS, AUTH, ENHANCEDSTATUSCODES) is not changed by it.
    #[must_use]
    pub const fn with(self, extension: Extension) -> Self {
        Self(self.0 | 1 << extension as u32)
    }

    /// The set without this extension.
    #[must_use]
    pub const fn without(self, extension: Extension) -> Self {
        Self(self.0 & !(1 << extension as u32))
    }

    /// Whether the extension is in the set.
    #[must_use]
    pub const fn has(self, extension: Extension) -> bool {
        self.0 & 1 << extension as u32 != 0
    }
}

impl Default for Extensions {
    fn default() -> Self {
        Self::none()
            .with(Extension::EightBitMime)
            .with(Extension::Chunking)
            .with(Extension::SmtpUtf8)
    }
}

/// Whether a client may or must turn to TLS (RFC 3207).
///
/// ```
/// use mailwire_smtp::server::StartTls;
/// assert_ne!(StartTls::Offered, StartTls::Required);
/// ```
#[expect(clippy::exhaustive_enums, reason = "TLS cannot, may or must be used")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum StartTls {
    /// It is not offered, and answered with 454: there is no certificate.
    Unavailable,
    /// It is offered.
    Offered,
    /// It is offered, and only EHLO, NOOP, QUIT and STARTTLS are answered before it
    /// (RFC 3207 §4).
    Required,
}

/// Over which connections credentials may pass.
///
/// ```
/// use mailwire_smtp::server::{AuthOver, Config};
/// assert_eq!(Config::smtp("mx.example".parse()?).auth_over, AuthOver::Tls);
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "a connection is encrypted or it is not"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AuthOver {
    /// Only over TLS; in clear AUTH is not offered, and answered with 538 without a look at what
    /// it carries.
    Tls,
    /// Over clear text too. For tests, and for a loopback that nobody else can read.
    TlsOrClearText,
}

/// What must come before MAIL.
///
/// ```
/// use mailwire_smtp::server::{Config, MailAfter};
/// assert_eq!(Config::submission("mx.example".parse()?).mail_after, MailAfter::Auth);
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[expect(clippy::exhaustive_enums, reason = "MAIL needs AUTH or it does not")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MailAfter {
    /// EHLO, HELO or LHLO.
    Hello,
    /// AUTH; before it MAIL is answered with 530 (RFC 6409 §4.3).
    Auth,
}

/// What a client may send before it has heard the reply to what it sent last (RFC 2920).
///
/// Behind STARTTLS nothing may ever follow. Behind a DATA that is refused only commands may: a line
/// that is none is the message of a client that did not wait, and ends the connection.
///
/// ```
/// use mailwire_smtp::server::Pipelining;
/// assert_ne!(Pipelining::Offered, Pipelining::Strict);
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "pipelining is refused, policed or neither"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Pipelining {
    /// PIPELINING is offered, and commands are taken in order however they come.
    Offered,
    /// PIPELINING is offered, and what stands behind a command that must be the last of its group
    /// (EHLO, DATA, AUTH, VRFY, EXPN, NOOP, QUIT; RFC 2920 §3.1) ends the connection with 554.
    Strict,
    /// It is not offered, and what stands behind any command ends the connection with 503.
    Off,
}

/// What a bare CR or LF in a body leads to. The end of a body is CRLF.CRLF whatever is chosen.
///
/// ```
/// use mailwire_smtp::server::{Config, LineBreaks};
/// assert_eq!(Config::smtp("mx.example".parse()?).line_breaks, LineBreaks::Reject);
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "the three are all that keep the end of a body safe"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LineBreaks {
    /// The body is drained to its true end and refused there with 550.
    Reject,
    /// A bare LF becomes CRLF in what the application gets; a bare CR is refused as above.
    Normalize,
    /// The connection ends at once with 521.
    RejectAndClose,
}

/// Whether the peer may speak for others.
///
/// ```
/// use mailwire_smtp::server::{Config, Peer};
/// assert_eq!(Config::smtp("mx.example".parse()?).peer, Peer::Untrusted);
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[expect(clippy::exhaustive_enums, reason = "a peer is trusted or it is not")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Peer {
    /// What it says about others is not believed.
    Untrusted,
    /// It is one of ours.
    Trusted,
}

/// What the peer may make a server keep or do; the defaults are those of [`crate::limits`].
///
/// ```
/// use mailwire_smtp::server::Limits;
/// assert_eq!(Limits::default().recipients, 1_000);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Limits {
    /// Octets of a command line; see [`limits::COMMAND_LINE`].
    pub command_line: usize,
    /// Octets of a line of an AUTH exchange; see [`limits::AUTH_LINE`].
    pub auth_line: usize,
    /// Octets of a message, offered as SIZE; see [`limits::MESSAGE`].
    pub message: u64,
    /// Octets beyond the largest message that are read of a refused body, and octets of a refused
    /// chunk, before the connection is given up; see [`limits::DRAIN`].
    pub drain: u64,
    /// Recipients of a transaction; see [`limits::RECIPIENTS`].
    pub recipients: usize,
    /// BDAT commands of a message; see [`limits::CHUNKS`].
    pub chunks: u32,
    /// Commands that had to be refused; see [`limits::BAD_COMMANDS`].
    pub bad_commands: u32,
    /// Commands that do nothing for a message; see [`limits::IDLE_COMMANDS`].
    pub idle_commands: u32,
    /// Failed authentications; see [`limits::AUTH_FAILURES`].
    pub auth_failures: u32,
    /// Time for a command; see [`limits::COMMAND_PATIENCE`].
    pub command_patience: Duration,
    /// Time for a command while MAIL waits for AUTH; see [`limits::BEFORE_AUTH_PATIENCE`].
    pub before_auth_patience: Duration,
    /// Time for a block of a body; see [`limits::BODY_PATIENCE`].
    pub body_patience: Duration,
    /// Octets a second that a body must reach; see [`limits::BODY_FLOOR`].
    pub body_floor: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command_line: limits::COMMAND_LINE,
            auth_line: limits::AUTH_LINE,
            message: limits::MESSAGE,
            drain: limits::DRAIN,
            recipients: limits::RECIPIENTS,
            chunks: limits::CHUNKS,
            bad_commands: limits::BAD_COMMANDS,
            idle_commands: limits::IDLE_COMMANDS,
            auth_failures: limits::AUTH_FAILURES,
            command_patience: limits::COMMAND_PATIENCE,
            before_auth_patience: limits::BEFORE_AUTH_PATIENCE,
            body_patience: limits::BODY_PATIENCE,
            body_floor: limits::BODY_FLOOR,
        }
    }
}
