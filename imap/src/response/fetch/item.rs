//! The items of a FETCH response as views.

use core::{fmt, num::NonZeroU32};

use super::section::Section;
use crate::{
    bodystructure::BodyStructure, datetime::DateTime, envelope::Envelope, error::ParseError,
    flag::Flags, response::scan::Scan, text::Text,
};

/// An item of a FETCH response.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::response::{FetchItem, Response, Tolerances};
/// let frame = Bytes::from_static(b"* 12 FETCH (UID 7 X-NEW (1 2) RFC822.SIZE 44)");
/// let (Response::Fetch(fetch), _) = Response::parse(frame, Tolerances::NONE)? else {
///     unreachable!()
/// };
/// let items: Vec<_> = fetch.items().collect();
/// assert!(matches!(items[1], FetchItem::Unknown { name: b"X-NEW", value: b"(1 2)" }));
/// assert_eq!(items[2], FetchItem::Size(44));
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum FetchItem<'a> {
    /// `BINARY[...]`, RFC 3516: content with its transfer encoding undone.
    Binary {
        /// The part.
        section: Section<'a>,
        /// Where the content begins, if a part of it was asked for.
        origin: Option<u64>,
        /// The content.
        content: Content<'a>,
    },
    /// `BINARY.SIZE[...]`.
    BinarySize {
        /// The part.
        section: Section<'a>,
        /// How many octets `BINARY[...]` would have.
        size: u64,
    },
    /// `BODY`: the structure without extension data.
    Body(BodyStructure),
    /// `BODYSTRUCTURE`.
    BodyStructure(BodyStructure),
    /// `ENVELOPE`.
    Envelope(Envelope),
    /// `FLAGS`.
    Flags(Flags),
    /// `INTERNALDATE`.
    InternalDate(DateTime),
    /// `MODSEQ`, RFC 7162.
    ModSeq(u64),
    /// `RFC822`, RFC 3501.
    Rfc822(Content<'a>),
    /// `RFC822.HEADER`, RFC 3501.
    Rfc822Header(Content<'a>),
    /// `RFC822.TEXT`, RFC 3501.
    Rfc822Text(Content<'a>),
    /// `BODY[...]`.
    Section {
        /// The section.
        section: Section<'a>,
        /// Where the content begins, if a part of it was asked for.
        origin: Option<u64>,
        /// The content.
        content: Content<'a>,
    },
    /// `RFC822.SIZE`.
    Size(u64),
    /// `UID`.
    Uid(NonZeroU32),
    /// An item that cannot be understood; the others are not harmed.
    Invalid {
        /// Its name; empty where not even a name could be found.
        name: &'a [u8],
        /// Its value as it stands on the wire.
        value: &'a [u8],
        /// What is wrong.
        error: ParseError,
    },
    /// Any other one.
    Unknown {
        /// Its name.
        name: &'a [u8],
        /// Its value as it stands on the wire.
        value: &'a [u8],
    },
}

/// Content of a message in a FETCH response. `Debug` shows its size only.
///
/// ```
/// use mailwire_imap::{response::Content, text::Text};
/// assert_eq!(Content::Inline(Text::plain(b"hi")).text().unwrap(), "hi");
/// assert!(Content::Nil.text().is_none());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Content<'a> {
    /// There is none.
    Nil,
    /// The content itself.
    Inline(Text<'a>),
    /// So many octets, which were told by themselves before.
    Streamed(u64),
}

impl<'a> Content<'a> {
    pub(super) fn of(wire: &'a [u8]) -> Self {
        let digits = wire
            .strip_prefix(b"~")
            .unwrap_or(wire)
            .strip_prefix(b"{")
            .and_then(|literal| literal.strip_suffix(b"}"));
        if let Some(digits) = digits {
            let mut scan = Scan::again(digits);
            if let (Ok(len), true) = (scan.number64(), scan.rest().is_empty()) {
                return Self::Streamed(len);
            }
        }
        Text::of_nstring(wire).map_or(Self::Nil, Self::Inline)
    }

    /// The content itself, if it is here.
    #[must_use]
    pub const fn text(self) -> Option<Text<'a>> {
        match self {
            Self::Inline(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("Nil"),
            Self::Inline(text) => write!(f, "Inline({} octets)", text.raw().len()),
            Self::Streamed(len) => write!(f, "Streamed({len} octets)"),
        }
    }
}
