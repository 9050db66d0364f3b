//! SORT (RFC 5256 §3, RFC 5957, RFC 5267 §3).

use alloc::vec::Vec;

use super::{By, CommandBody, Search, SearchReturn, keyword};
use crate::{
    encode::Encoder,
    error::{Expected, ParseError},
    grammar::Cursor,
};

/// One criterion of SORT.
///
/// ```
/// use mailwire_imap::command::{SortCriterion, SortKey};
/// assert!(!SortCriterion::ascending(SortKey::Date).reverse);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "RFC 5256 sort-criterion")]
pub struct SortCriterion {
    /// REVERSE: from the largest to the smallest.
    pub reverse: bool,
    /// What is compared.
    pub key: SortKey,
}

impl SortCriterion {
    /// From the smallest to the largest.
    #[must_use]
    pub const fn ascending(key: SortKey) -> Self {
        Self {
            reverse: false,
            key,
        }
    }

    /// From the largest to the smallest.
    #[must_use]
    pub const fn descending(key: SortKey) -> Self {
        Self { reverse: true, key }
    }
}

/// What SORT compares.
///
/// ```
/// use mailwire_imap::command::SortKey;
/// assert_ne!(SortKey::From, SortKey::DisplayFrom);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SortKey {
    /// The internal date.
    Arrival,
    /// The mailbox of the first Cc address.
    Cc,
    /// The date it was sent.
    Date,
    /// The mailbox of the first From address.
    From,
    /// The size.
    Size,
    /// The base subject.
    Subject,
    /// The mailbox of the first To address.
    To,
    /// The name of the first From address (RFC 5957 §3).
    DisplayFrom,
    /// The name of the first To address (RFC 5957 §3).
    DisplayTo,
}

const KEYS: [(SortKey, &[u8]); 9] = [
    (SortKey::Arrival, b"ARRIVAL"),
    (SortKey::Cc, b"CC"),
    (SortKey::Date, b"DATE"),
    (SortKey::From, b"FROM"),
    (SortKey::Size, b"SIZE"),
    (SortKey::Subject, b"SUBJECT"),
    (SortKey::To, b"TO"),
    (SortKey::DisplayFrom, b"DISPLAYFROM"),
    (SortKey::DisplayTo, b"DISPLAYTO"),
];

pub(super) fn parse(cursor: &mut Cursor<'_>, by: By) -> Result<CommandBody, ParseError> {
    let returns = SearchReturn::parse(cursor)?;
    cursor.space()?;
    let mut criteria = Vec::new();
    cursor.list(Expected::List, |cursor| {
        let error = cursor.error(Expected::SortKey);
        let mut reverse = false;
        let mut name = keyword::keyword(cursor, Expected::SortKey)?;
        if name.upper() == b"REVERSE" {
            reverse = true;
            cursor.space()?;
            name = keyword::keyword(cursor, Expected::SortKey)?;
        }
        let known = KEYS.iter().find(|(_, known)| *known == name.upper());
        let (key, _) = known.ok_or(error)?;
        criteria.push(SortCriterion { reverse, key: *key });
        Ok(())
    })?;
    let search = parse_search(cursor, returns)?;
    Ok(CommandBody::Sort {
        by,
        criteria,
        search,
    })
}

/// A charset and keys, each with a space in front.
pub(super) fn parse_search(
    cursor: &mut Cursor<'_>,
    returns: Option<SearchReturn>,
) -> Result<Search, ParseError> {
    cursor.space()?;
    let charset = cursor.astring()?;
    let charset = Some(cursor.octets(charset));
    let keys = Search::parse_keys(cursor)?;
    Ok(Search {
        returns,
        charset,
        keys,
    })
}

pub(super) fn encode(encoder: &mut Encoder, criteria: &[SortCriterion], search: &Search) {
    if criteria.is_empty() {
        encoder.refuse();
    }
    if let Some(returns) = search.returns {
        returns.encode(encoder);
    }
    let mut front: &[u8] = b" (";
    for criterion in criteria {
        encoder.raw(front);
        encoder.raw(if criterion.reverse { b"REVERSE " } else { b"" });
        let name = KEYS.iter().find(|(key, _)| *key == criterion.key);
        encoder.raw(name.map_or(b"ARRIVAL", |(_, name)| name));
        front = b" ";
    }
    encoder.raw(b")");
    encode_search(encoder, search);
}

pub(super) fn encode_search(encoder: &mut Encoder, search: &Search) {
    encoder.raw(b" ");
    // It has no default (RFC 5256 §3); every server knows this one.
    encoder.astring(search.charset.as_deref().unwrap_or(b"UTF-8"));
    search.encode_keys(encoder);
}
