//! What a client tells its application.

use core::fmt;

use bytes::Bytes;
use mailwire_core::{dot::BodyFault, text::ByteStr};

use crate::{
    capability::Capabilities, command::MessageNumber, error::ParseError, response::Response,
    state::Protection,
};

/// Names a command until its response has come.
///
/// ```
/// use mailwire_pop3::client::CommandId;
/// assert_eq!(CommandId::default(), CommandId::default());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CommandId(u64);

impl CommandId {
    /// How many commands were sent before it, and one: for logs.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What a [`Client`](crate::Client) tells its application.
///
/// Each command brings forth one [`Event::Reply`], in the order of the commands. Behind a positive
/// one to STAT, LIST, UIDL, RETR, TOP and CAPA comes the result, and then [`Event::End`] or
/// [`Event::Spoilt`].
///
/// ```
/// use mailwire_pop3::client::{CommandId, Event};
/// let event = Event::End { id: CommandId::default() };
/// assert!(matches!(event, Event::End { .. }));
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The server's greeting.
    Greeting {
        /// The line.
        response: Response,
        /// In clear text anybody may have written it: do not show it as the server's word.
        protection: Protection,
    },
    /// The first line of the response to a command.
    Reply {
        /// Which command.
        id: CommandId,
        /// The line.
        response: Response,
    },
    /// A SASL challenge. Answer with `answer` or `cancel`.
    Challenge {
        /// Which AUTH command.
        id: CommandId,
        /// The challenge after base64.
        octets: Bytes,
    },
    /// The response to STAT (RFC 1939 §5).
    DropListing {
        /// Which command.
        id: CommandId,
        /// How many messages there are.
        count: u32,
        /// Their octets together.
        octets: u64,
    },
    /// A line of the response to LIST (RFC 1939 §5). Numbers ascend.
    ScanListing {
        /// Which command.
        id: CommandId,
        /// The message.
        message: MessageNumber,
        /// Its octets.
        octets: u64,
    },
    /// A line of the response to UIDL (RFC 1939 §7). Numbers ascend; the unique-ids of two messages
    /// may be equal.
    UniqueIdListing {
        /// Which command.
        id: CommandId,
        /// The message.
        message: MessageNumber,
        /// 1 to 70 characters from 0x21 to 0x7E.
        unique_id: ByteStr,
    },
    /// The response to CAPA (RFC 2449 §5).
    Capabilities {
        /// Which command.
        id: CommandId,
        /// All of them.
        capabilities: Capabilities,
    },
    /// The next octets of a message, without the doubled dots.
    Body {
        /// Which RETR or TOP command.
        id: CommandId,
        /// At least one.
        octets: Bytes,
    },
    /// The response is complete. Only now may a message be kept.
    End {
        /// Which command.
        id: CommandId,
    },
    /// The message is at its end but must not be kept.
    Spoilt {
        /// Which command.
        id: CommandId,
        /// Why.
        fault: BodyFault,
    },
    /// A line of the response does not make sense; the others come nevertheless.
    Invalid {
        /// Which command.
        id: CommandId,
        /// What was wrong with the line.
        error: ParseError,
    },
    /// Something was tolerated.
    Notice {
        /// In the response to which command.
        id: CommandId,
        /// What.
        notice: Notice,
    },
}

impl fmt::Debug for Event {
    // Of a message and of a challenge only the length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut show = |name, id: &CommandId, what: &dyn fmt::Debug| {
            f.debug_tuple(name).field(&id.0).field(what).finish()
        };
        match self {
            Self::Greeting {
                response,
                protection,
            } => f
                .debug_tuple("Greeting")
                .field(response)
                .field(protection)
                .finish(),
            Self::Reply { id, response } => show("Reply", id, response),
            Self::Challenge { id, octets } => show("Challenge", id, &octets.len()),
            Self::DropListing { id, count, octets } => show("DropListing", id, &(count, octets)),
            Self::ScanListing {
                id,
                message,
                octets,
            } => show("ScanListing", id, &(message, octets)),
            Self::UniqueIdListing {
                id,
                message,
                unique_id,
            } => show("UniqueIdListing", id, &(message, unique_id)),
            Self::Capabilities { id, capabilities } => show("Capabilities", id, capabilities),
            Self::Body { id, octets } => show("Body", id, &octets.len()),
            Self::End { id } => f.debug_tuple("End").field(&id.0).finish(),
            Self::Spoilt { id, fault } => show("Spoilt", id, fault),
            Self::Invalid { id, error } => show("Invalid", id, error),
            Self::Notice { id, notice } => show("Notice", id, notice),
        }
    }
}

/// What a [`Client`](crate::Client) tolerated because its configuration says so.
///
/// ```
/// use mailwire_pop3::client::Notice;
/// assert_eq!(Notice::BareLineBreak.to_string(), "bare CR or LF in a message");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// A bare CR or LF in a message, see [`Config::bare_line_breaks`](super::Config::bare_line_breaks).
    BareLineBreak,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareLineBreak => "bare CR or LF in a message",
        })
    }
}
