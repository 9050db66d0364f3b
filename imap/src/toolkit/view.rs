//! What a client knows of the mailbox that it has selected.
//!
//! Read RFC 9051 §2.3.1, §5.2 and §7.5.1 first, and RFC 7162 for mod-sequences and QRESYNC.
//!
//! A store has one present state of a mailbox, a [`Snapshot`]; all sessions share its
//! [`Messages`]. Each session has a [`View`] on it: which messages its client has been told of,
//! and in which order, which gives them their numbers. [`View::update`] takes a newer snapshot and
//! notes what is different; [`View::changes`] tells the client, as far as the command that is being
//! answered permits. In between a message keeps its number, also where it is gone from the store.
//!
//! ```text
//!   store ── Snapshot ──► View::update ──► noted ──► View::changes(Timing) ──► EXPUNGE, EXISTS, FETCH
//!                                            │
//!                      numbers stay as told  └──► View::resolve(set) ──► messages
//! ```

mod changes;
mod facts;
mod found;
mod merge;
mod messages;
mod resync;
mod store;

use alloc::{borrow::Cow, vec::Vec};
use core::{num::NonZeroU32, ops::RangeInclusive};

pub use self::{
    changes::{Changes, Timing},
    facts::{Facts, Recent},
    found::{Found, NoSuchMessage},
    messages::{Messages, Snapshot},
    store::{Stored, copy_uid, stored_flags},
};
use crate::{
    command::By,
    flag::{Flag, Flags},
    sequence::SequenceSet,
};

/// A message that the client has been told of, or will be with the next EXISTS.
///
/// There is one for each message and session, so it is kept to eight octets.
#[derive(Clone, Copy)]
struct Entry {
    uid: NonZeroU32,
    marks: u8,
}

const _: () = assert!(size_of::<Entry>() == 8);

impl Entry {
    /// It is gone from the store, and EXPUNGE has not been told.
    const GONE: u8 = 1;
    /// FLAGS is to be told.
    const FLAGS: u8 = 1 << 1;
    /// MODSEQ is to be told.
    const MOD_SEQ: u8 = 1 << 2;
    /// It has `\Recent` in this session.
    const RECENT: u8 = 1 << 3;
    /// What a FETCH response is waiting for.
    const NEWS: u8 = Self::FLAGS | Self::MOD_SEQ;

    const fn has(self, marks: u8) -> bool {
        self.marks & marks != 0
    }
}

/// What one session's client has been told of its selected mailbox.
///
/// It costs eight octets for each message; the messages are the store's. A session that takes a new
/// snapshot soon, whether it may tell of it or not, lets go of what nobody else needs any more.
///
/// ```
/// use core::num::NonZeroU32;
/// use mailwire_imap::{flag::Flag, response::Response, toolkit::view::*};
/// let date = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
/// let uid = |uid| NonZeroU32::new(uid).unwrap();
/// let mut snapshot = Snapshot::new(uid(1), uid(10));
/// snapshot.messages = [3, 5, 9].map(|n| Facts::new(uid(n), date, Some(100))).into_iter().collect();
/// let mut view = View::new(snapshot.clone());
/// assert_eq!((view.exists(), view.uid(2)), (3, Some(uid(5))));
///
/// // Another session removes a message and marks one.
/// snapshot.messages.remove(uid(3));
/// snapshot.messages.change(uid(9), |facts| facts.flags.insert(&Flag::Seen));
/// view.update(snapshot).unwrap();
/// // While FETCH is being answered the numbers stay; NOOP tells the rest.
/// let told: Vec<Response> = view.changes(Timing::KeepNumbers).collect();
/// assert!(matches!(&told[..], [Response::Fetch(fetch)] if fetch.number() == uid(3)));
/// let told: Vec<Response> = view.changes(Timing::Any).collect();
/// assert_eq!(told, [Response::Expunge(uid(1))]);
/// assert_eq!(view.number(uid(9)), Some(uid(2)));
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct View {
    snapshot: Snapshot,
    /// In ascending order of UIDs; those the client knows, then those it will be told of.
    entries: Vec<Entry>,
    /// How many of the entries the client knows: the number of EXISTS and EXPUNGE.
    exists: usize,
    /// How many of those are gone.
    gone: usize,
    /// How many of those have news.
    news: usize,
    /// How many of all entries are `\Recent`, and what RECENT has said.
    recent: u32,
    recent_told: u32,
    has_new_flags: bool,
    tells_mod_seq: bool,
    tells_vanished: bool,
    knows_recent: bool,
    /// Where to look for the next FETCH response; all before it is told.
    next_news: usize,
}

