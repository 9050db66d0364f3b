//! SEARCH (RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 4731, RFC 5182, RFC 7162 §3.1.5).

mod key;

use alloc::vec::Vec;

use mailwire_core::text::Octets;

pub use key::{Entry, EntryType, ModSeq, SearchKey};

use super::{By, CommandBody, keyword};
use crate::{
    encode::Encoder,
    error::{Expected, ParseError},
    grammar::Cursor,
};

/// What to look for, and what to tell of it.
///
/// ```
/// use mailwire_imap::command::{Search, SearchKey};
/// let search = Search::new([SearchKey::Unseen, SearchKey::From(b"smith"[..].into())]);
/// assert_eq!(search.keys.len(), 2);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Search {
    /// RETURN, where it is there: the answer is an ESEARCH then.
    pub returns: Option<SearchReturn>,
    /// The character set of the strings; always there in SORT and THREAD.
    pub charset: Option<Octets>,
    /// What all must hold; never empty.
    pub keys: Vec<SearchKey>,
}

impl Search {
    /// All of `keys`; all messages where there are none.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = SearchKey>) -> Self {
        let mut keys: Vec<_> = keys.into_iter().collect();
        if keys.is_empty() {
            keys.push(SearchKey::All);
        }
        Self {
            returns: None,
            charset: None,
            keys,
        }
    }

    /// The same with RETURN.
    #[must_use]
    pub fn with_return(self, returns: SearchReturn) -> Self {
        Self {
            returns: Some(returns),
            ..self
        }
    }

    /// The same with a character set.
    #[must_use]
    pub fn with_charset(self, charset: &[u8]) -> Self {
        Self {
            charset: Some(Octets::from(charset)),
            ..self
        }
    }

    /// The keys, each with a space in front.
    pub(super) fn parse_keys(cursor: &mut Cursor<'_>) -> Result<Vec<SearchKey>, ParseError> {
        cursor.space()?;
        let mut keys = Vec::new();
        loop {
            keys.push(SearchKey::parse(cursor)?);
            if !cursor.eat(b' ') {
                return Ok(keys);
            }
        }
    }

    pub(super) fn encode_keys(&self, encoder: &mut Encoder) {
        for key in &self.keys {
            encoder.raw(b" ");
            key.encode(encoder);
        }
    }
}

/// What the ESEARCH is to hold (RFC 4731 §3.1, RFC 5182 §2.1).
///
/// ```
/// use mailwire_imap::command::SearchReturn;
/// let returns = SearchReturn::MIN.with(SearchReturn::COUNT);
/// assert!(returns.contains(SearchReturn::COUNT) && !returns.contains(SearchReturn::ALL));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SearchReturn(u8);

const RETURNS: [(SearchReturn, &[u8]); 5] = [
    (SearchReturn::MIN, b"MIN"),
    (SearchReturn::MAX, b"MAX"),
    (SearchReturn::ALL, b"ALL"),
    (SearchReturn::COUNT, b"COUNT"),
    (SearchReturn::SAVE, b"SAVE"),
];

impl SearchReturn {
    /// `RETURN ()`, which means ALL.
    pub const NONE: Self = Self(0);
    /// The lowest number.
    pub const MIN: Self = Self(1);
    /// The highest number.
    pub const MAX: Self = Self(1 << 1);
    /// All numbers, as a set.
    pub const ALL: Self = Self(1 << 2);
    /// How many there are.
    pub const COUNT: Self = Self(1 << 3);
    /// The result is kept as `$`.
    pub const SAVE: Self = Self(1 << 4);

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// ` RETURN (...)`, where it comes next.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Self>, ParseError> {
        let is_next = cursor
            .rest()
            .get(..8)
            .is_some_and(|front| front.eq_ignore_ascii_case(b" RETURN "));
        if !is_next {
            return Ok(None);
        }
        cursor.advance(8);
        let mut returns = Self::NONE;
        cursor.list_or_empty(Expected::List, |cursor| {
            let error = cursor.error(Expected::ReturnOption);
            let name = keyword::keyword(cursor, Expected::ReturnOption)?;
            let known = RETURNS.iter().find(|(_, known)| *known == name.upper());
            returns = returns.with(known.ok_or(error)?.0);
            Ok(())
        })?;
        Ok(Some(returns))
    }

    pub(super) fn encode(self, encoder: &mut Encoder) {
        encoder.raw(b" RETURN (");
        let mut front: &[u8] = b"";
        for (option, name) in RETURNS {
            if self.contains(option) {
                encoder.raw(front);
                encoder.raw(name);
                front = b" ";
            }
        }
        encoder.raw(b")");
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>, by: By) -> Result<CommandBody, ParseError> {
    let returns = SearchReturn::parse(cursor)?;
    let is_charset = cursor
        .rest()
        .get(..9)
        .is_some_and(|front| front.eq_ignore_ascii_case(b" CHARSET "));
    let charset = if is_charset {
        cursor.advance(9);
        let span = cursor.astring()?;
        Some(cursor.octets(span))
    } else {
        None
    };
    let keys = Search::parse_keys(cursor)?;
    let search = Search {
        returns,
        charset,
        keys,
    };
    Ok(CommandBody::Search { by, search })
}

pub(super) fn encode(encoder: &mut Encoder, search: &Search) {
    if let Some(returns) = search.returns {
        returns.encode(encoder);
    }
    if let Some(charset) = &search.charset {
        encoder.raw(b" CHARSET ");
        encoder.astring(charset);
    }
    search.encode_keys(encoder);
}
