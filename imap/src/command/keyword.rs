//! Keywords, to be dispatched on.

use nom::bytes::complete::take_while1;

use crate::{
    error::{Expected, ParseError},
    grammar::{Cursor, is_atom_char},
};

/// No keyword of ours is longer.
const MAX: usize = 24;

/// A keyword as it came and in upper case.
pub(super) struct Keyword<'a> {
    raw: &'a [u8],
    upper: [u8; MAX],
}

impl<'a> Keyword<'a> {
    /// In upper case; nothing where it is longer than any that we know.
    pub(super) fn upper(&self) -> &[u8] {
        self.upper.get(..self.raw.len()).unwrap_or_default()
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
    let raw: &'a [u8] = cursor.run(expected, take_while1(is_part))?;
    let mut upper = [0; MAX];
    if let Some(upper) = upper.get_mut(..raw.len()) {
        upper.copy_from_slice(raw);
        upper.make_ascii_uppercase();
    }
    Ok(Keyword { raw, upper })
}
