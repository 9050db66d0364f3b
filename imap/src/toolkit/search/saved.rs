//! What `$` stands for.

use core::num::NonZeroU32;

use super::ranges::Ranges;
use crate::sequence::SequenceSet;

/// The search result variable (RFC 5182 §2.1, RFC 9051 §6.4.4.1): the messages that the last
/// SEARCH with SAVE found. They are kept as UIDs, so that an expunged message moves no other.
///
/// A server has one for each session, sets it with [`Found::save`](super::Found::save), and
/// [clears](Self::clear) it when a mailbox is selected, when UIDVALIDITY changes, and when a SEARCH
/// with SAVE is answered NO.
///
/// ```
/// use core::num::NonZeroU32;
/// use mailwire_imap::toolkit::search::Saved;
/// let uid = |uid| NonZeroU32::new(uid).unwrap();
/// let mut saved: Saved = [14, 15, 16, 100].into_iter().map(uid).collect();
/// saved.remove(uid(15));
/// assert!(saved.contains(uid(16)) && !saved.contains(uid(15)));
/// assert_eq!(saved.to_set().unwrap().as_bytes(), b"14,16,100");
/// saved.clear();
/// assert_eq!(saved.to_set(), None);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Saved {
    uids: Ranges,
}

impl Saved {
    /// The empty result, as after SELECT.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            uids: Ranges::new(),
        }
    }

    /// Empties it.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Takes out a message that was expunged.
    pub fn remove(&mut self, uid: NonZeroU32) {
        self.uids.remove(uid.get());
    }

    /// Whether the message of that UID is in it.
    #[must_use]
    pub fn contains(&self, uid: NonZeroU32) -> bool {
        self.uids.contains(uid.get())
    }

    /// Whether there are none; `$` is then a set without messages, and no error.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }

    /// The UIDs as a set in ascending order; `None` where there are none.
    #[must_use]
    pub fn to_set(&self) -> Option<SequenceSet> {
        SequenceSet::of_ranges(self.uids.iter())
    }

    pub(super) const fn ranges(&self) -> &Ranges {
        &self.uids
    }
}

impl FromIterator<NonZeroU32> for Saved {
    /// The messages of these UIDs, in ascending order; others are sorted first.
    fn from_iter<I: IntoIterator<Item = NonZeroU32>>(uids: I) -> Self {
        let mut uids: alloc::vec::Vec<_> = uids.into_iter().map(NonZeroU32::get).collect();
        uids.sort_unstable();
        let mut ranges = Ranges::new();
        for uid in uids {
            ranges.push(uid, uid);
        }
        Self { uids: ranges }
    }
}
