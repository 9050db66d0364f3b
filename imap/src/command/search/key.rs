//! The keys of SEARCH (RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 5032, RFC 7162 §3.1.5).

use alloc::{boxed::Box, vec::Vec};
use core::num::NonZeroU32;

use mailwire_core::text::Octets;

use crate::{
    command::keyword::keyword,
    datetime::Date,
    encode::{Encoder, Form},
    error::{Expected, ParseError},
    flag::Flag,
    grammar::Cursor,
    sequence::SequenceSet,
};

/// A key of SEARCH. Lists, NOT and OR may stand in each other to the depth of
/// [`limits::DEPTH`](crate::limits::DEPTH).
///
/// ```
/// use mailwire_imap::command::SearchKey;
/// let key = SearchKey::Not(Box::new(SearchKey::Subject(b"viagra"[..].into())));
/// assert!(matches!(key, SearchKey::Not(_)));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SearchKey {
    /// Messages by their numbers.
    Set(SequenceSet),
    /// `ALL`.
    All,
    /// `ANSWERED`.
    Answered,
    /// `BCC`: the header field holds the string.
    Bcc(Octets),
    /// `BEFORE`: the internal date is earlier.
    Before(Date),
    /// `BODY`: the body holds the string.
    Body(Octets),
    /// `CC`.
    Cc(Octets),
    /// `DELETED`.
    Deleted,
    /// `DRAFT`.
    Draft,
    /// `FLAGGED`.
    Flagged,
    /// `FROM`.
    From(Octets),
    /// `HEADER`: the field holds the string; an empty one asks whether the field is there.
    Header {
        /// The name of the field.
        field: Octets,
        /// The string.
        value: Octets,
    },
    /// `KEYWORD`.
    Keyword(Flag),
    /// `LARGER`: more octets than that.
    Larger(u64),
    /// `MODSEQ` (RFC 7162 §3.1.5).
    ModSeq(ModSeq),
    /// `NEW`: recent and not seen (RFC 3501 §6.4.4).
    New,
    /// `NOT`.
    Not(Box<Self>),
    /// `OLD`: not recent (RFC 3501 §6.4.4).
    Old,
    /// `OLDER`: the internal date is at least so many seconds ago (RFC 5032 §3).
    Older(NonZeroU32),
    /// `ON`: the internal date is that day.
    On(Date),
    /// `OR`.
    Or(Box<Self>, Box<Self>),
    /// `RECENT` (RFC 3501 §6.4.4).
    Recent,
    /// `SEEN`.
    Seen,
    /// `SENTBEFORE`: the Date field is earlier.
    SentBefore(Date),
    /// `SENTON`.
    SentOn(Date),
    /// `SENTSINCE`.
    SentSince(Date),
    /// `SINCE`: the internal date is that day or later.
    Since(Date),
    /// `SMALLER`: fewer octets than that.
    Smaller(u64),
    /// `SUBJECT`.
    Subject(Octets),
    /// `TEXT`: header or body hold the string.
    Text(Octets),
    /// `TO`.
    To(Octets),
    /// `UID`.
    Uid(SequenceSet),
    /// `UNANSWERED`.
    Unanswered,
    /// `UNDELETED`.
    Undeleted,
    /// `UNDRAFT`.
    Undraft,
    /// `UNFLAGGED`.
    Unflagged,
    /// `UNKEYWORD`.
    Unkeyword(Flag),
    /// `UNSEEN`.
    Unseen,
    /// `YOUNGER`: the internal date is at most so many seconds ago (RFC 5032 §3).
    Younger(NonZeroU32),
    /// Several in parentheses, which all must hold.
    And(Vec<Self>),
}

/// The argument of MODSEQ (RFC 7162 §3.1.5).
///
/// ```
/// use mailwire_imap::command::ModSeq;
/// assert_eq!(ModSeq::new(620_162_338).value, 620_162_338);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ModSeq {
    /// What changed, where it was said.
    pub entry: Option<Entry>,
    /// The lowest modification sequence that is wanted.
    pub value: u64,
}

