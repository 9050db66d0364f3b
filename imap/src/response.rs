//! Responses: what a server sends (RFC 9051 §7).
//!
//! [`Response::parse`] takes a whole response, as [`Responses`](crate::frame::Responses) finds it,
//! and reads it once. Each kind is a struct that holds the octets and where its parts are; strings
//! come out as [`Text`](crate::text::Text), lists as iterators. What is built is written once, and
//! sending it is a copy.
//!
//! Nothing that a server says is lost: what has no type here is kept as `Unknown`, and an item
//! that is not what the RFC says as `Invalid`, without harm to its neighbours. Servers have
//! defects; those that can be read around are in [`Tolerance`], each one chosen by the caller and
//! told in [`Notices`].

mod code;
mod continuation;
mod esearch;
mod fetch;
mod flags;
mod id;
mod list;
mod namespace;
pub(crate) mod scan;
mod search;
mod status;
mod status_data;
mod thread;
mod tolerance;
mod unknown;
mod vanished;
pub(crate) mod write;

use core::num::NonZeroU32;

use bytes::{BufMut, Bytes, BytesMut};
use scan::{Parsed, Scan, Span};

pub use self::{
    code::{Charsets, Code},
    continuation::Continuation,
    esearch::{ESearch, ESearchItem},
    fetch::{Content, Fetch, FetchBuilder, FetchItem, Section, SectionText},
    flags::FlagList,
    id::ServerId,
    list::{ChildInfo, List, ListAttribute, ListExtended},
    namespace::{Namespace, Namespaces},
    search::Numbers,
    status::{Condition, Status},
    status_data::{MailboxStatus, StatusItem},
    thread::{Thread, ThreadNode, ThreadNodes},
    tolerance::{Notices, Tolerance, Tolerances},
    unknown::Unknown,
    vanished::Vanished,
};
use crate::{
    capability::Capabilities,
    error::{Expected, ParseError},
    grammar::{Upper, is_tag_char},
};

/// One response of a server.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::response::{Response, Tolerances};
/// let (response, notices) = Response::parse(Bytes::from_static(b"* 23 EXISTS"), Tolerances::NONE)?;
/// assert_eq!(response, Response::Exists(23));
/// assert!(notices.is_empty());
/// let mut wire = bytes::BytesMut::new();
/// response.encode(&mut wire);
/// assert_eq!(wire, "* 23 EXISTS\r\n");
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// `OK`, `NO`, `BAD`, `BYE` or `PREAUTH`.
    Status(Status),
    /// `+`.
    Continuation(Continuation),
    /// `CAPABILITY`.
    Capability(Capabilities),
    /// `ENABLED`, RFC 5161.
    Enabled(Capabilities),
    /// `LIST`.
    List(List),
    /// `LSUB`, RFC 3501.
    Lsub(List),
    /// `NAMESPACE`, RFC 2342.
    Namespace(Namespaces),
    /// `STATUS`.
    MailboxStatus(MailboxStatus),
    /// `ESEARCH`, RFC 4731.
    ESearch(ESearch),
    /// `SEARCH`, RFC 3501.
    Search(Numbers),
    /// `SORT`, RFC 5256.
    Sort(Numbers),
    /// `THREAD`, RFC 5256.
    Thread(Thread),
    /// `FLAGS`.
    Flags(FlagList),
    /// `EXISTS`: how many messages there are.
    Exists(u32),
    /// `RECENT`, RFC 3501.
    Recent(u32),
    /// `EXPUNGE`: this message is gone, and those behind it move up.
    Expunge(NonZeroU32),
    /// `VANISHED`, RFC 7162.
    Vanished(Vanished),
    /// `FETCH`.
    Fetch(Fetch),
    /// `ID`, RFC 2971.
    Id(ServerId),
    /// Any other untagged response.
    Unknown(Unknown),
}

impl Response {
    /// Parses a response without the CRLF that ends it, literals inline.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if it is none, or one of a known kind that is not what the RFC says and
    /// cannot be read around with `tolerances`.
    pub fn parse(frame: Bytes, tolerances: Tolerances) -> Result<(Self, Notices), ParseError> {
        if u32::try_from(frame.len()).is_err() {
            return Err(ParseError::new(Expected::Response, 0));
        }
        // A response is large, so it is written where it stays instead of being handed up.
        let mut parsed = (Self::Exists(0), Notices::default());
        let mut scan = Scan::new(&frame, tolerances);
        parsed.0.read(&mut scan)?;
        parsed.1 = scan.notices;
        if let Some(place) = parsed.0.frame() {
            *place = frame;
        }
        Ok(parsed)
    }

    fn read(&mut self, scan: &mut Scan<'_>) -> Parsed<()> {
        match scan.peek() {
            Some(b'*') if scan.peek_behind() == Some(b' ') => {
                scan.eat(b'*');
                scan.sp()?;
                self.untagged(scan)
            }
            Some(b'+') => {
                scan.eat(b'+');
                *self = Self::Continuation(Continuation::read(scan)?);
                Ok(())
            }
            _ => self.tagged(scan),
        }
    }

    fn tagged(&mut self, scan: &mut Scan<'_>) -> Parsed<()> {
        scan.run(is_tag_char, Expected::Response)?;
        let tag = scan.since(0);
        scan.sp()?;
        let start = scan.at();
        let word = scan.word(Expected::Status)?;
        match Condition::of(word) {
            Some(condition @ (Condition::Ok | Condition::No | Condition::Bad)) => {
                Status::read(scan, tag, condition, self)
            }
            _ => {
                scan.back_to(start);
                scan.fail(Expected::Status)
            }
        }
    }

