//! Sections of a message and parts of them (RFC 9051 §6.4.5.1, RFC 3516 §4.2).

use core::num::NonZeroU32;

use nom::{
    bytes::complete::tag,
    character::complete::digit1,
    combinator::{map_res, opt},
    sequence::{delimited, preceded},
};

use crate::{
    command::keyword::keyword,
    encode::Encoder,
    error::{Expected, ParseError},
    grammar::{Cursor, Span, Text},
    limits,
};

/// Whether fetching sets `\Seen`.
///
/// ```
/// use mailwire_imap::command::Peek;
/// assert_ne!(Peek::Sets, Peek::Leaves);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 has BODY and BODY.PEEK")]
pub enum Peek {
    /// `BODY[...]`: it does.
    Sets,
    /// `BODY.PEEK[...]`: it does not.
    Leaves,
}

/// The number of a part, `1.2.3`; empty for the whole message.
///
/// ```
/// use mailwire_imap::command::Part;
/// let part = Part::new("4.2").unwrap();
/// assert_eq!(part.iter().map(|number| number.get()).collect::<Vec<_>>(), [4, 2]);
/// assert!(Part::new("4.0").is_none());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Part<'a>(&'a [u8]);

impl<'a> Part<'a> {
    /// The whole message.
    pub const WHOLE: Self = Self(b"");

    /// A part by its number; `None` where it is none, or deeper than [`limits::SECTION_PARTS`].
    #[must_use]
    pub fn new(number: &'a str) -> Option<Self> {
        let mut cursor = Cursor::borrowing(number.as_bytes());
        let part = Self::parse(&mut cursor).ok()?;
        cursor.is_done().then_some(part)
    }

    /// Reads a part, which may be empty. A `.` behind it is left unless a number follows.
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<Self, ParseError> {
        let start = cursor.offset();
        let frame = cursor.frame();
        let mut end = start;
        for _ in 0..=limits::SECTION_PARTS {
            if !cursor.peek().is_some_and(|octet| octet.is_ascii_digit()) {
                break;
            }
            let error = cursor.error(Expected::Section);
            cursor.nz_number().map_err(|_| error)?;
            end = cursor.offset();
            if !cursor.eat(b'.') {
                break;
            }
        }
        cursor.seek(end);
        Ok(Self(frame.get(start..end).unwrap_or_default()))
    }

    /// The numbers from the outermost to the innermost.
    pub fn iter(self) -> impl Iterator<Item = NonZeroU32> + 'a {
        self.0.split(|octet| *octet == b'.').filter_map(|number| {
            let number = core::str::from_utf8(number).ok()?;
            number.parse().ok()
        })
    }

    /// Whether it is the whole message.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.0.is_empty()
    }

    fn encode(self, encoder: &mut Encoder) {
        let mut front: &[u8] = b"";
        for number in self.iter() {
            encoder.raw(front);
            encoder.number(u64::from(number.get()));
            front = b".";
        }
    }
}

impl PartialEq for Part<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Part<'_> {}

/// What of a part.
///
/// ```
/// use mailwire_imap::command::{FetchItem, FetchItems, Part, Section};
/// let items: FetchItems = "BODY.PEEK[2.HEADER]".parse()?;
/// let Some(FetchItem::Body { section, .. }) = items.iter().next() else { unreachable!() };
/// assert_eq!(section, Section::Header(Part::new("2").unwrap()));
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Section<'a> {
    /// All of it: `[]`, `[1.2]`.
    All(Part<'a>),
    /// The header of the message or of a message within it: `[HEADER]`.
    Header(Part<'a>),
    /// Some fields of the header: `[HEADER.FIELDS (...)]`.
    HeaderFields(Part<'a>, HeaderFields<'a>),
    /// All but some fields of the header: `[HEADER.FIELDS.NOT (...)]`.
    HeaderFieldsNot(Part<'a>, HeaderFields<'a>),
    /// The body without the header: `[TEXT]`.
    Text(Part<'a>),
    /// The MIME header of a part: `[1.MIME]`.
    Mime(Part<'a>),
}

impl<'a> Section<'a> {
    /// Reads a section with its brackets; also that of a FETCH response.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn parse(cursor: &mut Cursor<'a>) -> Result<Self, ParseError> {
        cursor.expect(b'[', Expected::OpenBracket)?;
        let part = Part::parse(cursor)?;
        let section = if cursor.peek() == Some(b']') {
            Self::All(part)
        } else {
            let error = cursor.error(Expected::Section);
            if !part.is_whole() {
                cursor.expect(b'.', Expected::Section)?;
            }
            match keyword(cursor, Expected::Section)?.upper() {
                b"HEADER" => Self::Header(part),
                b"HEADER.FIELDS" => Self::HeaderFields(part, HeaderFields::parse(cursor)?),
                b"HEADER.FIELDS.NOT" => Self::HeaderFieldsNot(part, HeaderFields::parse(cursor)?),
                b"TEXT" => Self::Text(part),
                b"MIME" if !part.is_whole() => Self::Mime(part),
                _ => return Err(error),
            }
        };
        cursor.expect(b']', Expected::CloseBracket)?;
        Ok(section)
    }

    /// The part that it is of.
    #[must_use]
    pub const fn part(self) -> Part<'a> {
        match self {
            Self::All(part)
            | Self::Header(part)
            | Self::HeaderFields(part, _)
            | Self::HeaderFieldsNot(part, _)
            | Self::Text(part)
            | Self::Mime(part) => part,
        }
    }

    pub(super) fn encode(self, encoder: &mut Encoder) {
        encoder.raw(b"[");
        let part = self.part();
        part.encode(encoder);
        if !part.is_whole() && !matches!(self, Self::All(_)) {
            encoder.raw(b".");
        }
        match self {
            Self::All(_) => {}
            Self::Header(_) => encoder.raw(b"HEADER"),
            Self::HeaderFields(_, fields) => {
                encoder.raw(b"HEADER.FIELDS ");
                fields.encode(encoder);
            }
            Self::HeaderFieldsNot(_, fields) => {
                encoder.raw(b"HEADER.FIELDS.NOT ");
                fields.encode(encoder);
            }
            Self::Text(_) => encoder.raw(b"TEXT"),
            Self::Mime(_) => encoder.raw(b"MIME"),
        }
        encoder.raw(b"]");
    }
}

/// The names of header fields, as a list that was checked and is walked.
///
/// ```
/// use mailwire_imap::command::{FetchItem, FetchItems, Section};
/// let items: FetchItems = "BODY[HEADER.FIELDS (DATE \"From\")]".parse()?;
/// let Some(FetchItem::Body { section, .. }) = items.iter().next() else { unreachable!() };
/// let Section::HeaderFields(_, fields) = section else { unreachable!() };
/// assert!(fields.contains(b"date") && fields.contains(b"FROM"));
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct HeaderFields<'a>(&'a [u8]);

