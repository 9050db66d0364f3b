//! Whose fault it was: the server's, or our caller's.

use core::fmt;

use crate::{
    error::ParseError,
    frame::Lost,
    response::{Response, Status},
    state::State,
};

/// The server's stream can no longer be trusted, or the server will not go on. The connection is
/// over.
///
/// ```
/// use mailwire_imap::client::ProtocolError;
/// assert_eq!(ProtocolError::PlaintextAfterStartTls.to_string(), "clear text behind STARTTLS");
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A SASL challenge that is not base64.
    #[error("unreadable challenge: {0}")]
    BadChallenge(ParseError),
    /// What came first is no greeting (RFC 9051 §7.1).
    #[error("the server does not greet as an IMAP server")]
    BadGreeting,
    /// The reply to a command, or the continuation request that one waits for, cannot be read.
    #[error("unreadable reply: {0}")]
    BadReply(ParseError),
    /// Content of a message before anybody has logged in.
    #[error("message before login")]
    BodyBeforeLogin,
    /// The server would not serve us, or no longer.
    #[error("dismissed by the server: {}", status.text())]
    Dismissed {
        /// What it said. In clear text anybody may have said it.
        status: Status,
    },
    /// OK to a command of which the server has seen only a part.
    #[error("success before the command was complete")]
    EarlySuccess,
    /// The end of a response cannot be found.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// Octets in clear stood behind the reply to STARTTLS (RFC 9051 §6.2.1).
    #[error("clear text behind STARTTLS")]
    PlaintextAfterStartTls,
    /// Something that nobody asked for before login, where nobody can tell a confused server from
    /// somebody in the middle: a reply to no command of ours, a continuation request, a line that
    /// is no response.
    #[error("unexpected response before login")]
    StrayBeforeLogin,
    /// The server was silent for too long.
    #[error("timeout in {state}")]
    Timeout {
        /// The state that the session was in.
        state: State,
    },
    /// More SASL challenges than any mechanism has.
    #[error("too many challenges")]
    TooManyChallenges,
    /// The server closed the connection before LOGOUT.
    #[error("connection closed by the server {inside}")]
    UnexpectedEof {
        /// In the middle of what.
        inside: Inside,
    },
}

/// Where the connection was when it ended.
///
/// ```
/// use mailwire_imap::client::Inside;
/// assert_eq!(Inside::Literal.to_string(), "inside a literal");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Inside {
    /// Before the greeting.
    Greeting,
    /// While replies were due.
    Commands,
    /// Inside a response.
    Response,
    /// Inside the content of a message, which is then not complete.
    Literal,
    /// In IDLE.
    Idle,
    /// While nothing was due.
    Nothing,
}

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "before the greeting",
            Self::Commands => "while replies were due",
            Self::Response => "inside a response",
            Self::Literal => "inside a literal",
            Self::Idle => "in IDLE",
            Self::Nothing => "while nothing was due",
        })
    }
}

/// A call that the state of the machine does not allow. Nothing has changed, and nothing was sent.
///
/// ```
/// use mailwire_imap::{Client, client::{Config, Misuse}};
/// let mut client = Client::new(Config::new());
/// assert_eq!(client.done(), Err(Misuse::NothingOwed));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// The message is not complete.
    #[error("{left} octets of the message are missing")]
    BodyIncomplete {
        /// How many are.
        left: u64,
    },
    /// The message would be longer than APPEND announced.
    #[error("the message has room for {left} octets")]
    BodyTooLong {
        /// How many more may come.
        left: u64,
    },
    /// A credential would go out in clear text, which the configuration forbids.
    #[error("credentials are not sent in clear text")]
    ClearText,
    /// An action after the end of the connection.
    #[error("the connection is over")]
    Closed,
    /// A command behind LOGOUT.
    #[error("LOGOUT is under way")]
    LoggingOut,
    /// LOGIN, and the server lists LOGINDISABLED (RFC 9051 §6.2.3).
    #[error("the server has disabled LOGIN")]
    LoginDisabled,
    /// There is no body to write to, or the server does not want it yet.
    #[error("no message is being sent")]
    NoBody,
    /// Nobody waits for an answer, and there is no IDLE to end.
    #[error("no answer is owed")]
    NothingOwed,
    /// A NUL in a message that was not announced as a literal8 (RFC 9051 §4.3.1).
    #[error("NUL in a message")]
    NulInBody,
    /// More commands than `limits::OUTSTANDING` wait for their replies.
    #[error("too many outstanding commands")]
    Outstanding,
    /// A command that is not possible in this state of the session.
    #[error("the command is not possible in {state}")]
    State {
        /// The state that the session is in.
        state: State,
    },
    /// A value cannot stand in a command: NUL in a string.
    #[error("an argument cannot be written")]
    Unencodable,
}

/// Whether what a server sent before login can be told: what a session is about is not known yet.
pub(super) const fn is_fit_before_login(response: &Response) -> bool {
    matches!(
        response,
        Response::Status(_) | Response::Capability(_) | Response::Id(_)
    )
}
