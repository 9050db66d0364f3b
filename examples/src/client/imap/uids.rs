//! Which UIDs are here already, as ranges.

use std::{collections::BTreeMap, num::NonZeroU32};

use mailwire::imap::sequence::SequenceSet;

/// A set of UIDs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Uids {
    /// First and last of each range. Ranges neither meet nor touch.
    ranges: BTreeMap<u32, u32>,
}

impl Uids {
    pub(super) fn of(set: &SequenceSet) -> Self {
        let mut uids = Self::default();
        for range in set.iter() {
            let bounds = range.bounds(u32::MAX);
            uids.insert(*bounds.start(), *bounds.end());
        }
        uids
    }

    /// Adds the UIDs from `first` to `last`.
    pub(super) fn insert(&mut self, first: u32, last: u32) {
        let (mut first, mut last) = (first, last);
        while let Some((start, end)) = self
            .ranges
            .range(..=last.saturating_add(1))
            .next_back()
            .map(|(start, end)| (*start, *end))
            .filter(|(_, end)| end.saturating_add(1) >= first)
        {
            self.ranges.remove(&start);
            (first, last) = (first.min(start), last.max(end));
        }
        self.ranges.insert(first, last);
    }

    pub(super) fn contains(&self, uid: u32) -> bool {
        let at_or_before = self.ranges.range(..=uid).next_back();
        at_or_before.is_some_and(|(_, end)| *end >= uid)
    }

    pub(super) fn count(&self) -> u64 {
        let octets = |(first, last): (&u32, &u32)| u64::from(last - first) + 1;
        self.ranges.iter().map(octets).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// As it is written; nothing for the empty set.
    pub(super) fn to_set(&self) -> Option<SequenceSet> {
        SequenceSet::of_ranges(self.ranges.iter().map(|(first, last)| *first..=*last))
    }
}

/// UIDs in ascending order as a set for a command.
pub(super) fn set_of(uids: impl IntoIterator<Item = u32>) -> Option<SequenceSet> {
    SequenceSet::of(uids.into_iter().filter_map(NonZeroU32::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_together() {
        let mut uids = Uids::default();
        for uid in [5, 1, 2, 9, 4, 3, 9, u32::MAX] {
            uids.insert(uid, uid);
        }
        assert_eq!(uids.to_set().unwrap().as_bytes(), b"1:5,9,4294967295");
        assert_eq!(uids.count(), 7);
        assert!(uids.contains(3) && !uids.contains(6) && uids.contains(u32::MAX));
        uids.insert(2, 20);
        assert_eq!(uids.to_set().unwrap().as_bytes(), b"1:20,4294967295");
        assert_eq!(Uids::of(&uids.to_set().unwrap()), uids);
        assert_eq!(Uids::default().to_set(), None);
        assert_eq!(uids.iter().count(), 21);
    }
}
