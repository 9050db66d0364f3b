//! Keywords, to be dispatched on.

use crate::{
    error::{Expected, ParseError},
    grammar::{Cursor, is_atom_char},
    response::uppercase,
};

/// No keyword of ours is longer.
const MAX: usize = 24;

/// A keyword as it came and in upper case.
pub(super) struct Keyword<'a> {
    raw: &'a [u8],
    upper: [u8; MAX],
    len: usize,
}

impl<'a> Keyword<'a> {
    /// In upper case; nothing where it is longer than any that we know.
    pub(super) fn upper(&self) -> &[u8] {
        self.upper.get(..self.len).unwrap_or_default()
    }

    /// As it came.
    pub(super) const fn raw(&self) -> &'a [u8] {
        self.raw
    }
}

/// The octets of an atom up to a bracket, which begins a section.
pub(super) fn keyword<'a>(
    cursor: &mut Cursor<'a>,
    expected: Expected,
) -> Result<Keyword<'a>, ParseError> {
    let is_part = |octet: u8| is_atom_char(octet) && octet != b'[';
    let raw: &'a [u8] = cursor.take_while(is_part);
    if raw.is_empty() {
        return Err(cursor.error(expected));
    }
    let (upper, len) = uppercase(raw);
    Ok(Keyword { raw, upper, len })
}
