//! FETCH (RFC 9051 §7.5.2, RFC 3516, RFC 7162 §3.1.4).
//!
//! Reading a response checks each item once and notes where it is; nothing is allocated. An item
//! that is not what it should be costs itself: it is kept as [`FetchItem::Invalid`], and the walk
//! goes on behind it.

mod build;
mod item;
mod section;

use core::{fmt, num::NonZeroU32};

use bytes::{Bytes, BytesMut};

pub use self::{
    build::FetchBuilder,
    item::{Content, FetchItem},
    section::{Section, SectionText},
};
use super::{
    Notices, Tolerances, flags,
    scan::{Parsed, Scan, Span, narrow},
};
use crate::{
    bodystructure::{self, BodyStructure},
    datetime::DateTime,
    envelope::{self, Envelope},
    error::{Expected, ParseError},
    flag::Flags,
    grammar::{Cursor, Upper, is_atom_char},
};

/// A FETCH response: what a server says about one message.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::{flag::Flag, response::{Response, Tolerances}};
/// let frame = Bytes::from_static(b"* 12 FETCH (FLAGS (\\Seen) UID 7 BODY[TEXT] {2}\r\nhi)");
/// let (Response::Fetch(fetch), _) = Response::parse(frame, Tolerances::NONE)? else {
///     unreachable!()
/// };
/// assert_eq!((fetch.number().get(), fetch.uid().unwrap().get()), (12, 7));
/// assert!(fetch.flags().unwrap().contains(&Flag::Seen));
/// assert_eq!(fetch.section(b"TEXT").unwrap().text().unwrap(), "hi");
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Fetch {
    pub(super) frame: Bytes,
    number: NonZeroU32,
    index: Index,
    plain: Plain,
    /// How it was read, so that what is read again is understood alike.
    manner: (Tolerances, bool),
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Kind {
    Binary,
    BinarySize,
    Body,
    BodyStructure,
    Envelope,
    Flags,
    InternalDate,
    #[default]
    Invalid,
    ModSeq,
    Rfc822,
    Rfc822Header,
    Rfc822Text,
    Section,
    Size,
    Uid,
    Unknown,
}

/// Where an item is.
#[derive(Clone, Copy, Default)]
struct Entry {
    kind: Kind,
    name: u32,
    value: u32,
    end: u32,
}

impl Entry {
    const fn value(&self) -> Span {
        Span {
            start: self.value,
            end: self.end,
        }
    }
}

/// An entry as it is kept: the value begins so many octets behind the name.
#[derive(Clone, Copy, Default)]
struct Kept {
    name: u32,
    end: u32,
    value: u16,
    kind: Kind,
}

impl Kept {
    fn of(entry: &Entry) -> Option<Self> {
        Some(Self {
            name: entry.name,
            end: entry.end,
            value: u16::try_from(entry.value.saturating_sub(entry.name)).ok()?,
            kind: entry.kind,
        })
    }

    fn entry(self) -> Entry {
        Entry {
            kind: self.kind,
            name: self.name,
            value: self.name.saturating_add(self.value.into()),
            end: self.end,
        }
    }
}

/// The first items; hardly any FETCH has more. Those behind them are found by reading on.
#[derive(Clone, Copy, Default)]
struct Index {
    entries: [Kept; Self::ENTRIES],
    len: u8,
    /// Where the first item behind them begins; 0 if there is none.
    rest: u32,
}

impl Index {
    const ENTRIES: usize = 8;

    fn push(&mut self, entry: &Entry) {
        if self.rest != 0 {
            return;
        }
        match (self.entries.get_mut(usize::from(self.len)), Kept::of(entry)) {
            (Some(place), Some(kept)) => {
                *place = kept;
                self.len += 1;
            }
            _ => self.rest = entry.name,
        }
    }
}

/// What is read on the way.
#[derive(Clone, Copy, Default)]
struct Plain {
    uid: Option<NonZeroU32>,
    size: Option<u64>,
    mod_seq: Option<u64>,
    envelope: Noted,
    /// Where a body structure begins, and where its parts end within it.
    body: (u32, u32),
}

/// Where an envelope begins, and its fields within it. One of 64 KiB is not noted but read again.
type Noted = (u32, [u16; envelope::FIELDS]);

fn noted(at: u32, starts: [u32; envelope::FIELDS]) -> Option<Noted> {
    let mut short = [0; envelope::FIELDS];
    for (short, start) in short.iter_mut().zip(starts) {
        *short = u16::try_from(start).ok()?;
    }
    Some((at, short))
}

impl Fetch {
    /// One that is to be read in that manner.
    pub(super) fn unread(number: NonZeroU32, manner: (Tolerances, bool)) -> Self {
        Self {
            frame: Bytes::new(),
            number,
            index: Index::default(),
            plain: Plain::default(),
            manner,
        }
    }

    /// Behind the keyword.
    pub(super) fn read(&mut self, scan: &mut Scan<'_>) -> Parsed<()> {
        scan.sp()?;
        scan.open()?;
        let mut walk = Walk::default();
        let mut entry = Entry::default();
        while walk.next(scan, &mut self.plain, &mut entry)? {
            scan.notices.invalid += u32::from(walk.error.is_some());
            self.index.push(&entry);
        }
        Ok(())
    }

    /// Parses a FETCH response whose large literals were taken out by
    /// [`Responses`](crate::frame::Responses): the pieces one behind the other, so that `{n}`
    /// without CRLF stands for a literal that went another way. Of a response that has not ended
    /// the pieces so far and a `)` give what is known of it.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use mailwire_imap::response::{Content, Fetch, Tolerances};
    /// let pieces = Bytes::from_static(b"* 3 FETCH (BODY[] {70000} UID 9)");
    /// let (fetch, _) = Fetch::parse_streamed(pieces, Tolerances::NONE)?;
    /// assert_eq!(fetch.section(b""), Some(Content::Streamed(70_000)));
    /// assert_eq!(fetch.uid().unwrap().get(), 9);
    /// # Ok::<(), mailwire_imap::error::ParseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ParseError`] if it is no FETCH response.
    pub fn parse_streamed(
        frame: Bytes,
        tolerances: Tolerances,
    ) -> Result<(Self, Notices), ParseError> {
        if u32::try_from(frame.len()).is_err() {
            return Err(ParseError::new(Expected::Response, 0));
        }
        let mut scan = Scan::new(&frame, tolerances).streamed();
        scan.need(b'*', Expected::Response)?;
        scan.sp()?;
        let number = scan.nz_number()?;
        scan.sp()?;
        if !scan.is_word(b"FETCH") {
            return scan.fail(Expected::Response);
        }
        let mut fetch = Self::unread(number, scan.manner());
        fetch.read(&mut scan)?;
        let notices = scan.notices;
        fetch.frame = frame;
        Ok((fetch, notices))
    }

    /// A new one.
    #[must_use]
    pub fn builder(number: NonZeroU32) -> FetchBuilder {
        FetchBuilder::new(number)
    }

    /// A new one that is written into `buffer`, which is emptied first. Of a large buffer many
    /// responses are made without an allocation.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mailwire_imap::response::Fetch;
    /// let mut buffer = BytesMut::with_capacity(64 * 1024);
    /// for number in (1..=100).filter_map(std::num::NonZero::new) {
    ///     let (fetch, rest) = Fetch::builder_in(number, buffer).uid(number).build_and_keep();
    ///     assert_eq!(fetch.uid(), Some(number));
    ///     buffer = rest;
    /// }
    /// ```
    #[must_use]
    pub fn builder_in(number: NonZeroU32, buffer: BytesMut) -> FetchBuilder {
        FetchBuilder::within(number, buffer)
    }

    /// The number of the message.
    #[must_use]
    pub const fn number(&self) -> NonZeroU32 {
        self.number
    }

    /// `UID`.
    #[must_use]
    pub const fn uid(&self) -> Option<NonZeroU32> {
        self.plain.uid
    }

    /// `RFC822.SIZE`.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.plain.size
    }

    /// `MODSEQ`.
    #[must_use]
    pub const fn mod_seq(&self) -> Option<u64> {
        self.plain.mod_seq
    }

    /// `FLAGS`.
    #[must_use]
    pub fn flags(&self) -> Option<Flags> {
        let entry = self.find(Kind::Flags)?;
        Some(flags::of(&self.frame, entry.value()))
    }

    /// `INTERNALDATE`.
    #[must_use]
    pub fn internal_date(&self) -> Option<DateTime> {
        let entry = self.find(Kind::InternalDate)?;
        DateTime::parse(&mut Cursor::borrowing(entry.value().of(&self.frame))).ok()
    }

    /// `ENVELOPE`.
    #[must_use]
    pub fn envelope(&self) -> Option<Envelope> {
        let entry = self.find(Kind::Envelope)?;
        self.envelope_at(&entry)
    }

    /// `BODYSTRUCTURE`, else `BODY`.
    #[must_use]
    pub fn body_structure(&self) -> Option<BodyStructure> {
        let entry = self
            .find(Kind::BodyStructure)
            .or_else(|| self.find(Kind::Body))?;
        Some(self.body_at(&entry))
    }

    /// The content of `BODY[...]` of this section, from whatever origin.
    #[must_use]
    pub fn section(&self, section: &[u8]) -> Option<Content<'_>> {
        let wanted = Section::of(section).ok()?;
        self.items().find_map(|item| match item {
            FetchItem::Section {
                section, content, ..
            } if section == wanted => Some(content),
            _ => None,
        })
    }

    /// All items, in the server's order.
    pub fn items(&self) -> impl Iterator<Item = FetchItem<'_>> {
        self.entries().map(|(entry, error)| self.item(entry, error))
    }

    /// The octets on the wire, without the CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.frame
    }

    /// What is to be sent: octets, and how many of a literal that is not among them follow.
    ///
    /// ```
    /// use mailwire_imap::response::{Fetch, Section};
    /// let fetch = Fetch::builder(std::num::NonZero::new(1).unwrap())
    ///     .streamed_section(Section::of(b"")?, None, 70_000)
    ///     .build();
    /// let pieces: Vec<_> = fetch.pieces().collect();
    /// assert_eq!(pieces[0], (b"* 1 FETCH (BODY[] {70000}\r\n"[..].into(), Some(70_000)));
    /// assert_eq!(pieces[1], (b")\r\n"[..].into(), None));
    /// # Ok::<(), mailwire_imap::error::ParseError>(())
    /// ```
    pub fn pieces(&self) -> impl Iterator<Item = (Bytes, Option<u64>)> {
        let mut bodies = self.cuts();
        let mut start = 0;
        core::iter::from_fn(move || {
            if start > self.frame.len() {
                return None;
            }
            let body = bodies.next();
            let end = body.map_or(self.frame.len(), |(end, _)| end);
            let mut piece = self.frame.get(start..end)?.to_vec();
            piece.extend_from_slice(b"\r\n");
            start = if body.is_some() { end } else { usize::MAX };
            Some((piece.into(), body.map(|(_, len)| len)))
        })
    }

    /// Where the frame is cut for literals that are sent by themselves, and how long they are.
    pub(crate) fn cuts(&self) -> impl Iterator<Item = (usize, u64)> {
        self.entries().filter_map(|(entry, _)| {
            let wire = entry.value().of(&self.frame);
            match Content::of(wire) {
                Content::Streamed(len) if wire.ends_with(b"}") => Some((entry.end as usize, len)),
                _ => None,
            }
        })
    }

    /// The octets on the wire, without the CRLF, to be kept.
    pub(crate) const fn frame(&self) -> &Bytes {
        &self.frame
    }

    fn slice(&self, entry: &Entry) -> Bytes {
        let range = entry.value().range();
        if self.frame.get(range.clone()).is_some() {
            self.frame.slice(range)
        } else {
            Bytes::new()
        }
    }

    fn envelope_at(&self, entry: &Entry) -> Option<Envelope> {
        let (at, starts) = self.plain.envelope;
        if at == entry.value {
            return Some(Envelope::of_checked(
                self.slice(entry),
                starts.map(u32::from),
            ));
        }
        // Another envelope in the same response: it is read again.
        Envelope::parse(self.slice(entry), self.manner.0).ok()
    }

    fn body_at(&self, entry: &Entry) -> BodyStructure {
        let (at, behind_parts) = self.plain.body;
        let known = if at == entry.value { behind_parts } else { 0 };
        BodyStructure::of_checked(self.slice(entry), known)
    }

    fn find(&self, kind: Kind) -> Option<Entry> {
        self.entries()
            .map(|(entry, _)| entry)
            .find(|entry| entry.kind == kind)
    }

    /// The noted items, then what is found by reading on.
    fn entries(&self) -> impl Iterator<Item = (Entry, Option<ParseError>)> {
        let noted = self.index.entries.get(..usize::from(self.index.len));
        let noted = noted
            .unwrap_or_default()
            .iter()
            .map(|kept| (kept.entry(), None));
        let scan = Scan::alike(&self.frame, self.manner);
        let mut scan = (self.index.rest != 0).then(|| scan.starting_at(self.index.rest));
        let mut walk = Walk {
            is_behind_item: false,
            is_doubtful: noted.clone().any(|(entry, _)| entry.kind == Kind::Invalid),
            error: None,
        };
        noted.chain(core::iter::from_fn(move || {
            let mut entry = Entry::default();
            let found = walk.next(scan.as_mut()?, &mut Plain::default(), &mut entry);
            matches!(found, Ok(true)).then_some((entry, walk.error))
        }))
    }

    fn item(&self, entry: Entry, error: Option<ParseError>) -> FetchItem<'_> {
        let value = entry.value().of(&self.frame);
        let mut scan = Scan::again(value);
        let item = match entry.kind {
            Kind::Uid => scan.nz_number().ok().map(FetchItem::Uid),
            Kind::Size => scan.number64().ok().map(FetchItem::Size),
            Kind::ModSeq => mod_seq(&mut scan).ok().map(FetchItem::ModSeq),
            Kind::Flags => Some(FetchItem::Flags(flags::of(&self.frame, entry.value()))),
            Kind::InternalDate => DateTime::parse(&mut Cursor::borrowing(value))
                .ok()
                .map(FetchItem::InternalDate),
            Kind::Envelope => self.envelope_at(&entry).map(FetchItem::Envelope),
            Kind::Body => Some(FetchItem::Body(self.body_at(&entry))),
            Kind::BodyStructure => Some(FetchItem::BodyStructure(self.body_at(&entry))),
            Kind::Rfc822 => Some(FetchItem::Rfc822(Content::of(value))),
            Kind::Rfc822Header => Some(FetchItem::Rfc822Header(Content::of(value))),
            Kind::Rfc822Text => Some(FetchItem::Rfc822Text(Content::of(value))),
            Kind::Section | Kind::Binary | Kind::BinarySize => self.sectioned(&entry, value),
            Kind::Unknown => Some(FetchItem::Unknown {
                name: self.name(&entry),
                value,
            }),
            Kind::Invalid => None,
        };
        item.unwrap_or_else(|| {
            let error = error.unwrap_or_else(|| {
                // The reason is not kept; it is found again where it is asked for.
                let mut scan = Scan::alike(&self.frame, self.manner).starting_at(entry.name);
                let found = self::entry(&mut scan, &mut Plain::default(), &mut Entry::default());
                found.unwrap_or_else(|| {
                    ParseError::new(Expected::FetchAttribute, entry.name as usize)
                })
            });
            FetchItem::Invalid {
                name: self.name(&entry),
                value,
                error,
            }
        })
    }

    fn name(&self, entry: &Entry) -> &[u8] {
        let span = Span {
            start: entry.name,
            end: entry.value,
        };
        span.of(&self.frame).trim_ascii_end()
    }

    fn sectioned<'a>(&'a self, entry: &Entry, value: &'a [u8]) -> Option<FetchItem<'a>> {
        let mut scan = Scan::again(self.name(entry));
        scan.word(Expected::FetchAttribute).ok()?;
        let (section, origin) = section_and_origin(&mut scan).ok()?;
        let section = Section(scan.slice(section));
        Some(match entry.kind {
            Kind::Section => FetchItem::Section {
                section,
                origin,
                content: Content::of(value),
            },
            Kind::Binary => FetchItem::Binary {
                section,
                origin,
                content: Content::of(value),
            },
            _ => FetchItem::BinarySize {
                section,
                size: Scan::again(value).number64().ok()?,
            },
        })
    }
}

