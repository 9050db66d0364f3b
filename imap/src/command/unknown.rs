//! Commands that we do not know.

use mailwire_core::text::{Octets, Sanitized};

use super::keyword::Keyword;
use crate::{encode::Encoder, grammar::Cursor};

/// A command of an extension that this crate does not know, as it came.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::command::{Command, CommandBody};
/// let command = Command::parse(&Bytes::from_static(b"a XFROB \"x\" 1"))?;
/// let CommandBody::Unknown(unknown) = command.body else { unreachable!() };
/// assert_eq!((unknown.keyword(), unknown.arguments()), (&b"XFROB"[..], &b" \"x\" 1"[..]));
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Unknown {
    keyword: Octets,
    arguments: Octets,
}

impl Unknown {
    /// The keyword as it came.
    #[must_use]
    pub fn keyword(&self) -> &[u8] {
        &self.keyword
    }

    /// Everything behind it, with the space in front and literals inline.
    #[must_use]
    pub fn arguments(&self) -> &[u8] {
        &self.arguments
    }
}

impl core::fmt::Debug for Unknown {
    /// The keyword only: there may be a password behind it.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Unknown")
            .field("keyword", &Sanitized(&self.keyword))
            .finish_non_exhaustive()
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>, keyword: &Keyword<'_>) -> Unknown {
    let start = cursor.offset();
    cursor.advance(usize::MAX);
    Unknown {
        keyword: Octets::from(keyword.raw()),
        arguments: cursor.since(start),
    }
}

pub(super) fn encode(encoder: &mut Encoder, unknown: &Unknown) {
    // Within it nobody can tell where a literal would have to wait.
    if unknown.arguments.contains(&b'\r') {
        encoder.refuse();
    }
    encoder.raw(&unknown.arguments);
}
