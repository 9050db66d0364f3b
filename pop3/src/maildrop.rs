//! What a server knows of an open maildrop, and what the client has marked in it.
//!
//! RFC 1939 §4 numbers the messages once, at the login, and holds the numbers for the session.
//! So the application hands over a list of sizes and unique-ids when it lets somebody in; from then
//! on the machine answers STAT, LIST, UIDL, DELE and RSET by itself and no application can get
//! the bookkeeping wrong. Only contents and the final removal go through the application.

use alloc::vec::Vec;

use crate::{command::MessageNumber, limits};

/// The messages of a maildrop as they were at the login.
///
/// It costs 12 octets and the unique-id for each message.
///
/// ```
/// use mailwire_pop3::Maildrop;
/// let mut maildrop = Maildrop::new();
/// maildrop.push(120, b"1700000000.M1P2.mail")?;
/// maildrop.push(200, b"1700000001.M1P2.mail")?;
/// assert_eq!((maildrop.len(), maildrop.octets()), (2, 320));
/// # Ok::<(), mailwire_pop3::InvalidMaildrop>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Maildrop {
    sizes: Vec<u64>,
    /// The sum of the sizes.
    octets: u64,
    /// Where each unique-id ends in `unique_ids`.
    ends: Vec<u32>,
    unique_ids: Vec<u8>,
}

/// A message that cannot be listed.
///
/// ```
/// use mailwire_pop3::{InvalidMaildrop, Maildrop};
/// let refused = Maildrop::new().push(1, b"two words");
/// assert_eq!(refused, Err(InvalidMaildrop::UniqueId));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMaildrop {
    /// More messages, or unique-ids, than 32 bits can count.
    #[error("too many messages")]
    TooMany,
    /// Not 1 to 70 characters from 0x21 to 0x7E (RFC 1939 §7).
    #[error("invalid unique-id")]
    UniqueId,
}

impl Maildrop {
    /// An empty maildrop.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a message.
    ///
    /// `octets` is what [`Encoder::octets`](mailwire_core::dot::Encoder::octets) of a normalising
    /// encoder counts: the size with CRLF at the end of each line, before dots are doubled
    /// (RFC 1939 §11).
    ///
    /// # Errors
    ///
    /// [`InvalidMaildrop`]; nothing is appended then.
    pub fn push(&mut self, octets: u64, unique_id: &[u8]) -> Result<(), InvalidMaildrop> {
        if !is_unique_id(unique_id) {
            return Err(InvalidMaildrop::UniqueId);
        }
        // The last number must be one, and the sum of all sizes must be writable.
        let number = u32::try_from(self.sizes.len())
            .ok()
            .and_then(|len| len.checked_add(1));
        let end = u32::try_from(self.unique_ids.len() + unique_id.len()).ok();
        let (Some(_), Some(end)) = (number, end) else {
            return Err(InvalidMaildrop::TooMany);
        };
        self.octets = self
            .octets
            .checked_add(octets)
            .ok_or(InvalidMaildrop::TooMany)?;
        self.sizes.push(octets);
        self.ends.push(end);
        self.unique_ids.extend_from_slice(unique_id);
        Ok(())
    }

    /// How many messages there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        // `push` has seen to it.
        u32::try_from(self.sizes.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// The sum of the sizes.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// The size of a message.
    #[must_use]
    pub fn size(&self, message: MessageNumber) -> Option<u64> {
        self.sizes.get(message.index()).copied()
    }

    /// The unique-id of a message.
    #[must_use]
    pub fn unique_id(&self, message: MessageNumber) -> Option<&[u8]> {
        let index = message.index();
        let end = *self.ends.get(index)? as usize;
        let start = match index.checked_sub(1) {
            None => 0,
            Some(before) => *self.ends.get(before)? as usize,
        };
        self.unique_ids.get(start..end)
    }
}

/// Whether octets are a unique-id: 1 to 70 characters from 0x21 to 0x7E (RFC 1939 §7).
pub(crate) fn is_unique_id(octets: &[u8]) -> bool {
    (1..=limits::UNIQUE_ID).contains(&octets.len()) && octets.iter().all(u8::is_ascii_graphic)
}

/// The messages that a client has marked as deleted (RFC 1939 §5).
///
/// ```
/// use mailwire_pop3::Deletions;
/// let none = Deletions::default();
/// assert_eq!(none.iter().count(), 0);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Deletions {
    /// One bit for each message, as far as the last that is marked.
    words: Vec<u64>,
    count: u32,
    octets: u64,
}