/// The walk over the items of a list that is open.
#[derive(Default)]
struct Walk {
    is_behind_item: bool,
    /// Whether an item could not be read; then a parenthesis may not be what it seems.
    is_doubtful: bool,
    /// What is wrong with the item that was read last.
    error: Option<ParseError>,
}

impl Walk {
    /// Reads the next item to `place`, and says whether there is one.
    fn next(&mut self, scan: &mut Scan<'_>, plain: &mut Plain, place: &mut Entry) -> Parsed<bool> {
        self.error = None;
        let start = scan.at();
        if scan.closed() {
            if !self.is_doubtful || scan.at_end() {
                scan.end()?;
                return Ok(false);
            }
            // The bad item went on behind what looked like its end: the rest belongs to nobody.
            self.error = Some(ParseError::new(Expected::End, scan.at()));
            scan.back_to(scan.at() + scan.rest().len());
            *place = Entry {
                kind: Kind::Invalid,
                name: narrow(start),
                value: narrow(start),
                end: narrow(scan.at()),
            };
            return Ok(true);
        }
        if self.is_doubtful && scan.rest().is_empty() {
            return Ok(false);
        }
        if self.is_behind_item {
            scan.sp()?;
        }
        self.is_behind_item = true;
        let before = (plain.uid, plain.size, plain.mod_seq);
        self.error = entry(scan, plain, place);
        if self.error.is_some() {
            self.is_doubtful = true;
            // What else was noted belongs to no item at that place, so nobody asks for it.
            (plain.uid, plain.size, plain.mod_seq) = before;
        }
        Ok(true)
    }
}

