//! Eight octets at once, as a number: looking for what a quoted string cannot hold, and keywords in
//! upper case, to be dispatched on.

const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * EACH;

/// The high bits of the octets that are controls, 8-bit, a quotation mark or a backslash. The
/// lowest of them is right, those above it need not be.
#[inline]
pub(crate) const fn specials(word: u64) -> u64 {
    // With this bit turned, the quotation mark comes next behind the controls.
    let control_or_quote = (word ^ (0x02 * EACH)).wrapping_sub(0x21 * EACH);
    let backslash = (word ^ (b'\\' as u64 * EACH)).wrapping_sub(EACH);
    // Octets with the high bit are found in any case.
    (control_or_quote | backslash | word) & HIGH
}

/// Whether `octets` are printable ASCII that needs no escape in a quoted string.
#[inline]
pub(crate) fn is_plain(octets: &[u8]) -> bool {
    (0..octets.len()).step_by(8).all(|at| {
        // Spaces stand for what is not there.
        let beyond = u32::try_from((octets.len() - at) * 8).unwrap_or(u32::MAX);
        let filling = (0x20 * EACH).checked_shl(beyond).unwrap_or(0);
        let word = load(octets, at) | filling;
        let delete = word.wrapping_add(EACH) & HIGH;
        specials(word) | delete == 0
    })
}

/// A word in upper case; of one that is longer than any that is known, nothing.
///
/// Octets that are stored one by one cannot be loaded together for a while, and comparing loads
/// them together, so they are changed as words.
#[derive(Clone, Copy)]
pub(crate) struct Upper {
    octets: [u8; Self::MAX],
    len: usize,
}

impl Upper {
    /// No word that is known is longer.
    const MAX: usize = 24;

    #[inline]
    pub(crate) fn of(word: &[u8]) -> Self {
        let mut octets = [0; Self::MAX];
        if word.len() > Self::MAX {
            return Self { octets, len: 0 };
        }
        for (at, place) in (0..).step_by(8).zip(octets.chunks_exact_mut(8)) {
            let upper = uppercase(load(word, at));
            place.copy_from_slice(&upper.to_le_bytes());
        }
        Self {
            octets,
            len: word.len(),
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

/// Up to eight octets from `at` on, the first one lowest, zero where there is none.
#[inline]
fn load(from: &[u8], at: usize) -> u64 {
    let rest = from.get(at..).unwrap_or_default();
    if let Some(whole) = rest.first_chunk() {
        return u64::from_le_bytes(*whole);
    }
    if let (Some(front), Some(back)) = (rest.first_chunk(), rest.last_chunk()) {
        // The two halves overlap where there are less than eight.
        let back = u64::from(u32::from_le_bytes(*back)) << ((rest.len() - 4) * 8);
        return u64::from(u32::from_le_bytes(*front)) | back;
    }
    rest.iter()
        .rev()
        .fold(0, |word, octet| word << 8 | u64::from(*octet))
}

/// `a` to `z` become `A` to `Z` in each octet of the word.
#[inline]
const fn uppercase(word: u64) -> u64 {
    let low = word & !HIGH;
    // The high bit of each sum says whether the octet is not below `a`, and whether it is above `z`.
    let from_a = low + (0x80 - b'a' as u64) * EACH;
    let above_z = low + (0x7f - b'z' as u64) * EACH;
    let is_lower = from_a & !above_z & !word & HIGH;
    word ^ (is_lower >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_changed_like_their_letters() {
        for octet in 0..=255_u8 {
            for len in 0..=24 {
                let mut word = [b'q'; 24];
                word[len / 2] = octet;
                let word = &word[..len];
                assert_eq!(Upper::of(word).as_bytes(), word.to_ascii_uppercase());
            }
        }
        assert!(Upper::of(&[b'a'; 25]).as_bytes().is_empty());
    }
}