impl Deletions {
    /// Whether a message is marked.
    #[must_use]
    pub fn contains(&self, message: MessageNumber) -> bool {
        let (word, bit) = place(message);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// How many messages are marked.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether none is marked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The marked messages in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = MessageNumber> + '_ {
        (0..self.words.len() * 64)
            .filter_map(MessageNumber::from_index)
            .filter(|&message| self.contains(message))
    }

    /// The sum of the sizes of the marked messages.
    pub(crate) const fn octets(&self) -> u64 {
        self.octets
    }

    /// Marks a message; `false` when it was marked already.
    pub(crate) fn mark(&mut self, message: MessageNumber, octets: u64) -> bool {
        let (index, bit) = place(message);
        if self.words.len() <= index {
            self.words.resize(index + 1, 0);
        }
        let Some(word) = self.words.get_mut(index) else {
            return false;
        };
        if *word & bit != 0 {
            return false;
        }
        *word |= bit;
        self.count += 1;
        self.octets += octets;
        true
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

const fn place(message: MessageNumber) -> (usize, u64) {
    let index = message.index();
    (index / 64, 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32) -> MessageNumber {
        MessageNumber::new(number).unwrap()
    }

    #[test]
    fn pop3_5_only_unique_ids_of_rfc_1939_can_be_listed() {
        let mut maildrop = Maildrop::new();
        for bad in [&b""[..], b"a b", b"a\0", b"\xc3\xbc", b"\x7f", &[b'x'; 71]] {
            assert_eq!(
                maildrop.push(1, bad),
                Err(InvalidMaildrop::UniqueId),
                "{bad:?}"
            );
        }
        assert!(maildrop.is_empty());
        maildrop.push(1, &[b'x'; 70]).unwrap();
        maildrop.push(2, b"!").unwrap();
        maildrop.push(3, b"~~").unwrap();
        assert_eq!(maildrop.unique_id(number(1)), Some(&[b'x'; 70][..]));
        assert_eq!(maildrop.unique_id(number(2)), Some(&b"!"[..]));
        assert_eq!(maildrop.unique_id(number(3)), Some(&b"~~"[..]));
        assert_eq!(maildrop.unique_id(number(4)), None);
    }

    #[test]
    fn pop3_4_sizes_that_do_not_add_up_are_refused() {
        let mut maildrop = Maildrop::new();
        maildrop.push(u64::MAX, b"a").unwrap();
        assert_eq!(maildrop.push(1, b"b"), Err(InvalidMaildrop::TooMany));
        assert_eq!((maildrop.len(), maildrop.octets()), (1, u64::MAX));
    }

    #[test]
    fn pop3_7_marks_are_counted_once_and_all_come_back() {
        let mut marks = Deletions::default();
        for _ in 0..3 {
            for message in [1, 64, 65, 1_000] {
                assert!(marks.mark(number(message), 10));
                assert!(!marks.mark(number(message), 10));
            }
            assert_eq!((marks.len(), marks.octets()), (4, 40));
            assert!(
                marks
                    .iter()
                    .map(MessageNumber::value)
                    .eq([1, 64, 65, 1_000])
            );
            assert!(!marks.contains(number(2)) && !marks.contains(number(5_000)));
            marks.clear();
            assert!(marks.is_empty());
        }
    }
}
