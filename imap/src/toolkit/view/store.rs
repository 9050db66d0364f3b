//! What STORE and COPY do, as far as no store is needed for it.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use crate::{
    command::{Silence, StoreMode},
    flag::{Flag, Flags},
    response::Code,
    sequence::SequenceSet,
};

/// A STORE of this session that the store has done (RFC 9051 §6.4.6).
///
/// ```
/// use mailwire_imap::{command::{Silence, StoreMode}, flag::{Flag, Flags}, toolkit::view::Stored};
/// let flags = Flags::from_iter([Flag::Deleted]);
/// let stored = Stored::new(Vec::new(), StoreMode::Add, flags, Silence::Silent);
/// assert_eq!(stored.silence, Silence::Silent);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stored {
    /// The UIDs whose flags were stored, without those that UNCHANGEDSINCE kept back.
    pub uids: Vec<NonZeroU32>,
    /// What became of the flags.
    pub mode: StoreMode,
    /// The flags of the command.
    pub flags: Flags,
    /// Whether the client wants to be told of them.
    pub silence: Silence,
}

impl Stored {
    /// A STORE; the UIDs come in any order.
    #[must_use]
    pub fn new(mut uids: Vec<NonZeroU32>, mode: StoreMode, flags: Flags, silence: Silence) -> Self {
        uids.sort_unstable();
        Self {
            uids,
            mode,
            flags,
            silence,
        }
    }

    pub(super) fn has(&self, uid: NonZeroU32) -> bool {
        self.uids.binary_search(&uid).is_ok()
    }
}

/// The flags of a message that had `before` when STORE is done. `\Recent` is the server's, and
/// `\*` is no flag: they are not stored.
///
/// ```
/// use mailwire_imap::{command::StoreMode, flag::{Flag, Flags}, toolkit::view::stored_flags};
/// let before = Flags::from_iter([Flag::Seen, Flag::new(b"$Junk")?]);
/// let after = stored_flags(&before, StoreMode::Remove, &Flags::from_iter([Flag::new(b"$junk")?]));
/// assert_eq!(after, Flags::from_iter([Flag::Seen]));
/// # Ok::<(), mailwire_imap::flag::InvalidFlag>(())
/// ```
#[must_use]
pub fn stored_flags(before: &Flags, mode: StoreMode, flags: &Flags) -> Flags {
    let is_stored = |flag: &Flag| !matches!(flag, Flag::Recent | Flag::Wildcard);
    match mode {
        StoreMode::Replace => flags.iter().filter(is_stored).collect(),
        StoreMode::Add => before
            .iter()
            .chain(flags.iter())
            .filter(is_stored)
            .collect(),
        StoreMode::Remove => before.iter().filter(|flag| !flags.contains(flag)).collect(),
    }
}

/// COPYUID of the messages that were copied or moved, as pairs of the UID in the source and the new
/// one, in the order in which they were written (RFC 4315 §3). `None` where nothing was copied.
///
/// ```
/// use core::num::NonZeroU32;
/// use mailwire_imap::{command::Tag, response::{Condition, Status}, toolkit::view::copy_uid};
/// let uid = |uid| NonZeroU32::new(uid).unwrap();
/// let pairs = [(304, 3956), (319, 3957), (320, 3958)].map(|(from, to)| (uid(from), uid(to)));
/// let code = copy_uid(uid(38_505), pairs);
/// let status = Status::tagged(&Tag::new(b"A003").unwrap(), Condition::Ok, code.as_ref(), "Done");
/// assert_eq!(status.wire(), b"A003 OK [COPYUID 38505 304,319:320 3956:3958] Done");
/// ```
#[must_use]
pub fn copy_uid(
    validity: NonZeroU32,
    pairs: impl IntoIterator<Item = (NonZeroU32, NonZeroU32)>,
) -> Option<Code<'static>> {
    let (source, target): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    Some(Code::CopyUid {
        validity,
        source: SequenceSet::of(source)?,
        target: SequenceSet::of(target)?,
    })
}
