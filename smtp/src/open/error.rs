//! Why a session could not be opened.

use mailwire_core::sasl::{ChoiceError, ClientError, InvalidCredentials};

use crate::{
    client::{Misuse, ProtocolError},
    reply::{Reply, Severity},
};

/// Why a session could not be opened, and so whose fault it is: the server's, for what it refused
/// or broke; ours, for `Credentials` and `Misuse`; that of what both sides allow, for the rest.
///
/// ```
/// use mailwire_smtp::open::Error;
/// assert_eq!(Error::StartTlsNotOffered.to_string(), "server does not offer STARTTLS");
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server does not offer AUTH.
    #[error("server does not offer AUTH")]
    AuthNotOffered,
    /// The server ended the session in the middle.
    #[error("server closes: {}", .0.to_text())]
    Closing(Reply),
    /// The name or the password cannot be prepared for the mechanism.
    #[error(transparent)]
    Credentials(#[from] InvalidCredentials),
    /// The server turned us away at the door.
    #[error("turned away: {}", .0.to_text())]
    GreetingRefused(Reply),
    /// The server refused EHLO, or LHLO, or HELO behind it.
    #[error("greeting refused: {}", .0.to_text())]
    HelloRefused(Reply),
    /// The server refused the login. No other way was tried.
    #[error("login refused: {}", .0.to_text())]
    LoginRefused(Reply),
    /// Nothing that the server offers is permitted.
    #[error(transparent)]
    Mechanism(#[from] ChoiceError),
    /// The machines do not fit together; a mistake of this crate.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The connection is not protected, and either no session or no credential may go out in clear.
    #[error("connection is not protected")]
    NotProtected,
    /// The server broke the protocol, or the connection ended.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The mechanism broke off: above all, because the server is not the one it claims to be.
    #[error(transparent)]
    Sasl(#[from] ClientError),
    /// TLS is required and the server does not offer it.
    #[error("server does not offer STARTTLS")]
    StartTlsNotOffered,
    /// TLS is required and the server refused to start it; in clear text anybody may have said so.
    #[error("STARTTLS refused: {}", .0.to_text())]
    StartTlsRefused(Reply),
}

impl Error {
    /// Whether trying again later makes sense: the server said so (4yz), or the connection was lost.
    ///
    /// ```
    /// use mailwire_smtp::{open::Error, reply::{Code, Reply}};
    /// let busy = Reply::new(Code::NOT_AVAILABLE, None, "busy");
    /// assert!(Error::GreetingRefused(busy).is_temporary());
    /// assert!(!Error::AuthNotOffered.is_temporary());
    /// ```
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Closing(reply)
            | Self::GreetingRefused(reply)
            | Self::HelloRefused(reply)
            | Self::LoginRefused(reply)
            | Self::StartTlsRefused(reply) => reply.severity() == Severity::Transient,
            Self::Protocol(error) => matches!(
                error,
                ProtocolError::Timeout { .. } | ProtocolError::UnexpectedEof { .. }
            ),
            _ => false,
        }
    }
}
