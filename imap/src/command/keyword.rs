//! Keywords, to be dispatched on.

use nom::{Parser, bytes::complete::take_while1};

use crate::{
    error::{Expected, ParseError},
    grammar::Cursor,
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

/// Letters, digits, and what stands between them in names.
pub(super) fn keyword<'a>(
    cursor: &mut Cursor<'a>,
    expected: Expected,
) -> Result<Keyword<'a>, ParseError> {
    let is_part = |octet: u8| {
        octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'=' | b'+' | b'/')
    };
    let raw = cursor.run(expected, take_while1(is_part).map(|word: &'a [u8]| word))?;
    let mut upper = [0; MAX];
    if let Some(upper) = upper.get_mut(..raw.len()) {
        upper.copy_from_slice(raw);
        upper.make_ascii_uppercase();
    }
    Ok(Keyword { raw, upper })
}
