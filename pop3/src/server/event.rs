//! What a server tells its application.

use alloc::boxed::Box;

use mailwire_core::{
    machine::TlsInfo,
    secret::{SecretBytes, SecretString},
};

use crate::{
    command::{Mechanism, MessageNumber, UserName},
    error::ParseError,
    maildrop::Deletions,
};

/// What a [`Server`](crate::Server) tells its application.
///
/// ```
/// use mailwire_pop3::server::Event;
/// fn reads_contents(event: &Event) -> bool {
///     matches!(event, Event::Retr { .. } | Event::Top { .. })
/// }
/// assert!(!reads_contents(&Event::AuthCancelled));
/// ```
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    // Logging in
    /// TLS protects the connection, and everything that was said before is forgotten. Nothing is
    /// owed.
    Secured(Box<TlsInfo>),
    /// USER and PASS. Answer with `open` or a negative `reply`.
    Login {
        /// Who it says it is.
        user: UserName,
        /// The rest of the PASS line, spaces included.
        password: SecretString,
    },
    /// AUTH with a mechanism of the configuration. Answer with `challenge`, `open` or a negative
    /// `reply`.
    AuthStart {
        /// Which.
        mechanism: Mechanism,
        /// The initial response; an empty one is not the same as none (RFC 4422 §3.3).
        initial: Option<SecretBytes>,
    },
    /// The answer to a challenge. Answer as to [`Event::AuthStart`].
    AuthResponse(SecretBytes),
    /// The client has given the exchange up, or sent what is no answer; it has been told so.
    /// Nothing is owed.
    AuthCancelled,

    // The maildrop
    /// RETR of a message that exists and is not marked. Answer with `accept` and the message, or
    /// with a negative `reply`.
    Retr {
        /// Which.
        message: MessageNumber,
    },
    /// TOP of a message that exists and is not marked. Answer with `accept` and the message, which
    /// the machine cuts, or with a negative `reply`.
    Top {
        /// Which.
        message: MessageNumber,
        /// How many lines of the body the client wants.
        lines: u32,
    },
    /// QUIT in the TRANSACTION state: the UPDATE state of RFC 1939 §6. Remove the messages, then
    /// `accept`; or `reply` with `-ERR` where some could not be removed. Any other end of the
    /// connection removes nothing.
    Quit {
        /// What to remove.
        deletions: Deletions,
    },

    // For the record
    /// A line that is no command; the client has been told so, and it counts as a bad command.
    /// Nothing is owed.
    Invalid(ParseError),
}

/// What a [`Server`](crate::Server) waits for.
///
/// ```
/// use mailwire_pop3::{Server, server::Config};
/// assert_eq!(Server::new(Config::new("mail.example.test")).owed(), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Owed {
    /// The answer to [`Event::Login`].
    Login,
    /// The answer to [`Event::AuthStart`] or [`Event::AuthResponse`].
    Auth,
    /// The answer to [`Event::Retr`].
    Retr {
        /// The size that was listed.
        octets: u64,
    },
    /// The answer to [`Event::Top`].
    Top {
        /// The lines of the body that are wanted.
        lines: u32,
    },
    /// The answer to [`Event::Quit`].
    Quit,
}
