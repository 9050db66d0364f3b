//! Numbers as sorted ranges, found by halving.

use alloc::vec::Vec;

use crate::sequence::SequenceSet;

/// Ranges in ascending order that neither overlap nor touch.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The numbers of a set up to `largest`, which `*` stands for; 0 where there is none. Costs
    /// sorting the elements once, whatever they span.
    pub(super) fn of(set: &SequenceSet, largest: u32) -> Self {
        let mut ranges: Vec<_> = set
            .iter()
            .map(|range| range.bounds(largest).into_inner())
            .collect();
        ranges.sort_unstable();
        let mut merged = Self::new();
        for (first, last) in ranges {
            if first <= largest && largest > 0 {
                merged.push(first, last.min(largest));
            }
        }
        merged
    }

    /// Adds a range that begins where the last one begins, or later.
    pub(super) fn push(&mut self, first: u32, last: u32) {
        match self.0.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => self.0.push((first, last)),
        }
    }

    pub(super) fn contains(&self, number: u32) -> bool {
        let behind = self.0.partition_point(|(first, _)| *first <= number);
        behind
            .checked_sub(1)
            .and_then(|at| self.0.get(at))
            .is_some_and(|(_, last)| number <= *last)
    }

    pub(super) fn remove(&mut self, number: u32) {
        let at = self.0.partition_point(|(_, last)| *last < number);
        let Some((first, last)) = self.0.get_mut(at) else {
            return;
        };
        if number < *first {
            return;
        }
        match (number == *first, number == *last) {
            (true, true) => {
                self.0.remove(at);
            }
            (true, false) => *first += 1,
            (false, true) => *last -= 1,
            (false, false) => {
                let behind = (number + 1, *last);
                *last = number - 1;
                self.0.insert(at + 1, behind);
            }
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = core::ops::RangeInclusive<u32>> {
        self.0.iter().map(|(first, last)| *first..=*last)
    }
}
