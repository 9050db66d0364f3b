//! One thing that FETCH is to return.

use super::{Part, Partial, Peek, Section};
use crate::{
    command::keyword::keyword,
    encode::Encoder,
    error::{Expected, ParseError},
    grammar::Cursor,
};

/// One thing that FETCH is to return, as a view of [`FetchItems`](super::FetchItems).
///
/// ```
/// use mailwire_imap::command::{FetchItem, FetchItems};
/// let items = FetchItems::new(&[FetchItem::Uid, FetchItem::Flags]).unwrap();
/// assert!(items.iter().eq([FetchItem::Uid, FetchItem::Flags]));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FetchItem<'a> {
    /// `ENVELOPE`.
    Envelope,
    /// `FLAGS`.
    Flags,
    /// `INTERNALDATE`.
    InternalDate,
    /// `RFC822`: like `BODY[]` (RFC 3501 §6.4.5).
    Rfc822,
    /// `RFC822.HEADER`: like `BODY.PEEK[HEADER]` (RFC 3501 §6.4.5).
    Rfc822Header,
    /// `RFC822.SIZE`.
    Rfc822Size,
    /// `RFC822.TEXT`: like `BODY[TEXT]` (RFC 3501 §6.4.5).
    Rfc822Text,
    /// `BODY` without a section: BODYSTRUCTURE without its extension data.
    BodyWithoutExtensions,
    /// `BODYSTRUCTURE`.
    BodyStructure,
    /// `UID`.
    Uid,
    /// `BODY[...]` and `BODY.PEEK[...]`.
    Body {
        /// Whether it sets `\Seen`.
        peek: Peek,
        /// What.
        section: Section<'a>,
        /// Which piece of it.
        partial: Option<Partial>,
    },
    /// `BINARY[...]` and `BINARY.PEEK[...]` (RFC 3516 §4.2).
    Binary {
        /// Whether it sets `\Seen`.
        peek: Peek,
        /// What.
        part: Part<'a>,
        /// Which piece of it, counted after decoding.
        partial: Option<Partial>,
    },
    /// `BINARY.SIZE[...]` (RFC 3516 §4.2).
    BinarySize(Part<'a>),
    /// `MODSEQ` (RFC 7162 §3.1.4.2).
    ModSeq,
    /// `PREVIEW` (RFC 8970 §3.1).
    Preview,
    /// `SAVEDATE` (RFC 8514 §4.2).
    SaveDate,
    /// `EMAILID` (RFC 8474 §5.1).
    EmailId,
    /// `THREADID` (RFC 8474 §5.2).
    ThreadId,
}

/// A name for several items (RFC 9051 §6.4.5).
///
/// ```
/// use mailwire_imap::command::{FetchItem, Macro};
/// assert_eq!(Macro::Fast.items().last(), Some(&FetchItem::Rfc822Size));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 §6.4.5 has these three")]
pub enum Macro {
    /// `ALL`.
    All,
    /// `FAST`.
    Fast,
    /// `FULL`.
    Full,
}

impl Macro {
    /// What it stands for.
    #[must_use]
    pub const fn items(self) -> &'static [FetchItem<'static>] {
        const FULL: &[FetchItem<'static>] = &[
            FetchItem::Flags,
            FetchItem::InternalDate,
            FetchItem::Rfc822Size,
            FetchItem::Envelope,
            FetchItem::BodyWithoutExtensions,
        ];
        let ([fast @ .., _, _], [all @ .., _]) = (FULL, FULL) else {
            return FULL;
        };
        match self {
            Self::Fast => fast,
            Self::All => all,
            Self::Full => FULL,
        }
    }

    pub(super) const fn name(self) -> &'static [u8] {
        match self {
            Self::All => b"ALL",
            Self::Fast => b"FAST",
            Self::Full => b"FULL",
        }
    }

    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        [Self::All, Self::Fast, Self::Full]
            .into_iter()
            .find(|one| cursor.eat_keyword(one.name()))
    }
}

