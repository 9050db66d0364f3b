//! What is known of the mailbox that is selected.

use core::num::NonZeroU32;

use crate::response::{Code, Response, Status};

/// The mailbox that is selected, as far as the server has told of it.
///
/// It is latched from untagged responses whenever they come, so that mail which was announced
/// before IDLE, say, is not overlooked. Which number belongs to which message after an EXPUNGE is
/// for the application to know: the responses are told in their order.
///
/// ```
/// use mailwire_imap::client::Selected;
/// assert_eq!(Selected::default().exists, 0);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Selected {
    /// How many messages there are: EXISTS, less what was expunged since.
    pub exists: u32,
    /// RECENT (RFC 3501 §7.3.2).
    pub recent: u32,
    /// UIDVALIDITY. Where a server names none, its UIDs must not be kept.
    pub uid_validity: Option<NonZeroU32>,
    /// UIDNEXT, as it was told at the selection.
    pub uid_next: Option<NonZeroU32>,
    /// HIGHESTMODSEQ (RFC 7162 §3.1.2.1), the highest that was told.
    pub highest_mod_seq: Option<u64>,
    /// Whether it can be changed.
    pub access: Access,
}

/// Whether a mailbox can be changed.
///
/// ```
/// use mailwire_imap::client::Access;
/// assert_eq!(Access::default(), Access::ReadWrite);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 §6.3.2 has these two")]
pub enum Access {
    /// READ-ONLY: by EXAMINE, or because the user may not.
    ReadOnly,
    /// READ-WRITE.
    #[default]
    ReadWrite,
}

impl Selected {
    pub(super) const fn new(access: Access) -> Self {
        Self {
            exists: 0,
            recent: 0,
            uid_validity: None,
            uid_next: None,
            highest_mod_seq: None,
            access,
        }
    }

    /// Takes in what an untagged response says.
    pub(super) fn hear(&mut self, response: &Response) {
        match response {
            Response::Exists(count) => self.exists = *count,
            Response::Recent(count) => self.recent = *count,
            Response::Expunge(_) => self.exists = self.exists.saturating_sub(1),
            Response::Vanished(vanished) if !vanished.is_earlier() => {
                let gone = vanished.uids().and_then(|uids| uids.count());
                let gone = gone.and_then(|gone| u32::try_from(gone).ok());
                self.exists = self.exists.saturating_sub(gone.unwrap_or_default());
            }
            Response::Status(status) => self.hear_status(status),
            _ => {}
        }
    }

    /// Takes in the response code of a status.
    pub(super) fn hear_status(&mut self, status: &Status) {
        match status.code() {
            // What came before was about the mailbox that was selected until now.
            Some(Code::Closed) => *self = Self::new(self.access),
            Some(Code::UidValidity(value)) => self.uid_validity = Some(value),
            Some(Code::UidNext(value)) => self.uid_next = Some(value),
            Some(Code::HighestModSeq(value)) => {
                self.highest_mod_seq = self.highest_mod_seq.max(Some(value));
            }
            Some(Code::ReadOnly) => self.access = Access::ReadOnly,
            Some(Code::ReadWrite) => self.access = Access::ReadWrite,
            _ => {}
        }
    }
}
