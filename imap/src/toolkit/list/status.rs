//! The answer to STATUS (RFC 9051 §6.3.11).

use alloc::vec::Vec;
use core::num::NonZeroU32;

use mailwire_core::text::Octets;

use crate::{
    command::{StatusItem as Asked, StatusItems},
    flag::Flag,
    mailbox::Mailbox,
    response::{MailboxStatus, StatusItem},
    text::Text,
    toolkit::view::{Recent, Snapshot},
};

/// What a store knows of a mailbox, for STATUS.
///
/// ```
/// use core::num::NonZeroU32;
/// use mailwire_imap::{command::StatusItem, mailbox::Mailbox, toolkit::list::StatusFacts};
/// let mut facts = StatusFacts::new(NonZeroU32::MIN, NonZeroU32::new(44_292).unwrap());
/// facts.messages = 231;
/// let items = [StatusItem::UidNext, StatusItem::Messages].into_iter().collect();
/// let status = facts.status(&Mailbox::new(b"blurdybloop")?, items);
/// assert_eq!(status.wire(), b"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)");
/// # Ok::<(), mailwire_imap::mailbox::InvalidMailbox>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StatusFacts {
    /// MESSAGES.
    pub messages: u32,
    /// RECENT (RFC 3501 §6.3.10).
    pub recent: u32,
    /// UIDNEXT.
    pub uid_next: NonZeroU32,
    /// UIDVALIDITY.
    pub uid_validity: NonZeroU32,
    /// UNSEEN: how many are without `\Seen`.
    pub unseen: u32,
    /// DELETED: how many have `\Deleted`.
    pub deleted: u32,
    /// DELETED-STORAGE: the octets of those (RFC 9208 §4.1.4).
    pub deleted_storage: u64,
    /// SIZE: the octets of all messages (RFC 8438 §2).
    pub size: u64,
    /// HIGHESTMODSEQ; 0 where the mailbox keeps no mod-sequences (RFC 7162 §3.1.7).
    pub highest_mod_seq: u64,
    /// APPENDLIMIT: the octets of the largest message that fits (RFC 7889 §4); `None` for no limit
    /// of this mailbox.
    pub append_limit: Option<u64>,
    /// MAILBOXID, an object identifier of RFC 8474 §7; one that is none, or `None`, is not told.
    pub mailbox_id: Option<Octets>,
}

impl StatusFacts {
    /// An empty mailbox.
    #[must_use]
    pub const fn new(uid_validity: NonZeroU32, uid_next: NonZeroU32) -> Self {
        Self {
            messages: 0,
            recent: 0,
            uid_next,
            uid_validity,
            unseen: 0,
            deleted: 0,
            deleted_storage: 0,
            size: 0,
            highest_mod_seq: 0,
            append_limit: None,
            mailbox_id: None,
        }
    }

    /// Counts the messages of a snapshot. Those whose octets nobody has counted add none to SIZE.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut status = Self::new(snapshot.uid_validity, snapshot.uid_next);
        status.highest_mod_seq = snapshot.highest_mod_seq;
        for facts in snapshot.messages.iter() {
            let octets = facts.octets.unwrap_or_default();
            let is_deleted = facts.flags.contains(&Flag::Deleted);
            status.messages = status.messages.saturating_add(1);
            status.recent += u32::from(facts.recent == Recent::Yes);
            status.unseen += u32::from(!facts.is_seen());
            status.deleted += u32::from(is_deleted);
            status.size = status.size.saturating_add(octets);
            if is_deleted {
                status.deleted_storage = status.deleted_storage.saturating_add(octets);
            }
        }
        status
    }

    /// The STATUS response with the items that were asked for.
    #[must_use]
    pub fn status(&self, name: &Mailbox, items: StatusItems) -> MailboxStatus {
        let told: Vec<StatusItem<'_>> = items.iter().filter_map(|item| self.item(item)).collect();
        MailboxStatus::new(name, &told)
    }

    fn item(&self, item: Asked) -> Option<StatusItem<'_>> {
        Some(match item {
            Asked::Messages => StatusItem::Messages(self.messages),
            Asked::Recent => StatusItem::Recent(self.recent),
            Asked::UidNext => StatusItem::UidNext(self.uid_next),
            Asked::UidValidity => StatusItem::UidValidity(self.uid_validity),
            Asked::Unseen => StatusItem::Unseen(self.unseen),
            Asked::Deleted => StatusItem::Deleted(self.deleted),
            Asked::DeletedStorage => StatusItem::DeletedStorage(self.deleted_storage),
            Asked::Size => StatusItem::Size(self.size),
            Asked::HighestModSeq => StatusItem::HighestModSeq(self.highest_mod_seq),
            Asked::AppendLimit => StatusItem::AppendLimit(self.append_limit),
            Asked::MailboxId => {
                let id = self.mailbox_id.as_ref().filter(|id| is_object_id(id))?;
                StatusItem::MailboxId(Text::plain(id))
            }
        })
    }
}

/// RFC 8474 §7 `objectid`.
fn is_object_id(id: &[u8]) -> bool {
    (1..=255).contains(&id.len())
        && id
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-'))
}
