//! Whose fault it was: the client's, or our caller's.

use crate::{frame::Lost, state::State};

/// The stream can no longer be trusted, or the client has used up our patience. The connection is
/// over.
///
/// ```
/// use mailwire_imap::server::ProtocolError;
/// assert_eq!(ProtocolError::PlaintextAfterStartTls.to_string(), "clear text behind STARTTLS");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// More failed logins than [`Limits::auth_failures`](super::Limits::auth_failures) allows.
    #[error("too many failed logins")]
    AuthFailures,
    /// More commands than the limit were unknown, malformed or out of place.
    #[error("too many bad commands")]
    BadCommands,
    /// A line of an AUTHENTICATE exchange or of IDLE without end.
    #[error("line without end")]
    EndlessLine,
    /// More commands before login than
    /// [`Limits::idle_commands`](super::Limits::idle_commands) did nothing.
    #[error("too many commands before login")]
    IdleCommands,
    /// The end of a command cannot be found.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// A client of another protocol: HTTP or SMTP.
    #[error("another protocol")]
    OtherProtocol,
    /// Octets in clear stood behind STARTTLS (RFC 9051 §6.2.1).
    #[error("clear text behind STARTTLS")]
    PlaintextAfterStartTls,
    /// The client does not read what it is told.
    #[error("more than {max} octets of responses were not read")]
    SlowReader {
        /// The limit.
        max: usize,
    },
    /// The client was silent for too long.
    #[error("timeout in {state}")]
    Timeout {
        /// The state that the session was in.
        state: State,
    },
    /// A TLS handshake on a port that begins in clear text.
    #[error("TLS handshake where a command was expected")]
    TlsOnClearPort,
    /// The client closed in the middle of something.
    #[error("connection closed by the client in {state}")]
    UnexpectedEof {
        /// The state that the session was in.
        state: State,
    },
}

/// A call that the state of the machine does not allow. Nothing has changed.
///
/// ```
/// use mailwire_imap::{Server, server::{Config, Misuse}};
/// let mut server = Server::new(Config::new("mail.example.test"));
/// assert_eq!(server.accept(), Err(Misuse::NothingOwed));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// A literal of a FETCH is not complete.
    #[error("a literal is not complete")]
    BodyOpen,
    /// An action after the end of the connection.
    #[error("the connection is over")]
    Closed,
    /// A response that must not be sent now: EXPUNGE outside of a command or within one that uses
    /// message numbers (RFC 9051 §7.5.1), data of a mailbox where none is selected, or a tagged
    /// response.
    #[error("the response is not possible now")]
    Misplaced,
    /// There is no literal to write to.
    #[error("no literal is open")]
    NoBody,
    /// Nobody waits for an answer.
    #[error("no answer is owed")]
    NothingOwed,
    /// More octets than the literal has left.
    #[error("more octets than the literal has left")]
    TooMuch,
    /// The challenge does not fit into a line.
    #[error("the challenge does not fit into one line")]
    Unencodable,
    /// The event is answered in another way.
    #[error("the answer does not fit the event")]
    WrongAnswer,
}
