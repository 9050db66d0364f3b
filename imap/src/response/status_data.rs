//! STATUS (RFC 9051 §7.3.4, RFC 8438, RFC 7162 §3.1.7, RFC 8474 §4.3, RFC 7889 §4).

use core::{fmt, num::NonZeroU32};

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    scan::{Parsed, Scan, Span},
    write,
};
use crate::{
    error::{Expected, ParseError},
    grammar::Upper,
    mailbox::{InvalidMailbox, Mailbox},
    text::Text,
};

/// A STATUS response.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::response::{Response, StatusItem, Tolerances};
/// let frame = Bytes::from_static(b"* STATUS blurdybloop (MESSAGES 231 SIZE 44421)");
/// let (Response::MailboxStatus(status), _) = Response::parse(frame, Tolerances::NONE)? else {
///     unreachable!()
/// };
/// assert_eq!(status.name(), "blurdybloop");
/// assert!(status.items().eq([StatusItem::Messages(231), StatusItem::Size(44_421)]));
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct MailboxStatus {
    pub(super) frame: Bytes,
    name: Span,
    items: Span,
}

/// An item of a STATUS response.
///
/// ```
/// use mailwire_imap::{mailbox::Mailbox, response::{MailboxStatus, StatusItem}};
/// let status = MailboxStatus::new(&Mailbox::inbox(), &[StatusItem::Unseen(3)]);
/// assert_eq!(status.wire(), b"* STATUS INBOX (UNSEEN 3)");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StatusItem<'a> {
    /// `APPENDLIMIT`, RFC 7889; NIL if there is none.
    AppendLimit(Option<u64>),
    /// `DELETED`.
    Deleted(u32),
    /// `DELETED-STORAGE`, RFC 9208.
    DeletedStorage(u64),
    /// `HIGHESTMODSEQ`.
    HighestModSeq(u64),
    /// `MAILBOXID`.
    MailboxId(Text<'a>),
    /// `MESSAGES`.
    Messages(u32),
    /// `RECENT`, RFC 3501.
    Recent(u32),
    /// `SIZE`.
    Size(u64),
    /// `UIDNEXT`.
    UidNext(NonZeroU32),
    /// `UIDVALIDITY`.
    UidValidity(NonZeroU32),
    /// `UNSEEN`.
    Unseen(u32),
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

impl<'a> StatusItem<'a> {
    fn read(scan: &mut Scan<'a>) -> Parsed<Self> {
        let name = scan.atom()?;
        scan.sp()?;
        let start = scan.at();
        let error = match Self::known(name, scan) {
            Some(Ok(item)) if matches!(scan.peek(), Some(b' ' | b')')) => return Ok(item),
            Some(Ok(_)) => Some(ParseError::new(Expected::Space, scan.at())),
            Some(Err(error)) => Some(error),
            None => None,
        };
        scan.back_to(start);
        let span = scan.recover();
        if span.is_empty() {
            return scan.fail(Expected::StatusItem);
        }
        let value = scan.slice(span);
        Ok(match error {
            None => Self::Unknown { name, value },
            Some(error) => {
                scan.notices.invalid += 1;
                Self::Invalid { name, value, error }
            }
        })
    }

    fn known(name: &[u8], scan: &mut Scan<'a>) -> Option<Parsed<Self>> {
        Some(match Upper::of(name).as_bytes() {
            b"APPENDLIMIT" if scan.is_nil() => Ok(Self::AppendLimit(None)),
            b"APPENDLIMIT" => scan.number64().map(|limit| Self::AppendLimit(Some(limit))),
            b"DELETED" => scan.number().map(Self::Deleted),
            b"DELETED-STORAGE" => scan.number64().map(Self::DeletedStorage),
            b"HIGHESTMODSEQ" => scan.number64().map(Self::HighestModSeq),
            b"MAILBOXID" => mailbox_id(scan).map(Self::MailboxId),
            b"MESSAGES" => scan.number().map(Self::Messages),
            b"RECENT" => scan.number().map(Self::Recent),
            b"SIZE" => scan.number64().map(Self::Size),
            b"UIDNEXT" => scan.nz_number().map(Self::UidNext),
            b"UIDVALIDITY" => scan.nz_number().map(Self::UidValidity),
            b"UNSEEN" => scan.number().map(Self::Unseen),
            _ => return None,
        })
    }

    fn encode(&self, wire: &mut BytesMut) {
        let (name, number): (&[u8], u64) = match *self {
            Self::AppendLimit(Some(limit)) => (b"APPENDLIMIT ", limit),
            Self::AppendLimit(None) => return wire.put_slice(b"APPENDLIMIT NIL"),
            Self::Deleted(count) => (b"DELETED ", count.into()),
            Self::DeletedStorage(octets) => (b"DELETED-STORAGE ", octets),
            Self::HighestModSeq(value) => (b"HIGHESTMODSEQ ", value),
            Self::Messages(count) => (b"MESSAGES ", count.into()),
            Self::Recent(count) => (b"RECENT ", count.into()),
            Self::Size(octets) => (b"SIZE ", octets),
            Self::UidNext(uid) => (b"UIDNEXT ", uid.get().into()),
            Self::UidValidity(value) => (b"UIDVALIDITY ", value.get().into()),
            Self::Unseen(count) => (b"UNSEEN ", count.into()),
            Self::MailboxId(id) => {
                wire.put_slice(b"MAILBOXID (");
                wire.put_slice(id.raw());
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

fn mailbox_id<'a>(scan: &mut Scan<'a>) -> Parsed<Text<'a>> {
    scan.open()?;
    let id = scan.atom()?;
    scan.close()?;
    Ok(Text::plain(id))
}

impl MailboxStatus {
    pub(super) fn read(scan: &mut Scan<'_>) -> Parsed<Self> {
        scan.sp()?;
        let name = scan.mailbox()?;
        scan.sp()?;
        let start = scan.at();
        scan.open()?;
        let first = scan.at();
        while !scan.closed() {
            if scan.at() != first {
                scan.sp()?;
            }
            StatusItem::read(scan)?;
        }
        let items = scan.since(start);
        scan.end()?;
        Ok(Self {
            frame: Bytes::new(),
            name,
            items,
        })
    }

    /// A STATUS response.
    #[must_use]
    pub fn new(name: &Mailbox, items: &[StatusItem<'_>]) -> Self {
        let mut wire = BytesMut::with_capacity(96);
        wire.put_slice(b"* STATUS ");
        let start = wire.len();
        write::astring(&mut wire, name.as_bytes());
        let name = Span::new(start, wire.len());
        wire.put_u8(b' ');
        let start = wire.len();
        wire.put_u8(b'(');
        for item in items {
            if wire.len() > start + 1 {
                wire.put_u8(b' ');
            }
            item.encode(&mut wire);
        }
        wire.put_u8(b')');
        Self {
            items: Span::new(start, wire.len()),
            name,
            frame: wire.freeze(),
        }
    }

    /// The name as the server sent it.
    #[must_use]
    pub fn name(&self) -> Text<'_> {
        Text::of_wire(self.name.of(&self.frame))
    }

    /// The name to be used in commands.
    ///
    /// # Errors
    ///
    /// [`InvalidMailbox`] if it holds NUL, CR or LF.
    pub fn mailbox(&self) -> Result<Mailbox, InvalidMailbox> {
        Mailbox::new(&self.name().octets())
    }

    /// The items, in the server's order.
    pub fn items(&self) -> impl Iterator<Item = StatusItem<'_>> {
        let mut scan = Scan::again(self.items.of(&self.frame));
        scan.eat(b'(');
        core::iter::from_fn(move || {
            while scan.eat(b' ') {}
            StatusItem::read(&mut scan).ok()
        })
    }

    /// The octets on the wire, without the CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.frame
    }
}

impl PartialEq for MailboxStatus {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name() && self.items().eq(other.items())
    }
}

impl fmt::Debug for MailboxStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_list();
        shown.entry(&self.name());
        shown.entries(self.items()).finish()
    }
}
