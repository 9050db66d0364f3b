//! What a peer can do to a server that ends the connection, and what an application can do wrong.

use mailwire_core::dot::BodyFault;

use super::Owed;

/// What the peer did so that its octets can no longer be trusted.
///
/// ```
/// use mailwire_smtp::server::ProtocolError;
/// assert_eq!(ProtocolError::HttpRequest.to_string(), "an HTTP request");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProtocolError {
    /// A body, or a refused chunk, is longer than what is thrown away.
    #[error("a refused body of more than {max} octets")]
    BodyWithoutEnd {
        /// The limit.
        max: u64,
    },
    /// A BDAT command whose size is not known: nobody can say where the next command begins.
    #[error("a chunk of unknown size")]
    ChunkSize,
    /// Octets came when it was the server's turn.
    #[error("octets before their turn")]
    EarlyTalk,
    /// A body held what no body may hold, and the server closes for it.
    #[error("{0}")]
    Fault(BodyFault),
    /// The peer speaks HTTP, or a protocol of proxies.
    #[error("an HTTP request")]
    HttpRequest,
    /// A line does not end.
    #[error("a line without end")]
    LineWithoutEnd,
    /// Octets stood behind STARTTLS in clear text (RFC 3207 §4.2).
    #[error("octets in clear text behind STARTTLS")]
    PlaintextAfterStartTls,
    /// The peer did not go on in time.
    #[error("timeout")]
    Timeout,
    /// The peer speaks TLS where STARTTLS was expected: it should use another port.
    #[error("TLS without STARTTLS")]
    TlsWithoutStartTls,
    /// Too many commands that had to be refused.
    #[error("too many bad commands")]
    TooManyBadCommands,
    /// Too many failed authentications.
    #[error("too many failed authentications")]
    TooManyAuthFailures,
    /// Too many commands that do nothing, or too many chunks.
    #[error("too many commands")]
    TooManyCommands,
    /// The connection ended inside a command, an AUTH exchange or a body.
    #[error("the connection ended inside {inside}")]
    UnexpectedEof {
        /// Where it ended.
        inside: Inside,
    },
}

/// Where a connection ended that ought not to have.
///
/// ```
/// use mailwire_smtp::server::Inside;
/// assert_eq!(Inside::Body.to_string(), "a body");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Inside {
    /// An AUTH exchange.
    Auth,
    /// A body.
    Body,
    /// The change to TLS.
    StartTls,
    /// A transaction, between commands.
    Transaction,
}

impl core::fmt::Display for Inside {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Auth => "an AUTH exchange",
            Self::Body => "a body",
            Self::StartTls => "the change to TLS",
            Self::Transaction => "a transaction",
        })
    }
}

/// The application called what it may not call now. Nothing has changed.
///
/// ```
/// use mailwire_smtp::server::Misuse;
/// assert_eq!(Misuse::NothingOwed.to_string(), "no answer is owed");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Misuse {
    /// No answer is owed, and no body is open that could be refused.
    #[error("no answer is owed")]
    NothingOwed,
    /// This kind of answer, or a reply of this code, does not fit what is owed.
    #[error("this is no answer to {0}")]
    WrongAnswer(Owed),
    /// `Each` has not as many replies as there are recipients.
    #[error("{expected} replies are owed, one for each recipient")]
    ReplyCount {
        /// How many are owed.
        expected: usize,
    },
}
