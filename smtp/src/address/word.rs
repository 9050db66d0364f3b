//! Local parts and domains as most are: letters, digits, and single dots and hyphens between them.
//!
//! The loop has one branch for each octet, the one that ends it. What is not as most are is looked at a second time,
//! with the grammar in hand.

/// `Dot-string`: atoms between dots.
pub(super) const LOCAL: &[u8; 256] = &table(true);
/// `Domain`: letters and digits between dots and hyphens.
pub(super) const HOST: &[u8; 256] = &table(false);

/// Belongs to the word.
const TEXT: u8 = 1;
/// Belongs to it too, but not at its ends, and not beside another.
const SEPARATOR: u8 = 2;
const NON_ASCII: u8 = 4;

/// The octets at the front that may be in a word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) len: usize,
    /// The classes of all octets.
    seen: u8,
    /// The classes that two neighbours have in common, an end being the neighbour of a separator.
    pairs: u8,
}

impl Word {
    #[inline]
    pub(super) fn at(octets: &[u8], table: &[u8; 256]) -> Self {
        let (mut len, mut seen, mut pairs, mut last) = (0, 0, 0, SEPARATOR);
        for &octet in octets {
            #[expect(
                clippy::indexing_slicing,
                reason = "the table has an entry for each octet"
            )]
            let class = table[usize::from(octet)];
            if class == 0 {
                break;
            }
            seen |= class;
            pairs |= class & last;
            last = class;
            len += 1;
        }
        pairs |= last & SEPARATOR;
        Self { len, seen, pairs }
    }

    /// Whether separators stand singly, and not at the ends. An empty word is not plain.
    #[inline]
    pub(super) const fn is_plain(self) -> bool {
        self.pairs & SEPARATOR == 0
    }

    #[inline]
    pub(super) const fn is_ascii(self) -> bool {
        self.seen & NON_ASCII == 0
    }
}

const fn table(local: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0_u8;
    loop {
        let is_text = if local {
            super::class::is(octet, super::class::ATEXT)
        } else {
            super::class::is(octet, super::class::LET_DIG | super::class::NON_ASCII)
        };
        let class = match octet {
            b'.' => SEPARATOR,
            b'-' if !local => SEPARATOR,
            0x80.. => TEXT | NON_ASCII,
            _ if is_text => TEXT,
            _ => 0,
        };
        #[expect(
            clippy::indexing_slicing,
            reason = "the table has an entry for each octet"
        )]
        {
            table[octet as usize] = class;
        }
        if octet == u8::MAX {
            break table;
        }
        octet += 1;
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// The rules, read one octet at a time.
    fn naive(octets: &[u8], local: bool) -> (usize, bool) {
        let belongs = |octet: &u8| {
            let atext = b"!#$%&'*+-/=?^_`{|}~".contains(octet);
            octet.is_ascii_alphanumeric()
                || !octet.is_ascii()
                || *octet == b'.'
                || if local { atext } else { *octet == b'-' }
        };
        let word: Vec<u8> = octets.iter().copied().take_while(belongs).collect();
        let separator = |octet: &u8| *octet == b'.' || (*octet == b'-' && !local);
        let at_an_end = word.first().is_none_or(separator) || word.last().is_none_or(separator);
        let side_by_side = word.windows(2).any(|pair| pair.iter().all(separator));
        (word.len(), !at_an_end && !side_by_side)
    }

    #[test]
    fn words_are_what_the_naive_rules_say() {
        let alphabet = b"a1.-_@\x80 ";
        for number in 0..8_usize.pow(5) {
            for len in 0..=5 {
                let digits = (0..len).map(|place| number >> (3 * place) & 7);
                let octets: Vec<u8> = digits.map(|digit| alphabet[digit]).collect();
                for (table, local) in [(LOCAL, true), (HOST, false)] {
                    let word = Word::at(&octets, table);
                    assert_eq!(
                        (word.len, word.is_plain()),
                        naive(&octets, local),
                        "{octets:?}"
                    );
                    assert_eq!(word.is_ascii(), octets[..word.len].is_ascii(), "{octets:?}");
                }
            }
        }
    }

    #[test]
    fn smtp_36_every_octet_belongs_to_a_word_or_does_not() {
        for octet in 0..=u8::MAX {
            for (table, local) in [(LOCAL, true), (HOST, false)] {
                let octets = [b'a', octet, b'a'];
                let word = Word::at(&octets, table);
                assert_eq!(
                    (word.len, word.is_plain()),
                    naive(&octets, local),
                    "{octet}"
                );
            }
        }
    }
}
