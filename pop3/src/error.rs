//! Whose fault it was: one element of the peer's, the whole stream, or our caller.

use core::fmt;

use mailwire_core::line::Malformed;

use crate::{response::Response, state::State};

/// One element did not parse. The connection goes on behind it.
///
/// ```
/// use mailwire_pop3::{Command, Expected};
/// let error = Command::parse(b"RETR 0").unwrap_err();
/// assert_eq!((error.expected, error.offset), (Expected::MessageNumber, 5));
/// assert_eq!(error.to_string(), "expected a message-number at octet 5");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected {expected} at octet {offset}")]
#[non_exhaustive]
pub struct ParseError {
    /// What should have stood there.
    pub expected: Expected,
    /// Where, from the start of the line.
    pub offset: usize,
}

impl ParseError {
    pub(crate) const fn new(expected: Expected, offset: usize) -> Self {
        Self { expected, offset }
    }
}

/// What should have stood where a parser stopped, in the words of RFC 1939 and RFC 2449.
///
/// ```
/// use mailwire_pop3::Expected;
/// assert_eq!(Expected::UniqueId.to_string(), "a unique-id");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Expected {
    /// A command keyword.
    Keyword,
    /// The end of the line: the command takes no further argument.
    EndOfLine,
    /// A single space.
    Space,
    /// A number from 1 to 4,294,967,295 without sign or leading zero.
    MessageNumber,
    /// A message number above the one before and not above the announced count.
    NextMessageNumber,
    /// A number of lines from 0 to 4,294,967,295.
    LineCount,
    /// A count of messages.
    Count,
    /// A size in octets.
    Size,
    /// A user name: UTF-8 without control characters.
    UserName,
    /// A password: UTF-8 without NUL, CR and LF.
    Password,
    /// The name of a SASL mechanism (RFC 4422 §3.1).
    Mechanism,
    /// Base64 without white space, or `=` for an empty initial response.
    Base64,
    /// An APOP digest: 32 lower-case hexadecimal digits.
    Digest,
    /// `+OK` or `-ERR`.
    StatusIndicator,
    /// A unique-id: 1 to 70 characters from 0x21 to 0x7E.
    UniqueId,
    /// A capability tag.
    CapabilityTag,
    /// A line without bare CR, bare LF and NUL.
    CleanLine,
    /// A line that is not longer than the limit.
    ShorterLine,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keyword => "a command",
            Self::EndOfLine => "the end of the line",
            Self::Space => "a single space",
            Self::MessageNumber => "a message-number",
            Self::NextMessageNumber => "the next message-number",
            Self::LineCount => "a number of lines",
            Self::Count => "a number of messages",
            Self::Size => "a size in octets",
            Self::UserName => "a user name",
            Self::Password => "a password",
            Self::Mechanism => "a SASL mechanism",
            Self::Base64 => "base64",
            Self::Digest => "a digest",
            Self::StatusIndicator => "+OK or -ERR",
            Self::UniqueId => "a unique-id",
            Self::CapabilityTag => "a capability",
            Self::CleanLine => "a line without bare CR, bare LF and NUL",
            Self::ShorterLine => "a shorter line",
        })
    }
}

/// The stream can no longer be trusted, or the peer has used up our patience. The connection is
/// over.
///
/// ```
/// use mailwire_pop3::ProtocolError;
/// assert_eq!(ProtocolError::PlaintextAfterStls.to_string(), "clear text behind STLS");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A client gave the wrong password more often than `limits::AUTH_FAILURES` allows.
    #[error("too many failed logins")]
    AuthFailures,
    /// More commands than `limits::BAD_COMMANDS` were unknown, malformed or out of place.
    #[error("too many bad commands")]
    BadCommands,
    /// A server's line held a bare CR, a bare LF or a NUL outside of a message.
    #[error(transparent)]
    BadLine(#[from] Malformed),
    /// A server's line was neither `+OK`, `-ERR` nor, within AUTH, `+`.
    #[error(transparent)]
    BadResponse(#[from] ParseError),
    /// A server that would not serve us, or no longer.
    #[error("dismissed by the server: {response}")]
    Dismissed {
        /// What it said.
        response: Response,
    },
    /// A line without end.
    #[error("line without end")]
    EndlessLine,
    /// An HTTP client on a POP3 port.
    #[error("HTTP request")]
    Http,
    /// A line was longer than its limit.
    #[error("line longer than {max} octets")]
    LineTooLong {
        /// The limit with CRLF.
        max: usize,
    },
    /// A message was larger than the limit.
    #[error("message larger than {max} octets")]
    MessageTooLarge {
        /// The limit.
        max: u64,
    },
    /// Octets in clear stood behind STLS or behind the response to it (RFC 2595 §4).
    #[error("clear text behind STLS")]
    PlaintextAfterStls,
    /// The peer was silent for too long.
    #[error("timeout in {state}")]
    Timeout {
        /// The state that the session was in.
        state: State,
    },
    /// A TLS handshake on a port that begins in clear text.
    #[error("TLS handshake where a command was expected")]
    TlsOnClearPort,
    /// More capabilities than a client keeps.
    #[error("more than {max} capabilities")]
    TooManyCapabilities {
        /// The limit.
        max: usize,
    },
    /// More SASL challenges than any mechanism has.
    #[error("too many challenges")]
    TooManyChallenges,
    /// A listing had more lines than STAT and the limit allow.
    #[error("listing of more than {max} lines")]
    TooManyLines {
        /// The limit.
        max: u32,
    },
    /// The peer closed in the middle of something.
    #[error("connection closed by the peer in {state}")]
    UnexpectedEof {
        /// The state that the session was in.
        state: State,
    },
    /// A server spoke when nothing was asked.
    #[error("response without a command")]
    Unsolicited,
}

impl ProtocolError {
    pub(crate) const fn bad_base64(offset: usize) -> Self {
        Self::BadResponse(ParseError::new(Expected::Base64, offset))
    }
}

/// A call that the state of the machine does not allow. Nothing has changed.
///
/// ```
/// use mailwire_pop3::{Misuse, Server, server::Config};
/// let mut server = Server::new(Config::new("mail.example.test"));
/// assert_eq!(server.accept(), Err(Misuse::NothingOwed));
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// An action after the end of the connection.
    #[error("the connection is over")]
    Closed,
    /// A credential would go out in clear text, which the configuration forbids.
    #[error("credentials are not sent in clear text")]
    ClearText,
    /// Another command is not possible before the response to this one.
    #[error("STLS, AUTH or QUIT is under way")]
    Exclusive,
    /// There is no body to write to.
    #[error("no body is open")]
    NoBody,
    /// Nobody waits for an answer.
    #[error("no answer is owed")]
    NothingOwed,
    /// More commands than `limits::OUTSTANDING` wait for their response.
    #[error("too many outstanding commands")]
    Outstanding,
    /// A command that the other side would not understand in this state.
    #[error("the command is not possible in {state}")]
    State {
        /// The state that the session is in.
        state: State,
    },
    /// The octets would not be one line, or not fit into one.
    #[error("the command does not fit into one line")]
    Unencodable,
    /// The event is answered in another way.
    #[error("the answer does not fit the event")]
    WrongAnswer,
}