impl<'a> FetchItem<'a> {
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<Self, ParseError> {
        let error = cursor.error(Expected::FetchAttribute);
        let name = keyword(cursor, Expected::FetchAttribute)?;
        let has_section = cursor.peek() == Some(b'[');
        Ok(match (name.upper(), has_section) {
            (b"ENVELOPE", _) => Self::Envelope,
            (b"FLAGS", _) => Self::Flags,
            (b"INTERNALDATE", _) => Self::InternalDate,
            (b"RFC822", _) => Self::Rfc822,
            (b"RFC822.HEADER", _) => Self::Rfc822Header,
            (b"RFC822.SIZE", _) => Self::Rfc822Size,
            (b"RFC822.TEXT", _) => Self::Rfc822Text,
            (b"BODYSTRUCTURE", _) => Self::BodyStructure,
            (b"UID", _) => Self::Uid,
            (b"MODSEQ", _) => Self::ModSeq,
            (b"PREVIEW", _) => Self::Preview,
            (b"SAVEDATE", _) => Self::SaveDate,
            (b"EMAILID", _) => Self::EmailId,
            (b"THREADID", _) => Self::ThreadId,
            (b"BODY", false) => Self::BodyWithoutExtensions,
            (b"BODY", true) => Self::body(Peek::Sets, cursor)?,
            (b"BODY.PEEK", true) => Self::body(Peek::Leaves, cursor)?,
            (b"BINARY", true) => Self::binary(Peek::Sets, cursor)?,
            (b"BINARY.PEEK", true) => Self::binary(Peek::Leaves, cursor)?,
            (b"BINARY.SIZE", true) => Self::BinarySize(bare_part(cursor)?),
            _ => return Err(error),
        })
    }

    fn body(peek: Peek, cursor: &mut Cursor<'a>) -> Result<Self, ParseError> {
        Ok(Self::Body {
            peek,
            section: Section::parse(cursor)?,
            partial: Partial::parse(cursor)?,
        })
    }

    fn binary(peek: Peek, cursor: &mut Cursor<'a>) -> Result<Self, ParseError> {
        Ok(Self::Binary {
            peek,
            part: bare_part(cursor)?,
            partial: Partial::parse(cursor)?,
        })
    }

    pub(super) fn encode(self, encoder: &mut Encoder) {
        match self {
            Self::Envelope => encoder.raw(b"ENVELOPE"),
            Self::Flags => encoder.raw(b"FLAGS"),
            Self::InternalDate => encoder.raw(b"INTERNALDATE"),
            Self::Rfc822 => encoder.raw(b"RFC822"),
            Self::Rfc822Header => encoder.raw(b"RFC822.HEADER"),
            Self::Rfc822Size => encoder.raw(b"RFC822.SIZE"),
            Self::Rfc822Text => encoder.raw(b"RFC822.TEXT"),
            Self::BodyWithoutExtensions => encoder.raw(b"BODY"),
            Self::BodyStructure => encoder.raw(b"BODYSTRUCTURE"),
            Self::Uid => encoder.raw(b"UID"),
            Self::ModSeq => encoder.raw(b"MODSEQ"),
            Self::Preview => encoder.raw(b"PREVIEW"),
            Self::SaveDate => encoder.raw(b"SAVEDATE"),
            Self::EmailId => encoder.raw(b"EMAILID"),
            Self::ThreadId => encoder.raw(b"THREADID"),
            Self::Body {
                peek,
                section,
                partial,
            } => {
                encoder.raw(match peek {
                    Peek::Sets => b"BODY",
                    Peek::Leaves => b"BODY.PEEK",
                });
                section.encode(encoder);
                put_partial(encoder, partial);
            }
            Self::Binary {
                peek,
                part,
                partial,
            } => {
                encoder.raw(match peek {
                    Peek::Sets => b"BINARY",
                    Peek::Leaves => b"BINARY.PEEK",
                });
                Section::All(part).encode(encoder);
                put_partial(encoder, partial);
            }
            Self::BinarySize(part) => {
                encoder.raw(b"BINARY.SIZE");
                Section::All(part).encode(encoder);
            }
        }
    }
}

/// `[1.2]` (RFC 3516 §7 `section-binary`).
fn bare_part<'a>(cursor: &mut Cursor<'a>) -> Result<Part<'a>, ParseError> {
    cursor.expect(b'[', Expected::OpenBracket)?;
    let part = Part::parse(cursor)?;
    cursor.expect(b']', Expected::CloseBracket)?;
    Ok(part)
}

fn put_partial(encoder: &mut Encoder, partial: Option<Partial>) {
    if let Some(partial) = partial {
        partial.encode(encoder);
    }
}