/// Reads one item to `place`, or goes over what cannot be read and says why.
fn entry(scan: &mut Scan<'_>, plain: &mut Plain, place: &mut Entry) -> Option<ParseError> {
    let start = scan.at();
    let mut value = start;
    let error = match known(scan, &mut value, plain) {
        Ok(kind) if matches!(scan.peek(), Some(b' ' | b')')) => {
            *place = Entry {
                kind,
                name: narrow(start),
                value: narrow(value),
                end: narrow(scan.at()),
            };
            return None;
        }
        Ok(_) => ParseError::new(Expected::Space, scan.at()),
        Err(error) => error,
    };
    if value == start {
        // Without a name nobody knows where the value begins: the rest is lost.
        scan.back_to(scan.at() + scan.rest().len());
    } else {
        scan.back_to(value);
        scan.recover();
    }
    *place = Entry {
        kind: Kind::Invalid,
        name: narrow(start),
        value: narrow(value),
        end: narrow(scan.at()),
    };
    Some(error)
}

fn known(scan: &mut Scan<'_>, value: &mut usize, plain: &mut Plain) -> Parsed<Kind> {
    let name = scan.word(Expected::FetchAttribute)?;
    if scan.peek() == Some(b'[') {
        return sectioned(scan, name, value);
    }
    scan.sp()?;
    *value = scan.at();
    Ok(match Upper::of(name).as_bytes() {
        b"UID" => {
            plain.uid = Some(scan.nz_number()?);
            Kind::Uid
        }
        b"FLAGS" => {
            flags::pass(scan)?;
            Kind::Flags
        }
        b"INTERNALDATE" => {
            let mut cursor = Cursor::borrowing(scan.rest());
            let at = scan.at();
            DateTime::parse(&mut cursor)
                .map_err(|error| ParseError::new(error.expected, at + error.offset))?;
            scan.back_to(at + cursor.offset());
            Kind::InternalDate
        }
        b"RFC822.SIZE" => {
            plain.size = Some(scan.number64()?);
            Kind::Size
        }
        b"ENVELOPE" => {
            let at = narrow(scan.at());
            let mut starts = envelope::read(scan)?;
            for start in &mut starts {
                *start = start.saturating_sub(at);
            }
            if let Some(noted) = noted(at, starts) {
                plain.envelope = noted;
            }
            Kind::Envelope
        }
        b"BODYSTRUCTURE" => {
            plain.body = body(scan)?;
            Kind::BodyStructure
        }
        b"BODY" => {
            plain.body = body(scan)?;
            Kind::Body
        }
        b"MODSEQ" => {
            plain.mod_seq = Some(mod_seq(scan)?);
            Kind::ModSeq
        }
        b"RFC822" => {
            scan.content()?;
            Kind::Rfc822
        }
        b"RFC822.HEADER" => {
            scan.content()?;
            Kind::Rfc822Header
        }
        b"RFC822.TEXT" => {
            scan.content()?;
            Kind::Rfc822Text
        }
        _ => {
            scan.value()?;
            Kind::Unknown
        }
    })
}