impl ModSeq {
    /// That value or above.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self { entry: None, value }
    }
}

/// What changed: `"/flags/\\draft" all`.
///
/// ```
/// use mailwire_imap::command::{Entry, EntryType};
/// let entry = Entry { name: b"/flags/\\draft"[..].into(), of: EntryType::All };
/// assert_eq!(entry.of, EntryType::All);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "RFC 7162 search-modseq-ext")]
pub struct Entry {
    /// The name of the metadata item.
    pub name: Octets,
    /// Whose.
    pub of: EntryType,
}

/// Whose metadata (RFC 7162 §7 `entry-type-req`).
///
/// ```
/// use mailwire_imap::command::EntryType;
/// assert_ne!(EntryType::Private, EntryType::Shared);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7162 entry-type-req")]
pub enum EntryType {
    /// `priv`.
    Private,
    /// `shared`.
    Shared,
    /// `all`.
    All,
}

/// A key that has begun and waits for what stands within it.
enum Open {
    Not,
    Or(Option<SearchKey>),
    And(Vec<SearchKey>),
}

impl SearchKey {
    /// Goes down at most [`limits::DEPTH`](crate::limits::DEPTH) levels, and not by recursion.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let mut open = Vec::new();
        loop {
            if cursor.peek() == Some(b'(') {
                cursor.enter(Expected::SearchKey)?;
                open.push(Open::And(Vec::new()));
                continue;
            }
            let is_not = cursor.eat_keyword(b"NOT");
            if is_not || cursor.eat_keyword(b"OR") {
                cursor.space()?;
                cursor.deeper()?;
                open.push(if is_not { Open::Not } else { Open::Or(None) });
                continue;
            }
            let key = Self::leaf(cursor)?;
            if let Some(key) = Self::close(key, &mut open, cursor)? {
                return Ok(key);
            }
        }
    }

    /// Puts `key` where it belongs; returns it when nothing is open any more.
    fn close(
        mut key: Self,
        open: &mut Vec<Open>,
        cursor: &mut Cursor<'_>,
    ) -> Result<Option<Self>, ParseError> {
        while let Some(outer) = open.pop() {
            key = match outer {
                Open::Not => {
                    cursor.shallower();
                    Self::Not(Box::new(key))
                }
                Open::Or(None) => {
                    cursor.space()?;
                    open.push(Open::Or(Some(key)));
                    return Ok(None);
                }
                Open::Or(Some(first)) => {
                    cursor.shallower();
                    Self::Or(Box::new(first), Box::new(key))
                }
                Open::And(mut keys) => {
                    keys.push(key);
                    if cursor.eat(b' ') {
                        open.push(Open::And(keys));
                        return Ok(None);
                    }
                    cursor.leave()?;
                    Self::And(keys)
                }
            };
        }
        Ok(Some(key))
    }

    /// A key without keys in it.
    fn leaf(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        if let Some(b'0'..=b'9' | b'*' | b'$') = cursor.peek() {
            return SequenceSet::parse(cursor).map(Self::Set);
        }
        let error = cursor.error(Expected::SearchKey);
        let name = keyword(cursor, Expected::SearchKey)?;
        Ok(match name.upper() {
            b"ALL" => Self::All,
            b"ANSWERED" => Self::Answered,
            b"DELETED" => Self::Deleted,
            b"DRAFT" => Self::Draft,
            b"FLAGGED" => Self::Flagged,
            b"NEW" => Self::New,
            b"OLD" => Self::Old,
            b"RECENT" => Self::Recent,
            b"SEEN" => Self::Seen,
            b"UNANSWERED" => Self::Unanswered,
            b"UNDELETED" => Self::Undeleted,
            b"UNDRAFT" => Self::Undraft,
            b"UNFLAGGED" => Self::Unflagged,
            b"UNSEEN" => Self::Unseen,
            upper => return Self::with_argument(upper, cursor, error),
        })
    }

    fn with_argument(
        name: &[u8],
        cursor: &mut Cursor<'_>,
        error: ParseError,
    ) -> Result<Self, ParseError> {
        match name {
            b"BCC" => string(cursor).map(Self::Bcc),
            b"BEFORE" => date(cursor).map(Self::Before),
            b"BODY" => string(cursor).map(Self::Body),
            b"CC" => string(cursor).map(Self::Cc),
            b"FROM" => string(cursor).map(Self::From),
            b"HEADER" => Ok(Self::Header {
                field: string(cursor)?,
                value: string(cursor)?,
            }),
            b"KEYWORD" => flag(cursor).map(Self::Keyword),
            b"LARGER" => size(cursor).map(Self::Larger),
            b"MODSEQ" => ModSeq::parse(cursor).map(Self::ModSeq),
            b"OLDER" => seconds(cursor).map(Self::Older),
            b"ON" => date(cursor).map(Self::On),
            b"SENTBEFORE" => date(cursor).map(Self::SentBefore),
            b"SENTON" => date(cursor).map(Self::SentOn),
            b"SENTSINCE" => date(cursor).map(Self::SentSince),
            b"SINCE" => date(cursor).map(Self::Since),
            b"SMALLER" => size(cursor).map(Self::Smaller),
            b"SUBJECT" => string(cursor).map(Self::Subject),
            b"TEXT" => string(cursor).map(Self::Text),
            b"TO" => string(cursor).map(Self::To),
            b"UID" => {
                cursor.space()?;
                SequenceSet::parse(cursor).map(Self::Uid)
            }
            b"UNKEYWORD" => flag(cursor).map(Self::Unkeyword),
            b"YOUNGER" => seconds(cursor).map(Self::Younger),
            _ => Err(error),
        }
    }

    pub(super) fn encode(&self, encoder: &mut Encoder) {
        match self {
            Self::Set(set) => encoder.raw(set.as_bytes()),
            Self::All => encoder.raw(b"ALL"),
            Self::Answered => encoder.raw(b"ANSWERED"),
            Self::Bcc(value) => put_string(encoder, b"BCC ", value),
            Self::Before(date) => put_date(encoder, b"BEFORE ", *date),
            Self::Body(value) => put_string(encoder, b"BODY ", value),
            Self::Cc(value) => put_string(encoder, b"CC ", value),
            Self::Deleted => encoder.raw(b"DELETED"),
            Self::Draft => encoder.raw(b"DRAFT"),
            Self::Flagged => encoder.raw(b"FLAGGED"),
            Self::From(value) => put_string(encoder, b"FROM ", value),
            Self::Header { field, value } => {
                put_string(encoder, b"HEADER ", field);
                put_string(encoder, b" ", value);
            }
            Self::Keyword(flag) => put_flag(encoder, b"KEYWORD ", flag),
            Self::Larger(size) => put_number(encoder, b"LARGER ", *size),
            Self::ModSeq(value) => value.encode(encoder),
            Self::New => encoder.raw(b"NEW"),
            Self::Not(key) => {
                encoder.raw(b"NOT ");
                key.encode(encoder);
            }
            Self::Old => encoder.raw(b"OLD"),
            Self::Older(age) => put_number(encoder, b"OLDER ", u64::from(age.get())),
            Self::On(date) => put_date(encoder, b"ON ", *date),
            Self::Or(one, two) => {
                encoder.raw(b"OR ");
                one.encode(encoder);
                encoder.raw(b" ");
                two.encode(encoder);
            }
            Self::Recent => encoder.raw(b"RECENT"),
            Self::Seen => encoder.raw(b"SEEN"),
            Self::SentBefore(date) => put_date(encoder, b"SENTBEFORE ", *date),
            Self::SentOn(date) => put_date(encoder, b"SENTON ", *date),
            Self::SentSince(date) => put_date(encoder, b"SENTSINCE ", *date),
            Self::Since(date) => put_date(encoder, b"SINCE ", *date),
            Self::Smaller(size) => put_number(encoder, b"SMALLER ", *size),
            Self::Subject(value) => put_string(encoder, b"SUBJECT ", value),
            Self::Text(value) => put_string(encoder, b"TEXT ", value),
            Self::To(value) => put_string(encoder, b"TO ", value),
            Self::Uid(set) => {
                encoder.raw(b"UID ");
                encoder.raw(set.as_bytes());
            }
            Self::Unanswered => encoder.raw(b"UNANSWERED"),
            Self::Undeleted => encoder.raw(b"UNDELETED"),
            Self::Undraft => encoder.raw(b"UNDRAFT"),
            Self::Unflagged => encoder.raw(b"UNFLAGGED"),
            Self::Unkeyword(flag) => put_flag(encoder, b"UNKEYWORD ", flag),
            Self::Unseen => encoder.raw(b"UNSEEN"),
            Self::Younger(age) => put_number(encoder, b"YOUNGER ", u64::from(age.get())),
            Self::And(keys) => {
                if keys.is_empty() {
                    encoder.refuse();
                }
                let mut front: &[u8] = b"(";
                for key in keys {
                    encoder.raw(front);
                    key.encode(encoder);
                    front = b" ";
                }
                encoder.raw(b")");
            }
        }
    }
}

