//! How a connection ends when it does not end well.

use std::io;

use crate::upgrade::HandshakeError;

/// Why a [`Connection`](crate::Connection) ended. `X` is the machine's own error.
///
/// Whatever it is, the connection is over: the next turn says `Closed`.
///
/// ```
/// use mailtls::Error;
/// let error: Error<std::convert::Infallible> = Error::Injected;
/// assert!(error.is_peers_fault());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error<X>
where
    X: std::error::Error + 'static,
{
    /// The TLS handshake failed. Nothing was sent in clear after it.
    #[error(transparent)]
    Handshake(HandshakeError),
    /// The TLS handshake took longer than it may.
    #[error("the TLS handshake was not finished in time")]
    HandshakeTimeout,
    /// Octets stood in clear behind the command or reply that starts TLS (RFC 3207 §4.2): somebody
    /// may have put them there to be taken for protected ones.
    #[error("octets were sent in clear behind the start of TLS")]
    Injected,
    /// The connection was lost, at a moment when that is not the machine's to judge.
    #[error("connection lost: {0}")]
    Io(io::ErrorKind),
    /// The machine asked for DEFLATE (RFC 4978), which this stream does not have.
    #[error("no compression to start")]
    NoDeflate,
    /// The machine asked for TLS and the connection was made without, or has it already.
    #[error("no TLS to start")]
    NoTls,
    /// The peer broke the protocol so that the stream cannot be trusted any longer.
    #[error(transparent)]
    Protocol(X),
    /// The application waits for the peer while it owes the peer an answer.
    #[error("waiting for the peer while an answer is owed to it")]
    Unanswered,
    /// The peer speaks TLS where the dialogue begins in clear text.
    #[error(
        "the peer speaks TLS where clear text is expected: is the port meant for implicit TLS?"
    )]
    UnexpectedTls,
    /// The peer took nothing of what we sent for too long.
    #[error("the peer does not take what is sent to it")]
    WriteStalled,
}

impl<X> Error<X>
where
    X: std::error::Error + 'static,
{
    /// Whether the peer, or the network to it, is to blame, rather than our own application.
    #[must_use]
    pub const fn is_peers_fault(&self) -> bool {
        !matches!(self, Self::NoDeflate | Self::NoTls | Self::Unanswered)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn messages_are_one_lower_case_clause() {
        let errors: Vec<Error<Infallible>> = vec![
            Error::Handshake(HandshakeError::Closed),
            Error::HandshakeTimeout,
            Error::Injected,
            Error::Io(io::ErrorKind::ConnectionReset),
            Error::NoDeflate,
            Error::NoTls,
            Error::Unanswered,
            Error::UnexpectedTls,
            Error::WriteStalled,
        ];
        for error in errors {
            let text = error.to_string();
            assert!(
                !text.ends_with('.') && !text.contains("failed to"),
                "{text}"
            );
            assert!(text.starts_with(|c: char| c.is_lowercase()), "{text}");
        }
    }
}