/// Another mailbox has taken the place of the one that was selected: its UIDVALIDITY is new. The
/// view is as it was; a server ends the session, since no UID means what it did.
///
/// ```
/// use core::num::NonZeroU32;
/// use mailwire_imap::toolkit::view::{Snapshot, View};
/// let one = NonZeroU32::MIN;
/// let mut view = View::new(Snapshot::new(one, one));
/// let error = view.update(Snapshot::new(NonZeroU32::MAX, one)).unwrap_err();
/// assert_eq!(error.to_string(), "the mailbox was replaced by another one");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the mailbox was replaced by another one")]
#[non_exhaustive]
pub struct Replaced;

impl View {
    /// The view of a client that SELECT tells of all messages in `snapshot`.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        let mut view = Self {
            entries: Vec::with_capacity(snapshot.messages.len()),
            snapshot,
            exists: 0,
            gone: 0,
            news: 0,
            recent: 0,
            recent_told: 0,
            has_new_flags: false,
            tells_mod_seq: false,
            tells_vanished: false,
            knows_recent: true,
            next_news: 0,
        };
        let messages = view.snapshot.messages.clone();
        for facts in messages.iter() {
            view.push(facts);
        }
        view.exists = view.entries.len();
        view.recent_told = view.recent;
        view
    }

    /// The same for a client that has enabled IMAP4rev2, which knows no `\Recent` (RFC 9051
    /// appendix E).
    #[must_use]
    pub fn without_recent(mut self) -> Self {
        self.knows_recent = false;
        for entry in &mut self.entries {
            entry.marks &= !Entry::RECENT;
        }
        (self.recent, self.recent_told) = (0, 0);
        self
    }

    /// The same where the store has given `\Recent` of these UIDs to this session, which SELECT
    /// tells.
    #[must_use]
    pub fn with_recent(mut self, uids: RangeInclusive<u32>) -> Self {
        self.claim_recent(uids);
        self.recent_told = self.recent;
        self
    }

    /// From now on FETCH responses have MODSEQ: the client has enabled CONDSTORE (RFC 7162 §3.1).
    pub fn tell_mod_seq(&mut self) {
        self.tells_mod_seq = true;
    }

    /// From now on VANISHED is told in the place of EXPUNGE, and MODSEQ too: the client has enabled
    /// QRESYNC (RFC 7162 §3.2.3, §3.2.10).
    pub fn tell_vanished(&mut self) {
        self.tells_mod_seq = true;
        self.tells_vanished = true;
    }

    /// The store has given `\Recent` of these new messages to this session (RFC 3501 §2.3.2). To
    /// be called behind [`update`](Self::update), before the changes are told.
    ///
    /// ```
    /// use core::num::NonZeroU32;
    /// use mailwire_imap::{response::Response, toolkit::view::{Facts, Snapshot, Timing, View}};
    /// let uid = NonZeroU32::new(7).unwrap();
    /// let mut snapshot = Snapshot::new(uid, uid);
    /// let mut view = View::new(snapshot.clone());
    /// snapshot.messages.push(Facts::new(uid, "\"17-Jul-1996 02:44:25 -0700\"".parse()?, None));
    /// view.update(snapshot).unwrap();
    /// view.claim_recent(5..=8);
    /// assert!(view.changes(Timing::Any).eq([Response::Exists(1), Response::Recent(1)]));
    /// # Ok::<(), mailwire_imap::error::ParseError>(())
    /// ```
    pub fn claim_recent(&mut self, uids: RangeInclusive<u32>) {
        if !self.knows_recent {
            return;
        }
        let range = self.between(&uids, self.entries.len());
        for entry in self.entries.get_mut(range).unwrap_or_default() {
            if !entry.has(Entry::RECENT) {
                entry.marks |= Entry::RECENT;
                self.recent += 1;
            }
        }
    }

    /// How many messages there are for this client: EXISTS of SELECT.
    #[must_use]
    pub fn exists(&self) -> u32 {
        u32::try_from(self.exists).unwrap_or(u32::MAX)
    }

    /// How many messages are recent: RECENT of SELECT.
    #[must_use]
    pub const fn recent(&self) -> u32 {
        self.recent
    }

    /// The number of the first message without `\Seen` (RFC 3501 §7.1 UNSEEN).
    #[must_use]
    pub fn first_unseen(&self) -> Option<NonZeroU32> {
        self.messages()
            .find(|(_, facts)| !facts.is_seen())
            .map(|(number, _)| number)
    }

    /// The present state of the mailbox, as far as this session has heard.
    #[must_use]
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whether [`changes`](Self::changes) has something to tell at this time.
    #[must_use]
    pub const fn has_changes(&self, timing: Timing) -> bool {
        self.has_new_flags
            || self.entries.len() > self.exists
            || self.recent != self.recent_told
            || self.news > 0
            || matches!(timing, Timing::Any) && self.gone > 0
    }

    /// The UID of the message with this number; `None` where there is no such number.
    #[must_use]
    pub fn uid(&self, number: u32) -> Option<NonZeroU32> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        self.told().get(at).map(|entry| entry.uid)
    }

    /// The number of the message with this UID; `None` where the client knows none.
    #[must_use]
    pub fn number(&self, uid: NonZeroU32) -> Option<NonZeroU32> {
        let at = self.position(uid).filter(|at| *at < self.exists)?;
        number_at(at)
    }

    /// What is known of the message with this UID, if the client knows it and it is not gone.
    #[must_use]
    pub fn facts(&self, uid: NonZeroU32) -> Option<Cow<'_, Facts>> {
        let entry = self.told().get(self.position(uid)?)?;
        self.facts_of(*entry, &mut 0)
    }

    /// The number of the message with this UID, and what is known of it: [`number`](Self::number)
    /// and [`facts`](Self::facts) for one message of many in ascending order. `near` is 0 at first
    /// and then as the call before has left it, which spares the search.
    ///
    /// ```
    /// use core::num::NonZeroU32;
    /// use mailwire_imap::toolkit::view::{Facts, Snapshot, View};
    /// let date = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
    /// let uid = |uid| NonZeroU32::new(uid).unwrap();
    /// let mut snapshot = Snapshot::new(uid(1), uid(10));
    /// snapshot.messages = [3, 5].map(|n| Facts::new(uid(n), date, Some(100))).into_iter().collect();
    /// let view = View::new(snapshot);
    /// let mut near = 0;
    /// for (number, n) in [(1, 3), (2, 5)] {
    ///     let (found, facts) = view.message_near(uid(n), &mut near).unwrap();
    ///     assert_eq!((found, facts.uid), (uid(number), uid(n)));
    /// }
    /// assert!(view.message_near(uid(4), &mut near).is_none());
    /// # Ok::<(), mailwire_imap::error::ParseError>(())
    /// ```
    pub fn message_near(
        &self,
        uid: NonZeroU32,
        near: &mut usize,
    ) -> Option<(NonZeroU32, Cow<'_, Facts>)> {
        let is_there = |at: &usize| self.entries.get(*at).is_some_and(|entry| entry.uid == uid);
        let at = Some(*near).filter(is_there);
        let at = at.or_else(|| self.position(uid))?;
        *near = at + 1;
        let entry = self.told().get(at)?;
        // Where nothing is gone, messages stand where their entries do.
        let facts = self.facts_of(*entry, &mut at.clone())?;
        Some((number_at(at)?, facts))
    }

    /// These messages as a set of numbers or UIDs: for MODIFIED (RFC 7162 §3.1.3) and for results.
    /// `None` where the client knows none of them.
    #[must_use]
    pub fn set_of(
        &self,
        by: By,
        uids: impl IntoIterator<Item = NonZeroU32>,
    ) -> Option<SequenceSet> {
        let numbers = uids.into_iter().filter_map(|uid| self.number(uid));
        match by {
            By::Number => SequenceSet::of(numbers),
            By::Uid => SequenceSet::of(numbers.filter_map(|number| self.uid(number.get()))),
        }
    }

    /// The UIDs of all messages with `\Deleted`: what EXPUNGE removes, and CLOSE without telling.
    /// They may be more than the client knows, as RFC 9051 §6.4.3 speaks of the mailbox.
    pub fn deleted(&self) -> impl Iterator<Item = NonZeroU32> + '_ {
        let messages = self.snapshot.messages.iter();
        messages
            .filter(|facts| facts.is_deleted())
            .map(|facts| facts.uid)
    }

    /// The flags of this message have been told by other means: a FETCH response with FLAGS, and
    /// with MODSEQ where that is enabled.
    pub fn flags_were_told(&mut self, number: NonZeroU32) {
        let at = usize::try_from(number.get() - 1).unwrap_or(usize::MAX);
        if at < self.exists
            && let Some(entry) = self.entries.get_mut(at)
            && entry.has(Entry::NEWS)
        {
            entry.marks &= !Entry::NEWS;
            self.news -= 1;
        }
    }

    /// The entries that the client knows.
    fn told(&self) -> &[Entry] {
        self.entries.get(..self.exists).unwrap_or_default()
    }

    /// Where the entry of `uid` is.
    fn position(&self, uid: NonZeroU32) -> Option<usize> {
        self.entries
            .binary_search_by_key(&uid, |entry| entry.uid)
            .ok()
    }

    /// The places of the entries with these UIDs among the first `len`.
    fn between(&self, uids: &RangeInclusive<u32>, len: usize) -> core::ops::Range<usize> {
        let entries = self.entries.get(..len).unwrap_or_default();
        let start = entries.partition_point(|entry| entry.uid.get() < *uids.start());
        let end = entries.partition_point(|entry| entry.uid.get() <= *uids.end());
        start..end.max(start)
    }

    /// A message that is new behind all others.
    fn push(&mut self, facts: &Facts) {
        let mut marks = 0;
        if self.knows_recent && facts.recent == Recent::Yes {
            marks = Entry::RECENT;
            self.recent += 1;
        }
        let uid = facts.uid;
        self.entries.push(Entry { uid, marks });
    }

    /// What is known of an entry's message, with this session's `\Recent`; `near` is where it may
    /// be in the snapshot.
    fn facts_of(&self, entry: Entry, near: &mut usize) -> Option<Cow<'_, Facts>> {
        let messages = &self.snapshot.messages;
        let near_by = messages.get(*near).filter(|facts| facts.uid == entry.uid);
        let facts = if let Some(facts) = near_by {
            facts
        } else {
            *near = messages.position(entry.uid).ok()?;
            messages.get(*near)?
        };
        *near += 1;
        let recent = if entry.has(Entry::RECENT) {
            Recent::Yes
        } else {
            Recent::No
        };
        if facts.recent == recent {
            return Some(Cow::Borrowed(facts));
        }
        let mut facts = facts.clone();
        facts.recent = recent;
        Some(Cow::Owned(facts))
    }
}

/// Without the messages.
impl core::fmt::Debug for View {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("View")
            .field("exists", &self.exists)
            .field("gone", &self.gone)
            .field("new", &self.entries.len().saturating_sub(self.exists))
            .field("news", &self.news)
            .finish_non_exhaustive()
    }
}

/// The number of the entry at this place.
fn number_at(at: usize) -> Option<NonZeroU32> {
    u32::try_from(at + 1).ok().and_then(NonZeroU32::new)
}

/// The flags as FETCH tells them, `\Recent` included.
fn told_flags(facts: &Facts) -> Cow<'_, Flags> {
    match facts.recent {
        Recent::No => Cow::Borrowed(&facts.flags),
        Recent::Yes => {
            let mut flags = facts.flags.clone();
            flags.insert(&Flag::Recent);
            Cow::Owned(flags)
        }
    }
}