impl ModSeq {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        cursor.space()?;
        let mut entry = None;
        if cursor.peek() == Some(b'"') {
            let error = cursor.error(Expected::Quoted);
            let name = cursor.quoted()?;
            let name = cursor.octets(name);
            // It can be written in no other form.
            if Form::of(&name) != Form::Quoted {
                return Err(error);
            }
            cursor.space()?;
            let error = cursor.error(Expected::SearchKey);
            let of = match keyword(cursor, Expected::SearchKey)?.upper() {
                b"PRIV" => EntryType::Private,
                b"SHARED" => EntryType::Shared,
                b"ALL" => EntryType::All,
                _ => return Err(error),
            };
            entry = Some(Entry { name, of });
            cursor.space()?;
        }
        let error = cursor.error(Expected::ModSequence);
        let value = cursor.number64().map_err(|_| error)?;
        Ok(Self { entry, value })
    }

    fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(b"MODSEQ ");
        if let Some(entry) = &self.entry {
            encoder.quoted(&entry.name);
            encoder.raw(match entry.of {
                EntryType::Private => b" priv ",
                EntryType::Shared => b" shared ",
                EntryType::All => b" all ",
            });
        }
        encoder.number(self.value);
    }
}

fn string(cursor: &mut Cursor<'_>) -> Result<Octets, ParseError> {
    cursor.space()?;
    let span = cursor.astring()?;
    Ok(cursor.octets(span))
}

