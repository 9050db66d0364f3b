//! Tags (RFC 9051 §2.2.1).

use mailwire_core::text::Octets;

use crate::{
    error::{Expected, ParseError},
    grammar::{Cursor, is_tag_char},
    limits,
};

/// What ties a response to its command.
///
/// ```
/// use mailwire_imap::command::Tag;
/// assert_eq!(Tag::new(b"a1").unwrap().as_bytes(), b"a1");
/// assert!(Tag::new(b"+").is_none() && Tag::new(b"").is_none() && Tag::new(b"a b").is_none());
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Tag(Octets);

impl Tag {
    /// A tag by its octets; `None` where they are none, or more than [`limits::TAG`].
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        let fits = (1..=limits::TAG).contains(&octets.len());
        (fits && octets.iter().all(|octet| is_tag_char(*octet))).then(|| Self(Octets::from(octets)))
    }

    /// The tag that a command begins with, for the answer to one that cannot be understood.
    #[must_use]
    pub fn of(command: &[u8]) -> Option<Self> {
        let front = command.get(..=limits::TAG).unwrap_or(command);
        front
            .split(|octet| *octet == b' ')
            .next()
            .and_then(Self::new)
    }

    /// Reads a tag.
    ///
    /// # Errors
    ///
    /// There is none, or it is too long to be repeated.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let error = cursor.error(Expected::Tag);
        let octets = cursor.take_while(is_tag_char);
        if !(1..=limits::TAG).contains(&octets.len()) {
            return Err(error);
        }
        Ok(Self(Octets::from(octets)))
    }

    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