impl<'a> HeaderFields<'a> {
    pub(in crate::command) fn parse(cursor: &mut Cursor<'a>) -> Result<Self, ParseError> {
        cursor.space()?;
        let start = cursor.offset();
        cursor.list(Expected::List, |cursor| cursor.astring().map(drop))?;
        let list = cursor.frame().get(start..cursor.offset());
        Ok(Self(list.unwrap_or_default()))
    }

    /// The names in their order.
    pub fn iter(self) -> impl Iterator<Item = Text<'a>> {
        let mut cursor = Cursor::borrowing(self.0);
        core::iter::from_fn(move || {
            // `(` in front of the first one, a space in front of the others.
            cursor.advance(1);
            let span: Option<Span> = cursor.astring().ok();
            span.map(|span| span.text(cursor.frame()))
        })
    }

    /// Whether `name` is among them, in any case.
    #[must_use]
    pub fn contains(self, name: &[u8]) -> bool {
        self.iter()
            .any(|field| field.octets().eq_ignore_ascii_case(name))
    }

    fn encode(self, encoder: &mut Encoder) {
        let mut front: &[u8] = b"(";
        for name in self.iter() {
            encoder.raw(front);
            encoder.astring(&name.octets());
            front = b" ";
        }
        encoder.raw(b")");
    }
}

impl PartialEq for HeaderFields<'_> {
    /// Equal where the names are, in their order and in any case.
    fn eq(&self, other: &Self) -> bool {
        let mut theirs = other.iter();
        self.iter().all(|ours| {
            theirs
                .next()
                .is_some_and(|theirs| theirs.octets().eq_ignore_ascii_case(&ours.octets()))
        }) && theirs.next().is_none()
    }
}

impl Eq for HeaderFields<'_> {}

impl core::fmt::Debug for HeaderFields<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A piece of a section: `<offset.count>`. In a response only the offset is there.
///
/// ```
/// use mailwire_imap::command::Partial;
/// let partial = Partial::new(4_294_967_295, core::num::NonZeroU32::MAX);
/// assert_eq!(partial.end(), 8_589_934_590);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Partial {
    offset: u32,
    count: NonZeroU32,
}

impl Partial {
    /// `count` octets from `offset`.
    #[must_use]
    pub const fn new(offset: u32, count: NonZeroU32) -> Self {
        Self { offset, count }
    }

    /// The first octet.
    #[must_use]
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// How many octets at the most.
    #[must_use]
    pub const fn count(self) -> NonZeroU32 {
        self.count
    }

    /// The octet behind the last one.
    #[must_use]
    pub fn end(self) -> u64 {
        u64::from(self.offset) + u64::from(self.count.get())
    }

    /// Reads a partial where one stands.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Self>, ParseError> {
        let number = |digits: &[u8]| core::str::from_utf8(digits).ok()?.parse().ok();
        let part = (
            map_res(digit1, |digits: &[u8]| number(digits).ok_or(())),
            preceded(
                tag(&b"."[..]),
                map_res(digit1, |digits: &[u8]| {
                    number(digits).and_then(NonZeroU32::new).ok_or(())
                }),
            ),
        );
        if cursor.peek() != Some(b'<') {
            return Ok(None);
        }
        let partial = opt(delimited(tag(&b"<"[..]), part, tag(&b">"[..])));
        let error = cursor.error(Expected::Partial);
        let (offset, count) = cursor.run(Expected::Partial, partial)?.ok_or(error)?;
        Ok(Some(Self { offset, count }))
    }

    pub(super) fn encode(self, encoder: &mut Encoder) {
        encoder.raw(b"<");
        encoder.number(u64::from(self.offset));
        encoder.raw(b".");
        encoder.number(u64::from(self.count.get()));
        encoder.raw(b">");
    }
}
