//! Why a handshake failed, by who is at fault.

use std::{fmt, io};

use mailwire_core::text::Sanitized;
use rustls::Error as Rustls;

use crate::sniff::FirstOctets;

/// Why a TLS handshake failed.
///
/// ```
/// use mailtls::{sniff::FirstOctets, upgrade::HandshakeError};
/// let error = HandshakeError::NotTls(FirstOctets::SmtpServer);
/// assert_eq!(
///     error.to_string(),
///     "the peer speaks SMTP in clear text instead of TLS: is the port meant for STARTTLS?",
/// );
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HandshakeError {
    /// The peer's certificate was refused.
    #[error("the peer's certificate was refused: {0}")]
    Certificate(TlsFault),
    /// The peer closed before the handshake was done.
    #[error("the peer closed during the TLS handshake")]
    Closed,
    /// Our own configuration cannot do what is asked of it.
    #[error("the TLS configuration is not usable: {0}")]
    Configuration(TlsFault),
    /// The two sides have no version, cipher suite, group or application protocol in common.
    #[error("nothing in common to speak TLS with: {0}")]
    Incompatible(TlsFault),
    /// The connection was lost.
    #[error("connection lost during the TLS handshake: {0}")]
    Io(io::ErrorKind),
    /// The peer's messages are not those of a TLS handshake.
    #[error("the peer broke the TLS protocol: {0}")]
    Misbehaved(TlsFault),
    /// The peer does not speak TLS at all: on a client, and on a port for implicit TLS, the mode
    /// is the wrong one for the port.
    #[error("the peer speaks {} instead of TLS: is the port meant for STARTTLS?", spoken(*.0))]
    NotTls(FirstOctets),
    /// The peer refused with an alert.
    #[error("the peer refused the TLS handshake: {0}")]
    Refused(TlsFault),
}

/// Names what is spoken, for a sentence with "speaks".
const fn spoken(first: FirstOctets) -> &'static str {
    match first {
        FirstOctets::SmtpClient | FirstOctets::SmtpServer => "SMTP in clear text",
        FirstOctets::ImapClient | FirstOctets::ImapServer => "IMAP in clear text",
        FirstOctets::Pop3Client | FirstOctets::Pop3Server => "POP3 in clear text",
        FirstOctets::Http => "HTTP in clear text",
        FirstOctets::Proxy => "the PROXY protocol",
        FirstOctets::Ssl2 => "SSL 2",
        FirstOctets::Text => "clear text",
        FirstOctets::Tls | FirstOctets::Other => "something else",
    }
}

impl HandshakeError {
    pub(crate) fn new(error: &io::Error, first: &[u8]) -> Self {
        if let Some(spoken) = FirstOctets::of(first).filter(|first| !first.is_tls()) {
            return Self::NotTls(spoken);
        }
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Rustls>());
        match (inner, error.kind()) {
            (Some(fault), _) => Self::of_rustls(fault.clone()),
            (None, io::ErrorKind::UnexpectedEof) => Self::Closed,
            (None, kind) => Self::Io(kind),
        }
    }

    pub(crate) fn of_rustls(fault: Rustls) -> Self {
        match fault {
            Rustls::AlertReceived(_) => Self::Refused(TlsFault(fault)),
            Rustls::InvalidCertificate(_)
            | Rustls::InvalidCertRevocationList(_)
            | Rustls::NoCertificatesPresented
            | Rustls::UnsupportedNameType => Self::Certificate(TlsFault(fault)),
            Rustls::PeerIncompatible(_) | Rustls::NoApplicationProtocol => {
                Self::Incompatible(TlsFault(fault))
            }
            Rustls::General(_)
            | Rustls::FailedToGetCurrentTime
            | Rustls::FailedToGetRandomBytes
            | Rustls::BadMaxFragmentSize
            | Rustls::InconsistentKeys(_) => Self::Configuration(TlsFault(fault)),
            _ => Self::Misbehaved(TlsFault(fault)),
        }
    }

    /// The library's own account of it, where there is one.
    #[must_use]
    pub const fn fault(&self) -> Option<&TlsFault> {
        match self {
            Self::Certificate(fault)
            | Self::Configuration(fault)
            | Self::Incompatible(fault)
            | Self::Misbehaved(fault)
            | Self::Refused(fault) => Some(fault),
            _ => None,
        }
    }
}

/// What the TLS library says about a failure. Its text may quote the peer and is sanitised.
///
/// ```
/// # use mailtls::upgrade::HandshakeError;
/// let closed = HandshakeError::Closed;
/// assert!(closed.fault().is_none());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TlsFault(Rustls);

impl TlsFault {
    /// The error of rustls, for what a verifier of one's own put into it.
    #[must_use]
    pub const fn rustls(&self) -> &Rustls {
        &self.0
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Sanitized(self.0.to_string().as_bytes()))
    }
}

impl std::error::Error for TlsFault {}