    fn untagged(&mut self, scan: &mut Scan<'_>) -> Parsed<()> {
        if matches!(scan.peek(), Some(b'0'..=b'9')) {
            return self.numbered(scan);
        }
        let word = scan.word(Expected::Response)?;
        if let Some(condition) = Condition::of(word) {
            return Status::read(scan, Span::default(), condition, self);
        }
        *self = match Upper::of(word).as_bytes() {
            b"CAPABILITY" => Self::Capability(Capabilities::read(scan)?),
            b"ENABLED" => Self::Enabled(Capabilities::read(scan)?),
            b"ESEARCH" => Self::ESearch(ESearch::read(scan)?),
            b"FLAGS" => Self::Flags(FlagList::read(scan)?),
            b"ID" => Self::Id(ServerId::read(scan)?),
            b"LIST" => Self::List(List::read(scan)?),
            b"LSUB" => Self::Lsub(List::read(scan)?),
            b"NAMESPACE" => Self::Namespace(Namespaces::read(scan)?),
            b"SEARCH" => Self::Search(Numbers::read(scan)?),
            b"SORT" => Self::Sort(Numbers::read(scan)?),
            b"STATUS" => Self::MailboxStatus(MailboxStatus::read(scan)?),
            b"THREAD" => Self::Thread(Thread::read(scan)?),
            b"VANISHED" => Self::Vanished(Vanished::read(scan)?),
            _ => Self::unknown(),
        };
        Ok(())
    }

    const fn unknown() -> Self {
        Self::Unknown(Unknown {
            frame: Bytes::new(),
        })
    }

    /// A response that begins with a number.
    fn numbered(&mut self, scan: &mut Scan<'_>) -> Parsed<()> {
        let start = scan.at();
        let number = scan.number()?;
        let nz = |scan: &Scan<'_>| match NonZeroU32::new(number) {
            Some(number) => Ok(number),
            None => {
                let mut scan = scan.clone();
                scan.back_to(start);
                scan.fail(Expected::NzNumber)
            }
        };
        scan.sp()?;
        *self = if scan.is_word(b"FETCH") {
            let number = nz(scan)?;
            *self = Self::Fetch(Fetch::unread(number, scan.manner()));
            let Self::Fetch(fetch) = self else {
                return scan.fail(Expected::Response);
            };
            return fetch.read(scan);
        } else if scan.is_word(b"EXISTS") {
            Self::Exists(number)
        } else if scan.is_word(b"RECENT") {
            Self::Recent(number)
        } else if scan.is_word(b"EXPUNGE") {
            Self::Expunge(nz(scan)?)
        } else {
            *self = Self::unknown();
            return Ok(());
        };
        scan.end()
    }

    const fn frame(&mut self) -> Option<&mut Bytes> {
        Some(match self {
            Self::Status(response) => &mut response.frame,
            Self::Continuation(response) => &mut response.frame,
            Self::Capability(response) | Self::Enabled(response) => &mut response.frame,
            Self::List(response) | Self::Lsub(response) => &mut response.frame,
            Self::Namespace(response) => &mut response.frame,
            Self::MailboxStatus(response) => &mut response.frame,
            Self::ESearch(response) => &mut response.frame,
            Self::Search(response) | Self::Sort(response) => &mut response.frame,
            Self::Thread(response) => &mut response.frame,
            Self::Flags(response) => &mut response.frame,
            Self::Vanished(response) => &mut response.frame,
            Self::Fetch(response) => &mut response.frame,
            Self::Id(response) => &mut response.frame,
            Self::Unknown(response) => &mut response.frame,
            Self::Exists(_) | Self::Recent(_) | Self::Expunge(_) => return None,
        })
    }

    /// Appends the response and its CRLF to `wire`. A FETCH whose content is sent by itself goes
    /// out as [`Fetch::pieces`] instead.
    pub fn encode(&self, wire: &mut BytesMut) {
        let (number, name): (u32, &[u8]) = match self {
            Self::Exists(number) => (*number, b" EXISTS"),
            Self::Recent(number) => (*number, b" RECENT"),
            Self::Expunge(number) => (number.get(), b" EXPUNGE"),
            Self::Status(response) => return put(wire, &response.frame),
            Self::Continuation(response) => return put(wire, &response.frame),
            Self::Capability(response) | Self::Enabled(response) => {
                return put(wire, &response.frame);
            }
            Self::List(response) | Self::Lsub(response) => return put(wire, &response.frame),
            Self::Namespace(response) => return put(wire, &response.frame),
            Self::MailboxStatus(response) => return put(wire, &response.frame),
            Self::ESearch(response) => return put(wire, &response.frame),
            Self::Search(response) | Self::Sort(response) => return put(wire, &response.frame),
            Self::Thread(response) => return put(wire, &response.frame),
            Self::Flags(response) => return put(wire, &response.frame),
            Self::Vanished(response) => return put(wire, &response.frame),
            Self::Fetch(response) => return put(wire, &response.frame),
            Self::Id(response) => return put(wire, &response.frame),
            Self::Unknown(response) => return put(wire, &response.frame),
        };
        wire.put_slice(b"* ");
        write::number(wire, number.into());
        put(wire, name);
    }

    /// Copies what would pin a read buffer.
    #[must_use]
    pub fn detach(mut self) -> Self {
        if let Some(frame) = self.frame() {
            *frame = Bytes::copy_from_slice(frame);
        }
        self
    }
}

fn put(wire: &mut BytesMut, frame: &[u8]) {
    wire.reserve(frame.len() + 2);
    wire.put_slice(frame);
    wire.put_slice(b"\r\n");
}
