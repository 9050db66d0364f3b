//! Sets of message numbers and UIDs, kept as ranges and never expanded (RFC 9051 §9
//! `sequence-set`, RFC 5182 §2.1 for `$`).

use core::{fmt, num::NonZeroU32, ops::RangeInclusive};

use bytes::{BufMut, BytesMut};
use mailwire_core::text::Octets;

use crate::{
    encode,
    error::{Expected, ParseError},
    grammar::Cursor,
};

/// A `sequence-set`: checked octets that are walked as ranges.
///
/// ```
/// use mailwire_imap::sequence::SequenceSet;
/// let set: SequenceSet = "2,4:7,*".parse()?;
/// assert_eq!(set.iter().count(), 3);
/// assert!(set.contains(5, 10) && set.contains(10, 10) && !set.contains(8, 10));
/// assert!("0".parse::<SequenceSet>().is_err());
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct SequenceSet(Octets);

/// A number of a set, or `*` for the largest in use.
///
/// ```
/// use mailwire_imap::sequence::SeqNumber;
/// assert_eq!(SeqNumber::Largest.or(7), 7);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 seq-number")]
pub enum SeqNumber {
    /// A message sequence number or UID.
    Number(NonZeroU32),
    /// `*`.
    Largest,
}

impl SeqNumber {
    /// The number; `largest` for `*`.
    #[must_use]
    pub const fn or(self, largest: u32) -> u32 {
        match self {
            Self::Number(number) => number.get(),
            Self::Largest => largest,
        }
    }
}

/// One element of a set as it was written; a single number is a range of itself.
///
/// ```
/// use mailwire_imap::sequence::SequenceSet;
/// let set: SequenceSet = "9:3".parse()?;
/// let range = set.iter().next().unwrap();
/// assert_eq!(range.bounds(100), 3..=9);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "RFC 9051 seq-range")]
pub struct SeqRange {
    /// What was written first; it may be the larger one.
    pub first: SeqNumber,
    /// What was written last.
    pub last: SeqNumber,
}

impl SeqRange {
    /// The range in ascending order, `*` being `largest`.
    #[must_use]
    pub fn bounds(self, largest: u32) -> RangeInclusive<u32> {
        let (first, last) = (self.first.or(largest), self.last.or(largest));
        first.min(last)..=first.max(last)
    }
}

impl SequenceSet {
    /// The one number.
    #[must_use]
    pub fn one(number: NonZeroU32) -> Self {
        let mut wire = BytesMut::new();
        encode::put_number(&mut wire, u64::from(number.get()));
        Self(Octets::from(&*wire))
    }

    /// All messages, `1:*`.
    #[must_use]
    pub fn all() -> Self {
        Self(Octets::from(&b"1:*"[..]))
    }

    /// The result that SEARCH has saved, `$` (RFC 5182 §2.1).
    #[must_use]
    pub fn saved() -> Self {
        Self(Octets::from(&b"$"[..]))
    }

    /// The numbers in the order given, neighbours joined to ranges; `None` where there are none.
    /// Given in ascending order they make the shortest set.
    ///
    /// ```
    /// use mailwire_imap::sequence::SequenceSet;
    /// let numbers = [1, 2, 3, 7, 9, 10].into_iter().filter_map(core::num::NonZeroU32::new);
    /// assert_eq!(SequenceSet::of(numbers).unwrap().as_bytes(), b"1:3,7,9:10");
    /// ```
    #[must_use]
    pub fn of(numbers: impl IntoIterator<Item = NonZeroU32>) -> Option<Self> {
        let mut numbers = numbers.into_iter();
        let mut wire = BytesMut::new();
        let mut first = numbers.next()?.get();
        let mut last = first;
        for number in numbers.map(NonZeroU32::get) {
            if last.checked_add(1) != Some(number) {
                put_range(&mut wire, first, last);
                first = number;
            }
            last = number;
        }
        put_range(&mut wire, first, last);
        Some(Self(Octets::from(wire.freeze())))
    }

    /// The ranges in the order given; `None` where there are none or a bound is zero.
    ///
    /// ```
    /// use mailwire_imap::sequence::SequenceSet;
    /// assert_eq!(SequenceSet::of_ranges([1..=4, 9..=9]).unwrap().as_bytes(), b"1:4,9");
    /// ```
    #[must_use]
    pub fn of_ranges(ranges: impl IntoIterator<Item = RangeInclusive<u32>>) -> Option<Self> {
        let mut wire = BytesMut::new();
        for range in ranges {
            if *range.start() == 0 || *range.end() == 0 {
                return None;
            }
            put_range(&mut wire, *range.start(), *range.end());
        }
        (!wire.is_empty()).then(|| Self(Octets::from(wire.freeze())))
    }

