//! Why a session could not be opened.

use mailwire_core::sasl::{ChoiceError, ClientError, InvalidCredentials};

use crate::{
    command::InvalidArgument,
    error::{Misuse, ProtocolError},
    response::{Response, ResponseCode},
    state::Protection,
};

/// Why a session could not be opened.
///
/// ```
/// use mailwire_pop3::open::Error;
/// assert_eq!(Error::StlsNotOffered.to_string(), "server does not offer STLS");
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name or the password does not fit into USER or PASS.
    #[error(transparent)]
    Argument(#[from] InvalidArgument),
    /// The name or the password cannot be prepared for the mechanism.
    #[error(transparent)]
    Credentials(#[from] InvalidCredentials),
    /// The server refused the login. No other way was tried.
    #[error("login refused: {response}")]
    LoginRefused {
        /// What it said.
        response: Response,
        /// In clear text anybody may have said it.
        protection: Protection,
    },
    /// Nothing that the server offers is permitted.
    #[error(transparent)]
    Mechanism(#[from] ChoiceError),
    /// The machines do not fit together; a mistake of this crate.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The connection is not protected, and the credentials must not go out in clear.
    #[error("connection is not protected")]
    NotProtected,
    /// The server broke the protocol.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The mechanism broke off: above all, because the server is not the one it claims to be.
    #[error(transparent)]
    Sasl(#[from] ClientError),
    /// TLS is required and the server does not offer it.
    #[error("server does not offer STLS")]
    StlsNotOffered,
    /// TLS is required and the server refused to start it.
    #[error("STLS refused: {response}")]
    StlsRefused {
        /// What it said, in clear text, where anybody may have said it.
        response: Response,
    },
}

impl Error {
    /// Whether the server said that trying again later makes sense.
    ///
    /// ```
    /// use mailwire_pop3::{Protection, Response, open::Error};
    /// let response = Response::unavailable();
    /// assert!(Error::LoginRefused { response, protection: Protection::Tls }.is_temporary());
    /// ```
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::LoginRefused { response, .. }
            | Self::StlsRefused { response }
            | Self::Protocol(ProtocolError::Dismissed { response }) => {
                response.code().is_some_and(ResponseCode::is_temporary)
            }
            _ => false,
        }
    }
}
