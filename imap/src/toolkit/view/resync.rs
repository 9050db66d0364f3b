//! What has happened while a client was away (RFC 7162 §3.2.5, §3.2.6).

use alloc::{vec, vec::Vec};
use core::{num::NonZeroU32, ops::RangeInclusive};

use super::{View, told_flags};
use crate::{
    command::{By, Qresync},
    limits,
    response::{Fetch, Response, Vanished},
    sequence::SequenceSet,
};

impl View {
    /// The VANISHED (EARLIER) responses to a UID FETCH with VANISHED: the UIDs of `set` that no
    /// message has, but for those that the client counts still.
    ///
    /// When they were expunged is not remembered, so all of them are told, as RFC 7162 §3.2.6 asks
    /// of a server that does not know.
    ///
    /// ```
    /// use core::num::NonZeroU32;
    /// use mailwire_imap::toolkit::view::{Facts, Snapshot, View};
    /// let uid = |uid| NonZeroU32::new(uid).unwrap();
    /// let date = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
    /// let mut snapshot = Snapshot::new(uid(1), uid(500));
    /// snapshot.messages = [404, 406].map(|n| Facts::new(uid(n), date, None)).into_iter().collect();
    /// let vanished = View::new(snapshot).vanished(&"300:406,499:*".parse()?);
    /// assert_eq!(vanished[0].wire(), b"* VANISHED (EARLIER) 300:403,405,499");
    /// # Ok::<(), mailwire_imap::error::ParseError>(())
    /// ```
    #[must_use]
    pub fn vanished(&self, set: &SequenceSet) -> Vec<Vanished> {
        let last = self.snapshot.uid_next.get() - 1;
        let ranges = set.iter().map(|range| range.bounds(last)).collect();
        self.vanished_of(ranges, 1)
    }

    /// The answer to the QRESYNC parameter of SELECT, to be sent before the tagged OK: VANISHED
    /// (EARLIER), then a FETCH for each message that was changed. Nothing where UIDVALIDITY is
    /// another, or the mailbox keeps no mod-sequences.
    ///
    /// ```
    /// use core::num::NonZeroU32;
    /// use mailwire_imap::{command::Qresync, toolkit::view::{Snapshot, View}};
    /// let mut snapshot = Snapshot::new(NonZeroU32::MIN, NonZeroU32::new(7).unwrap());
    /// snapshot.highest_mod_seq = 90;
    /// let view = View::new(snapshot);
    /// assert_eq!(view.resync(&Qresync::new(NonZeroU32::MIN, 89)).count(), 1);
    /// assert_eq!(view.resync(&Qresync::new(NonZeroU32::MIN, 90)).count(), 0);
    /// assert_eq!(view.resync(&Qresync::new(NonZeroU32::MAX, 89)).count(), 0);
    /// ```
    pub fn resync<'a>(&'a self, known: &Qresync) -> impl Iterator<Item = Response> + use<'a> {
        let since = known.mod_sequence;
        // Each expunge gives the mailbox a new mod-sequence too.
        let is_behind = known.uid_validity == self.snapshot.uid_validity
            && since < self.snapshot.highest_mod_seq;
        let last = self.snapshot.uid_next.get() - 1;
        let (vanished, changed) = if is_behind {
            let ranges = known.known_uids.as_ref().map_or_else(
                || vec![1..=last],
                |set| set.iter().map(|range| range.bounds(last)).collect(),
            );
            let pairs = known.pairs.as_ref();
            let matched = pairs.map_or(0, |pairs| self.matched(pairs));
            let first = matched.saturating_add(1);
            let changed = match &known.known_uids {
                Some(set) => self.resolve(set, By::Uid, &[]).ok(),
                None => Some(self.messages()),
            };
            (self.vanished_of(ranges, first), changed)
        } else {
            (Vec::new(), None)
        };
        let changed = changed.into_iter().flatten();
        let fetches =
            changed
                .filter(move |(_, facts)| facts.mod_seq > since)
                .map(|(number, facts)| {
                    Fetch::builder(number)
                        .uid(facts.uid)
                        .flags(&told_flags(&facts))
                        .mod_seq(facts.mod_seq)
                        .build()
                });
        vanished
            .into_iter()
            .map(Response::Vanished)
            .chain(fetches.map(Response::Fetch))
    }

    /// The largest UID up to which the client knows of all expunges, by the numbers and UIDs that
    /// it gives (RFC 7162 §3.2.5.2); 0 where there is none. Both sets ascend, and what does not ends
    /// them: so the cost is that of the messages at the most.
    fn matched(&self, (numbers, uids): &(SequenceSet, SequenceSet)) -> u32 {
        let numbers = numbers.iter().flat_map(|range| range.bounds(0));
        let uids = uids.iter().flat_map(|range| range.bounds(0));
        let (mut last, mut matched) = (0, 0);
        for (number, uid) in numbers.zip(uids) {
            let known = self.uid(number).map(NonZeroU32::get);
            if number <= last || known.is_none() {
                break;
            }
            last = number;
            if known == Some(uid) {
                matched = uid;
            }
        }
        matched
    }

    fn vanished_of(&self, mut ranges: Vec<RangeInclusive<u32>>, first: u32) -> Vec<Vanished> {
        ranges.sort_unstable_by_key(|range| *range.start());
        let mut gaps: Vec<RangeInclusive<u32>> = Vec::new();
        // The first UID of which nothing has been said.
        let mut next = first;
        for range in ranges {
            let last = (*range.end()).min(self.snapshot.uid_next.get() - 1);
            next = next.max(*range.start());
            if next > last {
                continue;
            }
            let there = self.between(&(next..=last), self.entries.len());
            for entry in self.entries.get(there).unwrap_or_default() {
                let uid = entry.uid.get();
                if next < uid {
                    gaps.push(next..=uid - 1);
                }
                next = uid.saturating_add(1);
            }
            if next <= last {
                gaps.push(next..=last);
                next = last.saturating_add(1);
            }
        }
        gaps.chunks(limits::VANISHED)
            .filter_map(|gaps| SequenceSet::of_ranges(gaps.iter().cloned()))
            .map(|uids| Vanished::earlier(&uids))
            .collect()
    }
}
