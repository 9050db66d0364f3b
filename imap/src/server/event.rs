//! What a server tells its application.

use alloc::boxed::Box;
use core::fmt;

use bytes::Bytes;
use mailwire_core::{machine::TlsInfo, secret::SecretBytes, text::Octets};

use crate::{
    command::{CommandBody, Fields, Mechanism, Message, SelectParameters},
    error::ParseError,
    frame::Why,
    mailbox::Mailbox,
};

/// What a [`Server`](crate::Server) tells its application.
///
/// ```
/// use mailwire_imap::server::Event;
/// fn is_of_append(event: &Event) -> bool {
///     matches!(event, Event::Append { .. } | Event::Body(_) | Event::AppendEnd)
/// }
/// assert!(!is_of_append(&Event::AuthCancelled));
/// ```
#[derive(PartialEq)]
#[non_exhaustive]
pub enum Event {
    // Logging in
    /// TLS protects the connection, and everything that was said before is forgotten. Nothing is
    /// owed.
    Secured(Box<TlsInfo>),
    /// LOGIN. Answer with `accept_login` or a negative `reply`.
    Login {
        /// Who it says it is.
        user: Octets,
        /// The password.
        password: SecretBytes,
    },
    /// AUTHENTICATE with a mechanism of the configuration. Answer with `challenge`, `accept_login`
    /// or a negative `reply`.
    AuthStart {
        /// Which.
        mechanism: Mechanism,
        /// The initial response; an empty one is not the same as none (RFC 4422 §3.3).
        initial: Option<SecretBytes>,
    },
    /// The answer to a challenge. Answer as to [`Event::AuthStart`].
    AuthResponse(SecretBytes),
    /// The client has given the exchange up, or sent what is no answer; it has been told so.
    /// Nothing is owed.
    AuthCancelled,
    /// ID (RFC 2971): what the client says that it is. It has been answered; nothing is owed.
    Id(Option<Fields>),

    // Mailboxes
    /// SELECT or EXAMINE. What was selected before is closed, without an expunge. Answer with
    /// `open` or a negative `reply`; then nothing is selected.
    Select {
        /// Which mailbox.
        mailbox: Mailbox,
        /// CONDSTORE and QRESYNC.
        parameters: SelectParameters,
        /// EXAMINE asks for a read-only view.
        access: Access,
    },
    /// Any other command that needs the application. Untagged responses go through `push`; answer
    /// with `accept`, `appended` or `reply`, or with `stream` where more than a few responses
    /// follow. CLOSE and UNSELECT leave the selected state when they are answered with OK; on a
    /// mailbox that was opened read-only CLOSE expunges nothing (RFC 9051 §6.4.1).
    Command(CommandBody),

    // APPEND
    /// APPEND of a message that is not larger than the limit. Answer with `accept`, and the
    /// message follows, or with a negative `reply` before anything of it is sent.
    Append {
        /// Where to.
        mailbox: Mailbox,
        /// What is known of the message.
        message: Message,
    },
    /// A further message of the same command (RFC 3502). Answer as to [`Event::Append`].
    AppendNext {
        /// What is known of the message.
        message: Message,
    },
    /// Octets of the message. Nothing is owed; a negative `reply` is possible, is said at the end
    /// of the command, and told as [`Event::AppendReset`].
    Body(Bytes),
    /// All messages have come as they were announced. This is the only commit point: all of them
    /// are stored or none (RFC 3502 §6.3.11). Answer with `appended`, `accept` or a negative `reply`.
    AppendEnd,
    /// What has come of the messages is void. Nothing is owed.
    AppendReset(Reset),

    // IDLE
    /// IDLE (RFC 2177): from here on `push` tells what happens, until [`Event::Done`]. Nothing is
    /// owed.
    Idle,
    /// IDLE has ended, and the client has been told. Nothing is owed.
    Done,

    // For the record
    /// What was no command; the client has been told so, and it counts as a bad command. Nothing is
    /// owed.
    Invalid(Invalid),
}

impl fmt::Debug for Event {
    // A message is not shown, nor what LOGIN says; a user may have typed the password first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secured(tls) => f.debug_tuple("Secured").field(tls).finish(),
            Self::Login { .. } => f.write_str("Login { .. }"),
            Self::AuthStart { mechanism, .. } => write!(f, "AuthStart {{ {mechanism}, .. }}"),
            Self::AuthResponse(_) => f.write_str("AuthResponse(..)"),
            Self::AuthCancelled => f.write_str("AuthCancelled"),
            Self::Id(fields) => f.debug_tuple("Id").field(fields).finish(),
            Self::Select {
                mailbox,
                parameters,
                access,
            } => f
                .debug_struct("Select")
                .field("mailbox", mailbox)
                .field("parameters", parameters)
                .field("access", access)
                .finish(),
            Self::Command(command) => f.debug_tuple("Command").field(command).finish(),
            Self::Append { mailbox, message } => f
                .debug_struct("Append")
                .field("mailbox", mailbox)
                .field("message", message)
                .finish(),
            Self::AppendNext { message } => f.debug_tuple("AppendNext").field(message).finish(),
            Self::Body(octets) => write!(f, "Body({} octets)", octets.len()),
            Self::AppendEnd => f.write_str("AppendEnd"),
            Self::AppendReset(why) => f.debug_tuple("AppendReset").field(why).finish(),
            Self::Idle => f.write_str("Idle"),
            Self::Done => f.write_str("Done"),
            Self::Invalid(invalid) => f.debug_tuple("Invalid").field(invalid).finish(),
        }
    }
}

/// How a mailbox is opened (RFC 9051 §6.3.2 and §6.3.3).
///
/// ```
/// use mailwire_imap::server::Access;
/// assert_ne!(Access::ReadWrite, Access::ReadOnly);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 §7.1 has these two codes")]
pub enum Access {
    /// SELECT.
    ReadWrite,
    /// EXAMINE, or a SELECT where nothing can be changed.
    ReadOnly,
}

/// Why what has come of an APPEND is void.
///
/// ```
/// use mailwire_imap::server::Reset;
/// assert_ne!(Reset::Refused, Reset::Invalid);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reset {
    /// The application refused it.
    Refused,
    /// The client gave it up with an empty message (RFC 3502 §6.3.11).
    Cancelled,
    /// What followed was no message and no end of the command.
    Invalid,
    /// A message was larger than the limit.
    TooLarge,
    /// The connection has ended.
    Disconnected,
}

/// What was no command.
///
/// ```
/// use mailwire_imap::{frame::Why, server::Invalid};
/// assert_eq!(Invalid::from(Why::BadLiteral).to_string(), "invalid literal");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// It was thrown away before it was read.
    #[error(transparent)]
    Frame(#[from] Why),
    /// It was read, and is not what the grammar says.
    #[error(transparent)]
    Syntax(#[from] ParseError),
}

/// What a [`Server`](crate::Server) waits for.
///
/// ```
/// use mailwire_imap::{Server, server::Config};
/// assert_eq!(Server::new(Config::new("mail.example.test")).owed(), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Owed {
    /// The answer to [`Event::Login`].
    Login,
    /// The answer to [`Event::AuthStart`] or [`Event::AuthResponse`].
    Auth,
    /// The answer to [`Event::Select`].
    Select,
    /// The answer to [`Event::Command`].
    Command,
    /// The answer to [`Event::Append`].
    Append,
    /// The answer to [`Event::AppendNext`].
    AppendNext,
    /// The answer to [`Event::AppendEnd`].
    AppendEnd,
}