fn date(cursor: &mut Cursor<'_>) -> Result<Date, ParseError> {
    cursor.space()?;
    Date::parse(cursor)
}

fn flag(cursor: &mut Cursor<'_>) -> Result<Flag, ParseError> {
    cursor.space()?;
    let error = cursor.error(Expected::Flag);
    match Flag::parse(cursor)? {
        flag @ Flag::Keyword(_) => Ok(flag),
        _ => Err(error),
    }
}

fn size(cursor: &mut Cursor<'_>) -> Result<u64, ParseError> {
    cursor.space()?;
    cursor.number64()
}

fn seconds(cursor: &mut Cursor<'_>) -> Result<NonZeroU32, ParseError> {
    cursor.space()?;
    cursor.nz_number()
}

fn put_string(encoder: &mut Encoder, name: &[u8], value: &[u8]) {
    encoder.raw(name);
    encoder.astring(value);
}

fn put_date(encoder: &mut Encoder, name: &[u8], date: Date) {
    encoder.raw(name);
    date.encode(encoder.wire());
}

fn put_flag(encoder: &mut Encoder, name: &[u8], flag: &Flag) {
    if !matches!(flag, Flag::Keyword(_)) {
        encoder.refuse();
    }
    encoder.raw(name);
    encoder.raw(flag.as_bytes());
}

fn put_number(encoder: &mut Encoder, name: &[u8], number: u64) {
    encoder.raw(name);
    encoder.number(number);
}
