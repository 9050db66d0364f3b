//! What a scanned message is made of.

use alloc::vec::Vec;
use core::{fmt, iter, ops::Range};

use super::{
    header::{Field, Fields},
    known::{Known, Place},
    mime::{ContentType, token},
    scan::Scanner,
    transfer,
};
use crate::{bodystructure::PartKind, command};

/// What the scanner made of an entity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// A part without parts.
    Single,
    /// It has parts.
    Multipart,
    /// It has one part: the message within it.
    Message,
    /// It may have parts, but nobody looks for them: `application/octet-stream`.
    Capped,
}

/// An entity (RFC 2045 §2.4): the message, or a part of it. Each stands before its parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Node {
    pub(super) header: Range<u64>,
    body: Range<u64>,
    /// Lines before the body while it is open, then those in it.
    lines: u64,
    /// Its header in what is kept.
    pub(super) kept: Range<u32>,
    /// Its known fields among the places.
    places: Range<u32>,
    /// The first node that is not within it; 0 while it is open.
    behind: u32,
    pub(super) shape: Shape,
    pub(super) is_in_digest: bool,
    /// Whether not all of its header is kept.
    pub(super) is_cut: bool,
    /// Whether an empty line ends its header.
    pub(super) has_empty_line: bool,
}

impl Node {
    pub(super) const fn new(offset: u64, lines: u64, kept: u32) -> Self {
        Self {
            header: offset..offset,
            body: offset..offset,
            lines,
            kept: kept..kept,
            places: 0..0,
            behind: 0,
            shape: Shape::Single,
            is_in_digest: false,
            is_cut: false,
            has_empty_line: false,
        }
    }

    pub(super) const fn begin_body(&mut self, offset: u64, lines: u64, kept: u32) {
        self.header.end = offset;
        self.body = offset..offset;
        self.lines = lines;
        self.kept.end = kept;
    }

    pub(super) fn close(&mut self, end: u64, lines: u64, behind: usize) {
        if self.behind > 0 {
            return;
        }
        self.body.end = end;
        self.lines = lines.saturating_sub(self.lines);
        self.behind = u32::try_from(behind).unwrap_or(u32::MAX);
    }

    /// Whether it is open and its body has begun here.
    pub(super) const fn is_empty_at(&self, offset: u64) -> bool {
        self.behind == 0 && self.body.start == offset
    }

    pub(super) const fn set_places(&mut self, start: u32, end: u32) {
        self.places = start..end;
    }

    /// The known fields of its header.
    pub(super) fn places<'a>(&self, places: &'a [Place]) -> &'a [Place] {
        let range = self.places.start as usize..self.places.end as usize;
        places.get(range).unwrap_or_default()
    }

    pub(super) const fn kept_range(&self) -> Range<usize> {
        self.kept.start as usize..self.kept.end as usize
    }
}

/// The parts of a message, where they are, and their headers.
///
/// ```
/// use mailwire_imap::{command::{Part, Section}, toolkit::message::{Content, Structure}};
/// let message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\
///     --b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\ntwo\r\n--b--\r\n";
/// let structure = Structure::of(message);
/// let second = structure.find(Part::new("2").unwrap()).unwrap();
/// assert_eq!(&message[second.body().start as usize..second.body().end as usize], b"two");
/// assert!(structure.find(Part::new("3").unwrap()).is_none());
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Structure {
    nodes: Vec<Node>,
    kept: Vec<u8>,
    places: Vec<Place>,
    octets: u64,
    lines: u64,
    is_cut: bool,
}

impl Structure {
    pub(super) fn new(
        mut nodes: Vec<Node>,
        kept: Vec<u8>,
        places: Vec<Place>,
        octets: u64,
        lines: u64,
        is_cut: bool,
    ) -> Self {
        // A multipart without a single part is no valid one: it is text (RFC 2045 §5.2).
        for (at, node) in nodes.iter_mut().enumerate() {
            if node.shape == Shape::Multipart && node.behind as usize == at + 1 {
                node.shape = Shape::Single;
            }
        }
        Self {
            nodes,
            kept,
            places,
            octets,
            lines,
            is_cut,
        }
    }

