//! ESEARCH (RFC 4731, RFC 9051 §7.3.4, RFC 5267, RFC 9394, RFC 7377).

use core::{fmt, num::NonZeroU32};

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    scan::{Parsed, Scan, Span},
    write,
};
use crate::{
    error::{Expected, ParseError},
    grammar::Cursor,
    sequence::SequenceSet,
    text::Text,
};

/// An ESEARCH response.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::response::{ESearchItem, Response, Tolerances};
/// let frame = Bytes::from_static(b"* ESEARCH (TAG \"A285\") UID MIN 7 COUNT 18");
/// let (Response::ESearch(found), _) = Response::parse(frame, Tolerances::NONE)? else {
///     unreachable!()
/// };
/// assert_eq!(found.tag().unwrap(), "A285");
/// assert!(found.is_uid());
/// assert!(found.items().any(|item| item == ESearchItem::Count(18)));
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct ESearch {
    pub(super) frame: Bytes,
    correlator: Span,
    is_uid: bool,
    items: Span,
}

/// An item of an ESEARCH response.
///
/// ```
/// use mailwire_imap::response::{ESearch, ESearchItem};
/// let found = ESearch::uids(b"A1", &[ESearchItem::All("4:19,21".parse()?)]);
/// assert_eq!(found.wire(), b"* ESEARCH (TAG \"A1\") UID ALL 4:19,21");
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum ESearchItem<'a> {
    /// `ALL`: what was found, as ranges. No `ALL`: nothing was found.
    All(SequenceSet),
    /// `COUNT`.
    Count(u32),
    /// `MAX`.
    Max(NonZeroU32),
    /// `MIN`.
    Min(NonZeroU32),
    /// `MODSEQ`, RFC 7162 §3.1.6.
    ModSeq(u64),
    /// `PARTIAL`, RFC 9394 §3.1: the range that was asked for, and what it holds.
    Partial {
        /// The range as it stands on the wire, `1:100` or `-1:-100`.
        range: &'a [u8],
        /// The messages; nothing for NIL.
        set: Option<SequenceSet>,
    },
    /// A known item whose value is not what the RFC says.
    Invalid {
        /// Its name.
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

/// What was read, sets not yet made.
enum Read<'a> {
    All(Span),
    Partial(&'a [u8], Option<Span>),
    Plain(ESearchItem<'a>),
}

impl<'a> ESearchItem<'a> {
    fn read(scan: &mut Scan<'a>) -> Parsed<Read<'a>> {
        let name = scan.atom()?;
        scan.sp()?;
        let start = scan.at();
        let error = match Self::known(name, scan) {
            Some(Ok(read)) if scan.rest().is_empty() || scan.peek() == Some(b' ') => {
                return Ok(read);
            }
            Some(Ok(_)) => Some(ParseError::new(Expected::Space, scan.at())),
            Some(Err(error)) => Some(error),
            None => None,
        };
        scan.back_to(start);
        let span = scan.recover();
        if span.is_empty() {
            return scan.fail(Expected::Parameter);
        }
        let value = scan.slice(span);
        Ok(Read::Plain(match error {
            None => Self::Unknown { name, value },
            Some(error) => {
                scan.notices.invalid += 1;
                Self::Invalid { name, value, error }
            }
        }))
    }

    fn known(name: &[u8], scan: &mut Scan<'a>) -> Option<Parsed<Read<'a>>> {
        let mut upper = [0; 8];
        let upper = upper.get_mut(..name.len())?;
        upper.copy_from_slice(name);
        upper.make_ascii_uppercase();
        Some(match &*upper {
            b"ALL" => scan.set().map(Read::All),
            b"COUNT" => scan.number().map(|count| Read::Plain(Self::Count(count))),
            b"MAX" => scan.nz_number().map(|max| Read::Plain(Self::Max(max))),
            b"MIN" => scan.nz_number().map(|min| Read::Plain(Self::Min(min))),
            b"MODSEQ" => scan
                .number64()
                .map(|value| Read::Plain(Self::ModSeq(value))),
            b"PARTIAL" => partial(scan),
            _ => return None,
        })
    }

    fn of(read: Read<'a>, scan: &Scan<'a>) -> Option<Self> {
        let set = |span| SequenceSet::parse(&mut Cursor::borrowing(scan.slice(span))).ok();
        Some(match read {
            Read::Plain(item) => item,
            Read::All(span) => Self::All(set(span)?),
            Read::Partial(range, None) => Self::Partial { range, set: None },
            Read::Partial(range, Some(span)) => Self::Partial {
                range,
                set: Some(set(span)?),
            },
        })
    }

    fn encode(&self, wire: &mut BytesMut) {
        let (name, number): (&[u8], u64) = match self {
            Self::Count(count) => (b"COUNT ", (*count).into()),
            Self::Max(max) => (b"MAX ", max.get().into()),
            Self::Min(min) => (b"MIN ", min.get().into()),
            Self::ModSeq(value) => (b"MODSEQ ", *value),
            Self::All(set) => {
                wire.put_slice(b"ALL ");
                return wire.put_slice(set.as_bytes());
            }
            Self::Partial { range, set } => {
                wire.put_slice(b"PARTIAL (");
                wire.put_slice(range);
                wire.put_u8(b' ');
                wire.put_slice(set.as_ref().map_or(b"NIL", |set| set.as_bytes()));
                return wire.put_u8(b')');
            }
            Self::Invalid { name, value, .. } | Self::Unknown { name, value } => {
                wire.put_slice(name);
                wire.put_u8(b' ');
                return wire.put_slice(value);
            }
        };
        wire.put_slice(name);
        write::number(wire, number);
    }
}

fn partial<'a>(scan: &mut Scan<'a>) -> Parsed<Read<'a>> {
    scan.open()?;
    let range = scan.run(
        |octet| matches!(octet, b'0'..=b'9' | b':' | b'-'),
        Expected::Partial,
    )?;
    scan.sp()?;
    let set = if scan.is_nil() {
        None
    } else {
        Some(scan.set()?)
    };
    scan.close()?;
    Ok(Read::Partial(range, set))
}

impl ESearch {
    pub(super) fn read(scan: &mut Scan<'_>) -> Parsed<Self> {
        let mut correlator = Span::default();
        if scan.rest().starts_with(b" (") {
            scan.sp()?;
            let start = scan.at();
            scan.value()?;
            correlator = scan.since(start);
        }
        let before = scan.at();
        let is_uid = scan.eat(b' ') && scan.is_word(b"UID");
        if !is_uid {
            scan.back_to(before);
        }
        let start = scan.at();
        let mut items = scan.since(start);
        while !scan.at_end() {
            scan.sp()?;
            ESearchItem::read(scan)?;
            items = scan.since(start);
        }
        Ok(Self {
            frame: Bytes::new(),
            correlator,
            is_uid,
            items,
        })
    }

    /// An ESEARCH response to the command of that tag, whose numbers are UIDs after
    /// [`uids`](Self::uids) only.
    #[must_use]
    pub fn new(tag: &[u8], items: &[ESearchItem<'_>]) -> Self {
        Self::written(tag, items, &[])
    }

    /// An ESEARCH response whose numbers are UIDs.
    #[must_use]
    pub fn uids(tag: &[u8], items: &[ESearchItem<'_>]) -> Self {
        Self::written(tag, items, b" UID")
    }

    fn written(tag: &[u8], items: &[ESearchItem<'_>], uid: &[u8]) -> Self {
        let mut wire = BytesMut::with_capacity(96);
        wire.put_slice(b"* ESEARCH ");
        let start = wire.len();
        wire.put_slice(b"(TAG ");
        write::string(&mut wire, tag);
        wire.put_u8(b')');
        let correlator = Span::new(start, wire.len());
        wire.put_slice(uid);
        let start = wire.len();
        for item in items {
            wire.put_u8(b' ');
            item.encode(&mut wire);
        }
        Self {
            correlator,
            is_uid: !uid.is_empty(),
            items: Span::new(start, wire.len()),
            frame: wire.freeze(),
        }
    }

    /// A value of the search correlator: `TAG`, or what RFC 7377 adds.
    #[must_use]
    pub fn correlator(&self, name: &str) -> Option<Text<'_>> {
        let mut scan = Scan::again(self.correlator.of(&self.frame));
        scan.open().ok()?;
        loop {
            let found = scan.word(Expected::Atom).ok()?;
            scan.sp().ok()?;
            let value = scan.astring().ok()?;
            if found.eq_ignore_ascii_case(name.as_bytes()) {
                return Some(scan.text(value));
            }
            scan.sp().ok()?;
        }
    }

    /// The tag of the command that it answers.
    #[must_use]
    pub fn tag(&self) -> Option<Text<'_>> {
        self.correlator("TAG")
    }

    /// Whether the numbers are UIDs.
    #[must_use]
    pub const fn is_uid(&self) -> bool {
        self.is_uid
    }

    /// The items, in the server's order.
    pub fn items(&self) -> impl Iterator<Item = ESearchItem<'_>> {
        let mut scan = Scan::again(self.items.of(&self.frame));
        core::iter::from_fn(move || {
            while scan.eat(b' ') {}
            let read = ESearchItem::read(&mut scan).ok()?;
            ESearchItem::of(read, &scan)
        })
    }

    /// The octets on the wire, without the CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.frame
    }
}

impl PartialEq for ESearch {
    fn eq(&self, other: &Self) -> bool {
        self.tag() == other.tag() && self.is_uid == other.is_uid && self.items().eq(other.items())
    }
}

impl fmt::Debug for ESearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ESearch")
            .field("tag", &self.tag())
            .field("is_uid", &self.is_uid)
            .finish_non_exhaustive()
    }
}
