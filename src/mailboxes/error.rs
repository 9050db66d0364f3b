//! Why no session was opened, or something in it was not done.

use std::io;

use mailwire_imap::{
    client::{Misuse, ProtocolError},
    mailbox::InvalidMailbox,
    open,
    response::{Code, Status},
};

use crate::{account::DialError, line_ends::BareCr};

/// Why no session was opened.
///
/// ```
/// fn again(error: &mailwire::OpenMailboxesError) -> bool { error.is_temporary() }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenMailboxesError {
    /// The server closed the connection without a word.
    #[error("the server closed the connection")]
    Closed,
    /// The thread that derived a key from the password was lost.
    #[error("the key could not be derived from the password")]
    Derivation,
    /// No connection was made.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The machines do not fit together; a mistake of this crate.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The session ended before it was open.
    #[error(transparent)]
    Session(Box<mailtls::Error<open::Error>>),
}

impl OpenMailboxesError {
    pub(super) fn session(error: mailtls::Error<open::Error>) -> Self {
        Self::Session(Box::new(error))
    }

    /// Whether it may work later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Closed | Self::Dial(DialError::Connect(_) | DialError::Timeout) => true,
            Self::Session(error) => match &**error {
                mailtls::Error::Protocol(error) => error.is_temporary(),
                error => matches!(
                    error,
                    mailtls::Error::Io(_)
                        | mailtls::Error::HandshakeTimeout
                        | mailtls::Error::WriteStalled
                ),
            },
            _ => false,
        }
    }
}

/// Why something was not done.
///
/// ```
/// use mailwire::AccessError;
/// assert_eq!(AccessError::Closed.to_string(), "the server closed the connection");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// A CR without LF in the message: what it means to others nobody knows, so it is not sent.
    #[error(transparent)]
    BareCr(#[from] BareCr),
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// A call before this one was dropped before it was done: nobody knows any more which answer
    /// belongs to what.
    #[error("an earlier call was dropped before it was done")]
    Interrupted,
    /// The name of a mailbox.
    #[error(transparent)]
    Mailbox(#[from] InvalidMailbox),
    /// The command cannot be sent now: above all, because no mailbox is open.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// There is no such message, or the server did not send it.
    #[error("the message was not sent")]
    NoMessage,
    /// The message could not be read, or not to its announced end; the session is over.
    #[error("the message cannot be read: {0}")]
    Read(io::Error),
    /// The server said no.
    #[error("the server refused: {}", .0.text())]
    Refused(Status),
    /// The session ended.
    #[error(transparent)]
    Session(Box<mailtls::Error<ProtocolError>>),
    /// The server listed more mailboxes than are kept.
    #[error("more than {max} mailboxes")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// The server does not have what is needed.
    #[error("the server does not offer {0}")]
    Unsupported(&'static str),
    /// The message could not be written.
    #[error("the message cannot be written: {0}")]
    Write(io::Error),
}

impl AccessError {
    pub(super) fn session(error: mailtls::Error<ProtocolError>) -> Self {
        Self::Session(Box::new(error))
    }

    /// Whether it may work later: the connection was lost, or the server said so (RFC 5530 §3).
    ///
    /// ```
    /// use mailwire::AccessError;
    /// assert!(AccessError::Closed.is_temporary());
    /// assert!(!AccessError::NoMessage.is_temporary());
    /// ```
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Closed => true,
            Self::Refused(status) => is_passing(status),
            Self::Session(error) => match &**error {
                mailtls::Error::Protocol(ProtocolError::Dismissed { status }) => is_passing(status),
                mailtls::Error::Protocol(error) => matches!(
                    error,
                    ProtocolError::Timeout { .. } | ProtocolError::UnexpectedEof { .. }
                ),
                error => matches!(error, mailtls::Error::Io(_) | mailtls::Error::WriteStalled),
            },
            _ => false,
        }
    }
}

fn is_passing(status: &Status) -> bool {
    matches!(
        status.code(),
        Some(Code::Unavailable | Code::InUse | Code::Limit | Code::ServerBug)
    )
}
