//! Why a session could not be opened.

use mailwire_core::sasl::{ChoiceError, ClientError, InvalidCredentials};

use crate::{
    client::{Misuse, ProtocolError},
    response::{Code, Status},
    state::Protection,
};

/// Why a session could not be opened, and so whose fault it is: the server's, for what it refused
/// or broke; ours, for `Credentials` and `Misuse`; that of what both sides allow, for the rest.
///
/// ```
/// use mailwire_imap::open::Error;
/// assert_eq!(Error::StartTlsNotOffered.to_string(), "server does not offer STARTTLS");
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name or the password cannot be prepared for the mechanism.
    #[error(transparent)]
    Credentials(#[from] InvalidCredentials),
    /// The server refused the login. No other way was tried.
    #[error("login refused: {}", status.text())]
    LoginRefused {
        /// What it said.
        status: Status,
        /// In clear text anybody may have said it.
        protection: Protection,
    },
    /// Nothing that the server offers is permitted.
    #[error(transparent)]
    Mechanism(#[from] ChoiceError),
    /// The machines do not fit together; a mistake of this crate. Or the server has disabled the
    /// only way to log in that was left.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The connection is not protected, and the credentials must not go out in clear.
    #[error("connection is not protected")]
    NotProtected,
    /// PREAUTH in clear text, where TLS was wanted: behind it there is no STARTTLS any more, and
    /// whoever sits in the middle can say it (RFC 9051 §11.3).
    #[error("server greets with PREAUTH in clear text")]
    PreAuthInClear,
    /// The server broke the protocol, or the connection ended.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The mechanism broke off: above all, because the server is not the one it claims to be.
    #[error(transparent)]
    Sasl(#[from] ClientError),
    /// TLS is required and the server does not offer it.
    #[error("server does not offer STARTTLS")]
    StartTlsNotOffered,
    /// TLS is required and the server refused to start it.
    #[error("STARTTLS refused: {}", status.text())]
    StartTlsRefused {
        /// What it said, in clear text, where anybody may have said it.
        status: Status,
    },
}

impl Error {
    /// Whether trying again later makes sense: the server said so (RFC 5530 §3), or the connection
    /// was lost.
    ///
    /// ```
    /// use mailwire_imap::{
    ///     command::Tag,
    ///     open::Error,
    ///     Protection,
    ///     response::{Code, Condition, Status},
    /// };
    /// let tag = Tag::new(b"A2").unwrap();
    /// let status = Status::tagged(&tag, Condition::No, Some(&Code::Unavailable), "busy");
    /// let refused = Error::LoginRefused { status, protection: Protection::Tls };
    /// assert!(refused.is_temporary());
    /// assert!(!Error::StartTlsNotOffered.is_temporary());
    /// ```
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::LoginRefused { status, .. }
            | Self::StartTlsRefused { status }
            | Self::Protocol(ProtocolError::Dismissed { status }) => matches!(
                status.code(),
                Some(Code::Unavailable | Code::InUse | Code::Limit | Code::ServerBug)
            ),
            Self::Protocol(error) => matches!(
                error,
                ProtocolError::Timeout { .. } | ProtocolError::UnexpectedEof { .. }
            ),
            _ => false,
        }
    }
}
