//! Keywords, to be dispatched on.

use crate::{
    error::{Expected, ParseError},
    grammar::{Cursor, Upper, is_atom_char},
};

/// A keyword as it came and in upper case.
pub(super) struct Keyword<'a> {
    raw: &'a [u8],
    upper: Upper,
}

impl<'a> Keyword<'a> {
    /// In upper case; nothing where it is longer than any that we know.
    pub(super) fn upper(&self) -> &[u8] {
        self.upper.as_bytes()
    }

    /// As it came.
    pub(super) const fn raw(&self) -> &'a [u8] {
        self.raw
    }
}

/// The octets of an atom up to a bracket, which begins a section.
#[inline]
pub(super) fn keyword<'a>(
    cursor: &mut Cursor<'a>,
    expected: Expected,
) -> Result<Keyword<'a>, ParseError> {
    let is_part = |octet: u8| is_atom_char(octet) && octet != b'[';
    let raw: &'a [u8] = cursor.take_while(is_part);
    if raw.is_empty() {
        return Err(cursor.error(expected));
    }
    Ok(Keyword {
        raw,
        upper: Upper::of(raw),
    })
}