    /// Reads a set.
    ///
    /// # Errors
    ///
    /// There is none, a number is zero or above 32 bits, or an element is missing.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let start = cursor.offset();
        if !cursor.eat(b'$') {
            loop {
                seq_number(cursor)?;
                if cursor.eat(b':') {
                    seq_number(cursor)?;
                }
                if !cursor.eat(b',') {
                    break;
                }
            }
        }
        Ok(Self(cursor.since(start)))
    }

    /// The elements in the order they were written. `$` has none.
    pub fn iter(&self) -> impl Iterator<Item = SeqRange> + '_ {
        let mut rest = if self.is_saved() {
            &[]
        } else {
            self.as_bytes()
        };
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let first = next_number(&mut rest);
            let last = match rest.split_first() {
                Some((b':', behind)) => {
                    rest = behind;
                    next_number(&mut rest)
                }
                _ => first,
            };
            rest = rest.get(1..).unwrap_or_default();
            Some(SeqRange { first, last })
        })
    }

    /// Whether `number` is in the set where `largest` is the largest number in use; costs one walk
    /// over the elements.
    #[must_use]
    pub fn contains(&self, number: u32, largest: u32) -> bool {
        self.iter()
            .any(|range| range.bounds(largest).contains(&number))
    }

    /// Whether `*` is part of it.
    #[must_use]
    pub fn has_largest(&self) -> bool {
        self.as_bytes().contains(&b'*')
    }

    /// Whether it stands for the saved search result (`$`).
    #[must_use]
    pub fn is_saved(&self) -> bool {
        self.as_bytes() == b"$"
    }

    /// How many numbers the elements name, counted twice where they overlap; `None` where `*` or
    /// `$` leaves it open. For COPYUID, whose two sets must be equal in size.
    ///
    /// ```
    /// use mailwire_imap::sequence::SequenceSet;
    /// assert_eq!("1:4294967295,7".parse::<SequenceSet>()?.count(), Some(4_294_967_296));
    /// # Ok::<(), mailwire_imap::error::ParseError>(())
    /// ```
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        if self.has_largest() || self.is_saved() {
            return None;
        }
        self.iter().try_fold(0_u64, |count, range| {
            let bounds = range.bounds(0);
            count.checked_add(u64::from(bounds.end() - bounds.start()) + 1)
        })
    }

    /// The set as it stands on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Copies what would pin a larger frame.
    #[must_use]
    pub fn detach(self) -> Self {
        Self(self.0.detach())
    }
}

/// Checked once, when the set was read; nothing here can fail on checked octets.
fn next_number(rest: &mut &[u8]) -> SeqNumber {
    if let Some(behind) = rest.strip_prefix(b"*") {
        *rest = behind;
        return SeqNumber::Largest;
    }
    let mut number = 0_u32;
    while let Some((digit @ b'0'..=b'9', behind)) = rest.split_first() {
        number = number
            .saturating_mul(10)
            .saturating_add(u32::from(digit - b'0'));
        *rest = behind;
    }
    NonZeroU32::new(number).map_or(SeqNumber::Largest, SeqNumber::Number)
}

fn seq_number(cursor: &mut Cursor<'_>) -> Result<(), ParseError> {
    if cursor.eat(b'*') {
        return Ok(());
    }
    let error = cursor.error(Expected::SequenceSet);
    cursor.nz_number().map(drop).map_err(|_| error)
}

fn put_range(wire: &mut BytesMut, first: u32, last: u32) {
    if !wire.is_empty() {
        wire.put_u8(b',');
    }
    encode::put_number(wire, u64::from(first));
    if first != last {
        wire.put_u8(b':');
        encode::put_number(wire, u64::from(last));
    }
}

impl core::str::FromStr for SequenceSet {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut cursor = Cursor::borrowing(text.as_bytes());
        let set = Self::parse(&mut cursor)?;
        cursor.end()?;
        Ok(set)
    }
}

impl PartialEq for SequenceSet {
    /// Equal where the elements are, in their order; `03` is `3` and `3:3` is `3`.
    fn eq(&self, other: &Self) -> bool {
        self.is_saved() == other.is_saved() && self.iter().eq(other.iter())
    }
}

impl Eq for SequenceSet {}

impl fmt::Debug for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}
