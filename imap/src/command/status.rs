//! STATUS (RFC 9051 §6.3.11, RFC 7162 §3.1.7, RFC 8438, RFC 7889, RFC 8474, RFC 9208).

use super::{CommandBody, keyword, mailboxes};
use crate::{
    encode::Encoder,
    error::{Expected, ParseError},
    grammar::Cursor,
    mailbox::Mailbox,
};

/// What STATUS can tell of a mailbox.
///
/// ```
/// use mailwire_imap::command::StatusItem;
/// assert_eq!(StatusItem::UidNext.name(), b"UIDNEXT");
/// assert_eq!(StatusItem::of(b"uidnext"), Some(StatusItem::UidNext));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum StatusItem {
    /// How many messages there are.
    Messages,
    /// How many of them are recent (RFC 3501 §6.3.10).
    Recent,
    /// The UID that the next message will have at the least.
    UidNext,
    /// The unique identifier validity value.
    UidValidity,
    /// How many messages have not been seen.
    Unseen,
    /// How many messages are deleted.
    Deleted,
    /// The octets of all messages (RFC 8438 §2).
    Size,
    /// The highest modification sequence (RFC 7162 §3.1.7).
    HighestModSeq,
    /// The largest message that can be appended (RFC 7889 §4).
    AppendLimit,
    /// The object identifier (RFC 8474 §4.3).
    MailboxId,
    /// The octets that an EXPUNGE would set free (RFC 9208 §4.1.4).
    DeletedStorage,
}

impl StatusItem {
    /// All of them.
    const ALL: [Self; 11] = [
        Self::Messages,
        Self::Recent,
        Self::UidNext,
        Self::UidValidity,
        Self::Unseen,
        Self::Deleted,
        Self::Size,
        Self::HighestModSeq,
        Self::AppendLimit,
        Self::MailboxId,
        Self::DeletedStorage,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static [u8] {
        match self {
            Self::Messages => b"MESSAGES",
            Self::Recent => b"RECENT",
            Self::UidNext => b"UIDNEXT",
            Self::UidValidity => b"UIDVALIDITY",
            Self::Unseen => b"UNSEEN",
            Self::Deleted => b"DELETED",
            Self::Size => b"SIZE",
            Self::HighestModSeq => b"HIGHESTMODSEQ",
            Self::AppendLimit => b"APPENDLIMIT",
            Self::MailboxId => b"MAILBOXID",
            Self::DeletedStorage => b"DELETED-STORAGE",
        }
    }

    /// The item of that name, in any case.
    #[must_use]
    pub fn of(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|item| item.name().eq_ignore_ascii_case(name))
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// What STATUS is to tell.
///
/// ```
/// use mailwire_imap::command::{StatusItem, StatusItems};
/// let items: StatusItems = [StatusItem::Unseen, StatusItem::Messages].into_iter().collect();
/// assert!(items.contains(StatusItem::Unseen) && !items.contains(StatusItem::Size));
/// assert_eq!(items.iter().count(), 2);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StatusItems(u16);

impl StatusItems {
    /// Whether `item` is to be told.
    #[must_use]
    pub const fn contains(self, item: StatusItem) -> bool {
        self.0 & item.bit() != 0
    }

    /// The items, in the order of the RFCs.
    pub fn iter(self) -> impl Iterator<Item = StatusItem> {
        StatusItem::ALL
            .into_iter()
            .filter(move |item| self.contains(*item))
    }

    /// Reads the list; it may not be empty.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let mut items = Self::default();
        cursor.list(Expected::List, |cursor| {
            let error = cursor.error(Expected::StatusItem);
            let name = keyword::keyword(cursor, Expected::StatusItem)?;
            items.0 |= StatusItem::of(name.raw()).ok_or(error)?.bit();
            Ok(())
        })?;
        Ok(items)
    }

    pub(super) fn encode(self, encoder: &mut Encoder) {
        if self.0 == 0 {
            encoder.refuse();
        }
        let mut front: &[u8] = b"(";
        for item in self.iter() {
            encoder.raw(front);
            encoder.raw(item.name());
            front = b" ";
        }
        encoder.raw(b")");
    }
}

impl FromIterator<StatusItem> for StatusItems {
    fn from_iter<I: IntoIterator<Item = StatusItem>>(items: I) -> Self {
        Self(items.into_iter().fold(0, |bits, item| bits | item.bit()))
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<CommandBody, ParseError> {
    let mailbox = mailboxes::parse(cursor)?;
    cursor.space()?;
    let items = StatusItems::parse(cursor)?;
    Ok(CommandBody::Status { mailbox, items })
}

pub(super) fn encode(encoder: &mut Encoder, mailbox: &Mailbox, items: StatusItems) {
    mailboxes::encode(encoder, mailbox);
    encoder.raw(b" ");
    items.encode(encoder);
}
