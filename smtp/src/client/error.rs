//! What a server can do to a client that ends the connection, and what our caller can do wrong.

use mailwire_core::dot::BodyFault;

use crate::{
    error::ReplyError,
    reply::{Code, EnhancedCode},
};

/// What the server did so that its replies can no longer be trusted.
///
/// ```
/// use mailwire_smtp::client::{Awaiting, ProtocolError};
/// let error = ProtocolError::UnexpectedEof { awaiting: Awaiting::EndOfMessage };
/// assert_eq!(error.to_string(), "the connection ended before the reply to the message");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProtocolError {
    /// Octets in clear text stood behind the reply to STARTTLS (RFC 3207 §4.2).
    #[error("octets in clear text behind the reply to STARTTLS")]
    BufferedDataBeforeTls,
    /// A challenge that is not base64, or too long.
    #[error("a challenge that is not base64")]
    Challenge,
    /// Octets in clear text that came before STARTTLS was sent, and would be taken for its reply.
    #[error("octets before STARTTLS was sent")]
    EarlyReply,
    /// A reply that is none.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// The server answered a message that was not complete yet.
    #[error("reply {code} inside a message")]
    ReplyInsideMessage {
        /// Its code.
        code: Code,
    },
    /// The server did not answer in time.
    #[error("timeout before {awaiting}")]
    Timeout {
        /// What was awaited.
        awaiting: Awaiting,
    },
    /// The server speaks TLS, or something else that is no SMTP, from the first octet.
    #[error("TLS where a greeting was expected")]
    TlsInsteadOfGreeting,
    /// The connection ended while a reply was awaited.
    #[error("the connection ended before {awaiting}")]
    UnexpectedEof {
        /// What was awaited.
        awaiting: Awaiting,
    },
    /// A reply that cannot be one to what was awaited: whose it is, nobody knows.
    #[error("reply {code} instead of {awaiting}")]
    UnexpectedReply {
        /// Its code.
        code: Code,
        /// What was awaited.
        awaiting: Awaiting,
    },
    /// A reply although none was awaited.
    #[error("reply {code} to nothing")]
    UnsolicitedReply {
        /// Its code.
        code: Code,
    },
}

/// What a client waits for.
///
/// ```
/// use mailwire_smtp::client::Awaiting;
/// assert_eq!(Awaiting::Greeting.to_string(), "the greeting");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Awaiting {
    /// The greeting.
    Greeting,
    /// The reply to EHLO, HELO or LHLO.
    Hello,
    /// The reply to STARTTLS.
    StartTls,
    /// The reply to AUTH or to a response.
    Auth,
    /// The reply to MAIL.
    Mail,
    /// The reply to RCPT.
    Rcpt,
    /// The 354 to DATA.
    Data,
    /// Our own caller, with the rest of a message.
    Message,
    /// The reply to a chunk that is not the last.
    Chunk,
    /// The reply to the whole message: whether it was taken is not known before it.
    EndOfMessage,
    /// The reply to QUIT.
    Quit,
    /// The reply to another command.
    Other,
}

impl core::fmt::Display for Awaiting {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Greeting => "the greeting",
            Self::Hello => "the reply to EHLO",
            Self::StartTls => "the reply to STARTTLS",
            Self::Auth => "the reply to AUTH",
            Self::Mail => "the reply to MAIL",
            Self::Rcpt => "the reply to RCPT",
            Self::Data => "the reply to DATA",
            Self::Message => "the end of our message",
            Self::Chunk => "the reply to BDAT",
            Self::EndOfMessage => "the reply to the message",
            Self::Quit => "the reply to QUIT",
            Self::Other => "a reply",
        })
    }
}

/// Our caller called what it may not call now. Nothing has changed, and nothing was sent.
///
/// ```
/// use mailwire_smtp::client::Misuse;
/// assert_eq!(Misuse::NoBody.to_string(), "no message is being sent");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Misuse {
    /// A credential in clear text.
    #[error("AUTH in clear text")]
    AuthInClearText,
    /// The body holds what no body may hold.
    #[error(transparent)]
    Body(BodyFault),
    /// A body command: a message is begun with [`Client::send_body`](super::Client::send_body).
    #[error("DATA and BDAT are sent by send_body")]
    BodyCommand,
    /// The connection is over.
    #[error("the connection is over")]
    Closed,
    /// A body that was said to be `7BIT` is not.
    #[error("a message of 7 bits has an octet of 8")]
    EightBitBody,
    /// A message is being sent, or STARTTLS or QUIT has been.
    #[error("no command may follow now")]
    NotNow,
    /// No message is being sent, or the server does not want it yet.
    #[error("no message is being sent")]
    NoBody,
    /// No challenge waits for a response.
    #[error("no challenge waits for a response")]
    NoChallenge,
    /// Too many commands wait for their replies.
    #[error("{max} commands wait for their replies")]
    TooManyCommands {
        /// The limit.
        max: usize,
    },
    /// The server does not offer what the command needs.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

/// The server does not offer what a message needs; nothing is dropped in silence.
///
/// ```
/// use mailwire_smtp::client::Unsupported;
/// let error = Unsupported::Size { max: 1000 };
/// assert_eq!(error.enhanced().to_string(), "5.3.4");
/// assert_eq!(error.to_string(), "the server takes no message of more than 1000 octets");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unsupported {
    /// `BINARYMIME` with `CHUNKING`, RFC 3030.
    #[error("the server takes no binary messages")]
    BinaryMime,
    /// `DSN`, RFC 3461.
    #[error("the server sends no delivery status notifications on request")]
    Dsn,
    /// `8BITMIME`, RFC 6152.
    #[error("the server takes no messages of 8 bits")]
    EightBitMime,
    /// A parameter that the server does not know.
    #[error("the server does not know a parameter")]
    Parameter,
    /// `SIZE`, RFC 1870.
    #[error("the server takes no message of more than {max} octets")]
    Size {
        /// What the server takes.
        max: u64,
    },
    /// `SMTPUTF8`, RFC 6531.
    #[error("the server takes no addresses outside ASCII")]
    SmtpUtf8,
}

impl Unsupported {
    /// The enhanced status code for a report about it.
    #[must_use]
    pub const fn enhanced(self) -> EnhancedCode {
        match self {
            Self::Size { .. } => EnhancedCode::of::<5, 3, 4>(),
            Self::EightBitMime | Self::BinaryMime => EnhancedCode::of::<5, 6, 3>(),
            Self::SmtpUtf8 => EnhancedCode::of::<5, 6, 7>(),
            Self::Dsn | Self::Parameter => EnhancedCode::of::<5, 5, 4>(),
        }
    }
}
