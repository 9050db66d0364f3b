//! The fields of a header, as they stand in a message (RFC 5322 §2.2).
//!
//! Nothing is refused: a line that is no field, such as the `From ` line of an mbox, is told as a
//! field without a name.

use alloc::{borrow::Cow, vec::Vec};
use core::fmt;

use memchr::memchr;

use crate::limits::TOLD;

/// The fields of a header in their order, up to the empty line or the end of the octets.
///
/// ```
/// use mailwire_imap::toolkit::message::header::Fields;
/// let header = b"Subject: a\r\n b\r\nno field\r\n\r\nText: not part of it\r\n";
/// let mut fields = Fields::new(header);
/// let subject = fields.next().unwrap();
/// assert!(subject.is("SUBJECT"));
/// assert_eq!(&*subject.value(), b"a b");
/// assert_eq!(fields.next().unwrap().name(), b"");
/// assert!(fields.next().is_none());
/// ```
#[derive(Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Walks the fields of a header. What stands behind its empty line is not looked at.
    #[must_use]
    pub const fn new(header: &'a [u8]) -> Self {
        Self { rest: header }
    }

    /// The first field of that name, in any case.
    #[must_use]
    pub fn find(mut self, name: &str) -> Option<Field<'a>> {
        self.by_ref().find(|field| field.is(name))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        if self.rest.is_empty() || is_blank(self.rest) {
            self.rest = &[];
            return None;
        }
        let mut end = line_end(self.rest, 0);
        while matches!(self.rest.get(end), Some(b' ' | b'\t')) {
            end = line_end(self.rest, end);
        }
        let (raw, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(Field::new(raw))
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// Where the line that begins at `start` ends, behind its line feed.
fn line_end(octets: &[u8], start: usize) -> usize {
    let rest = octets.get(start..).unwrap_or_default();
    memchr(b'\n', rest).map_or(octets.len(), |at| start + at + 1)
}

/// Whether an empty line is next.
const fn is_blank(octets: &[u8]) -> bool {
    matches!(octets, [b'\n', ..] | [b'\r', b'\n', ..])
}

/// One field of a header. `Debug` shows its name only.
///
/// ```
/// use mailwire_imap::toolkit::message::header::Fields;
/// let field = Fields::new(b"To : a@x,\r\n\tb@x\r\n").next().unwrap();
/// assert_eq!(field.name(), b"To");
/// assert_eq!(field.raw_value(), b" a@x,\r\n\tb@x\r\n");
/// assert_eq!(&*field.value(), b"a@x,\tb@x");
/// ```
#[derive(Clone, Copy)]
pub struct Field<'a> {
    raw: &'a [u8],
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> Field<'a> {
    fn new(raw: &'a [u8]) -> Self {
        let colon = memchr(b':', raw).and_then(|colon| raw.split_at_checked(colon));
        if let Some((front, [_, value @ ..])) = colon {
            // A name is printable ASCII; spaces between it and the colon are of old (RFC 5322 §4.5).
            let mut name = front;
            while let [shorter @ .., b' ' | b'\t'] = name {
                name = shorter;
            }
            if !name.is_empty() && name.iter().all(u8::is_ascii_graphic) {
                return Self { raw, name, value };
            }
        }
        Self {
            raw,
            name: &[],
            value: raw,
        }
    }

    /// Its name, without what stands between it and the colon; empty where the line is no field.
    #[must_use]
    pub const fn name(&self) -> &'a [u8] {
        self.name
    }

    /// Whether it has that name, in any case.
    #[must_use]
    pub const fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// All of it: name, colon, value, and its line ends.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// What stands behind the colon, with its line ends.
    #[must_use]
    pub const fn raw_value(&self) -> &'a [u8] {
        self.value
    }

    /// The value without line ends, and without spaces at its ends (RFC 5322 §2.2.3).
    #[must_use]
    pub fn value(&self) -> Cow<'a, [u8]> {
        unfold(self.value)
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({})", self.name.escape_ascii())
    }
}

/// The unfolded text of a value, cut where it is absurdly long.
pub(crate) fn told(value: &[u8]) -> Cow<'_, [u8]> {
    let value = value.trim_ascii();
    unfold(value.get(..TOLD).unwrap_or(value))
}

/// Removes line ends, and spaces at both ends.
pub(crate) fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    let value = value.trim_ascii();
    if memchr(b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut unfolded = Vec::with_capacity(value.len());
    for line in value.split(|octet| *octet == b'\n') {
        unfolded.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
    }
    Cow::Owned(unfolded)
}
