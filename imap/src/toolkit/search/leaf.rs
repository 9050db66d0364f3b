//! A key without keys in it, and what the facts of a message say to it.

use super::{Needs, Verdict, ranges::Ranges};
use crate::{
    flag::Flag,
    toolkit::view::{Facts, Recent},
};

/// One key, with everything worked out that is the same for all messages.
#[derive(Clone, Debug)]
pub(super) enum Leaf {
    All,
    Numbers(Ranges),
    Uids(Ranges),
    Flag(Flag),
    Recent,
    /// Internal dates in days since 1970, from the first to before the second.
    Days(i64, i64),
    Larger(u64),
    Smaller(u64),
    ModSeq(u64),
    /// The internal date is that second or earlier.
    Until(i64),
    /// The internal date is that second or later.
    From(i64),
    /// The day of the Date field, likewise.
    Sent(i64, i64),
    /// A header field holds the needle; which field is in the program's table.
    Field(usize),
    /// Header or body hold the needle.
    Text(usize),
    /// The body holds the needle.
    Body(usize),
}

impl Leaf {
    /// What must be read to decide it, at the most; `None` where facts are enough.
    pub(super) const fn needs(&self) -> Option<Needs> {
        match self {
            Self::Sent(..) | Self::Field(_) => Some(Needs::Header),
            Self::Text(_) | Self::Body(_) => Some(Needs::Content),
            _ => None,
        }
    }

    pub(super) fn by_facts(&self, number: u32, facts: &Facts) -> Verdict {
        if let Some(needs) = self.needs() {
            return Verdict::Undecided(needs);
        }
        Verdict::of(match self {
            Self::All => true,
            Self::Numbers(ranges) => ranges.contains(number),
            Self::Uids(ranges) => ranges.contains(facts.uid.get()),
            Self::Flag(flag) => facts.flags.contains(flag),
            Self::Recent => facts.recent == Recent::Yes,
            Self::Days(first, end) => (*first..*end).contains(&facts.internal_date.date().days()),
            Self::ModSeq(value) => facts.mod_seq >= *value,
            Self::Until(second) => facts.internal_date.timestamp() <= *second,
            Self::From(second) => facts.internal_date.timestamp() >= *second,
            _ => match facts.octets {
                Some(octets) => return self.by_size(octets),
                None => return Verdict::Undecided(Needs::Content),
            },
        })
    }

    /// LARGER and SMALLER, once the octets are known.
    pub(super) const fn by_size(&self, octets: u64) -> Verdict {
        match self {
            Self::Larger(size) => Verdict::of(octets > *size),
            Self::Smaller(size) => Verdict::of(octets < *size),
            _ => Verdict::No,
        }
    }
}