/// Where the body structure begins, and where its parts end within it.
fn body(scan: &mut Scan<'_>) -> Parsed<(u32, u32)> {
    let at = narrow(scan.at());
    let behind_parts = bodystructure::read(scan)?;
    Ok((at, behind_parts.saturating_sub(at)))
}

/// An item with a section in its name.
fn sectioned(scan: &mut Scan<'_>, name: &[u8], value: &mut usize) -> Parsed<Kind> {
    let kind = if name.eq_ignore_ascii_case(b"BODY") {
        Kind::Section
    } else if name.eq_ignore_ascii_case(b"BINARY") {
        Kind::Binary
    } else if name.eq_ignore_ascii_case(b"BINARY.SIZE") {
        Kind::BinarySize
    } else {
        Kind::Unknown
    };
    let start = scan.at();
    let section = section_and_origin(scan);
    if section.is_err() {
        // Where the name ends is known all the same, mostly.
        scan.back_to(start);
        while !matches!(scan.peek(), None | Some(b']')) {
            scan.back_to(scan.at() + 1);
        }
        scan.run(
            |octet| is_atom_char(octet) || octet == b']',
            Expected::Section,
        )?;
    }
    scan.sp()?;
    *value = scan.at();
    if kind == Kind::Unknown {
        scan.value()?;
        return Ok(kind);
    }
    section?;
    match kind {
        Kind::BinarySize => {
            scan.number64()?;
        }
        Kind::Binary => {
            scan.binary_content()?;
        }
        _ => {
            scan.content()?;
        }
    }
    Ok(kind)
}

/// `section ["<" number ">"]`.
fn section_and_origin(scan: &mut Scan<'_>) -> Parsed<(Span, Option<u64>)> {
    scan.need(b'[', Expected::OpenBracket)?;
    let start = scan.at();
    section::read(scan)?;
    let section = scan.since(start);
    scan.need(b']', Expected::CloseBracket)?;
    let mut origin = None;
    if scan.eat(b'<') {
        origin = Some(scan.number64()?);
        scan.need(b'>', Expected::Partial)?;
    }
    Ok((section, origin))
}

/// `"(" mod-sequence-value ")"`.
fn mod_seq(scan: &mut Scan<'_>) -> Parsed<u64> {
    scan.open()?;
    let value = scan.number64()?;
    scan.close()?;
    Ok(value)
}

impl PartialEq for Fetch {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number && self.items().eq(other.items())
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch")
            .field("number", &self.number)
            .field("uid", &self.plain.uid)
            .field("size", &self.plain.size)
            .field("mod_seq", &self.plain.mod_seq)
            .finish_non_exhaustive()
    }
}
