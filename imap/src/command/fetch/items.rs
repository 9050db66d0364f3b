//! The list of what FETCH is to return.

use core::fmt;

use mailwire_core::text::Octets;

use super::{FetchItem, Macro};
use crate::{
    encode::{Encoder, Literals},
    error::{Expected, ParseError},
    grammar::Cursor,
};

/// What FETCH is to return: octets that were checked once and are walked as [`FetchItem`]s.
///
/// ```
/// use mailwire_imap::command::{FetchItem, FetchItems};
/// let items: FetchItems = "(UID FLAGS BODY.PEEK[HEADER.FIELDS (Subject)]<0.512>)".parse()?;
/// assert_eq!(items.iter().count(), 3);
/// assert!(items.iter().any(|item| item == FetchItem::Uid));
/// assert_eq!("FAST".parse::<FetchItems>()?.iter().count(), 3);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct FetchItems {
    /// A macro, an item, or items in parentheses.
    octets: Octets,
    /// The macro, where it is one.
    name: Option<Macro>,
}

impl FetchItems {
    /// These items; `None` where there are none, or a header field name holds NUL.
    #[must_use]
    pub fn new(items: &[FetchItem<'_>]) -> Option<Self> {
        // Nothing waits within checked octets; what is sent is written anew.
        let mut encoder = Encoder::new(Literals::Plus);
        put_list(items.iter().copied(), &mut encoder);
        let octets = encoder.finish().ok()?.next()?;
        Self::parse(&mut Cursor::new(&octets)).ok()
    }

    /// Reads a macro, an item, or items in parentheses.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let start = cursor.offset();
        let name = Macro::parse(cursor);
        if name.is_none() {
            if cursor.peek() == Some(b'(') {
                cursor.list(Expected::FetchAttribute, |cursor| {
                    FetchItem::parse(cursor).map(drop)
                })?;
            } else {
                FetchItem::parse(cursor)?;
            }
        }
        let octets = cursor.since(start);
        Ok(Self { octets, name })
    }

    /// The items in their order, a macro as what it stands for.
    pub fn iter(&self) -> impl Iterator<Item = FetchItem<'_>> {
        let mut cursor = Cursor::borrowing(if self.name.is_some() {
            &[]
        } else {
            &self.octets
        });
        let items = core::iter::from_fn(move || {
            if matches!(cursor.peek(), Some(b'(' | b' ')) {
                cursor.advance(1);
            }
            FetchItem::parse(&mut cursor).ok()
        });
        let named = self.name.map_or(&[][..], Macro::items);
        named.iter().copied().chain(items)
    }

    /// The macro that was sent, where one was.
    #[must_use]
    pub const fn name(&self) -> Option<Macro> {
        self.name
    }

    /// Copies what would pin a larger frame.
    #[must_use]
    pub fn detach(self) -> Self {
        Self {
            octets: self.octets.detach(),
            name: self.name,
        }
    }

    pub(super) fn encode(&self, encoder: &mut Encoder) {
        match self.name {
            Some(name) => encoder.raw(name.name()),
            None => put_list(self.iter(), encoder),
        }
    }
}

/// In parentheses but for a single one.
fn put_list<'a>(items: impl Iterator<Item = FetchItem<'a>>, encoder: &mut Encoder) {
    let mut items = items.peekable();
    let Some(first) = items.next() else {
        return;
    };
    if items.peek().is_none() {
        return first.encode(encoder);
    }
    encoder.raw(b"(");
    first.encode(encoder);
    for item in items {
        encoder.raw(b" ");
        item.encode(encoder);
    }
    encoder.raw(b")");
}

impl core::str::FromStr for FetchItems {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut cursor = Cursor::borrowing(text.as_bytes());
        let items = Self::parse(&mut cursor)?;
        cursor.end()?;
        Ok(items)
    }
}

impl PartialEq for FetchItems {
    /// Equal where the same items are asked for in the same order.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for FetchItems {}

impl fmt::Debug for FetchItems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
