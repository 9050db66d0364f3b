//! ENABLE (RFC 5161 §3.1).

use bytes::{BufMut, BytesMut};
use mailwire_core::text::Octets;

use super::CommandBody;
use crate::{
    encode::Encoder,
    error::{Expected, ParseError},
    grammar::{Cursor, is_atom_char},
    limits,
};

/// One or more names of capabilities: checked octets that are walked.
///
/// ```
/// use mailwire_imap::command::Names;
/// let names = Names::new(["CONDSTORE", "X-GOOD-IDEA"]).unwrap();
/// assert_eq!(names.iter().count(), 2);
/// assert!(names.contains(b"condstore"));
/// assert!(Names::new(["two words"]).is_none());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Names(Octets);

impl Names {
    /// Names that are atoms; `None` where one is not, or there are none, or more than
    /// [`limits::ENABLE`].
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut octets = BytesMut::new();
        for name in names {
            if !octets.is_empty() {
                octets.put_u8(b' ');
            }
            if name.bytes().any(|octet| !is_atom_char(octet)) {
                return None;
            }
            octets.put_slice(name.as_bytes());
        }
        let mut cursor = Cursor::borrowing(&octets);
        let names = Self::parse(&mut cursor).ok()?;
        cursor.is_done().then_some(names)
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let start = cursor.offset();
        for _ in 0..limits::ENABLE {
            if cursor.take_while(is_atom_char).is_empty() {
                return Err(cursor.error(Expected::Capability));
            }
            if cursor.peek() != Some(b' ') {
                return Ok(Self(cursor.since(start)));
            }
            cursor.advance(1);
        }
        Err(cursor.error(Expected::End))
    }

    /// The names as they came.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|octet| *octet == b' ')
    }

    /// Whether `name`, in any case, is among them.
    #[must_use]
    pub fn contains(&self, name: &[u8]) -> bool {
        self.iter().any(|one| one.eq_ignore_ascii_case(name))
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<CommandBody, ParseError> {
    cursor.space()?;
    let capabilities = Names::parse(cursor)?;
    Ok(CommandBody::Enable { capabilities })
}

pub(super) fn encode(encoder: &mut Encoder, capabilities: &Names) {
    encoder.raw(b" ");
    encoder.raw(&capabilities.0);
}
