//! What a client is told of a mailbox that it has opened (RFC 9051 §6.3.2).

use core::num::NonZeroU32;

use bytes::{BufMut, BytesMut};

use crate::{
    encode::put_number,
    flag::{Flag, Flags},
    response::{Code, Condition, List, Status},
    server::Access,
};

/// A mailbox that was opened, as the answer to SELECT or EXAMINE.
///
/// ```
/// use std::num::NonZeroU32;
/// use mailwire_imap::server::{Access, Selected};
/// let mut inbox = Selected::new(Access::ReadWrite, NonZeroU32::MIN, NonZeroU32::MIN);
/// inbox.exists = 172;
/// assert!(inbox.highest_mod_seq.is_none());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Selected {
    /// What the client may do with it. After EXAMINE it is read-only whatever stands here.
    pub access: Access,
    /// The flags that there are in the mailbox; at first those of the system.
    pub flags: Flags,
    /// The flags that a client can change for good, with `\*` where it can make new ones; at first
    /// those of the system. None where it is read-only, whatever stands here.
    pub permanent_flags: Flags,
    /// How many messages there are.
    pub exists: u32,
    /// How many of them are recent (RFC 3501 §7.3.2).
    pub recent: u32,
    /// The unique identifier validity value.
    pub uid_validity: NonZeroU32,
    /// The UID that the next message will have at the least.
    pub uid_next: NonZeroU32,
    /// The number of the first message that has not been seen (RFC 3501 §7.1).
    pub first_unseen: Option<NonZeroU32>,
    /// The highest modification sequence; without it NOMODSEQ is said where CONDSTORE is offered
    /// (RFC 7162 §3.1.2).
    pub highest_mod_seq: Option<u64>,
    /// The LIST response that IMAP4rev2 wants (RFC 9051 §6.3.2); it is sent once that is enabled.
    pub list: Option<List>,
}

impl Selected {
    /// An empty mailbox with the flags of the system.
    #[must_use]
    pub fn new(access: Access, uid_validity: NonZeroU32, uid_next: NonZeroU32) -> Self {
        let flags: Flags = [
            Flag::Answered,
            Flag::Flagged,
            Flag::Deleted,
            Flag::Seen,
            Flag::Draft,
        ]
        .into_iter()
        .collect();
        Self {
            access,
            permanent_flags: flags.clone(),
            flags,
            exists: 0,
            recent: 0,
            uid_validity,
            uid_next,
            first_unseen: None,
            highest_mod_seq: None,
            list: None,
        }
    }

    /// Writes the untagged responses.
    pub(super) fn write(&self, manner: Manner, wire: &mut BytesMut) {
        wire.put_slice(b"* FLAGS ");
        self.flags.encode(wire);
        wire.put_slice(b"\r\n");
        number(wire, self.exists, b" EXISTS\r\n");
        if !manner.rev2 {
            number(wire, self.recent, b" RECENT\r\n");
            if let Some(unseen) = self.first_unseen {
                say(wire, &Code::Unseen(unseen), "first unseen message");
            }
        } else if let Some(list) = &self.list {
            wire.put_slice(list.wire());
            wire.put_slice(b"\r\n");
        }
        let (permanent, text) = match manner.access {
            Access::ReadWrite => (self.permanent_flags.clone(), "flags permitted"),
            Access::ReadOnly => (Flags::new(), "read-only mailbox"),
        };
        say(wire, &Code::PermanentFlags(permanent), text);
        say(wire, &Code::UidValidity(self.uid_validity), "UIDs valid");
        say(wire, &Code::UidNext(self.uid_next), "predicted next UID");
        match self.highest_mod_seq {
            Some(value) if manner.cond_store => {
                say(wire, &Code::HighestModSeq(value), "highest");
            }
            None if manner.cond_store => say(wire, &Code::NoModSeq, "no modification sequences"),
            _ => {}
        }
    }
}

/// What of it is said.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    pub(super) access: Access,
    /// Whether IMAP4rev2 was enabled.
    pub(super) rev2: bool,
    /// Whether CONDSTORE is offered.
    pub(super) cond_store: bool,
}

fn number(wire: &mut BytesMut, number: u32, name: &[u8]) {
    wire.put_slice(b"* ");
    put_number(wire, number.into());
    wire.put_slice(name);
}

fn say(wire: &mut BytesMut, code: &Code<'_>, text: &str) {
    wire.put_slice(Status::untagged(Condition::Ok, Some(code), text).wire());
    wire.put_slice(b"\r\n");
}