    /// The structure of a message that is at hand.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        let mut scanner = Scanner::new();
        scanner.feed(message);
        scanner.finish()
    }

    /// Octets of the message: `RFC822.SIZE`.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Line ends of the message.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// Whether a limit was met, so that not all of the headers or parts are known.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.is_cut
    }

    /// The message itself. There always is one.
    #[must_use]
    pub fn root(&self) -> Option<Entity<'_>> {
        self.entity(0)
    }

    /// All entities, each before its parts, the message itself first.
    pub fn entities(&self) -> impl Iterator<Item = Entity<'_>> {
        (0..self.nodes.len()).filter_map(|at| self.entity(at))
    }

    /// The part of that number (RFC 9051 §6.4.5.1); the message itself for
    /// [`Part::WHOLE`](command::Part::WHOLE).
    #[must_use]
    pub fn find(&self, part: command::Part<'_>) -> Option<Entity<'_>> {
        let mut entity = self.root()?;
        // Whether `entity` is a message, whose text has the numbers, and not a part.
        let mut is_message = true;
        for number in part.iter() {
            if let Some(within) = entity.message().filter(|_| !is_message) {
                entity = within;
                is_message = true;
            }
            entity = if entity.kind() == PartKind::Multipart {
                let at = usize::try_from(number.get() - 1).ok()?;
                entity.children().nth(at)?
            } else if is_message && number.get() == 1 {
                // What is no multipart has itself as its only part.
                entity
            } else {
                return None;
            };
            is_message = false;
        }
        Some(entity)
    }

    fn entity(&self, at: usize) -> Option<Entity<'_>> {
        let node = self.nodes.get(at)?;
        Some(Entity {
            structure: self,
            node,
            at,
        })
    }
}

/// Without what the headers say.
impl fmt::Debug for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Structure")
            .field("octets", &self.octets)
            .field("lines", &self.lines)
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
}

/// An entity of a message (RFC 2045 §2.4): the message itself, a part, or a message within it.
///
/// ```
/// use mailwire_imap::{bodystructure::PartKind, toolkit::message::{Structure, transfer}};
/// let structure = Structure::of(
///     b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=",
/// );
/// let root = structure.root().unwrap();
/// assert_eq!(root.kind(), PartKind::Text);
/// assert_eq!(root.encoding(), Some(transfer::Encoding::Base64));
/// assert_eq!(root.charset().unwrap(), b"utf-8");
/// assert_eq!(root.octets(), 4);
/// ```
#[derive(Clone, Copy)]
pub struct Entity<'a> {
    structure: &'a Structure,
    node: &'a Node,
    at: usize,
}

impl<'a> Entity<'a> {
    /// Where its header is in the text of the message, with the empty line: of a part, its MIME
    /// header.
    #[must_use]
    pub fn header(&self) -> Range<u64> {
        self.node.header.clone()
    }

    /// Where its body is in the text of the message, without the line end in front of a delimiter.
    #[must_use]
    pub fn body(&self) -> Range<u64> {
        self.node.body.clone()
    }

