//! Where a command or a response ends: lines, and the literals between them (RFC 9051 §4.3, RFC
//! 7888).
//!
//! The end is found before anything is understood, with limits, and also where the grammar will
//! refuse what it is given. Otherwise what a peer announced as the content of a literal would be
//! read as its next command. [`Commands`] is the server's side, [`Responses`] the client's; both
//! leave the octets in the caller's buffer until a frame is whole and remember how far they have
//! looked, so one-octet reads cost linear time.
//!
//! A literal is `{n}`, `{n+}`, `~{n}` or `~{n+}` in front of CRLF. Leading zeros are read over, up
//! to 20 digits in all; any other text between braces there is refused, and if it looks like a
//! literal that the peer does not wait behind, nobody can say where its command ends, so the
//! connection is over.

mod client;
mod literal;
mod scan;
mod server;

pub use client::{ResponseFrame, Responses};
pub use literal::Literal;
pub use server::{Bodies, CommandFrame, Commands, Policy, Refused, Why};

use crate::limits;

/// The stream has no end that can be found. The connection is over.
///
/// ```
/// use mailwire_imap::frame::Lost;
/// assert_eq!(Lost::BadLiteral.to_string(), "unreadable announcement of a literal");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// What looks like a literal that the peer does not wait behind has no size.
    #[error("unreadable announcement of a literal")]
    BadLiteral,
    /// A refused command went on beyond what is thrown away.
    #[error("refused command of more than {max} octets")]
    EndlessCommand {
        /// The limit.
        max: u64,
    },
    /// A literal of a response is larger than a response may be, and stands where none is streamed.
    #[error("literal of {len} octets")]
    LiteralTooLarge {
        /// What was announced.
        len: u64,
    },
    /// A response is larger than [`limits::RESPONSE`], or a line of it than
    /// [`limits::RESPONSE_LINE`].
    #[error("response of more than {max} octets")]
    ResponseTooLong {
        /// The limit.
        max: usize,
    },
}

impl Lost {
    const fn response() -> Self {
        Self::ResponseTooLong {
            max: limits::RESPONSE,
        }
    }
}
