//! What can go wrong in the store, sorted by what a server answers.

use std::io;

/// Why the store could not do what was asked. Nothing was acknowledged, and nothing half done is visible.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No space, no inode or no quota is left: `452 4.3.1` (RFC 5321 §4.2.3).
    #[error("the mail store is full")]
    Full,
    /// Anything else: `451 4.3.0`. It may work later.
    #[error("could not {doing}: {kind} (errno {errno:?})")]
    Temporary {
        /// What the store was doing, for the log.
        doing: &'static str,
        /// The kind of error that the system gave.
        kind: io::ErrorKind,
        /// The number of the error that the system gave.
        errno: Option<i32>,
    },
}

impl StoreError {
    pub(crate) fn new(doing: &'static str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            kind => Self::Temporary {
                doing,
                kind,
                errno: error.raw_os_error(),
            },
        }
    }

    /// A task of ours ended without an answer.
    pub(crate) const fn lost(doing: &'static str) -> Self {
        Self::Temporary {
            doing,
            kind: io::ErrorKind::Other,
            errno: None,
        }
    }
}

/// Says what was being done when the system refused.
pub(crate) trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::new(what, &error))
    }
}

/// Why a maildrop was not opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another session has it: `-ERR [IN-USE]` (RFC 2449 §8.1.2).
    #[error("the maildrop is in use by another session")]
    InUse,
    /// The store failed: `-ERR [SYS/TEMP]` (RFC 3206 §4).
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a message could not be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Somebody else removed the message after the session began.
    #[error("the message is gone")]
    Gone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why something could not be done with a mailbox.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MailboxError {
    /// There is one of this name: `NO [ALREADYEXISTS]` (RFC 9051 §7.1).
    #[error("the mailbox is there already")]
    AlreadyExists,
    /// The mailbox that was opened was deleted, renamed or made anew: the session has to let go of it.
    #[error("the mailbox that was opened is gone")]
    Gone,
    /// It is only a name above others, and cannot be deleted: `NO [HASCHILDREN]` (RFC 9051 §7.1).
    #[error("the mailbox has others below it")]
    HasChildren,
    /// INBOX cannot be made, deleted or written over; a mailbox cannot be moved below itself: `NO [CANNOT]`.
    #[error("this cannot be done with this mailbox")]
    Impossible,
    /// More than the store keeps: `NO [LIMIT]` (RFC 9051 §7.1).
    #[error("more than the store keeps of {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
    },
    /// There is none of this name: `NO [NONEXISTENT]`, or `NO [TRYCREATE]` where a message was to go there.
    #[error("there is no such mailbox")]
    NoSuchMailbox,
    /// It was opened to read only: `NO [NOPERM]`.
    #[error("the mailbox was opened to read only")]
    ReadOnly,
    /// The store failed, or is full: `NO [OVERQUOTA]`, `NO [SERVERBUG]`.
    #[error(transparent)]
    Store(#[from] StoreError),
}