    /// Octets of the body, in its transfer encoding.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.node.body.end.saturating_sub(self.node.body.start)
    }

    /// Line ends of the body.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.node.lines
    }

    /// What it is to BODYSTRUCTURE.
    #[must_use]
    pub fn kind(&self) -> PartKind {
        match self.node.shape {
            Shape::Multipart => PartKind::Multipart,
            Shape::Message => PartKind::Message,
            Shape::Capped => PartKind::Basic,
            Shape::Single if self.is_text() => PartKind::Text,
            Shape::Single => PartKind::Basic,
        }
    }

    fn is_text(&self) -> bool {
        self.content_type().is_none_or(|this| this.is_media("text"))
    }

    pub(super) const fn has_empty_line(&self) -> bool {
        self.node.has_empty_line
    }

    /// Whether the other one is within it.
    pub(super) const fn holds(&self, other: &Entity<'_>) -> bool {
        other.at < self.node.behind as usize
    }

    /// The first entity within it.
    pub(super) fn first_within(&self) -> Option<Self> {
        self.structure.entity(self.at + 1)
    }

    /// The first entity that is not within it.
    pub(super) fn first_behind(&self) -> Option<Self> {
        self.structure.entity(self.node.behind as usize)
    }

    /// Its header, where all of it is kept: without the empty line.
    #[must_use]
    pub fn whole_header(&self) -> Option<&'a [u8]> {
        (!self.node.is_cut).then(|| self.kept())
    }

    fn kept(&self) -> &'a [u8] {
        self.structure
            .kept
            .get(self.node.kept_range())
            .unwrap_or_default()
    }

    /// The fields of its header, as far as they are kept.
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        Fields::new(self.kept())
    }

    /// The first field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Field<'a>> {
        self.fields().find(name)
    }

    /// The known fields and their values, with their line ends.
    pub(super) fn known(&self) -> impl Iterator<Item = (Known, &'a [u8])> + use<'a> {
        let structure = self.structure;
        let places = self.node.places(&structure.places).iter();
        places.map(|place| (place.name, place.of(&structure.kept)))
    }

    /// The first value of a known field.
    pub(super) fn value(&self, name: Known) -> Option<&'a [u8]> {
        let mut known = self.known();
        known
            .find(|(here, _)| *here == name)
            .map(|(_, value)| value)
    }

    /// The Content-Type; `None` where the default holds, which is text or, in a digest, a message.
    pub(super) fn content_type(&self) -> Option<ContentType<'a>> {
        let found = ContentType::parse(self.value(Known::ContentType)?)?;
        // A multipart or a message whose parts were not found is not what it says.
        let is_wrong =
            self.node.shape == Shape::Single && (found.is_media("multipart") || found.is_message());
        (!is_wrong).then_some(found)
    }

    /// Whether nobody looked into it: it is `application/octet-stream`.
    pub(super) fn is_capped(&self) -> bool {
        self.node.shape == Shape::Capped
    }

    /// How it was encoded for transfer; `None` for an encoding that cannot be undone, which is
    /// `NO [UNKNOWN-CTE]` to BINARY (RFC 3516 §4.3).
    #[must_use]
    pub fn encoding(&self) -> Option<transfer::Encoding> {
        let Some(value) = self.value(Known::TransferEncoding) else {
            return Some(transfer::Encoding::Identity);
        };
        match token(value) {
            Some(name) => transfer::Encoding::of(name),
            None if value.trim_ascii().is_empty() => Some(transfer::Encoding::Identity),
            None => None,
        }
    }

    /// The charset of its Content-Type, where it names one.
    #[must_use]
    pub fn charset(&self) -> Option<Vec<u8>> {
        let charset = self.content_type()?.parameter("charset")?;
        (!charset.is_empty()).then(|| charset.into_owned())
    }

    /// Its parts: those of a multipart, or the message within it.
    pub fn children(&self) -> impl Iterator<Item = Entity<'a>> + use<'a> {
        let (structure, end) = (self.structure, self.node.behind as usize);
        let mut next = self.at + 1;
        iter::from_fn(move || {
            let child = (next < end).then(|| structure.entity(next)).flatten()?;
            next = child.node.behind as usize;
            Some(child)
        })
    }

    /// The message within it, if it is a `message/rfc822` or `message/global`.
    #[must_use]
    pub fn message(&self) -> Option<Self> {
        let is_message = self.node.shape == Shape::Message;
        is_message.then(|| self.children().next()).flatten()
    }
}

impl fmt::Debug for Entity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.node, f)
    }
}
