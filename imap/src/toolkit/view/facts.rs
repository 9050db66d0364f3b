//! What is known of a message without opening it.

use core::num::NonZeroU32;

use crate::{datetime::DateTime, flag::Flags};

/// What a store knows of a message without opening it (RFC 9051 §2.3).
///
/// ```
/// use core::num::NonZeroU32;
/// use mailwire_imap::{flag::Flag, toolkit::view::Facts};
/// let uid = NonZeroU32::new(7).unwrap();
/// let mut facts = Facts::new(uid, "\"17-Jul-1996 02:44:25 -0700\"".parse()?, Some(4286));
/// facts.flags.insert(&Flag::Seen);
/// facts.mod_seq = 12;
/// assert!(facts.is_seen() && !facts.is_deleted());
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Facts {
    /// UID (RFC 9051 §2.3.1.1).
    pub uid: NonZeroU32,
    /// The flags and keywords, without `\Recent`.
    pub flags: Flags,
    /// Whether the message has `\Recent` in the session that the facts are for.
    pub recent: Recent,
    /// INTERNALDATE (RFC 9051 §2.3.3).
    pub internal_date: DateTime,
    /// RFC822.SIZE: the octets that `BODY[]` sends; `None` while nobody has counted them.
    pub octets: Option<u64>,
    /// The mod-sequence (RFC 7162 §3.1.1); 0 where the store keeps none.
    pub mod_seq: u64,
}

/// Whether a session is the first one that was told of a message (RFC 3501 §2.3.2 `\Recent`).
///
/// ```
/// use mailwire_imap::toolkit::view::Recent;
/// assert_eq!(Recent::default(), Recent::No);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a flag is there or it is not")]
pub enum Recent {
    /// An earlier session was told, or IMAP4rev2 is enabled, which knows no `\Recent`.
    #[default]
    No,
    /// This session is the first.
    Yes,
}

impl Facts {
    /// A message without flags and without a mod-sequence.
    #[must_use]
    pub fn new(uid: NonZeroU32, internal_date: DateTime, octets: impl Into<Option<u64>>) -> Self {
        Self {
            uid,
            flags: Flags::new(),
            recent: Recent::No,
            internal_date,
            octets: octets.into(),
            mod_seq: 0,
        }
    }

    /// Whether it has `\Seen`.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.flags.contains(&crate::flag::Flag::Seen)
    }

    /// Whether it has `\Deleted`.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.flags.contains(&crate::flag::Flag::Deleted)
    }
}
