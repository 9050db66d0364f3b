//! Which messages a command means.

use alloc::{borrow::Cow, vec::Vec};
use core::{num::NonZeroU32, ops::Range};

use super::{Entry, Facts, View, number_at};
use crate::{command::By, sequence::SequenceSet};

/// A set names a number above that of the last message; `*` in an empty mailbox does too. The
/// client's fault: a server answers BAD (RFC 9051 §9 `seq-number`).
///
/// ```
/// use core::num::NonZeroU32;
/// use mailwire_imap::{command::By, toolkit::view::{Snapshot, View}};
/// let view = View::new(Snapshot::new(NonZeroU32::MIN, NonZeroU32::MIN));
/// let error = view.resolve(&"1:*".parse()?, By::Number, &[]).unwrap_err();
/// assert_eq!(error.to_string(), "no message 1: there are 0");
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no message {number}: there are {exists}")]
#[non_exhaustive]
pub struct NoSuchMessage {
    /// The number.
    pub number: u32,
    /// The number of the last message.
    pub exists: u32,
}

/// The messages that a set names, each one once and in ascending order.
///
/// Those that are gone from the store are left out, though the client may not know that yet.
///
/// ```
/// use core::num::NonZeroU32;
/// use mailwire_imap::{command::By, toolkit::view::{Facts, Snapshot, View}};
/// let uid = |uid| NonZeroU32::new(uid).unwrap();
/// let date = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
/// let mut snapshot = Snapshot::new(uid(1), uid(10));
/// snapshot.messages = [3, 5, 9].map(|n| Facts::new(uid(n), date, None)).into_iter().collect();
/// let view = View::new(snapshot);
/// let found = view.resolve(&"*,4:7,5".parse()?, By::Uid, &[]).unwrap();
/// assert!(found.map(|(number, facts)| (number.get(), facts.uid.get())).eq([(2, 5), (3, 9)]));
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Found<'a> {
    view: &'a View,
    /// Places of entries, in ascending order and apart from each other; the next one last.
    ranges: Vec<Range<usize>>,
    /// Where the next message may be in the snapshot.
    near: usize,
}

impl Found<'_> {
    /// Whether one of them is gone, and EXPUNGE has not been told: FETCH and COPY by number answer
    /// NO with EXPUNGEISSUED (RFC 5530 §3) behind what they found; STORE passes it by.
    ///
    /// A UID that is gone is no message at all, and never an error (RFC 9051 §6.4.9).
    #[must_use]
    pub fn has_expunged(&self) -> bool {
        self.view.gone > 0
            && self.ranges.iter().any(|range| {
                let entries = self.view.entries.get(range.clone()).unwrap_or_default();
                entries.iter().any(|entry| entry.has(Entry::GONE))
            })
    }

    /// The UIDs of those with `\Deleted`: what UID EXPUNGE removes (RFC 4315 §2.1).
    pub fn deleted(self) -> impl Iterator<Item = NonZeroU32> {
        self.filter(|(_, facts)| facts.is_deleted())
            .map(|(_, facts)| facts.uid)
    }

    /// Their UIDs.
    pub fn uids(self) -> impl Iterator<Item = NonZeroU32> {
        self.map(|(_, facts)| facts.uid)
    }
}

impl<'a> Iterator for Found<'a> {
    type Item = (NonZeroU32, Cow<'a, Facts>);

    fn next(&mut self) -> Option<Self::Item> {
        let view = self.view;
        loop {
            let range = self.ranges.last_mut()?;
            let Some(at) = range.next() else {
                self.ranges.pop();
                continue;
            };
            let entry = view.entries.get(at)?;
            if entry.has(Entry::GONE) {
                continue;
            }
            if let Some(facts) = view.facts_of(*entry, &mut self.near) {
                return Some((number_at(at)?, facts));
            }
        }
    }
}

/// Without the messages.
impl core::fmt::Debug for Found<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Found")
            .field("ranges", &self.ranges)
            .finish_non_exhaustive()
    }
}

impl View {
    /// The messages that `set` names. `saved` are the UIDs of the saved search result in ascending
    /// order, which `$` stands for (RFC 9051 §6.4.4.1).
    ///
    /// UIDs that there are not are passed by. `*` is the largest number or UID of a message that
    /// the client knows and that is not gone. The cost is that of the ranges and of what is found.
    ///
    /// ```
    /// use core::num::NonZeroU32;
    /// use mailwire_imap::{command::By, toolkit::view::{Facts, Snapshot, View}};
    /// let uid = NonZeroU32::new(7).unwrap();
    /// let mut snapshot = Snapshot::new(uid, uid);
    /// snapshot.messages.push(Facts::new(uid, "\"17-Jul-1996 02:44:25 -0700\"".parse()?, None));
    /// let view = View::new(snapshot);
    /// assert_eq!(view.resolve(&"5:9".parse()?, By::Uid, &[]).unwrap().count(), 1);
    /// assert!(view.resolve(&"5:9".parse()?, By::Number, &[]).is_err());
    /// # Ok::<(), mailwire_imap::error::ParseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoSuchMessage`] for a number that no message has.
    pub fn resolve(
        &self,
        set: &SequenceSet,
        by: By,
        saved: &[NonZeroU32],
    ) -> Result<Found<'_>, NoSuchMessage> {
        if set.is_saved() {
            return Ok(self.found(self.saved(saved)));
        }
        let mut ranges = Vec::new();
        let largest = match by {
            By::Number => self.exists(),
            By::Uid => self.largest_uid(),
        };
        for element in set.iter() {
            match by {
                By::Number => {
                    let bounds = element.bounds(largest.max(1));
                    if *bounds.end() > largest {
                        return Err(NoSuchMessage {
                            number: *bounds.end(),
                            exists: largest,
                        });
                    }
                    let start = usize::try_from(bounds.start() - 1).unwrap_or(usize::MAX);
                    let end = usize::try_from(*bounds.end()).unwrap_or(usize::MAX);
                    ranges.push(start..end);
                }
                By::Uid => ranges.push(self.between(&element.bounds(largest), self.exists)),
            }
        }
        Ok(self.found(ranges))
    }

    /// All messages that the client knows and that are not gone.
    #[must_use]
    pub fn messages(&self) -> Found<'_> {
        self.found(core::iter::once(0..self.exists).collect())
    }

    fn largest_uid(&self) -> u32 {
        let mut told = self.told().iter().rev();
        let last = told.find(|entry| !entry.has(Entry::GONE));
        last.map_or(0, |entry| entry.uid.get())
    }

    /// Where the saved messages are that are still there.
    fn saved(&self, saved: &[NonZeroU32]) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let known = saved.iter().filter_map(|uid| self.position(*uid));
        for at in known.filter(|at| *at < self.exists) {
            match ranges.last_mut() {
                Some(last) if last.end == at => last.end += 1,
                _ => ranges.push(at..at + 1),
            }
        }
        ranges
    }

    /// Sorts the ranges and joins those that touch.
    fn found(&self, mut ranges: Vec<Range<usize>>) -> Found<'_> {
        ranges.sort_unstable_by_key(|range| range.start);
        ranges.dedup_by(|next, kept| {
            let touches = next.start <= kept.end;
            if touches {
                kept.end = kept.end.max(next.end);
            }
            touches
        });
        ranges.reverse();
        let near = ranges.last().map_or(0, |range| range.start);
        Found {
            view: self,
            ranges,
            near,
        }
    }
}
